//! Binance, the spot market: its own bars of a second and longer, without an account.
//!
//! From its documentation: combined streams of `SYMBOL@kline_INTERVAL`; only a kline with `x: true` is final; 24 hours a
//! connection; at most 5 messages a second to it and 1,024 streams; history in pages of at most 1,000 klines. Where it has no
//! klines of an interval, or the feed `trades` is asked for, bars are made of `SYMBOL@trade`, whose numbers follow each other;
//! their past is that of `aggTrades`, which puts those of one order and price together.

use crate::ingest::{
    market::FeedBar,
    net::{
        Answer, ExchangeRules, ExchangeWords, FeedTrade, Heard, Page, PastRequest, PastSpan, TradeCounts, configured,
        connected,
    },
    provider::{Commission, CommissionError, Maker, Provider},
};
use serde::Deserialize;
use std::collections::HashMap;

/// Binance.
pub const MAKER: Maker = Maker {
    name: "binance",
    about: "Binance's spot market; needs no account (symbols such as BTCUSDT, bars of 1s, 1m and longer)",
    invents: false,
    keys: None,
    make,
};

/// Intervals that it has.
const INTERVALS: [&str; 16] =
    ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"];

/// Its feeds.
const FEEDS: [&str; 2] = ["klines", "trades"];
const MINUTE_MS: i64 = 60_000;

#[derive(Debug)]
struct Binance {
    rules: ExchangeRules,
    interval: String,
    interval_ms: i64,
    /// As the exchange writes them, in capitals.
    symbols: Vec<String>,
    by_name: HashMap<String, usize>,
}

fn make(commission: Commission<'_>) -> Result<Box<dyn Provider>, CommissionError> {
    let (interval, interval_ms) = (commission.timeframe.to_string(), commission.timeframe.interval_ms());
    let feed = commission.settings.and_then(|settings| settings.feed.as_deref());
    if feed.is_some_and(|feed| !FEEDS.contains(&feed)) {
        let (feed, feeds) = (feed.unwrap_or_default(), FEEDS.join(" and "));
        return Err(CommissionError(format!("ingest.providers.binance.feed: there is no feed {feed:?}, but {feeds}")));
    }
    let known = INTERVALS.contains(&interval.as_str());
    let short = interval_ms <= MINUTE_MS && MINUTE_MS % interval_ms == 0;
    let of_trades = feed == Some("trades") || (feed.is_none() && !known && short);
    if !(if of_trades { short } else { known }) {
        return Err(CommissionError(format!(
            "Binance has no bars of {interval}, but of {}; of its trades bars of what divides a minute can be made",
            INTERVALS.join(", ")
        )));
    }
    let rules = ExchangeRules {
        stream_url: "wss://stream.binance.com:9443/stream".to_owned(),
        history_url: "https://api.binance.com".to_owned(),
        greets: false,
        overlap: true,
        always_open: true,
        // Ten minutes before it would be cut.
        age_max_ms: (24 * 60 - 10) * 60_000,
        symbols_per_message: 200,
        symbols_max: 1_024,
        say_gap_ms: 250,
        past_symbols: 1,
        requests_per_minute: 600,
        page_bars: 1_000,
        delay_ms: 0,
        dense: !of_trades,
        of_trades,
        numbered: of_trades,
    };
    let symbols: Vec<String> = commission.symbols.iter().map(|name| name.to_ascii_uppercase()).collect();
    let dialect = Binance {
        rules: configured(rules, &commission),
        interval,
        interval_ms,
        by_name: symbols.iter().enumerate().map(|(k, name)| (name.clone(), k)).collect(),
        symbols,
    };
    connected(Box::new(dialect), &commission)
}

/// A message: of a stream, an answer to a request, or about the connection.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    id: Option<u64>,
    error: Option<Trouble>,
    code: Option<i64>,
    msg: Option<String>,
    e: Option<&'a str>,
    #[serde(borrow)]
    k: Option<Kline<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    e: Option<&'a str>,
    #[serde(borrow)]
    k: Option<Kline<'a>>,
    /// Of a trade: its symbol, number, price, quantity and time.
    s: Option<&'a str>,
    t: Option<i64>,
    p: Option<&'a str>,
    q: Option<&'a str>,
    #[serde(rename = "T")]
    at: Option<i64>,
}

/// Trades of one order and price, in a page of the past.
#[derive(Deserialize)]
struct AggTrade<'a> {
    a: i64,
    p: &'a str,
    q: &'a str,
    f: i64,
    l: i64,
    #[serde(rename = "T")]
    at: i64,
}

#[derive(Deserialize)]
struct Trouble {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    msg: String,
}

