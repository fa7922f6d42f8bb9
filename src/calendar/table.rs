//! The compact table of an exchange's sessions: a line a year.

use super::CalendarError;
use crate::model::time::{Iso8601, days_from_civil, days_in_month};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// Years that a table may have.
const YEARS: std::ops::RangeInclusive<i64> = 1970..=2200;
const DAY_MS: i64 = 86_400_000;

/// A time of day in an exchange's zone, minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(pub i64);

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no time of day; write HH:MM, such as 09:30");
        let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
        let number = |digits: &str, below: i64| {
            let good = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<i64>().ok().filter(|number| good && *number < below)
        };
        Ok(Self(number(hour, 24).ok_or_else(bad)? * 60 + number(minute, 60).ok_or_else(bad)?))
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Trading before the open and after the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    /// Begin.
    pub from: Clock,
    /// End.
    pub to: Clock,
    /// End on days with an early close.
    pub to_early: Clock,
}

/// Open and close of one date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub open: Clock,
    pub close: Clock,
}

/// The sessions of an exchange, by local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    pub zone: String,
    /// Usual open and close.
    pub usual: Day,
    /// First and last year.
    pub years: (i64, i64),
    /// By date, days since 1970-01-01.
    pub days: BTreeMap<i64, Day>,
}

/// The date of a number of days since 1970-01-01, as it is written.
pub(super) fn written(date: i64) -> String {
    Iso8601(date * DAY_MS).to_string().chars().take(10).collect()
}

impl Table {
    /// Whether a date, days since 1970-01-01, is in its years.
    pub fn knows(&self, date: i64) -> bool {
        (days_from_civil(self.years.0, 1, 1)..days_from_civil(self.years.1 + 1, 1, 1)).contains(&date)
    }

    /// The hours of a day, or with extended hours these.
    pub fn hours(&self, day: &Day, extended: Option<Extended>) -> Day {
        match extended {
            None => *day,
            Some(Extended { from, to, .. }) if day.close >= self.usual.close => Day { open: from, close: to },
            Some(Extended { from, to_early, .. }) => Day { open: from, close: to_early },
        }
    }

    /// Changes the close of a session; nothing, on a date without one.
    pub fn close(&mut self, date: i64, close: Clock) -> Result<(), CalendarError> {
        let Some(day) = self.days.get_mut(&date) else { return Ok(()) };
        if close <= day.open {
            let problem = format!("closes at {close} and opens at {}; write a later close", day.open);
            return Err(CalendarError::Session { date: written(date), problem });
        }
        day.close = close;
        Ok(())
    }
}

impl FromStr for Table {
    type Err = CalendarError;

    /// Reads a table: a first line `# XMAD Europe/Madrid 09:00-17:30 Mon-Fri 2020-2030`, then for each year a line `2020`,
    /// the weekdays without a session as `MMDD`, then after `|` other closes and after `>` other opens as `MMDD@HH:MM`, after
    /// `+` weekend days with a session as `MMDD`. Blank lines are skipped.
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (at, head) = lines.next().unwrap_or((0, ""));
        let mut table = head_of(head).map_err(|problem| CalendarError::Table { line: at + 1, problem })?;
        let mut year = table.years.0;
        for (at, line) in lines {
            let wrong = |problem: String| CalendarError::Table { line: at + 1, problem };
            if line.split_whitespace().next() != Some(year.to_string().as_str()) || year > table.years.1 {
                let wanted = if year > table.years.1 { "the end".to_owned() } else { format!("the year {year}") };
                return Err(wrong(format!("{wanted} comes here: one line for each of the years of the first line")));
            }
            table.year(year, line).map_err(wrong)?;
            year += 1;
        }
        if year <= table.years.1 {
            let line = text.lines().count() + 1;
            return Err(CalendarError::Table { line, problem: format!("the year {year} is missing") });
        }
        Ok(table)
    }
}

fn head_of(line: &str) -> Result<Table, String> {
    let bad = || "write `# NAME ZONE HH:MM-HH:MM Mon-Fri FIRST-LAST`, such as `# XMAD Europe/Madrid 09:00-17:30 Mon-Fri 2020-2030`";
    let words: Vec<&str> = line.trim().strip_prefix('#').ok_or_else(bad)?.split_whitespace().collect();
    let [name, zone, hours, "Mon-Fri", years] = words[..] else { return Err(bad().to_owned()) };
    let (open, close) = hours.split_once('-').ok_or_else(bad)?;
    let usual = Day { open: open.parse()?, close: close.parse()? };
    if usual.close <= usual.open {
        return Err(format!("closes at {close} and opens at {open}; write a later close"));
    }
    let (first, last) = years.split_once('-').ok_or_else(bad)?;
    let year = |text: &str| text.parse::<i64>().ok().filter(|year| YEARS.contains(year)).ok_or_else(bad);
    let years = (year(first)?, year(last)?);
    if years.1 < years.0 {
        return Err(format!("the years {first}-{last} are in the wrong order"));
    }
    Ok(Table { name: name.to_owned(), zone: zone.to_owned(), usual, years, days: BTreeMap::new() })
}

