//! Checks of the calendars that need the whole configuration.

use super::{
    Config, Fault, Faults,
    calendars::{UTC, Wanted, has_bars, no_bars},
    checker::Checks,
    origin::Origin,
    rules::Named as _,
};
use crate::model::{AssetType, Calendar, Timeframe};
use std::collections::{BTreeMap, BTreeSet};

/// Checks the calendars of the types of assets and of the symbols, and that these have bars on their timeframes.
pub(super) fn check(config: &Config, checks: &mut Checks<'_>) {
    let calendars = &config.calendars;
    for &(name, asset_type) in AssetType::NAMES {
        if let Some(calendar) = &calendars.by_type[asset_type.index()] {
            let wanted = Wanted { name: calendar.clone(), choice: calendars.usual(calendar) };
            if let Err(problem) = calendars.open(&wanted) {
                checks.fault(&["calendars", name], problem);
            }
        }
    }
    symbols(config, checks);
}

/// Checks the calendars of the symbols.
fn symbols(config: &Config, checks: &mut Checks<'_>) {
    let calendars = &config.calendars;
    let listed: BTreeSet<Timeframe> =
        config.timeframes.table.iter().filter(|(_, settings)| settings.enabled).map(|(&t, _)| t).collect();
    let bases: BTreeSet<Timeframe> = config.input.bar_streams().map(|stream| stream.timeframe).collect();
    let mut opened: BTreeMap<Wanted, Result<Calendar, String>> = BTreeMap::new();
    // The symbols of the mock market are all alike.
    if let Some(asset) = config.assets().first().filter(|_| config.watchlist.is_empty())
        && let Ok(calendar) = calendars.open(&calendars.wanted(asset))
    {
        for &timeframe in listed.union(&bases).filter(|&&timeframe| !has_bars(timeframe, &calendar)) {
            checks.fault(&["timeframes", "list"], no_bars(timeframe, &asset.symbol));
        }
    }
    for (i, asset) in config.watchlist.iter().enumerate().filter(|(_, asset)| asset.enabled) {
        let (index, wanted) = (i.to_string(), calendars.wanted(asset));
        match opened.entry(wanted.clone()).or_insert_with(|| calendars.open(&wanted)) {
            Err(problem) => {
                // Of one that comes from its type, the type has told.
                let own = asset.calendar.is_some() || wanted.choice != calendars.usual(&wanted.name);
                let keys = [
                    ("calendar", asset.calendar.is_some()),
                    ("session", asset.session.is_some()),
                    ("anchor", asset.anchor.is_some()),
                    ("outside_session", asset.outside_session.is_some()),
                ];
                // The most telling key: the calendar where it cannot be, else what it cannot do.
                let faulty = calendars.definition(&wanted.name).is_err() && wanted.name != UTC;
                let key = keys.iter().skip(usize::from(!faulty)).chain(&keys).find(|(_, there)| *there);
                checks.require(!own, &["watchlist", &index, key.map_or("symbol", |(key, _)| key)], || problem.clone());
            }
            Ok(calendar) => {
                let own = asset.timeframes.as_ref().map(|own| own.iter().filter(|(_, t)| t.enabled).map(|(&t, _)| t));
                let enabled: BTreeSet<Timeframe> = own.map_or_else(|| listed.clone(), Iterator::collect);
                let key = if asset.timeframes.is_some() { "timeframes" } else { "calendar" };
                for &timeframe in enabled.union(&bases).filter(|&&timeframe| !has_bars(timeframe, calendar)) {
                    checks.fault(&["watchlist", &index, key], no_bars(timeframe, &asset.symbol));
                }
            }
        }
    }
}

impl Config {
    /// The calendars in use whose tables end before a year.
    ///
    /// # Errors
    /// Each of them: what happens after its last year, nobody knows.
    pub fn check_calendars(&self, year: i64) -> Result<(), Faults> {
        let named = self.assets().iter().map(|asset| self.calendars.wanted(asset).name).collect::<BTreeSet<_>>();
        let ended = named.into_iter().filter_map(|name| {
            let last = self.calendars.definition(&name).ok()?.last_year();
            let problem = format!(
                "the table of sessions ends with {last}, and today is in {year}; give it a longer one: a newer release, or \
                 table in [calendars.{name}]"
            );
            (last < year).then(|| Fault { origin: Origin::Program, key: format!("calendars.{name}"), problem })
        });
        let faults: Vec<_> = ended.collect();
        if faults.is_empty() { Ok(()) } else { Err(Faults::sorted(faults)) }
    }
}
