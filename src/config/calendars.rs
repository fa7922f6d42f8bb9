//! `[calendars]`: when the markets of the symbols are open.

use super::{
    AssetConfig,
    node::{Data, Node},
    rules::{Named, Scalar, choice, text},
    section::{FromSection, Optional, Or, Section},
    shape::{ANY, Declared, Shape},
};
use crate::{
    calendar::{Anchor, BUILT_IN, Choice, Clock, Definition, Extended, Hours, Outside},
    model::{AssetType, Calendar, Known, Rules, Sessions, Timeframe, time::days_from_civil, time::days_in_month},
};
use std::{collections::BTreeMap, sync::Arc};

/// The calendar of a market that never closes.
pub(super) const UTC: &str = "utc";

/// The calendars.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CalendarsConfig {
    /// The calendar of symbols without one of their own, by [`AssetType`].
    pub(super) by_type: [Option<String>; AssetType::COUNT],
    /// Calendars with settings of their own, by name.
    own: BTreeMap<String, CalendarConfig>,
}

/// One calendar with settings of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CalendarConfig {
    /// `None` where it is faulty.
    definition: Option<Definition>,
    /// How symbols use it that do not say.
    usual: Choice,
}

impl FromSection for CalendarsConfig {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let mut config = Self::default();
        for &(name, asset_type) in AssetType::NAMES {
            config.by_type[asset_type.index()] = section.get(name, Optional(&text()));
        }
        for (name, node) in section.rest() {
            if node.table().is_none() {
                let types: Vec<&str> = AssetType::NAMES.iter().map(|(name, _)| *name).collect();
                let allowed = format!("a table of settings; types of assets are {}", types.join(", "));
                let path = section.key(&name.escape_debug().to_string());
                section.refuse(node, path, &allowed);
                continue;
            }
            section.declare(name, || Declared::Every(ANY));
            section.declare(name, || Declared::Shape(Shape::Table, "the settings of one calendar".to_owned()));
            let mut inner = section.below(name, node);
            let calendar = CalendarConfig::read(name, &mut inner);
            inner.finish();
            config.own.insert(name.to_owned(), calendar);
        }
        config
    }
}

impl CalendarConfig {
    fn read(name: &str, section: &mut Section<'_, '_>) -> Self {
        let table = section.get("table", Optional(&text()));
        let definition = match (table, Definition::built_in(name)) {
            _ if name == UTC => Err("utc has no settings: its market never closes".to_owned()),
            (Some(table), _) => Definition::of_table(&table).map_err(|error| error.to_string()),
            (None, Some(built_in)) => built_in.map_err(|error| error.to_string()),
            (None, None) => Err(format!("is no calendar that comes with the program ({}); give it a table", names())),
        };
        let mut definition = match definition {
            Ok(definition) => Some(definition),
            Err(problem) => {
                section.fault("table", problem);
                None
            }
        };
        let extended = section.get("extended", Optional(&ExtendedHours));
        if let (Some(definition), Some(extended)) = (definition.as_mut(), extended) {
            definition.extend(extended);
        }
        for key in ["extra_closures", "early_closes"] {
            corrections(key, section, definition.as_mut());
        }
        let usual = Choice {
            hours: section.get("session", Or(choice(), Hours::default())),
            anchor: section.get("anchor", Or(choice(), Anchor::default())),
            outside: section.get("outside_session", Or(choice(), Outside::default())),
        };
        Self { definition, usual }
    }
}

/// Reads one of the lists of what was announced after the table was made.
fn corrections(key: &'static str, section: &mut Section<'_, '_>, mut definition: Option<&mut Definition>) {
    let early = key == "early_closes";
    let allowed = if early {
        "a list of dates with times, such as [\"2027-01-08@13:00\"]"
    } else {
        "a list of dates, such as [\"2027-01-08\"]"
    };
    let shape = || Shape::List(Box::new(text().shape()));
    section.declare(key, || Declared::Shape(shape(), allowed.to_owned()));
    let Some(node) = section.node(key) else { return };
    let path = section.key(key);
    let Data::List(list) = &node.data else {
        section.refuse(node, path, allowed);
        return;
    };
    for (i, item) in list.iter().enumerate() {
        let path = format!("{path}[{i}]");
        let Some((date, close)) = correction(item, early) else {
            section.refuse(item, path, allowed);
            continue;
        };
        let result = match (&mut definition, close) {
            (Some(definition), Some(close)) => definition.close_at(date, close),
            (Some(definition), None) => definition.close(date),
            (None, _) => Ok(()),
        };
        if let Err(error) = result {
            section.fault_at(item, path, error.to_string());
        }
    }
}

/// A date, days since 1970-01-01, and where `early` says so a time.
fn correction(node: &Node, early: bool) -> Option<(i64, Option<Clock>)> {
    // A date of TOML without quotes is one as well.
    let (Data::Text(text) | Data::Other(text)) = &node.data else { return None };
    if !early {
        return Some((date(text)?, None));
    }
    let (day, time) = text.split_once(['@', ' ', 'T'])?;
    // TOML writes the seconds too.
    let time = time.strip_suffix(":00").filter(|time| time.contains(':')).unwrap_or(time);
    Some((date(day)?, Some(time.parse().ok()?)))
}

