//! Puts the parts of an exchange's feed together, as the configuration says.

use super::{
    breaker::Breaker,
    dial::{DialTarget, place},
    feed::{ExchangeFeed, FeedParts},
    past::{FetchTimes, PastFetcher},
    pauses::Pauses,
    rest::Rest,
    session::Manners,
    words::{ExchangeRules, ExchangeWords},
};
use crate::{
    ingest::provider::{Commission, CommissionError, Provider},
    redis_io::{Tls, TlsFiles, trusted},
};
use std::{path::Path, time::Duration};

/// The rules of an exchange, with what the settings of the provider say in their place; `history_url` likewise.
#[must_use]
pub fn configured(rules: ExchangeRules, commission: &Commission<'_>) -> ExchangeRules {
    let Some(settings) = commission.settings else { return rules };
    ExchangeRules {
        stream_url: settings.stream_url.clone().unwrap_or(rules.stream_url),
        history_url: settings.history_url.clone().unwrap_or(rules.history_url),
        age_max_ms: settings.age_max_ms.unwrap_or(rules.age_max_ms),
        symbols_per_message: settings.symbols_per_message.unwrap_or(rules.symbols_per_message),
        requests_per_minute: settings.requests_per_minute.unwrap_or(rules.requests_per_minute),
        page_bars: settings.page_bars.unwrap_or(rules.page_bars),
        ..rules
    }
}

/// The provider for an exchange that speaks this dialect. Reads the trusted certificates, which blocks.
///
/// # Errors
/// An address or a file that is not what it should be; more symbols than the exchange takes.
pub fn connected(
    dialect: Box<dyn ExchangeWords>,
    commission: &Commission<'_>,
) -> Result<Box<dyn Provider>, CommissionError> {
    let (rules, config) = (dialect.rules().clone(), commission.config);
    for (url, scheme) in [(&rules.stream_url, "wss"), (&rules.history_url, "https")] {
        place(url, scheme).map_err(CommissionError)?;
    }
    if commission.symbols.is_empty() {
        return Err(CommissionError("which symbols? name them in the watchlist, or with --symbols".to_owned()));
    }
    if commission.symbols.len() > rules.symbols_max && !commission.past_only {
        let (count, max) = (commission.symbols.len(), rules.symbols_max);
        return Err(CommissionError(format!(
            "{count} symbols are more than the {max} of one connection: run several ingestions, each with a --name and symbols of \
             its own"
        )));
    }
    let ca = (!config.tls_ca.is_empty()).then(|| Path::new(&config.tls_ca));
    let failed = |error: &dyn std::fmt::Display| CommissionError(format!("ingest.tls_ca: {error}"));
    let tls = Tls::load(TlsFiles { ca, client: None }).map_err(|error| failed(&error))?;
    let certificates = trusted(ca).map_err(|error| failed(&error))?;
    let ns = |ms: u64| ms * 1_000_000;
    let breaker = || Breaker::new(config.breaker_min_ms, config.breaker_max_ms, config.answer_ms);
    let grace_ms = i64::try_from(config.grace_ms).unwrap_or(i64::MAX);
    let patience = FetchTimes {
        settle_ms: grace_ms + rules.delay_ms,
        give_up_ns: ns(config.give_up_ms),
        gap_ns: 60_000_000_000 / rules.requests_per_minute.max(1),
    };
    let of_trades_ms = rules.of_trades.then(|| commission.timeframe.interval_ms());
    let rest = Rest::new(&certificates, Duration::from_millis(config.answer_ms));
    Ok(Box::new(ExchangeFeed::new(FeedParts {
        live: !commission.past_only,
        names: commission.symbols.to_vec(),
        interval_ms: commission.timeframe.interval_ms(),
        grace_ms,
        answer_ns: ns(config.answer_ms),
        silent_ns: ns(config.silent_ms),
        target: DialTarget {
            url: rules.stream_url.clone(),
            tls,
            timeout: Duration::from_millis(config.connect_timeout_ms),
            message_bytes_max: config.message_bytes_max,
        },
        manners: Manners {
            ping_ns: ns(config.ping_ms),
            pong_ns: ns(config.pong_ms),
            idle_ns: if rules.always_open { ns(config.idle_ms) } else { 0 },
            say_ns: ns(rules.say_gap_ms),
        },
        pauses: Pauses::new(config.reconnect_min_ms, config.reconnect_max_ms, u64::from(std::process::id())),
        breaker: breaker(),
        past: PastFetcher::new(rest, patience, breaker(), of_trades_ms),
        dialect,
    })))
}
