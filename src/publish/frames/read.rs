//! Frames of signals, read back: in place, without allocations but for texts.

use super::{
    GRAIN, MAX_SIGNALS, NO_NAME, VERSION,
    record::{PeerRecord, RECORD, SignalFlags, SignalRecord, peers_of},
};
use crate::{
    model::{FrameHeader, StreamId},
    publish::json::{Array, push_number, push_string},
    text::{push_f64, push_i64, push_u64},
};
use std::collections::HashMap;

/// Why a frame of signals cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignalFrameError {
    /// It is damaged, or no frame of signals.
    #[error("it is damaged, or no frame of signals")]
    Damaged,
    /// A program that knows its version reads it.
    #[error("it is of version {0:#06x}, which this program does not know; read it with a newer one")]
    Version(u16),
    /// More names are needed than there are.
    #[error(
        "it needs {needed} names, and the hash that it names has {known}: it was deleted, and the frame cannot be read any more"
    )]
    Names {
        /// Names that it needs.
        needed: u32,
        /// Names that there are.
        known: usize,
    },
    /// The names are not those that it was written with.
    #[error(
        "the hash that it names has other names than it was written with: it was deleted, and the frame cannot be read any more"
    )]
    OtherNames,
}

/// The names of a dictionary by number, read out of its hash.
#[derive(Debug, Clone, Default)]
pub struct SignalNames {
    names: Vec<String>,
    /// By number of names: their checksum.
    sums: Vec<u32>,
}

impl SignalNames {
    /// The names in the fields of a hash, up to the first number that has none.
    #[must_use]
    pub fn new(mut fields: HashMap<String, String>) -> Self {
        let (mut names, mut sums, mut crc) = (Vec::new(), vec![0], crc32fast::Hasher::new());
        while let Some(name) = fields.remove(&names.len().to_string()) {
            crc.update(name.as_bytes());
            crc.update(b"\n");
            sums.push(crc.clone().finalize());
            names.push(name);
        }
        Self { names, sums }
    }

    /// A name; empty of a number that has none.
    #[must_use]
    pub fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }

    /// The first word of a name: what a kind is called.
    fn word(&self, number: u16) -> &str {
        self.name(number.into()).split(' ').next().unwrap_or_default()
    }
}

/// A frame that has been checked; it borrows the bytes that it came in.
#[derive(Debug, Clone, Copy)]
pub struct SignalFrame<'a> {
    header: FrameHeader,
    records: &'a [u8],
    record_len: usize,
}

