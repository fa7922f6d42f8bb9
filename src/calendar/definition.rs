//! A calendar as it is defined: a table, its extended hours, and what has been announced since.

use super::{
    Anchor, CalendarError, Choice, Clock, Extended, Hours, Outside,
    expand::{expand, zone},
    table::{Day, Table, written},
};
use crate::model::{Rules, Sessions};

/// Names and tables of the calendars that are compiled in; see `tables/README.md` for where they come from.
pub const BUILT_IN: [(&str, &str); 8] = [
    ("xnys", include_str!("tables/xnys.txt")),
    ("xlon", include_str!("tables/xlon.txt")),
    ("xetr", include_str!("tables/xetr.txt")),
    ("xpar", include_str!("tables/xpar.txt")),
    ("xtse", include_str!("tables/xtse.txt")),
    ("xasx", include_str!("tables/xasx.txt")),
    ("xtks", include_str!("tables/xtks.txt")),
    ("xhkg", include_str!("tables/xhkg.txt")),
];

/// New York trades before and after: from 04:00 to 20:00, to 17:00 on early closes.
const XNYS_EXTENDED: Extended = Extended { from: Clock(4 * 60), to: Clock(20 * 60), to_early: Clock(17 * 60) };

/// A calendar as it is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    table: Table,
    extended: Option<Extended>,
}

impl Definition {
    /// A calendar that is compiled in; `None` if none has the name.
    ///
    /// # Errors
    /// None of those that are: a test reads them all.
    pub fn built_in(name: &str) -> Option<Result<Self, CalendarError>> {
        let &(name, table) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        let extended = (name == "xnys").then_some(XNYS_EXTENDED);
        Some(table.parse().map(|table| Self { table, extended }))
    }

    /// A calendar by its table.
    ///
    /// # Errors
    /// What is wrong with the table.
    pub fn of_table(text: &str) -> Result<Self, CalendarError> {
        let table: Table = text.parse()?;
        zone(&table)?;
        Ok(Self { table, extended: None })
    }

    /// Gives it other extended hours.
    pub fn extend(&mut self, extended: Extended) {
        self.extended = Some(extended);
    }

    /// Closes a date, days since 1970-01-01; nothing, where it has no session.
    ///
    /// # Errors
    /// The table does not have the date.
    pub fn close(&mut self, date: i64) -> Result<(), CalendarError> {
        self.known(date)?;
        self.table.days.remove(&date);
        Ok(())
    }

    /// Closes a date, days since 1970-01-01, at another time than it does; nothing, where it has no session.
    ///
    /// # Errors
    /// The table does not have the date; it would close before it opens.
    pub fn close_at(&mut self, date: i64, close: Clock) -> Result<(), CalendarError> {
        self.known(date)?;
        self.table.close(date, close)
    }

    fn known(&self, date: i64) -> Result<(), CalendarError> {
        if self.table.knows(date) {
            return Ok(());
        }
        let (first, last) = self.table.years;
        let problem = format!("the table of {} has the years from {first} to {last}", self.table.name);
        Err(CalendarError::Session { date: written(date), problem })
    }

