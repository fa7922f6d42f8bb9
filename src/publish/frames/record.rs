//! What stands in a record, field by field, and its description for numpy. Allocates only for the description.

use super::GRAIN;
use crate::model::{Completeness, Judged, MAX_FACTORS, Weighed};
use crate::publish::json::Object;

/// Fixed-width little-endian integers; what a record is made of has no lengths.
pub(super) const RECORD: bincode::config::Configuration<bincode::config::LittleEndian, bincode::config::Fixint> =
    bincode::config::legacy();

/// A type that a field of a record may have.
trait Column {
    /// Its name in numpy.
    const DTYPE: &'static str;
    /// How many there are.
    const ITEMS: usize = 1;
}

impl Column for u16 {
    const DTYPE: &'static str = "<u2";
}
impl Column for i16 {
    const DTYPE: &'static str = "<i2";
}
impl Column for u32 {
    const DTYPE: &'static str = "<u4";
}
impl Column for u64 {
    const DTYPE: &'static str = "<u8";
}
impl Column for i64 {
    const DTYPE: &'static str = "<i8";
}
impl Column for f64 {
    const DTYPE: &'static str = "<f8";
}
impl<T: Column, const N: usize> Column for [T; N] {
    const DTYPE: &'static str = T::DTYPE;
    const ITEMS: usize = N;
}

/// Name, type and number of the items of a field.
type Described = (&'static str, &'static str, usize);

/// Declares the fields of a record once: its structure, which is its bytes, and its description.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident, $len:literal { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, bincode::Encode, bincode::Decode)]
        #[repr(C)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)+ }

        impl $name {
            /// Its length, bytes.
            pub const LEN: usize = $len;
            const FIELDS: &'static [Described] =
                &[$((stringify!($field), <$type as Column>::DTYPE, <$type as Column>::ITEMS)),+];
        }

        // No padding anywhere: the sum of the fields is the whole.
        const _: () = assert!(size_of::<$name>() == $name::LEN && $(size_of::<$type>() +)+ 0 == $name::LEN);
    };
}

record! {
    /// A signal in a frame, without its peers. Names are numbers of the dictionary.
    SignalRecord, 184 {
        /// The symbol.
        symbol: u32,
        /// The timeframe, such as `5m`.
        timeframe: u16,
        /// The trading style.
        trading_style: u16,
        /// The strategy.
        strategy: u16,
        /// What happened; the names of its factors follow it in the dictionary, after spaces.
        kind: u16,
        /// `buy` or `sell`.
        side: u16,
        /// Which of the fields below are there, and what else is said of it; see [`SignalFlags`].
        flags: u16,
        /// Start of the bar, Unix ms.
        bar_ts: i64,
        /// End of the bar, Unix ms.
        event_ts: i64,
        /// Time in the id of the entry that closed the bar, ms; of a file the number of the line.
        source_ms: u64,
        /// Number in that id.
        source_seq: u64,
        /// When it was published, Unix ms.
        published_ms: i64,
        /// The price series at the bar.
        price: f64,
        /// How sure the strategy is, in [0, 1].
        confidence: f64,
        /// The same, weighed with its peers.
        composite_confidence: f64,
        /// Share of the other timeframes that support it, in [0, 1].
        correlation_strength: f64,
        /// Composite confidence times the asset's priority.
        priority: f64,
        /// The values of the factors; the rest is zero.
        factors: [f64; MAX_FACTORS],
        /// Share of `win_rate_n` that was won; NaN where it is not known.
        win_rate: f64,
        /// The probability that it wins; NaN where nobody tells.
        calibrated_confidence: f64,
        /// How its symbol moves with the others, in [-1, 1]; NaN where it is not known.
        market_correlation: f64,
        /// How many independent signals the active ones of its timeframe and side are worth; NaN where it is not known.
        independent_signals: f64,
        /// Outcomes so far of signals like it; 0 where nobody counts.
        win_rate_n: u32,
        /// Outcomes that the calibrated confidence was learned from.
        calibration_n: u32,
        /// Name of the file that the source is a line of; 4,294,967,295 for an entry of a stream.
        source_file: u32,
        /// Number of supporting peers: the first.
        supporting: u16,
        /// Number of opposing peers: those behind them.
        opposing: u16,
    }
}

record! {
    /// A peer of a signal. Names are numbers of the dictionary.
    PeerRecord, 24 {
        /// Start of its bar, Unix ms.
        bar_ts: i64,
        /// How sure it was, in [0, 1].
        confidence: f64,
        /// Its timeframe.
        timeframe: u16,
        /// Its strategy.
        strategy: u16,
        /// What it said.
        kind: u16,
        /// 1 where it supports the signal, -1 where it opposes it, 0 where there is no peer.
        vote: i16,
    }
}

/// What is said of a signal in a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalFlags(u16);

impl SignalFlags {
    const STALE: u16 = 1;
    const COUNTED: u16 = 1 << 1;
    const HAS_CALIBRATED: u16 = 1 << 2;
    const CALIBRATED: u16 = 1 << 3;
    const HAS_SELECTED: u16 = 1 << 4;
    const SELECTED: u16 = 1 << 5;
    const LIQUID: u16 = 1 << 6;
    const INCOMPLETE: u16 = 1 << 7;
    const PEERS_INCOMPLETE: u16 = 1 << 8;
    const CONCENTRATED: u16 = 1 << 9;

