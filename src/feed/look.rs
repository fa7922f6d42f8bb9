//! A look at the bars of a file: what they are, in which order, and what is odd about them.
//!
//! Allocates per symbol; blocks as its source does. Runs before a replay, and for `inspect`.

use super::{BarFile, Line, Record, Refusal};
use crate::model::{Timeframe, time::Iso8601};
use rustc_hash::FxHashMap;
use std::io;

/// Distances between bars of a symbol that are remembered: enough to see how far apart they are.
const APART_MAX: usize = 4_096;
/// Lines that a short look reads at most.
const LINES_SHORT: u64 = 1 << 17;
/// Jumps that are remembered.
const JUMPS_MAX: usize = 8;
/// A close this many times the one before, or as small a part of it, may be that of a split.
const JUMP: f64 = 1.4;
/// A pause of more than this many intervals is a gap.
const GAP_INTERVALS: i64 = 10;

/// In which order a file has its bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOrder {
    /// By time.
    ByTime,
    /// By time, from the newest on.
    NewestFirst,
    /// Symbol after symbol, each by time.
    BySymbol,
    /// None of these.
    Mixed,
}

impl FileOrder {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByTime => "in order",
            Self::NewestFirst => "newest first",
            Self::BySymbol => "symbol by symbol",
            Self::Mixed => "in no order",
        }
    }
}

/// A change of price that looks like no trade.
#[derive(Debug, Clone, PartialEq)]
pub struct Jump {
    /// The symbol.
    pub symbol: String,
    /// Start of the bar, Unix ms.
    pub ts: i64,
    /// Its close, as a part of the close before.
    pub ratio: f64,
}

/// The longest time between two bars of a symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct LongestGap {
    /// Its length, ms.
    pub ms: i64,
    /// The symbol.
    pub symbol: String,
    /// The time of the bar before it, Unix ms.
    pub after: i64,
}

/// What is known of one symbol.
#[derive(Debug, Clone, Copy)]
struct Last {
    ts: i64,
    close: f64,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Look {
    base: Timeframe,
    /// Good bars.
    pub bars: u64,
    /// Refused lines, by reason.
    pub refused: [u64; Refusal::COUNT],
    /// The first refused line of each reason: its number and text.
    pub examples: Vec<(Refusal, u64, String)>,
    /// The oldest and the newest time, Unix ms.
    pub range: Option<(i64, i64)>,
    /// Whether all of the file was seen.
    pub complete: bool,
    /// Bars that belong to the same interval as the one before of their symbol.
    pub duplicates: u64,
    /// Bars without volume.
    pub zero_volume: u64,
    /// Bars behind a pause of many intervals.
    pub gaps: u64,
    /// The longest pause.
    pub longest_gap: Option<LongestGap>,
    /// Prices that jump, the first few, and how many there are.
    pub jumps: (Vec<Jump>, u64),
    /// Distances between bars of one symbol, ms, where they go forwards or, in a file that goes backwards, backwards.
    pub apart: Vec<i64>,
    /// Bars of the same interval among them.
    pub crowded: usize,
    /// Steps from line to line that go back to an older bar.
    back: u64,
    /// Steps from one bar of a symbol to its next, forwards and back.
    own: (u64, u64),
    symbols: FxHashMap<Box<[u8]>, Last>,
    newest: i64,
}

impl Look {
    /// Before the first bar, of a file with bars of this interval.
    #[must_use]
    pub fn new(base: Timeframe) -> Self {
        Self {
            base,
            bars: 0,
            refused: [0; Refusal::COUNT],
            examples: Vec::new(),
            range: None,
            complete: false,
            duplicates: 0,
            zero_volume: 0,
            gaps: 0,
            longest_gap: None,
            jumps: (Vec::new(), 0),
            apart: Vec::new(),
            crowded: 0,
            back: 0,
            own: (0, 0),
            symbols: FxHashMap::default(),
            newest: i64::MIN,
        }
    }

    /// Looks at the beginning of a file, or, if `whole`, at all of it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn at(source: &mut BarFile, whole: bool) -> io::Result<Self> {
        let mut look = Self::new(source.base());
        let mut lines = 0;
        while whole || lines < LINES_SHORT && look.apart.len() < APART_MAX {
            let Some(line) = source.next()? else {
                look.complete = true;
                break;
            };
            look.line(&line);
            lines += 1;
        }
        Ok(look)
    }

