//! Streams in whatever form their producers write them: records of bars that still form, local times, stamps at the end,
//! JSON in a field, names of their own, symbols that nobody listed.

use super::{
    engine::{Ended, Engine, NO_CLOCK, config, run_up_to},
    legacy::captures,
    series::{self, Bar, fields, price},
    server::{Client, Entry, Fields, Server},
};
use std::collections::{BTreeMap, BTreeSet};

const STREAM: &str = "market_data_stream";
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
/// 2025-07-07T09:30:00 in New York.
const OPEN_MS: i64 = series::START_MS + 4 * 3_600_000;
/// A signal on every closed bar of the shortest timeframe.
const PROBE: &str = "[engine]\nprobe = true\n";

/// A stream of one-minute bars with more keys.
fn minutes(keys: &str, symbols: &[&str], timeframes: &[&str], more: &str) -> String {
    let stream = format!("[[input.streams]]\nname = {STREAM:?}\ntimeframe = \"1m\"\n{keys}\n");
    format!("{stream}{}", config(&[], symbols, timeframes, more))
}

/// What the probe saw: for each symbol the bars, with their times and closes.
fn probed(client: &mut Client) -> BTreeMap<(String, i64), f64> {
    let signals = client.entries("signals");
    let seen: Vec<_> = signals.iter().filter(|signal| signal.text("strategy") == "probe").collect();
    let all: BTreeMap<_, _> =
        seen.iter().map(|s| ((s.text("symbol").to_owned(), s.number("bar_ts") as i64), s.number("price"))).collect();
    assert_eq!(all.len(), seen.len(), "a bar was seen twice");
    all
}

fn wanted<'a>(bars: impl IntoIterator<Item = &'a Bar>) -> BTreeMap<(String, i64), f64> {
    bars.into_iter().map(|bar| ((bar.symbol.to_owned(), bar.ts), bar.close as f64 / 100.0)).collect()
}

/// Open, high, low, close and volume of the bars of so many minutes, by symbol and time; all but those that may be open yet.
fn grouped(bars: &[Bar], minutes: i64) -> BTreeMap<(String, i64), [f64; 5]> {
    let mut groups: BTreeMap<(String, i64), Vec<&Bar>> = BTreeMap::new();
    for bar in bars {
        groups.entry((bar.symbol.to_owned(), bar.ts - bar.ts.rem_euclid(minutes * MINUTE))).or_default().push(bar);
    }
    let number = |cents: i64| cents as f64 / 100.0;
    let whole = |group: &Vec<&Bar>| {
        [
            number(group[0].open),
            number(group.iter().map(|bar| bar.high).max().unwrap()),
            number(group.iter().map(|bar| bar.low).min().unwrap()),
            number(group[group.len() - 1].close),
            group.iter().map(|bar| bar.volume).sum::<i64>() as f64,
        ]
    };
    groups.iter().map(|(key, group)| (key.clone(), whole(group))).collect()
}

/// The bars that were written of a timeframe.
fn written(client: &mut Client, timeframe: &str) -> BTreeMap<(String, i64), [f64; 5]> {
    let entries = client.entries(&format!("market_data_{timeframe}"));
    let all: BTreeMap<_, _> = entries
        .iter()
        .map(|entry| {
            let ts = wagehood_engine::feed::timestamp::parse_timestamp(entry.text("timestamp").as_bytes()).unwrap();
            let values = ["open", "high", "low", "close", "volume"].map(|name| entry.number(name));
            ((entry.text("symbol").to_owned(), ts), values)
        })
        .collect();
    assert_eq!(all.len(), entries.len(), "a bar was written twice");
    all
}

