//! The dialect of a file of bars: how its lines are to be read. Decided once, by a look at its beginning.
//!
//! Allocates; runs once per file.

mod assign;
mod columns;
mod options;
mod shapes;
mod split;

pub use columns::{BarColumn, COLUMNS};
pub use options::{FileOptions, NamePattern};
pub use shapes::IGNORED;
pub use split::{split, within_quotes};

use super::number::Decimal;
use super::validate_symbol;
use assign::{Sample, assign, decimal_of, quieter_volume};
use columns::reduced;
use split::fields;

/// Lines looked at for a header.
const HEADER_LINES: usize = 60;
/// Lines of values looked at.
const SAMPLES: usize = 200;

/// Why a file is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// There is nothing in it.
    #[error(
        "it is empty; a file of bars has a header line with the columns ts, symbol, open, high, low, close, volume"
    )]
    Empty,
    /// The header lacks columns.
    #[error("the header line lacks the columns {missing}; it has {found}: name them, such as --columns {hint}")]
    MissingColumns {
        /// Names, separated by commas.
        missing: String,
        /// The names in the header line.
        found: String,
        /// An argument for one of them.
        hint: String,
    },
    /// The header names a column twice (`timestamp` is another name of `ts`).
    #[error("the header line has two columns {name}: say which one is meant, such as --columns {name}={number}")]
    RepeatedColumn {
        /// The column.
        name: BarColumn,
        /// Number of the first of them.
        number: usize,
    },
    /// There is a column that the user has named, or is not.
    #[error("--columns {column}={name}: the file has no such column; it has {found}")]
    NoSuchColumn {
        /// What it should hold.
        column: BarColumn,
        /// Its name.
        name: String,
        /// The names in the header line.
        found: String,
    },
    /// No header and no known shape.
    #[error(
        "no header line with ts, open, high, low and close was found, and no known shape without one; its first line is \
         {first:?}: number the columns, such as --columns ts=1,open=2,high=3,low=4,close=5,volume=6"
    )]
    Unknown {
        /// The beginning of the first line.
        first: String,
    },
    /// No column has the symbol, and the user has not said it.
    #[error("no column has the symbol: add --symbol {hint}, or --symbol-from-name '{pattern}'")]
    NoSymbol {
        /// A likely symbol.
        hint: String,
        /// A likely pattern.
        pattern: String,
    },
    /// The symbol that the user gave, or that the file's name has, cannot be one.
    #[error("{symbol:?} is no symbol; one has at most 32 printable characters without blanks")]
    BadSymbol {
        /// The symbol.
        symbol: String,
    },
    /// Dates that have day and month in an unknown order.
    #[error("dates such as {example} do not say which part is the day: add --date-order {hint}")]
    DateOrder {
        /// A date.
        example: String,
        /// Which order fits all that were looked at, or both.
        hint: &'static str,
    },
    /// Numbers whose comma may be either.
    #[error(
        "numbers such as {example} may have a decimal comma or a thousands separator: add --decimal comma or --decimal point"
    )]
    Decimal {
        /// A number.
        example: String,
    },
    /// A column of another type than its values may have.
    #[error("the column {name} is of a type that cannot be read as {column}: write {column} as a number or a text")]
    WrongType {
        /// Its name.
        name: String,
        /// What it should hold.
        column: BarColumn,
    },
    /// A column for each symbol.
    #[error(
        "it has columns for each of the symbols {symbols}: write one line per symbol and time, or one file per symbol"
    )]
    Wide {
        /// Their names.
        symbols: String,
    },
}

