//! What the server answers to one batch, command by command. Pure.

use super::{SinkError, losses::Failure};
use crate::{
    publish::Lease,
    redis_io::{Limits, ServerErrorKind, Token, token},
};

/// Reads the answers to a batch: a simple string a command, the results of its `EXEC`, and with a lease those of the
/// `WATCH` and `GET` behind it.
#[derive(Debug)]
pub(super) struct Answers {
    /// Whether the lease was ours when it was looked at last, on this connection.
    pub armed: bool,
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
    pub fn new() -> Self {
        Self { armed: true, exec_at: 0, taken: 0, refused: None, outcome: None, failures: Vec::new() }
    }

    /// Expects the answers to a batch whose `EXEC` is this command.
    pub fn expect(&mut self, exec_at: u32) {
        self.exec_at = exec_at;
        self.restart();
    }

    /// Expects the answers to the same batch from the first on.
    pub fn restart(&mut self) {
        (self.taken, self.refused, self.outcome) = (0, None, None);
        self.failures.clear();
    }

    /// Takes the next answer, of the server at this address, to a batch under this lease; true where the batch is
    /// committed.
    pub fn take(&mut self, reply: &[u8], lease: Option<&Lease>, address: &str) -> Result<bool, SinkError> {
        let index = self.taken;
        self.taken += 1;
        let shape = || SinkError::shape(address);
        let Some((element, next)) = token(reply, 0, &Limits::NONE).unwrap_or(None) else { return Err(shape()) };
        if index < self.exec_at {
            return self.queued(index, element, address).map(|()| false);
        }
        if index > self.exec_at {
            return match (index - self.exec_at, element, lease) {
                (_, Token::Error(text), _) => Err(SinkError::no_transaction(address, text)),
                (1, Token::Simple(_), _) => Ok(false),
                (2, found, Some(lease)) => {
                    self.armed = found == Token::Bulk(lease.value.as_bytes());
                    self.outcome.take().unwrap_or_else(|| Err(shape())).map(|()| true)
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
        if lease.is_none() {
            return outcome.map(|()| true);
        }
        self.outcome = Some(outcome);
        Ok(false)
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
