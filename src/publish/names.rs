//! Where results go, and the names that go with them: fixed at start.

use crate::model::{Directory, MAX_TIMEFRAMES, SourceId};
use crate::redis_io::{Command, Commands};
use crate::text::push_u64;

/// A stream that is written, or a family of them with a common prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSpec {
    /// Name of the stream, or the prefix of the names.
    pub name: String,
    /// Entries that the stream keeps, approximately (`MAXLEN ~`).
    pub maxlen: u64,
    /// By stream of the family: entries since it was trimmed last.
    untrimmed: [u8; MAX_TIMEFRAMES],
}

/// A stream is trimmed with the first of so many entries. It is a few entries longer for it, as it is for the size of its
/// nodes; and the server is spared three arguments and a look for its oldest node, some 7 % of what a signal costs it.
const TRIM_EVERY: u8 = 16;

/// A family of keys that hold latest values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// What stands before the symbol, between it and the timeframe (or the end), and behind the timeframe.
    parts: [String; 3],
    /// Time after which an unrefreshed value expires, seconds; 0 keeps it for ever.
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
    /// Latest results of a symbol.
    pub calculations: KeySpec,
    /// Latest indicators of a symbol on a timeframe.
    pub timeframe_indicators: KeySpec,
    /// Latest composite signal of a symbol.
    pub composite_signals: KeySpec,
    /// Latest bar of a symbol.
    pub latest_price: KeySpec,
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
            calculations: key("wagehood:calculations:{symbol}_complete", 300),
            timeframe_indicators: key("wagehood:timeframe_indicators:{symbol}_{timeframe}", 300),
            composite_signals: key("wagehood:composite_signals:{symbol}_composite_signal", 600),
            latest_price: key("wagehood:market_data:latest_price_{symbol}", 60),
        }
    }
}

impl StreamSpec {
    /// A stream, or a family of them by its prefix.
    #[must_use]
    pub fn new(name: &str, maxlen: u64) -> Self {
        Self { name: name.to_owned(), maxlen, untrimmed: [0; MAX_TIMEFRAMES] }
    }

    /// Opens an `XADD` of so many fields to the stream.
    #[inline]
    pub(super) fn xadd<'a>(&mut self, commands: &'a mut Commands, fields: usize) -> Command<'a> {
        self.xadd_to(commands, 0, "", fields)
    }

    /// Opens an `XADD` of so many fields to the stream of the family with this suffix, which always has the same index.
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
        command.arg("XADD").arg_pair(&self.name, suffix);
        if trims {
            command.arg("MAXLEN").arg("~").uint(self.maxlen);
        }
        command.arg("*");
        command
    }
}

impl KeySpec {
    /// Keys made by filling in `{symbol}` and, behind it, `{timeframe}` where the template has it; their values live
    /// for `ttl_s` seconds, or for ever where that is 0.
    #[must_use]
    pub fn new(template: &str, ttl_s: u64) -> Self {
        let (before, rest) = template.split_once("{symbol}").unwrap_or((template, ""));
        let (between, after) = rest.split_once("{timeframe}").unwrap_or((rest, ""));
        Self { parts: [before, between, after].map(str::to_owned), ttl_s }
    }

    /// Appends a `SET` of the key of a symbol (and timeframe, else empty) to what `write` appends, with the family's
    /// lifetime.
    #[inline]
    pub(super) fn set(&self, commands: &mut Commands, labels: [&str; 2], write: impl FnOnce(&mut Vec<u8>)) {
        let mut command = commands.command(if self.ttl_s == 0 { 3 } else { 5 });
        command.arg("SET").arg_with(|out| {
            for (part, label) in self.parts.iter().zip(labels.iter().chain([&""])) {
                out.extend_from_slice(part.as_bytes());
                out.extend_from_slice(label.as_bytes());
            }
        });
        command.arg_with(|out| {
            out.extend_from_slice(b"JSON:");
            write(out);
        });
        if self.ttl_s != 0 {
            command.arg("EX").uint(self.ttl_s);
        }
    }
}

/// What an input is, as far as the identities of its records are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
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
pub struct Sources(Vec<Source>);

impl Sources {
    /// The inputs in the configuration's order.
    #[must_use]
    pub fn new(inputs: Vec<Source>) -> Self {
        Self(inputs)
    }

    /// Appends the name of a record; an input that is not in the table counts as a stream.
    #[inline]
    pub fn push_id(&self, out: &mut Vec<u8>, source: SourceId) {
        if let Some(Source::File { name }) = self.0.get(usize::from(source.input)) {
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