/// How the lines of a file are to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialect {
    /// What the file is, for people.
    pub shape: &'static str,
    /// The byte between two fields.
    pub separator: u8,
    /// The byte after a line.
    pub line_end: u8,
    /// Whether every line stands in quotes as a whole.
    pub in_quotes: bool,
    /// How numbers are written.
    pub decimal: Decimal,
    /// Meaning of each column: the number of a [`BarColumn`], or [`IGNORED`].
    pub roles: Vec<u8>,
    /// The header line, which may occur again.
    pub header: Option<Vec<u8>>,
    /// Lines before the first with values.
    pub skip: u64,
    /// The symbol, where no column has it.
    pub symbol: Option<Box<[u8]>>,
    /// What else is to be said about it.
    pub notes: Vec<String>,
}

/// The beginning of a file, in lines.
struct Head<'a> {
    lines: Vec<&'a [u8]>,
    line_end: u8,
}

/// A header line that was found.
struct Header<'a> {
    /// Lines before it.
    at: usize,
    separator: u8,
    in_quotes: bool,
    fields: Vec<&'a [u8]>,
}

impl Dialect {
    /// Decides by the beginning of the text of a file, which may be all of it (`whole`).
    ///
    /// # Errors
    /// What keeps it from being read, with what would mend it.
    pub fn decide(head: &[u8], whole: bool, name: &str, options: &FileOptions) -> Result<Self, DialectError> {
        let head = Head::new(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head), whole);
        let Some(first) = head.lines.iter().find(|line| !is_blank(line)) else { return Err(DialectError::Empty) };
        let found = head.header(options);
        let dialect = match found {
            Some(header) => Self::with_header(&head, &header, options)?,
            None => Self::without_header(&head, first, options)?,
        };
        dialect.complete(name, options)
    }

    /// The same for a file that has columns of values under these names, rather than text.
    ///
    /// # Errors
    /// As for [`decide`](Self::decide).
    #[cfg(feature = "parquet")]
    pub fn of_columns(names: &[String], name: &str, options: &FileOptions) -> Result<Self, DialectError> {
        let written: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        let reduced: Vec<String> = written.iter().map(|name| reduced(name)).collect();
        let (roles, notes) = assign(&reduced, &written, &[], options)?;
        let dialect = Self {
            shape: "Parquet",
            separator: b',',
            line_end: b'\n',
            in_quotes: false,
            decimal: Decimal::Point,
            roles,
            header: None,
            skip: 0,
            symbol: None,
            notes,
        };
        dialect.complete(name, options)
    }

    /// Adds the symbol where no column has it, and what is to be said.
    fn complete(self, name: &str, options: &FileOptions) -> Result<Self, DialectError> {
        let mut dialect = self;
        if dialect.column(BarColumn::Volume).is_none() {
            dialect.notes.push("no column has the volume: it is 0 in every bar".to_owned());
        }
        if dialect.column(BarColumn::Symbol).is_none() {
            let given = dialect.symbol.take().map(|symbol| String::from_utf8_lossy(&symbol).into_owned());
            let symbol = options.symbol_of(name).or(given).ok_or_else(|| no_symbol(name))?;
            validate_symbol(symbol.as_bytes()).map_err(|_| DialectError::BadSymbol { symbol: symbol.clone() })?;
            dialect.symbol = Some(symbol.into_bytes().into());
        } else {
            dialect.symbol = None;
            if options.symbol.is_some() {
                dialect.notes.push("it has a column with symbols, so that --symbol does not matter".to_owned());
            }
        }
        Ok(dialect)
    }

    /// The place of a column among those of the file.
    #[must_use]
    pub fn column(&self, column: BarColumn) -> Option<usize> {
        self.roles.iter().position(|&role| role == column as u8)
    }

    fn with_header(head: &Head<'_>, header: &Header<'_>, options: &FileOptions) -> Result<Self, DialectError> {
        let mut names: Vec<String> = header.fields.iter().map(|name| reduced(name)).collect();
        let mut skip = header.at + 1;
        let mut symbol = None;
        let next = |n: usize| head.lines.get(header.at + n).map(|line| fields(line, header.separator));
        // What yfinance writes: the tickers below the names of the columns, and below them the name of the first.
        if names.first().is_some_and(|name| name == "price")
            && let Some(tickers) = next(1).filter(|line| line.first().is_some_and(|name| reduced(name) == "ticker"))
        {
            let mut symbols: Vec<&[u8]> = tickers[1..].iter().map(|text| text.trim_ascii()).collect();
            symbols.sort_unstable();
            symbols.dedup();
            if symbols.len() > 1 {
                let symbols = symbols.iter().map(|text| String::from_utf8_lossy(text)).collect::<Vec<_>>().join(", ");
                return Err(DialectError::Wide { symbols });
            }
            symbol = symbols.first().map(|text| Box::from(*text));
            skip += 1;
            names[0] = "date".to_owned();
            skip += usize::from(next(2).is_some_and(|line| line[1..].iter().all(|field| field.is_empty())));
        }
        let line = head.lines[header.at];
        let samples = head.samples(skip, header.separator, header.in_quotes, Some(line));
        let mut notes = Vec::new();
        let (mut roles, chosen) = assign(&names, &header.fields, &samples, options)?;
        notes.extend(chosen);
        notes.extend(quieter_volume(&names, &mut roles, &samples));
        let before = head.lines[..header.at].concat();
        let shape = if symbol.is_some() { "yfinance" } else { shapes::named(&names, &before, header.separator) };
        let decimal = options.decimal.map_or_else(|| decimal_of(&roles, &samples), Ok)?;
        Ok(Self {
            shape,
            separator: header.separator,
            line_end: head.line_end,
            in_quotes: header.in_quotes,
            decimal,
            roles,
            header: Some(line.to_vec()),
            skip: skip as u64,
            symbol,
            notes,
        })
    }

    fn without_header(head: &Head<'_>, first: &[u8], options: &FileOptions) -> Result<Self, DialectError> {
        let unknown =
            || DialectError::Unknown { first: String::from_utf8_lossy(&first[..first.len().min(80)]).into_owned() };
        let numbered: Option<Vec<(BarColumn, usize)>> = options
            .columns
            .iter()
            .map(|(column, name)| Some((*column, name.parse::<usize>().ok().filter(|n| *n > 0)? - 1)))
            .collect();
        for separator in SEPARATORS {
            for in_quotes in [false, true] {
                let samples = head.samples(0, separator, in_quotes, None);
                let (shape, roles, note) = match &numbered {
                    Some(numbered) if !numbered.is_empty() => {
                        let width = samples.iter().map(|(_, line)| line.len()).max().unwrap_or(0);
                        if numbered.iter().any(|(_, at)| *at >= width) {
                            continue;
                        }
                        let mut roles = vec![IGNORED; width];
                        numbered.iter().for_each(|(column, at)| roles[*at] = *column as u8);
                        ("numbered columns", roles, None)
                    }
                    _ => {
                        let lines: Vec<Vec<&[u8]>> = samples.iter().map(|(_, line)| line.clone()).collect();
                        let Some(shape) = shapes::headerless(&lines, separator) else { continue };
                        (shape.name, shape.roles, shape.note)
                    }
                };
                let missing = assign::missing(&roles);
                if !missing.is_empty() {
                    return Err(DialectError::MissingColumns {
                        hint: format!("{}=1", missing[0]),
                        missing: missing.join(", "),
                        found: "none: its columns were numbered".to_owned(),
                    });
                }
                let data = assign::first_bar(&roles, &samples).unwrap_or(0);
                assign::order_known(&roles, &samples, options)?;
                return Ok(Self {
                    shape,
                    separator,
                    line_end: head.line_end,
                    in_quotes,
                    decimal: options.decimal.map_or_else(|| decimal_of(&roles, &samples), Ok)?,
                    roles,
                    header: None,
                    skip: data as u64,
                    symbol: None,
                    notes: note.map(str::to_owned).into_iter().collect(),
                });
            }
        }
        Err(unknown())
    }
}

