//! Symbols that the command line names in place of the watchlist.

use crate::config::{Layer, Override};
use anyhow::{Result, bail};
use toml::Value;

/// What `--symbols` asks for: names, or so many of the made-up market.
///
/// # Errors
/// It is neither.
pub fn over(symbols: Option<&str>, layers: &mut Vec<Layer>) -> Result<()> {
    let Some(text) = symbols else { return Ok(()) };
    let names: Vec<String> = match text.parse::<usize>() {
        Ok(0) => bail!("--symbols 0: write a number above 0, or names such as SPY,QQQ"),
        Ok(count) => made_up(count),
        Err(_) => text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
    };
    if names.is_empty() {
        bail!("--symbols {text:?}: write names such as SPY,QQQ, or a number");
    }
    let asset = |name| Value::Table([("symbol".to_owned(), Value::String(name))].into_iter().collect());
    let list: Vec<Value> = names.into_iter().map(asset).collect();
    layers.push(Layer::Override(Override::new("watchlist", Value::Array(list))));
    Ok(())
}

/// The names of so many symbols, as the made-up market has them.
fn made_up(count: usize) -> Vec<String> {
    let digits = count.to_string().len().max(3);
    (1..=count).map(|i| format!("S{i:0digits$}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn watched(text: &str) -> Vec<String> {
        let mut layers = Vec::new();
        over(Some(text), &mut layers).unwrap();
        Config::load(&layers).unwrap().config.watchlist.into_iter().map(|asset| asset.symbol).collect()
    }

    #[test]
    fn they_are_names_or_those_of_the_market_that_is_made_up() {
        assert_eq!(watched("SPY, QQQ"), ["SPY", "QQQ"]);
        let market: Vec<String> = Config::default().plan().assets.into_iter().map(|asset| asset.symbol).collect();
        assert_eq!(watched(&market.len().to_string()), market);
        assert!(over(Some("0"), &mut Vec::new()).is_err() && over(Some(" ,"), &mut Vec::new()).is_err());
    }
}
