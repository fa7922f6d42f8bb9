//! Where results go, and the names that go with them: fixed at start.

use crate::model::{Directory, MAX_TIMEFRAMES, SourceId, Timeframe};
use crate::redis_io::{Command, Commands};
use crate::text::push_u64;

/// A stream that is written, or a family of them with a common prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSpec {
    /// Name of the stream, or the prefix of the names.
    pub name: String,
    /// Of a family, what stands behind the suffix of each.
    pub tail: String,
    /// Entries that the stream keeps, approximately (`MAXLEN ~`).
    pub maxlen: u64,
    /// By stream of the family: entries since it was last trimmed.
    untrimmed: [u8; MAX_TIMEFRAMES],
}

/// One of so many entries trims its stream. The stream is a few entries longer for it, but the server is spared three
/// arguments and a search for its oldest node: some 7 % of what a signal costs it.
const TRIM_EVERY: u8 = 16;

/// A family of keys that hold latest values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// What stands before the symbol, between it and the timeframe (or the end), and behind the timeframe.
    parts: [String; 3],
    /// Time after which a value that is not refreshed expires, seconds; 0 keeps it forever.
    ttl_s: u64,
}

/// Names, lengths and lifetimes of everything that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputNames {
    /// Signals.
    pub signals: StreamSpec,
    /// Closed bars: the timeframe's name follows the prefix.
    pub bars: StreamSpec,
    /// Results of a symbol after a group of signals or closed bars.
    pub calculation_events: StreamSpec,
    /// Alerts.
    pub alerts: StreamSpec,
    /// Refused records.
    pub dead_letter: StreamSpec,
    /// Switches of the selection.
    pub selection: StreamSpec,
    /// Latest results of a symbol.
    pub calculations: KeySpec,
    /// Latest indicators of a symbol on a timeframe.
    pub timeframe_indicators: KeySpec,
    /// Latest composite signal of a symbol.
    pub composite_signals: KeySpec,
    /// Latest bar of a symbol.
    pub latest_price: KeySpec,
    /// All latest values of a symbol in one hash, where they are wanted so.
    pub latest: KeySpec,
    /// What the signals of a timeframe and strategy are worth.
    pub performance: HashSpec,
    /// Latest statistics of the windows of a symbol on a timeframe.
    pub statistics: KeySpec,
    /// Hash of what symbols have in common.
    pub market_correlation: String,
    /// Keys that only readers of the existing system know.
    pub compat: CompatNames,
}

/// Keys that only readers of the existing system know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompatNames {
    /// One indicator of a symbol, by its name.
    pub indicators: KeySpec,
    /// The levels of a symbol.
    pub strategies: KeySpec,
    /// Everything of a symbol on several timeframes.
    pub multi_timeframe: KeySpec,
    /// The newest of a symbol, for the version that reads JSON.
    pub symbol_latest: KeySpec,
}

impl CompatNames {
    /// Their names behind the prefix, with the lifetimes of the existing system, s. The indicator's name stands for the
    /// timeframe in the first.
    pub const TEMPLATES: [(&'static str, u64); 4] = [
        ("indicators:{symbol}_{timeframe}", 300),
        ("strategies:{symbol}_signals", 600),
        ("multi_timeframe_calculations:{symbol}_multi_timeframe", 300),
        ("symbol:latest:{symbol}", 300),
    ];

    /// The keys below a prefix.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let key = |(template, ttl_s): (&str, u64)| KeySpec::new(&format!("{prefix}{template}"), ttl_s);
        let [indicators, strategies, multi_timeframe, symbol_latest] = Self::TEMPLATES.map(key);
        Self { indicators, strategies, multi_timeframe, symbol_latest }
    }
}

