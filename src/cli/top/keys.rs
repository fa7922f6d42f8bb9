//! Keys, from the bytes that a terminal sends.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Ctrl-C, or the end of the input.
    Quit,
    /// A character.
    Char(char),
    Tab,
    Enter,
    Backspace,
    Escape,
    Up,
    Down,
    PageUp,
    PageDown,
}

/// The keys that these bytes mean; what means none is skipped.
pub(super) fn keys(bytes: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(bytes);
    let (mut all, mut rest) = (Vec::new(), text.as_ref());
    const SEQUENCES: [(&str, Key); 6] = [
        ("\x1b[A", Key::Up),
        ("\x1b[B", Key::Down),
        ("\x1b[5~", Key::PageUp),
        ("\x1b[6~", Key::PageDown),
        ("\x1bOA", Key::Up),
        ("\x1bOB", Key::Down),
    ];
    while let Some(c) = rest.chars().next() {
        if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| rest.starts_with(sequence)) {
            all.push(*key);
            rest = &rest[sequence.len()..];
            continue;
        }
        if rest.len() > 1 && rest.starts_with("\x1b[") {
            // Another key that sends a sequence: up to its last character.
            let end = rest[2..].find(|c: char| ('@'..='~').contains(&c)).map_or(rest.len(), |at| at + 3);
            rest = &rest[end..];
            continue;
        }
        all.extend(match c {
            '\x03' | '\x04' => Some(Key::Quit),
            '\t' => Some(Key::Tab),
            '\r' | '\n' => Some(Key::Enter),
            '\x7f' | '\x08' => Some(Key::Backspace),
            '\x1b' => Some(Key::Escape),
            c if c.is_control() => None,
            c => Some(Key::Char(c)),
        });
        rest = &rest[c.len_utf8()..];
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_keys() {
        assert_eq!(keys(b"q\x1b[A\x1b[6~\x1b"), [Key::Char('q'), Key::Up, Key::PageDown, Key::Escape]);
        assert_eq!(keys(b"\x1b[1;5C/\t\x7f\x03"), [Key::Char('/'), Key::Tab, Key::Backspace, Key::Quit]);
        assert_eq!(keys("é\x01".as_bytes()), [Key::Char('é')]);
        assert_eq!(keys(b"\x1b["), []);
    }
}