/// The existing ingestion live: every second it writes the bar of the minute as it is by then, under a local time without a
/// zone; `exact` says whether that is the second itself or the minute.
fn live_pattern(bars: &[Bar], exact: bool) -> (Vec<Entry>, Vec<Bar>) {
    let (mut entries, mut last) = (Vec::new(), BTreeMap::new());
    let first = bars.iter().map(|bar| bar.ts).min().unwrap();
    let end = bars.iter().map(|bar| bar.ts).max().unwrap() + MINUTE;
    for second in (first..end).step_by(SECOND as usize) {
        let minute = second - second.rem_euclid(MINUTE);
        for (place, bar) in bars.iter().filter(|bar| bar.ts == minute).enumerate() {
            // It falls behind now and then.
            if (second / SECOND + place as i64) % 17 == 0 {
                continue;
            }
            let seconds = (second - minute) / SECOND;
            let close = bar.low + (bar.close - bar.low) * seconds / 59;
            let so_far = Bar { close, volume: bar.volume * (seconds + 1) / 60, ..bar.clone() };
            let mut record = so_far.legacy();
            let stamp = if exact { series::iso(second) + ".123456" } else { series::iso(minute) };
            record.iter_mut().find(|(name, _)| name == b"timestamp").unwrap().1 = stamp.into_bytes();
            // Local time of New York is four hours behind.
            let wall = second + 4 * 3_600_000 + 130 + 7 * place as i64;
            entries.push(Entry { id: format!("{wall}-0"), fields: record });
            last.insert((bar.symbol, minute), Bar { ts: minute + 4 * 3_600_000, ..so_far });
        }
    }
    (entries, last.into_values().collect())
}

/// The captured minutes of the existing system, or the same made up, with a line that says so.
fn captured_minutes() -> Vec<Bar> {
    match captures() {
        Some(dir) => {
            let all = super::legacy::captured(&dir.join("market_data_stream.jsonl.gz"));
            let names: Vec<&str> =
                vec!["event_id", "symbol", "timestamp", "price", "volume", "open", "high", "low", "close"];
            assert_eq!(all[0].names()[..9], names, "the captured form");
            let bars: Vec<Bar> = all.iter().map(super::legacy::bar).collect();
            let made: Vec<&str> = all[0].names();
            let record = bars[0].legacy();
            assert!(record.iter().map(|(name, _)| name.as_slice()).eq(made.iter().map(|name| name.as_bytes())));
            bars
        }
        None => {
            eprintln!(
                "no captures; with bars that are made up: WAGEHOOD_DATA names the data folder that has wire/ beside it"
            );
            series::bars(&["SPY", "QQQ", "IWM"], series::START_MS, MINUTE, 12)
        }
    }
}

#[test]
fn the_live_pattern_of_the_existing_ingestion_gives_whole_minutes() {
    let all = captured_minutes();
    let bars: Vec<Bar> = all.into_iter().filter(|bar| bar.ts < series::START_MS + 12 * MINUTE).collect();
    for exact in [false, true] {
        let (entries, last) = live_pattern(&bars, exact);
        let server = Server::start();
        let mut client = server.connect();
        let toml = minutes("timezone = \"America/New_York\"", &["SPY", "QQQ", "IWM"], &["1m", "5m"], PROBE);
        client.add(STREAM, &entries);
        let mut engine = Engine::run(&toml, &server.unix());
        engine.until("every minute was taken", || probed(&mut client).len() == last.len());
        engine.until("the last bar was closed", || client.len("market_data_5m") == 3 * 3);
        let ended = engine.stop().succeeded();
        ended.counted("records in", entries.len());
        ended.counted("records accepted", last.len());
        ended.counted("records replaced", entries.len() - last.len());
        ended.counted("records refused", 0);
        assert_eq!(probed(&mut client), wanted(&last), "exact: {exact}");
        assert_eq!(written(&mut client, "5m"), grouped(&last, 5));
        assert_eq!(client.len("market_data_dead_letter"), 0);
        if exact {
            assert!(ended.stderr.contains("stamped at their end, or forming"), "{}", ended.stderr);
        }
    }
}

