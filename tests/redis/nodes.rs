//! Servers that belong together: replicas, sentinels, nodes of a cluster; each a process on a free port, gone with its guard.

use super::server::{Client, program};
use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longer than any of them should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process of a server.
pub struct Node {
    child: Child,
    pub port: u16,
    args: Vec<String>,
    /// Its files are in here.
    _dir: TempDir,
}

/// A port that nobody listens on, with room above it for the port on which nodes of a cluster talk to each other.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < 55_000 {
            return port;
        }
    }
}

fn spawn(args: &[String]) -> Child {
    let mut command = Command::new(program());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

impl Node {
    /// Starts a server with these options besides.
    pub fn start(options: &[&str]) -> Self {
        let own =
            |_: &Path| ["--save", "", "--appendonly", "no"].iter().chain(options).map(ToString::to_string).collect();
        Self::launch(own)
    }

    /// Starts a sentinel that watches a primary under the name `main`.
    pub fn sentinel(primary: u16) -> Self {
        Self::launch(|dir| {
            let file = dir.join("sentinel.conf");
            let text = format!(
                "sentinel monitor main 127.0.0.1 {primary} 2\nsentinel down-after-milliseconds main 500\n\
                 sentinel failover-timeout main 3000\n"
            );
            std::fs::write(&file, text).unwrap();
            vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()]
        })
    }

    fn launch(options: impl Fn(&Path) -> Vec<String>) -> Self {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let port = free_port();
            let mut args = options(dir.path());
            let place = dir.path().to_str().unwrap();
            args.extend(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", place].map(str::to_owned));
            let mut node = Self { child: spawn(&args), port, args, _dir: dir };
            if node.answers() {
                return node;
            }
        }
        panic!("redis-server does not come up");
    }

    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.try_connect().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// A connection, if it takes one.
    pub fn try_connect(&self) -> Option<Client> {
        let url = format!("redis://127.0.0.1:{}", self.port);
        let mut connection = redis::Client::open(url).unwrap().get_connection().ok()?;
        redis::cmd("PING").query::<String>(&mut connection).ok()?;
        Some(Client(connection))
    }

    pub fn connect(&self) -> Client {
        self.try_connect().unwrap()
    }

    /// Starts it again, with the files that it left.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.args);
        assert!(self.answers(), "the node does not come up again");
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let (deadline, mut pause) = (Instant::now() + PATIENCE, Duration::from_millis(10));
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(pause);
        pause = (pause * 5 / 4).min(Duration::from_millis(200));
    }
}
