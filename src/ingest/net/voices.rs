//! Who has been heard: symbols that are live, symbols that have fallen silent, trades that are missing.

/// What is known of a symbol beyond one connection.
#[derive(Debug, Clone, Copy, Default)]
struct Voice {
    /// Whether it comes live.
    joined: bool,
    heard_ns: u64,
    /// Number of its last trade, where it has had one.
    last_trade: Option<i64>,
    /// Whether it has been subscribed again because it was silent, and whether that was told.
    nudged: bool,
    told: bool,
    /// Whether the exchange does not have it.
    absent: bool,
}

/// All symbols.
#[derive(Debug)]
pub struct Voices {
    all: Vec<Voice>,
    silent_ns: u64,
    looked_ns: u64,
}

/// Symbols that are silent while others speak.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// Those that are to be subscribed again.
    pub again: Vec<usize>,
    /// Those for which that was of no use.
    pub still: Vec<usize>,
}

impl Voices {
    /// So many symbols, of which nothing is known; one counts as silent after this time, ns.
    pub fn new(symbols: usize, silent_ns: u64) -> Self {
        Self { all: vec![Voice::default(); symbols], silent_ns, looked_ns: 0 }
    }

    /// Something of a symbol was heard, perhaps with the numbers of its first and its last trade; whether trades are missing
    /// before it.
    pub fn heard(&mut self, symbol: usize, trades: Option<(i64, i64)>, now_ns: u64) -> bool {
        let Some(voice) = self.all.get_mut(symbol) else { return false };
        (voice.heard_ns, voice.nudged, voice.told) = (now_ns, false, false);
        let Some((first, last)) = trades else { return false };
        let missing = voice.joined && voice.last_trade.is_some_and(|before| first > before + 1);
        voice.last_trade = voice.last_trade.max(Some(last));
        missing
    }

    /// Whether a trade of this number was heard before: it comes over two connections.
    pub fn knows(&self, symbol: usize, number: Option<i64>) -> bool {
        let last = self.all.get(symbol).and_then(|voice| voice.last_trade);
        number.is_some_and(|number| last.is_some_and(|last| number <= last))
    }

    /// A symbol is subscribed; whether it was not live before.
    pub fn join(&mut self, symbol: usize, now_ns: u64) -> bool {
        let Some(voice) = self.all.get_mut(symbol) else { return false };
        voice.heard_ns = now_ns;
        !std::mem::replace(&mut voice.joined, true)
    }

    /// None comes live any more.
    pub fn part(&mut self) {
        // What is missing meanwhile is fetched in any case.
        self.all.iter_mut().for_each(|voice| (voice.joined, voice.last_trade) = (false, None));
    }

    /// The exchange does not have it.
    pub fn leave_out(&mut self, symbol: usize) {
        self.all[symbol].absent = true;
    }

    /// Whether the exchange does not have it.
    pub fn is_absent(&self, symbol: usize) -> bool {
        self.all[symbol].absent
    }

    /// Who is silent while others speak; looks now and then.
    pub fn silence(&mut self, now_ns: u64) -> Silence {
        let mut silence = Silence::default();
        if now_ns.saturating_sub(self.looked_ns) < self.silent_ns / 4 {
            return silence;
        }
        self.looked_ns = now_ns;
        let newest_ns = self.all.iter().map(|voice| voice.heard_ns).max().unwrap_or(0);
        if now_ns.saturating_sub(newest_ns) > self.silent_ns / 2 {
            return silence;
        }
        let silent_ns = self.silent_ns;
        let silent = |voice: &Voice| voice.joined && now_ns.saturating_sub(voice.heard_ns) > silent_ns;
        for (symbol, voice) in self.all.iter_mut().enumerate().filter(|(_, voice)| silent(voice)) {
            if !voice.nudged {
                (voice.nudged, voice.heard_ns) = (true, now_ns);
                silence.again.push(symbol);
            } else if !std::mem::replace(&mut voice.told, true) {
                silence.still.push(symbol);
            }
        }
        silence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_gap_between_the_numbers_of_trades_is_noticed_once() {
        let mut voices = Voices::new(1, 300 * S);
        assert!(voices.join(0, 0) && !voices.join(0, 1));
        assert!(!voices.heard(0, Some((10, 20)), 1) && !voices.heard(0, Some((21, 21)), 2));
        assert!(!voices.heard(0, Some((10, 20)), 3), "again, from another connection");
        assert!(voices.heard(0, Some((23, 30)), 4));
        assert!(!voices.heard(0, Some((31, 40)), 5) && !voices.heard(0, None, 6));
        assert!(voices.knows(0, Some(40)) && !voices.knows(0, Some(41)) && !voices.knows(0, None));
        voices.part();
        assert!(!voices.knows(0, Some(40)));
        assert!(voices.join(0, 7) && !voices.heard(0, Some((90, 91)), 8), "what came before it is fetched");
    }

    #[test]
    fn the_silent_are_asked_once_more_and_then_named_once() {
        let mut voices = Voices::new(3, 100 * S);
        (0..2).for_each(|symbol| _ = voices.join(symbol, 0));
        let (mut again, mut still) = (Vec::new(), Vec::new());
        for second in 1..500 {
            voices.heard(0, None, second * S);
            let found = voices.silence(second * S);
            again.extend(found.again.into_iter().map(|symbol| (second, symbol)));
            still.extend(found.still.into_iter().map(|symbol| (second, symbol)));
        }
        assert!(matches!(again[..], [(101..=125, 1)]), "{again:?}");
        assert!(matches!(still[..], [(200..=250, 1)]), "{still:?}");
        // Where all are silent, the market is.
        assert_eq!(Voices::new(3, S).silence(900 * S), Silence::default());
    }
}
