//! Compares the input streams with the position that the engine has saved.

use super::item::{Check, Finding, Judgement, Section};
use crate::model::StreamId;
use crate::redis_io::{Another, Link, LinkError, Remembered, ServerErrorKind, StreamInfo};
use redis::{Cmd, Value};

/// Number of entries fetched at once, and maximum counted.
const PAGE: usize = 1_000;
const COUNTED_MAX: u64 = 20_000;
/// Backlog from which on the item warns, entries.
const LAG_MAX: u64 = 1_000;

/// One input stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamProbe {
    /// Name of the stream.
    pub name: String,
    /// State of the stream.
    pub state: StreamState,
    /// Whether the key has a lifetime; `None` if that is not known.
    pub expires: Option<bool>,
}

/// The content of a key, with the saved position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamState {
    /// The key does not exist.
    Absent,
    /// The key holds another type.
    WrongType,
    /// The server refused the query.
    Unknown(String),
    /// The key holds a stream.
    Present {
        /// Number of entries.
        length: u64,
        /// Id of the first entry; `None` if the stream is empty.
        first: Option<StreamId>,
        /// Id of the last entry ever added.
        last: StreamId,
        /// The saved position, if any; an error if it is not an entry id.
        position: Result<Option<StreamId>, String>,
        /// Number of entries after the position, and whether counting stopped at the maximum.
        lag: (u64, bool),
        /// Whether the server counts the entries ever added.
        counted: bool,
        /// What shows that the stream is another one than the engine has read, if anything does.
        another: Option<Another>,
    },
}

impl StreamProbe {
    pub(super) fn ask(link: &mut Link, name: &str, position_key: &str) -> Self {
        let state = Self::state(link, name, position_key).unwrap_or_else(|error| match error {
            LinkError::Server { kind: ServerErrorKind::WrongType, .. } => StreamState::WrongType,
            error => StreamState::Unknown(error.to_string()),
        });
        let expires = link.ask(&Cmd::pttl(name)).ok().map(|ms: i64| ms >= 0);
        Self { name: name.to_owned(), state, expires }
    }

    fn state(link: &mut Link, name: &str, position_key: &str) -> Result<StreamState, LinkError> {
        if !link.ask::<bool>(&Cmd::exists(name))? {
            return Ok(StreamState::Absent);
        }
        let info = StreamInfo::ask(link, name)?;
        let saved: Option<Vec<u8>> = link.ask(&Cmd::hget(position_key, name))?;
        let position = match saved {
            None => Ok(None),
            Some(text) => match StreamId::parse(&text) {
                Some(id) => Ok(Some(id).filter(|id| *id != StreamId::default())),
                None => Err(text.escape_ascii().to_string()),
            },
        };
        let lag = match position {
            Ok(Some(position)) => count_after(link, name, position)?,
            _ => (info.length, false),
        };
        let first = (info.length > 0).then_some(info.first);
        let another = match position {
            Ok(Some(position)) => another(link, name, position_key, position, &info)?,
            _ => None,
        };
        let counted = info.added.is_some();
        Ok(StreamState::Present { length: info.length, first, last: info.last, position, lag, counted, another })
    }

    /// The item of this stream.
    pub(super) fn item(&self) -> Finding {
        let check = Check::new(Section::Redis, &format!("stream {}", self.name), format!("≤ {LAG_MAX} entries behind"));
        match &self.state {
            StreamState::Unknown(reason) => check.unknown(reason.clone()),
            StreamState::WrongType => check
                .why("the engine reads entries from this key")
                .fix("another program uses this key: correct [[input.streams]]")
                .is(Judgement::Fail, "another type of value"),
            StreamState::Absent => check
                .why("the engine reads nothing until a program writes to this stream")
                .fix("correct [[input.streams]], or start the feed")
                .is(Judgement::Warn, "not there"),
            StreamState::Present { another: Some(another), .. } => check
                .why("the engine does not start: entries would be waited for in vain, or be lost or published twice")
                .fix("if it is as it should be: run --accept-loss, or run --from ID, once")
                .is(Judgement::Fail, format!("it {another}")),
            StreamState::Present { counted: false, .. } => check
                .why(
                    "this server does not count the entries of a stream: of what is trimmed unread some is not noticed",
                )
                .fix("Redis 7.0 or later")
                .is(Judgement::Fail, "entries ever added: not told"),
            StreamState::Present { length, first, position, lag, .. } => {
                present(check, *length, *first, position, *lag)
            }
        }
    }
}

/// What shows that a stream is another one than the engine has read.
fn another(
    link: &mut Link,
    name: &str,
    position_key: &str,
    position: StreamId,
    info: &StreamInfo,
) -> Result<Option<Another>, LinkError> {
    let mut field = |field: String| link.ask::<Option<String>>(&Cmd::hget(position_key, field));
    let entries = field(format!("entries:{name}"))?.and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    let first = field(format!("first:{name}"))?.and_then(|text| StreamId::parse(text.as_bytes()));
    let at = position.to_string();
    let holds = !link.ask::<Vec<(StreamId, Value)>>(&Cmd::xrange(name, &at, &at))?.is_empty();
    Ok(Remembered { position, entries, first }.compare(Some(info), holds))
}

fn present(
    check: Check,
    length: u64,
    first: Option<StreamId>,
    position: &Result<Option<StreamId>, String>,
    (lag, more): (u64, bool),
) -> Finding {
    let position = match position {
        Err(text) => {
            let check =
                check.why("the engine does not start from it").fix("delete the field, and the engine starts anew");
            return check.is(Judgement::Fail, format!("the saved position is {text:?}, which is no entry id"));
        }
        Ok(None) => {
            let check = check.why("a first start reads from input.start; all of it is history");
            return check.is(Judgement::Pass, format!("{length} entries, no position saved yet"));
        }
        Ok(Some(position)) => *position,
    };
    let text = |id: StreamId| {
        let mut out = Vec::new();
        id.push(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    // It is unknown whether entries were between the two: the last entry trimmed may be the position itself.
    if let Some(first) = first.filter(|first| *first > position) {
        let check = check
            .why("entries between the two were trimmed before the engine read them")
            .fix("raise the feed's MAXLEN, or stop the engine for less time");
        return check.is(Judgement::Warn, format!("begins at {}, after position {}", text(first), text(position)));
    }
    let check =
        check.why("entries that wait here are late already").fix("check that the engine runs, and that it keeps up");
    let current = format!("{}{lag} behind of {length}", if more { "over " } else { "" });
    check.holds(lag <= LAG_MAX, Judgement::Warn, current)
}

/// Number of entries after a position, and whether counting stopped at the maximum.
fn count_after(link: &mut Link, name: &str, position: StreamId) -> Result<(u64, bool), LinkError> {
    let (mut count, mut from) = (0, position);
    loop {
        // Servers before 6.2 do not know the exclusive `(`.
        let Some(seq) = from.seq.checked_add(1) else { return Ok((count, true)) };
        let begin = format!("{}-{seq}", from.ms);
        let page: Vec<(StreamId, Value)> = link.ask(&Cmd::xrange_count(name, begin, "+", PAGE))?;
        count += page.len() as u64;
        match page.last() {
            Some((last, _)) if page.len() == PAGE && count < COUNTED_MAX => from = *last,
            _ => return Ok((count, page.len() == PAGE)),
        }
    }
}