#[test]
fn forming_records_give_the_same_however_often_the_engine_is_killed() {
    let bars = series::bars(&["SPY", "QQQ"], series::START_MS, MINUTE, 8);
    let (entries, last) = live_pattern(&bars, false);
    let server = Server::start();
    let mut client = server.connect();
    let state = tempfile::tempdir().unwrap();
    let more = format!("{PROBE}[state]\ndir = {:?}\nsnapshot_interval_s = 1\n[input]\nread_count = 3\n", state.path());
    let toml = minutes("timezone = \"America/New_York\"", &["SPY", "QQQ"], &["1m", "5m"], &more);
    let ms = |id: &str| id.split_once('-').unwrap().0.parse::<i64>().unwrap();
    let id = client.add(STREAM, &entries);
    for (round, cut) in [60, 200, 201, 400, 555, entries.len() - 1].into_iter().enumerate() {
        let mut engine = Engine::run(&toml, &server.unix());
        engine.until("it was read so far", || {
            client.position("main", STREAM).is_some_and(|at| ms(&at) >= ms(&entries[cut].id))
        });
        if cut == entries.len() - 1 {
            engine.until_at(&mut client, STREAM, &id);
            engine.until("every minute was taken", || client.len("signals") >= last.len());
        }
        // Told to end while it starts, it may have no report to make.
        if round % 2 == 0 {
            engine.kill()
        } else {
            engine.stop()
        };
    }
    assert_eq!(probed(&mut client), wanted(&last));
}

#[test]
fn a_finished_bar_waits_for_nothing_and_at_once_takes_the_first() {
    let bars = series::bars(&["SPY"], OPEN_MS, MINUTE, 5);
    // At its end less the skew that is forgiven; a second before that; and the same bar again, changed.
    let entry = |bar: &Bar, ms: i64, n: u32, more: i64| {
        let changed = Bar { volume: bar.volume + more, ..bar.clone() };
        Entry { id: format!("{}-{n}", bar.ts + ms), fields: changed.flat() }
    };
    let first = bars[0].clone();
    let entries =
        vec![entry(&first, MINUTE - SECOND, 0, 0), entry(&first, MINUTE + 1, 0, 0), entry(&first, MINUTE + 1, 1, 5)];
    for (keys, early) in [("", false), ("final = \"at_once\"", true)] {
        let server = Server::start();
        let mut client = server.connect();
        let toml = minutes(keys, &["SPY"], &["1m"], &format!("{PROBE}clock_events = false\n"));
        client.add(STREAM, &entries);
        let id = client.add(STREAM, &[entry(&bars[1], 2 * SECOND, 0, 0)]);
        let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &id);
        let taken = if early { &bars[..2] } else { &bars[..1] };
        assert_eq!(probed(&mut client), wanted(taken), "{keys:?}");
        ended.counted("record refused: duplicate", 1);
        ended.counted("record refused: revision", 1);
    }
}

#[test]
fn a_delayed_source_that_repeats_its_bar_is_waited_for() {
    let bars = series::bars(&["SPY"], OPEN_MS, MINUTE, 6);
    let delay = 15 * MINUTE;
    let (mut entries, mut last) = (Vec::new(), Vec::new());
    for bar in &bars {
        for second in (0..60).step_by(5) {
            let so_far = Bar { volume: bar.volume + second, ..bar.clone() };
            entries.push(Entry { id: format!("{}-0", bar.ts + delay + second * SECOND + 1), fields: so_far.flat() });
            if second == 55 {
                last.push(so_far);
            }
        }
    }
    let server = Server::start();
    let mut client = server.connect();
    let toml = minutes("final = \"next\"", &["SPY"], &["1m", "2m"], PROBE);
    client.add(STREAM, &entries);
    let mut engine = Engine::run(&toml, &server.unix());
    engine.until("every minute was taken", || client.len("signals") >= last.len());
    let ended = engine.stop().succeeded();
    ended.counted("records refused", 0);
    ended.counted("records accepted", last.len());
    let (whole, made) = (grouped(&last, 2), written(&mut client, "2m"));
    assert!(made.len() >= 2);
    made.iter().for_each(|(key, values)| assert_eq!(Some(values), whole.get(key)));
}

