//! One WebSocket: what is said and heard, and whether the other side is there at all. Never blocks.

use super::dial::FeedSocket;
use crate::runtime::Interests;
use std::{collections::VecDeque, io, os::fd::AsFd};
use tungstenite::{Error, Message};

/// Messages that are read at a time.
const AT_A_TIME: usize = 2_048;

/// Times of a session.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// Between two pings, ns.
    pub ping_ns: u64,
    /// Longest wait for the answer to a ping, ns.
    pub pong_ns: u64,
    /// Longest time without data, ns; 0 for any.
    pub idle_ns: u64,
    /// Shortest time between two messages of ours, ns.
    pub say_ns: u64,
}

/// A connection that is open.
#[derive(Debug)]
pub struct WebSession {
    socket: FeedSocket,
    manners: Manners,
    opened_ns: u64,
    data_ns: u64,
    /// When the last ping was sent, and whether its answer has come.
    pinged_ns: u64,
    answered: bool,
    said_ns: u64,
    to_say: VecDeque<String>,
    /// Whether part of what was said has not been taken by the socket yet.
    unsent: bool,
}

/// What came of a look at the socket.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    /// Something came.
    pub heard: bool,
    /// There was no more: what the other side had said up to now has been heard.
    pub drained: bool,
}

impl WebSession {
    /// A session over a socket that is open since now.
    pub fn new(socket: FeedSocket, manners: Manners, now_ns: u64) -> Self {
        Self {
            socket,
            manners,
            opened_ns: now_ns,
            data_ns: now_ns,
            pinged_ns: now_ns,
            answered: true,
            said_ns: 0,
            to_say: VecDeque::new(),
            unsent: false,
        }
    }

    /// Since when it is open, ns.
    pub fn opened_ns(&self) -> u64 {
        self.opened_ns
    }

    /// Says something, as soon as the manners allow.
    pub fn say(&mut self, text: String) {
        self.to_say.push_back(text);
    }

    /// Reads what has come, says what is to be said.
    ///
    /// # Errors
    /// The connection is over, and why.
    pub fn poll(&mut self, now_ns: u64, mut hear: impl FnMut(&str)) -> Result<Looked, String> {
        let mut looked = Looked::default();
        for _ in 0..AT_A_TIME {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    (looked.heard, self.data_ns) = (true, now_ns);
                    hear(text.as_str());
                }
                Ok(Message::Binary(bytes)) => {
                    (looked.heard, self.data_ns) = (true, now_ns);
                    hear(&String::from_utf8_lossy(&bytes));
                }
                Ok(Message::Pong(_)) => (looked.heard, self.answered) = (true, true),
                Ok(Message::Ping(_) | Message::Frame(_)) => looked.heard = true,
                Ok(Message::Close(frame)) => {
                    let why = frame.map_or_else(String::new, |frame| format!(": {} {}", frame.code, frame.reason));
                    return Err(format!("the exchange has closed the connection{why}"));
                }
                Err(error) if later(&error) => {
                    looked.drained = true;
                    break;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        self.speak(now_ns)?;
        self.mind(now_ns)?;
        Ok(looked)
    }

    fn speak(&mut self, now_ns: u64) -> Result<(), String> {
        if now_ns.saturating_sub(self.pinged_ns) >= self.manners.ping_ns && self.answered {
            (self.pinged_ns, self.answered) = (now_ns, false);
            self.send(Message::Ping(Vec::new().into()))?;
        }
        while now_ns.saturating_sub(self.said_ns) >= self.manners.say_ns
            && let Some(text) = self.to_say.pop_front()
        {
            self.said_ns = now_ns;
            self.send(Message::text(text))?;
        }
        // Also for answers to pings of the other side.
        match self.socket.flush() {
            Ok(()) => self.unsent = false,
            Err(error) if later(&error) => self.unsent = true,
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn send(&mut self, message: Message) -> Result<(), String> {
        match self.socket.write(message) {
            Ok(()) => Ok(()),
            Err(error) if later(&error) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether the other side is there.
    fn mind(&self, now_ns: u64) -> Result<(), String> {
        let since = |ns: u64| now_ns.saturating_sub(ns) as f64 / 1e9;
        if !self.answered && now_ns.saturating_sub(self.pinged_ns) > self.manners.pong_ns {
            return Err(format!("no answer to a ping for {:.1} s", since(self.pinged_ns)));
        }
        if self.manners.idle_ns > 0 && now_ns.saturating_sub(self.data_ns) > self.manners.idle_ns {
            return Err(format!("no data for {:.1} s", since(self.data_ns)));
        }
        Ok(())
    }

    /// Waits for what comes, and for room.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        let fd = self.socket.get_ref().as_fd();
        if self.unsent { set.readable_or_writable(fd) } else { set.readable(fd) }
    }

    /// When it wants to be polled, ns.
    pub fn deadline_ns(&self) -> u64 {
        let Manners { ping_ns, pong_ns, idle_ns, say_ns } = self.manners;
        let mut at_ns = self.pinged_ns + if self.answered { ping_ns } else { pong_ns };
        if idle_ns > 0 {
            at_ns = at_ns.min(self.data_ns + idle_ns);
        }
        if !self.to_say.is_empty() {
            at_ns = at_ns.min(self.said_ns + say_ns);
        }
        at_ns
    }

    /// Says goodbye, where the socket takes it at once.
    pub fn close(mut self) {
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }
}

fn later(error: &Error) -> bool {
    matches!(error, Error::Io(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted))
}
