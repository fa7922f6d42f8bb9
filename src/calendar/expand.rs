//! From local time to moments, with the table of time zones that is compiled in.

use super::{
    CalendarError, Clock, Extended,
    table::{Day, Table, written},
};
use crate::model::{
    Known, Session,
    time::{civil_from_days, days_from_civil},
};
use jiff::{
    Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};

const DAY_MS: i64 = 86_400_000;

/// The zone of a table.
pub(super) fn zone(table: &Table) -> Result<TimeZone, CalendarError> {
    TimeZoneDatabase::bundled().get(&table.zone).map_err(|_| CalendarError::Zone(table.zone.clone()))
}

/// The sessions of a table; with these extended hours, theirs.
pub(super) fn expand(table: &Table, extended: Option<Extended>) -> Result<Known, CalendarError> {
    let zone = zone(table)?;
    let mut sessions: Vec<Session> = Vec::with_capacity(table.days.len());
    for (&date, day) in &table.days {
        let wrong = |problem: &str| CalendarError::Session { date: written(date), problem: problem.to_owned() };
        let Day { open, close } = table.hours(day, extended);
        let moment = |clock| moment(&zone, date, clock).ok_or_else(|| wrong("its zone has no such time"));
        let session = Session { date, open: moment(open)?, close: moment(close)? };
        let before = sessions.last().map_or(i64::MIN, |session| session.close);
        if session.open < before || session.close <= session.open {
            return Err(wrong("its session begins before the one before has ended, or has no length"));
        }
        sessions.push(session);
    }
    let days = (days_from_civil(table.years.0, 1, 1), days_from_civil(table.years.1 + 1, 1, 1) - 1);
    Ok(Known { days, sessions, offsets: offsets(&zone, days) })
}

/// A local time as a moment, Unix ms.
fn moment(zone: &TimeZone, date: i64, clock: Clock) -> Option<i64> {
    let (year, month, day) = civil_from_days(date);
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let local = date.at((clock.0 / 60).try_into().ok()?, (clock.0 % 60).try_into().ok()?, 0, 0);
    Some(zone.to_timestamp(local).ok()?.as_millisecond())
}

/// How far local time is ahead of UTC from when on, ms, over these days.
fn offsets(zone: &TimeZone, days: (i64, i64)) -> Vec<(i64, i64)> {
    let (from, to) = ((days.0 - 2) * DAY_MS, (days.1 + 2) * DAY_MS);
    let Ok(start) = Timestamp::from_millisecond(from) else { return Vec::new() };
    let of = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000;
    let first = (from, of(zone.to_offset(start)));
    let later = zone.following(start).map(|change| (change.timestamp().as_millisecond(), of(change.offset())));
    std::iter::once(first).chain(later.take_while(|(at, _)| *at < to)).collect()
}
