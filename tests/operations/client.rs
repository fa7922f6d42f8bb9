//! A client that says exactly what a test wants it to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than any answer should take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&at, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and reads until the other end closes; `None` where it closes without an answer.
pub fn say(at: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = connect(at);
    // One that is cut meanwhile has been answered already, or never will be.
    let _ = stream.write_all(bytes);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Asks for a path, with further header lines.
pub fn get_with(at: SocketAddr, path: &str, headers: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n{headers}\r\n");
    say(at, request.as_bytes()).unwrap_or_else(|| panic!("no answer to {path}"))
}

pub fn get(at: SocketAddr, path: &str) -> Answer {
    get_with(at, path, "")
}

/// One who listens to events.
pub struct Listener {
    lines: BufReader<TcpStream>,
}

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub data: String,
}

impl Listener {
    pub fn new(at: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = connect(at);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\n{headers}\r\n").unwrap();
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "closed before the first event");
        }
        Self { lines }
    }

    /// The next event; `None` where the other end has closed.
    pub fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: String::new(), kind: String::new(), data: String::new() };
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", text)) => text.clone_into(&mut event.id),
                Some(("event", text)) => text.clone_into(&mut event.kind),
                Some(("data", text)) => text.clone_into(&mut event.data),
                None if !event.kind.is_empty() => return Some(event),
                _ => {}
            }
        }
    }

    /// The next event of a kind.
    #[track_caller]
    pub fn next_of(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next().expect("closed");
            if event.kind == kind {
                return event;
            }
        }
    }
}
