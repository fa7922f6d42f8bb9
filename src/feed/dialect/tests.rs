//! A table of the shapes that files have, made by hand after real ones, with what is understood of each; and what is not
//! understood, with what mends it.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{DialectError, FileOptions};
use crate::feed::stamps::Stamps;
use crate::feed::timestamp::DateOrder;
use crate::feed::zone::Zone;
use crate::feed::{CsvError, CsvSource, TextInput};
use crate::model::{StampedAt, time::Iso8601};
use std::path::PathBuf;

/// Values of a bar: open, high, low, close, volume.
type Values = [f64; 5];

fn open(name: &str, bytes: &[u8], options: &FileOptions) -> Result<CsvSource, CsvError> {
    let input = TextInput {
        path: PathBuf::from(name),
        name: name.to_owned(),
        bytes: Box::new(std::io::Cursor::new(bytes.to_vec())),
        total_bytes: None,
        read_bytes: Default::default(),
        live: false,
    };
    CsvSource::new(input, options)
}

/// All bars of a text: symbol, time, values; vwap and trades where there are any.
fn read(source: &mut CsvSource) -> Vec<(String, String, Values, f64, u32)> {
    let mut bars = Vec::new();
    while let Some(line) = source.next().unwrap() {
        let record = line.result.unwrap_or_else(|refusal| panic!("line {}: {refusal:?}", line.number));
        let symbol = String::from_utf8(record.symbol.to_vec()).unwrap();
        let values = [record.open, record.high, record.low, record.close, record.volume];
        let vwap = if record.vwap.is_nan() { 0.0 } else { record.vwap };
        bars.push((symbol, Iso8601(record.ts).to_string(), values, vwap, record.trades));
    }
    bars
}

fn base(text: &str) -> FileOptions {
    FileOptions::new(text.parse().unwrap())
}

fn of(symbol: &str, text: &str) -> FileOptions {
    FileOptions { symbol: Some(symbol.to_owned()), ..base(text) }
}

fn stamped(zone: Option<&str>, at: StampedAt, order: Option<DateOrder>, options: FileOptions) -> FileOptions {
    let zone = zone.map(|zone| Zone::new(zone).unwrap());
    FileOptions { stamps: Stamps::new(zone, at, order, options.base), ..options }
}

