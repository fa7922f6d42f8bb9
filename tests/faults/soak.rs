//! A long life with a fault now and then, all in one process: nothing grows, and the counters add up.
//!
//! `SOAK_S` is how long, seconds. There are up to 30 faults, at most one a minute in a long one.

use crate::{
    engine::{Engine, config},
    env,
    feed::{STREAMS, Writer, symbols},
    outcome::caught_up,
    outside::resident_kb,
    proxy::Proxy,
    server::Server,
};
use std::{
    fs,
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

/// Resident memory, bytes, and open file descriptors of a process.
fn usage(pid: u32) -> (u64, usize) {
    (resident_kb(pid) << 10, fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
}

/// The count in the first row of a report that begins with these words.
fn counted(report: &str, row: &str) -> u64 {
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
    };
    let found = report.lines().rev().map(cells).find(|cells| cells.first().is_some_and(|name| name == row));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    found.map_or(0, |cells| digits(&cells[1]).parse().unwrap())
}

/// Entries that were ever added to a stream.
fn added(link: &mut redis::Connection, stream: &str) -> u64 {
    let info: Vec<redis::Value> = redis::cmd("XINFO").arg("STREAM").arg(stream).query(link).unwrap();
    let is =
        |value: &redis::Value| redis::from_redis_value_ref::<String>(value).is_ok_and(|name| name == "entries-added");
    let at = info.chunks_exact(2).find(|pair| is(&pair[0])).unwrap();
    redis::from_redis_value_ref(&at[1]).unwrap()
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn a_long_life_with_faults_grows_nowhere() {
    let seconds = env("SOAK_S", 20);
    let dir = tempfile::tempdir().unwrap();
    // Its log is written anew when it has doubled: one that holds everything takes longer and longer to load.
    let rewrite = ["--auto-aof-rewrite-percentage", "100", "--auto-aof-rewrite-min-size", "64mb"];
    let mut server = Server::start_with(rewrite.map(str::to_owned).to_vec());
    let proxy = Proxy::start(server.port);
    // One symbol of each stream is not on the watchlist: there is always something to refuse.
    let names = symbols(59, 74);
    // The report at the end is the only one. Both streams tell of 80 s in a second, and may drift apart a little.
    let more = "[telemetry]\nreport_interval_s = 0\n[time]\nallowed_lateness_ms = 600000\n";
    let text = config(proxy.port, "soak", &names, more);
    let mut engine = Engine::new(dir.path(), "soak", &text, &[]);
    engine.start();
    let writer = Writer::start(server.port, 3, [60, 75], [4_900, 100]);
    let (began, length) = (Instant::now(), Duration::from_secs(seconds));
    let every = (length / 30).clamp(Duration::from_secs(3), Duration::from_secs(60));
    let (mut samples, mut faults, mut next) = (Vec::new(), 0, began + every);
    while began.elapsed() < length {
        std::thread::sleep(Duration::from_millis(100));
        assert!(engine.is_running(), "{}", engine.said());
        samples.push(usage(engine.pid()));
        if Instant::now() < next {
            continue;
        }
        next += every;
        let mischief = &proxy.mischief;
        match faults % 5 {
            0 => drop(mischief.cuts.fetch_add(1, SeqCst)),
            1 => {
                server.kill();
                std::thread::sleep(Duration::from_millis(300));
                server.restart();
            }
            2 => {
                mischief.delay_ms.store(400, SeqCst);
                mischief.delays.fetch_add(3, SeqCst);
            }
            3 => drop(mischief.deaf.fetch_add(1, SeqCst)),
            _ => {
                mischief.refusals.fetch_add(3, SeqCst);
                mischief.cuts.fetch_add(2, SeqCst);
            }
        }
        faults += 1;
    }
    let records = writer.stop();
    let mut link = server.connection();
    assert!(caught_up(&mut link, "soak", &STREAMS, Duration::from_secs(120)), "{}", engine.said());
    engine.stop();

    let report = engine.report();
    let took: u64 = STREAMS.iter().map(|stream| added(&mut link, stream)).sum();
    let [taken, accepted, refused] =
        ["records in", "records accepted", "records refused"].map(|row| counted(&report, row));
    // The first third is for what is made once: buffers that grow to their size.
    let third = samples.len() / 3;
    let bytes = |part: &[(u64, usize)]| median(&mut part.iter().map(|(bytes, _)| *bytes).collect::<Vec<_>>());
    let [early, late] = [bytes(&samples[third..2 * third]), bytes(&samples[2 * third..])];
    let files = |part: &[(u64, usize)]| part.iter().map(|(_, files)| *files).max().unwrap_or(0);
    let [files_early, files_late] = [files(&samples[..2 * third]), files(&samples[2 * third..])];
    eprintln!("{seconds} s, {records} records, {faults} faults:");
    eprintln!("  resident {} KiB in the second third, {} KiB in the last", early >> 10, late >> 10);
    eprintln!("  at most {files_early} open files in the first two thirds, {files_late} in the last");
    eprintln!("  {taken} records in = {accepted} accepted + {refused} refused; {took} were added");
    assert_eq!((taken, taken), (accepted + refused, took), "{report}");
    assert!(faults > 0 && refused > 0 && accepted > 0);
    assert!(late < early + early / 10 + (4 << 20), "memory grows: {early} then {late} bytes");
    assert!(files_late <= files_early + 2, "files stay open: {files_early} then {files_late}");
}