/// The number of days since 1970-01-01 of a date as `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let mut number = |length: usize| {
        let part = parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()));
        part.and_then(|part| part.parse::<u32>().ok())
    };
    let (year, month, day) = (i64::from(number(4)?), number(2)?, number(2)?);
    (day >= 1 && day <= days_in_month(year, month)).then(|| days_from_civil(year, month, day))
}

/// Three times of day: from, to, to on early closes.
struct ExtendedHours;

impl Scalar for ExtendedHours {
    type Out = Extended;
    fn read(&self, node: &Node) -> Option<Extended> {
        let Data::List(list) = &node.data else { return None };
        let clock = |node: &Node| match &node.data {
            Data::Text(text) => text.parse::<Clock>().ok(),
            _ => None,
        };
        let [from, to, to_early] = list.as_slice() else { return None };
        let hours = Extended { from: clock(from)?, to: clock(to)?, to_early: clock(to_early)? };
        (hours.from < hours.to_early && hours.to_early <= hours.to).then_some(hours)
    }
    fn allowed(&self) -> String {
        "three times of day, from, to, and to on early closes, such as [\"04:00\", \"20:00\", \"17:00\"]".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::List(Box::new(text().shape()))
    }
}

/// The names of the calendars that come with the program.
fn names() -> String {
    let names: Vec<&str> = std::iter::once(UTC).chain(BUILT_IN.iter().map(|(name, _)| *name)).collect();
    names.join(", ")
}

/// How a symbol's calendar is asked for: its name and its use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub name: String,
    pub choice: Choice,
}

impl CalendarsConfig {
    /// The definition of a calendar.
    ///
    /// # Errors
    /// There is none of the name, or it is faulty; for people.
    pub fn definition(&self, name: &str) -> Result<Definition, String> {
        if let Some(own) = self.own.get(name) {
            return own.definition.clone().ok_or_else(|| format!("the calendar {name:?} is faulty"));
        }
        let unknown = || {
            let own = self.own.keys().filter(|own| Definition::built_in(own).is_none());
            let own: String = own.map(|own| format!(", {own}")).collect();
            format!("found {name:?}; allowed: {}{own}, or a name with a table in [calendars.{name}]", names())
        };
        Definition::built_in(name).ok_or_else(unknown)?.map_err(|error| error.to_string())
    }

    /// How a symbol that says nothing uses a calendar.
    #[must_use]
    pub fn usual(&self, name: &str) -> Choice {
        self.own.get(name).map_or_else(Choice::default, |own| own.usual)
    }

    pub(super) fn wanted(&self, asset: &AssetConfig) -> Wanted {
        let name = asset.calendar.as_ref().or(self.by_type[asset.asset_type.index()].as_ref());
        let name = name.map_or(UTC, String::as_str);
        let usual = self.usual(name);
        let choice = Choice {
            hours: asset.session.unwrap_or(usual.hours),
            anchor: asset.anchor.unwrap_or(usual.anchor),
            outside: asset.outside_session.unwrap_or(usual.outside),
        };
        Wanted { name: name.to_owned(), choice }
    }

    pub(super) fn open(&self, Wanted { name, choice }: &Wanted) -> Result<Calendar, String> {
        if name == UTC {
            let plain = *choice == Choice::default();
            let problem = "session, anchor and outside_session need an exchange's calendar, and this is utc";
            return if plain { Ok(Calendar::Utc) } else { Err(problem.to_owned()) };
        }
        let sessions = self.definition(name)?.sessions(*choice).map_err(|error| format!("{name}: {error}"))?;
        Ok(Calendar::Exchange(Arc::new(sessions)))
    }
}

/// The calendars of the symbols, each expanded once.
#[derive(Debug, Default)]
pub(super) struct Opened {
    by_wanted: BTreeMap<Wanted, Calendar>,
}

impl Opened {
    /// The calendar of a symbol.
    pub fn of(&mut self, config: &CalendarsConfig, asset: &AssetConfig) -> Calendar {
        let wanted = config.wanted(asset);
        let open = || {
            // The checks have refused what cannot be opened; if not, it knows no time, and every record is refused.
            let none = || Sessions::new("none".to_owned(), Known::default(), Rules::default());
            config.open(&wanted).unwrap_or_else(|_| Calendar::Exchange(Arc::new(none())))
        };
        self.by_wanted.entry(wanted.clone()).or_insert_with(open).clone()
    }
}

/// Why a timeframe has no bars with an exchange's calendar.
pub(super) fn no_bars(timeframe: Timeframe, symbol: &str) -> String {
    format!("{timeframe} has no bars with the calendar of {symbol}; allowed: below 1d, and 1d, 1w and 1M")
}

/// Whether a timeframe has bars in a calendar.
pub(super) fn has_bars(timeframe: Timeframe, calendar: &Calendar) -> bool {
    *calendar == Calendar::Utc || !timeframe.is_long() || timeframe.period().is_some()
}

impl Named for Hours {
    const NAMES: &'static [(&'static str, Self)] =
        &[(Self::Regular.name(), Self::Regular), (Self::Extended.name(), Self::Extended)];
}

impl Named for Anchor {
    const NAMES: &'static [(&'static str, Self)] = &[(Self::Utc.name(), Self::Utc), (Self::Open.name(), Self::Open)];
}

impl Named for Outside {
    const NAMES: &'static [(&'static str, Self)] =
        &[(Self::Refuse.name(), Self::Refuse), (Self::Intraday.name(), Self::Intraday)];
    const ALIASES: &'static [(&'static str, Self)] = &[("drop", Self::Refuse)];
}
