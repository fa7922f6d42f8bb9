//! What becomes of commands that a committed batch was committed without: each is named in the dead letters. Cold, and
//! blocks: the engine ends after it, because another program uses its keys. And of streams that a batch cannot make.

use super::RedisSink;
use crate::{
    publish::StreamSpec,
    redis_io::{Limits, Token, token},
};
use redis::{Cmd, cmd};
use std::{collections::BTreeSet, time::Duration};

/// Longest wait for the answer to one letter.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Most letters that are written, and lines that are said.
const LETTERS_MAX: usize = 100_000;
const LINES_MAX: usize = 10;

/// A command that failed: its number, not counting the `MULTI`, and the server's words.
pub(super) type Failure = (u32, String);

impl RedisSink {
    /// Names what is lost in this stream from here on.
    pub fn name_losses_in(&mut self, stream: StreamSpec) {
        self.dead_letter = Some(stream);
    }

    /// Writes a dead letter for each command of the batch that failed.
    #[cold]
    pub(super) fn name_losses(&mut self) {
        let failures = std::mem::take(&mut self.answers.failures);
        let flying = std::mem::take(&mut self.flying);
        let commands = commands(flying.bytes());
        let (mut named, mut why) = (0, String::new());
        for (number, text) in failures.iter().take(LETTERS_MAX) {
            let Some(command) = commands.get(*number as usize + 1) else { continue };
            let key = command.get(1).map_or_else(String::new, |key| key.escape_ascii().to_string());
            if named < LINES_MAX {
                self.say(format!("lost: {} of {key} was not written: {text}", command[0].escape_ascii()));
            }
            match self.letter(*number, text, command) {
                Ok(()) => named += 1,
                Err(error) => {
                    why = format!(", the others could not be: {error}");
                    break;
                }
            }
        }
        drop(commands);
        self.flying = flying;
        let all = failures.len();
        self.say(format!("lost: {all} commands of a batch that was committed failed; {named} of them are named in the dead letters{why}"));
    }

    /// Makes the streams that the batch is the first to write to, with nothing in them: a node of a cluster that is still being
    /// given their slot runs no transaction on a key that is not there. Where that fails, the batch waits.
    #[cold]
    pub(super) fn make_streams(&mut self) {
        let flying = std::mem::take(&mut self.flying);
        let all = commands(flying.bytes());
        let keys: BTreeSet<&[u8]> =
            all.iter().filter(|command| command[0] == b"XADD").map(|command| command[1]).collect();
        for key in keys {
            if self.link.ask_within::<String>(&Cmd::key_type(key), TIMEOUT).is_ok_and(|found| found == "none") {
                let group = |word: &str| cmd("XGROUP").arg(word).arg(key).arg("wagehood-engine").clone();
                let _ = self.link.ask_within::<()>(group("CREATE").arg("$").arg("MKSTREAM"), TIMEOUT);
                let _ = self.link.ask_within::<()>(&group("DESTROY"), TIMEOUT);
            }
        }
        drop(all);
        self.flying = flying;
    }

    fn letter(&mut self, number: u32, text: &str, command: &[&[u8]]) -> Result<(), String> {
        let Some(stream) = &self.dead_letter else { return Err("there are none".to_owned()) };
        let mut letter = cmd("XADD");
        letter.arg(&stream.name).arg("MAXLEN").arg("~").arg(stream.maxlen).arg("*").arg("reason").arg("not_written");
        letter.arg("source_stream").arg(command.get(1).copied().unwrap_or_default());
        letter.arg("source_id").arg(format!("{}:{number}", String::from_utf8_lossy(&self.name)));
        letter.arg("command").arg(command[0]).arg("error").arg(text);
        // The fields of an entry stand behind its id; of another command everything is kept behind the key.
        let star = command.iter().position(|arg| *arg == b"*").filter(|_| command[0] == b"XADD");
        match star {
            Some(at) => fields(&mut letter, &command[at + 1..]),
            None => command.iter().skip(2).for_each(|arg| _ = letter.arg("argument").arg(arg)),
        }
        self.link.ask_within::<()>(&letter, TIMEOUT).map_err(|error| error.to_string())
    }

    fn say(&self, line: String) {
        if let Some(recovery) = &self.recovery {
            recovery.dial.incidents().note(line);
        }
    }
}

fn fields(letter: &mut Cmd, pairs: &[&[u8]]) {
    pairs.iter().for_each(|part| _ = letter.arg(part));
}

/// The commands of a batch, each as its arguments.
fn commands(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let (mut all, mut pos) = (Vec::new(), 0);
    while let Ok(Some((Token::Array(count), mut next))) = token(bytes, pos, &Limits::NONE) {
        let mut command = Vec::with_capacity(count);
        for _ in 0..count {
            let Ok(Some((Token::Bulk(arg), after))) = token(bytes, next, &Limits::NONE) else { return all };
            command.push(arg);
            next = after;
        }
        if command.is_empty() {
            return all;
        }
        all.push(command);
        pos = next;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis_io::Commands;

    #[test]
    fn a_batch_reads_back_as_its_commands() {
        let mut batch = Commands::default();
        batch.command(1).arg("MULTI");
        batch.command(3).arg("SET").arg("k").arg([0u8, 255, 13, 10]);
        let found = commands(batch.bytes());
        assert_eq!(found, [vec![&b"MULTI"[..]], vec![b"SET", b"k", &[0, 255, 13, 10]]]);
        assert_eq!(commands(&batch.bytes()[..20]).len(), 1);
    }
}
