//! Text in cells of a screen: cut, padded, coloured.

/// A colour or weight, by its escape code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
    Blue,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Green => "\x1b[32m",
            Self::Red => "\x1b[31m",
            Self::Yellow => "\x1b[33m",
            Self::Blue => "\x1b[34m",
        }
    }
}

/// A line of pieces, never wider than its width.
#[derive(Debug)]
pub(super) struct Row {
    text: String,
    width: usize,
    used: usize,
    colours: bool,
}

impl Row {
    /// An empty line with room for so many characters.
    pub fn new(width: usize, colours: bool) -> Self {
        Self { text: String::new(), width, used: 0, colours }
    }

    /// Appends as much as there is room for.
    pub fn push(&mut self, ink: Ink, text: &str) -> &mut Self {
        let room = self.width - self.used;
        let whole = text.chars().count();
        let cut: String = if whole <= room {
            text.to_owned()
        } else if room == 0 {
            return self;
        } else {
            text.chars().take(room - 1).chain(['…']).collect()
        };
        self.used += whole.min(room);
        if self.colours && ink != Ink::Plain {
            self.text += ink.code();
            self.text += &cut;
            self.text += "\x1b[0m";
        } else {
            self.text += &cut;
        }
        self
    }

    /// Appends a text in a field of so many characters, at its left.
    pub fn left(&mut self, ink: Ink, text: &str, width: usize) -> &mut Self {
        self.push(ink, &field(text, width, false))
    }

    /// The same at its right.
    pub fn right(&mut self, ink: Ink, text: &str, width: usize) -> &mut Self {
        self.push(ink, &field(text, width, true))
    }

    /// The line, filled with blanks to its width.
    pub fn full(mut self) -> String {
        self.text += &" ".repeat(self.width - self.used);
        self.text
    }

    /// The line.
    pub fn finish(self) -> String {
        self.text
    }
}

fn field(text: &str, width: usize, right: bool) -> String {
    let count = text.chars().count();
    if count > width {
        return text.chars().take(width.saturating_sub(1)).chain(['…']).collect();
    }
    let blanks = " ".repeat(width - count);
    if right { blanks + text } else { text.to_owned() + &blanks }
}

/// A bar of so many characters that is full up to a share.
pub(super) fn bar(share: f64, width: usize) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut text = "█".repeat(eighths / 8);
    if eighths / 8 < width {
        text.push(PARTS[eighths % 8]);
        text += &" ".repeat(width - eighths / 8 - 1);
    }
    text
}

/// The last values as a line of small bars, the largest full.
pub(super) fn sparkline(values: &[u64], width: usize) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(width)..];
    let most = shown.iter().copied().max().unwrap_or(0).max(1);
    shown.iter().map(|value| LEVELS[(*value as f64 / most as f64 * 7.0).round() as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wider_than_its_room() {
        let mut row = Row::new(10, true);
        row.push(Ink::Red, "abc").left(Ink::Plain, "defgh", 3).push(Ink::Bold, "ijklmnop").push(Ink::Dim, "more");
        assert_eq!(row.finish(), "\x1b[31mabc\x1b[0mde…\x1b[1mijk…\x1b[0m");
        let mut plain = Row::new(6, false);
        plain.right(Ink::Red, "12", 4);
        assert_eq!(plain.full(), "  12  ");
        assert_eq!([bar(0.0, 3), bar(0.5, 3), bar(1.0, 3), bar(7.0, 2)], ["   ", "█▌ ", "███", "██"]);
        assert_eq!(sparkline(&[9, 0, 7, 14], 3), "▁▅█");
    }
}
