use super::*;
use crate::ingest::net::TradeCounts;

fn alpaca(feed: Option<&'static str>, of_trades: bool) -> Alpaca {
    let symbols = vec!["AAPL".to_owned(), "BTC/USD".to_owned()];
    Alpaca {
        rules: ExchangeRules {
            stream_url: String::new(),
            history_url: "https://h".to_owned(),
            greets: true,
            overlap: false,
            always_open: false,
            age_max_ms: 0,
            symbols_per_message: 2,
            symbols_max: 2,
            say_gap_ms: 0,
            past_symbols: 2,
            requests_per_minute: 1,
            page_bars: 20_000,
            delay_ms: 0,
            dense: false,
            of_trades,
            numbered: false,
        },
        feed,
        of_trades,
        interval: interval("1m".parse().unwrap()).unwrap(),
        by_name: symbols.iter().enumerate().map(|(k, name)| (name.clone(), k)).collect(),
        symbols,
        key: "k3y".to_owned(),
        secret: "s3cret".to_owned(),
    }
}

fn heard(of: &Alpaca, text: &str) -> Vec<Heard> {
    let mut out = Vec::new();
    of.hear(text, &mut out);
    out
}

const BAR: &str = r#"{"T":"b","S":"AAPL","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":49378,"n":461,"vw":389.062639,"t":"2021-02-22T19:15:00Z"}"#;

fn wanted() -> FeedBar {
    FeedBar {
        symbol: 0,
        start_ms: 1_614_021_300_000,
        open: 388.985,
        high: 389.13,
        low: 388.975,
        close: 389.12,
        volume: 49_378.0,
        vwap: 389.062639,
        trades: 461,
    }
}

