//! Signals into frames. Hot; allocates only where the buffer has to grow, and for names that are new.

use super::{
    MAX_SIGNALS, VERSION,
    dictionary::Dictionary,
    kept::Kept,
    record::{PeerRecord, RECORD, SignalFlags, SignalRecord, describe, record_len},
};
use crate::{
    model::{FrameHeader, Peer, Weighed},
    publish::names::{Labels, StreamSpec},
    redis_io::Commands,
};

/// Collects the signals of a batch, and writes them as one entry, or as more where they are more than a frame holds.
#[derive(Debug, Clone)]
pub struct SignalFrames {
    dictionary: Dictionary,
    /// Length of a record, bytes; it has room for so many peers.
    record_len: usize,
    peers_max: usize,
    /// The frame in the making: room for its header, then records.
    frame: Vec<u8>,
    count: u16,
    /// Whether the hash of the names has the description of these records already.
    is_described: bool,
    kept: Kept,
}

impl SignalFrames {
    /// Frames with these names, in a stream that keeps so many signals.
    #[must_use]
    pub fn new(dictionary: Dictionary, signals: u64) -> Self {
        let peers_max = dictionary.peers_max();
        let frame = vec![0; FrameHeader::LEN];
        let record_len = record_len(peers_max);
        Self { dictionary, record_len, peers_max, frame, count: 0, is_described: false, kept: Kept::new(signals) }
    }

    /// Bytes that are not among the commands yet.
    #[inline]
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        if self.count == 0 { 0 } else { self.frame.len() }
    }

    /// Takes a signal, published at `published_ms`, Unix ms. A frame that is full goes to the commands.
    #[inline]
    pub fn push(
        &mut self,
        commands: &mut Commands,
        stream: &StreamSpec,
        weighed: &Weighed<'_>,
        labels: Labels<'_>,
        published_ms: i64,
    ) {
        let record = self.record(weighed, labels, published_ms);
        let start = self.frame.len();
        self.frame.resize(start + self.record_len, 0);
        let (head, peers) = self.frame[start..].split_at_mut(SignalRecord::LEN);
        write(&record, head);
        let votes = [(weighed.supporting, 1), (weighed.opposing, -1)];
        let all = votes.iter().flat_map(|(peers, vote)| peers.iter().map(move |peer| (peer, *vote)));
        for ((peer, vote), bytes) in all.zip(peers.as_chunks_mut::<{ PeerRecord::LEN }>().0) {
            write(&peer_record(&self.dictionary, peer, vote), bytes);
        }
        self.count += 1;
        if usize::from(self.count) == MAX_SIGNALS {
            self.close(commands, stream);
        }
    }

    #[inline]
    fn record(&mut self, weighed: &Weighed<'_>, labels: Labels<'_>, published_ms: i64) -> SignalRecord {
        let (composite, judged) = (weighed.composite, &weighed.judged);
        let signal = &composite.signal;
        let [timeframe, strategy, kind, side] = self.dictionary.words_of(signal);
        debug_assert!(weighed.supporting.len() + weighed.opposing.len() <= self.peers_max);
        SignalRecord {
            symbol: self.dictionary.symbol(signal.symbol, labels.directory),
            timeframe,
            trading_style: self.dictionary.style(composite.style),
            strategy,
            kind,
            side,
            flags: SignalFlags::of(weighed),
            bar_ts: signal.bar_ts,
            event_ts: signal.event_ts,
            source_ms: signal.source.id.ms,
            source_seq: signal.source.id.seq,
            published_ms,
            price: signal.price,
            confidence: signal.candidate.confidence,
            composite_confidence: composite.composite_confidence,
            correlation_strength: composite.correlation_strength,
            priority: composite.priority,
            factors: signal.candidate.factors,
            win_rate: judged.win_rate().unwrap_or(f64::NAN),
            calibrated_confidence: judged.calibrated.unwrap_or(f64::NAN),
            market_correlation: judged.crossed.map_or(f64::NAN, |crossed| crossed.market_correlation),
            independent_signals: judged.crossed.and_then(|crossed| crossed.independent_signals).unwrap_or(f64::NAN),
            win_rate_n: judged.n.unwrap_or(0),
            calibration_n: if judged.calibrated.is_some() { judged.learned } else { 0 },
            source_file: self.dictionary.file(signal.source, labels.sources),
            supporting: weighed.supporting.len() as u16,
            opposing: weighed.opposing.len() as u16,
        }
    }

    /// Appends what has been taken: the names that are new, and the frame.
    pub fn close(&mut self, commands: &mut Commands, stream: &StreamSpec) {
        if self.count == 0 {
            return;
        }
        let is_described = std::mem::replace(&mut self.is_described, true);
        self.dictionary.hset_fresh(commands, (!is_described).then(|| self.description()));
        let (names, names_crc) = self.dictionary.state();
        let header =
            FrameHeader { version: VERSION, count: self.count, of: names, time_ns: 0, flags: names_crc, crc: 0 };
        if header.seal(&mut self.frame).is_ok() {
            let entries = self.kept.entries(self.count.into());
            let mut command = stream.xadd_kept(commands, entries, 2);
            command.field("frame", &self.frame).field("names", self.dictionary.key());
        }
        self.frame.truncate(FrameHeader::LEN);
        self.count = 0;
    }

    #[cold]
    fn description(&self) -> (String, Vec<u8>) {
        let mut text = Vec::new();
        describe(&mut text, self.record_len);
        (format!("record:{}", self.record_len), text)
    }
}

#[inline]
fn peer_record(dictionary: &Dictionary, peer: &Peer, vote: i16) -> PeerRecord {
    let [timeframe, strategy, kind] = dictionary.peer(peer.timeframe, peer.strategy, peer.kind);
    PeerRecord { bar_ts: peer.bar_ts, confidence: peer.confidence, timeframe, strategy, kind, vote }
}

/// Writes a record where there is room for it.
#[inline]
fn write(record: &impl bincode::Encode, bytes: &mut [u8]) {
    let written = bincode::encode_into_slice(record, bytes, RECORD);
    debug_assert!(written.is_ok(), "{written:?}");
}
