//! A request of HTTP/1, read from bytes: pure, bounded, and it refuses what it does not understand.

/// Longest request that is read, bytes.
pub(super) const REQUEST_MAX: usize = 8 << 10;
/// Header lines that are read.
const HEADERS_MAX: usize = 64;

/// A request that is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// Whether only the head of the answer is wanted.
    pub head_only: bool,
    /// The path, without the query.
    pub path: String,
    /// Names and values of the query, decoded.
    pub query: Vec<(String, String)>,
    /// Whom the request is for.
    pub host: String,
    /// The token it shows.
    pub token: Option<String>,
    /// Whether the token came in the address: then it is better kept in a cookie.
    pub token_in_query: bool,
    /// What it would take.
    pub accept: String,
    /// The last event that it has seen.
    pub last_event_id: Option<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is no HTTP.
    #[error("not a request of HTTP/1")]
    Malformed,
    /// It is longer than is read.
    #[error("longer than 8192 bytes")]
    TooLong,
    /// Its method changes something, or is unknown.
    #[error("only GET and HEAD are answered")]
    Method,
}

impl RequestError {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::TooLong => 431,
            Self::Method => 405,
        }
    }
}

impl HttpRequest {
    /// The value of a name in the query.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a request; `None` where it is not complete.
///
/// # Errors
/// [`RequestError`]: it will not become one that is answered.
pub fn parse(bytes: &[u8]) -> Result<Option<HttpRequest>, RequestError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < REQUEST_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(RequestError::TooLong),
        Err(_) => return Err(RequestError::Malformed),
    }
    let head_only = match parsed.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(RequestError::Method),
    };
    let target = parsed.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(RequestError::Malformed);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = HttpRequest { head_only, path: decode(path), query: pairs(query), ..HttpRequest::default() };
    for header in parsed.headers.iter() {
        let text = String::from_utf8_lossy(header.value).trim().to_owned();
        match header.name.to_ascii_lowercase().as_str() {
            "host" => request.host = text,
            "accept" => request.accept = text,
            "last-event-id" => request.last_event_id = Some(text),
            "authorization" => {
                let bearer = text.get(..7).filter(|word| word.eq_ignore_ascii_case("bearer "));
                request.token = bearer.and_then(|_| text.get(7..)).map(|token| token.trim().to_owned());
            }
            "cookie" if request.token.is_none() => {
                let ours = |part: &str| part.trim().strip_prefix(COOKIE).map(decode);
                request.token = text.split(';').find_map(ours);
            }
            _ => {}
        }
    }
    if let Some(token) = request.value("token").map(str::to_owned) {
        request.token = Some(token);
        request.token_in_query = true;
    }
    Ok(Some(request))
}

/// The cookie in which a browser keeps the token.
pub(super) const COOKIE: &str = "wagehood_token=";

fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// Text with its `%XX` resolved; what is none is left as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let hex = hex.filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_client_may_say_is_read() {
        let text =
            b"GET /bars?symbol=A%26B&x=a+b&y HTTP/1.1\r\nHost: localhost:9464\r\nAuthorization: Bearer  tok \r\n\
            Last-Event-ID: ab-7\r\nAccept: a/b\r\n\r\nrest";
        let request = parse(text).unwrap().unwrap();
        assert_eq!(
            (request.path.as_str(), request.value("symbol"), request.value("x")),
            ("/bars", Some("A&B"), Some("a b"))
        );
        assert_eq!((request.host.as_str(), request.token.as_deref()), ("localhost:9464", Some("tok")));
        assert_eq!((request.last_event_id.as_deref(), request.value("y")), (Some("ab-7"), Some("")));
        let cookie = parse(b"HEAD / HTTP/1.0\r\ncookie: a=b; wagehood_token=s%20t\r\n\r\n").unwrap().unwrap();
        assert!(cookie.head_only && cookie.token.as_deref() == Some("s t"));
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost:"), Ok(None));
        assert_eq!(parse(b"POST / HTTP/1.1\r\n\r\n"), Err(RequestError::Method));
        assert_eq!(parse(b"\x16\x03\x01\x02\x00"), Err(RequestError::Malformed));
        assert_eq!(parse(b"GET http://elsewhere/ HTTP/1.1\r\n\r\n"), Err(RequestError::Malformed));
        let long = [&b"GET /"[..], &vec![b'a'; REQUEST_MAX]].concat();
        assert_eq!(parse(&long), Err(RequestError::TooLong));
    }

    proptest! {
        #[test]
        fn a_request_is_read_the_same_however_it_arrives(path in "/[a-z%0-9+]{0,20}", name in "[a-z]{1,5}", value in "[ -~&&[^%]]{0,9}") {
            let value: String = value.bytes().map(|b| format!("%{b:02x}")).collect();
            let text = format!("GET {path}?{name}={value} HTTP/1.1\r\nHost: h\r\n\r\n");
            let whole = parse(text.as_bytes()).unwrap().unwrap();
            for cut in 0..text.len() {
                prop_assert_eq!(parse(&text.as_bytes()[..cut]), Ok(None));
            }
            prop_assert!(whole.value(&name).is_some());
        }
    }
}
