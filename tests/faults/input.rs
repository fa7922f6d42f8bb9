//! Input that is trimmed, too large, or rubbish.

use crate::{
    engine::{Engine, config},
    env,
    feed::{START_MS, STREAMS, Walk, symbols, write},
    outcome::{caught_up, entries},
    server::Server,
};
use redis::Commands;
use std::{collections::BTreeMap, time::Duration};
use wagehood_engine::{
    feed::{FrameRecord, Record, encode_frame},
    telemetry::exact_count,
};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_was_trimmed_is_named() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(4, 0));
    let (mut link, mut walk) = (server.connection(), Walk::new(1, "S", 4, 1_000));
    write(&mut link, &mut walk, 400);
    let mut engine = Engine::new(dir.path(), "gap", &config(server.port, "gap", &names, ""), &[]);
    engine.start();
    assert!(caught_up(&mut link, "gap", &STREAMS, LONG), "{}", engine.said());
    engine.kill();
    let position: String = link.hget("wagehood:engine:position:gap", STREAMS[0]).unwrap();
    write(&mut link, &mut walk, 1_000);
    let _: u64 = link.xtrim(STREAMS[0], redis::streams::StreamMaxlen::Equals(250)).unwrap();
    engine.start();
    assert!(caught_up(&mut link, "gap", &STREAMS, LONG), "{}", engine.said());
    let letters = entries(&mut link, "dead:gap");
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!(
        (&*letter["reason"], &*letter["source_stream"], &*letter["entries"], &*letter["after_id"]),
        ("trimmed", STREAMS[0], "750", &*position)
    );
    let alerts = entries(&mut link, "alerts:gap");
    assert!(alerts.iter().any(|alert| alert["type"] == "warning" && alert["message"].contains("750 entries")));
    engine.says("lost: 750 entries of in_1s");
    // Not again after another start.
    engine.kill();
    write(&mut link, &mut walk, 10);
    engine.start();
    assert!(caught_up(&mut link, "gap", &STREAMS, LONG));
    engine.stop();
    assert_eq!(entries(&mut link, "dead:gap").len(), 1);
    assert!(engine.report().contains("lost to trimming"));
}

#[test]
fn a_poisoned_entry_blocks_nothing() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(4, 0));
    let (mut link, mut walk) = (server.connection(), Walk::new(2, "S", 4, 1_000));
    let limits = "\n[limits]\nread_buffer_max_bytes = 4000000\nmax_entry_bytes = 1000000\n";
    let mut poisoned = Vec::new();
    // 10 MB cannot be received with this buffer, 2 MB can but is too long, 900 kB is only large.
    for megabytes in [0.9, 10.0, 2.0, 0.9, 0.9, 0.9, 10.0, 10.0, 0.9] {
        write(&mut link, &mut walk, 300);
        let mut record = walk.record();
        record.push(("note", "x".repeat((megabytes * 1e6) as usize)));
        let id: String = link.xadd(STREAMS[0], "*", &record).unwrap();
        if megabytes > 1.0 {
            poisoned.push(id);
        }
    }
    write(&mut link, &mut walk, 300);
    let mut engine = Engine::new(dir.path(), "fat", &config(server.port, "fat", &names, limits), &[]);
    engine.start();
    let there = caught_up(&mut link, "fat", &STREAMS, LONG);
    assert!(there && engine.is_running(), "{}", engine.said());
    let letters = entries(&mut link, "dead:fat");
    let named: Vec<&str> = letters.iter().filter(|l| l["reason"] == "too_large").map(|l| &*l["source_id"]).collect();
    assert_eq!(named, poisoned);
    assert_eq!(letters.len(), poisoned.len(), "{letters:?}");
    engine.stop();
    eprintln!("{}", engine.said());
}

/// A frame of bars of symbols that nobody knows.
fn unknown(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let interval = "1s".parse().unwrap();
    let record = |number: usize| {
        let symbol = format!("U{number}");
        let record = Record {
            symbol: symbol.as_bytes(),
            ts: START_MS as i64,
            interval,
            open: 10.0,
            high: 11.0,
            low: 9.0,
            close: 10.5,
            volume: 1.0,
            vwap: f64::NAN,
            trades: 0,
            ingest_ns: 0,
        };
        FrameRecord::new(&record).unwrap()
    };
    let mut frame = Vec::new();
    encode_frame(interval, 0, &numbers.map(record).collect::<Vec<_>>(), &mut frame).unwrap();
    frame
}