    /// The names of the bits, from the lowest.
    const NAMES: [&'static str; 10] = [
        "stale",
        "has_win_rate_n",
        "has_calibrated",
        "calibrated",
        "has_selected",
        "selected",
        "liquid",
        "history_incomplete",
        "history_peers_incomplete",
        "concentrated",
    ];

    /// Those of a signal.
    #[inline]
    pub(super) fn of(weighed: &Weighed<'_>) -> u16 {
        let Judged { n, calibrated, selected, .. } = weighed.judged;
        let (has_selected, (is_selected, is_liquid)) = (selected.is_some(), selected.unwrap_or((false, false)));
        let history = weighed.composite.history;
        [
            (weighed.stale, Self::STALE),
            (n.is_some(), Self::COUNTED),
            (calibrated.is_some(), Self::HAS_CALIBRATED),
            (weighed.judged.relied_on().is_some(), Self::CALIBRATED),
            (has_selected, Self::HAS_SELECTED),
            (is_selected, Self::SELECTED),
            (is_liquid, Self::LIQUID),
            (history == Completeness::Incomplete, Self::INCOMPLETE),
            (history == Completeness::SilentPeers, Self::PEERS_INCOMPLETE),
            (weighed.judged.crossed.is_some_and(|crossed| crossed.is_concentrated()), Self::CONCENTRATED),
        ]
        .into_iter()
        .fold(0, |bits, (holds, bit)| if holds { bits | bit } else { bits })
    }

    /// Those in a record.
    #[must_use]
    pub fn in_record(record: &SignalRecord) -> Self {
        Self(record.flags)
    }

    fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    /// Whether its bar had ended long before.
    #[must_use]
    pub fn is_stale(self) -> bool {
        self.has(Self::STALE)
    }

    /// Whether outcomes are counted.
    #[must_use]
    pub fn has_n(self) -> bool {
        self.has(Self::COUNTED)
    }

    /// Whether there is a calibrated confidence, and whether it can be relied on.
    #[must_use]
    pub fn calibrated(self) -> Option<bool> {
        self.has(Self::HAS_CALIBRATED).then(|| self.has(Self::CALIBRATED))
    }

    /// Whether its lane is on, and its cell liquid, where somebody selects.
    #[must_use]
    pub fn selected(self) -> Option<(bool, bool)> {
        self.has(Self::HAS_SELECTED).then(|| (self.has(Self::SELECTED), self.has(Self::LIQUID)))
    }

    /// Whether many signals of its timeframe and side are worth hardly more than one.
    #[must_use]
    pub fn is_concentrated(self) -> bool {
        self.has(Self::CONCENTRATED)
    }

    /// What is missing from its history.
    #[must_use]
    pub fn history(self) -> Completeness {
        match (self.has(Self::INCOMPLETE), self.has(Self::PEERS_INCOMPLETE)) {
            (true, _) => Completeness::Incomplete,
            (_, true) => Completeness::SilentPeers,
            _ => Completeness::Complete,
        }
    }
}

/// Length of a record with room for so many peers, bytes.
pub(super) const fn record_len(peers: usize) -> usize {
    (SignalRecord::LEN + peers * PeerRecord::LEN).next_multiple_of(GRAIN)
}

/// Peers that fit a record of this length; `None` of a length that no record has.
pub(super) const fn peers_of(len: usize) -> Option<usize> {
    if len == 0 || !len.is_multiple_of(GRAIN) {
        return None;
    }
    match len.checked_sub(SignalRecord::LEN) {
        Some(rest) => Some(rest / PeerRecord::LEN),
        None => None,
    }
}

/// Appends the description of records of this length, as JSON: what `numpy.dtype` takes for the header, the record and its
/// peers, and what the bits of `flags` are called.
pub(super) fn describe(out: &mut Vec<u8>, len: usize) {
    let peers = peers_of(len).unwrap_or(0);
    let mut object = Object::open(out);
    object.int("version", super::VERSION.into()).int("header_bytes", crate::model::FrameHeader::LEN as i64);
    object.int("record_bytes", len as i64);
    object.value("header", |out| {
        out.extend_from_slice(
            br#"[["version","<u2"],["count","<u2"],["names","<u4"],["zero","<u8"],["names_crc","<u4"],["crc","<u4"]]"#,
        );
    });
    object.value("record", |out| {
        out.push(b'[');
        push_fields(out, SignalRecord::FIELDS);
        if peers > 0 {
            out.extend_from_slice(b",[\"peers\",[");
            push_fields(out, PeerRecord::FIELDS);
            out.extend_from_slice(format!("],[{peers}]]").as_bytes());
        }
        let rest = len - SignalRecord::LEN - peers * PeerRecord::LEN;
        if rest > 0 {
            out.extend_from_slice(format!(",[\"zeros\",\"V{rest}\"]").as_bytes());
        }
        out.push(b']');
    });
    object.value("flags", |out| {
        let names: Vec<String> = SignalFlags::NAMES.iter().map(|name| format!("\"{name}\"")).collect();
        out.extend_from_slice(format!("[{}]", names.join(",")).as_bytes());
    });
    object.close();
}

fn push_fields(out: &mut Vec<u8>, fields: &[Described]) {
    for (k, (name, dtype, items)) in fields.iter().enumerate() {
        let comma = if k > 0 { "," } else { "" };
        let shape = if *items > 1 { format!(",[{items}]") } else { String::new() };
        out.extend_from_slice(format!("{comma}[\"{name}\",\"{dtype}\"{shape}]").as_bytes());
    }
}