impl Default for OutputNames {
    fn default() -> Self {
        let stream = StreamSpec::new;
        let key = KeySpec::new;
        Self {
            signals: stream("signals", 10_000),
            bars: stream("market_data_", 10_000),
            calculation_events: stream("calculation_events_stream", 5_000),
            alerts: stream("alert_stream", 1_000),
            dead_letter: stream("market_data_dead_letter", 10_000),
            selection: stream("selection_events", 10_000),
            calculations: key("wagehood:calculations:{symbol}_complete", 300),
            timeframe_indicators: key("wagehood:timeframe_indicators:{symbol}_{timeframe}", 300),
            composite_signals: key("wagehood:composite_signals:{symbol}_composite_signal", 600),
            latest_price: key("wagehood:market_data:latest_price_{symbol}", 60),
            latest: key("wagehood:latest:{symbol}", 600),
            performance: HashSpec::new("wagehood:performance:{timeframe}:{strategy}"),
            statistics: key("wagehood:statistics:{symbol}_{timeframe}", 300),
            market_correlation: "wagehood:market_correlation:15m".to_owned(),
            compat: CompatNames::new("wagehood:"),
        }
    }
}

/// A family of hashes, by timeframe and strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashSpec {
    /// What stands before, between and behind the two.
    parts: [String; 3],
    /// Whether the strategy comes first.
    swapped: bool,
}

impl HashSpec {
    /// Keys made by filling in `{timeframe}` and `{strategy}`.
    #[must_use]
    pub fn new(template: &str) -> Self {
        let swapped = template.find("{strategy}") < template.find("{timeframe}");
        let [first, second] = if swapped { ["{strategy}", "{timeframe}"] } else { ["{timeframe}", "{strategy}"] };
        let (before, rest) = template.split_once(first).unwrap_or((template, ""));
        let (between, after) = rest.split_once(second).unwrap_or((rest, ""));
        Self { parts: [before, between, after].map(str::to_owned), swapped }
    }

    /// Appends the key of a timeframe and a strategy.
    pub(super) fn push(&self, out: &mut Vec<u8>, [timeframe, strategy]: [&str; 2]) {
        let labels = if self.swapped { [strategy, timeframe] } else { [timeframe, strategy] };
        for (part, label) in self.parts.iter().zip(labels.iter().chain([&""])) {
            out.extend_from_slice(part.as_bytes());
            out.extend_from_slice(label.as_bytes());
        }
    }
}

impl StreamSpec {
    /// A stream, or a family of them: by its prefix, or with `{timeframe}` where the name of each differs.
    #[must_use]
    pub fn new(name: &str, maxlen: u64) -> Self {
        let (name, tail) = name.split_once("{timeframe}").unwrap_or((name, ""));
        Self { name: name.to_owned(), tail: tail.to_owned(), maxlen, untrimmed: [0; MAX_TIMEFRAMES] }
    }

    /// The name of the stream of the family that has this suffix.
    #[must_use]
    pub fn named(&self, suffix: &str) -> String {
        format!("{}{suffix}{}", self.name, self.tail)
    }

    /// Opens an `XADD` with `fields` fields to the stream.
    #[inline]
    pub(super) fn xadd<'a>(&mut self, commands: &'a mut Commands, fields: usize) -> Command<'a> {
        self.xadd_to(commands, 0, "", fields)
    }

    /// Opens an `XADD` with `fields` fields to the stream, of which so many entries are kept.
    pub(super) fn xadd_kept<'a>(&self, commands: &'a mut Commands, entries: u64, fields: usize) -> Command<'a> {
        let mut command = commands.command(6 + 2 * fields);
        command.arg("XADD").arg(&self.name).arg("MAXLEN").arg("~").uint(entries).arg("*");
        command
    }

    /// Opens an `XADD` with `fields` fields to the stream of the family that has this suffix; a suffix always has the
    /// same index.
    #[inline]
    pub(super) fn xadd_to<'a>(
        &mut self,
        commands: &'a mut Commands,
        index: usize,
        suffix: &str,
        fields: usize,
    ) -> Command<'a> {
        let untrimmed = &mut self.untrimmed[index % MAX_TIMEFRAMES];
        let trims = *untrimmed == 0;
        *untrimmed = (*untrimmed + 1) % TRIM_EVERY;
        let mut command = commands.command(if trims { 6 } else { 3 } + 2 * fields);
        command.arg("XADD");
        if self.tail.is_empty() {
            command.arg_pair(&self.name, suffix);
        } else {
            command.arg_with(|out| {
                [&*self.name, suffix, &*self.tail].iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
            });
        }
        if trims {
            command.arg("MAXLEN").arg("~").uint(self.maxlen);
        }
        command.arg("*");
        command
    }
}

