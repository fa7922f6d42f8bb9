//! The journal: what a second reading cannot derive from the entries, in a stream of its own. Written in the transaction that holds the
//! effects; read at start, which blocks.

use crate::{
    feed::streams::{Exception, Place},
    model::{SourceId, StreamId},
    publish::StreamSpec,
    redis_io::{Commands, Link, LinkError},
};
use redis::Cmd;
use std::collections::HashMap;

/// Entries read at a time.
const PAGE: usize = 1_000;

/// The fields of an entry by name.
type Fields = HashMap<Vec<u8>, Vec<u8>>;

/// Appends an `XADD` of an exception; `inputs` are the names of the streams.
pub(super) fn xadd_exception(commands: &mut Commands, journal: &StreamSpec, exception: &Exception, inputs: &[String]) {
    let name = |source: &SourceId| inputs.get(source.index()).map_or("", String::as_str);
    let Exception { place, source, moment, offset_ms } = exception;
    let fields = 5 + usize::from(moment.is_some()) + usize::from(offset_ms.is_some());
    let mut command = commands.command(6 + 2 * fields);
    command.arg("XADD").arg(&journal.name).arg("MAXLEN").arg("~").uint(journal.maxlen).arg("*");
    command.arg("after_stream").arg(name(&place.source)).arg("after_id").arg_with(|out| place.source.id.push(out));
    command.arg("number").uint(place.behind.into());
    command.arg("stream").arg(name(source)).arg("id").arg_with(|out| source.id.push(out));
    for (name, value) in [("moment_ms", moment), ("offset_ms", offset_ms)] {
        if let Some(value) = value {
            command.arg(name).int(*value);
        }
    }
}

/// Reads a journal from its beginning; what is of other streams than `inputs` is left out.
///
/// # Errors
/// A server that is gone or refuses.
pub fn load_journal(link: &mut Link, key: &str, inputs: &[&str]) -> Result<Vec<Exception>, LinkError> {
    let mut journal = Vec::new();
    let mut from = "-".to_owned();
    loop {
        let page: Vec<(String, Fields)> = link.ask(&Cmd::xrange_count(key, &from, "+", PAGE))?;
        journal.extend(page.iter().filter_map(|(_, fields)| exception(fields, inputs)));
        match page.last() {
            Some((id, _)) if page.len() == PAGE => from = format!("({id}"),
            _ => return Ok(journal),
        }
    }
}

fn exception(fields: &Fields, inputs: &[&str]) -> Option<Exception> {
    let field = |name: &str| std::str::from_utf8(fields.get(name.as_bytes())?).ok();
    let source = |stream: &str, id: &str| {
        let input = inputs.iter().position(|input| Some(*input) == field(stream))?;
        Some(SourceId { id: StreamId::parse(field(id)?.as_bytes())?, input: u32::try_from(input).ok()? })
    };
    let place = Place { source: source("after_stream", "after_id")?, behind: field("number")?.parse().ok()? };
    let time = |name: &str| field(name).map(str::parse).transpose().ok();
    let (moment, offset_ms) = (time("moment_ms")?, time("offset_ms")?);
    Some(Exception { place, source: source("stream", "id")?, moment, offset_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis_io::testing::Server;
    use redis::ConnectionLike as _;

    #[test]
    fn what_is_written_reads_back() {
        let server = Server::start(&[]);
        let (mut link, mut oracle) = (server.link(), server.oracle());
        let inputs = ["a".to_owned(), "b".to_owned()];
        let journal = StreamSpec::new("j", 10_000);
        let entry = |ms, input| SourceId { id: StreamId { ms, seq: 3 }, input };
        let all: Vec<Exception> = (1..=1_500u32)
            .map(|i| Exception {
                place: Place { source: entry(7, 1), behind: i },
                source: entry(i.into(), i % 2),
                moment: (i % 3 == 0).then_some(5),
                offset_ms: (i % 5 == 0).then_some(-3_600_000),
            })
            .collect();
        for exception in &all {
            let mut commands = Commands::default();
            xadd_exception(&mut commands, &journal, exception, &inputs);
            oracle.req_packed_command(commands.bytes()).unwrap();
        }
        assert_eq!(load_journal(&mut link, "j", &["a", "b"]).unwrap(), all);
        assert_eq!(load_journal(&mut link, "j", &["b"]).unwrap().len(), 750);
        assert_eq!(load_journal(&mut link, "absent", &["b"]).unwrap(), []);
    }
}