impl<'a> SignalFrame<'a> {
    /// Checks a frame; the bytes need no alignment.
    ///
    /// # Errors
    /// [`SignalFrameError::Version`] of a sound frame of another version, else [`SignalFrameError::Damaged`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SignalFrameError> {
        let (header, records) = FrameHeader::read(bytes).ok_or(SignalFrameError::Damaged)?;
        let count = usize::from(header.count);
        if header.version != VERSION {
            let is_ours = header.version >> 8 == VERSION >> 8 && header.is_intact(bytes);
            return Err(if is_ours { SignalFrameError::Version(header.version) } else { SignalFrameError::Damaged });
        }
        if count == 0 || count > MAX_SIGNALS || !records.len().is_multiple_of(count * GRAIN) {
            return Err(SignalFrameError::Damaged);
        }
        let record_len = records.len() / count;
        let peers_max = peers_of(record_len).ok_or(SignalFrameError::Damaged)?;
        let frame = Self { header, records, record_len };
        let sound = |record: &SignalRecord| usize::from(record.supporting) + usize::from(record.opposing) <= peers_max;
        if !header.is_intact(bytes) || !frame.records().all(|(record, _)| sound(&record)) {
            return Err(SignalFrameError::Damaged);
        }
        Ok(frame)
    }

    /// Number of signals, 1 to 1,024.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // a frame is never empty
    pub fn len(&self) -> usize {
        self.header.count.into()
    }

    /// Whether these are the names that it was written with, or more.
    ///
    /// # Errors
    /// [`SignalFrameError::Names`] of too few, [`SignalFrameError::OtherNames`].
    pub fn check_names(&self, names: &SignalNames) -> Result<(), SignalFrameError> {
        let needed = self.header.of;
        match names.sums.get(needed as usize) {
            Some(&sum) if sum == self.header.flags => Ok(()),
            Some(_) => Err(SignalFrameError::OtherNames),
            None => Err(SignalFrameError::Names { needed, known: names.names.len() }),
        }
    }

    /// The signals in order, each with the bytes of its peers.
    pub fn records(&self) -> impl Iterator<Item = (SignalRecord, &'a [u8])> + use<'a> {
        self.records.chunks_exact(self.record_len).filter_map(|bytes| {
            let (head, peers) = bytes.split_at_checked(SignalRecord::LEN)?;
            let (record, _) = bincode::decode_from_slice(head, RECORD).ok()?;
            Some((record, peers))
        })
    }

    /// The signals in order, each as its fields: names and texts, as an entry of the form with fields has them.
    pub fn fields(&self, names: &SignalNames) -> impl Iterator<Item = Vec<(String, String)>> {
        self.records().map(|(record, peers)| fields(&record, peers, names))
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn fields(record: &SignalRecord, peers: &[u8], names: &SignalNames) -> Vec<(String, String)> {
    let word = |number: u16| names.word(number).to_owned();
    let (real, int) = (|value| text(|out| push_f64(out, value)), |value| text(|out| push_i64(out, value)));
    let (symbol, timeframe, strategy) = (names.name(record.symbol), word(record.timeframe), word(record.strategy));
    let (supporting, opposing) = (usize::from(record.supporting), usize::from(record.opposing));
    let mut fields = vec![
        ("signal_id", format!("{symbol}:{timeframe}:{strategy}:{}", record.bar_ts)),
        ("symbol", symbol.to_owned()),
        ("timeframe", timeframe),
        ("trading_style", word(record.trading_style)),
        ("strategy", strategy),
        ("kind", word(record.kind)),
        ("side", word(record.side)),
        ("price", real(record.price)),
        ("confidence", real(record.confidence)),
        ("composite_confidence", real(record.composite_confidence)),
        ("correlation_strength", real(record.correlation_strength)),
        ("priority", real(record.priority)),
        ("bar_ts", int(record.bar_ts)),
        ("event_ts", int(record.event_ts)),
        ("source_id", text(|out| push_source(out, record, names))),
        ("supporting", text(|out| push_peers(out, peers, 0, supporting, names))),
        ("opposing", text(|out| push_peers(out, peers, supporting, opposing, names))),
        ("factors", text(|out| push_factors(out, record, names))),
    ];
    let flags = SignalFlags::in_record(record);
    if flags.has_n() {
        if record.win_rate_n > 0 {
            fields.push(("win_rate", real(record.win_rate)));
        }
        fields.push(("win_rate_n", record.win_rate_n.to_string()));
    }
    if let Some(calibrated) = flags.calibrated() {
        fields.push(("calibrated_confidence", real(record.calibrated_confidence)));
        fields.push(("calibration_n", record.calibration_n.to_string()));
        fields.push(("calibrated", calibrated.to_string()));
    }
    if let Some((selected, liquid)) = flags.selected() {
        fields.push(("selected", selected.to_string()));
        fields.push(("liquid", liquid.to_string()));
    }
    for (name, value) in
        [("market_correlation", record.market_correlation), ("independent_signals", record.independent_signals)]
    {
        if !value.is_nan() {
            fields.push((name, real(value)));
        }
    }
    if flags.is_concentrated() {
        fields.push(("concentrated", "true".to_owned()));
    }
    if let Some(history) = flags.history().name() {
        fields.push(("history", history.to_owned()));
    }
    if flags.is_stale() {
        fields.push(("stale", "true".to_owned()));
    }
    fields.push(("published_ms", int(record.published_ms)));
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn push_source(out: &mut Vec<u8>, record: &SignalRecord, names: &SignalNames) {
    if record.source_file == NO_NAME {
        StreamId { ms: record.source_ms, seq: record.source_seq }.push(out);
    } else {
        out.extend_from_slice(names.name(record.source_file).as_bytes());
        out.push(b':');
        push_u64(out, record.source_ms);
    }
}

fn push_peers(out: &mut Vec<u8>, peers: &[u8], from: usize, count: usize, names: &SignalNames) {
    let mut array = Array::open(out);
    for bytes in peers.as_chunks::<{ PeerRecord::LEN }>().0.iter().skip(from).take(count) {
        let Ok((peer, _)) = bincode::decode_from_slice::<PeerRecord, _>(bytes, RECORD) else { continue };
        array.object(|object| {
            object.text("timeframe", names.word(peer.timeframe)).text("strategy", names.word(peer.strategy));
            object.text("kind", names.word(peer.kind)).float("confidence", peer.confidence).int("bar_ts", peer.bar_ts);
        });
    }
    array.close();
}

fn push_factors(out: &mut Vec<u8>, record: &SignalRecord, names: &SignalNames) {
    out.push(b'{');
    for (k, (name, &value)) in names.name(record.kind.into()).split(' ').skip(1).zip(&record.factors).enumerate() {
        if k > 0 {
            out.push(b',');
        }
        push_string(out, name);
        out.push(b':');
        push_number(out, value);
    }
    out.push(b'}');
}
