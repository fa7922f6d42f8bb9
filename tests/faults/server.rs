//! A redis-server that writes everything down before it answers, so that it can be killed.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The server that is tested with: `WAGEHOOD_REDIS_SERVER` names another one, such as that of Valkey.
fn program() -> std::ffi::OsString {
    std::env::var_os("WAGEHOOD_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

pub struct Server {
    child: Child,
    dir: tempfile::TempDir,
    pub port: u16,
    options: Vec<String>,
    environment: Vec<(String, String)>,
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// A server with these options besides.
    pub fn start_with(options: Vec<String>) -> Self {
        Self::start_at(free_port(), options)
    }

    /// A server with these variables in its environment.
    pub fn start_in(environment: Vec<(String, String)>) -> Self {
        Self::new(free_port(), Vec::new(), environment)
    }

    pub fn start_at(port: u16, options: Vec<String>) -> Self {
        Self::new(port, options, Vec::new())
    }

    fn new(port: u16, options: Vec<String>, environment: Vec<(String, String)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = spawn(&dir, port, &options, &environment);
        let server = Self { child, dir, port, options, environment };
        server.wait();
        server
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.child = spawn(&self.dir, self.port, &self.options, &self.environment);
        self.wait();
    }

    fn wait(&self) {
        // A log of millions of entries takes its time on a busy machine.
        let deadline = Instant::now() + Duration::from_secs(240);
        while self.try_connection().is_none_or(|mut c| redis::cmd("PING").query::<String>(&mut c).is_err()) {
            assert!(Instant::now() < deadline, "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A connection around the proxy, where the server is there.
    pub fn try_connection(&self) -> Option<redis::Connection> {
        try_connection(self.port)
    }

    pub fn connection(&self) -> redis::Connection {
        self.try_connection().expect("the server is there")
    }
}

pub fn try_connection(port: u16) -> Option<redis::Connection> {
    TcpStream::connect(("127.0.0.1", port)).ok()?;
    let connection = redis::Client::open(format!("redis://127.0.0.1:{port}")).ok()?.get_connection().ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    Some(connection)
}

fn spawn(dir: &tempfile::TempDir, port: u16, options: &[String], environment: &[(String, String)]) -> Child {
    Command::new(program())
        .args(["--port", &port.to_string(), "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
        .args(["--auto-aof-rewrite-percentage", "0", "--dir"])
        .arg(dir.path())
        .args(options)
        .envs(environment.iter().cloned())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