impl KeySpec {
    /// Keys made by filling in `{symbol}` and, behind it, `{timeframe}` where the template has it; their values live
    /// for `ttl_s` seconds, or forever if that is 0.
    #[must_use]
    pub fn new(template: &str, ttl_s: u64) -> Self {
        let (before, rest) = template.split_once("{symbol}").unwrap_or((template, ""));
        let (between, after) = rest.split_once("{timeframe}").unwrap_or((rest, ""));
        Self { parts: [before, between, after].map(str::to_owned), ttl_s }
    }

    /// Appends a `SET` of the key of a symbol (and timeframe or other name, else empty) to `JSON:` and what `write`
    /// appends. It lives as long as the family says, and in any case until bars of `timeframe` have renewed it.
    #[inline]
    pub(super) fn set(
        &self,
        commands: &mut Commands,
        labels: [&str; 2],
        timeframe: Timeframe,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.set_as(commands, labels, timeframe, |out| {
            out.extend_from_slice(b"JSON:");
            write(out);
        });
    }

    /// The same with a value in a form of its own.
    #[inline]
    pub(super) fn set_as(
        &self,
        commands: &mut Commands,
        labels: [&str; 2],
        timeframe: Timeframe,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut command = commands.command(if self.ttl_s == 0 { 3 } else { 5 });
        command.arg("SET").arg_with(|out| self.push(out, labels));
        command.arg_with(write);
        if self.ttl_s != 0 {
            command.arg("EX").uint(self.life_s(timeframe));
        }
    }

    /// Appends the key of a symbol (and timeframe or other name, else empty).
    #[inline]
    pub(super) fn push(&self, out: &mut Vec<u8>, labels: [&str; 2]) {
        for (part, label) in self.parts.iter().zip(labels.iter().chain([&""])) {
            out.extend_from_slice(part.as_bytes());
            out.extend_from_slice(label.as_bytes());
        }
    }

    /// How long a value lives that bars of this timeframe renew, s; 0 for ever.
    #[inline]
    pub(super) fn life_s(&self, timeframe: Timeframe) -> u64 {
        if self.ttl_s == 0 { 0 } else { self.ttl_s.max(renewed_s(timeframe)) }
    }

    /// Time after which a value that is not refreshed expires, s; 0 for never.
    #[must_use]
    pub fn ttl_s(&self) -> u64 {
        self.ttl_s
    }
}

/// Time in which bars of a timeframe renew a value while their symbol lives: some may be missing, and days and longer have
/// weekends and holidays, s.
fn renewed_s(timeframe: Timeframe) -> u64 {
    let interval_s = (timeframe.interval_ms() / 1_000).unsigned_abs();
    3 * interval_s + if interval_s >= DAY_S { 7 * DAY_S } else { 0 }
}

/// A day, s.
const DAY_S: u64 = 86_400;

/// The kind of an input, which decides how its records are identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// A Redis stream: records are named `<ms>-<seq>`.
    Stream,
    /// A file: records are named `<name>:<line>`.
    File {
        /// Name of the file, without its folder.
        name: String,
    },
}

/// The inputs, by [`SourceId::input`].
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<InputKind>);

impl Sources {
    /// The inputs in the configuration's order.
    #[must_use]
    pub fn new(inputs: Vec<InputKind>) -> Self {
        Self(inputs)
    }

    /// The name of the file that a record is a line of; `None` of an entry of a stream.
    #[inline]
    pub(super) fn file(&self, source: SourceId) -> Option<&str> {
        match self.0.get(source.index()) {
            Some(InputKind::File { name }) => Some(name),
            _ => None,
        }
    }

    /// Appends the name of a record; an input that is not in the table counts as a stream.
    #[inline]
    pub fn push_id(&self, out: &mut Vec<u8>, source: SourceId) {
        if let Some(name) = self.file(source) {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            push_u64(out, source.id.ms);
        } else {
            source.id.push(out);
        }
    }
}

/// The tables that turn identities into names.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Symbols and timeframes.
    pub directory: &'a Directory,
    /// Inputs.
    pub sources: &'a Sources,
}
