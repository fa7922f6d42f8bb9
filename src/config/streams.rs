//! `[[input.streams]]`: the streams that bars come from, and how their entries are to be read.

use super::{
    node::{Data, Node},
    publish::TimeSpan,
    rules::{Named, Scalar, TimeframeText, choice, choice_enum, text},
    section::{Field, Optional, Section},
    shape::{Declared, Shape},
};
use crate::model::{MAX_SYMBOL_LEN, StampedAt, Timeframe, is_symbol, time_zone};

choice_enum! {
    /// What the time on an input stream is.
    StreamClock {
        /// The time in the ids of its entries.
        Ids = "ids",
        /// That of its records alone: the ids are no times.
        Records = "records",
        /// What its writer says with heartbeats.
        Heartbeat = "heartbeat",
    }
}

/// What the entries of an input stream hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holds {
    /// Bars.
    #[default]
    Bars,
    /// Signals of strategies outside.
    Signals,
}

choice_enum! {
    /// When a record of a stream is the final one of its bar.
    Final {
        /// Once its bar is over; an earlier one is held until then, or until a later one replaces it.
        Auto = "auto",
        /// The first one is.
        AtOnce = "at_once",
        /// When it says so itself.
        Flag = "flag",
        /// When the next bar of its symbol begins to arrive.
        Next = "next",
    }
}

choice_enum! {
    /// What becomes of bars without volume.
    ZeroVolume {
        /// They are bars like others.
        Keep = "keep",
        /// They are left out.
        Skip = "skip",
    }
}

choice_enum! {
    /// What becomes of records of symbols that are not on the watchlist.
    Unknown {
        /// They go to the dead letters, like all that is refused.
        DeadLetter = "dead_letter",
        /// They are counted.
        Count = "count",
    }
}

choice_enum! {
    /// What becomes of a timeframe that the records name themselves.
    Metadata {
        /// It must be that of the stream.
        Check = "check",
        /// Nothing.
        Ignore = "ignore",
    }
}

choice_enum! {
    /// A value of a record, for which a stream may have a name of its own.
    StreamField {
        /// Its symbol.
        Symbol = "symbol",
        /// Its time.
        Ts = "ts",
        /// First price.
        Open = "open",
        /// Highest price.
        High = "high",
        /// Lowest price.
        Low = "low",
        /// Last price.
        Close = "close",
        /// Traded volume.
        Volume = "volume",
        /// The price once more.
        Price = "price",
        /// An object that may name the timeframe.
        Metadata = "metadata",
        /// Volume-weighted average price.
        Vwap = "vwap",
        /// Number of trades.
        Trades = "trades",
        /// When the record was made.
        IngestNs = "ingest_ns",
        /// The timeframe itself.
        Timeframe = "timeframe",
        /// Whether the bar is over.
        IsClosed = "is_closed",
    }
}

impl StreamField {
    /// The name that a field of it has where none is given.
    const fn usual(self) -> Option<&'static str> {
        match self {
            Self::Ts => Some("timestamp"),
            Self::Timeframe | Self::IsClosed => None,
            other => Some(other.name()),
        }
    }
}

impl Named for StampedAt {
    const NAMES: &'static [(&'static str, Self)] = &[("start", Self::Start), ("end", Self::End)];
}

/// One input stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConfig {
    /// Name of the stream.
    pub name: String,
    /// What its entries hold.
    pub holds: Holds,
    /// Interval of its bars, which are base bars; of a stream of signals that of another, and without meaning.
    pub timeframe: Timeframe,
    /// What its time is.
    pub clock: StreamClock,
    /// How much later than the ends of their bars its records are expected, ms.
    pub expected_delay_ms: i64,
    /// When a record is the final one of its bar.
    pub finality: Final,
    /// Zone of stamps without one; UTC where there is none.
    pub timezone: Option<String>,
    /// Which end of its bar a record is stamped at.
    pub stamp: StampedAt,
    /// What becomes of bars without volume.
    pub zero_volume: ZeroVolume,
    /// What becomes of records of symbols that are not on the watchlist.
    pub unknown_symbols: Unknown,
    /// What becomes of a timeframe that the records name.
    pub timeframe_field: Metadata,
    /// Name of the field that holds the record as JSON; `None` where fields hold its values.
    pub payload: Option<String>,
    /// Names of values where they are others than usual: of fields, or dotted paths in the payload.
    pub fields: Vec<(StreamField, String)>,
    /// Names of symbols as they are written, and what they are here.
    pub rename: Vec<(String, String)>,
}