#[derive(Deserialize)]
struct Kline<'a> {
    t: i64,
    s: &'a str,
    i: &'a str,
    f: i64,
    #[serde(rename = "L")]
    l_trade: i64,
    o: &'a str,
    h: &'a str,
    l: &'a str,
    c: &'a str,
    v: &'a str,
    q: &'a str,
    n: u32,
    x: bool,
}

fn number(text: &str) -> Option<f64> {
    fast_float2::parse(text).ok()
}

/// The bar of a kline's texts: open, high, low, close, volume, and what was paid in all.
fn bar(symbol: usize, start_ms: i64, texts: [&str; 6], trades: u32) -> Option<FeedBar> {
    let [open, high, low, close, volume, paid] = texts.map(number);
    let (volume, paid) = (volume?, paid?);
    let vwap = if volume > 0.0 { paid / volume } else { f64::NAN };
    Some(FeedBar { symbol, start_ms, open: open?, high: high?, low: low?, close: close?, volume, vwap, trades })
}

impl Binance {
    fn kline(&self, kline: &Kline<'_>) -> Option<Heard> {
        let symbol = *self.by_name.get(kline.s)?;
        let Kline { t, o, h, l, c, v, q, .. } = kline;
        let bar = bar(symbol, *t, [o, h, l, c, v, q], kline.n)?;
        Some(Heard::Bar(bar, (kline.f >= 0).then_some((kline.f, kline.l_trade))))
    }
}

impl Binance {
    fn trade(&self, data: &Data<'_>) -> Option<Heard> {
        let symbol = *self.by_name.get(data.s?)?;
        let (price, size, at_ms) = (number(data.p?)?, number(data.q?)?, data.at?);
        let trade = FeedTrade { id: data.t?, symbol, at_ms, price, size, trades: 1, counts: TradeCounts::ALL };
        is_trade(&trade).then_some(Heard::Trade(trade))
    }

    /// The page of trades of a span: from the number on that it was asked for with, perhaps beyond its end.
    fn page_of_trades(&self, symbol: usize, span: &PastSpan, answer: &Answer) -> Result<Page, String> {
        let rows: Vec<AggTrade<'_>> = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the answer is no list of trades: {error}"))?;
        let mut page = Page::default();
        for AggTrade { a, p, q, f, l, at } in &rows {
            let (price, size) = number(p).zip(number(q)).ok_or("a trade whose numbers are none")?;
            let trades = l.saturating_sub(*f).saturating_add(1).clamp(1, i64::from(u32::MAX)) as u32;
            let trade = FeedTrade { id: *a, symbol, at_ms: *at, price, size, trades, counts: TradeCounts::ALL };
            if !is_trade(&trade) {
                return Err("a trade whose numbers are none".to_owned());
            }
            if *at < span.to_ms {
                page.trades.push(trade);
            }
        }
        // A full page may be followed by another, but for one that is over already.
        let full = rows.len() >= self.rules.page_bars.min(1_000) && page.trades.len() == rows.len();
        page.next = rows.last().filter(|_| full).map(|last| last.a.saturating_add(1).to_string());
        Ok(page)
    }
}

/// Whether the numbers of a trade are such that it can be one.
fn is_trade(trade: &FeedTrade) -> bool {
    let above_zero = |number: f64| number > 0.0 && number < f64::INFINITY;
    above_zero(trade.price) && above_zero(trade.size)
}

impl ExchangeWords for Binance {
    fn rules(&self) -> &ExchangeRules {
        &self.rules
    }

    fn hear(&self, text: &str, out: &mut Vec<Heard>) {
        let Ok(message) = serde_json::from_str::<Message<'_>>(text) else { return out.push(Heard::Odd) };
        let (event, kline) = match &message.data {
            Some(data) => (data.e, data.k.as_ref()),
            None => (message.e, message.k.as_ref()),
        };
        match (event, kline) {
            (Some("kline"), Some(kline)) if !kline.x || kline.i != self.interval => {}
            (Some("kline"), Some(kline)) => out.push(self.kline(kline).unwrap_or(Heard::Odd)),
            (Some("trade"), None) => {
                out.push(message.data.as_ref().and_then(|data| self.trade(data)).unwrap_or(Heard::Odd));
            }
            (Some("serverShutdown"), _) => out.push(Heard::Leaving),
            (None, _) => match (message.id, message.error, message.code) {
                (_, Some(Trouble { code, msg }), _) => {
                    out.push(Heard::Over(format!("Binance refuses the subscription ({code}): {msg}")));
                }
                (_, None, Some(code)) => {
                    let msg = message.msg.unwrap_or_default();
                    out.push(Heard::Over(format!("Binance refuses the subscription ({code}): {msg}")));
                }
                (Some(id), None, None) => out.push(Heard::Granted(id)),
                (None, None, None) => out.push(Heard::Odd),
            },
            _ => {}
        }
    }

