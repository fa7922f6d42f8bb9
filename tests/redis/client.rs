//! The client for Python, installed as users install it, against a server that an engine writes to.

use super::{
    engine::Engine,
    series::{self, Bar, START_MS, entries},
    server::Server,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A Python with the client installed; `None`, with a line, where there can be none.
fn installed(dir: &Path) -> Option<PathBuf> {
    let run =
        |program: &Path, args: &[&str]| Command::new(program).args(args).output().is_ok_and(|out| out.status.success());
    let python = dir.join("venv/bin/python");
    let package = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
    // A copy: what pip builds must not lie among the sources.
    let copy = dir.join("package");
    let made = run(Path::new("python3"), &["-m", "venv", dir.join("venv").to_str()?])
        && run(Path::new("cp"), &["-r", package, copy.to_str()?])
        && run(
            &python,
            &["-m", "pip", "install", "-q", "--disable-pip-version-check", &format!("{}[numpy]", copy.to_str()?)],
        );
    if !made {
        eprintln!(
            "skipped: no virtual environment with redis-py can be made here (python3-venv, and a package registry)"
        );
        return None;
    }
    Some(python)
}

/// An engine that writes nothing but signals, in this form, to a stream of their own.
fn of_form(format: &str) -> String {
    format!(
        "[engine]\nname = {format:?}\nclock_events = false\n[input]\nstart = \"oldest\"\n[[input.streams]]\n\
         name = \"market_data_stream\"\ntimeframe = \"1m\"\n[timeframes]\nlist = [\"1m\", \"5m\"]\n[output]\n\
         signals_format = {format:?}\ncalculation_events = \"off\"\nlatest_values = false\nbars = false\n\
         alerts = false\n[output.streams]\nsignals = \"signals:{format}\"\n[[watchlist]]\nsymbol = \"SPY\"\n\
         [[watchlist]]\nsymbol = \"QQQ\"\n"
    )
}

#[test]
fn the_client_for_python_reads_and_changes_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let Some(python) = installed(dir.path()) else { return };
    let server = Server::start();
    let mut client = server.connect();
    client.set("wagehood:realtime_config:watchlist", r#"JSON:[{"symbol":"SPY"},{"symbol":"QQQ"},{"symbol":"TOY"}]"#);
    let toml = "[output]\ncompat = \"off\"\n[redis]\nconfig_from_redis = true\nconfig_poll_s = 1\n[engine]\n\
        clock_events = false\n[[input.streams]]\nname = \"market_data_stream\"\ntimeframe = \"1m\"\n\
        [[input.streams]]\nname = \"runner_bars\"\ntimeframe = \"1m\"\n[input]\nexternal_signals = \"external_signals\"\n\
        [[strategies.external]]\nname = \"toy\"\nfactors = [\"distance\"]\n[timeframes]\nlist = [\"1m\", \"5m\"]\n";
    let mut engine = Engine::run(toml, &server.unix());
    let bars = series::bars(&["SPY", "QQQ", "IWM"], START_MS, 60_000, 500);
    let last = client.add("market_data_stream", &entries(bars.iter().map(Bar::legacy)));
    engine.until_at(&mut client, "market_data_stream", &last);
    for format in ["json", "frame"] {
        let toml = of_form(format);
        let mut engine = Engine::run(&toml, &server.unix());
        engine.until(&format!("all of it was written as {format}"), || {
            let key = format!("wagehood:engine:position:{format}");
            client.position_field(&key, "market_data_stream").as_deref() == Some(&last)
        });
        engine.stop().succeeded();
    }
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/tests");
    let ran = Command::new(python)
        .args(["-B", "-m", "unittest", "discover", "-s", tests, "-v"])
        .env("WAGEHOOD_TEST_SOCKET", server.socket())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.contains("Ran 14 tests"), "{said}");
    let number = |client: &mut super::server::Client| client.position_field("wagehood:engine:config:main", "number");
    engine.until("the symbol was taken", || number(&mut client).as_deref() == Some("2"));
    let ended = engine.stop().succeeded();
    assert!(ended.stderr.contains("added: IWM"), "{}", ended.stderr);
}
