//! Alpaca: stocks (feeds iex, sip, delayed_sip, test) and crypto.
//!
//! From its documentation: the server greets, the client logs in, subscribes, and is told what is subscribed. Minute bars (`b`)
//! come right after their end, updated ones (`u`) half a minute later; trades (`t`) have conditions, and are corrected (`c`) or
//! cancelled (`x`). Bars of seconds are made of trades.

mod words;

use crate::{
    ingest::{
        market::FeedBar,
        net::{
            Answer, ExchangeRules, ExchangeWords, FeedTrade, Heard, Page, PastRequest, PastSpan, TradeCounts,
            configured, connected,
        },
        provider::{Commission, CommissionError, Maker, Provider},
        sale_counts,
    },
    model::{Timeframe, time::Iso8601},
};
use std::collections::HashMap;
use words::{BarWord, Pages, TradeWord, Word, bar, moment, words};

/// Alpaca.
pub const MAKER: Maker = Maker {
    name: "alpaca",
    about: "Alpaca's stocks and crypto; needs a key (bars of 1m; of seconds, made of trades)",
    invents: false,
    keys: Some(VARIABLES),
    make,
};

/// Where the key and the secret are looked for, as Alpaca's own programs do.
const VARIABLES: [&str; 2] = ["APCA_API_KEY_ID", "APCA_API_SECRET_KEY"];
const FEEDS: [&str; 5] = ["iex", "sip", "delayed_sip", "test", "crypto"];
/// What the feed `delayed_sip` is behind, ms.
const DELAY_MS: i64 = 15 * 60_000;

struct Alpaca {
    rules: ExchangeRules,
    /// The feed of the history; `None` for crypto.
    feed: Option<&'static str>,
    of_trades: bool,
    /// What the history calls the interval.
    interval: String,
    symbols: Vec<String>,
    by_name: HashMap<String, usize>,
    key: String,
    secret: String,
}

impl std::fmt::Debug for Alpaca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alpaca").field("feed", &self.feed).finish_non_exhaustive()
    }
}

fn make(mut commission: Commission<'_>) -> Result<Box<dyn Provider>, CommissionError> {
    let minute_ms = 60_000;
    let interval_ms = commission.timeframe.interval_ms();
    let of_trades = interval_ms < minute_ms;
    let interval = interval(commission.timeframe);
    let fits = if of_trades { minute_ms % interval_ms == 0 } else { interval.is_some() };
    if !fits || (interval_ms > minute_ms && !commission.past_only) {
        let text = format!("Alpaca has no live bars of {}: take 1m, or 1s", commission.timeframe);
        return Err(CommissionError(text));
    }
    let feed = commission.settings.and_then(|settings| settings.feed.as_deref()).unwrap_or("iex");
    let Some(feed) = FEEDS.into_iter().find(|known| *known == feed) else {
        return Err(CommissionError(format!("there is no feed {feed:?}; there are {}", FEEDS.join(", "))));
    };
    let [Some(key), Some(secret)] = std::mem::take(&mut commission.keys) else {
        return Err(CommissionError(format!(
            "there is no key: set {} and {}, or name files of mode 0600 in ingest.providers.alpaca.key_file and secret_file, or \
             give the credentials alpaca-key and alpaca-secret to the service",
            VARIABLES[0], VARIABLES[1]
        )));
    };
    let crypto = feed == "crypto";
    let rules = ExchangeRules {
        stream_url: match feed {
            "crypto" => "wss://stream.data.alpaca.markets/v1beta3/crypto/us".to_owned(),
            feed => format!("wss://stream.data.alpaca.markets/v2/{feed}"),
        },
        history_url: "https://data.alpaca.markets".to_owned(),
        greets: true,
        overlap: false,
        always_open: crypto || feed == "test",
        age_max_ms: 0,
        symbols_per_message: 500,
        symbols_max: 100_000,
        say_gap_ms: 50,
        past_symbols: 100,
        requests_per_minute: 200,
        page_bars: 10_000,
        delay_ms: if feed == "delayed_sip" { DELAY_MS } else { 0 },
        dense: false,
        of_trades,
        numbered: false,
    };
    let history = match feed {
        "crypto" => None,
        "iex" => Some("iex"),
        _ => Some("sip"),
    };
    let dialect = Alpaca {
        rules: configured(rules, &commission),
        feed: history,
        of_trades,
        interval: interval.unwrap_or_default(),
        symbols: commission.symbols.to_vec(),
        by_name: commission.symbols.iter().enumerate().map(|(k, name)| (name.clone(), k)).collect(),
        key,
        secret,
    };
    connected(Box::new(dialect), &commission)
}

