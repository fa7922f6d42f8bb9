//! The part of the command line that says how files of bars are to be read.

use crate::{
    config::{Named as _, Prices, ZeroVolume},
    feed::{
        dialect::{BarColumn, FileOptions, NamePattern},
        number::Decimal,
        stamps::Stamps,
        timestamp::DateOrder,
        zone::Zone,
    },
    model::{StampedAt, Timeframe},
};
use clap::{Args, ValueEnum};

/// How files of bars are to be read, where they do not tell.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// Time zone of stamps that name none, such as America/New_York or +05:30 [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = |text: &str| Zone::new(text))]
    pub timezone: Option<Zone>,
    /// Which end of its bar a stamp names
    #[arg(long, value_name = "END", default_value = "start")]
    pub stamp: StampArg,
    /// Which part comes first in dates such as 01/02/2026: dmy the day, mdy the month
    #[arg(long, value_name = "ORDER")]
    pub date_order: Option<DateOrderArg>,
    /// Symbol of the bars in files without a column for it
    #[arg(long, value_name = "SYMBOL")]
    pub symbol: Option<String>,
    /// Take the symbol from the file's name, such as '{symbol}_1m.csv'
    #[arg(long, value_name = "PATTERN")]
    pub symbol_from_name: Option<NamePattern>,
    /// Which column holds which value, by its name or its number from 1, such as ts=Date,close='Adj Close'; values are ts,
    /// time (of day), symbol, open, high, low, close, volume, vwap, trades
    #[arg(long, value_name = "VALUE=COLUMN,…", value_delimiter = ',', value_parser = parse_column)]
    pub columns: Vec<(BarColumn, String)>,
    /// Whether the comma in numbers such as 1,234 is a decimal comma or separates thousands (decimal point)
    #[arg(long, value_name = "SIGN")]
    pub decimal: Option<DecimalArg>,
    /// What to do with bars without volume, which some exchanges write for minutes without trades
    #[arg(long, value_name = "keep|skip", default_value = "keep", value_parser = parse_zero_volume)]
    pub zero_volume: ZeroVolume,
}

/// Ends of bars on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StampArg {
    /// The start
    Start,
    /// The end: the bar is the one that the millisecond before belongs to
    End,
}

/// Orders of dates on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DateOrderArg {
    /// 31.01.2026
    Dmy,
    /// 1/31/2026
    Mdy,
}

/// Decimal signs on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecimalArg {
    /// 1,234.5
    Point,
    /// 1.234,5
    Comma,
}

impl FileArgs {
    /// What they say of files with bars of this interval, which may have these prices.
    pub fn options(&self, base: Timeframe, prices: Prices) -> FileOptions {
        let at = match self.stamp {
            StampArg::Start => StampedAt::Start,
            StampArg::End => StampedAt::End,
        };
        let order = self.date_order.map(|order| match order {
            DateOrderArg::Dmy => DateOrder::DayFirst,
            DateOrderArg::Mdy => DateOrder::MonthFirst,
        });
        FileOptions {
            base,
            stamps: Stamps::new(self.timezone.clone(), at, order, base),
            symbol: self.symbol.clone(),
            symbol_from_name: self.symbol_from_name.clone(),
            columns: self.columns.clone(),
            decimal: self.decimal.map(|decimal| match decimal {
                DecimalArg::Point => Decimal::Point,
                DecimalArg::Comma => Decimal::Comma,
            }),
            skip_zero_volume: self.zero_volume == ZeroVolume::Skip,
            prices,
        }
    }
}

fn parse_column(text: &str) -> Result<(BarColumn, String), String> {
    let (column, name) = text.split_once('=').ok_or("write VALUE=COLUMN, such as ts=Date")?;
    if name.is_empty() {
        return Err("name the column, such as ts=Date".to_owned());
    }
    Ok((column.trim().parse()?, name.to_owned()))
}

fn parse_zero_volume(text: &str) -> Result<ZeroVolume, String> {
    ZeroVolume::named(text).ok_or_else(|| "write keep, or skip to leave them out as no_trade".to_owned())
}
