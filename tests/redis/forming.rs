//! Values of bars that are still forming, in the keys of latest values and nowhere else.

use super::{
    engine::{NO_CLOCK, config, run_up_to},
    series::{self, Bar, START_MS, entries},
    server::{Client, Server},
};
use serde_json::{Value, json};

const FIVE: i64 = 300_000;
const KEY: &str = "wagehood:timeframe_indicators:SPY_5m";

/// The bars of five minutes that these make; the last one as far as it has come.
fn whole(bars: &[Bar]) -> Vec<Bar> {
    let mut made: Vec<Bar> = Vec::new();
    for bar in bars {
        let ts = bar.ts.div_euclid(FIVE) * FIVE;
        match made.last_mut().filter(|last| last.ts == ts) {
            Some(last) => {
                (last.high, last.low) = (last.high.max(bar.high), last.low.min(bar.low));
                (last.close, last.volume) = (bar.close, last.volume + bar.volume);
            }
            None => made.push(Bar { ts, ..bar.clone() }),
        }
    }
    made
}

/// What an engine says that gets bars of five minutes.
fn of_whole(bars: &[Bar]) -> Value {
    let server = Server::start();
    let mut client = server.connect();
    let last = client.add("five", &entries(bars.iter().map(Bar::flat)));
    let toml = config(&[("five", "5m")], &["SPY"], &["5m"], NO_CLOCK);
    run_up_to(&toml, &server.unix(), &mut client, "five", &last);
    client.json(KEY)
}

/// Runs an engine over the minutes; what its key says.
fn of_minutes(client: &mut Client, server: &Server, bars: &[Bar], more: &str) -> Value {
    client.delete_all_but(&[]);
    let last = client.add("one", &entries(bars.iter().map(Bar::flat)));
    let toml = config(&[("one", "1m")], &["SPY"], &["1m", "5m"], &format!("{more}{NO_CLOCK}"));
    run_up_to(&toml, &server.unix(), client, "one", &last);
    client.json(KEY)
}

/// The indicators, rounded: sums are taken in another order.
fn values(said: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, value) in said.as_object().unwrap() {
        match value {
            Value::Object(group) if name != "readiness" => {
                all.extend(group.iter().map(|(part, value)| (format!("{name}.{part}"), rounded(value))));
            }
            Value::Number(_) if !["bar_ts", "until"].contains(&name.as_str()) => {
                all.push((name.clone(), rounded(value)))
            }
            _ => {}
        }
    }
    all
}

fn rounded(value: &Value) -> String {
    format!("{:.7}", value.as_f64().unwrap())
}

#[test]
fn values_between_closes_are_those_of_the_bar_as_far_as_it_has_come() {
    let server = Server::start();
    let mut client = server.connect();
    let every_minute = "[timeframes.5m]\nupdate_frequency_seconds = 60\n";
    let all = series::bars(&["SPY"], START_MS, 60_000, 1_300);
    let (mut forming, mut kept) = (0, None);
    for cut in [1_208, 1_209, 1_211] {
        let bars = &all[..cut];
        let said = of_minutes(&mut client, &server, bars, every_minute);
        let last = &bars[cut - 1];
        assert_eq!(values(&said), values(&of_whole(&whole(bars))), "cut at {cut}");
        assert!(values(&said).len() > 8, "{said}");
        if (last.ts + 60_000) % FIVE == 0 {
            assert_eq!(said["forming"], Value::Null, "{said}");
            continue;
        }
        forming += 1;
        let wanted = [json!(true), json!(last.ts.div_euclid(FIVE) * FIVE), json!(last.ts + 60_000)];
        assert_eq!(["forming", "bar_ts", "until"].map(|name| said[name].clone()), wanted, "{said}");
        let calculations = client.json("wagehood:calculations:SPY_complete");
        assert_eq!(calculations["timeframes"]["5m"]["forming"], true, "{calculations}");
        assert_eq!(calculations["timeframes"]["1m"]["forming"], Value::Null, "{calculations}");
        kept = Some((cut, client.contents("signals").len(), client.contents("calculation_events_stream")));
    }
    assert!(forming > 0);
    // Without it the key holds the last closed bar; everything else is the same.
    let (cut, signals, events) = kept.unwrap();
    let closed = of_minutes(&mut client, &server, &all[..cut], "");
    assert_eq!(closed["forming"], Value::Null);
    assert_eq!(client.contents("signals").len(), signals);
    assert_eq!(client.contents("calculation_events_stream"), events);
    // So rarely that no multiple lies within: the closes alone.
    let rare = "[timeframes.5m]\nupdate_frequency_seconds = 86400\n";
    assert_eq!(of_minutes(&mut client, &server, &all[..cut], rare), closed);
}
