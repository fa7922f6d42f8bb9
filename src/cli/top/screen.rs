//! What the screen shows, as lines of text: made of the last status, the keys so far, and a size.

use super::{
    cells::{Ink, Row},
    keys::Key,
    parts::{self, Sort},
};
use serde_json::Value;
use std::collections::HashMap;

/// Values that a sparkline remembers.
const PAST: usize = 240;

/// Size of a screen, characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub width: usize,
    pub height: usize,
}

/// Which list is shown where there is room for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Signals,
    Symbols,
    Reasons,
}

/// The screen.
#[derive(Debug)]
pub(super) struct Screen {
    address: String,
    colours: bool,
    status: Option<Value>,
    error: Option<String>,
    paused: bool,
    shown: Shown,
    sort: Sort,
    filter: String,
    /// Whether keys go into the filter.
    filtering: bool,
    /// Lines of the list above the first one that is shown.
    scrolled: usize,
    /// By style: 99th percentiles so far, ns.
    past: HashMap<String, Vec<u64>>,
}

impl Screen {
    /// Nothing is known yet of the engine at an address.
    pub fn new(address: &str, colours: bool) -> Self {
        Self {
            address: address.to_owned(),
            colours,
            status: None,
            error: None,
            paused: false,
            shown: Shown::Signals,
            sort: Sort::Signals,
            filter: String::new(),
            filtering: false,
            scrolled: 0,
            past: HashMap::new(),
        }
    }

    /// Whether nothing new is to be shown.
    pub const fn paused(&self) -> bool {
        self.paused
    }

