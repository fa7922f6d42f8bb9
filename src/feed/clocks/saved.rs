//! What a snapshot keeps of the clocks: all but the open bars, whose ends the aggregator's state has.

use super::{Clocks, FILES, NEVER, NEW, SymbolClock, Voice, each};
use crate::state::is_sound_time;
use wincode::{SchemaRead, SchemaWrite};

/// A symbol's clock as it is saved.
#[derive(Debug, Clone, Copy, SchemaWrite, SchemaRead)]
pub struct SavedClock {
    /// Wall minus close time of its records, ms.
    lag: i64,
    /// Whether it has had a record.
    pub(in crate::feed) running: bool,
    /// The input of its newest record.
    input: u8,
    /// The clock has closed bars up to this end, Unix ms.
    pub(in crate::feed) closed_until: i64,
}

impl Default for SavedClock {
    fn default() -> Self {
        Self { lag: 0, running: false, input: 0, closed_until: i64::MIN }
    }
}

impl SavedClock {
    /// The clock of a symbol whose records are all history: it closes nothing until it has one of another input.
    #[must_use]
    pub fn of_history(&self) -> Self {
        Self { lag: 0, running: false, input: FILES, closed_until: self.closed_until }
    }

    /// Whether its times are ones that arithmetic cannot overflow.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.lag.unsigned_abs() < 1 << 60 && is_sound_time(self.closed_until)
    }
}

/// Where all clocks stand, as it is saved.
#[derive(Debug, Clone, SchemaWrite, SchemaRead)]
pub struct SavedWall {
    /// The wall, Unix ms.
    pub now: i64,
    /// Moment of the last closing by the clock, Unix ms.
    closed: i64,
    /// By input stream.
    voices: Vec<Voice>,
}

impl Default for SavedWall {
    fn default() -> Self {
        Self { now: i64::MIN, closed: i64::MIN, voices: Vec::new() }
    }
}

impl SavedWall {
    /// Whether its times are ones that arithmetic cannot overflow.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let voice = |voice: &Voice| is_sound_time(voice.last) && is_sound_time(voice.resumed);
        is_sound_time(self.now) && is_sound_time(self.closed) && self.voices.iter().all(voice)
    }
}

impl Clocks {
    /// Where all clocks stand, for a snapshot.
    #[must_use]
    pub fn save_wall(&self) -> SavedWall {
        let voices = self.streams.iter().map(|stream| stream.1).collect();
        SavedWall { now: self.now, closed: self.closed, voices }
    }

    /// The clock of a track, for a snapshot.
    #[must_use]
    pub fn save(&self, track: usize) -> SavedClock {
        let SymbolClock { lag, running, input, closed_until, .. } = self.tracks[track];
        SavedClock { lag, running, input, closed_until }
    }

    /// Goes on from where all clocks stood.
    pub fn restore_wall(&mut self, wall: &SavedWall) {
        (self.now, self.closed) = (wall.now, wall.closed);
        for (own, voice) in self.streams.iter_mut().zip(&wall.voices) {
            own.1 = *voice;
        }
    }

    /// Goes on from the clock of a track and the ends of its open bars, by timeframe; call it after
    /// [`restore_wall`](Self::restore_wall).
    pub fn restore(&mut self, track: usize, saved: &SavedClock, ends: impl Iterator<Item = i64>) {
        let SavedClock { lag, running, input, closed_until } = *saved;
        let mut clock = SymbolClock { lag, running, input, closed_until, ..NEW };
        let row = &mut self.ends[track * self.columns..][..self.columns];
        for (index, (own, end)) in row.iter_mut().zip(ends).enumerate() {
            if end != i64::MIN {
                *own = end;
                clock.open |= 1 << index;
            }
        }
        clock.earliest = each(clock.open).map(|index| row[index]).min().unwrap_or(NEVER);
        self.tracks[track] = clock;
        let armed = clock.earliest != NEVER && self.ticks(clock.input) && !self.is_history(track);
        self.arm(track, if armed { self.first_moment(&clock) } else { NEVER });
    }
}
