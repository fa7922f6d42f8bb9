//! What an exchange says and wants to hear. An exchange is one type that knows its own words, and nothing of connections.

use super::rest::{Answer, PastRequest};
use crate::ingest::market::FeedBar;
use std::fmt;

/// What a message means.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Say this.
    Say(String),
    /// Symbols may be subscribed.
    Ready,
    /// What was asked for under this number is granted.
    Granted(u64),
    /// These symbols are subscribed, and no others.
    Subscribed(Vec<usize>),
    /// A final bar; the numbers of its first and last trade, where there are such and it has trades.
    Bar(FeedBar, Option<(i64, i64)>),
    /// A bar that was final is otherwise.
    Corrected(FeedBar),
    /// A trade.
    Trade(FeedTrade),
    /// The trade of a symbol that had this number is another, or was none.
    Retraded(usize, i64, Option<FeedTrade>),
    /// Something to know.
    Noted(String),
    /// Nothing that matters here.
    Nothing,
    /// The other side will be gone soon.
    Leaving,
    /// It refuses for now, such as because another connection is still open: to be asked again on this connection.
    Again(String),
    /// It refuses for good; says what to do.
    Over(String),
    /// It is no message that this program knows.
    Odd,
}

impl Heard {
    /// When what was heard of took place, or began, Unix ms; `None` of what has no time.
    pub fn moment_ms(&self) -> Option<i64> {
        match self {
            Self::Bar(bar, _) | Self::Corrected(bar) => Some(bar.start_ms),
            Self::Trade(trade) => Some(trade.at_ms),
            _ => None,
        }
    }
}

/// A trade of one symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeedTrade {
    /// Its number.
    pub id: i64,
    /// Index of the symbol.
    pub symbol: usize,
    /// When, Unix ms.
    pub at_ms: i64,
    /// Its price.
    pub price: f64,
    /// How many.
    pub size: f64,
    /// How many trades it stands for: an exchange may put those of one order and price together.
    pub trades: u32,
    /// What it may change of a bar.
    pub counts: TradeCounts,
}

/// What a trade changes of the bar that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeCounts {
    /// The first and the last price.
    pub last: bool,
    /// The highest and the lowest price.
    pub range: bool,
    /// The volume.
    pub volume: bool,
}

impl TradeCounts {
    /// All of it.
    pub const ALL: Self = Self { last: true, range: true, volume: true };
}

/// How an exchange is to be treated.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeRules {
    /// Address of the stream.
    pub stream_url: String,
    /// Address of the history, without what comes behind it.
    pub history_url: String,
    /// Whether it speaks first, and wants a login.
    pub greets: bool,
    /// Whether a second connection may be open beside the first.
    pub overlap: bool,
    /// Whether its market never closes.
    pub always_open: bool,
    /// Age at which a connection is replaced, ms; 0: never.
    pub age_max_ms: u64,
    /// Symbols that are subscribed with one message.
    pub symbols_per_message: usize,
    /// Symbols that a connection may have.
    pub symbols_max: usize,
    /// Shortest time between two messages to it, ms.
    pub say_gap_ms: u64,
    /// Symbols of one request for the past.
    pub past_symbols: usize,
    /// Requests for the past a minute.
    pub requests_per_minute: u64,
    /// Bars that are asked for with one request.
    pub page_bars: usize,
    /// How far its stream is behind the time, ms.
    pub delay_ms: i64,
    /// Whether every symbol has a bar in every interval, trades or not.
    pub dense: bool,
    /// Whether bars are made of its trades.
    pub of_trades: bool,
    /// Whether the numbers of a symbol's trades follow each other, so that one that is missing shows.
    pub numbered: bool,
}

/// A span of the past that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PastSpan {
    /// The symbols.
    pub symbols: Vec<usize>,
    /// From those bars on that begin here, Unix ms.
    pub from_ms: i64,
    /// Up to those that begin before here, Unix ms.
    pub to_ms: i64,
}

/// One page of the past.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Its bars, of each symbol in the order of time.
    pub bars: Vec<FeedBar>,
    /// Trades in their place, of each symbol in the order of time.
    pub trades: Vec<FeedTrade>,
    /// What the next page is asked for with; `None` where this is the last one.
    pub next: Option<String>,
}

/// The words of one exchange.
pub trait ExchangeWords: fmt::Debug {
    /// How it is to be treated.
    fn rules(&self) -> &ExchangeRules;

    /// A message that it has sent.
    fn hear(&self, text: &str, out: &mut Vec<Heard>);

    /// The message that subscribes these symbols, under a number of its own.
    fn subscribe(&self, number: u64, symbols: &[usize]) -> String;

    /// The message with which it is asked again that has refused for now.
    fn ask_again(&self) -> Option<String> {
        None
    }

    /// The request for a page of the past.
    fn past(&self, span: &PastSpan, page: Option<&str>) -> PastRequest;

    /// What its answer, which is good, says.
    ///
    /// # Errors
    /// The answer is not what it should be.
    fn page(&self, span: &PastSpan, answer: &Answer) -> Result<Page, String>;
}