#[test]
fn stamps_at_the_end_name_the_bar_before_them() {
    // A plain reading: the bar of a stamp is the one that the millisecond before it belongs to.
    let floor = |ms: i64| ms - ms.rem_euclid(MINUTE);
    let stamps = [0, 1, MINUTE, 2 * MINUTE + 59_999, 4 * MINUTE].map(|ms| OPEN_MS + ms);
    let bar = |ts: i64| Bar { symbol: "SPY", ts, open: 100, high: 100 + ts % 997, low: 100, close: 100, volume: 7 };
    let entries: Vec<Entry> =
        stamps.iter().map(|&ms| Entry { id: format!("{}-0", ms + 70_000), fields: bar(ms).flat() }).collect();
    let starts: BTreeSet<i64> = stamps.iter().map(|&ms| floor(ms - 1)).collect();
    for (keys, framed) in [
        ("stamp = \"end\"", false),
        ("stamp = \"end\"", true),
        ("stamp = \"end\"\ntimezone = \"America/New_York\"", false),
    ] {
        let local = keys.contains("timezone");
        let server = Server::start();
        let mut client = server.connect();
        let toml = minutes(keys, &["SPY"], &["1m"], PROBE);
        let entries: Vec<Entry> = entries
            .iter()
            .zip(&stamps)
            .map(|(entry, &ms)| {
                let mut fields = entry.fields.clone();
                if framed {
                    fields = series::frame("1m", &[bar(ms).frame_record()]);
                } else if local {
                    let text = format!("{}.{:03}", series::iso(ms - 4 * 3_600_000), ms.rem_euclid(1_000));
                    fields.iter_mut().find(|(name, _)| name == b"timestamp").unwrap().1 = text.into_bytes();
                }
                Entry { id: entry.id.clone(), fields }
            })
            .collect();
        let id = client.add(STREAM, &entries);
        let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &id);
        let seen: BTreeSet<i64> = probed(&mut client).keys().map(|(_, ts)| *ts).collect();
        assert_eq!(seen, starts, "{keys} {framed}");
        ended.counted("records accepted", starts.len());
    }
    // Days belong to dates.
    let day = 86_400_000;
    let midnight = OPEN_MS - OPEN_MS.rem_euclid(day);
    for (stamp, start) in [
        ("2025-07-07", midnight),
        ("2025-07-08T00:00:00Z", midnight),
        ("2025-07-08T00:00:00", midnight),
        ("2025-07-07T20:00:00Z", midnight),
    ] {
        let server = Server::start();
        let mut client = server.connect();
        let stream = format!("[[input.streams]]\nname = {STREAM:?}\ntimeframe = \"1d\"\nstamp = \"end\"\n");
        let toml = format!("{stream}{}", config(&[], &["SPY"], &["1d"], PROBE));
        let mut record = bar(0).flat();
        record.iter_mut().find(|(name, _)| name == b"timestamp").unwrap().1 = stamp.as_bytes().to_vec();
        let id = client.add(STREAM, &[Entry { id: format!("{}-0", midnight + 2 * day), fields: record }]);
        run_up_to(&toml, &server.unix(), &mut client, STREAM, &id);
        assert_eq!(probed(&mut client).keys().map(|(_, ts)| *ts).collect::<Vec<_>>(), [start], "{stamp}");
    }
}