/// What the history calls an interval, if it has it.
fn interval(timeframe: Timeframe) -> Option<String> {
    let name = timeframe.to_string();
    let (count, unit) = name.split_at(name.len() - 1);
    let (unit, most) = match unit {
        "m" => ("Min", 59),
        "h" => ("Hour", 23),
        "d" => ("Day", 1),
        "w" => ("Week", 1),
        "M" => ("Month", 12),
        _ => return None,
    };
    count.parse::<u32>().ok().filter(|count| (1..=most).contains(count)).map(|count| format!("{count}{unit}"))
}

impl Alpaca {
    fn login(&self) -> String {
        serde_json::json!({"action": "auth", "key": self.key, "secret": self.secret}).to_string()
    }

    fn symbol(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    fn counts(&self, conditions: &[String], tape: &str) -> TradeCounts {
        if self.feed.is_none() {
            return TradeCounts::ALL;
        }
        sale_counts(conditions.iter().map(String::as_str), tape)
    }

    fn bar(&self, word: &BarWord) -> Option<FeedBar> {
        bar(self.symbol(word.symbol.as_deref()?)?, word)
    }

    fn trade(&self, word: &TradeWord) -> Option<FeedTrade> {
        let symbol = self.symbol(word.symbol.as_deref()?)?;
        Some(FeedTrade {
            id: word.id,
            symbol,
            at_ms: moment(&word.time)?,
            price: word.price,
            size: word.size,
            trades: 1,
            counts: self.counts(&word.conditions, &word.tape),
        })
    }

    fn word(&self, word: Word) -> Heard {
        let odd = |heard: Option<Heard>| heard.unwrap_or(Heard::Odd);
        match word {
            Word::Success { msg } if msg == "connected" => Heard::Say(self.login()),
            Word::Success { msg } if msg == "authenticated" => Heard::Ready,
            Word::Success { .. } | Word::Other => Heard::Nothing,
            Word::Error { code, msg } => refusal(code, &msg),
            Word::Subscription { bars, trades } => {
                let names = if self.of_trades { trades } else { bars };
                Heard::Subscribed(names.iter().filter_map(|name| self.symbol(name)).collect())
            }
            Word::Bar(word) => odd(self.bar(&word).map(|bar| Heard::Bar(bar, None))),
            Word::Updated(word) => odd(self.bar(&word).map(Heard::Corrected)),
            Word::Trade(word) => odd(self.trade(&word).map(Heard::Trade)),
            Word::Correction(word) => {
                let new = |symbol, at_ms| FeedTrade {
                    id: word.new_id,
                    symbol,
                    at_ms,
                    price: word.price,
                    size: word.size,
                    trades: 1,
                    counts: self.counts(&word.conditions, &word.tape),
                };
                let symbol = self.symbol(&word.symbol);
                odd(symbol
                    .zip(moment(&word.time))
                    .map(|(symbol, at_ms)| Heard::Retraded(symbol, word.old_id, Some(new(symbol, at_ms)))))
            }
            Word::Cancel { symbol, id } => odd(self.symbol(&symbol).map(|symbol| Heard::Retraded(symbol, id, None))),
            Word::Status { symbol, text } => Heard::Noted(format!("{symbol}: {text}")),
            Word::Bands { .. } => Heard::Nothing,
        }
    }
}

/// What an error of the server means.
fn refusal(code: u16, msg: &str) -> Heard {
    let said = format!("Alpaca says {code} {msg}");
    match code {
        402 => Heard::Over(format!("{said}: check the key and the secret")),
        405 => Heard::Over(format!("{said}: fewer symbols, or another plan")),
        409 => Heard::Over(format!("{said}: the plan does not have this feed; set ingest.providers.alpaca.feed")),
        410 | 411 => Heard::Over(format!("{said}: the account may not subscribe this")),
        406 => Heard::Again(format!("{said}: another connection of this account is open")),
        _ => Heard::Noted(said),
    }
}

impl ExchangeWords for Alpaca {
    fn rules(&self) -> &ExchangeRules {
        &self.rules
    }