/// The most memory that a process has had so far, kB.
fn peak_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn symbols_that_nobody_knows_take_no_memory_however_many() {
    const FRAME: usize = 1_000;
    let unknowns = env("UNKNOWN", 2_000_000) as usize;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(["--appendonly", "no"].map(str::to_owned).to_vec());
    let mut link = server.connection();
    // How much is read at a time depends on how late the reader is: less of that than of a million names.
    let limits = "\n[limits]\nread_buffer_max_bytes = 4000000\nmax_entry_bytes = 1000000\n";
    let text = config(server.port, "many", &symbols(1, 0), limits)
        .replace("dead_letter_maxlen = 1000000000", "dead_letter_maxlen = 10000");
    let mut engine = Engine::new(dir.path(), "many", &text, &[]);
    let mut walk = Walk::new(3, "S", 1, 1_000);
    let mut send = |link: &mut redis::Connection, from: usize, to: usize| {
        for frame in (from / FRAME)..(to / FRAME) {
            let bytes = unknown(frame * FRAME..(frame + 1) * FRAME);
            let _: String = link.xadd(STREAMS[0], "*", &[("frame", bytes)]).unwrap();
        }
        write(link, &mut walk, 1);
    };
    send(&mut link, 0, unknowns / 10);
    engine.start();
    assert!(caught_up(&mut link, "many", &STREAMS, LONG), "{}", engine.said());
    let first = peak_kb(engine.pid());
    send(&mut link, unknowns / 10, unknowns);
    assert!(caught_up(&mut link, "many", &STREAMS, 2 * LONG), "{}", engine.said());
    let last = peak_kb(engine.pid());
    engine.stop();
    eprintln!("{unknowns} unknown symbols: peak {last} kB, {first} kB after the first tenth of them");
    assert!(last < first + 16_384, "{first} kB, then {last} kB");
    let report = engine.report();
    let refused = report.lines().find(|line| line.contains("unknown_symbol")).unwrap_or_else(|| panic!("{report}"));
    assert!(refused.contains(&exact_count(unknowns as u64)), "{refused}");
    let letters: usize = link.xlen("dead:many").unwrap();
    assert!((10_000..12_000).contains(&letters), "{letters}");
}

#[test]
fn rubbish_is_refused_one_by_one_in_bounded_memory() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(1, 0));
    let mut link = server.connection();
    let good = || Walk::new(3, "S", 1, 1_000).record();
    let with = |name: &str, value: &str| {
        let mut record = good();
        record.iter_mut().filter(|(n, _)| *n == name).for_each(|(_, v)| *v = value.to_owned());
        record
    };
    let mut records = vec![];
    for number in ["1e309", "-1e309", "0x10", " 1", "1 ", "", "nan", "inf", "1_000", "１", "1e99999999999", "+"] {
        records.push(with("close", number));
    }
    for time in
        ["0001-01-01T00:00:00", "292277026596-12-04T15:30:08", "292277-01-01T00:00:00", "-9223372036854775808", ""]
    {
        records.push(with("timestamp", time));
    }
    for symbol in ["", "S0 ", "s0", "\u{0}", "\u{1F4A9}"] {
        records.push(with("symbol", symbol));
    }
    let mut twice = good();
    twice.push(("close", "1".to_owned()));
    records.push(twice);
    let count = records.len();
    for record in &records {
        let _: String = link.xadd(STREAMS[0], "*", record).unwrap();
    }
    // Frames: nothing, a count of 65,535 without bars, noise.
    let mut huge = vec![0x01, 0x57, 0xff, 0xff];
    huge.extend([0; 20]);
    let whole = unknown(0..3);
    let flipped = |at: usize, byte: u8| {
        let mut frame = whole.clone();
        frame[at] ^= byte;
        frame
    };
    let (cut, longer) = (whole[..whole.len() - 1].to_vec(), [&whole[..], &[0]].concat());
    let (version, many, checksum, price) = (flipped(0, 0xff), flipped(3, 0xff), flipped(20, 1), flipped(60, 1));
    let noise = [vec![], huge, (0..=255).collect::<Vec<u8>>(), vec![0xff; 100_000]];
    let frames = noise.into_iter().chain([cut, longer, version, many, checksum, price]).collect::<Vec<_>>();
    for frame in &frames {
        let _: String = link.xadd(STREAMS[0], "*", &[("frame", frame)]).unwrap();
    }
    let _: String = link.xadd(STREAMS[0], "*", &[(b"\xff\xfe".as_slice(), b"\x80".as_slice())]).unwrap();
    const UNKNOWN: usize = 300_000;
    for chunk in 0..UNKNOWN / 5_000 {
        let mut pipe = redis::pipe();
        for i in 0..5_000 {
            pipe.xadd(STREAMS[0], "*", &with("symbol", &format!("U{}", chunk * 5_000 + i))).ignore();
        }
        pipe.query::<()>(&mut link).unwrap();
    }
    let id: String = link.xadd(STREAMS[0], "*", &good()).unwrap();
    let text = config(server.port, "rubbish", &names, "")
        .replace("dead_letter_maxlen = 1000000000", "dead_letter_maxlen = 1000000");
    let mut engine = Engine::new(dir.path(), "rubbish", &text, &[]);
    engine.start();
    assert!(caught_up(&mut link, "rubbish", &STREAMS, LONG), "{}", engine.said());
    let letters: usize = link.xlen("dead:rubbish").unwrap();
    let bad = count + frames.len() + 1;
    assert_eq!(letters, bad + UNKNOWN);
    // Their fields are as they came, and some are not UTF-8.
    let first: Vec<(String, Vec<Vec<u8>>)> =
        redis::cmd("XRANGE").arg("dead:rubbish").arg("-").arg("+").arg("COUNT").arg(bad).query(&mut link).unwrap();
    let mut reasons = BTreeMap::new();
    for (_, fields) in &first {
        let [_, reason] = fields.as_chunks::<2>().0.iter().find(|[name, _]| name == b"reason").unwrap();
        *reasons.entry(String::from_utf8(reason.clone()).unwrap()).or_insert(0) += 1;
    }
    let wanted = [
        ("bad_frame", 10),
        ("bad_text", 3),
        ("bad_timestamp", 5),
        ("missing_field", 1),
        ("not_a_number", 7),
        ("not_finite", 5),
        ("repeated_field", 1),
        ("unknown_symbol", 2),
    ];
    assert_eq!(reasons, wanted.map(|(reason, n)| (reason.to_owned(), n)).into());
    let position: String = link.hget("wagehood:engine:position:rubbish", STREAMS[0]).unwrap();
    assert_eq!(position, id);
    engine.stop();
    let report = engine.report();
    let peak = report.lines().find(|line| line.contains("resident, peak")).unwrap_or_default();
    eprintln!("{UNKNOWN} unknown symbols: {}", peak.trim());
    assert!(report.contains("records accepted"), "{report}");
}