    fn subscribe(&self, number: u64, symbols: &[usize]) -> String {
        let streams: Vec<String> = symbols
            .iter()
            .filter_map(|symbol| self.symbols.get(*symbol))
            .map(|name| match self.rules.of_trades {
                true => format!("{}@trade", name.to_ascii_lowercase()),
                false => format!("{}@kline_{}", name.to_ascii_lowercase(), self.interval),
            })
            .collect();
        serde_json::json!({"method": "SUBSCRIBE", "params": streams, "id": number}).to_string()
    }

    fn past(&self, span: &PastSpan, page: Option<&str>) -> PastRequest {
        let symbol = span.symbols.first().and_then(|symbol| self.symbols.get(*symbol)).map_or("", String::as_str);
        let (url, limit) = (&self.rules.history_url, self.rules.page_bars.min(1_000));
        if self.rules.of_trades {
            let from = match page {
                Some(number) => format!("fromId={number}"),
                None => format!("startTime={}&endTime={}", span.from_ms, span.to_ms - 1),
            };
            let url = format!("{url}/api/v3/aggTrades?symbol={symbol}&{from}&limit={limit}");
            return PastRequest { url, headers: Vec::new() };
        }
        let from = page.map_or_else(|| span.from_ms.to_string(), str::to_owned);
        let url = format!(
            "{url}/api/v3/klines?symbol={symbol}&interval={}&startTime={from}&endTime={}&limit={limit}",
            self.interval,
            span.to_ms - 1,
        );
        PastRequest { url, headers: Vec::new() }
    }

    fn page(&self, span: &PastSpan, answer: &Answer) -> Result<Page, String> {
        let symbol = *span.symbols.first().ok_or("nothing was asked for")?;
        if self.rules.of_trades {
            return self.page_of_trades(symbol, span, answer);
        }
        type Row<'a> = (i64, &'a str, &'a str, &'a str, &'a str, &'a str, i64, &'a str, u32, &'a str, &'a str, &'a str);
        let rows: Vec<Row<'_>> = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the answer is no list of klines: {error}"))?;
        let mut page = Page::default();
        for (start, o, h, l, c, v, _, q, n, ..) in &rows {
            page.bars.push(bar(symbol, *start, [o, h, l, c, v, q], *n).ok_or("a kline whose numbers are none")?);
        }
        // A full page may be followed by another.
        let next = page.bars.last().map(|bar| bar.start_ms.saturating_add(self.interval_ms));
        page.next = next
            .filter(|next| rows.len() >= self.rules.page_bars.min(1_000) && *next < span.to_ms)
            .map(|next| next.to_string());
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binance() -> Binance {
        of(false)
    }

    fn of(of_trades: bool) -> Binance {
        let symbols = vec!["BTCUSDT".to_owned(), "ETHUSDT".to_owned()];
        Binance {
            rules: ExchangeRules {
                stream_url: String::new(),
                history_url: "https://h".to_owned(),
                greets: false,
                overlap: true,
                always_open: true,
                age_max_ms: 0,
                symbols_per_message: 2,
                symbols_max: 2,
                say_gap_ms: 0,
                past_symbols: 1,
                requests_per_minute: 1,
                page_bars: 2,
                delay_ms: 0,
                dense: !of_trades,
                of_trades,
                numbered: of_trades,
            },
            interval: "1s".to_owned(),
            interval_ms: 1_000,
            by_name: symbols.iter().enumerate().map(|(k, name)| (name.clone(), k)).collect(),
            symbols,
        }
    }

    fn heard(text: &str) -> Vec<Heard> {
        let mut out = Vec::new();
        binance().hear(text, &mut out);
        out
    }