/// A kline as an exchange pushes it, in one field.
fn kline(bar: &Bar, symbol: &str, over: Option<bool>) -> Fields {
    let over = over.map(|over| format!(",\"x\":{over}")).unwrap_or_default();
    let [o, h, l, c] = [bar.open, bar.high, bar.low, bar.close].map(price);
    let text = format!(
        "{{\"e\":\"kline\",\"s\":\"{symbol}\",\"k\":{{\"t\":{},\"i\":\"5m\",\"o\":\"{o}\",\"c\":{c},\"h\":\"{h}\",\"l\":{l},\"v\":\"{}\",\
         \"n\":0,\"V\":null{over}}}}}",
        bar.ts, bar.volume
    );
    fields([("channel", "btcusdt@kline".to_owned()), ("data", text)])
}

const KLINE: &str = "base = \"1m\"\npayload = \"data\"\ntimeframe_field = \"ignore\"\nfields = { symbol = \"s\", ts = \"k.t\", \
     open = \"k.o\", high = \"k.h\", low = \"k.l\", close = \"k.c\", volume = \"k.v\", trades = \"k.n\", vwap = \"k.V\", \
     timeframe = \"k.i\"";

#[test]
fn a_record_may_be_json_in_a_field_under_names_of_its_own() {
    let bars = series::bars(&["BTC/USD"], OPEN_MS, MINUTE, 30);
    let at = |bar: &Bar| bar.ts + MINUTE;
    let mut entries: Vec<Entry> = Vec::new();
    for (index, bar) in bars.iter().enumerate() {
        let mut push =
            |fields: Fields| entries.push(Entry { id: format!("{}-{}", at(bar), entries.len() + 1), fields });
        push(kline(&Bar { volume: 1, ..bar.clone() }, "XBT\\/USD", Some(false)));
        push(kline(bar, "XBT\\/USD", Some(true)));
        // Somebody else's on the same stream, more than there are letters.
        push(kline(bar, "DOGE", Some(true)));
        if index == 3 {
            push(fields([("data", "{\"s\":".to_owned())]));
            push(fields([("channel", "nothing".to_owned())]));
        }
    }
    let keys = format!(
        "{KLINE}, is_closed = \"k.x\" }}\nfinal = \"flag\"\nunknown_symbols = \"count\"\n[input.streams.rename]\n\"XBT/USD\" = \"BTC/USD\"\n"
    );
    let stream = format!("[[input.streams]]\nname = {STREAM:?}\n{keys}\n");
    let toml = format!("{stream}{}", config(&[], &["BTC/USD"], &["1m", "5m"], PROBE));
    let server = Server::start();
    let mut client = server.connect();
    let id = client.add(STREAM, &entries);
    let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &id);
    assert_eq!(probed(&mut client), wanted(&bars));
    let (whole, made) = (grouped(&bars, 5), written(&mut client, "5m"));
    assert!(made.len() >= 5);
    made.iter().for_each(|(key, values)| assert_eq!(Some(values), whole.get(key)));
    ended.counted("record refused: unfinished", bars.len());
    ended.counted("record refused: unknown_symbol", bars.len());
    let reasons: Vec<String> =
        client.entries("market_data_dead_letter").iter().map(|letter| letter.text("reason").to_owned()).collect();
    assert_eq!(reasons, ["bad_text", "missing_field"]);
}

#[test]
fn optional_values_never_veto_a_record_and_names_are_one_rule() {
    let name = "贵州茅台";
    let texts = ["", "0", "0.0", "NaN", "nan", "-nan", "null", "None", "n/a"];
    let server = Server::start();
    let mut client = server.connect();
    let bars = series::bars(&["SPY"], OPEN_MS, MINUTE, 40);
    let mut entries = Vec::new();
    for (bar, text) in bars.iter().zip(texts.iter().flat_map(|text| [("vwap", text), ("trades", text), ("both", text)]))
    {
        let (which, text) = text;
        let mut record = bar.flat();
        record[0].1 = name.as_bytes().to_vec();
        for field in ["vwap", "trades"].into_iter().filter(|field| which == *field || which == "both") {
            record.extend(fields([(field, (*text).to_owned())]));
        }
        entries.push(Entry { id: format!("{}-0", bar.ts + MINUTE), fields: record });
    }
    let toml = minutes("", &[name], &["1m"], PROBE);
    let id = client.add(STREAM, &entries);
    let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &id);
    ended.counted("records refused", 0);
    let seen = probed(&mut client);
    assert_eq!(seen.len(), entries.len());
    assert!(seen.keys().all(|(symbol, _)| symbol == name));
}