    /// Takes a line.
    pub fn line(&mut self, line: &Line<'_>) {
        match line.result {
            Ok(record) => self.record(&record),
            Err(refusal) => {
                if self.refused[refusal.index()] == 0 {
                    let text = String::from_utf8_lossy(&line.text[..line.text.len().min(120)]).into_owned();
                    self.examples.push((refusal, line.number, text));
                }
                self.refused[refusal.index()] += 1;
            }
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        let Record { symbol, ts, close, volume, .. } = *record;
        self.bars += 1;
        self.zero_volume += u64::from(volume == 0.0);
        self.range = Some(self.range.map_or((ts, ts), |(from, to)| (from.min(ts), to.max(ts))));
        let start = self.base.utc_span(ts).start;
        self.back += u64::from(start < self.newest);
        self.newest = start;
        let Some(last) = self.symbols.get_mut(symbol) else {
            self.symbols.insert(symbol.into(), Last { ts, close });
            return;
        };
        let before = std::mem::replace(last, Last { ts, close });
        let step = ts - before.ts;
        self.own.0 += u64::from(step > 0);
        self.own.1 += u64::from(step < 0);
        if self.base.utc_span(before.ts) == self.base.utc_span(ts) {
            self.duplicates += 1;
            self.crowded += usize::from(step != 0 && self.apart.len() < APART_MAX);
        }
        if step != 0 && self.apart.len() < APART_MAX {
            self.apart.push(step.abs());
        }
        if step.abs() > GAP_INTERVALS * self.base.interval_ms() {
            self.gaps += 1;
        }
        if self.longest_gap.as_ref().is_none_or(|gap| gap.ms < step.abs()) {
            let symbol = String::from_utf8_lossy(symbol).into_owned();
            self.longest_gap = Some(LongestGap { ms: step.abs(), symbol, after: ts.min(before.ts) });
        }
        let (older, newer) = if step < 0 { (close, before.close) } else { (before.close, close) };
        let ratio = newer / older;
        if !(JUMP.recip()..=JUMP).contains(&ratio) {
            self.jumps.1 += 1;
            if self.jumps.0.len() < JUMPS_MAX {
                let symbol = String::from_utf8_lossy(symbol).into_owned();
                self.jumps.0.push(Jump { symbol, ts: ts.max(before.ts), ratio });
            }
        }
    }

    /// The order of the bars seen.
    #[must_use]
    pub fn order(&self) -> FileOrder {
        match (self.back, self.own) {
            (0, _) => FileOrder::ByTime,
            (_, (_, 0)) => FileOrder::BySymbol,
            (_, (0, _)) => FileOrder::NewestFirst,
            _ => FileOrder::Mixed,
        }
    }

    /// Names of the symbols seen, sorted.
    #[must_use]
    pub fn symbols(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.symbols.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Number of refused lines, without those that were to be left out.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.iter().sum::<u64>() - self.refused[Refusal::NoTrade.index()]
    }

    /// How far apart the bars of a symbol mostly are, ms.
    #[must_use]
    pub fn spacing_ms(&self) -> Option<i64> {
        let mut apart = self.apart.clone();
        apart.sort_unstable();
        apart.get(apart.len() / 2).copied()
    }

    /// What was understood, in a line for people: of the source as it is after the look.
    #[must_use]
    pub fn understood(&self, name: &str, source: &BarFile) -> String {
        let mut parts = vec![source.dialect().shape.to_owned() + &self.spacing_ms().map_or_else(String::new, pace)];
        let symbols = self.symbols();
        let of = match symbols.as_slice() {
            [] => String::new(),
            [one] => format!(" of {one}"),
            [first, .., last] if symbols.len() > 3 => format!(" of {} symbols, {first} … {last}", symbols.len()),
            several => format!(" of {}", several.join(", ")),
        };
        parts.push(match self.complete {
            true => format!("{} bars{of}", grouped(self.bars)),
            false => format!("more than {} bars{of}", grouped(self.bars)),
        });
        if let Some((from, to)) = self.range {
            let [from, to] = [from, to].map(moment);
            parts.push(if self.complete { format!("{from} … {to}") } else { format!("from {from} on") });
        }
        let forms: Vec<&str> = source.stamps().forms().map(super::timestamp::StampForm::name).collect();
        if !forms.is_empty() {
            let zone = source.stamps().zone().map_or_else(String::new, |zone| format!(" in {}", zone.name()));
            parts.push(forms.join(" and ") + &zone);
        }
        let order = self.order();
        let sorted = if order == FileOrder::ByTime { "" } else { " → sorted" };
        parts.push(format!("{}{sorted}", order.name()));
        let refusals = self.refusals();
        if refusals > 0 {
            parts.push(format!("{} lines refused", grouped(refusals)));
        }
        let notes: String = source.dialect().notes.iter().map(|note| format!("; {note}")).collect();
        format!("{name}: {}{notes}", parts.join(", "))
    }
}

/// The interval of bars so far apart, as people call it.
fn pace(ms: i64) -> String {
    const DAY_MS: i64 = 86_400_000;
    match ms {
        DAY_MS => " daily".to_owned(),
        ms if ms == 7 * DAY_MS => " weekly".to_owned(),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000)
            .parse::<Timeframe>()
            .map_or_else(|_| String::new(), |timeframe| format!(" {timeframe}")),
        _ => String::new(),
    }
}

