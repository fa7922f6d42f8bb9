//! Requests for the past over HTTPS: one at a time, on a thread of its own.

use rustls::crypto::ring;
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

/// Longest body of an answer, bytes.
const BODY_MAX: u64 = 64 << 20;

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRequest {
    /// The whole address.
    pub url: String,
    /// Headers; may hold a secret.
    pub headers: Vec<(&'static str, String)>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// Seconds after which to come back.
    pub retry_after_s: Option<f64>,
    /// Requests that are left until the limit is reset.
    pub remaining: Option<u64>,
    /// When that is, Unix s.
    pub reset_s: Option<i64>,
    /// What it says.
    pub body: Vec<u8>,
}

/// The outcome of a request: an answer, or why there is none.
pub type AskOutcome = Result<Answer, String>;

/// Makes requests.
#[derive(Debug, Clone)]
pub struct Rest(Agent);

impl Rest {
    /// Trusts these authorities, in DER form; waits so long for an answer.
    pub fn new(trusted: &[Vec<u8>], timeout: Duration) -> Self {
        let roots = trusted.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(timeout))
            .user_agent(concat!("wagehood-engine/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.new_agent())
    }

    /// Makes a request on a thread of its own, which gives the outcome.
    pub fn ask(&self, request: PastRequest) -> Receiver<AskOutcome> {
        let (give, outcome) = sync_channel(1);
        let rest = self.clone();
        let thread = std::thread::Builder::new().name("ingest asks".to_owned());
        // Where there is no thread the channel is closed, which is an outcome too.
        let _ = thread.spawn(move || drop(give.send(rest.ask_now(&request))));
        outcome
    }

    /// Makes a request and waits for its outcome.
    ///
    /// # Errors
    /// There is no answer, and why; never the address, which may hold a secret.
    pub fn ask_now(&self, request: &PastRequest) -> AskOutcome {
        let mut call = self.0.get(&request.url);
        for (name, value) in &request.headers {
            call = call.header(*name, value);
        }
        let mut response = call.call().map_err(|error| error.to_string())?;
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let mut answer = Answer {
            status: response.status().as_u16(),
            retry_after_s: text("retry-after").and_then(|text| text.trim().parse().ok()),
            remaining: text("x-ratelimit-remaining").and_then(|text| text.trim().parse().ok()),
            reset_s: text("x-ratelimit-reset").and_then(|text| text.trim().parse().ok()),
            body: Vec::new(),
        };
        let body = response.body_mut().with_config().limit(BODY_MAX).read_to_vec();
        answer.body = body.map_err(|error| error.to_string())?;
        Ok(answer)
    }
}

impl Answer {
    /// What the exchange says, for a line.
    pub fn words(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        format!("HTTP {} {}", self.status, text.escape_debug())
    }
}