const SEPARATORS: [u8; 4] = [b'\t', b';', b'|', b','];

impl<'a> Head<'a> {
    fn new(head: &'a [u8], whole: bool) -> Self {
        let line_end = if head.contains(&b'\n') || !head.contains(&b'\r') { b'\n' } else { b'\r' };
        let mut lines: Vec<&[u8]> = head.split(|&b| b == line_end).collect();
        // The last one may be cut.
        if lines.len() > 1 && (!whole || lines.last().is_some_and(|line| line.is_empty())) {
            lines.pop();
        }
        let lines = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
        Self { lines, line_end }
    }

    /// The header line, if there is one among the first lines: the one with the most columns that are known.
    fn header(&self, options: &FileOptions) -> Option<Header<'a>> {
        let mut best: Option<(usize, Header<'a>)> = None;
        for (at, line) in self.lines.iter().take(HEADER_LINES).enumerate() {
            for separator in SEPARATORS {
                for in_quotes in [false, true] {
                    let text = line.strip_prefix(b"#").unwrap_or(line);
                    let fields = fields(if in_quotes { within_quotes(text) } else { text }, separator);
                    if in_quotes && self::fields(text, separator).len() != 1 {
                        continue;
                    }
                    let known = known_columns(&fields, options);
                    if known > best.as_ref().map_or(0, |(most, _)| *most) {
                        best = Some((known, Header { at, separator, in_quotes, fields }));
                    }
                }
            }
            // What looks like a header further down is one that is repeated.
            if best.is_some() {
                break;
            }
        }
        best.map(|(_, header)| header)
    }

