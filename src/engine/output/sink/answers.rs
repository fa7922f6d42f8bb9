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
    /// It is committed, and too few replicas are known to have it.
    Short,
}

/// Reads the answers to a batch: a simple string a command, the results of its `EXEC`, where replicas count that of the `WAIT`
/// behind it, and with a lease those of the `WATCH` and `GET` behind that.
#[derive(Debug)]
pub(super) struct Answers {
    /// Whether the lease was ours when it was looked at last, on this connection.
    pub armed: bool,
    /// How many replicas must have a batch.
    replicas: u32,
    /// Whether so many have the one that was committed.
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
    pub fn new(replicas: u32) -> Self {
        Self {
            armed: true,
            replicas,
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
            // Where no replicas count, the answer to their command is left out.
            return match (index - self.exec_at + u32::from(self.replicas == 0), element, lease) {
                (_, Token::Error(text), _) => Err(SinkError::no_transaction(address, text)),
                (1, Token::Int(have), lease) => {
                    self.short = have < i64::from(self.replicas);
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
        if lease.is_none() && self.replicas == 0 {
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
