//! A Redis server for one test, on a unix socket in a temporary folder; it ends when the guard is dropped.

use super::{Address, Link, LinkOptions};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The server that is tested with: `WAGEHOOD_REDIS_SERVER` names another one, such as that of Valkey.
fn program() -> std::ffi::OsString {
    std::env::var_os("WAGEHOOD_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    dir: tempfile::TempDir,
}

impl Server {
    /// Starts a server with these options besides.
    pub(crate) fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new(program())
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(dir.path().join("redis.sock"))
            .arg("--dir")
            .arg(dir.path())
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let server = Self { child, dir };
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(server.dir.path().join("redis.sock")).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// URL of the server with these parameters, such as `?db=1`.
    pub(crate) fn url(&self, parameters: &str) -> String {
        format!("redis+unix://{}{parameters}", self.dir.path().join("redis.sock").display())
    }

    /// A new link to the server.
    pub(crate) fn link(&self) -> Link {
        let address: Address = self.url("").parse().unwrap();
        Link::connect(&address, &LinkOptions::default()).unwrap()
    }

    /// A connection of the redis crate, the tests' oracle.
    pub(crate) fn oracle(&self) -> redis::Connection {
        redis::Client::open(self.url("")).unwrap().get_connection().unwrap()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Ends the server at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