    /// The first lines with values, with their numbers from 0.
    fn samples(&self, from: usize, separator: u8, in_quotes: bool, header: Option<&[u8]>) -> Vec<Sample<'a>> {
        let lines = self.lines.iter().enumerate().skip(from);
        let lines = lines.filter(|(_, line)| !is_blank(line) && !is_comment(line) && Some(**line) != header);
        let text = |line: &'a [u8]| if in_quotes { within_quotes(line) } else { line };
        lines.map(|(at, line)| (at, fields(text(line), separator))).take(SAMPLES).collect()
    }
}

/// How many columns are known in what may be a header line; 0 where it is none.
fn known_columns(fields: &[&[u8]], options: &FileOptions) -> usize {
    let named: Vec<&String> =
        options.columns.iter().map(|(_, name)| name).filter(|name| name.parse::<usize>().is_err()).collect();
    let is_named = |name: &&String| fields.iter().any(|field| assign::is_name(field, name));
    let given = named.iter().filter(|name| is_named(name)).count();
    let names: Vec<String> = fields.iter().map(|name| reduced(name)).collect();
    let known = |column: &BarColumn| names.iter().any(|name| column.rank(name).is_some() && !name.is_empty());
    let prices = [BarColumn::Open, BarColumn::High, BarColumn::Low, BarColumn::Close];
    let all = BarColumn::ALL.iter().filter(|column| known(column)).count();
    if prices.iter().filter(|column| known(column)).count() >= 3 || given >= 3 { all + given } else { 0 }
}

/// Whether a line has nothing in it.
#[must_use]
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|b| b.is_ascii_whitespace())
}

/// Whether a line is a remark.
#[must_use]
pub fn is_comment(line: &[u8]) -> bool {
    line.starts_with(b"#") || line.starts_with(b"//")
}

fn no_symbol(name: &str) -> DialectError {
    let stem = name.split('.').next().unwrap_or_default();
    let end = stem.find(['_', '-', ' ']).unwrap_or(stem.len());
    let symbol = &stem[..end];
    let (hint, pattern) = match symbol {
        "" => ("SPY".to_owned(), "{symbol}.csv".to_owned()),
        _ => (symbol.to_ascii_uppercase(), format!("{{symbol}}{}", &name[end..])),
    };
    DialectError::NoSymbol { hint, pattern }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
