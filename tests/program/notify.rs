//! A run tells its service manager that it is ready, alive and stopping.

use std::{
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    time::Duration,
};

#[test]
fn a_run_is_ready_then_alive_then_stopping() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"))
        .args(["run", "--duration", "2s", "--quiet", "--set", "mock.symbols=3"])
        .current_dir(dir.path())
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "600000")
        .env_remove("WATCHDOG_PID")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut messages = Vec::new();
    let mut buffer = [0; 512];
    while !messages.last().is_some_and(|text: &String| text.starts_with("STOPPING=1")) {
        let length = socket.recv(&mut buffer).unwrap();
        messages.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    assert!(child.wait().unwrap().success());
    let ready = messages.iter().position(|text| text == "READY=1").unwrap();
    assert_eq!(messages.iter().filter(|text| *text == "READY=1").count(), 1, "{messages:?}");
    let alive = messages[ready..].iter().filter(|text| *text == "WATCHDOG=1").count();
    // Two seconds at 300 ms each; fewer on a busy machine.
    assert!((2..=7).contains(&alive), "{messages:?}");
}
