//! Faults at random instants, while a known input is written at a few thousand records a second into two streams.

use crate::{
    engine::{Engine, config},
    env,
    feed::{Random, STREAMS, Writer, symbols},
    outcome::{caught_up, differences, entries},
    proxy::Proxy,
    server::Server,
};
use std::{
    fs,
    path::Path,
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

const KINDS: [&str; 7] = [
    "engine killed",
    "redis-server killed",
    "reply cut in the middle",
    "reply late",
    "answers dropped, half open",
    "connection closed when made",
    "engine killed, snapshot damaged",
];

/// How often each kind strikes, of a hundred.
const SHARES: [u64; 7] = [30, 16, 16, 10, 10, 8, 10];

fn kind(random: &mut Random) -> usize {
    let mut at = random.below(SHARES.iter().sum());
    SHARES
        .iter()
        .position(|share| {
            let here = at < *share;
            at = at.saturating_sub(*share);
            here
        })
        .unwrap()
}

/// Flips a bit of the newest snapshot of the engine, or cuts it.
fn damage_newest_snapshot(dir: &Path, random: &mut Random) {
    let files = fs::read_dir(dir.join("state")).into_iter().flatten().flatten().map(|entry| entry.path());
    let Some(newest) = files.filter(|path| path.extension().is_some_and(|e| e == "snapshot")).max() else { return };
    let mut bytes = fs::read(&newest).unwrap();
    let at = random.below(bytes.len() as u64) as usize;
    if random.below(2) == 0 {
        bytes[at] ^= 1 << random.below(8);
    } else {
        bytes.truncate(at);
    }
    fs::write(newest, bytes).unwrap();
}

#[test]
fn signals_are_those_of_an_undisturbed_run_each_once() {
    storm("fields", env("FAULTS", 25));
}

#[test]
fn signals_in_json_are_those_of_an_undisturbed_run_each_once() {
    storm("json", env("FAULTS", 12));
}

#[test]
fn signals_in_frames_are_those_of_an_undisturbed_run_each_once() {
    storm("frame", env("FAULTS", 12));
}

/// So many faults strike an engine that writes its signals in this form; one that nothing strikes writes fields.
fn storm(format: &str, faults: u64) {
    let seed = env("SEED", 1);
    let mut random = Random(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start();
    let proxy = Proxy::start(server.port);
    let names = symbols(24, 16);
    let stormy = config(proxy.port, "stormy", &names, "");
    let stormy = stormy.replace("[output]\n", &format!("[output]\nsignals_format = {format:?}\n"));
    let mut engine = Engine::new(dir.path(), "stormy", &stormy, &[]);
    engine.start();
    let writer = Writer::start(server.port, seed, [24, 16], [2_000, 500]);
    let began = Instant::now();
    let mut struck = [0u32; KINDS.len()];
    for _ in 0..faults {
        let pause = Instant::now() + Duration::from_millis(150 + random.below(700));
        while Instant::now() < pause {
            engine.keep();
            std::thread::sleep(Duration::from_millis(5));
        }
        let kind = kind(&mut random);
        struck[kind] += 1;
        let mischief = &proxy.mischief;
        match kind {
            0 => engine.kill(),
            1 => {
                server.kill();
                std::thread::sleep(Duration::from_millis(random.below(400)));
                server.restart();
            }
            2 => drop(mischief.cuts.fetch_add(1 + random.below(2), SeqCst)),
            3 => {
                mischief.delay_ms.store(random.below(600), SeqCst);
                mischief.delays.fetch_add(1 + random.below(3), SeqCst);
            }
            4 => drop(mischief.deaf.fetch_add(1, SeqCst)),
            5 => {
                mischief.cuts.fetch_add(2, SeqCst);
                mischief.refusals.fetch_add(1 + random.below(3), SeqCst);
            }
            _ => {
                engine.kill();
                damage_newest_snapshot(dir.path(), &mut random);
            }
        }
    }
    let records = writer.stop();
    let wrote = began.elapsed();
    for count in [&proxy.mischief.cuts, &proxy.mischief.deaf, &proxy.mischief.delays, &proxy.mischief.refusals] {
        count.store(0, SeqCst);
    }
    let mut link = server.connection();
    let deadline = Instant::now() + Duration::from_secs(90);
    while !caught_up(&mut link, "stormy", &STREAMS, Duration::from_millis(500)) {
        engine.keep();
        assert!(Instant::now() < deadline, "the engine does not catch up:\n{}", engine.said());
    }
    engine.stop();
    let mut calm = Engine::new(dir.path(), "calm", &config(server.port, "calm", &names, ""), &[]);
    calm.start();
    assert!(caught_up(&mut link, "calm", &STREAMS, Duration::from_secs(90)), "{}", calm.said());
    calm.stop();

    let (expected, found) = (entries(&mut link, "signals:calm"), entries(&mut link, "signals:stormy"));
    let (lost, repeated) = differences(&expected, &found);
    let bars = ["1m", "5m"].map(|tf| {
        let [calm, stormy] = ["calm", "stormy"].map(|name| entries(&mut link, &format!("bars:{name}:{tf}")));
        (calm.len(), calm == stormy)
    });
    eprintln!(
        "{format}, seed {seed}: {records} records in {:.1} s, the engine started {} times",
        wrote.as_secs_f64(),
        engine.starts
    );
    for (kind, count) in KINDS.iter().zip(struck) {
        eprintln!("  {kind:<32} {count:>5}");
    }
    let restored = engine.said().matches("with the state of the snapshot").count();
    eprintln!("  {:<32} {restored:>5}", "starts from a snapshot");
    eprintln!("  {:<32} {:>5}", "signals expected", expected.len());
    eprintln!("  {:<32} {lost:>5}", "signals lost");
    eprintln!("  {:<32} {repeated:>5}", "signals repeated or different");
    eprintln!("  {:<32} {:>5}", "closed bars expected", bars[0].0 + bars[1].0);
    let out_of_order: usize = redis::cmd("XLEN").arg("wagehood:engine:journal:stormy").query(&mut link).unwrap();
    eprintln!("  {:<32} {out_of_order:>5}", "entries out of order");
    if let Some((at, (wanted, got))) = expected.iter().zip(&found).enumerate().find(|(_, (wanted, got))| wanted != got)
    {
        eprintln!("  the first that differs is number {at}:\n   wanted {wanted:?}\n    found {got:?}");
    }
    assert!(restored > 0, "no start made use of a snapshot\n{}", engine.said());
    assert!(expected.len() > 100, "{} signals prove little", expected.len());
    assert_eq!((lost, repeated), (0, 0), "{}", engine.said());
    assert!(expected == found, "the same signals in another order");
    assert!(bars.iter().all(|(_, same)| *same), "closed bars differ: {bars:?}");
}
