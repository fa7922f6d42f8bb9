//! The names in frames, by number: those that are written, and those that are new. Allocates at the start, and for a name
//! that is new.

use super::NO_NAME;
use crate::model::{
    Directory, MAX_TIMEFRAMES, Roster, Side, Signal, SignalKind, SourceId, Strategy, SymbolId, TimeframeId,
    TradingStyle,
};
use crate::publish::names::Sources;
use crate::redis_io::Commands;
use std::collections::HashMap;

/// Why the names that are there cannot be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    /// A number has no name, although a higher one has.
    #[error(
        "{key} has {count} names, but none of number {missing}: frames that were written cannot be read any more; delete {key} \
         and the stream of signals, and start again"
    )]
    Hole {
        /// The hash.
        key: String,
        /// Names in it.
        count: usize,
        /// The number without one.
        missing: usize,
    },
    /// Names of timeframes, strategies and the like must have low numbers.
    #[error(
        "{key} has {count} names, and no room for {name:?}; delete {key} and the stream of signals, and start again"
    )]
    Full {
        /// The hash.
        key: String,
        /// Names in it.
        count: u32,
        /// The name.
        name: String,
    },
}

/// The numbers of all names.
#[derive(Debug, Clone)]
pub struct Dictionary {
    key: String,
    numbers: HashMap<Box<str>, u32>,
    crc: crc32fast::Hasher,
    /// Names that no transaction has yet.
    fresh: Vec<(u32, Box<str>)>,
    /// By symbol, and by input that is a file.
    symbols: Box<[u32]>,
    files: Vec<u32>,
    timeframes: [u16; MAX_TIMEFRAMES],
    strategies: [u16; Strategy::SLOTS],
    kinds: Box<[u16]>,
    styles: [u16; TradingStyle::COUNT],
    sides: [u16; 2],
    /// Peers that a signal may have: one of each strategy on each other timeframe.
    peers_max: usize,
}

impl Dictionary {
    /// Goes on from what the hash at `key` holds, for the symbols and timeframes of a directory and these strategies. Fields
    /// that are no numbers are passed over.
    ///
    /// # Errors
    /// [`DictionaryError`] where numbers are missing or used up.
    pub fn new(
        key: &str,
        saved: &HashMap<String, String>,
        directory: &Directory,
        roster: &Roster,
    ) -> Result<Self, DictionaryError> {
        let names: HashMap<usize, &str> =
            saved.iter().filter_map(|(number, name)| Some((number.parse().ok()?, name.as_str()))).collect();
        let mut dictionary = Self {
            key: key.to_owned(),
            numbers: HashMap::with_capacity(names.len() + 64),
            crc: crc32fast::Hasher::new(),
            fresh: Vec::new(),
            symbols: vec![NO_NAME; directory.capacity()].into(),
            files: Vec::new(),
            timeframes: [0; MAX_TIMEFRAMES],
            strategies: [0; Strategy::SLOTS],
            kinds: vec![0; roster.kind_count()].into(),
            styles: [0; TradingStyle::COUNT],
            sides: [0; 2],
            peers_max: directory.timeframes().len().saturating_sub(1) * roster.count(),
        };
        for number in 0..names.len() {
            let hole = || DictionaryError::Hole { key: key.to_owned(), count: names.len(), missing: number };
            dictionary.number(names.get(&number).ok_or_else(hole)?);
        }
        dictionary.fresh.clear();
        dictionary.words(directory, roster)?;
        Ok(dictionary)
    }

    /// Numbers everything but symbols and files, which are as many as come.
    fn words(&mut self, directory: &Directory, roster: &Roster) -> Result<(), DictionaryError> {
        for index in 0..directory.timeframes().len() {
            self.timeframes[index] = self.word(directory.timeframe_name(TimeframeId::new(index)))?;
        }
        for strategy in roster.iter().chain([Strategy::Probe]) {
            self.strategies[strategy.index()] = self.word(strategy.name())?;
        }
        for kind in roster.kinds() {
            let name: Vec<&str> = [kind.name()].into_iter().chain(kind.factor_names().iter().copied()).collect();
            self.kinds[kind.index()] = self.word(&name.join(" "))?;
        }
        for style in TradingStyle::ALL {
            self.styles[style.index()] = self.word(style.name())?;
        }
        self.sides = [self.word(Side::Buy.name())?, self.word(Side::Sell.name())?];
        Ok(())
    }