    fn hear(&self, text: &str, out: &mut Vec<Heard>) {
        for word in words(text) {
            match word.map_or(Heard::Odd, |word| self.word(word)) {
                Heard::Nothing => {}
                heard => out.push(heard),
            }
        }
    }

    fn subscribe(&self, _: u64, symbols: &[usize]) -> String {
        let names: Vec<&str> = symbols.iter().filter_map(|k| self.symbols.get(*k)).map(String::as_str).collect();
        let text = if self.of_trades {
            serde_json::json!({"action": "subscribe", "trades": names})
        } else {
            serde_json::json!({"action": "subscribe", "bars": names, "updatedBars": names})
        };
        text.to_string()
    }

    fn ask_again(&self) -> Option<String> {
        Some(self.login())
    }

    fn past(&self, span: &PastSpan, page: Option<&str>) -> PastRequest {
        let names: Vec<&str> = span.symbols.iter().filter_map(|k| self.symbols.get(*k)).map(String::as_str).collect();
        let what = if self.of_trades { "trades" } else { "bars" };
        let place = if self.feed.is_some() { "v2/stocks" } else { "v1beta3/crypto/us" };
        let mut url = format!(
            "{}/{place}/{what}?symbols={}&start={}Z&end={}Z&limit={}&sort=asc",
            self.rules.history_url,
            names.join(",").replace('/', "%2F"),
            Iso8601(span.from_ms),
            Iso8601(span.to_ms - 1),
            self.rules.page_bars.min(10_000),
        );
        if !self.of_trades {
            url.push_str("&timeframe=");
            url.push_str(&self.interval);
        }
        if let Some(feed) = self.feed {
            url.push_str("&feed=");
            url.push_str(feed);
            url.push_str(if self.of_trades { "" } else { "&adjustment=raw" });
        }
        if let Some(page) = page {
            url.push_str("&page_token=");
            url.push_str(&page.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
        }
        let headers = vec![("APCA-API-KEY-ID", self.key.clone()), ("APCA-API-SECRET-KEY", self.secret.clone())];
        PastRequest { url, headers }
    }

    fn page(&self, _: &PastSpan, answer: &Answer) -> Result<Page, String> {
        let pages: Pages = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the answer is no page of history: {error}"))?;
        let mut page = Page { next: pages.next_page_token, ..Page::default() };
        for (name, words) in pages.bars.into_iter().flatten() {
            let symbol = self.symbol(&name).ok_or_else(|| format!("{name:?} was not asked for"))?;
            for word in words {
                page.bars.push(bar(symbol, &word).ok_or("a bar without a time")?);
            }
        }
        for (name, words) in pages.trades.into_iter().flatten() {
            for word in words {
                let word = TradeWord { symbol: Some(name.clone()), ..word };
                page.trades
                    .push(self.trade(&word).ok_or("a trade without a time, or of a symbol that was not asked for")?);
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
#[path = "alpaca/tests.rs"]
mod tests;