    /// As in its documentation.
    fn kline(last: bool) -> String {
        format!(
            r#"{{"stream":"ethusdt@kline_1s","data":{{"e":"kline","E":1672515782136,"s":"ETHUSDT","k":{{"t":1672515780000,
            "T":1672515780999,"s":"ETHUSDT","i":"1s","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0010",
            "v":"1000","n":101,"x":{last},"q":"1.5","V":"500","Q":"0.500","B":"123456"}}}}}}"#
        )
    }

    #[test]
    fn only_a_kline_that_is_closed_is_a_bar() {
        assert_eq!(heard(&kline(false)), []);
        let bar = FeedBar {
            symbol: 1,
            start_ms: 1_672_515_780_000,
            open: 0.001,
            high: 0.0025,
            low: 0.001,
            close: 0.002,
            volume: 1_000.0,
            vwap: 0.0015,
            trades: 101,
        };
        assert_eq!(heard(&kline(true)), [Heard::Bar(bar, Some((100, 200)))]);
    }

    #[test]
    fn answers_and_farewells_are_understood_and_the_rest_is_odd() {
        assert_eq!(heard(r#"{"result":null,"id":7}"#), [Heard::Granted(7)]);
        assert_eq!(heard(r#"{"e":"serverShutdown","E":1}"#), [Heard::Leaving]);
        assert_eq!(heard(r#"{"stream":"!","data":{"e":"serverShutdown","E":1}}"#), [Heard::Leaving]);
        let refused = heard(r#"{"error":{"code":2,"msg":"Invalid request: unknown"},"id":1}"#);
        assert!(matches!(&refused[..], [Heard::Over(text)] if text.contains("unknown")), "{refused:?}");
        for odd in ["", "{", "[1]", "{}", &kline(true).replace("0.0025", "many")] {
            assert_eq!(heard(odd), [Heard::Odd], "{odd}");
        }
    }

    #[test]
    fn pages_of_the_past_follow_each_other() {
        let binance = binance();
        let span = PastSpan { symbols: vec![0], from_ms: 0, to_ms: 5_000 };
        let first = binance.past(&span, None).url;
        assert_eq!(first, "https://h/api/v3/klines?symbol=BTCUSDT&interval=1s&startTime=0&endTime=4999&limit=2");
        let row =
            |start: i64| format!(r#"[{start},"1.0","2.0","0.5","1.5","10",{},"15.0",3,"1","1","0"]"#, start + 999);
        let answer =
            |rows: &[String]| Answer { body: format!("[{}]", rows.join(",")).into_bytes(), ..Answer::default() };
        let page = binance.page(&span, &answer(&[row(0), row(1_000)])).unwrap();
        assert_eq!((page.bars.len(), page.next.as_deref()), (2, Some("2000")));
        assert!(binance.past(&span, page.next.as_deref()).url.contains("startTime=2000"));
        let page = binance.page(&span, &answer(&[row(2_000)])).unwrap();
        assert_eq!((page.bars[0].vwap, page.next), (1.5, None));
        assert!(binance.page(&span, &Answer { body: b"{}".to_vec(), ..Answer::default() }).is_err());
    }

    #[test]
    fn trades_are_heard_and_those_of_the_past_are_put_together() {
        let trade = |id: i64, price: &str| {
            format!(
                r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":{id},"p":"{price}","q":"100",
                "T":1672515782136,"m":true,"M":true}}}}"#
            )
        };
        let binance = of(true);
        let wanted = |id, at_ms, price, trades| FeedTrade {
            id,
            symbol: 0,
            at_ms,
            price,
            size: 100.0,
            trades,
            counts: TradeCounts::ALL,
        };
        let mut out = Vec::new();
        binance.hear(&trade(12_345, "0.001"), &mut out);
        assert_eq!(out, [Heard::Trade(wanted(12_345, 1_672_515_782_136, 0.001, 1))]);
        for odd in
            [trade(1, "-1"), trade(1, "NaN"), trade(1, "inf"), trade(1, "x"), trade(1, "1").replace("BTC", "XYZ")]
        {
            out.clear();
            binance.hear(&odd, &mut out);
            assert_eq!(out, [Heard::Odd], "{odd}");
        }
        assert!(binance.subscribe(1, &[1]).contains(r#"["ethusdt@trade"]"#));

        let span = PastSpan { symbols: vec![0], from_ms: 1_000, to_ms: 3_000 };
        assert_eq!(
            binance.past(&span, None).url,
            "https://h/api/v3/aggTrades?symbol=BTCUSDT&startTime=1000&endTime=2999&limit=2"
        );
        assert_eq!(binance.past(&span, Some("9")).url, "https://h/api/v3/aggTrades?symbol=BTCUSDT&fromId=9&limit=2");
        let row = |a: i64, at: i64| {
            format!(r#"{{"a":{a},"p":"2.0","q":"100","f":{},"l":{},"T":{at},"m":true,"M":true}}"#, a * 10, a * 10 + 4)
        };
        let page = |rows: &[String]| {
            let answer = Answer { body: format!("[{}]", rows.join(",")).into_bytes(), ..Answer::default() };
            binance.page(&span, &answer).unwrap()
        };
        let first = page(&[row(7, 1_200), row(8, 2_900)]);
        assert_eq!((first.trades[0], first.next.as_deref()), (wanted(7, 1_200, 2.0, 5), Some("9")));
        let last = page(&[row(9, 2_950), row(10, 3_000)]);
        assert_eq!((last.trades.len(), last.next), (1, None), "beyond the end");
        assert_eq!(page(&[row(9, 2_950)]).next, None);
        assert!(binance.page(&span, &Answer { body: b"{}".to_vec(), ..Answer::default() }).is_err());
    }

    #[test]
    fn a_subscription_names_its_streams() {
        let text = binance().subscribe(3, &[0, 1]);
        assert_eq!(text, r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1s","ethusdt@kline_1s"],"id":3}"#);
    }
}
