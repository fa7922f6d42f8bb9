//! The page in a real browser: headless Chromium, steered over its own protocol. Skipped, with a word, where there is none.

use crate::{client::PATIENCE, outside, running::Running};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tungstenite::{Message, WebSocket};

const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one empty tab.
struct Browser {
    child: Child,
    link: WebSocket<TcpStream>,
    number: u64,
    /// What its console has said, but for plain notes.
    complaints: Vec<String>,
    _dir: tempfile::TempDir,
}

impl Browser {
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let spawn = |program: &&str| {
            Command::new(program)
                // A sandbox of its own needs rights that a container or root does not give.
                .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
                .args(["--remote-debugging-port=0", "about:blank"])
                .arg(format!("--user-data-dir={}", dir.path().display()))
                .process_group(0)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .ok()
        };
        let Some(mut child) = PROGRAMS.iter().find_map(spawn) else {
            let _ = std::io::stderr().write_all(b"skipped: the page in a browser: there is no chromium\n");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines
            .find_map(|line| Some(line.ok()?.split_once("DevTools listening on ")?.1.to_owned()))
            .expect("a browser says where it listens");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let mut browser = Self { child, link: linked(&url), number: 0, complaints: Vec::new(), _dir: dir };
        let started = Instant::now();
        let tab = loop {
            let targets = browser.call("Target.getTargets", json!({}));
            let found = targets["targetInfos"].as_array().unwrap().iter().find(|target| target["type"] == "page");
            if let Some(tab) = found.and_then(|target| target["targetId"].as_str()) {
                break tab.to_owned();
            }
            assert!(started.elapsed() < PATIENCE, "no tab: {targets}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let (base, _) = url.split_once("/browser/").unwrap();
        browser.link = linked(&format!("{base}/page/{tab}"));
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let ask = json!({ "id": self.number, "method": method, "params": params });
        self.link.send(Message::text(ask.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.link.read().unwrap() else { continue };
            let heard: Value = serde_json::from_str(&text).unwrap();
            if heard["id"] == self.number {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
            let said = &heard["params"];
            match heard["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.complaints.push(said["exceptionDetails"].to_string()),
                Some("Runtime.consoleAPICalled") if said["type"] != "log" => self.complaints.push(said.to_string()),
                Some("Log.entryAdded") if said["entry"]["level"] == "error" => self.complaints.push(said.to_string()),
                _ => {}
            }
        }
    }

    /// What an expression is on the page.
    fn value(&mut self, expression: &str) -> Value {
        let said = self.call("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(said["exceptionDetails"].is_null(), "{expression}: {said}");
        said["result"]["value"].clone()
    }

    #[track_caller]
    fn until(&mut self, expression: &str) {
        let started = Instant::now();
        // Nothing is there yet of a page that is being loaded.
        while self.value(&format!("(() => {{ try {{ return {expression}; }} catch (e) {{ return false; }} }})()"))
            != true
        {
            let text = self.value("document.body.innerText.slice(0, 2000)");
            assert!(started.elapsed() < PATIENCE, "not in time: {expression}\n{text}\n{:?}", self.complaints);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
    }

    fn screen(&mut self, width: u32, height: u32, scheme: &str) {
        let phone = width < 600;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.call("Emulation.setDeviceMetricsOverride", screen);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    fn press(&mut self, key: &str) {
        // Enter acts as a character; the others by their names alone.
        let text = if key == "Enter" { "\r" } else { "" };
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "ArrowLeft" => 37,
            "ArrowDown" => 40,
            "Escape" => 27,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Keeps what is on the screen in the folder that `WAGEHOOD_SCREENS` names, if it does.
    fn keep(&mut self, name: &str) {
        let Some(dir) = std::env::var_os("WAGEHOOD_SCREENS") else { return };
        let shot = self.call("Page.captureScreenshot", json!({ "captureBeyondViewport": true }));
        let bytes = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::write(std::path::Path::new(&dir).join(format!("{name}.png")), bytes).unwrap();
    }
}

fn linked(url: &str) -> WebSocket<TcpStream> {
    let at = url.strip_prefix("ws://").unwrap().split('/').next().unwrap();
    let (link, _) = tungstenite::client(url, TcpStream::connect(at).unwrap()).unwrap();
    link.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    link
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It is a family of processes, under a script.
        let family = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &family]).status();
        let _ = self.child.wait();
    }
}

/// Colours on the first chart.
const COLOURS: &str = "(() => { const c = document.querySelector('#charts canvas'); const d = new Uint32Array(c.getContext('2d')\
    .getImageData(0, 0, c.width, c.height).data.buffer); return new Set(d).size; })()";
const IS_CONTAINED: &str = "document.documentElement.scrollWidth <= innerWidth";

#[test]
fn the_page_shows_a_running_engine_on_every_screen_and_by_keyboard() {
    let Some(mut browser) = Browser::start() else { return };
    let probed = ["--set", "engine.probe=true", "--set", "performance.enabled=true", "--set", "mock.symbols=100"];
    let engine = Running::start(&[&["--set", "mock.history=false"], &probed[..]].concat());
    browser.open(&format!("http://{}/", engine.at));
    browser.until("document.querySelectorAll('#signals tr').length > 20");
    browser.until("document.querySelectorAll('#active tr').length == 100");
    browser.until("document.querySelectorAll('#health tr').length >= 5");
    browser.until("document.getElementById('overall').textContent == 'ok'");
    browser.until(&format!("{COLOURS} > 10"));
    for (width, height, scheme) in
        [(1_440, 900, "light"), (1_440, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]
    {
        browser.screen(width, height, scheme);
        let background = browser.value("getComputedStyle(document.body).backgroundColor");
        let (dark, light) = ("rgb(17, 21, 27)", "rgb(246, 247, 249)");
        assert_eq!(background, if scheme == "dark" { dark } else { light });
        browser.until(IS_CONTAINED);
        browser.until(&format!("{COLOURS} > 10"));
        browser.keep(&format!("page-{width}-{scheme}"));
    }
    browser.screen(1_440, 900, "light");
    // All that can be done is reached by the tabulator: the symbol, its timeframes, a chart, a signal.
    let on = |browser: &mut Browser, what: &str| {
        let found = (0..40).any(|_| {
            browser.press("Tab");
            browser.value(&format!("document.activeElement.matches({what:?})")) == true
        });
        assert!(found, "the tabulator does not come to {what}");
    };
    on(&mut browser, "#symbol");
    on(&mut browser, "#frames button");
    let pressed = "document.querySelector('#frames button').getAttribute('aria-pressed')";
    let before = browser.value(pressed);
    browser.press("Enter");
    assert_ne!(browser.value(pressed), before);
    browser.press("Enter");
    // However fast they follow each other, only the last wish is on the page.
    browser.until("document.querySelectorAll('#charts canvas').length == state.shown.length");
    on(&mut browser, "#charts canvas");
    // Its bars may still be on their way.
    browser
        .until("state.bars[document.activeElement.dataset.key]?.bars.length > 0 && views.has(document.activeElement)");
    browser.press("ArrowLeft");
    browser.until("!document.getElementById('tip').hidden");
    assert!(browser.value("document.getElementById('tip').textContent").as_str().unwrap().contains("close"));
    browser.press("Escape");
    browser.until("document.getElementById('tip').hidden");
    // A symbol is chosen from the list of the active ones.
    on(&mut browser, "#active tr");
    browser.press("ArrowDown");
    browser.press("ArrowDown");
    let wanted = browser.value("document.activeElement.firstChild.textContent");
    // The list is made again every two seconds: the row keeps the focus.
    browser.value("window.row = document.activeElement");
    browser.until("!row.isConnected");
    assert_eq!(browser.value("document.activeElement.firstChild.textContent"), wanted);
    browser.press("Enter");
    browser.until(&format!("document.getElementById('charttitle').textContent == 'Symbol ' + {wanted}"));
    // It says so where the engine is gone.
    assert_eq!(browser.complaints, Vec::<String>::new());
    drop(engine);
    browser.until("!document.getElementById('gone').hidden");
}

#[test]
fn a_recorded_market_is_a_page_that_needs_no_network() {
    let Some(mut browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let bars: String = (0..2_000)
        .map(|i| {
            let close = 100.0 + 10.0 * (f64::from(i) / 40.0).sin() + f64::from(i % 7) / 10.0;
            let (ts, high, low) = (1_700_000_000_000 + i64::from(i) * 60_000, close + 0.5, close - 0.5);
            format!("SPY,{ts},{close},{high},{low},{close},{}\n", 1_000 + i % 50)
        })
        .collect();
    std::fs::write(dir.path().join("bars.csv"), format!("symbol,timestamp,open,high,low,close,volume\n{bars}"))
        .unwrap();
    let out = outside::engine([
        "replay",
        "-q",
        "--set",
        "performance.enabled=true",
        "--input",
        "bars.csv",
        "--html",
        "page.html",
    ])
    .current_dir(dir.path())
    .output()
    .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    browser.call("Network.enable", json!({}));
    browser.call(
        "Network.emulateNetworkConditions",
        json!({ "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 }),
    );
    browser.open(&format!("file://{}/page.html", dir.path().display()));
    browser.until(&format!("{COLOURS} > 10"));
    assert_eq!(browser.value("document.getElementById('charttitle').textContent"), "Symbol SPY");
    assert!(browser.value("document.querySelectorAll('#signals tr').length").as_u64() > Some(0));
    reliability(&mut browser);
    // What only a running engine has is not there.
    let shown = browser.value("[...document.querySelectorAll('.live, #overall')].filter(e => e.offsetParent).length");
    assert_eq!(shown, 0);
    for (width, height) in [(1_440, 900), (390, 844)] {
        browser.screen(width, height, "light");
        browser.until(IS_CONTAINED);
        browser.keep(&format!("replay-{width}"));
    }
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// The curve of all rows together, that of one chosen by keyboard, and of another horizon.
fn reliability(browser: &mut Browser) {
    browser.until("document.querySelectorAll('#relychart circle').length > 0");
    let title = "document.getElementById('relytitle').textContent";
    assert_eq!(browser.value(title), "Reliability of the confidence after 10 bars: all rows together");
    // The dots hold every judged signal, each once.
    let counted = "[...document.querySelectorAll('#relybins tr')].reduce((n, r) => n + +r.cells[1].textContent.replaceAll(',', ''), 0)";
    let judged = "RECORDED.status.performance.reduce((n, p) => n + p.horizons[rely.horizon].reliability.reduce((n, b) => n + b[0], 0), 0)";
    let all = browser.value(counted);
    assert_eq!(all, browser.value(judged));
    assert!(all.as_u64() > Some(20), "{all}");
    let label = "document.getElementById('relychart').getAttribute('aria-label')";
    assert!(browser.value(label).as_str().unwrap().contains("% said, "), "a reader hears it too");
    browser.value("document.querySelector('#performance tr').focus()");
    browser.press("Enter");
    let row = browser.value("(p => p.timeframe + ' ' + p.strategy)(RECORDED.status.performance[0])");
    browser.until(&format!("{title} == 'Reliability of the confidence after 10 bars: ' + {row}"));
    assert!(browser.value(counted).as_u64() < all.as_u64(), "one row is less than all");
    browser.value("document.querySelector('#relyhorizon button').click()");
    browser.until(&format!("{title} == 'Reliability of the confidence after 1 bar: ' + {row}"));
    browser.value("document.getElementById('relyall').click()");
    browser.until(&format!("{title}.endsWith('all rows together')"));
}
