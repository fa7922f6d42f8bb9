//! What clients cannot do: read without the token, hold others up, fill the memory, end the engine.

use crate::{
    client::{Listener, connect, get, get_with, say},
    outside,
    running::Running,
};
use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

const QUICK: [&str; 4] = ["--set", "mock.history=false", "--set", "mock.symbols=5"];

#[test]
fn without_the_token_nothing_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "s%3 cret\n").unwrap();
    let set = format!("telemetry.token_file={}", file.display());
    let engine = Running::start(&[&QUICK[..], &["--set", &set]].concat());
    for path in ["/", "/metrics", "/health", "/healthz", "/status", "/events", "/nothing"] {
        for shown in
            ["", "Authorization: Bearer wrong\r\n", "Authorization: Basic s%3 cret\r\n", "Cookie: wagehood_token=x\r\n"]
        {
            assert_eq!(get_with(engine.at, path, shown).status, 401, "{path} {shown}");
        }
    }
    assert_eq!(get_with(engine.at, "/healthz", "Authorization: Bearer s%3 cret\r\n").status, 200);
    // A browser shows it once, and keeps it in a cookie.
    let first = get(engine.at, "/?token=s%253+cret");
    assert_eq!(first.status, 303, "{first:?}");
    let cookie = first.head.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(get_with(engine.at, "/", &format!("Cookie: other=1; {cookie}\r\n")).status, 200);
    let at = engine.at.to_string();
    let file = file.display().to_string();
    outside::run(&mut outside::engine(["health", "--at", &at])).refused(2, &["401", "token"]);
    let with = outside::run(&mut outside::engine(["health", "--at", &at, "--token-file", &file]));
    assert_ne!(with.code(), Some(2), "{}", with.told());
    assert!(!engine.told().contains("cret"), "{}", engine.told());
}

#[test]
fn it_listens_to_the_network_only_with_a_token_and_takes_no_other_name() {
    let ended = outside::run(&mut outside::engine(["run", "--listen", "0.0.0.0:0"]));
    ended.refused(4, &["telemetry.token_file", "is missing"]);
    outside::run(&mut outside::engine(["run", "--listen", "nowhere"]))
        .refused(4, &["telemetry.listen", "127.0.0.1:9464"]);
    let engine = Running::start(&QUICK);
    let taken = engine.at.to_string();
    outside::run(&mut outside::engine(["run", "--listen", &taken]))
        .refused(1, &["cannot listen on", "telemetry.listen"]);
    let strange = say(engine.at, b"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    assert_eq!(strange.status, 403);
}

#[test]
fn garbage_is_refused_and_ends_nothing() {
    let engine = Running::start(&QUICK);
    let long = [&b"GET /"[..], &vec![b'a'; 100_000]].concat();
    let cases: [(&[u8], u16); 6] = [
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"POST /status HTTP/1.1\r\n\r\n", 405),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
        (&long, 431),
        (b"GET /status HTTP/9.9\r\n\r\n", 400),
    ];
    for (bytes, status) in cases {
        let answer = say(engine.at, bytes);
        assert_eq!(
            answer.map(|answer| answer.status),
            Some(status),
            "{:?}",
            bytes[..bytes.len().min(40)].escape_ascii()
        );
    }
    // Bytes by chance, sent and left.
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for length in 0..300 {
        let bytes: Vec<u8> = (0..length * 3).map(|_| byte()).collect();
        let _ = connect(engine.at).write_all(&bytes);
    }
    assert_eq!(get(engine.at, "/healthz").status, 200);
}

#[test]
fn two_hundred_slow_clients_hold_nobody_up() {
    let engine = Running::start(&QUICK);
    engine.until("ready", || (get(engine.at, "/readyz").status == 200).then_some(()));
    let before = engine.resident();
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = connect(engine.at);
        // Some say nothing, some half a request, some ask for much and read nothing of it.
        let words: &[u8] = match n % 3 {
            0 => b"",
            1 => b"GET /metrics HTTP/1.1\r\nHost: local",
            _ => b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        };
        let _ = stream.write_all(words);
        slow.push(stream);
        if n % 20 == 0 {
            let asked = Instant::now();
            assert_eq!(get(engine.at, "/healthz").status, 200);
            assert!(asked.elapsed() < Duration::from_secs(5), "{n} slow clients: {:?}", asked.elapsed());
        }
    }
    let status = get(engine.at, "/metrics").body;
    let connections = status.lines().find_map(|line| line.strip_prefix("wagehood_operations_connections ")).unwrap();
    assert!(connections.parse::<usize>().unwrap() <= 64, "{connections}");
    assert!(engine.resident() < before + (64 << 20), "{before} → {}", engine.resident());
    // Those that never finish their request are cut, by the clock or for want of room.
    engine.until("the silent are cut", || {
        slow.iter_mut()
            .step_by(3)
            .all(|stream| {
                stream.set_nonblocking(true).unwrap();
                !matches!(stream.read(&mut [0; 16]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
            })
            .then_some(())
    });
    assert_eq!(get(engine.at, "/healthz").status, 200);
}

/// Ten clients, of which one stalls. As many events a second as `EVENTS` says: 10,000 with a build that is optimised.
#[test]
fn one_listener_that_stalls_is_cut_and_the_others_get_everything() {
    let events = std::env::var("EVENTS").unwrap_or_else(|_| "1500".to_owned());
    let symbols = format!("mock.symbols={events}");
    let many = ["--set", "mock.history=false", "--set", &symbols, "--set", "engine.probe=true"];
    let engine = Running::start(&[&many[..], &["--signals", "/dev/null"]].concat());
    engine.until("ready", || (get(engine.at, "/readyz").status == 200).then_some(()));
    let latency = |engine: &Running| get(engine.at, "/status").json()["latency"]["day"]["window"].clone();
    engine.until("signals", || (latency(&engine)["count"].as_u64()? > 1_000).then_some(()));
    let (before, alone) = (engine.resident(), latency(&engine));
    let mut stalled = connect(engine.at);
    stalled.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let good: Vec<_> = (0..9)
        .map(|_| {
            let at = engine.at;
            std::thread::spawn(move || {
                let mut listener = Listener::new(at, "/events", "");
                let numbers = (0..6_000).map(|_| {
                    let event = listener.next_of("signal");
                    event.id.split_once('-').unwrap().1.parse::<u64>().unwrap()
                });
                let numbers: Vec<u64> = numbers.collect();
                assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "in order");
                // An event of another kind may lie between two signals.
                numbers.last().unwrap() - numbers[0]
            })
        })
        .collect();
    for listener in good {
        let span = listener.join().unwrap();
        assert!((5_999..6_010).contains(&span), "{span}");
    }
    // Nothing is kept for a client beyond its bound, whatever it does not read.
    let (after, watched) = (engine.resident(), latency(&engine));
    assert!(after < before + (96 << 20), "{before} → {after}");
    println!(
        "{events} events/s: resident {before} → {after} B; latency of day alone {alone}, with ten clients {watched}"
    );
    // 6,000 signals are more than may wait for it: what it still gets is what the kernel has taken.
    engine.until("it is cut", || {
        let text = get(engine.at, "/metrics").body;
        let cut = text.lines().find_map(|line| line.strip_prefix("wagehood_operations_requests_total{end=\"cut\"} "));
        (cut.unwrap().parse::<u64>().unwrap() > 0).then_some(())
    });
    assert_eq!(get(engine.at, "/health").json()["components"]["worker_status"]["status"], "ok");
}
