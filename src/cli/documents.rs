//! The documents of the existing system in Redis: read whole, or from their chunks. Blocks.

use crate::{
    config::{Asset, AssetConfig, Compat, Config, decode_document},
    engine::Compatible,
    model::{Strategy, Timeframe, TradingStyle},
    publish::{LevelRules, SymbolConfig},
    redis_io::Link,
};
use anyhow::{Context, Result, bail};
use redis::Cmd;

/// Most chunks of a document.
const MAX_CHUNKS: u64 = 4_096;
/// Longest document, bytes; those that can be read are shorter.
const MAX_BYTES: usize = 32 << 20;

/// The raw value of a document; `None` where there is none. One that is kept in chunks, `<key>:chunk:0` and on, as many as
/// `<key>:chunks` says, is put together.
///
/// # Errors
/// The server refuses, or a chunk is missing.
pub fn read(link: &mut Link, key: &str) -> Result<Option<Vec<u8>>> {
    if let Some(bytes) = link.ask(&Cmd::get(key))? {
        return Ok(Some(bytes));
    }
    let counter = format!("{key}:chunks");
    let Some(text) = link.ask::<Option<Vec<u8>>>(&Cmd::get(&counter))? else { return Ok(None) };
    let count = count(&text).filter(|count| (1..=MAX_CHUNKS).contains(count));
    let count = count.with_context(|| format!("{counter} is no number of chunks; allowed: 1 to {MAX_CHUNKS}"))?;
    let mut whole = Vec::new();
    for k in 0..count {
        let chunk = format!("{key}:chunk:{k}");
        match link.ask::<Option<Vec<u8>>>(&Cmd::get(&chunk))? {
            Some(bytes) if whole.len() + bytes.len() <= MAX_BYTES => whole.extend(bytes),
            Some(_) => bail!("the chunks of {key} are longer than {MAX_BYTES} bytes together"),
            None => bail!("{chunk} is missing, of the {count} chunks that {counter} names: write the document again"),
        }
    }
    Ok(Some(whole))
}

/// What readers of the existing system are told.
pub fn compatible(config: &Config) -> Compatible {
    let to = config.output.compat.unwrap_or_default();
    let macd_rsi = &config.strategies.default.macd_rsi;
    let rules = LevelRules { rsi_oversold: macd_rsi.rsi_oversold, rsi_overbought: macd_rsi.rsi_overbought };
    if to != Compat::Multi {
        return Compatible { to, rules, symbols: Vec::new() };
    }
    let plan = config.plan();
    let assets = config.assets();
    let symbol = |(asset, listed): (&Asset, &AssetConfig)| {
        let on = |(index, timeframe): (usize, &Timeframe)| {
            asset.cells.get(index).is_some_and(|cell| cell.enabled).then(|| timeframe.to_string())
        };
        let params = asset.cells.iter().find(|cell| cell.enabled).map(|cell| &plan.params[cell.params]);
        let runs = |strategy: &Strategy| params.is_some_and(|params| params.runs(*strategy));
        SymbolConfig {
            timeframes: plan.timeframes.iter().enumerate().filter_map(on).collect(),
            trading_profile: match listed.trading_profile.unwrap_or(TradingStyle::Swing) {
                TradingStyle::Day => "day_trading",
                TradingStyle::Swing => "swing_trading",
                TradingStyle::Position => "position_trading",
            },
            strategies: Strategy::ALL.iter().filter(|s| runs(s)).map(|strategy| strategy.old_name()).collect(),
        }
    };
    let symbols = plan.assets.iter().zip(&assets).map(symbol).collect();
    Compatible { to, rules, symbols }
}

/// A number as text, or in any form of a document.
fn count(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok());
    text.or_else(|| decode_document(bytes).ok()?.1.as_u64())
}