/// How the records of a stream are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamRule {
    /// What its time is.
    pub clock: StreamClock,
    /// When a record is the final one of its bar.
    pub finality: Final,
    /// What becomes of records of symbols that are not on the watchlist.
    pub unknown_symbols: Unknown,
}

impl StreamConfig {
    /// How its records are taken, where its time is this.
    #[must_use]
    pub fn rule(&self, clock: StreamClock) -> StreamRule {
        StreamRule { clock, finality: self.finality, unknown_symbols: self.unknown_symbols }
    }

    /// A stream of signals beside these streams of bars: their signals come as late as the bars do.
    pub(super) fn of_signals(name: &str, bars: &[Self]) -> Option<Self> {
        let first = bars.first()?;
        Some(Self {
            name: name.to_owned(),
            holds: Holds::Signals,
            timeframe: first.timeframe,
            clock: StreamClock::Ids,
            expected_delay_ms: bars.iter().map(|stream| stream.expected_delay_ms).max().unwrap_or_default(),
            finality: Final::AtOnce,
            timezone: None,
            stamp: StampedAt::Start,
            zero_volume: ZeroVolume::Keep,
            unknown_symbols: Unknown::DeadLetter,
            timeframe_field: Metadata::Check,
            payload: None,
            fields: Vec::new(),
            rename: Vec::new(),
        })
    }

    pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let timeframe = interval(section);
        let stream = Self {
            name: section.get("name", text()),
            holds: Holds::Bars,
            clock: section.get("clock", Optional(&choice())).unwrap_or_default(),
            expected_delay_ms: section.get("expected_delay", Optional(&TimeSpan)).unwrap_or_default(),
            finality: section.get("final", Optional(&choice())).unwrap_or_default(),
            timezone: section.get("timezone", Optional(&ZoneText)),
            stamp: section.get("stamp", Optional(&choice())).unwrap_or_default(),
            zero_volume: section.get("zero_volume", Optional(&choice())).unwrap_or_default(),
            unknown_symbols: section.get("unknown_symbols", Optional(&choice())).unwrap_or_default(),
            timeframe_field: section.get("timeframe_field", Optional(&choice())).unwrap_or_default(),
            payload: section.get("payload", Optional(&text())),
            fields: section.get("fields", FieldNames),
            rename: section.get("rename", Renames),
            timeframe: timeframe?,
        };
        stream.names(section);
        Some(stream)
    }

    /// Checks that no two values have one name, and that a value is where it can be.
    fn names(&self, section: &mut Section<'_, '_>) {
        for (index, (field, name)) in self.fields.iter().enumerate() {
            if let Some((other, _)) = self.fields[..index].iter().find(|(_, other)| other == name) {
                section.fault(
                    "fields",
                    format!("{field} and {other} are both {name:?}; allowed: a name of its own for each"),
                );
            }
        }
        // What has no name of its own keeps the usual one.
        let named = |value: &StreamField| self.fields.iter().any(|(field, _)| field == value);
        let others = StreamField::NAMES.iter().filter(|(_, value)| !named(value) && value.usual().is_some());
        for (field, name) in &self.fields {
            if let Some((other, _)) = others.clone().find(|(_, value)| value.usual() == Some(name)) {
                let text =
                    format!("{field} is {name:?}, which is the usual name of {other}; give {other} a name of its own");
                section.fault("fields", text);
            }
            if self.payload.is_some() && name.split('.').any(str::is_empty) {
                section
                    .fault("fields", format!("{field} is {name:?}; allowed: names joined by dots, none of them empty"));
            }
        }
        let flag = self.fields.iter().any(|(field, _)| *field == StreamField::IsClosed);
        if flag && self.finality != Final::Flag {
            section.fault(
                "fields",
                "has is_closed, which only final = \"flag\" reads; set that, or leave is_closed away".into(),
            );
        }
    }
}

