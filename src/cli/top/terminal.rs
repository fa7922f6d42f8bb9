//! The terminal: raw while the screen is shown, and as it was behind it.

use super::{
    keys::{Key, keys},
    screen::Size,
};
use anyhow::{Context, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};
use std::{
    io::{Read as _, Write as _, stdin, stdout},
    time::Duration,
};

/// The other screen, without a cursor; and back.
const OPEN: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";

/// A terminal that belongs to the screen.
pub(super) struct Terminal {
    before: Termios,
}

/// Size of the terminal, or this one where there is none.
pub(super) fn size_or(usual: Size) -> Size {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            Size { width: usize::from(size.ws_col), height: usize::from(size.ws_row) }
        }
        _ => usual,
    }
}

impl Terminal {
    /// Takes the terminal.
    pub fn open() -> Result<Self> {
        let before = tcgetattr(stdin()).context("standard input is no terminal")?;
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(stdin(), OptionalActions::Now, &raw).context("cannot use the terminal")?;
        let terminal = Self { before };
        terminal.write(OPEN)?;
        Ok(terminal)
    }

    fn write(&self, text: &str) -> Result<()> {
        let mut out = stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to the terminal")
    }

    /// Draws all lines, which are as many as there are rows.
    pub fn draw(&self, lines: &[String]) -> Result<()> {
        // At once, so that nothing flickers: each line, and nothing behind it.
        let text: Vec<String> = lines.iter().map(|line| format!("{line}\x1b[0m\x1b[K")).collect();
        self.write(&format!("\x1b[H{}\x1b[J", text.join("\r\n")))
    }

    /// The keys that were pressed, after a wait for the first of at most so long.
    pub fn keys(&self, wait: Duration) -> Result<Vec<Key>> {
        let input = stdin();
        let limit = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut all = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut all, Some(&limit)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(error) => return Err(error).context("cannot read from the terminal"),
        }
        let mut bytes = [0; 256];
        match input.lock().read(&mut bytes) {
            Ok(0) => Ok(vec![Key::Quit]),
            Ok(count) => Ok(keys(&bytes[..count])),
            Err(error) => Err(error).context("cannot read from the terminal"),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where the terminal is gone nothing is left to mend.
        let _ = self.write(CLOSE);
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