    /// The exchange's time zone, such as `America/New_York`.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.table.zone
    }

    /// The last year that the table has.
    #[must_use]
    pub fn last_year(&self) -> i64 {
        self.table.years.1
    }

    /// Open and close of a date, days since 1970-01-01, by local time, and whether they are the usual; `None` without a
    /// session.
    #[must_use]
    pub fn hours(&self, date: i64, hours: Hours) -> Option<(Clock, Clock, bool)> {
        let day = self.table.days.get(&date)?;
        let Day { open, close } = self.table.hours(day, self.extended.filter(|_| hours == Hours::Extended));
        Some((open, close, *day == self.table.usual))
    }

    /// The sessions, for symbols that use them so.
    ///
    /// # Errors
    /// It has no extended hours; a session that cannot be, such as one that overlaps the one before.
    pub fn sessions(&self, choice: Choice) -> Result<Sessions, CalendarError> {
        let extended = match choice.hours {
            Hours::Regular => None,
            Hours::Extended => Some(self.extended.ok_or(CalendarError::NoExtendedHours)?),
        };
        let known = expand(&self.table, extended)?;
        // By which saved bars know that their calendar is still the same: what is in it, not what it is called.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let numbers = known.sessions.iter().flat_map(|session| [session.date, session.open, session.close]);
        for byte in numbers.chain([known.days.0, known.days.1]).flat_map(i64::to_le_bytes) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let Choice { hours, anchor, outside } = choice;
        let name = self.table.name.to_ascii_lowercase();
        let name = format!("{name} {} {} {} {hash:016x}", hours.name(), anchor.name(), outside.name());
        let rules = Rules { from_open: anchor == Anchor::Open, outside: outside == Outside::Intraday };
        Ok(Sessions::new(name, known, rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calendar, Refusal, Span, Timeframe, time::days_from_civil};
    use proptest::prelude::*;
    use std::sync::Arc;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn calendar(name: &str, choice: Choice) -> Calendar {
        let definition = Definition::built_in(name).unwrap().unwrap();
        Calendar::Exchange(Arc::new(definition.sessions(choice).unwrap()))
    }

    fn utc(year: i64, month: u32, day: u32, hour: i64, minute: i64) -> i64 {
        days_from_civil(year, month, day) * DAY + hour * HOUR + minute * 60_000
    }

    fn tf(text: &str) -> Timeframe {
        text.parse().unwrap()
    }

    #[test]
    fn every_calendar_can_be_used() {
        for (name, _) in BUILT_IN {
            let definition = Definition::built_in(name).unwrap().unwrap();
            let calendar = calendar(name, Choice::default());
            let years = definition.last_year() - definition.table.years.0 + 1;
            assert!(years >= 19 && calendar.sessions().len() as i64 > 240 * years, "{name}: {years} years");
            let extended = Choice { hours: Hours::Extended, ..Choice::default() };
            let extended = Definition::built_in(name).unwrap().unwrap().sessions(extended);
            assert_eq!(extended.is_ok(), name == "xnys", "{name}");
        }
        assert!(Definition::built_in("utc").is_none());
    }

    #[test]
    fn bars_between_two_are_those_that_one_passes_on_the_way() {
        let open = Choice { anchor: Anchor::Open, ..Choice::default() };
        let calendars = [
            calendar("xnys", Choice::default()),
            calendar("xnys", open),
            // With a break at noon.
            calendar("xtks", Choice::default()),
            Calendar::Utc,
        ];
        for (calendar, frame) in calendars.iter().flat_map(|c| ["7m", "1h", "4h", "1d", "1w", "1M"].map(|f| (c, tf(f))))
        {
            let first = (0..14 * 24).map(|hour| utc(2023, 6, 26, hour, 0));
            let Some(first) = first.into_iter().find_map(|moment| frame.span(moment, calendar)) else {
                panic!("{frame}")
            };
            let mut end = first.end;
            // No table goes on for ever.
            for passed in 0..if frame < tf("1w") { 200 } else { 24 } {
                let next = frame.later(end, 1, calendar);
                let start = frame.span(next - 1, calendar).unwrap().start;
                assert_eq!(frame.between(first.end, start, calendar), passed, "{frame} from {} to {start}", first.end);
                end = next;
            }
        }
    }

    #[test]
    fn a_record_belongs_to_the_session_that_it_overlaps() {
        let xnys = calendar("xnys", Choice::default());
        // Thursday, 2023-07-06, and the half day before Independence Day.
        let record = |base: &str, stamp| xnys.record(tf(base), stamp);
        let piece = |start, end| Ok(Span { label: start, start, end });
        let day = |hour, minute| utc(2023, 7, 6, hour, minute);
        assert_eq!(record("1h", day(13, 0)), piece(day(13, 30), day(14, 0)));
        assert_eq!(record("1h", day(19, 59)), piece(day(19, 0), day(20, 0)));
        assert_eq!(record("1h", day(20, 0)), Err(Refusal::OutsideSession));
        assert_eq!(record("1m", day(13, 29)), Err(Refusal::OutsideSession));
        assert_eq!(record("1h", utc(2023, 7, 3, 17, 0)), Err(Refusal::OutsideSession), "closed at 13:00");
        assert_eq!(record("1m", utc(1989, 12, 29, 15, 0)), Err(Refusal::NoCalendar));
        assert_eq!(record("1m", utc(2031, 1, 2, 15, 0)), Err(Refusal::NoCalendar));
        assert_eq!(record("1d", utc(2031, 1, 2, 0, 0)), Err(Refusal::NoCalendar));
        assert_eq!(record("1d", utc(2023, 7, 4, 0, 0)), Err(Refusal::OutsideSession));
        assert_eq!(record("1d", utc(2023, 7, 8, 0, 0)), Err(Refusal::OutsideSession), "a Saturday");
        let july_6 = Ok(Span { label: day(0, 0), start: day(13, 30), end: day(20, 0) });
        for stamp in [day(0, 0), day(4, 0), day(12, 0), day(27, 59)] {
            assert_eq!(record("1d", stamp), july_6);
        }
        let week =
            Ok(Span { label: utc(2023, 7, 3, 0, 0), start: utc(2023, 7, 3, 13, 30), end: utc(2023, 7, 7, 20, 0) });
        for stamp in [utc(2023, 7, 3, 0, 0), utc(2023, 7, 4, 0, 0), utc(2023, 7, 9, 0, 0)] {
            assert_eq!(record("1w", stamp), week);
        }
        // The first week of Tokyo's table began in the year before it.
        let xtks = calendar("xtks", Choice::default());
        assert_eq!(xtks.record(tf("1w"), utc(1998, 1, 2, 0, 0)), Err(Refusal::NoCalendar));
        assert_eq!(tf("1w").span(utc(1998, 1, 5, 1, 0), &xtks).map(|span| span.label), Some(utc(1998, 1, 5, 0, 0)));
    }

    #[test]
    fn bars_outside_sessions_are_cut_as_well() {
        let choice = Choice { outside: Outside::Intraday, ..Choice::default() };
        let (xnys, day) = (calendar("xnys", choice), |hour, minute| utc(2023, 7, 6, hour, minute));
        let piece = |start, end| Some(Span { label: start, start, end });
        assert_eq!(tf("4h").span(day(13, 0), &xnys), piece(day(12, 0), day(13, 30)));
        assert_eq!(tf("4h").span(day(13, 30), &xnys), piece(day(13, 30), day(16, 0)));
        assert_eq!(tf("4h").span(day(21, 0), &xnys), piece(day(20, 0), day(24, 0)));
        assert_eq!(tf("1d").span(day(21, 0), &xnys), None);
        assert_eq!(tf("4h").span(utc(2031, 7, 4, 14, 0), &xnys), None);
        // Three bars after the last of Friday: those of the night, or of Monday.
        let friday = utc(2023, 7, 7, 20, 0);
        assert_eq!(tf("1h").later(friday, 3, &xnys), friday + 3 * HOUR);
        let xnys = calendar("xnys", Choice::default());
        assert_eq!(tf("1h").later(friday, 3, &xnys), utc(2023, 7, 10, 16, 0));
        assert_eq!(tf("1d").later(friday, 3, &xnys), utc(2023, 7, 12, 20, 0));
        assert_eq!(tf("1w").later(friday, 1, &xnys), utc(2023, 7, 14, 20, 0));
        assert_eq!(tf("1M").later(utc(2023, 6, 30, 20, 0), 1, &xnys), utc(2023, 7, 31, 20, 0));
        assert_eq!(tf("1d").later(utc(2030, 12, 31, 21, 0), 1, &xnys), i64::MAX);
    }

    #[test]
    fn what_is_announced_changes_the_spans_and_the_name() {
        let plain = Definition::built_in("xnys").unwrap().unwrap();
        let mut changed = plain.clone();
        changed.close(days_from_civil(2027, 1, 5)).unwrap();
        changed.close(days_from_civil(2027, 1, 9)).unwrap();
        changed.close_at(days_from_civil(2027, 1, 8), Clock(13 * 60)).unwrap();
        let of = |definition: &Definition, hours| definition.sessions(Choice { hours, ..Choice::default() }).unwrap();
        let (before, after) = (of(&plain, Hours::Regular), of(&changed, Hours::Regular));
        assert_eq!(before.list().len(), after.list().len() + 1);
        assert_ne!(before.name(), after.name());
        let week =
            |sessions| tf("1w").span(utc(2027, 1, 4, 15, 0), &Calendar::Exchange(Arc::new(sessions))).unwrap().end;
        assert_eq!((week(before), week(after)), (utc(2027, 1, 8, 21, 0), utc(2027, 1, 8, 18, 0)));
        assert_eq!(week(of(&changed, Hours::Extended)), utc(2027, 1, 8, 22, 0));
        assert!(changed.close(days_from_civil(2031, 1, 6)).is_err());
        assert!(changed.close_at(days_from_civil(2027, 1, 7), Clock(9 * 60)).is_err());
    }

    fn used() -> impl Strategy<Value = (Calendar, Choice)> {
        let choice = (any::<bool>(), any::<bool>(), any::<bool>(), 0..BUILT_IN.len());
        choice.prop_map(|(extended, open, intraday, which)| {
            let name = BUILT_IN[which].0;
            let choice = Choice {
                hours: if extended && name == "xnys" { Hours::Extended } else { Hours::Regular },
                anchor: if open { Anchor::Open } else { Anchor::Utc },
                outside: if intraday { Outside::Intraday } else { Outside::Refuse },
            };
            (calendar(name, choice), choice)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// From a session on, across changes of the clock and of the year: the spans of a timeframe follow each other without
        /// a gap within what they are made of, none overlaps, and each moment of one has it as its span.
        #[test]
        fn spans_tile_sessions((calendar, choice) in used(), start in 0.0..0.99f64, text in prop::sample::select(
            vec!["1s", "1m", "7m", "1h", "90m", "4h", "6h", "1d", "1w", "1M"]))
        {
            let timeframe = tf(text);
            let sessions = calendar.sessions();
            let mut session = (start * sessions.len() as f64) as usize;
            let mut at = sessions[session].open;
            // What was counted one by one is what `later` counts at once.
            let (mut ends, mut last_end) = (Vec::new(), i64::MIN);
            for _ in 0..400 {
                let Some(span) = timeframe.span(at, &calendar) else {
                    // A night, or a week that is not known as a whole.
                    let next = (session..sessions.len()).find(|&next| sessions[next].open > at);
                    let Some(next) = next else { break };
                    prop_assert!(choice.outside == Outside::Refuse || timeframe.is_long());
                    (at, session) = (sessions[next].open, next);
                    continue;
                };
                prop_assert!(span.start <= at && at < span.end && span.label < span.end, "{span:?}");
                prop_assert!(last_end <= span.start, "{span:?} overlaps the one before");
                prop_assert!((span.label - span.start).abs() < 32 * DAY);
                prop_assert_eq!(timeframe.span(span.start, &calendar), Some(span));
                let inside = sessions[session].open <= at && at < sessions[session].close;
                let last = span.end - 1;
                prop_assert_eq!(timeframe.span(last, &calendar), Some(span));
                prop_assert_eq!(timeframe.labelled(span.label, &calendar), span);
                if timeframe.is_long() {
                    prop_assert_eq!(span.label % DAY, 0);
                    prop_assert_eq!(calendar.record(timeframe, span.label), Ok(span));
                } else {
                    prop_assert_eq!(span.label, span.start);
                    prop_assert!(span.end - span.start <= timeframe.interval_ms());
                    prop_assert_eq!(calendar.holds(span.start), calendar.holds(last), "{:?} lies across an edge", span);
                    prop_assert!(!inside || calendar.holds(at));
                }
                ends.push(span.end);
                (at, last_end) = (span.end, span.end);
                while sessions.get(session).is_some_and(|session| session.close <= at) && session + 1 < sessions.len() {
                    session += 1;
                }
            }
            for bars in [0, 1, 2, 3, 17] {
                if let (Some(&first), Some(&end)) = (ends.first(), ends.get(bars)) {
                    prop_assert_eq!(timeframe.later(first, bars as i64, &calendar), end);
                }
            }
        }

        #[test]
        fn a_record_is_the_part_of_a_bar((calendar, choice) in used(), day in 0.0..1.0f64, minute in 0i64..1_440) {
            let sessions = calendar.sessions();
            let (first, last) = (sessions[0].date, sessions[sessions.len() - 1].date);
            let stamp = (first + (day * (last - first) as f64) as i64) * DAY + minute * 60_000;
            for base in ["1s", "1m", "5m", "1h", "4h"] {
                let timeframe = tf(base);
                match calendar.record(timeframe, stamp) {
                    Ok(span) => {
                        prop_assert_eq!(timeframe.span(span.start, &calendar), Some(span));
                        prop_assert!(span.start < stamp + timeframe.interval_ms() && span.end > stamp - timeframe.interval_ms());
                    }
                    Err(refusal) => {
                        prop_assert_eq!(refusal, Refusal::OutsideSession);
                        prop_assert_eq!(choice.outside, Outside::Refuse);
                        prop_assert!(!calendar.holds(stamp));
                    }
                }
            }
        }
    }
}
