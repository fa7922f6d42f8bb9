//! What is answered to which path: a table. Answers are made of a view, and know no sockets.

use super::{
    connection::Listening,
    events::{Events, push_passing},
    metrics,
    request::{COOKIE, HttpRequest},
    status,
    view::View,
    window::{self, Whom},
};
use crate::{
    engine::Questions,
    model::{Directory, SymbolId, TimeframeId},
};
use serde_json::{Value, json};
use std::net::IpAddr;

/// The page for people.
pub(super) const PAGE: &str = include_str!("page.html");
/// What a page may do: use what is in it, and ask this listener.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                           connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    kind: &'static str,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
    /// Events follow.
    pub listening: Option<Listening>,
}

impl Answer {
    fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, kind, body: body.into(), headers: Vec::new(), listening: None }
    }

    /// A line of text.
    pub fn text(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{text}\n"))
    }

    fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", format!("{value}\n"))
    }

    /// As it is sent.
    pub fn bytes(&self, head_only: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            303 => "See Other",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            _ => "Error",
        };
        let mut head = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             Connection: close\r\n",
            self.status, self.kind
        );
        if self.listening.is_none() {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// What answers are made of.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub view: View<'a>,
    pub events: &'a Events,
    /// Names of symbols and timeframes, once the engine has started.
    pub directory: Option<&'a Directory>,
    /// Where the statistics of cells are asked for, if bars are kept for that.
    pub questions: Option<&'a Questions>,
}

impl Desk<'_> {
    fn whom(&self) -> Whom<'_> {
        Whom { directory: self.directory, questions: self.questions, timeframes: &self.view.timeframes }
    }
}

/// A path and its answer.
struct Route {
    path: &'static str,
    answer: fn(&Desk<'_>, &HttpRequest) -> Answer,
}

const ROUTES: &[Route] = &[
    Route { path: "/", answer: page },
    Route { path: "/metrics", answer: metrics_text },
    Route { path: "/healthz", answer: alive },
    Route { path: "/readyz", answer: ready },
    Route { path: "/ready", answer: ready },
    Route { path: "/health", answer: health },
    Route { path: "/status", answer: state },
    Route { path: "/events", answer: listen },
    Route { path: "/symbols", answer: symbols },
    Route { path: "/bars", answer: bars },
    Route { path: "/window", answer: statistics },
];

/// Who may ask.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The token that must be shown.
    pub token: Option<String>,
    /// Whether the listener is reached from this host alone.
    pub loopback: bool,
}

impl Guard {
    /// Why a request is refused; `None` for one that is not.
    fn refuses(&self, request: &HttpRequest) -> Option<Answer> {
        if let Some(token) = &self.token
            && !request.token.as_ref().is_some_and(|shown| same(shown.as_bytes(), token.as_bytes()))
        {
            let text = "show the token of telemetry.token_file: Authorization: Bearer TOKEN, or once /?token=TOKEN";
            let mut answer = Answer::text(401, text);
            answer.headers.push(("WWW-Authenticate", "Bearer".to_owned()));
            return Some(answer);
        }
        // A page from elsewhere whose name was made to mean this host must not read the signals.
        if self.loopback && self.token.is_none() && !is_this_host(&request.host) {
            return Some(Answer::text(403, "ask for localhost or an address, not for another name"));
        }
        None
    }

    /// The answer to a request.
    pub fn answer(&self, desk: &Desk<'_>, request: &HttpRequest) -> Answer {
        if let Some(refused) = self.refuses(request) {
            return refused;
        }
        if request.token_in_query && request.path == "/" {
            let mut answer = Answer::text(303, "/");
            let token: String =
                request.token.iter().flat_map(|token| token.bytes()).map(|b| format!("%{b:02x}")).collect();
            answer.headers.push(("Location", "/".to_owned()));
            answer.headers.push(("Set-Cookie", format!("{COOKIE}{token}; HttpOnly; SameSite=Strict; Path=/")));
            return answer;
        }
        match ROUTES.iter().find(|route| route.path == request.path) {
            Some(route) => (route.answer)(desk, request),
            None => {
                let all: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
                Answer::text(404, &format!("there are {}", all.join(" ")))
            }
        }
    }
}

/// Compares in a time that does not depend on where two texts differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Whether a `Host` is this host without any help of a name server; one that is missing comes from no browser.
fn is_this_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn page(_: &Desk<'_>, _: &HttpRequest) -> Answer {
    let mut answer = Answer::new(200, "text/html; charset=utf-8", PAGE);
    answer.headers.push(("Content-Security-Policy", PAGE_POLICY.to_owned()));
    answer
}