/// Which group of a year's line a word belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Closed,
    Closes,
    Opens,
    Weekends,
}

impl Table {
    /// Adds the sessions of a year.
    fn year(&mut self, year: i64, line: &str) -> Result<(), String> {
        let mut days: BTreeMap<i64, Day> = (days_from_civil(year, 1, 1)..days_from_civil(year + 1, 1, 1))
            .filter(|date| (date + 3).rem_euclid(7) < 5)
            .map(|date| (date, self.usual))
            .collect();
        let mut group = Group::Closed;
        // Weekend days come last in a line and may have hours of their own before.
        let mut other_hours = Vec::new();
        let spaced = line.replace('|', " | ").replace('>', " > ").replace('+', " + ");
        for word in spaced.split_whitespace().skip(1) {
            match (word, group) {
                ("|", _) => group = Group::Closes,
                (">", _) => group = Group::Opens,
                ("+", _) => group = Group::Weekends,
                (_, Group::Closed) => {
                    let date = date_of(year, word)?;
                    days.remove(&date).ok_or_else(|| format!("{word} is no weekday, or is there twice"))?;
                }
                (_, Group::Weekends) => {
                    if days.insert(date_of(year, word)?, self.usual).is_some() {
                        return Err(format!("{word} is a weekday, or is there twice"));
                    }
                }
                (_, Group::Closes | Group::Opens) => {
                    let (date, time) = word.split_once('@').ok_or_else(|| format!("{word}: write MMDD@HH:MM"))?;
                    other_hours.push((date_of(year, date)?, word, group, time.parse::<Clock>()?));
                }
            }
        }
        for (date, word, group, time) in other_hours {
            let day = days.get_mut(&date).ok_or_else(|| format!("{word} has no session"))?;
            if group == Group::Closes {
                day.close = time;
            } else {
                day.open = time;
            }
        }
        if let Some((date, _)) = days.iter().find(|(_, day)| day.close <= day.open) {
            return Err(format!("{} closes before it opens", written(*date)));
        }
        self.days.append(&mut days);
        Ok(())
    }
}

fn date_of(year: i64, text: &str) -> Result<i64, String> {
    let number = |part: Option<&str>| part.and_then(|digits| digits.parse::<u32>().ok());
    let known = || {
        let good = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (month, day) = (number(text.get(..2))?, number(text.get(2..))?);
        (good && day >= 1 && day <= days_in_month(year, month)).then(|| days_from_civil(year, month, day))
    };
    known().ok_or_else(|| format!("{text:?} is no day of {year}; write MMDD"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_differs_from_the_rule() {
        let text = "# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2024\n2023 0102 1225 | 1229@14:00 1230@12:00 > 0103@11:00 + 1230\n2024\n";
        let table: Table = text.parse().unwrap();
        let day = |date: i64| table.days.get(&date).map(|day| format!("{}-{}", day.open, day.close));
        let on = |month, of| day(days_from_civil(2023, month, of));
        assert_eq!((table.years, table.zone.as_str()), ((2023, 2024), "Europe/Madrid"));
        assert_eq!([on(1, 2), on(12, 25), on(1, 1), on(12, 31)], [None, None, None, None]);
        assert_eq!(on(1, 3).as_deref(), Some("11:00-17:30"));
        assert_eq!(on(12, 29).as_deref(), Some("09:00-14:00"));
        assert_eq!(on(12, 30).as_deref(), Some("09:00-12:00"), "a Saturday");
        // 2023 has 260 weekdays, 2024 has 262.
        assert_eq!(table.days.len(), 260 - 2 + 1 + 262);
    }

    #[test]
    fn what_is_not_a_table_is_told_with_its_line() {
        for (text, line, word) in [
            ("", 1, "# NAME ZONE"),
            ("# XTST Europe/Madrid 09:00-17:30 Sun-Thu 2023-2023\n2023", 1, "Mon-Fri"),
            ("# XTST Europe/Madrid 9:00-17:30 Mon-Fri 2023-2023\n2023", 1, "HH:MM"),
            ("# XTST Europe/Madrid 17:30-09:00 Mon-Fri 2023-2023\n2023", 1, "later close"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2024-2023\n2023", 1, "wrong order"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2024\n2024", 2, "the year 2023"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2024\n2023", 3, "2024 is missing"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2023\n2023\n\n2024", 4, "the end"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2023\n2023 0101", 2, "no weekday"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2023\n2023 0229", 2, "no day of 2023"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2023\n2023 0102 | 0102@12:00", 2, "no session"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2023\n2023 | 0103@24:00", 2, "no time of day"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2023\n2023 | 0103@08:00", 2, "before it opens"),
            ("# XTST Europe/Madrid 09:00-17:30 Mon-Fri 2023-2023\n2023 + 0103", 2, "a weekday"),
        ] {
            match text.parse::<Table>() {
                Err(CalendarError::Table { line: found, problem }) => {
                    assert!(found == line && problem.contains(word), "{text}: line {found}: {problem}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
