//! Where results go, and the names that go with them: fixed at start, read by the encoders.

use crate::model::{Directory, SourceId};
use crate::redis_io::{Command, Commands};
use crate::text::push_u64;

/// A stream that is written, or a family of them with a common prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSpec {
    /// Name of the stream, or the prefix of the names.
    pub name: String,
    /// Entries that the stream keeps, approximately (`MAXLEN ~`).
    pub maxlen: u64,
}

/// A family of keys that hold latest values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// Prefix of the keys, up to the symbol.
    pub prefix: String,
    /// Time after which an unrefreshed value expires, seconds; 0 keeps it for ever.
    pub ttl_s: u64,
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
    /// Latest results: `<prefix><SYM>_complete`.
    pub calculations: KeySpec,
    /// Latest indicators of a timeframe: `<prefix><SYM>_<tf>`.
    pub timeframe_indicators: KeySpec,
    /// Latest composite signal: `<prefix><SYM>_composite_signal`.
    pub composite_signals: KeySpec,
    /// Latest bar: `<prefix><SYM>`.
    pub latest_price: KeySpec,
}

impl Default for OutputNames {
    fn default() -> Self {
        let stream = |name: &str, maxlen| StreamSpec { name: name.to_owned(), maxlen };
        let key = |prefix: &str, ttl_s| KeySpec { prefix: prefix.to_owned(), ttl_s };
        Self {
            signals: stream("signals", 10_000),
            bars: stream("market_data_", 10_000),
            calculation_events: stream("calculation_events_stream", 5_000),
            alerts: stream("alert_stream", 1_000),
            dead_letter: stream("market_data_dead_letter", 10_000),
            calculations: key("wagehood:calculations:", 300),
            timeframe_indicators: key("wagehood:timeframe_indicators:", 300),
            composite_signals: key("wagehood:composite_signals:", 600),
            latest_price: key("wagehood:market_data:latest_price_", 60),
        }
    }
}

impl StreamSpec {
    /// Opens an `XADD` of so many fields to the stream, or to the one of the family with this suffix.
    #[inline]
    pub(super) fn xadd<'a>(&self, commands: &'a mut Commands, suffix: &str, fields: usize) -> Command<'a> {
        let mut command = commands.command(6 + 2 * fields);
        command.arg("XADD").arg_pair(&self.name, suffix).arg("MAXLEN").arg("~").uint(self.maxlen).arg("*");
        command
    }
}

impl KeySpec {
    /// Appends a `SET` of the key `<prefix><symbol><suffix…>` to what `write` appends, with the family's lifetime.
    #[inline]
    pub(super) fn set(&self, commands: &mut Commands, rest: [&str; 3], write: impl FnOnce(&mut Vec<u8>)) {
        let mut command = commands.command(if self.ttl_s == 0 { 3 } else { 5 });
        command.arg("SET").arg_with(|out| {
            out.extend_from_slice(self.prefix.as_bytes());
            rest.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
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
    pub fn push_id(&self, out: &mut Vec<u8>, id: SourceId) {
        if let Some(Source::File { name }) = self.0.get(usize::from(id.input)) {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            push_u64(out, id.major);
        } else {
            push_u64(out, id.major);
            out.push(b'-');
            push_u64(out, id.minor);
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