#[derive(Clone)]
struct Case {
    name: &'static str,
    text: &'static str,
    options: FileOptions,
    shape: &'static str,
    symbol: &'static str,
    /// Time and values of the first bar.
    first: (&'static str, Values),
    bars: usize,
}

const PRICES: Values = [10.0, 12.0, 9.0, 11.0, 500.0];

fn of_exchanges() -> Vec<Case> {
    vec![
        Case {
            name: "own form",
            text: "ts,symbol,open,high,low,close,volume,vwap,trades\n2025-07-08T14:30:00Z,SPY,10,12,9,11,500,10.5,7\n",
            options: base("1m"),
            shape: "bars",
            symbol: "SPY",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Kraken, no header",
            text: "1751985000,10,12,9,11,500,7\n1751985060,11,12,9,11,1,1\n",
            options: of("XBTUSD", "1m"),
            shape: "Kraken",
            symbol: "XBTUSD",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 2,
        },
        Case {
            name: "Kraken with vwap",
            text: "1751985000,10.0,12.0,9.0,11.0,10.5,500.0,7\n",
            options: of("XBTUSD", "1m"),
            shape: "Kraken with vwap",
            symbol: "XBTUSD",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Binance, no header, milliseconds and microseconds",
            text: "1751985000000,10,12,9,11,500,1751985059999,5000,7,250,2500,0\n1751985060000000,11,12,9,11,1,1751985119999999,11,1,1,11,0\n",
            options: of("BTCUSDT", "1m"),
            shape: "Binance without a header",
            symbol: "BTCUSDT",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 2,
        },
        Case {
            name: "Binance with a header",
            text: "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n1751985000000,10,12,9,11,500,1751985059999,5000,7,250,2500,0\n",
            options: of("BTCUSDT", "1m"),
            shape: "Binance",
            symbol: "BTCUSDT",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
    ]
}

fn of_crypto_services() -> Vec<Case> {
    use StampedAt::Start;
    vec![
        Case {
            name: "CryptoDataDownload, newest first, mixed units",
            text: "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n1751985060000,2025-07-08 14:31:00,BTC/USD,10,12,9,11,500,5000\n1751985000,2025-07-08 14:30:00,BTC/USD,10,12,9,11,500,5000\n",
            options: base("1m"),
            shape: "CryptoDataDownload",
            symbol: "BTC/USD",
            first: ("2025-07-08T14:31:00", PRICES),
            bars: 2,
        },
        Case {
            name: "CryptoDataDownload, hours with AM and PM",
            text: "https://www.CryptoDataDownload.com\nDate,Symbol,Open,High,Low,Close,Volume BTC,Volume USD\n2025-07-08 02-PM,BTCUSD,10,12,9,11,500,5000\n",
            options: base("1h"),
            shape: "CryptoDataDownload",
            symbol: "BTCUSD",
            first: ("2025-07-08T14:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "FTX",
            text: "startTime,time,open,high,low,close,volume\n2025-07-08T14:30:00+00:00,1751985000000.0,10.0,12.0,9.0,11.0,500.0\n",
            options: of("BTC-PERP", "1m"),
            shape: "FTX",
            symbol: "BTC-PERP",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "FXCM",
            text: "DateTime,BidOpen,BidHigh,BidLow,BidClose,AskOpen,AskHigh,AskLow,AskClose\n07/08/2025 14:30:00.000,10,12,9,11,10.1,12.1,9.1,11.1\n",
            options: stamped(None, Start, Some(DateOrder::MonthFirst), of("EURUSD", "1m")),
            shape: "FXCM",
            symbol: "EURUSD",
            first: ("2025-07-08T14:30:00", [10.0, 12.0, 9.0, 11.0, 0.0]),
            bars: 1,
        },
    ]
}

fn of_stock_services() -> Vec<Case> {
    vec![
        Case {
            name: "Polygon",
            text: "ticker,volume,open,close,high,low,window_start,transactions\nSPY,500,10,11,12,9,1751985000000000000,7\n",
            options: base("1m"),
            shape: "Polygon",
            symbol: "SPY",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Alpaca",
            text: "t,o,h,l,c,v,n,vw\n2025-07-08T14:30:00Z,10,12,9,11,500,7,10.5\n",
            options: of("SPY", "1m"),
            shape: "Alpaca",
            symbol: "SPY",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Coinbase: low before high before open",
            text: "time,low,high,open,close,volume\n1751985000,9,12,10,11,500\n",
            options: of("BTC-USD", "1m"),
            shape: "a header line",
            symbol: "BTC-USD",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Kaggle: several symbols, the name last",
            text: "date,open,high,low,close,volume,Name\n2025-07-08,10,12,9,11,500,AAL\n",
            options: base("1d"),
            shape: "a header line",
            symbol: "AAL",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
    ]
}

fn of_vendors() -> Vec<Case> {
    use StampedAt::Start;
    vec![
        Case {
            name: "Yahoo",
            text: "Date,Open,High,Low,Close,Adj Close,Volume\n2025-07-08,10,12,9,11,5.5,500\n",
            options: of("SPY", "1d"),
            shape: "Yahoo",
            symbol: "SPY",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Yahoo, adjusted as asked for",
            text: "Date,Open,High,Low,Close,Adj Close,Volume\n2025-07-08,10,12,9,11,10.5,500\n",
            options: FileOptions {
                columns: vec![(super::BarColumn::Close, "adj close".to_owned())],
                ..of("SPY", "1d")
            },
            shape: "Yahoo",
            symbol: "SPY",
            first: ("2025-07-08T00:00:00", [10.0, 12.0, 9.0, 10.5, 500.0]),
            bars: 1,
        },
        Case {
            name: "yfinance, local midnights",
            text: "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2025-07-08 00:00:00-04:00,10,12,9,11,500,0.0,0.0\n",
            options: of("SPY", "1d"),
            shape: "yfinance",
            symbol: "SPY",
            first: ("2025-07-08T04:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "yfinance, three header lines",
            text: "Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY\nDate,,,,,\n2025-07-08,11,12,9,10,500\n2025-07-09,11,12,9,10,500\n",
            options: base("1d"),
            shape: "yfinance",
            symbol: "SPY",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 2,
        },
        Case {
            name: "pandas, an index without a name",
            text: ",Open,High,Low,Close,Volume\n2025-07-08 09:30:00,10,12,9,11,500\n",
            options: stamped(Some("America/New_York"), Start, None, of("SPY", "1m")),
            shape: "a header line",
            symbol: "SPY",
            first: ("2025-07-08T13:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "pandas, a counted index and a date",
            text: ",Date,Open,High,Low,Close,Volume\n0,2025-07-08,10,12,9,11,500\n1,2025-07-09,10,12,9,11,500\n",
            options: of("SPY", "1d"),
            shape: "a header line",
            symbol: "SPY",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 2,
        },
    ]
}

fn of_platforms() -> Vec<Case> {
    use StampedAt::End;
    vec![
        Case {
            name: "NinjaTrader, stamped at the end",
            text: "20250708 143100;10;12;9;11;500\n20250708 143200;10;12;9;11;500\n",
            options: stamped(None, End, None, of("ES", "1m")),
            shape: "NinjaTrader",
            symbol: "ES",
            first: ("2025-07-08T14:30:59.999", PRICES),
            bars: 2,
        },
        Case {
            name: "NinjaTrader, daily, decimal commas",
            text: "20250708;10,0;12,0;9,0;11,0;500\n",
            options: of("ES", "1d"),
            shape: "NinjaTrader",
            symbol: "ES",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "NSE: quoted, months by name, Indian groups of digits, a mark",
            text: "\u{feff}\"Date \",\"series \",\"OPEN \",\"HIGH \",\"LOW \",\"PREV. CLOSE \",\"ltp \",\"close \",\"vwap \",\"52W H \",\"52W L \",\"VOLUME \",\"VALUE \",\"No of trades \"\n\"08-Jul-2025\",\"EQ\",\"1,10,000.00\",\"1,12,000.00\",\"99,000.00\",\"99,500.00\",\"1,05,000.00\",\"1,05,500.00\",\"1,05,200.00\",\"1,20,000.00\",\"80,000.00\",\"1,24,340\",\"5,00,000.00\",\"1,234\"\n",
            options: of("MRF", "1d"),
            shape: "NSE",
            symbol: "MRF",
            first: ("2025-07-08T00:00:00", [110_000.0, 112_000.0, 99_000.0, 105_500.0, 124_340.0]),
            bars: 1,
        },
        Case {
            name: "MetaTrader 4",
            text: "2025.07.08,14:30,10,12,9,11,500\n2025.07.08,14:31,10,12,9,11,500\n",
            options: of("EURUSD", "1m"),
            shape: "MetaTrader 4",
            symbol: "EURUSD",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 2,
        },
        Case {
            name: "MetaTrader 5, tabs, real volume 0",
            text: "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2025.07.08\t14:30:00\t10\t12\t9\t11\t500\t0\t3\n",
            options: of("EURUSD", "1m"),
            shape: "MetaTrader 5",
            symbol: "EURUSD",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "MetaTrader 5, daily: no time",
            text: "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2025.07.08\t10\t12\t9\t11\t1\t500\t3\n",
            options: of("EURUSD", "1d"),
            shape: "MetaTrader 5",
            symbol: "EURUSD",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
    ]
}

fn of_stooq() -> Vec<Case> {
    use StampedAt::Start;
    vec![
        Case {
            name: "stooq, bulk",
            text: "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nSPY.US,D,20250708,000000,10,12,9,11,500,0\nIBM.US,D,20250708,000000,10,12,9,11,500,0\n",
            options: base("1d"),
            shape: "stooq",
            symbol: "SPY.US",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 2,
        },
        Case {
            name: "stooq, bulk, no header, five minutes",
            text: "SPY.US,5,20250708,143000,10,12,9,11,500,0\n",
            options: base("5m"),
            shape: "stooq without a header",
            symbol: "SPY.US",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "stooq, one symbol",
            text: "Date,Open,High,Low,Close,Volume\r\n2025-07-08,10,12,9,11,500\r\n",
            options: of("SPY", "1d"),
            shape: "a header line",
            symbol: "SPY",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "US dates",
            text: "Date,Open,High,Low,Close,Volume\n7/8/2025 6:49,10,12,9,11,500\n7/31/2025 6:49,10,12,9,11,500\n",
            options: stamped(None, Start, Some(DateOrder::MonthFirst), of("SPY", "1m")),
            shape: "a header line",
            symbol: "SPY",
            first: ("2025-07-08T06:49:00", PRICES),
            bars: 2,
        },
    ]
}

fn of_countries() -> Vec<Case> {
    use StampedAt::Start;
    vec![
        Case {
            name: "Nasdaq: dollars",
            text: "Date,Close/Last,Volume,Open,High,Low\n07/08/2025,$11.00,500,$10.00,$12.00,$9.00\n",
            options: stamped(None, Start, Some(DateOrder::MonthFirst), of("AAPL", "1d")),
            shape: "Nasdaq",
            symbol: "AAPL",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Investing: the price is the close, thousands as K",
            text: "\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"\n\"Jul 08, 2025\",\"11.0\",\"10.0\",\"12.0\",\"9.0\",\"0.5K\",\"1.2%\"\n",
            options: of("GOLD", "1d"),
            shape: "a header line",
            symbol: "GOLD",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Dukascopy: day first, milliseconds",
            text: "Gmt time,Open,High,Low,Close,Volume\n08.07.2025 14:30:00.000,10,12,9,11,500\n",
            options: stamped(None, Start, Some(DateOrder::DayFirst), of("EURUSD", "1m")),
            shape: "a header line",
            symbol: "EURUSD",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "German: semicolons, decimal commas, points for thousands",
            text: "Datum;Open;High;Low;Close;Volume\n2025-07-08;1.010,5;1.012,5;1.009,5;1.011,5;1.500\n",
            options: of("DAX", "1d"),
            shape: "a header line",
            symbol: "DAX",
            first: ("2025-07-08T00:00:00", [1_010.5, 1_012.5, 1_009.5, 1_011.5, 1_500.0]),
            bars: 1,
        },
        Case {
            name: "pipes, blanks around values, a remark, a blank line, the header again",
            text: "# exported\n\nTime | Ticker | Open | High | Low | Close | Volume\n2025-07-08 14:30 | SPY | 10 | 12 | 9 | 11 | 500\n\nTime | Ticker | Open | High | Low | Close | Volume\n2025-07-08 14:31 | SPY | 10 | 12 | 9 | 11 | 500\n",
            options: base("1m"),
            shape: "a header line",
            symbol: "SPY",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 2,
        },
    ]
}

fn of_habits() -> Vec<Case> {
    use StampedAt::Start;
    vec![
        Case {
            name: "every line in quotes",
            text: "\"Date,Open,High,Low,Close,Volume\"\n\"2025-07-08,10,12,9,11,500\"\n",
            options: of("SPY", "1d"),
            shape: "a header line",
            symbol: "SPY",
            first: ("2025-07-08T00:00:00", PRICES),
            bars: 1,
        },
        Case {
            name: "Alpha Vantage, numbered names, old line ends",
            text: "timestamp,1. open,2. high,3. low,4. close,5. volume\r2025-07-08 10:30:00,10,12,9,11,500\r",
            options: stamped(Some("America/New_York"), Start, None, of("IBM", "1m")),
            shape: "a header line",
            symbol: "IBM",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
        Case {
            name: "date and time in two columns, separators at the ends of lines",
            text: "Date,Time,Open,High,Low,Close,Volume\n07/08/2025,930,10,12,9,11,500,\n07/08/2025,1600,10,12,9,11,500,\n",
            options: stamped(Some("America/New_York"), Start, Some(DateOrder::MonthFirst), of("SPY", "1m")),
            shape: "a header line",
            symbol: "SPY",
            first: ("2025-07-08T13:30:00", PRICES),
            bars: 2,
        },
        Case {
            name: "numbered columns",
            text: "2025-07-08 14:30,11,12,9,10,500\n",
            options: FileOptions {
                columns: ["ts=1", "close=2", "high=3", "low=4", "open=5", "volume=6"]
                    .map(|text| text.split_once('=').unwrap())
                    .map(|(column, number)| (column.parse().unwrap(), number.to_owned()))
                    .to_vec(),
                ..of("SPY", "1m")
            },
            shape: "numbered columns",
            symbol: "SPY",
            first: ("2025-07-08T14:30:00", PRICES),
            bars: 1,
        },
    ]
}

#[test]
fn every_shape_is_understood() {
    let cases: Vec<Case> = [
        of_exchanges(),
        of_crypto_services(),
        of_stock_services(),
        of_vendors(),
        of_platforms(),
        of_stooq(),
        of_countries(),
        of_habits(),
    ]
    .concat();
    assert!(cases.len() >= 35, "{}", cases.len());
    for Case { name, text, options, shape, symbol, first, bars } in cases {
        let mut source = open("bars.csv", text.as_bytes(), &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(source.dialect().shape, shape, "{name}");
        let found = read(&mut source);
        assert_eq!(found.len(), bars, "{name}");
        let (own, ts, values, ..) = &found[0];
        assert_eq!((own.as_str(), ts.as_str(), values), (symbol, first.0, &first.1), "{name}");
    }
}

#[test]
fn vwap_and_trades_are_found_where_they_are() {
    for (text, vwap) in [
        ("t,o,h,l,c,v,n,vw\n1751985000,10,12,9,11,500,7,10.5\n", 10.5),
        ("1751985000,10,12,9,11,10.5,500,7\n", 10.5),
        ("1751985000,10,12,9,11,500,7\n", 0.0),
        ("ts,open,high,low,close,volume,VWAP,Trade Count\n1751985000,10,12,9,11,500,10.5,7\n", 10.5),
    ] {
        let found = read(&mut open("A.csv", text.as_bytes(), &of("A", "1m")).unwrap());
        assert_eq!((found[0].3, found[0].4), (vwap, 7), "{text}");
    }
}

#[test]
fn what_is_not_understood_says_what_would_mend_it() {
    let told = |name: &str, text: &str, options: &FileOptions, words: &[&str]| {
        let error = open(name, text.as_bytes(), options).expect_err(text).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
    };
    let symbol = of("SPY", "1m");
    told(
        "SPY_1m.csv",
        "Date,Open,High,Low,Close\n2025-07-08,1,1,1,1\n",
        &base("1d"),
        &["--symbol SPY,", "'{symbol}_1m.csv'"],
    );
    told(
        "x.csv",
        "Date,Open,High,Low,Volume\n2025-07-08,1,1,1,1\n",
        &symbol,
        &["lacks the columns close", "--columns close="],
    );
    told("x.csv", "1,2,3\n4,5,6\n", &symbol, &["no header line", "\"1,2,3\"", "--columns ts=1"]);
    told("x.csv", "Date,Open,High,Low,Close\n1/31/2026,1,1,1,1\n", &symbol, &["1/31/2026", "--date-order mdy"]);
    told("x.csv", "Date,Open,High,Low,Close\n31.1.2026,1,1,1,1\n", &symbol, &["31.1.2026", "--date-order dmy"]);
    told("x.csv", "Date,Open,High,Low,Close\n1/2/2026,1,1,1,1\n", &symbol, &["--date-order dmy, or mdy"]);
    told(
        "x.csv",
        "Date;Open;High;Low;Close\n2025-07-08;1,234;1,234;1,234;1,234\n",
        &symbol,
        &["1,234", "--decimal comma or --decimal point"],
    );
    told(
        "x.csv",
        "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,SPY,QQQ,SPY,QQQ,SPY,QQQ,SPY,QQQ\nDate,,,,,,,,\n2025-07-08,1,1,1,1,1,1,1,1\n",
        &symbol,
        &["QQQ, SPY", "one file per symbol"],
    );
    told("x.csv", "ts,open,high,low,close,Close\n1,1,1,1,1,1\n", &symbol, &["two columns close", "--columns close=5"]);
    told("x.csv", "ts,open,high,low,close\n1,1,1,1,1\n", &of("S P Y", "1m"), &["\"S P Y\" is no symbol"]);
    let columns = FileOptions { columns: vec![(super::BarColumn::Close, "Adj Close".to_owned())], ..symbol.clone() };
    told("x.csv", "ts,open,high,low,close\n1,1,1,1,1\n", &columns, &["--columns close=Adj Close", "it has ts, open"]);
    told("x.csv", "\n\n", &symbol, &["it is empty"]);
    let ambiguous = "Date;Open;High;Low;Close\n2025-07-08;1,234;1,234;1,234;1,234\n";
    for (decimal, price) in [(super::Decimal::Comma, 1.234), (super::Decimal::Point, 1_234.0)] {
        let options = FileOptions { decimal: Some(decimal), ..of("SPY", "1d") };
        assert_eq!(read(&mut open("x.csv", ambiguous.as_bytes(), &options).unwrap())[0].2[0], price);
    }
    assert!(matches!(super::Dialect::decide(b"", true, "x.csv", &symbol), Err(DialectError::Empty)));
}

#[test]
fn the_name_of_a_file_may_have_its_symbol() {
    let options = FileOptions { symbol_from_name: Some("{symbol}_1m.csv".parse().unwrap()), ..of("OTHER", "1m") };
    let text = b"ts,open,high,low,close\n1,1,1,1,1\n";
    for (name, symbol) in [("SPY_1m.csv", "SPY"), ("QQQ_1m.csv.gz", "QQQ"), ("else.csv", "OTHER")] {
        assert_eq!(read(&mut open(name, text, &options).unwrap())[0].0, symbol);
    }
}
