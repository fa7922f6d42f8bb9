//! Which column of a file holds which value: by the names in its header, by what the user says, and by the values.

use super::DialectError;
use super::columns::{BarColumn, reduced};
use super::options::FileOptions;
use super::shapes::IGNORED;
use crate::feed::number::{Decimal, parse_written_f64};
use crate::feed::timestamp::{DateOrder, StampForm, parse_stamp, parse_time_of_day};

/// A line of values with its number from 0.
pub(super) type Sample<'a> = (usize, Vec<&'a [u8]>);

const PRICES: [BarColumn; 4] = [BarColumn::Open, BarColumn::High, BarColumn::Low, BarColumn::Close];

/// Whether a field of a header is what the user calls it.
pub(super) fn is_name(field: &[u8], name: &str) -> bool {
    field.trim_ascii().eq_ignore_ascii_case(name.trim().as_bytes())
}

/// Gives each column its meaning; the names as reduced and as written. Also what is to be said about the choice.
pub(super) fn assign(
    names: &[String],
    written: &[&[u8]],
    samples: &[Sample<'_>],
    options: &FileOptions,
) -> Result<(Vec<u8>, Vec<String>), DialectError> {
    let mut roles = vec![IGNORED; names.len()];
    let mut notes = Vec::new();
    let given = given(written, &mut roles, options)?;
    for column in BarColumn::ALL {
        if matches!(column, BarColumn::Ts | BarColumn::Time) || given.contains(&column) {
            continue;
        }
        let free = |at: &usize| roles[*at] == IGNORED;
        if let Some(at) = best(column, names, free)? {
            roles[at] = column as u8;
        }
    }
    if !given.contains(&BarColumn::Ts) {
        time_columns(names, samples, &mut roles, given.contains(&BarColumn::Time))?;
    }
    let missing = missing(&roles);
    if !missing.is_empty() {
        let found: Vec<_> = written.iter().map(|name| String::from_utf8_lossy(name.trim_ascii())).collect();
        let hint = format!("{}={}", missing[0], found.iter().find(|name| !name.is_empty()).map_or("1", |name| name));
        return Err(DialectError::MissingColumns { missing: missing.join(", "), found: found.join(", "), hint });
    }
    order_known(&roles, samples, options)?;
    if names.iter().any(|name| name == "bidopen") {
        notes.push("its prices are those of the bid".to_owned());
    }
    Ok((roles, notes))
}

/// The columns that the user has named.
fn given(written: &[&[u8]], roles: &mut [u8], options: &FileOptions) -> Result<Vec<BarColumn>, DialectError> {
    let mut given = Vec::new();
    for (column, name) in &options.columns {
        let numbered = name.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < written.len());
        let at = written.iter().position(|field| is_name(field, name)).or(numbered);
        let at = at.or_else(|| written.iter().position(|field| reduced(field) == reduced(name.as_bytes())));
        let Some(at) = at else {
            let found: Vec<_> = written.iter().map(|name| String::from_utf8_lossy(name.trim_ascii())).collect();
            return Err(DialectError::NoSuchColumn { column: *column, name: name.clone(), found: found.join(", ") });
        };
        roles[at] = *column as u8;
        given.push(*column);
    }
    Ok(given)
}

/// The column with the best name for a value.
fn best(column: BarColumn, names: &[String], free: impl Fn(&usize) -> bool) -> Result<Option<usize>, DialectError> {
    let ranked = names.iter().enumerate().filter(|(at, _)| free(at));
    let ranked: Vec<(usize, usize)> = ranked.filter_map(|(at, name)| Some((column.rank(name)?, at))).collect();
    let Some(&(rank, at)) = ranked.iter().min() else { return Ok(None) };
    let as_good = ranked.iter().filter(|(other, _)| *other == rank).count();
    // Of Volume BTC and Volume USD, which are no names that are known, the first.
    if as_good > 1 && rank < column.aliases().len() {
        return Err(DialectError::RepeatedColumn { name: column, number: at + 1 });
    }
    Ok(Some(at))
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stamp,
    Date,
    Other,
}

