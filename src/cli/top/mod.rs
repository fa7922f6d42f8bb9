//! `top`: the screen of a running engine in a terminal. It asks `/status` once a second and draws with plain escape sequences;
//! what is drawn is made by `screen`, which knows no terminal.

mod cells;
mod keys;
mod parts;
mod screen;
mod terminal;

use super::{
    asked::{address_of, token},
    watch_args::TopArgs,
};
use crate::{ops::get, runtime::background};
use anyhow::Result;
use keys::Key;
use screen::{Screen, Size};
use serde_json::Value;
use std::{
    io::{IsTerminal as _, Write as _, stdin, stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use terminal::Terminal;

/// Time between two questions.
const EVERY: Duration = Duration::from_secs(1);
/// How long an engine may take to answer; meanwhile no key is heard.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a key may wait.
const KEYS: Duration = Duration::from_millis(100);

/// Shows the screen until the user leaves it.
///
/// # Errors
/// A configuration that does not hold, a terminal that cannot be used; with `--once`, an engine that is not there.
pub fn top(args: &TopArgs) -> Result<()> {
    let (address, file) = address_of(&args.running, &args.engine)?;
    let token = token(&file)?;
    if args.once || !stdout().is_terminal() || !stdin().is_terminal() {
        let status: Value = serde_json::from_str(&get(&address, token.as_deref(), "/status", ANSWER)?)?;
        let mut screen = Screen::new(&address, false);
        screen.took(Ok(status));
        let lines = screen.draw(terminal::size_or(Size { width: 100, height: 40 }));
        writeln!(stdout().lock(), "{}", lines.join("\n").trim_end())?;
        return Ok(());
    }
    show(&address, token.as_deref(), &AtomicBool::new(false))?;
    Ok(())
}

/// A screen that is shown beside an engine of this process, on a thread of its own; it is closed when this is dropped.
#[derive(Debug)]
pub struct ScreenBeside {
    leave: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ScreenBeside {
    /// Shows the engine at an address; where the user leaves the screen, `stop` is raised.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn show(address: String, token: Option<String>, stop: Arc<AtomicBool>) -> std::io::Result<Self> {
        let leave = Arc::new(AtomicBool::new(false));
        let left = Arc::clone(&leave);
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
            background();
            // Without a terminal there is no screen; the engine runs on.
            if show(&address, token.as_deref(), &left).is_ok_and(|by_user| by_user) {
                stop.store(true, Ordering::Relaxed);
            }
        })?;
        Ok(Self { leave, thread: Some(thread) })
    }
}

impl Drop for ScreenBeside {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Shows the screen until the user leaves it, or `leave` is raised; whether the user has left.
///
/// # Errors
/// A terminal that cannot be used.
fn show(address: &str, token: Option<&str>, leave: &AtomicBool) -> Result<bool> {
    let terminal = Terminal::open()?;
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut screen = Screen::new(address, colours);
    let (mut asked, mut drawn) = (None::<Instant>, None);
    while !leave.load(Ordering::Relaxed) {
        let size = terminal::size_or(Size { width: 80, height: 24 });
        let mut fresh = drawn != Some(size);
        if !screen.paused() && asked.is_none_or(|asked| asked.elapsed() >= EVERY) {
            asked = Some(Instant::now());
            let answer = get(address, token, "/status", ANSWER).map_err(|error| error.to_string());
            screen.took(answer.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string())));
            fresh = true;
        }
        for key in terminal.keys(KEYS)? {
            if key == Key::Quit || !screen.key(key) {
                return Ok(true);
            }
            fresh = true;
        }
        if fresh {
            drawn = Some(size);
            terminal.draw(&screen.draw(size))?;
        }
    }
    Ok(false)
}
