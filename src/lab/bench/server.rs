//! The Redis server of a bench: one that it starts, or one that you name.

use super::{child::Guarded, tempdir::TempDir};
use crate::redis_io::{Address, Link, LinkOptions};
use anyhow::{Context, Result};
use redis::{Cmd, InfoDict, cmd};
use std::{
    collections::{BTreeMap, HashMap},
    process::Stdio,
    time::{Duration, Instant},
};

/// Transport to the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Socket {
    /// A Unix domain socket.
    #[default]
    Unix,
    /// TCP over the loopback interface.
    Tcp,
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// Server settings that change latency or lose entries.
const SETTINGS: [&str; 8] =
    ["appendonly", "save", "io-threads", "hz", "maxmemory", "maxmemory-policy", "activedefrag", "latency-tracking"];

/// A Redis server. If the bench started it, dropping this stops it and removes its folder.
#[derive(Debug)]
pub struct RedisServer {
    // Declared before the folder, so that the process ends first.
    child: Option<Guarded>,
    dir: Option<TempDir>,
    url: String,
}

impl RedisServer {
    /// The server at a URL.
    pub fn given(url: &str) -> Self {
        Self { child: None, dir: None, url: url.to_owned() }
    }

    /// Starts a server without persistence, in a folder of its own.
    ///
    /// # Errors
    /// `redis-server` is not installed or does not start.
    pub fn start(socket: Socket) -> Result<Self> {
        let dir = TempDir::new()?;
        let path = dir.path().join("redis.sock");
        // The port is free now. If another program takes it first, the server reports that and the run ends.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = std::process::Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command.arg("--port").arg(port.to_string()).arg("--unixsocket").arg(&path).arg("--dir").arg(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = Guarded::spawn("redis-server", &mut command).context("is it installed? `make redis-server`")?;
        let url = match socket {
            Socket::Unix => format!("redis+unix://{}", path.display()),
            Socket::Tcp => format!("redis://127.0.0.1:{port}"),
        };
        let mut server = Self { child: Some(child), dir: Some(dir), url };
        let deadline = Instant::now() + TIMEOUT;
        while let Err(error) = server.connect("start") {
            let ended = server.child.as_mut().and_then(Guarded::ended).is_some();
            if ended || Instant::now() >= deadline {
                return Err(error.context("redis-server does not start"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Whether the bench did not start this server.
    pub fn is_foreign(&self) -> bool {
        self.dir.is_none()
    }

    /// The process; `None` if the bench did not start it.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Guarded::id)
    }

    /// URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The server is absent or refuses the connection.
    pub fn connect(&self, role: &str) -> Result<Link> {
        let address: Address = self.url.parse()?;
        let options = LinkOptions { name: format!("bench-{role}"), reply_timeout: TIMEOUT, ..LinkOptions::default() };
        Ok(Link::connect(&address, &options)?)
    }

    /// Version and settings, as far as the server shows them.
    ///
    /// # Errors
    /// The server is gone.
    pub fn facts(&self) -> Result<BTreeMap<String, String>> {
        let mut link = self.connect("facts")?;
        let mut facts = BTreeMap::new();
        let info: InfoDict = link.ask(cmd("INFO").arg("server"))?;
        facts.insert("version".to_owned(), info.get("redis_version").unwrap_or_else(|| "unknown".to_owned()));
        for name in SETTINGS {
            // Hosted servers may forbid CONFIG GET.
            let Ok(setting) = link.ask::<HashMap<String, String>>(cmd("CONFIG").arg("GET").arg(name)) else { break };
            facts.extend(setting);
        }
        Ok(facts)
    }

    /// Deletes the streams and keys of a run from a server that the bench did not start.
    ///
    /// # Errors
    /// The server is gone.
    pub fn clean(&self, names: &[String]) -> Result<()> {
        if !self.is_foreign() {
            return Ok(());
        }
        Ok(self.connect("clean")?.ask(&Cmd::unlink(names))?)
    }
}