    fn word(&mut self, name: &str) -> Result<u16, DictionaryError> {
        let number = self.number(name);
        u16::try_from(number).map_err(|_| DictionaryError::Full {
            key: self.key.clone(),
            count: number,
            name: name.to_owned(),
        })
    }

    /// The number of a name: the next where it is new.
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.crc.update(name.as_bytes());
        self.crc.update(b"\n");
        self.numbers.insert(name.into(), number);
        self.fresh.push((number, name.into()));
        number
    }

    /// Peers that a signal may have.
    pub(super) fn peers_max(&self) -> usize {
        self.peers_max
    }

    /// The key of the hash.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How many names there are, and their checksum: CRC-32 over them in order, each with a line feed behind it.
    pub(super) fn state(&self) -> (u32, u32) {
        (self.numbers.len() as u32, self.crc.clone().finalize())
    }

    /// Appends an `HSET` of the names that are new; they are new no longer. `description` is a further field.
    pub(super) fn hset_fresh(&mut self, commands: &mut Commands, description: Option<(String, Vec<u8>)>) {
        let count = self.fresh.len() + usize::from(description.is_some());
        if count == 0 {
            return;
        }
        let mut command = commands.command(2 + 2 * count);
        command.arg("HSET").arg(&self.key);
        for (number, name) in self.fresh.drain(..) {
            command.uint(number.into()).arg(name.as_bytes());
        }
        if let Some((field, text)) = description {
            command.arg(field).arg(text);
        }
    }

    /// The number of a symbol.
    #[inline]
    pub(super) fn symbol(&mut self, symbol: SymbolId, directory: &Directory) -> u32 {
        match self.symbols.get(symbol.index()) {
            Some(&number) if number != NO_NAME => number,
            _ => self.new_symbol(symbol, directory),
        }
    }

    #[cold]
    fn new_symbol(&mut self, symbol: SymbolId, directory: &Directory) -> u32 {
        let number = self.number(directory.symbol(symbol));
        if let Some(known) = self.symbols.get_mut(symbol.index()) {
            *known = number;
        }
        number
    }

    /// The number of the file that a record is a line of; [`NO_NAME`] of a stream.
    #[inline]
    pub(super) fn file(&mut self, source: SourceId, sources: &Sources) -> u32 {
        match sources.file(source) {
            None => NO_NAME,
            Some(name) => self.new_file(source.index(), name),
        }
    }

    #[cold]
    fn new_file(&mut self, input: usize, name: &str) -> u32 {
        if self.files.len() <= input {
            self.files.resize(input + 1, NO_NAME);
        }
        if self.files[input] == NO_NAME {
            self.files[input] = self.number(name);
        }
        self.files[input]
    }

    /// The numbers of a signal's timeframe, strategy, kind and side.
    #[inline]
    pub(super) fn words_of(&self, signal: &Signal) -> [u16; 4] {
        let [timeframe, strategy, kind] = self.peer(signal.timeframe, signal.strategy, signal.candidate.kind);
        [timeframe, strategy, kind, signal.candidate.side.pick(self.sides[0], self.sides[1])]
    }

    /// The numbers of a timeframe, strategy and kind.
    #[inline]
    pub(super) fn peer(&self, timeframe: TimeframeId, strategy: Strategy, kind: SignalKind) -> [u16; 3] {
        [self.timeframes[timeframe.index()], self.strategies[strategy.index()], self.kinds[kind.index()]]
    }

    /// The number of a trading style.
    #[inline]
    pub(super) fn style(&self, style: TradingStyle) -> u16 {
        self.styles[style.index()]
    }
}
