//! Requests to the operations thread.

use crate::{
    harness::Target,
    outcome::{Outcome, nothing},
};
use wagehood_engine::ops::parse;

pub const REQUEST: Target = Target {
    name: "request",
    check: request,
    mend: nothing,
    words: &[
        "GET ",
        "HEAD ",
        "POST ",
        "/",
        "/metrics",
        "/events?cells=",
        "?token=",
        "%00",
        "%",
        "+",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "\r\n",
        "\r\n\r\n",
        "Host: ",
        "Authorization: Bearer ",
        "Cookie: wagehood_token=",
        "Last-Event-ID: ",
        "é",
        "\0",
    ],
    memory: (64 << 10, 96),
    made: Vec::new,
};

/// A request that is read is the same with more behind it; one that is too long is not waited for.
fn request(bytes: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    match parse(bytes) {
        Ok(Some(request)) => {
            assert!(request.path.starts_with('/'));
            let more = [bytes, b"GET / HTTP/1.1\r\n"].concat();
            let shown = u64::from(request.token.is_some()) + 2 * u64::from(request.last_event_id.is_some());
            outcome.add(1).add(shown).add(request.query.len().min(4) as u64);
            assert_eq!(parse(&more), Ok(Some(request)));
        }
        Ok(None) => {
            assert!(bytes.len() < 8 << 10, "waits for the rest of a request that is too long");
            outcome.add(2).ignore();
        }
        Err(error) => {
            assert!((400..500).contains(&error.status()));
            outcome.add(error.status().into()).ignore();
        }
    }
    outcome.get()
}
