//! A running engine that answers somewhere.

use crate::{client::PATIENCE, outside};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::Child,
    sync::{Arc, Mutex},
    time::Instant,
};
use tempfile::TempDir;

/// An engine; killed where a test leaves it.
pub struct Running {
    pub at: SocketAddr,
    pub child: Child,
    /// Where it works; gone with it.
    _dir: TempDir,
    told: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Starts an engine that listens on a free port, and waits until it does.
    pub fn start(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = outside::engine(["run", "--listen", "127.0.0.1:0"]);
        command.args(args).current_dir(dir.path()).stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let told = Arc::new(Mutex::new(Vec::new()));
        let at = loop {
            let line = lines.next().unwrap_or_else(|| panic!("ended: {:?}", told.lock().unwrap())).unwrap();
            told.lock().unwrap().push(line.clone());
            if let Some((_, address)) = line.split_once("listening on http://") {
                let end = address.find(['"', ' ']).unwrap_or(address.len());
                break address[..end].parse().unwrap();
            }
        };
        let sink = Arc::clone(&told);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| sink.lock().unwrap().push(line)));
        Self { at, child, _dir: dir, told }
    }

    /// What it has said so far.
    pub fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut so: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = so() {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "not in time: {what}\n{}", self.told());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Resident memory, bytes.
    pub fn resident(&self) -> u64 {
        outside::resident_kb(self.child.id()) * 1_024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