/// A date, with the time where it is not midnight.
fn moment(ms: i64) -> String {
    let text = Iso8601(ms).to_string();
    text.strip_suffix("T00:00:00").map_or_else(|| text.clone(), str::to_owned)
}

/// A number with its digits in groups.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::feed::try_open;

    fn look(lines: &str) -> (Look, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bars.csv");
        std::fs::write(&path, format!("ts,symbol,open,high,low,close,volume\n{lines}")).unwrap();
        let options = crate::feed::dialect::FileOptions::new("1m".parse().unwrap());
        let mut source = BarFile::from(try_open(&path, &options).unwrap());
        let look = Look::at(&mut source, true).unwrap();
        let understood = look.understood("bars.csv", &source);
        (look, understood)
    }

    fn bar(minute: i64, symbol: &str) -> String {
        format!("{},{symbol},1,1,1,1,1\n", 1_751_984_940 + 60 * minute)
    }

    #[test]
    fn orders_are_told_apart() {
        let of = |bars: &[(i64, &str)]| look(&bars.iter().map(|(m, s)| bar(*m, s)).collect::<String>()).0.order();
        assert_eq!(of(&[]), FileOrder::ByTime);
        assert_eq!(of(&[(1, "A"), (1, "B"), (2, "A"), (2, "B")]), FileOrder::ByTime);
        assert_eq!(of(&[(2, "A"), (2, "B"), (1, "A"), (1, "B")]), FileOrder::NewestFirst);
        assert_eq!(of(&[(1, "A"), (2, "A"), (1, "B"), (2, "B")]), FileOrder::BySymbol);
        assert_eq!(of(&[(2, "A"), (1, "A"), (2, "B"), (1, "B")]), FileOrder::NewestFirst);
        assert_eq!(of(&[(1, "A"), (3, "A"), (2, "A")]), FileOrder::Mixed);
    }

    #[test]
    fn a_line_says_what_was_understood() {
        let lines: String = (0..1_200).rev().map(|minute| bar(minute, "SPY")).collect();
        let (_, understood) = look(&lines);
        assert_eq!(
            understood,
            "bars.csv: bars 1m, 1,200 bars of SPY, 2025-07-08T14:29:00 … 2025-07-09T10:28:00, Unix seconds, newest first → sorted"
        );
        let (_, understood) = look(&format!("{}x,A,1,1,1,1,1\n{}", bar(0, "A"), bar(0, "B")));
        assert!(
            understood.ends_with(
                "2 bars of A, B, 2025-07-08T14:29:00 … 2025-07-08T14:29:00, Unix seconds, in order, 1 lines refused"
            ),
            "{understood}"
        );
    }

    #[test]
    fn oddities_are_counted() {
        let mut lines = bar(0, "A") + &bar(0, "A") + &bar(1, "A") + &bar(200, "A");
        lines += "1751997000,A,2,2,2,2,0\nnever,A,1,1,1,1,1\n1751997060,A,1,0.5,1,1,1\n";
        let (look, _) = look(&lines);
        assert_eq!((look.bars, look.duplicates, look.zero_volume, look.gaps), (5, 1, 1, 1));
        assert_eq!(look.jumps.0, [Jump { symbol: "A".to_owned(), ts: 1_751_997_000_000, ratio: 2.0 }]);
        assert_eq!(look.longest_gap.as_ref().map(|gap| gap.ms), Some(199 * 60_000));
        assert_eq!((look.refusals(), look.examples[0].1, look.examples[1].0), (2, 7, Refusal::HighLowBounds));
        assert_eq!(
            (grouped(999), grouped(1_000), grouped(1_234_567)),
            ("999".into(), "1,000".into(), "1,234,567".into())
        );
    }
}
