//! The messages of Alpaca, as JSON.

use crate::{feed::timestamp::parse_timestamp, ingest::market::FeedBar};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One message.
#[derive(Debug, Deserialize)]
#[serde(tag = "T")]
pub(super) enum Word {
    #[serde(rename = "success")]
    Success { msg: String },
    #[serde(rename = "error")]
    Error { code: u16, msg: String },
    #[serde(rename = "subscription")]
    Subscription {
        #[serde(default)]
        bars: Vec<String>,
        #[serde(default)]
        trades: Vec<String>,
    },
    #[serde(rename = "b")]
    Bar(BarWord),
    #[serde(rename = "u")]
    Updated(BarWord),
    #[serde(rename = "t")]
    Trade(TradeWord),
    #[serde(rename = "c")]
    Correction(CorrectionWord),
    #[serde(rename = "x")]
    Cancel {
        #[serde(rename = "S")]
        symbol: String,
        #[serde(rename = "i")]
        id: i64,
    },
    #[serde(rename = "s")]
    Status {
        #[serde(rename = "S")]
        symbol: String,
        #[serde(rename = "sm", default)]
        text: String,
    },
    #[serde(rename = "l")]
    Bands {},
    #[serde(other)]
    Other,
}

/// A bar; its symbol stands elsewhere in a page of history.
#[derive(Debug, Deserialize)]
pub(super) struct BarWord {
    #[serde(rename = "S")]
    pub symbol: Option<String>,
    #[serde(rename = "t")]
    pub time: String,
    #[serde(rename = "o")]
    pub open: f64,
    #[serde(rename = "h")]
    pub high: f64,
    #[serde(rename = "l")]
    pub low: f64,
    #[serde(rename = "c")]
    pub close: f64,
    #[serde(rename = "v")]
    pub volume: f64,
    #[serde(rename = "n", default)]
    pub trades: u32,
    #[serde(rename = "vw")]
    pub vwap: Option<f64>,
}

/// A trade.
#[derive(Debug, Deserialize)]
pub(super) struct TradeWord {
    #[serde(rename = "S")]
    pub symbol: Option<String>,
    #[serde(rename = "i", default)]
    pub id: i64,
    #[serde(rename = "t")]
    pub time: String,
    #[serde(rename = "p")]
    pub price: f64,
    #[serde(rename = "s")]
    pub size: f64,
    #[serde(rename = "c", default)]
    pub conditions: Vec<String>,
    #[serde(rename = "z", default)]
    pub tape: String,
}

/// A trade that was otherwise.
#[derive(Debug, Deserialize)]
pub(super) struct CorrectionWord {
    #[serde(rename = "S")]
    pub symbol: String,
    #[serde(rename = "oi")]
    pub old_id: i64,
    #[serde(rename = "ci")]
    pub new_id: i64,
    #[serde(rename = "cp")]
    pub price: f64,
    #[serde(rename = "cs")]
    pub size: f64,
    #[serde(rename = "cc", default)]
    pub conditions: Vec<String>,
    #[serde(rename = "z", default)]
    pub tape: String,
    #[serde(rename = "t")]
    pub time: String,
}

/// A page of history.
#[derive(Debug, Deserialize)]
pub(super) struct Pages {
    pub bars: Option<BTreeMap<String, Vec<BarWord>>>,
    pub trades: Option<BTreeMap<String, Vec<TradeWord>>>,
    pub next_page_token: Option<String>,
}

/// The messages of a text, which is a list of them; `None` for one that is none.
pub(super) fn words(text: &str) -> Vec<Option<Word>> {
    if let Ok(words) = serde_json::from_str::<Vec<Word>>(text) {
        return words.into_iter().map(Some).collect();
    }
    // One that is odd does not take the others with it.
    match serde_json::from_str::<Vec<serde_json::Value>>(text) {
        Ok(values) => values.into_iter().map(|value| serde_json::from_value(value).ok()).collect(),
        Err(_) => vec![None],
    }
}

/// A time, Unix ms.
pub(super) fn moment(text: &str) -> Option<i64> {
    parse_timestamp(text.as_bytes()).ok()
}

/// The bar of a symbol.
pub(super) fn bar(symbol: usize, word: &BarWord) -> Option<FeedBar> {
    let BarWord { open, high, low, close, volume, trades, vwap, .. } = *word;
    let vwap = vwap.filter(|vwap| *vwap > 0.0).unwrap_or(f64::NAN);
    Some(FeedBar { symbol, start_ms: moment(&word.time)?, open, high, low, close, volume, vwap, trades })
}
