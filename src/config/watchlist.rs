//! `[[watchlist]]`: the symbols.

use super::{
    PriceMethod,
    node::Data,
    overrides::{Overrides, StrategyName},
    rules::{Flag, Scalar as _, Text, TimeframeText, above_zero, choice, choice_enum, int, not_negative, text},
    section::{Field, List, Optional, Or, Section},
    shape::{Declared, Shape},
    timeframes::{BUFFER, each_timeframe},
};
use crate::{
    calendar::{Anchor, Hours, Outside},
    model::{AssetType, Timeframe, TradingStyle},
};
use std::collections::BTreeMap;

choice_enum! {
    /// Which prices the records of a symbol may have.
    Prices {
        /// Those above zero.
        Positive = "positive",
        /// All: they are differences, or their market has been below zero.
        Any = "any",
    }
}

/// One symbol of the watchlist.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetConfig {
    /// Name of the symbol, as in the input.
    pub symbol: String,
    /// Whether it is calculated; if not, its records are refused.
    pub enabled: bool,
    /// Factor of the priority of its signals.
    pub priority: f64,
    /// Kind of asset.
    pub asset_type: AssetType,
    /// Data provider; informative.
    pub data_provider: String,
    /// Which prices its records may have.
    pub price: Prices,
    /// Its calendar; `None` for that of its type.
    pub calendar: Option<String>,
    /// Which hours are a session; `None` for the calendar's setting, as of the next two.
    pub session: Option<Hours>,
    /// What bars below one day are counted from.
    pub anchor: Option<Anchor>,
    /// What becomes of records outside sessions.
    pub outside_session: Option<Outside>,
    /// Its timeframes; `None` for the enabled ones of `[timeframes]`.
    pub timeframes: Option<BTreeMap<Timeframe, AssetTimeframe>>,
    /// Trading style of its signals; `None` for that of each timeframe.
    pub trading_profile: Option<TradingStyle>,
    /// The strategies that run, of those that are enabled; `None` for all of them.
    pub enabled_strategies: Option<Vec<&'static str>>,
    /// Parameters of its own.
    pub strategy_overrides: Overrides,
}

/// One timeframe of one symbol; `None` means the setting of the timeframe.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetTimeframe {
    /// Whether it is calculated.
    pub enabled: bool,
    /// Trading style of its signals.
    pub trading_style: Option<TradingStyle>,
    /// Number of closed bars kept, as configured; the plan rounds it up.
    pub buffer_size: Option<usize>,
    /// Price series of indicators and strategies.
    pub method: Option<PriceMethod>,
    /// Price scale `s`, in (0, 1].
    pub price_scale: Option<f64>,
    /// Weight of its signals in the composite.
    pub correlation_weight: Option<f64>,
    /// How often its latest values are refreshed between closes, s.
    pub update_frequency_seconds: Option<f64>,
}

impl Default for AssetTimeframe {
    fn default() -> Self {
        Self {
            enabled: true,
            trading_style: None,
            buffer_size: None,
            method: None,
            price_scale: None,
            correlation_weight: None,
            update_frequency_seconds: None,
        }
    }
}

impl AssetConfig {
    /// A symbol without settings of its own.
    #[must_use]
    pub fn named(symbol: String) -> Self {
        Self {
            symbol,
            enabled: true,
            priority: 1.0,
            asset_type: AssetType::default(),
            data_provider: String::new(),
            price: Prices::default(),
            calendar: None,
            session: None,
            anchor: None,
            outside_session: None,
            timeframes: None,
            trading_profile: None,
            enabled_strategies: None,
            strategy_overrides: Overrides::default(),
        }
    }

    /// Keys of an asset.
    pub(super) const KEYS: [&'static str; 15] = [
        "symbol",
        "enabled",
        "priority",
        "asset_type",
        "data_provider",
        "price",
        "calendar",
        "session",
        "anchor",
        "outside_session",
        "timeframes",
        "trading_profile",
        "enabled_strategies",
        "strategy_overrides",
        "last_updated",
    ];

    pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let asset = Self {
            symbol: section.get("symbol", text()),
            enabled: section.get("enabled", Or(Flag, true)),
            priority: section.get("priority", Or(not_negative(), 1.0)),
            asset_type: section.get("asset_type", Or(choice(), AssetType::default())),
            data_provider: section.get("data_provider", Or(Text { empty: true }, String::new())),
            price: section.get("price", Or(choice(), Prices::default())),
            calendar: section.get("calendar", Optional(&text())),
            session: section.get("session", Optional(&choice())),
            anchor: section.get("anchor", Optional(&choice())),
            outside_session: section.get("outside_session", Optional(&choice())),
            timeframes: section.get("timeframes", AssetTimeframes),
            trading_profile: section.get("trading_profile", Optional(&choice())),
            enabled_strategies: section
                .has("enabled_strategies")
                .then(|| section.get("enabled_strategies", List(StrategyName))),
            strategy_overrides: section.get("strategy_overrides", Overrides::FIELD),
        };
        section.get("last_updated", Optional(&Text { empty: true }));
        Some(asset)
    }
}

/// A list of names, or a table by name.
struct AssetTimeframes;

impl Field for AssetTimeframes {
    type Out = Option<BTreeMap<Timeframe, AssetTimeframe>>;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Self::Out {
        let shape = || Shape::Either(vec![Shape::List(Box::new(TimeframeText.shape())), Shape::Table]);
        let allowed = "a list of timeframes, or a table timeframe -> settings";
        section.declare(key, || Declared::Shape(shape(), allowed.to_owned()));
        let node = section.node(key)?;
        let path = section.key(key);
        let mut timeframes = BTreeMap::new();
        match &node.data {
            Data::List(list) => {
                for (i, item) in list.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    match TimeframeText.read(item) {
                        None => section.refuse(item, path, &TimeframeText.allowed()),
                        Some(timeframe) => {
                            if timeframes.insert(timeframe, AssetTimeframe::default()).is_some() {
                                section.fault_at(item, path, format!("{timeframe} is there twice"));
                            }
                        }
                    }
                }
            }
            Data::Table(_) => each_timeframe(&mut section.below(key, node), |timeframe, inner| {
                timeframes.insert(timeframe, AssetTimeframe::read(inner));
            }),
            _ => section.refuse(node, path, allowed),
        }
        Some(timeframes)
    }
}

impl AssetTimeframe {
    /// Keys of an asset's timeframe.
    pub(super) const KEYS: [&'static str; 8] = [
        "name",
        "enabled",
        "trading_style",
        "buffer_size",
        "method",
        "price_scale",
        "correlation_weight",
        "update_frequency_seconds",
    ];

    fn read(section: &mut Section<'_, '_>) -> Self {
        section.get("name", Optional(&text()));
        Self {
            enabled: section.get("enabled", Or(Flag, true)),
            trading_style: section.get("trading_style", Optional(&choice())),
            buffer_size: section.get("buffer_size", Optional(&int(BUFFER.0, BUFFER.1))),
            method: section.get("method", Optional(&choice())),
            price_scale: section.get("price_scale", Optional(&above_zero(1.0))),
            correlation_weight: section.get("correlation_weight", Optional(&not_negative())),
            update_frequency_seconds: section.get("update_frequency_seconds", Optional(&not_negative())),
        }
    }
}
