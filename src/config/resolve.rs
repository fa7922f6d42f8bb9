//! Resolves the configuration to the dense tables that the stages use.

use super::{
    Asset, AssetConfig, AssetTimeframe, CellSpec, Config, Feed, Plan, PriceMethod,
    fault::{Fault, Faults},
    origin::Origin,
};
use crate::{
    indicators::IndicatorLayout,
    model::{Calendar, MAX_TIMEFRAMES, Timeframe},
};
use std::collections::BTreeSet;

/// Maximum number of input streams of one process: an input's index is one byte.
pub(super) const MAX_STREAMS: usize = 255;
/// Bars kept beyond the longest window.
const SPARE: usize = 2;

/// Number of enabled symbols, or of mock symbols.
pub(super) fn symbols(config: &Config) -> usize {
    if makes_up(config) { config.mock.symbols } else { config.watchlist.iter().filter(|asset| asset.enabled).count() }
}

/// Timeframes that some symbol has.
pub(super) fn timeframes(config: &Config) -> BTreeSet<Timeframe> {
    let listed = config.timeframes.table.iter().filter(|(_, settings)| settings.enabled).map(|(&t, _)| t);
    let own = config.watchlist.iter().filter(|asset| asset.enabled).filter_map(|asset| asset.timeframes.as_ref());
    let own = own.flatten().filter(|(_, settings)| settings.enabled).map(|(&t, _)| t);
    listed.chain(own).collect()
}

/// Whether the mock market names its own symbols.
fn makes_up(config: &Config) -> bool {
    config.input.feed == Feed::Mock && config.watchlist.is_empty()
}

/// Whether a timeframe can be made of whole bars of one of the bases.
pub(super) fn makeable(timeframe: Timeframe, bases: &BTreeSet<Timeframe>) -> bool {
    bases.iter().any(|&base| timeframe.is_multiple_of(base))
}

/// The fault of a timeframe that cannot be made.
pub(super) fn cannot(timeframe: Timeframe, bases: &BTreeSet<Timeframe>) -> String {
    let bases = bases.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("{timeframe} cannot be made of whole bars of any input; allowed: multiples of {bases}")
}

impl Config {
    /// The symbols in use: those of the watchlist, or the mock market's if it is empty.
    #[must_use]
    pub fn assets(&self) -> Vec<AssetConfig> {
        if makes_up(self) {
            let digits = self.mock.symbols.to_string().len().max(3);
            return (1..=self.mock.symbols).map(|i| AssetConfig::named(format!("S{i:0digits$}"))).collect();
        }
        self.watchlist.iter().filter(|asset| asset.enabled).cloned().collect()
    }

    /// The dense tables of the stages.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let bases = self.input.streams.iter().map(|stream| stream.timeframe);
        let all: BTreeSet<Timeframe> = timeframes(self).into_iter().chain(bases).collect();
        let timeframes: Vec<Timeframe> = all.into_iter().take(MAX_TIMEFRAMES).collect();
        let assets = self.assets().iter().map(|asset| self.asset(asset, &timeframes)).collect();
        let default_asset = self.asset(&AssetConfig::named(String::new()), &timeframes);
        self.plan_of(timeframes, assets, default_asset, false)
    }

    /// The tables of a replay: only the given timeframes, any symbol, everything else as configured.
    ///
    /// `base` is the interval of the replayed bars; without a method, each timeframe has its configured one.
    ///
    /// # Errors
    /// A timeframe cannot be made of whole bars of the base, or there are too many timeframes.
    pub fn replay_plan(
        &self,
        base: Timeframe,
        timeframes: &[Timeframe],
        method: Option<PriceMethod>,
    ) -> Result<Plan, Faults> {
        let bases = BTreeSet::from([base]);
        let wanted: BTreeSet<Timeframe> = timeframes.iter().copied().collect();
        let all: Vec<Timeframe> = wanted.union(&bases).copied().collect();
        let fault = |problem: String| Fault { origin: Origin::Program, key: "timeframes".to_owned(), problem };
        let mut faults: Vec<Fault> =
            wanted.iter().filter(|&&t| !makeable(t, &bases)).map(|&t| fault(cannot(t, &bases))).collect();
        if wanted.is_empty() {
            faults.push(fault("no timeframe is asked for".to_owned()));
        }
        if all.len() > MAX_TIMEFRAMES {
            faults.push(fault(format!("{} with the base; allowed: at most {MAX_TIMEFRAMES}", all.len())));
        }
        if !faults.is_empty() {
            return Err(Faults::sorted(faults));
        }
        let cell = |&timeframe: &Timeframe| {
            let mut cell = self.cell(timeframe, None);
            cell.enabled = wanted.contains(&timeframe);
            cell.method = method.unwrap_or(cell.method);
            cell
        };
        let mut default_asset = self.asset(&AssetConfig::named(String::new()), &[]);
        default_asset.cells = all.iter().map(cell).collect();
        Ok(self.plan_of(all, Vec::new(), default_asset, true))
    }

    fn plan_of(&self, timeframes: Vec<Timeframe>, assets: Vec<Asset>, default_asset: Asset, open: bool) -> Plan {
        Plan {
            params: timeframes.iter().map(|&timeframe| self.strategies.of(timeframe).clone()).collect(),
            timeframes,
            assets,
            default_asset,
            open_watchlist: open,
            max_symbols: self.limits.max_symbols,
            allowed_lateness_ms: self.time.allowed_lateness_ms,
            max_future_ms: self.time.max_future_ms,
            active_bars: self.correlation.active_bars,
            alert_confidence: self.correlation.alert_confidence,
            styles: self.styles.table(),
            probe: self.engine.probe,
        }
    }

    fn asset(&self, asset: &AssetConfig, timeframes: &[Timeframe]) -> Asset {
        let off = AssetTimeframe { enabled: false, ..AssetTimeframe::default() };
        let own = |timeframe: &Timeframe| asset.timeframes.as_ref().map(|own| own.get(timeframe).unwrap_or(&off));
        Asset {
            symbol: asset.symbol.clone(),
            priority: asset.priority,
            asset_type: asset.asset_type,
            data_provider: asset.data_provider.clone(),
            calendar: Calendar::Utc,
            cells: timeframes.iter().map(|timeframe| self.cell(*timeframe, own(timeframe))).collect(),
        }
    }

    /// The settings of a timeframe, overridden by those of an asset.
    fn cell(&self, timeframe: Timeframe, own: Option<&AssetTimeframe>) -> CellSpec {
        let settings = self.timeframes.settings(timeframe);
        let default = AssetTimeframe { enabled: settings.enabled, ..AssetTimeframe::default() };
        let own = own.unwrap_or(&default);
        let asked = own.buffer_size.unwrap_or(settings.buffer_size);
        let needed = self.strategies.of(timeframe).look_back_bars().max(IndicatorLayout::published_window()) + SPARE;
        CellSpec {
            enabled: own.enabled,
            style: own.trading_style.unwrap_or(settings.trading_style),
            method: own.method.unwrap_or(settings.method),
            price_scale: own.price_scale.unwrap_or(settings.price_scale),
            buffer_size: asked.max(needed).next_power_of_two(),
            weight: own.correlation_weight.unwrap_or(settings.correlation_weight),
        }
    }
}
