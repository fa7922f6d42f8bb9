//! The address of a Redis server, which may hold a password and never shows it.

use std::fmt;

/// Address of a Redis server. `Debug` and `Display` hide the password; [`RedisUrl::expose`] does not.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// What an address may look like.
    pub const ALLOWED: &'static str = "redis://[user:password@]host[:port][/database], the same with rediss:// (TLS), \
        or redis+unix:///path or unix:///path to a socket; special characters of the password as %XX";

    /// The address as a text, where it is one.
    ///
    /// The form is checked, not whether anybody listens there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let good = match scheme {
            "redis" | "rediss" => tcp(rest),
            "redis+unix" | "unix" => rest.len() > 1 && rest.starts_with('/') && !rest.starts_with("/?"),
            _ => false,
        };
        good.then(|| Self(text.to_owned()))
    }

    /// What is wrong with a text that is no address, without a word of it: it may be nothing but a password.
    pub(super) fn fault(text: &str) -> &'static str {
        let Some((scheme, rest)) = text.split_once("://") else { return "a text without redis:// (not shown)" };
        match scheme {
            "redis" | "rediss"
                if rest.rsplit_once('@').is_some_and(|(account, _)| account.contains(['/', '?', '#'])) =>
            {
                "an address with a /, ? or # in user or password (not shown; write %2F, %3F, %23)"
            }
            "redis" | "rediss" => "an address whose host, port or database is not good (not shown)",
            "redis+unix" | "unix" => "a path that does not begin with a / (not shown)",
            _ => "an address of another scheme (not shown)",
        }
    }

    /// Whether connections to it are neither encrypted nor stay on this machine.
    #[must_use]
    pub fn is_plain_tcp(&self) -> bool {
        self.0.starts_with("redis://")
    }

    /// The address with its password.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Default for RedisUrl {
    /// The server on this machine.
    fn default() -> Self {
        Self("redis://127.0.0.1:6379/0".to_owned())
    }
}

/// Whether this is `[user:password@]host[:port][/database][?…]`.
fn tcp(rest: &str) -> bool {
    let (account, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    if account.contains(['/', '?', '#']) {
        return false;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => match port.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None => return false,
        },
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    !host.is_empty()
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && (database.is_empty() || database.parse::<u32>().is_ok())
}

/// A text with the password of any address in it replaced by `***`.
///
/// Hides too much rather than too little: everything from the first colon behind `://` (or the beginning, where somebody
/// has forgotten the scheme) to the last `@`, the whole user part where it has no colon, and `pass=…` or `password=…` of
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
            "redis://:x@h:1/15?protocol=resp3",
            "unix:///run/redis.sock",
            "redis+unix:///run/redis.sock?db=1&pass=x",
        ] {
            assert!(RedisUrl::parse(good).is_some(), "{good}");
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
            "unix://",
        ] {
            assert!(RedisUrl::parse(bad).is_none(), "{bad}");
        }
        for bad in
            ["hunter2", "redis:hunter2@h", "redis://:hun#ter2@h", "redis://:hun?ter2", "http://:hunter2@h", "://ter2"]
        {
            assert!(RedisUrl::parse(bad).is_none() && !RedisUrl::fault(bad).contains("ter2"), "{bad}");
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
        let url = RedisUrl::parse(all[0]);
        assert_eq!(url.as_ref().map(ToString::to_string).as_deref(), Some("redis://u:***@h:1/0"));
        assert!(!format!("{url:?}").contains("hunter2"));
        assert_eq!(url.as_ref().map(RedisUrl::expose), Some(all[0]));
    }
}
