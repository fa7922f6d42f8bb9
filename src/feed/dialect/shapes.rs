//! The shapes of files that are known by sight: those without a header line by their values, the others, for people,
//! by the names of their columns.

use super::columns::{BarColumn, COLUMNS};
use crate::feed::number::{Decimal, parse_written_f64};
use crate::feed::timestamp::{StampForm, parse_stamp, parse_time_of_day};

/// Stands for a column of no interest.
pub const IGNORED: u8 = COLUMNS as u8;

/// A shape without a header line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub name: &'static str,
    pub roles: Vec<u8>,
    pub note: Option<&'static str>,
}

const ENDS: &str = "NinjaTrader stamps bars at their end, HistData at their start in UTC-5: see --stamp and --timezone";

/// Letters for the columns: `d`ate or time, t`i`me of day, `s`ymbol, `o h l c v`, v`w`ap, `n` trades, `-` of no interest.
fn roles(letters: &str) -> Vec<u8> {
    let role = |letter| {
        Some(match letter {
            'd' => BarColumn::Ts,
            'i' => BarColumn::Time,
            's' => BarColumn::Symbol,
            'o' => BarColumn::Open,
            'h' => BarColumn::High,
            'l' => BarColumn::Low,
            'c' => BarColumn::Close,
            'v' => BarColumn::Volume,
            'w' => BarColumn::Vwap,
            'n' => BarColumn::Trades,
            _ => return None,
        })
    };
    letters.chars().map(|letter| role(letter).map_or(IGNORED, |column| column as u8)).collect()
}

/// How the first field of a line tells its time.
fn form(field: &[u8]) -> Option<StampForm> {
    parse_stamp(field, None).ok().map(|stamp| stamp.form)
}

/// The shape of lines of values, if all of them have one that is known.
pub(super) fn headerless(lines: &[Vec<&[u8]>], separator: u8) -> Option<Shape> {
    let first = lines.first()?;
    let width = first.len();
    if width < 6 || lines.iter().any(|line| line.len() != width) {
        return None;
    }
    let unix = matches!(form(first[0]), Some(StampForm::Seconds | StampForm::Millis | StampForm::Micros));
    let recent = first[0].len() >= 9;
    let dotted = first[0].len() >= 10 && first[0][4] == b'.' && form(first[0]).is_some();
    let day = form(first[0]);
    let shape = |name, letters, note| Some(Shape { name, roles: roles(letters), note });
    let found = match (width, separator) {
        (12, b',') if unix && recent && form(first[6]).is_some() => {
            shape("Binance without a header", "dohlcv--n---", None)
        }
        (7, b',') if unix && recent => shape("Kraken", "dohlcvn", None),
        (8, b',') if unix && recent => shape("Kraken with vwap", "dohlcwvn", None),
        (7, _) if dotted && parse_time_of_day(first[1]).is_ok() => shape("MetaTrader 4", "diohlcv", None),
        (6, _) if dotted => shape("MetaTrader 4", "dohlcv", None),
        (6, b';') if day == Some(StampForm::DateTime) => shape("NinjaTrader", "dohlcv", Some(ENDS)),
        (6, b';') if day == Some(StampForm::Date) => shape("NinjaTrader", "dohlcv", None),
        (10, _) if form(first[2]) == Some(StampForm::Date) && parse_time_of_day(first[3]).is_ok() => {
            shape("stooq without a header", "s-diohlcv-", None)
        }
        _ => None,
    }?;
    lines.iter().all(|line| is_bar(line, &found.roles)).then_some(found)
}

/// Whether the values of a line are in the relations of a bar.
fn is_bar(line: &[&[u8]], roles: &[u8]) -> bool {
    let value = |column: BarColumn| {
        let at = roles.iter().position(|&role| role == column as u8)?;
        [Decimal::Point, Decimal::Comma].into_iter().find_map(|decimal| parse_written_f64(line[at], decimal).ok())
    };
    let [Some(open), Some(high), Some(low), Some(close)] =
        [BarColumn::Open, BarColumn::High, BarColumn::Low, BarColumn::Close].map(value)
    else {
        return false;
    };
    // Rounding of the writer, of the order of a last digit.
    let near = 1.0 + 1e-4;
    low <= open * near && low <= close * near && open <= high * near && close <= high * near
}

/// What a file with these columns (reduced names) is, for people.
pub(super) fn named(names: &[String], before: &[u8], separator: u8) -> &'static str {
    let has = |name: &str| names.iter().any(|own| own == name);
    let lower = before.to_ascii_lowercase();
    let says = |text: &str| memchr::memmem::find(&lower, text.as_bytes()).is_some();
    if says("cryptodatadownload") || has("unix") && has("date") && has("symbol") {
        "CryptoDataDownload"
    } else if has("price") && has("ticker") || has("dividends") && has("stocksplits") {
        "yfinance"
    } else if has("date") && has("adjclose") {
        "Yahoo"
    } else if has("opentime") {
        "Binance"
    } else if has("starttime") && has("time") {
        "FTX"
    } else if has("bidopen") {
        "FXCM"
    } else if has("tickvol") && separator == b'\t' {
        "MetaTrader 5"
    } else if has("per") && has("ticker") {
        "stooq"
    } else if has("ltp") && has("series") {
        "NSE"
    } else if has("closelast") {
        "Nasdaq"
    } else if has("windowstart") {
        "Polygon"
    } else if ["t", "o", "h", "l", "c"].into_iter().all(has) {
        "Alpaca"
    } else if ["ts", "symbol", "open", "high", "low", "close", "volume"].into_iter().all(has) {
        "bars"
    } else {
        "a header line"
    }
}