fn metrics_text(desk: &Desk<'_>, request: &HttpRequest) -> Answer {
    let open = request.accept.contains("application/openmetrics-text");
    let kind = if open {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    Answer::new(200, kind, metrics::text(&desk.view, open))
}

/// Whether the process makes progress: no agent stands still for longer than its threshold.
fn alive(desk: &Desk<'_>, _: &HttpRequest) -> Answer {
    let failing = |(name, state)| name == "worker_status" && state == super::health::HealthState::Failing;
    if desk.view.health.components().any(failing) {
        Answer::text(503, "an agent stands still: see /health")
    } else {
        Answer::text(200, "ok")
    }
}

fn ready(desk: &Desk<'_>, _: &HttpRequest) -> Answer {
    match desk.view.not_ready() {
        Some(why) => Answer::text(503, &why),
        None => Answer::text(200, "ready"),
    }
}

fn health(desk: &Desk<'_>, _: &HttpRequest) -> Answer {
    Answer::json(200, &status::health(&desk.view))
}

/// Everything that the screens show, and the statistics of a window where one is named.
fn state(desk: &Desk<'_>, request: &HttpRequest) -> Answer {
    let mut all = status::json(&desk.view, desk.directory, desk.events);
    if let Some(names) = request.value("window") {
        let mut parts = names.rsplitn(3, ':');
        let [bars, timeframe, symbol] = [parts.next(), parts.next(), parts.next()].map(Option::unwrap_or_default);
        match window::of(desk.whom(), [symbol, timeframe, bars]) {
            Ok(statistics) => all["window"] = statistics,
            Err((status, text)) => return Answer::text(status, &text),
        }
    }
    Answer::json(200, &all)
}

fn statistics(desk: &Desk<'_>, request: &HttpRequest) -> Answer {
    let names = ["symbol", "timeframe", "bars"].map(|name| request.value(name).unwrap_or_default());
    match window::of(desk.whom(), names) {
        Ok(statistics) => Answer::json(200, &statistics),
        Err((status, text)) => Answer::text(status, &text),
    }
}

fn symbols(desk: &Desk<'_>, request: &HttpRequest) -> Answer {
    let most = request.value("most").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let all = desk.directory.map_or(Value::Null, |directory| desk.view.market.to_json(directory, most));
    Answer::json(200, &json!({ "symbols": all, "timeframes": desk.view.timeframes }))
}

/// The cell of two names.
fn cell(desk: &Desk<'_>, symbol: &str, timeframe: &str) -> Option<(SymbolId, TimeframeId)> {
    let place = desk.view.timeframes.iter().position(|name| name == timeframe)?;
    Some((desk.view.market.named(symbol, desk.directory?)?, TimeframeId::new(place)))
}

fn bars(desk: &Desk<'_>, request: &HttpRequest) -> Answer {
    let (symbol, timeframe) = (request.value("symbol").unwrap_or(""), request.value("timeframe").unwrap_or(""));
    match cell(desk, symbol, timeframe) {
        Some(cell) => Answer::json(200, &desk.view.market.bars(cell)),
        None => {
            Answer::text(404, "no bar of this symbol and timeframe has closed since the start: /symbols lists them")
        }
    }
}

/// Cells that one may listen to at once.
const CELLS_MAX: usize = 16;

fn listen(desk: &Desk<'_>, request: &HttpRequest) -> Answer {
    let cells: Vec<&str> = request.value("cells").unwrap_or("").split(',').filter(|name| !name.is_empty()).collect();
    if cells.len() > CELLS_MAX {
        return Answer::text(400, &format!("listen to at most {CELLS_MAX} cells"));
    }
    let named = |name: &&str| name.rsplit_once(':').and_then(|(symbol, timeframe)| cell(desk, symbol, timeframe));
    // Who comes back says so by a header, or, where a page makes the connection anew, in the query.
    let last = request.last_event_id.as_deref().or_else(|| request.value("last_event_id"));
    let (next, gap) = last.map_or((desk.events.next(), false), |last| desk.events.after(last));
    let listening = Listening { next, cells: cells.iter().filter_map(named).collect(), sent_ms: 0 };
    let mut answer = Answer::new(200, "text/event-stream", "retry: 2000\n\n");
    if gap {
        push_passing(&mut answer.body, "gap", "{}");
    }
    answer.listening = Some(listening);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_need_no_name_server_are_this_host() {
        for host in ["", "localhost", "LOCALHOST:9464", "127.0.0.1:9464", "[::1]:9464", "192.168.1.5"] {
            assert!(is_this_host(host), "{host}");
        }
        for host in ["evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example:80", "[x]"]
        {
            assert!(!is_this_host(host), "{host}");
        }
        assert!(same(b"abc", b"abc") && !same(b"abc", b"abd") && !same(b"abc", b"ab"));
    }
}