#[test]
fn every_symbol_that_comes_is_taken_up_to_a_bound_and_known_after_a_restart() {
    let server = Server::start();
    let mut client = server.connect();
    let state = tempfile::tempdir().unwrap();
    let more = format!(
        "{PROBE}clock_events = false\n[limits]\nmax_symbols = 4\n[[watchlist]]\nsymbol = \"*\"\n[[watchlist]]\nsymbol = \"OFF\"\nenabled = false\n\
         [state]\ndir = {:?}\n",
        state.path()
    );
    let toml = minutes("", &["SPY"], &["1m", "5m"], &more);
    let names = ["AAA", "BBB", "OFF", "CCC", "DDD"];
    let bars = series::bars(&names, OPEN_MS, MINUTE, 23);
    let half = bars.iter().position(|bar| bar.ts >= OPEN_MS + 12 * MINUTE).unwrap();
    let entries: Vec<Entry> = bars
        .iter()
        .enumerate()
        .map(|(n, bar)| Entry { id: format!("{}-{n}", bar.ts + MINUTE), fields: bar.flat() })
        .collect();
    for part in [0..half, half..entries.len()] {
        let id = client.add(STREAM, &entries[part.clone()]);
        let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &id);
        let refused = bars[part].iter().filter(|bar| ["OFF", "DDD"].contains(&bar.symbol)).count();
        ended.counted("record refused: unknown_symbol", refused);
        if ended.stderr.contains("snapshot made at") {
            assert!(!ended.stderr.contains("rebuilt"), "{}", ended.stderr);
        }
    }
    let taken: Vec<Bar> = bars.into_iter().filter(|bar| ["AAA", "BBB", "CCC"].contains(&bar.symbol)).collect();
    assert_eq!(probed(&mut client), wanted(&taken));
    let (whole, made) = (grouped(&taken, 5), written(&mut client, "5m"));
    assert!(made.len() >= 9, "{}", made.len());
    made.iter().for_each(|(key, values)| assert_eq!(Some(values), whole.get(key)));
}

/// A minute of seconds, and the minute.
fn seconds_and_minutes() -> (Vec<Bar>, Vec<Bar>) {
    let seconds = series::bars(&["SPY"], OPEN_MS, SECOND, 11 * 60);
    let groups = grouped(&seconds, 1);
    let cents = |number: f64| (number * 100.0).round() as i64;
    let minute = |((_, ts), v): (&(String, i64), &[f64; 5])| {
        let [open, high, low, close] = [v[0], v[1], v[2], v[3]].map(cents);
        Bar { symbol: "SPY", ts: *ts, open, high, low, close, volume: v[4] as i64 }
    };
    (seconds, groups.iter().map(minute).collect())
}

