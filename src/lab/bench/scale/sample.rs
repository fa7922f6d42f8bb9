//! What a server and a process have done up to a moment.

use crate::lab::bench::{server::RedisServer, throughput::cpu::precise};
use anyhow::Result;
use redis::{InfoDict, cmd};

/// The sums of a server since its start, and of the process that uses it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServerSample {
    /// Time of redis-server on a core, ns.
    pub server_ns: f64,
    /// Time of the other process on a core, ns.
    pub process_ns: f64,
    /// Bytes that reached the server.
    pub in_bytes: f64,
    /// Bytes that left it.
    pub out_bytes: f64,
    /// Its memory, bytes.
    pub memory: f64,
    /// Transactions that it executed.
    pub commits: f64,
    /// Reads of streams that it answered.
    pub reads: f64,
}

impl ServerSample {
    /// Up to now; `process` is the other process, or `None` for the calling thread.
    ///
    /// # Errors
    /// The server is gone.
    pub fn take(server: &RedisServer, process: Option<u32>) -> Result<Self> {
        let (server_ns, process_ns) = (ns_of(server.pid()), precise(process).as_nanos() as f64);
        let info: InfoDict = server.connect("sample")?.ask(cmd("INFO").arg("everything"))?;
        let number = |name: &str| info.get::<f64>(name).unwrap_or(0.0);
        let calls = |command: &str| {
            let line: Option<String> = info.get(&format!("cmdstat_{command}"));
            line.and_then(|line| line.strip_prefix("calls=")?.split(',').next()?.parse().ok()).unwrap_or(0.0)
        };
        Ok(Self {
            server_ns,
            process_ns,
            in_bytes: number("total_net_input_bytes"),
            out_bytes: number("total_net_output_bytes"),
            memory: number("used_memory"),
            commits: calls("exec"),
            reads: calls("xread"),
        })
    }

    /// What was done since another.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            server_ns: self.server_ns - before.server_ns,
            process_ns: self.process_ns - before.process_ns,
            in_bytes: self.in_bytes - before.in_bytes,
            out_bytes: self.out_bytes - before.out_bytes,
            memory: self.memory - before.memory,
            commits: self.commits - before.commits,
            reads: self.reads - before.reads,
        }
    }
}

/// Time of a process on a core, ns; 0 for a server that the bench did not start.
pub fn ns_of(pid: Option<u32>) -> f64 {
    pid.map_or(0.0, |pid| precise(Some(pid)).as_nanos() as f64)
}
