//! What a snapshot keeps of an admission.

use super::newest::{HeldRecord, Newest, Values};
use crate::{
    config::Plan,
    feed::clocks::{SavedClock, SavedWall},
    model::{MAX_TIMEFRAMES, SymbolId, TimeframeId},
    state::{StateError, is_sound_time, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// A row of a saved admission: of a symbol and the interval of its records.
#[derive(Debug, Clone, SchemaWrite, SchemaRead)]
pub(super) struct RowOf<'a> {
    pub symbol: &'a str,
    pub base: &'a str,
    pub newest: Newest,
    pub clock: SavedClock,
    pub held: Option<HeldRecord>,
    /// The timeframes that its records make, once that is settled.
    pub feeds: Option<Vec<&'a str>>,
}

/// A row of a record of version 3.
#[derive(Debug, Clone, Copy, SchemaRead)]
struct OldRowOf<'a> {
    symbol: &'a str,
    newest: Newest,
    clock: SavedClock,
}

/// A row of a record of version 2.
#[derive(Debug, Clone, Copy, SchemaRead)]
struct OlderRowOf<'a> {
    symbol: &'a str,
    start: i64,
    end: i64,
}

/// What is remembered of one track.
#[derive(Debug, Clone, Copy)]
pub(super) struct SavedTrack {
    pub newest: Newest,
    pub clock: SavedClock,
    pub held: Option<HeldRecord>,
    /// The timeframes that its records make, as a bit set, once that is settled.
    pub feeds: Option<u32>,
}

/// What an [`Admission`](super::Admission) remembers, by the symbols of a plan.
#[derive(Debug, Clone, Default)]
pub struct AdmissionState {
    /// Sequence of the newest accepted record.
    pub seq: u64,
    /// Where the clocks stand.
    pub(super) wall: SavedWall,
    /// Tracks of a symbol.
    bases: usize,
    /// By track; `None` for one that is not among those saved.
    pub(super) rows: Vec<Option<SavedTrack>>,
}