/// Signals that say that their history is incomplete, and those that do not.
fn by_history(entries: &[crate::outcome::Entry]) -> (usize, usize) {
    let marked = entries.iter().filter(|entry| entry.get("history").is_some_and(|text| text == "incomplete")).count();
    (marked, entries.len() - marked)
}

#[test]
fn a_snapshot_makes_up_for_history_that_was_trimmed_and_without_one_the_signals_say_so() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(4, 0));
    let mut link = server.connection();
    let mut walk = Walk::new(5, "S", 4, 1_000);
    let start = |name: &str, more: &str| {
        // So short that all of them are whole again in the end.
        let text = config(server.port, name, &names, more).replace("\"1s\", \"1m\", \"5m\"", "\"1s\", \"2s\", \"5s\"");
        let text = text.replace("[[input.streams]]\nname = \"in_1m\"\ntimeframe = \"1m\"\n", "");
        let mut engine = Engine::new(dir.path(), name, &text, &[]);
        engine.start();
        engine
    };
    // One that is never stopped, one that goes on from its snapshot, one that has none.
    let mut calm = start("calm", "");
    let mut others = [start("kept", ""), start("bare", "")];
    write(&mut link, &mut walk, 3_000);
    for name in ["calm", "kept", "bare"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{name}");
    }
    others.iter_mut().for_each(Engine::stop);
    let before = entries(&mut link, "signals:bare").len();
    let _: usize = link.xtrim(STREAMS[0], redis::streams::StreamMaxlen::Equals(100)).unwrap();
    // What the bare one would go on from is gone.
    for file in std::fs::read_dir(dir.path().join("state")).unwrap().flatten() {
        if file.file_name().to_str().unwrap().starts_with("bare-") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    write(&mut link, &mut walk, 40_000);
    others.iter_mut().for_each(Engine::start);
    for name in ["calm", "kept", "bare"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{name}");
    }
    let [mut kept, mut bare] = others;
    calm.stop();
    kept.stop();
    bare.stop();
    let wanted = entries(&mut link, "signals:calm");
    assert!(wanted == entries(&mut link, "signals:kept"), "{}", kept.said());
    assert_eq!(by_history(&wanted).0, 0);
    assert!(kept.said().contains("with the state of the snapshot"), "{}", kept.said());
    let said = bare.said();
    assert!(said.contains("no longer holds all that its bars were made of: signals of 12 cells"), "{said}");
    let after = entries(&mut link, "signals:bare");
    let (marked, unmarked) = by_history(&after[before..]);
    eprintln!("{} signals; without a snapshot {marked} are marked, then {unmarked} not", wanted.len());
    assert!(marked > 0 && unmarked > 0, "{marked} {unmarked}");
    // What bears no mark was weighed with what the calm one's was: what is missing weighs less than a thousandth, which moves
    // a crossing to another bar once in a while.
    let calm: BTreeMap<&str, &str> =
        wanted.iter().map(|entry| (entry["signal_id"].as_str(), entry["composite_confidence"].as_str())).collect();
    let composite = |text: &str| text.parse::<f64>().unwrap();
    let off = |entry: &&crate::outcome::Entry| {
        let found = composite(&entry["composite_confidence"]);
        calm.get(entry["signal_id"].as_str()).is_none_or(|wanted| (composite(wanted) - found).abs() > 0.05)
    };
    let bare: Vec<_> = after[before..].iter().filter(|entry| !entry.contains_key("history")).collect();
    let wrong: Vec<_> = bare.into_iter().filter(off).collect();
    assert!(wrong.len() * 1_000 <= unmarked, "{} of {unmarked}, first {:?}", wrong.len(), wrong.first());
    let last_marked = |entry: &crate::outcome::Entry| entry.contains_key("history") && entry["timeframe"] == "1s";
    let found = entries(&mut link, "signals:bare");
    let last = found.iter().rposition(last_marked).unwrap();
    assert!(found[last + 1..].iter().any(|entry| entry["timeframe"] == "1s"), "the mark never goes");
}
