//! The columns of a file of bars: which value each holds, by its name.

use std::{fmt, str::FromStr};

/// A value that a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum BarColumn {
    /// The time of the bar, or its date where the time of day has a column of its own.
    Ts,
    /// The symbol.
    Symbol,
    /// The first price.
    Open,
    /// The highest price.
    High,
    /// The lowest price.
    Low,
    /// The last price.
    Close,
    /// The volume.
    Volume,
    /// The volume-weighted average price.
    Vwap,
    /// The number of trades.
    Trades,
    /// The time of day.
    Time,
}

/// Number of columns that are known.
pub const COLUMNS: usize = 10;

impl BarColumn {
    /// All columns, by their number.
    pub const ALL: [Self; COLUMNS] = [
        Self::Ts,
        Self::Symbol,
        Self::Open,
        Self::High,
        Self::Low,
        Self::Close,
        Self::Volume,
        Self::Vwap,
        Self::Trades,
        Self::Time,
    ];

    /// Its name in messages and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Symbol => "symbol",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
            Self::Vwap => "vwap",
            Self::Trades => "trades",
            Self::Time => "time",
        }
    }

    /// The names that files give it, reduced as by [`reduced`]; the names of a row are as good as each other, and those
    /// of an earlier row better than those of a later one.
    pub(super) const fn aliases(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Ts => &[
                &["ts", "timestamp"],
                &["opentime", "unix", "unixtimestamp", "unixtime", "epoch", "epochtime", "windowstart", "tsevent"],
                &["starttime", "opentimestamp", "barstart", "candlebegintime", "timestamputc"],
                &["datetime", "dateandtime", "gmttime", "utctime", "timeutc", "dateutc", "localtime", "timestampms"],
                &["date", "dtyyyymmdd", "day", "tradedate", "tradingday", "bardate", "datum"],
                &["time", "t", "begin", "index", "indexlevel0", ""],
            ],
            Self::Symbol => &[
                &["symbol", "ticker", "sym"],
                &["instrument", "tradingsymbol", "actsymbol", "pair", "code", "s"],
                &["name"],
            ],
            Self::Open => &[&["open", "o", "openprice"], &["bidopen", "openbid", "first"]],
            Self::High => &[&["high", "h", "highprice"], &["bidhigh", "highbid", "max"]],
            Self::Low => &[&["low", "l", "lowprice"], &["bidlow", "lowbid", "min"]],
            Self::Close => &[
                &["close", "c", "closeprice", "closelast"],
                &["bidclose", "closebid"],
                &["last", "lastprice"],
                &["price"],
            ],
            Self::Volume => &[
                &["volume", "v", "vol"],
                &["basevolume", "volumebase", "totaltradedquantity", "tottrdqty", "shares", "realvolume"],
                &["tickvolume", "tickvol", "tickqty"],
            ],
            Self::Vwap => &[&["vwap", "vw"], &["weightedaverage", "averageprice", "avgprice", "wap"]],
            Self::Trades => &[
                &["trades", "n", "tradecount", "numberoftrades", "nooftrades", "numtrades"],
                &["transactions", "count", "nooftransactions", "barcount"],
            ],
            Self::Time => &[&["time", "timehhmmss", "hhmmss", "hhmm", "timeofday"]],
        }
    }

    /// How good a name is for this column: 0 is best; none where it means something else.
    pub(super) fn rank(self, name: &str) -> Option<usize> {
        let aliases = self.aliases();
        let rank = aliases.iter().position(|names| names.contains(&name));
        // Volume BTC, Volume USD: the first is that of what is traded.
        rank.or_else(|| (self == Self::Volume && name.starts_with("volume")).then_some(aliases.len()))
    }
}

impl fmt::Display for BarColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BarColumn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|column| column.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|column| column.name()).collect();
            format!("{text:?} is no value of a bar; there are {}", names.join(", "))
        })
    }
}

/// A name without what writers of headers disagree on: case, blanks, punctuation, brackets, a number in front.
pub(super) fn reduced(name: &[u8]) -> String {
    let name = name.trim_ascii();
    // `1. open`, as some services number their columns.
    let name = match name.iter().position(|b| !b.is_ascii_digit()) {
        Some(digits) if digits > 0 && name[digits..].starts_with(b". ") => &name[digits + 2..],
        _ => name,
    };
    name.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_reduced_to_what_they_mean() {
        for (name, expected) in [
            ("Adj Close", "adjclose"),
            ("<TICKER>", "ticker"),
            ("Close/Last", "closelast"),
            (" No of trades ", "nooftrades"),
            ("1. open", "open"),
            ("52W H", "52wh"),
            ("open_time", "opentime"),
            ("", ""),
        ] {
            assert_eq!(reduced(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn no_name_means_two_values_equally_well() {
        for column in BarColumn::ALL {
            assert_eq!(column.name().parse(), Ok(column));
            assert!(column.rank(column.name()).is_some());
            for (rank, names) in column.aliases().iter().enumerate() {
                for name in *names {
                    assert_eq!(reduced(name.as_bytes()), *name);
                    assert_eq!(column.rank(name), Some(rank), "{name}");
                    let others =
                        BarColumn::ALL.into_iter().filter(|other| *other != column && other.rank(name).is_some());
                    // `time` is a date with a time, or the time of a day: the values tell.
                    assert!(others.count() == usize::from(*name == "time"), "{name}");
                }
            }
        }
        assert!("size".parse::<BarColumn>().unwrap_err().contains("ts, symbol, open"));
        assert_eq!((BarColumn::Volume.rank("volumebtc"), BarColumn::Close.rank("adjclose")), (Some(3), None));
    }
}