impl AdmissionState {
    /// Takes off the front what [`Admission::save`](super::Admission::save) wrote, for the symbols of this plan, whose places
    /// `find` gives by name.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn read(
        version: u8,
        bytes: &mut &[u8],
        plan: &Plan,
        find: impl Fn(&str) -> Option<usize>,
    ) -> Result<Self, StateError> {
        let bases = plan.bases.len().max(1);
        let rows = vec![None; plan.assets.len() * bases];
        if version < 4 {
            let state = Self { seq: 0, wall: SavedWall::default(), bases, rows };
            return if version < 3 { state.read_older(bytes, find) } else { state.read_old(bytes, find) };
        }
        let timeframes: Vec<String> = plan.timeframes.iter().map(ToString::to_string).collect();
        let place = |name: &str| timeframes.iter().position(|timeframe| timeframe == name);
        let slot = |name: &str| {
            let timeframe = place(name).map(TimeframeId::new)?;
            plan.bases.iter().position(|base| *base == timeframe)
        };
        let (seq, wall, count): (u64, SavedWall, u64) = take(bytes)?;
        let mut sound = seq < u64::MAX / 2 && wall.is_sound();
        let mut state = Self { seq, wall, bases, rows };
        for _ in 0..count {
            let RowOf { symbol, base, newest, clock, held, feeds } = take(bytes)?;
            sound &= is_sound_time(newest.start) && is_sound_time(newest.end) && clock.is_sound();
            sound &= held.is_none_or(|held| {
                [held.start, held.end, held.label].into_iter().all(is_sound_time) && held.start < held.end
            });
            sound &= feeds.as_ref().is_none_or(|feeds| feeds.len() <= MAX_TIMEFRAMES);
            let feeds = feeds.map(|names| names.into_iter().filter_map(place).fold(0, |bits, index| bits | 1 << index));
            let own = find(symbol).zip(slot(base)).map(|(symbol, slot)| symbol * bases + slot);
            if let Some(row) = own.and_then(|track| state.rows.get_mut(track)) {
                *row = Some(SavedTrack { newest, clock, held, feeds });
            }
        }
        if sound { Ok(state) } else { Err(StateError::Shape("the reader")) }
    }

    /// The same of a record of version 3, which knew one interval of records a symbol.
    fn read_old(mut self, bytes: &mut &[u8], find: impl Fn(&str) -> Option<usize>) -> Result<Self, StateError> {
        let (seq, wall, count): (u64, SavedWall, u64) = take(bytes)?;
        let mut sound = seq < u64::MAX / 2 && wall.is_sound();
        (self.seq, self.wall) = (seq, wall);
        for _ in 0..count {
            let OldRowOf { symbol, newest, clock } = take(bytes)?;
            sound &= is_sound_time(newest.start) && is_sound_time(newest.end) && clock.is_sound();
            self.set(find(symbol), newest, clock);
        }
        if sound { Ok(self) } else { Err(StateError::Shape("the reader")) }
    }

    /// The same of a record of version 2, which knew no clocks: those of the symbols begin with their next records.
    fn read_older(mut self, bytes: &mut &[u8], find: impl Fn(&str) -> Option<usize>) -> Result<Self, StateError> {
        let (seq, event_ts, count): (u64, i64, u64) = take(bytes)?;
        let mut sound = seq < u64::MAX / 2 && is_sound_time(event_ts);
        self.seq = seq;
        for _ in 0..count {
            let OlderRowOf { symbol, start, end } = take(bytes)?;
            sound &= is_sound_time(start) && is_sound_time(end);
            self.set(find(symbol), Newest { start, end, values: Values::UNKNOWN }, SavedClock::default());
        }
        if sound { Ok(self) } else { Err(StateError::Shape("the reader")) }
    }

    /// Takes the row of a symbol that does not say of which interval it is. Where there are several, it says nothing.
    fn set(&mut self, symbol: Option<usize>, newest: Newest, clock: SavedClock) {
        let row = symbol.filter(|_| self.bases == 1).and_then(|symbol| self.rows.get_mut(symbol));
        if let Some(row) = row {
            *row = Some(SavedTrack { newest, clock, held: None, feeds: None });
        }
    }

    /// Whether a symbol was among those saved.
    #[must_use]
    pub fn knows(&self, symbol: usize) -> bool {
        let tracks = self.rows.chunks(self.bases.max(1)).nth(symbol);
        tracks.is_some_and(|tracks| tracks.iter().any(Option::is_some))
    }

    /// The moment of what had been taken last, Unix ms.
    #[must_use]
    pub fn moment(&self) -> i64 {
        self.wall.now
    }

    /// Whether a symbol has had a record.
    #[must_use]
    pub fn has_record(&self, symbol: usize) -> bool {
        let tracks = self.rows.chunks(self.bases.max(1)).nth(symbol).unwrap_or_default();
        tracks.iter().flatten().any(|row| row.newest.start != Newest::NONE.start)
    }

    /// Knows nothing of a symbol.
    pub fn forget(&mut self, symbol: usize) {
        if let Some(tracks) = self.rows.chunks_mut(self.bases.max(1)).nth(symbol) {
            tracks.fill(None);
        }
    }

    /// Makes it the beginning of another input: what was read before is history, and time begins with what comes.
    pub fn end_history(&mut self) {
        self.wall = SavedWall::default();
        for row in self.rows.iter_mut().flatten() {
            (row.clock, row.held, row.feeds) = (row.clock.of_history(), None, None);
        }
    }

    /// Lets the records that came first make the timeframes that have been added since: those that make the most were first.
    pub fn settle_added(&mut self, plan: &Plan) {
        let (fed_by, several) = (plan.fed_by(), self.bases > 1);
        // An only interval had no need to settle what it makes: it made everything.
        let made_of = |track: &SavedTrack| track.feeds.or((several && track.clock.running).then_some(0));
        for (symbol, tracks) in self.rows.chunks_mut(self.bases.max(1)).enumerate() {
            let enabled = plan.asset(SymbolId(symbol as u16)).enabled();
            let known = tracks.iter().enumerate();
            let mut settled: Vec<(usize, u32)> =
                known.filter_map(|(slot, track)| Some((slot, made_of(track.as_ref()?)?))).collect();
            settled.sort_by_key(|(_, feeds)| std::cmp::Reverse(feeds.count_ones()));
            let mut made = settled.iter().fold(0, |made, (_, feeds)| made | feeds);
            for (slot, feeds) in settled {
                let Some(base) = plan.bases.get(slot) else { continue };
                let added = enabled & fed_by[base.index()] & !made;
                made |= added;
                if let Some(track) = &mut tracks[slot] {
                    track.feeds = Some(feeds | added);
                }
            }
        }
    }

    /// What the records of a symbol and interval make, as a bit set of timeframes, where that is settled.
    pub fn feeds<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = (SymbolId, TimeframeId, u32)> + 'a {
        self.rows.iter().enumerate().filter_map(|(track, row)| {
            let feeds = (*row)?.feeds?;
            Some((SymbolId((track / self.bases) as u16), *plan.bases.get(track % self.bases)?, feeds))
        })
    }

    /// Takes from another what it does not know itself.
    pub fn fill(&mut self, other: &Self) {
        for (own, other) in self.rows.iter_mut().zip(&other.rows) {
            match (own, other) {
                // Of timeframes that it did not have.
                (Some(own), Some(other)) => {
                    own.clock.closed_until = own.clock.closed_until.max(other.clock.closed_until);
                }
                (own, other) => *own = own.or(*other),
            }
        }
    }
}
