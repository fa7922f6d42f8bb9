//! What the server answers to one batch, command by command. Pure.

use super::{SinkError, losses::Failure};
use crate::{
    publish::Lease,
    redis_io::{Limits, ServerErrorKind, Token, token},
};

/// What an answer has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// There are more to come.
    More,
    /// The batch is committed.
    Committed,
    /// It is committed, and too few replicas or disks are known to have it.
    Short,
}

/// Reads the answers to a batch: a simple string a command, the results of its `EXEC`, where replicas or disks count that of the
/// `WAIT` or `WAITAOF` behind it, and with a lease those of the `WATCH` and `GET` behind that.
#[derive(Debug)]
pub(super) struct Answers {
    /// Whether the lease was ours when it was looked at last, on this connection.
    pub armed: bool,
    /// How many replicas must have a batch.
    replicas: u32,
    /// Whether on their disks, and that of the server.
    on_disk: bool,
    /// Whether too few have the one that was committed.
    short: bool,
    /// Which command of the batch is the `EXEC`.
    exec_at: u32,
    /// Commands that are answered.
    taken: u32,
    /// The first command that was refused, while the transaction was put together.
    refused: Option<(u32, ServerErrorKind, String)>,
    /// What the `EXEC` of a guarded batch has come to, while the answers behind it are on their way.
    outcome: Option<Result<(), SinkError>>,
    /// The commands that failed within a committed batch.
    pub failures: Vec<Failure>,
}

impl Answers {
    /// Of no batch.
    pub fn new(replicas: u32, on_disk: bool) -> Self {
        Self {
            armed: true,
            replicas,
            on_disk,
            short: false,
            exec_at: 0,
            taken: 0,
            refused: None,
            outcome: None,
            failures: Vec::new(),
        }
    }

    /// Expects the answers to a batch whose `EXEC` is this command.
    pub fn expect(&mut self, exec_at: u32) {
        self.exec_at = exec_at;
        self.restart();
    }

    /// Expects the answers to the same batch from the first on.
    pub fn restart(&mut self) {
        (self.taken, self.refused, self.outcome, self.short) = (0, None, None, false);
        self.failures.clear();
    }

    /// Whether somebody is asked who has a batch.
    fn waits(&self) -> bool {
        self.replicas > 0 || self.on_disk
    }

    /// Expects the answers to a `WAIT` and what follows it once more, for a batch that is committed.
    pub fn wait_again(&mut self) {
        (self.taken, self.outcome) = (self.exec_at + 1, Some(Ok(())));
    }

    /// The last answer but for what a lease asks behind it.
    fn over(&mut self, outcome: Result<(), SinkError>) -> Result<Answered, SinkError> {
        outcome.map(|()| if self.short { Answered::Short } else { Answered::Committed })
    }

    /// Takes the next answer, of the server at this address, to a batch under this lease.
    pub fn take(&mut self, reply: &[u8], lease: Option<&Lease>, address: &str) -> Result<Answered, SinkError> {
        let index = self.taken;
        self.taken += 1;
        let shape = || SinkError::shape(address);
        let Some((element, next)) = token(reply, 0, &Limits::NONE).unwrap_or(None) else { return Err(shape()) };
        if index < self.exec_at {
            return self.queued(index, element, address).map(|()| Answered::More);
        }
        if index > self.exec_at {
            // Where neither replicas nor disks count, the answer to their command is left out.
            return match (index - self.exec_at + u32::from(!self.waits()), element, lease) {
                (1, Token::Error(text), _) if self.on_disk => Err(SinkError::unsaved(address, text)),
                (_, Token::Error(text), _) => Err(SinkError::no_transaction(address, text)),
                (1, found @ (Token::Int(_) | Token::Array(2)), lease) => {
                    let (disk, have) = having(found, reply, next).ok_or_else(shape)?;
                    self.short = have < i64::from(self.replicas) || disk < i64::from(self.on_disk);
                    if lease.is_some() {
                        return Ok(Answered::More);
                    }
                    let outcome = self.outcome.take().unwrap_or_else(|| Err(shape()));
                    self.over(outcome)
                }
                (2, Token::Simple(_), _) => Ok(Answered::More),
                (3, found, Some(lease)) => {
                    self.armed = found == Token::Bulk(lease.value.as_bytes());
                    let outcome = self.outcome.take().unwrap_or_else(|| Err(shape()));
                    self.over(outcome)
                }
                _ => Err(shape()),
            };
        }
        let outcome = match element {
            Token::Array(results) if results + 1 == self.exec_at as usize => {
                self.failures = failures(reply, next);
                match self.failures.first() {
                    None => Ok(()),
                    Some((command, text)) => {
                        Err(SinkError::partly(address, *command, self.failures.len() as u32, text.as_bytes()))
                    }
                }
            }
            Token::Nil if lease.is_some() => Err(SinkError::Fenced { address: address.to_owned() }),
            Token::Error(text) => {
                let first = self.refused.take();
                let (command, kind, text) =
                    first.unwrap_or_else(|| (index - 1, ServerErrorKind::of(text), words(text)));
                Err(SinkError::Refused { address: address.to_owned(), command, kind, text })
            }
            _ => return Err(shape()),
        };
        if lease.is_none() && !self.waits() {
            return self.over(outcome);
        }
        self.outcome = Some(outcome);
        Ok(Answered::More)
    }

