//! The URL of a Redis server as a setting. It may hold a password, and never shows it.

use crate::redis_io::{Address, AddressError};
use std::{fmt, str::FromStr};

/// URL of a Redis server, as written. `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// Parses the URL. Does not check whether a server listens there.
    ///
    /// # Errors
    ///
    /// The text is not a URL; a setting that was parsed is always one.
    pub fn address(&self) -> Result<Address, AddressError> {
        self.0.parse()
    }
}

impl FromStr for RedisUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Address>().map(|_| Self(text.to_owned()))
    }
}

impl Default for RedisUrl {
    /// The server on this machine.
    fn default() -> Self {
        Self("redis://127.0.0.1:6379/0".to_owned())
    }
}

/// A text in which `***` replaces the password of any URL.
///
/// Hides too much rather than too little: everything from the first colon after `://` (or after the start, if the
/// scheme is missing) to the last `@`; the whole user part if it has no colon; and `pass=…` or `password=…` in
/// a query.
#[must_use]
pub fn redact(text: &str) -> String {
    let (scheme, rest) = text.find("://").map_or(("", text), |at| text.split_at(at + 3));
    let shown = match rest.rsplit_once('@') {
        None => rest.to_owned(),
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("***@{host}"),
        },
    };
    let Some((path, query)) = shown.split_once('?') else { return format!("{scheme}{shown}") };
    let hide = |part: &str| match part.split_once('=') {
        Some((key, _)) if key.to_ascii_lowercase().starts_with("pass") => format!("{key}=***"),
        _ => part.to_owned(),
    };
    format!("{scheme}{path}?{}", query.split('&').map(hide).collect::<Vec<_>>().join("&"))
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({:?})", redact(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "redis://127.0.0.1:6379/0",
            "rediss://user:p@ss@host",
            "redis://[::1]:6379",
            "redis://:x@h:1/15?protocol=resp2",
            "unix:///run/redis.sock",
            "redis+unix:///run/redis.sock?db=1&pass=x",
        ] {
            assert!(good.parse::<RedisUrl>().is_ok(), "{good}");
        }
        for bad in [
            "redis://:a/b@h",
            "",
            "localhost",
            "http://x",
            "redis://",
            "redis://h:0",
            "redis://h:99999",
            "redis://h/x",
            "redis://h?db=2",
            "redis://:x@h:1/15?protocol=resp3",
            "unix://",
            "hunter2",
            "redis:hunter2@h",
            "redis://:hun#ter2@h",
            "redis://:hun?ter2",
            "http://:hunter2@h",
            "://ter2",
        ] {
            let error = bad.parse::<RedisUrl>().unwrap_err();
            assert!(!error.to_string().contains("ter2"), "{bad}");
        }
    }

    #[test]
    fn passwords_are_hidden() {
        let all = [
            "redis://u:hunter2@h:1/0",
            "redis://:hun/ter2@h",
            "redis://hunter2@h",
            "redis://:hunter2@a@h",
            "unix:///s?db=1&pass=hunter2",
            "rediss://u:hunter2?x@h",
        ];
        for text in all {
            assert!(!redact(text).contains("ter2"), "{}", redact(text));
        }
        let url: RedisUrl = all[0].parse().unwrap();
        assert_eq!(url.to_string(), "redis://u:***@h:1/0");
        assert!(!format!("{url:?}").contains("hunter2"));
        assert_eq!(url.address().unwrap().account().password(), Some("hunter2"));
    }
}