#[test]
fn the_greeting_is_answered_with_the_key_and_then_symbols_are_subscribed() {
    let alpaca = alpaca(Some("iex"), false);
    let login = r#"{"action":"auth","key":"k3y","secret":"s3cret"}"#;
    assert_eq!(heard(&alpaca, r#"[{"T":"success","msg":"connected"}]"#), [Heard::Say(login.to_owned())]);
    assert_eq!(heard(&alpaca, r#"[{"T":"success","msg":"authenticated"}]"#), [Heard::Ready]);
    let text = alpaca.subscribe(1, &[0]);
    assert_eq!(text, r#"{"action":"subscribe","bars":["AAPL"],"updatedBars":["AAPL"]}"#);
    let echo = r#"[{"T":"subscription","trades":[],"quotes":[],"bars":["AAPL","XXX"],"updatedBars":["AAPL"]}]"#;
    assert_eq!(heard(&alpaca, echo), [Heard::Subscribed(vec![0])]);
    assert!(!format!("{alpaca:?}").contains("s3cret"));
}

#[test]
fn bars_and_their_updates_are_read_and_one_that_is_odd_takes_no_other_with_it() {
    let alpaca = alpaca(Some("iex"), false);
    let updated = BAR.replace(r#""T":"b""#, r#""T":"u""#);
    let text = format!(r#"[{BAR},{{"T":"b","S":"AAPL"}},{{"T":"zz","q":1}},{updated}]"#);
    assert_eq!(heard(&alpaca, &text), [Heard::Bar(wanted(), None), Heard::Odd, Heard::Corrected(wanted())]);
    for odd in ["", "{}", "nonsense", "[1]"] {
        assert_eq!(heard(&alpaca, odd), [Heard::Odd], "{odd}");
    }
}

#[test]
fn intervals_have_the_names_of_the_history() {
    let known = [("1m", "1Min"), ("5m", "5Min"), ("1h", "1Hour"), ("1d", "1Day"), ("1M", "1Month")];
    for (name, wanted) in known {
        assert_eq!(interval(name.parse().unwrap()).as_deref(), Some(wanted), "{name}");
    }
    for name in ["1s", "3d"] {
        assert_eq!(interval(name.parse().unwrap()), None, "{name}");
    }
}

#[test]
fn refusals_are_for_good_or_for_now() {
    let alpaca = alpaca(Some("iex"), false);
    for code in [402, 409, 410, 411] {
        let found = heard(&alpaca, &format!(r#"[{{"T":"error","code":{code},"msg":"no"}}]"#));
        assert!(matches!(&found[..], [Heard::Over(_)]), "{code}: {found:?}");
    }
    let found = heard(&alpaca, r#"[{"T":"error","code":406,"msg":"connection limit exceeded"}]"#);
    assert!(matches!(&found[..], [Heard::Again(_)]) && alpaca.ask_again().is_some(), "{found:?}");
    let found = heard(&alpaca, r#"[{"T":"error","code":407,"msg":"slow client"}]"#);
    assert!(matches!(&found[..], [Heard::Noted(_)]), "{found:?}");
}

#[test]
fn trades_count_by_their_conditions_and_are_corrected_by_their_ids() {
    let alpaca = alpaca(Some("iex"), true);
    assert_eq!(alpaca.subscribe(1, &[0]), r#"{"action":"subscribe","trades":["AAPL"]}"#);
    let text = r#"[{"T":"t","i":96921,"S":"AAPL","x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208123Z","c":["@","I"],"z":"C"}]"#;
    let counts = TradeCounts { last: false, range: false, volume: true };
    let trade =
        FeedTrade { id: 96_921, symbol: 0, at_ms: 1_614_009_104_208, price: 126.55, size: 1.0, trades: 1, counts };
    assert_eq!(heard(&alpaca, text), [Heard::Trade(trade)]);
    let cancel = r#"[{"T":"x","S":"AAPL","i":465,"x":"D","p":2.64,"s":1,"a":"C","t":"2021-10-01T13:12:29Z","z":"C"}]"#;
    assert_eq!(heard(&alpaca, cancel), [Heard::Retraded(0, 465, None)]);
    let correction = r#"[{"T":"c","S":"AAPL","x":"M","oi":5,"op":39.1,"os":4,"oc":[" ","7"],"ci":6,"cp":39.2,"cs":44,"cc":[" "],"z":"B","t":"2021-02-22T15:51:44Z"}]"#;
    let found = heard(&alpaca, correction);
    assert!(matches!(&found[..], [Heard::Retraded(0, 5, Some(new))] if new.price == 39.2 && new.id == 6), "{found:?}");
}

#[test]
fn the_history_is_of_the_same_feed_and_has_pages() {
    let span = PastSpan { symbols: vec![0, 1], from_ms: 1_614_021_300_000, to_ms: 1_614_021_360_000 };
    let stocks = alpaca(Some("iex"), false);
    let request = stocks.past(&span, Some("QUFQTHxN=="));
    assert_eq!(
        request.url,
        "https://h/v2/stocks/bars?symbols=AAPL,BTC%2FUSD&start=2021-02-22T19:15:00Z&end=2021-02-22T19:15:59.999Z&limit=10000&sort=asc&timeframe=1Min&feed=iex&adjustment=raw&page_token=QUFQTHxN%3D%3D"
    );
    assert_eq!(request.headers[0], ("APCA-API-KEY-ID", "k3y".to_owned()));
    let body =
        format!(r#"{{"bars":{{"AAPL":[{}]}},"next_page_token":"abc"}}"#, BAR.replace(r#""T":"b","S":"AAPL","#, ""));
    let page = stocks.page(&span, &Answer { body: body.into_bytes(), ..Answer::default() }).unwrap();
    assert_eq!((page.bars, page.next.as_deref()), (vec![wanted()], Some("abc")));
    let last = Answer { body: br#"{"bars":{},"next_page_token":null}"#.to_vec(), ..Answer::default() };
    assert_eq!(stocks.page(&span, &last), Ok(Page::default()));
    assert!(stocks.page(&span, &Answer { body: b"<html>".to_vec(), ..Answer::default() }).is_err());
    let crypto = alpaca(None, true).past(&span, None).url;
    assert!(crypto.starts_with("https://h/v1beta3/crypto/us/trades?") && !crypto.contains("feed="), "{crypto}");
}