    /// Takes the answer to a command before the `EXEC`; the first is the `MULTI`.
    fn queued(&mut self, index: u32, element: Token<'_>, address: &str) -> Result<(), SinkError> {
        match element {
            Token::Simple(_) => Ok(()),
            Token::Error(text) if index == 0 => Err(SinkError::no_transaction(address, text)),
            Token::Error(text) => {
                self.refused.get_or_insert_with(|| (index - 1, ServerErrorKind::of(text), words(text)));
                Ok(())
            }
            _ => Err(SinkError::shape(address)),
        }
    }
}

/// Who has what was committed, as the answer to `WAIT` or `WAITAOF` says: the server's disk, 1 or 0, and how many replicas.
fn having(found: Token<'_>, reply: &[u8], next: usize) -> Option<(i64, i64)> {
    let int = |pos| match token(reply, pos, &Limits::NONE) {
        Ok(Some((Token::Int(number), next))) => Some((number, next)),
        _ => None,
    };
    if let Token::Int(replicas) = found {
        return Some((0, replicas));
    }
    let (disk, next) = int(next)?;
    Some((disk, int(next)?.0))
}

fn words(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The errors among the results that begin at `pos`: which commands failed, and the server's words. Allocates where there is
/// one.
///
/// The results of the commands that are published are single elements.
fn failures(reply: &[u8], mut pos: usize) -> Vec<Failure> {
    let (mut index, mut failures) = (0, Vec::new());
    while let Ok(Some((element, next))) = token(reply, pos, &Limits::NONE) {
        if let Token::Error(text) = element {
            failures.push((index, words(text)));
        }
        index += 1;
        pos = next;
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a batch of one command comes to whose last answer is this one.
    fn over(replicas: u32, on_disk: bool, last: &[u8]) -> Result<Answered, SinkError> {
        let mut answers = Answers::new(replicas, on_disk);
        answers.expect(2);
        for reply in [&b"+OK\r\n"[..], b"+QUEUED\r\n", b"*1\r\n+OK\r\n"] {
            assert_eq!(answers.take(reply, None, "there").unwrap(), Answered::More);
        }
        answers.take(last, None, "there")
    }

    #[test]
    fn a_batch_is_committed_once_disk_and_replicas_have_it() {
        for (replicas, last, wanted) in [
            (0, "*2\r\n:1\r\n:0\r\n", Answered::Committed),
            (0, "*2\r\n:0\r\n:0\r\n", Answered::Short),
            (2, "*2\r\n:1\r\n:1\r\n", Answered::Short),
            (2, "*2\r\n:0\r\n:2\r\n", Answered::Short),
            (2, "*2\r\n:1\r\n:3\r\n", Answered::Committed),
        ] {
            assert_eq!(over(replicas, true, last.as_bytes()).unwrap(), wanted, "{replicas} {last}");
        }
        assert_eq!(over(2, false, b":1\r\n").unwrap(), Answered::Short);
        assert_eq!(over(2, false, b":2\r\n").unwrap(), Answered::Committed);
        // An answer without the disk does not pass for one with it.
        assert_eq!(over(1, true, b":1\r\n").unwrap(), Answered::Short);
        assert!(matches!(over(0, true, b"*2\r\n:1\r\n+OK\r\n"), Err(SinkError::Protocol { .. })));
    }

    #[test]
    fn a_server_that_stops_to_say_what_its_disk_has_ends_the_writing() {
        let error = over(0, true, b"-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n");
        let error = error.unwrap_err();
        assert!(matches!(error, SinkError::Unsaved { .. }) && !error.is_transient(), "{error}");
        assert!(error.to_string().contains("appendonly yes"), "{error}");
    }
}