fn values<'a>(samples: &'a [Sample<'a>], at: usize) -> impl Iterator<Item = &'a [u8]> + Clone {
    samples
        .iter()
        .filter_map(move |(_, line)| line.get(at))
        .map(|text| text.trim_ascii())
        .filter(|text| !text.is_empty())
}

fn read(text: &[u8], order: Option<DateOrder>) -> Option<StampForm> {
    parse_stamp(text, order).ok().map(|stamp| stamp.form)
}

fn any_order(text: &[u8]) -> Option<StampForm> {
    read(text, Some(DateOrder::DayFirst)).or_else(|| read(text, Some(DateOrder::MonthFirst)))
}

/// What most values of a column are.
fn kind(samples: &[Sample<'_>], at: usize, unnamed: bool) -> Kind {
    let (mut dates, mut stamps, mut all) = (0, 0, 0);
    for text in values(samples, at) {
        all += 1;
        match any_order(text) {
            // A column without a name may as well number the lines.
            Some(StampForm::Seconds) if unnamed && text.len() < 9 => {}
            Some(StampForm::Date) => dates += 1,
            Some(_) => stamps += 1,
            None => {}
        }
    }
    match (2 * (dates + stamps) > all, dates > stamps) {
        (false, _) => Kind::Other,
        (true, true) => Kind::Date,
        (true, false) => Kind::Stamp,
    }
}

/// Finds the column with the time, and the one with the time of day if that is apart.
fn time_columns(
    names: &[String],
    samples: &[Sample<'_>],
    roles: &mut [u8],
    time_given: bool,
) -> Result<(), DialectError> {
    let unnamed = |at: usize| names[at].is_empty();
    let mut ranked: Vec<(usize, usize)> = names
        .iter()
        .enumerate()
        .filter(|(at, name)| roles[*at] == IGNORED && (!name.is_empty() || *at == 0))
        .filter_map(|(at, name)| Some((BarColumn::Ts.rank(name)?, at)))
        .collect();
    ranked.sort_unstable();
    if let [(a, at), (b, _), ..] = ranked[..]
        && a == b
        && a == 0
    {
        return Err(DialectError::RepeatedColumn { name: BarColumn::Ts, number: at + 1 });
    }
    let good = |(_, at): &&(usize, usize)| kind(samples, *at, unnamed(*at)) != Kind::Other;
    let Some(&(_, at)) = ranked.iter().find(good).or_else(|| ranked.iter().find(|(_, at)| !unnamed(*at))) else {
        return Ok(());
    };
    roles[at] = BarColumn::Ts as u8;
    if time_given || kind(samples, at, false) != Kind::Date {
        return Ok(());
    }
    let of_day = |other: &usize| {
        roles[*other] == IGNORED
            && BarColumn::Time.rank(&names[*other]).is_some()
            && values(samples, *other).next().is_some()
            && values(samples, *other).all(|text| parse_time_of_day(text).is_ok())
    };
    if let Some(other) = (0..names.len()).find(of_day) {
        roles[other] = BarColumn::Time as u8;
    }
    Ok(())
}

/// The names of the columns without which there are no bars, and which are not there.
pub(super) fn missing(roles: &[u8]) -> Vec<&'static str> {
    let required = [BarColumn::Ts].into_iter().chain(PRICES);
    required.filter(|column| !roles.contains(&(*column as u8))).map(BarColumn::name).collect()
}

/// The number of the first line that has numbers for prices.
pub(super) fn first_bar(roles: &[u8], samples: &[Sample<'_>]) -> Option<usize> {
    let open = roles.iter().position(|&role| role == BarColumn::Open as u8)?;
    let is_number = |text: &[u8]| {
        [Decimal::Point, Decimal::Comma].into_iter().any(|decimal| parse_written_f64(text, decimal).is_ok())
    };
    samples.iter().find(|(_, line)| line.get(open).is_some_and(|text| is_number(text))).map(|(at, _)| *at)
}

/// Checks that dates say which part is the day, or that the user does.
pub(super) fn order_known(roles: &[u8], samples: &[Sample<'_>], options: &FileOptions) -> Result<(), DialectError> {
    let Some(at) = roles.iter().position(|&role| role == BarColumn::Ts as u8) else { return Ok(()) };
    let Some(example) = values(samples, at).find(|text| any_order(text).is_some()) else { return Ok(()) };
    if options.stamps.order().is_some() || values(samples, at).any(|text| read(text, None).is_some()) {
        return Ok(());
    }
    let count = |order| values(samples, at).filter(|text| read(text, Some(order)).is_some()).count();
    let hint = match (count(DateOrder::DayFirst), count(DateOrder::MonthFirst)) {
        (day, month) if day > month => "dmy (some first parts are no months)",
        (day, month) if month > day => "mdy (some second parts are no months)",
        _ => "dmy, or mdy where the month comes first",
    };
    Err(DialectError::DateOrder { example: String::from_utf8_lossy(example).into_owned(), hint })
}

/// Replaces a column of volumes that are all 0 by the one with the number of price changes, where there is one.
pub(super) fn quieter_volume(names: &[String], roles: &mut [u8], samples: &[Sample<'_>]) -> Option<String> {
    let volume = roles.iter().position(|&role| role == BarColumn::Volume as u8)?;
    let ticks = names.iter().position(|name| BarColumn::Volume.rank(name) == Some(2)).filter(|at| *at != volume)?;
    let zero = |text: &[u8]| parse_written_f64(text, Decimal::Point) == Ok(0.0);
    if samples.is_empty() || !values(samples, volume).all(zero) || values(samples, ticks).all(zero) {
        return None;
    }
    roles.swap(volume, ticks);
    Some("its volumes are 0: the tick volumes are taken for them".to_owned())
}

/// How the numbers are written.
pub(super) fn decimal_of(roles: &[u8], samples: &[Sample<'_>]) -> Result<Decimal, DialectError> {
    let columns = PRICES.into_iter().chain([BarColumn::Volume]);
    let places = columns.filter_map(|column| roles.iter().position(|&role| role == column as u8));
    let (mut points, mut commas, mut unclear) = (0usize, 0usize, None);
    for text in places.flat_map(|at| values(samples, at)) {
        let Some(comma) = text.iter().rposition(|&b| b == b',') else {
            points += usize::from(text.contains(&b'.'));
            continue;
        };
        let several = text.iter().filter(|&&b| b == b',').count() > 1;
        match text.iter().rposition(|&b| b == b'.') {
            Some(point) if point > comma => points += 1,
            Some(_) => commas += 1,
            None if several => points += 1,
            None if text.len() - comma != 4 || text.starts_with(b"0,") || comma > 3 => commas += 1,
            None => unclear = unclear.or(Some(text)),
        }
    }
    match (points, commas, unclear) {
        (_, 0, None) => Ok(Decimal::Point),
        (0, 1.., _) => Ok(Decimal::Comma),
        (1.., 0, _) => Ok(Decimal::Point),
        (0, 0, Some(example)) => Err(DialectError::Decimal { example: String::from_utf8_lossy(example).into_owned() }),
        // Points beside decimal commas separate thousands.
        (_, 1.., _) => Ok(Decimal::Comma),
    }
}