    /// Takes a status, or why there is none.
    pub fn took(&mut self, status: Result<Value, String>) {
        match status {
            Ok(status) => {
                for (name, latency) in status["latency"].as_object().into_iter().flatten() {
                    let past = self.past.entry(name.clone()).or_default();
                    past.push(latency["window"]["p99_ns"].as_u64().unwrap_or(0));
                    past.drain(..past.len().saturating_sub(PAST));
                }
                (self.status, self.error) = (Some(status), None);
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Takes a key; whether the screen goes on.
    pub fn key(&mut self, key: Key) -> bool {
        if self.filtering {
            match key {
                Key::Char(c) => self.filter.push(c),
                Key::Backspace => {
                    self.filter.pop();
                }
                Key::Escape => {
                    self.filter.clear();
                    self.filtering = false;
                }
                Key::Enter => self.filtering = false,
                _ => {}
            }
            self.scrolled = 0;
            return true;
        }
        match key {
            Key::Char('q') | Key::Quit => return false,
            Key::Char('p' | ' ') => self.paused = !self.paused,
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('/') => self.filtering = true,
            Key::Escape => self.filter.clear(),
            Key::Tab => {
                self.shown = match self.shown {
                    Shown::Signals => Shown::Symbols,
                    Shown::Symbols => Shown::Reasons,
                    Shown::Reasons => Shown::Signals,
                };
                self.scrolled = 0;
            }
            Key::Down | Key::Char('j') => self.scrolled += 1,
            Key::Up | Key::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            Key::PageDown => self.scrolled += 10,
            Key::PageUp => self.scrolled = self.scrolled.saturating_sub(10),
            _ => {}
        }
        true
    }

    /// All lines: as many as the screen has, none wider.
    pub fn draw(&mut self, size: Size) -> Vec<String> {
        let Size { width, height } = size;
        let mut lines = Vec::new();
        let status = self.status.take();
        match &status {
            Some(status) => {
                lines.extend(parts::head(status, width, self.colours));
                lines.extend(parts::latency(status, &self.past, width, self.colours));
                lines.extend(parts::pipeline(status, width, height, self.colours));
                let room = height.saturating_sub(lines.len() + 1);
                lines.extend(self.lists(status, width, room));
            }
            None => lines.push(format!("asking {} …", self.address)),
        }
        self.status = status;
        lines.truncate(height.saturating_sub(1));
        lines.resize(height.saturating_sub(1), String::new());
        lines.push(self.foot(width));
        lines
    }

    /// The lists below, side by side where there is room.
    fn lists(&mut self, status: &Value, width: usize, height: usize) -> Vec<String> {
        if height < 3 {
            return Vec::new();
        }
        let wide = width >= 140;
        let list = |shown: Shown, width: usize| match shown {
            Shown::Signals => parts::signals(status, &self.filter, width, self.colours),
            Shown::Symbols => parts::symbols(status, &self.filter, self.sort, width, self.colours),
            Shown::Reasons => parts::reasons(status, width, self.colours),
        };
        let columns: Vec<Vec<String>> = if wide {
            let (signals, symbols) = (width / 2 - 1, width / 4 - 1);
            let reasons = width - signals - symbols - 4;
            vec![list(Shown::Signals, signals), list(Shown::Symbols, symbols), list(Shown::Reasons, reasons)]
        } else {
            vec![list(self.shown, width)]
        };
        let rows = columns.iter().map(|lines| lines.len().saturating_sub(1)).max().unwrap_or(0);
        self.scrolled = self.scrolled.min(rows.saturating_sub(height - 1));
        // The first line of each is its head, and stays.
        let of = |row: usize| if row == 0 { 0 } else { row + self.scrolled };
        let blank = |lines: &[String]| " ".repeat(lines.first().map_or(0, |line| visible(line)));
        let line = |row: usize| {
            let parts = columns.iter().map(|lines| lines.get(of(row)).cloned().unwrap_or_else(|| blank(lines)));
            parts.collect::<Vec<_>>().join("  ")
        };
        (0..height.min(rows + 1)).map(line).collect()
    }

    fn foot(&self, width: usize) -> String {
        let mut row = Row::new(width, self.colours);
        if let Some(error) = &self.error {
            row.push(Ink::Red, &format!("no answer: {error}"));
        } else if self.filtering {
            row.push(Ink::Bold, "/").push(Ink::Plain, &self.filter).push(Ink::Dim, "▏ Enter keeps it, Esc clears it");
        } else {
            if self.paused {
                row.push(Ink::Yellow, "PAUSED  ");
            }
            row.push(Ink::Dim, "q quit  p pause  tab list  ↑↓ scroll  / filter  s sort: ")
                .push(Ink::Plain, self.sort.name());
            if !self.filter.is_empty() {
                row.push(Ink::Dim, "  filter: ").push(Ink::Plain, &self.filter);
            }
        }
        row.finish()
    }
}

/// Characters of a line that are seen.
fn visible(line: &str) -> usize {
    let (mut count, mut within) = (0, false);
    for c in line.chars() {
        match (within, c) {
            (false, '\x1b') => within = true,
            (true, 'm') => within = false,
            (true, _) => {}
            (false, _) => count += 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status() -> Value {
        let symbol =
            |n: usize| json!({ "symbol": format!("S{n:03}"), "bars": n, "signals": 100 - n, "price": 10.0 + n as f64 });
        let signal = |n: usize| {
            json!({ "signal_id": n.to_string(), "symbol": format!("S{n:03}"), "timeframe": "1m", "side": "buy",
                "kind": "golden_cross", "price": 1.5, "composite_confidence": 0.8, "event_ts": 1_751_985_000_000_i64 })
        };
        let window = json!({ "count": 7, "p50_ns": 5_000, "p99_ns": 200_000_000, "max_ns": 300_000_000 });
        json!({
            "engine": "main", "phase": "running", "uptime_s": 3_700.0, "resident_bytes": 90_000_000, "symbols_seen": 100,
            "health": { "status": "degraded", "components": {
                "redis_streams": { "status": "degraded", "why": "in is read 7 s behind" },
                "memory_usage": { "status": "ok", "why": "fine" } } },
            "totals": { "signals": 1_234, "refused": 5 },
            "rates": { "records": 100.0, "refused": 0.0, "bars": 120.5, "signals": null },
            "latency": { "day": { "budget_ns": 100_000_000, "window": window }, "swing": { "budget_ns": 1, "window": null } },
            "agents": (0..6).map(|n| json!({ "name": format!("agent {n}"), "busy_share": 0.5, "blocked_share": null,
                "longest_ns": 5 })).collect::<Vec<_>>(),
            "rings": [{ "name": "reader→aggregator", "capacity": 100, "backlog": 50, "rate": 7.0 }],
            "streams": [{ "name": "in", "lag_ms": 7_000, "lag_entries": 9 }], "links": [{ "owner": "reader", "down": true }],
            "refused": { "late": 5 }, "held_back": {},
            "symbols": (0..100).map(symbol).collect::<Vec<_>>(), "signals": (0..50).map(signal).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn every_size_has_as_many_lines_as_rows_and_none_too_wide() {
        for colours in [false, true] {
            let mut screen = Screen::new("here", colours);
            for (width, height) in [(80, 24), (200, 50), (40, 10), (20, 5), (1, 1), (300, 100), (100, 3)] {
                for known in [false, true] {
                    if known {
                        screen.took(Ok(status()));
                    }
                    let lines = screen.draw(Size { width, height });
                    assert_eq!(lines.len(), height, "{width}×{height}");
                    for line in lines.iter().filter(|_| known) {
                        assert!(visible(line) <= width, "{width}×{height}: {} in {line:?}", visible(line));
                        assert!(colours || !line.contains('\x1b'), "NO_COLOR");
                    }
                }
            }
        }
    }

    #[test]
    fn what_matters_is_on_a_small_screen_and_keys_choose_the_rest() {
        let mut screen = Screen::new("here", false);
        screen.took(Ok(status()));
        let mut draw = |keys: &[Key]| {
            keys.iter().for_each(|key| assert!(screen.key(*key)));
            screen.draw(Size { width: 80, height: 24 }).join("\n")
        };
        let text = draw(&[]);
        for part in [
            "main",
            "running",
            "degraded",
            "in is read 7 s behind",
            "day",
            "200 ms",
            "100 ms",
            "agent 0",
            "golden_cross",
            "late",
        ] {
            assert!(text.contains(part) || part == "late", "{part} is not in\n{text}");
        }
        let text = draw(&[Key::Tab]);
        assert!(text.contains("S000") && !text.contains("golden_cross"), "{text}");
        let text = draw(&[Key::Char('/'), Key::Char('0'), Key::Char('7'), Key::Char('7'), Key::Enter]);
        assert!(text.contains("S077") && !text.contains("S000"), "{text}");
        let text = draw(&[Key::Escape, Key::Char('s'), Key::Char('s')]);
        assert!(text.contains("sort: bars") && text.contains("S099"), "{text}");
        assert!(draw(&[Key::Tab]).contains("late"));
        assert!(draw(&[Key::Char('p')]).contains("PAUSED"));
        assert!(!screen.key(Key::Char('q')));
    }
}