/// The interval of the bars, under either of its two names.
pub(super) fn interval(section: &mut Section<'_, '_>) -> Option<Timeframe> {
    let named = ["timeframe", "base"].map(|key| (key, section.node(key)));
    let mut found: Option<Timeframe> = None;
    let mut sound = true;
    for (key, node) in named {
        section.declare(key, || Declared::Shape(TimeframeText.shape(), TimeframeText.allowed()));
        let Some(node) = node else { continue };
        match TimeframeText.read(node) {
            None => {
                section.refuse(node, section.key(key), &TimeframeText.allowed());
                sound = false;
            }
            Some(timeframe) if found.is_some_and(|other| other != timeframe) => {
                section.fault(key, "is another interval than timeframe; allowed: one of the two keys".into());
                sound = false;
            }
            Some(timeframe) => found = Some(timeframe),
        }
    }
    if found.is_none() && sound {
        section.missing("timeframe", &TimeframeText.allowed());
    }
    found.filter(|_| sound)
}

/// A time zone.
struct ZoneText;

impl Scalar for ZoneText {
    type Out = String;
    fn read(&self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Text(text) if time_zone(text).is_some() => Some(text.clone()),
            _ => None,
        }
    }
    fn allowed(&self) -> String {
        "a time zone, such as \"America/New_York\", \"UTC\" or \"+05:30\"".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Text { empty: false }
    }
}

/// Values with names.
struct FieldNames;

impl Field for FieldNames {
    type Out = Vec<(StreamField, String)>;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Self::Out {
        let mut found = Vec::new();
        let names = || StreamField::NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
        section.declare(key, || Declared::Shape(Shape::Texts(names()), "names by value".to_owned()));
        pairs(section, key, |section, name, node| {
            let value = StreamField::named(name);
            let (path, shown) = (format!("{key}.{name}"), section.key(key));
            match (value, text().read(node)) {
                (None, _) => {
                    let known = StreamField::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                    section.fault_at(node, format!("{shown}.{name}"), format!("unknown value; known here: {known}"));
                }
                (Some(_), None) => {
                    section.refuse(node, section.key(&path), "the name of a field, or a dotted path in the payload")
                }
                (Some(value), Some(text)) => found.push((value, text)),
            }
        });
        found
    }
}

/// Symbols with their names here.
struct Renames;

impl Field for Renames {
    type Out = Vec<(String, String)>;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Self::Out {
        let mut found = Vec::new();
        section
            .declare(key, || Declared::Shape(Shape::Texts(Vec::new()), "symbols by the name in the stream".to_owned()));
        pairs(section, key, |section, name, node| match &node.data {
            Data::Text(text) if is_symbol(text.as_bytes()) => found.push((name.to_owned(), text.clone())),
            _ => {
                let allowed = format!("a symbol: at most {MAX_SYMBOL_LEN} bytes without spaces or control characters");
                section.refuse(node, section.key(&format!("{key}.{name}")), &allowed);
            }
        });
        found
    }
}

/// Hands the entries of a table to `each`, in their order.
fn pairs<'n>(
    section: &mut Section<'n, '_>,
    key: &'static str,
    mut each: impl FnMut(&mut Section<'n, '_>, &str, &Node),
) {
    let Some(node) = section.node(key) else { return };
    let Some(table) = node.table() else {
        return section.refuse(node, section.key(key), "a table of names");
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(_, node)| node.rank);
    for (name, node) in entries {
        each(section, name, node);
    }
}