#[test]
fn seconds_and_minutes_of_one_symbol_stand_side_by_side() {
    let (seconds, minutes) = seconds_and_minutes();
    let entry = |bar: &Bar, interval: i64, late: i64| Entry {
        id: format!("{}-0", bar.ts + interval + late),
        fields: bar.flat(),
    };
    let server = Server::start();
    let mut client = server.connect();
    let state = tempfile::tempdir().unwrap();
    let more = format!("{NO_CLOCK}[state]\ndir = {:?}\n", state.path());
    let toml = config(&[("seconds", "1s"), ("minutes", "1m")], &["SPY"], &["1s", "1m", "5m"], &more);
    let (mut accepted, mut signals) = (0, Vec::new());
    for (from, to) in [(0, 7), (7, 11)] {
        let of = |bar: &&Bar| (OPEN_MS + from * MINUTE..OPEN_MS + to * MINUTE).contains(&bar.ts);
        let fine: Vec<Entry> = seconds.iter().filter(of).map(|bar| entry(bar, SECOND, 20)).collect();
        let coarse: Vec<Entry> = minutes.iter().filter(of).map(|bar| entry(bar, MINUTE, 300)).collect();
        let [fine_id, coarse_id] = [client.add("seconds", &fine), client.add("minutes", &coarse)];
        let mut engine = Engine::run(&toml, &server.unix());
        engine.until_at(&mut client, "seconds", &fine_id);
        engine.until_at(&mut client, "minutes", &coarse_id);
        let ended: Ended = engine.stop().succeeded();
        ended.counted("records refused", 0);
        ended.counted("records accepted", fine.len() + coarse.len());
        accepted += fine.len() + coarse.len();
        signals = client.entries("signals");
    }
    assert_eq!(accepted, seconds.len() + minutes.len());
    // Every bar of a longer timeframe is made once, of the one or of the other.
    for (timeframe, length) in [("1m", 1), ("5m", 5)] {
        let (whole, made) = (grouped(&seconds, length), written(&mut client, timeframe));
        assert!(made.len() as i64 >= 11 / length, "{timeframe}: {}", made.len());
        made.iter().for_each(|(key, values)| assert_eq!(Some(values), whole.get(key), "{timeframe}"));
    }
    let ids: BTreeSet<String> = signals.iter().map(|signal| signal.text("signal_id").to_owned()).collect();
    assert_eq!(ids.len(), signals.len());
}

#[test]
fn prices_below_zero_are_taken_where_they_may_be() {
    let mut bars = series::bars(&["CL", "SPY"], OPEN_MS, MINUTE, 40);
    // Oil falls through zero.
    for bar in bars.iter_mut().filter(|bar| bar.symbol == "CL") {
        for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
            *price -= 40_000;
        }
    }
    let signed = |cents: i64| format!("{:?}", cents as f64 / 100.0);
    let entry = |bar: &Bar| {
        let mut fields = bar.flat();
        for (name, cents) in [("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)] {
            fields.iter_mut().find(|(own, _)| own == name.as_bytes()).unwrap().1 = signed(cents).into_bytes();
        }
        Entry { id: format!("{}-{}", bar.ts + MINUTE, u8::from(bar.symbol == "SPY")), fields }
    };
    assert!(bars.iter().filter(|bar| bar.symbol == "CL" && bar.low <= 0).count() > 5);
    let more = format!("{PROBE}clock_events = false\n[[watchlist]]\nsymbol = \"CL\"\nprice = \"any\"\n");
    let toml = minutes("", &["SPY"], &["1m", "5m"], &more);
    let server = Server::start();
    let mut client = server.connect();
    let mut entries: Vec<Entry> = bars.iter().map(entry).collect();
    let last = bars.last().unwrap().ts;
    // What may be for the one may not be for the other.
    let below = Bar { symbol: "SPY", ts: last + MINUTE, open: -5, high: 5, low: -5, close: 5, volume: 1 };
    entries.push(entry(&below));
    let id = client.add(STREAM, &entries);
    let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &id);
    ended.counted("record refused: price_not_positive", 1);
    ended.counted("records accepted", bars.len());
    assert!(ended.stderr.contains("sr_breakout cannot run on CL"), "{}", ended.stderr);
    assert_eq!(probed(&mut client), wanted(&bars));
    let (whole, made) = (grouped(&bars, 5), written(&mut client, "5m"));
    assert!(made.len() >= 12, "{}", made.len());
    made.iter().for_each(|(key, values)| assert_eq!(Some(values), whole.get(key)));
    assert!(client.entries("signals").iter().all(|s| s.text("symbol") != "CL" || s.text("strategy") != "sr_breakout"));
}
