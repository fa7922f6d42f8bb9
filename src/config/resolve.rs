//! Resolves the configuration to the dense tables that the stages use.

use super::{
    Asset, AssetConfig, AssetTimeframe, CellSpec, Config, Feed, HistoryConfig, Plan, PriceMethod, Prices,
    calendars::{Opened, has_bars, no_bars},
    fault::{Fault, Faults},
    origin::Origin,
    params::switch_off,
};
use crate::{
    indicators::IndicatorLayout,
    model::{Calendar, MAX_TIMEFRAMES, Timeframe, TimeframeId, TradingStyle},
    strategies::StrategyParams,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Maximum number of input streams of one process: an input's index is one byte.
pub(super) const MAX_STREAMS: usize = 255;
/// The symbol of the watchlist that stands for every symbol that comes.
pub(super) const EVERY: &str = "*";
/// Bars kept beyond the longest window.
const SPARE: usize = 2;

/// Number of enabled symbols, or of mock symbols.
pub(super) fn symbols(config: &Config) -> usize {
    if makes_up(config) { config.mock.symbols } else { config.listed().count() }
}

/// Timeframes that some symbol has.
pub(super) fn timeframes(config: &Config) -> BTreeSet<Timeframe> {
    let listed = config.timeframes.table.iter().filter(|(_, settings)| settings.enabled).map(|(&t, _)| t);
    let own = config.watchlist.iter().filter(|asset| asset.enabled).filter_map(|asset| asset.timeframes.as_ref());
    let own = own.flatten().filter(|(_, settings)| settings.enabled).map(|(&t, _)| t);
    listed.chain(own).collect()
}

/// Switches off what needs prices above zero.
fn above_zero_off(params: &mut StrategyParams) {
    switch_off(params, |name| StrategyParams::ABOVE_ZERO.contains(&name));
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

/// Parameters of timeframes, then those that cells have for themselves, each once.
#[derive(Default)]
struct ParamLists {
    list: Vec<StrategyParams>,
    places: BTreeMap<String, usize>,
}

impl ParamLists {
    fn place(&mut self, own: StrategyParams) -> usize {
        *self.places.entry(format!("{own:?}")).or_insert_with(|| {
            self.list.push(own);
            self.list.len() - 1
        })
    }
}

impl Config {
    /// The symbols in use: those of the watchlist, or the mock market's if it is empty.
    #[must_use]
    pub fn assets(&self) -> Vec<AssetConfig> {
        if makes_up(self) {
            let digits = self.mock.symbols.to_string().len().max(3);
            return (1..=self.mock.symbols).map(|i| AssetConfig::named(format!("S{i:0digits$}"))).collect();
        }
        self.listed().cloned().collect()
    }

    /// The enabled symbols of the watchlist that are named.
    pub(super) fn listed(&self) -> impl Iterator<Item = &AssetConfig> {
        self.watchlist.iter().filter(|asset| asset.enabled && asset.symbol != EVERY)
    }

    /// What the watchlist says of every symbol that comes, if it lets them in.
    #[must_use]
    pub fn every(&self) -> Option<&AssetConfig> {
        self.watchlist.iter().find(|asset| asset.enabled && asset.symbol == EVERY)
    }

    /// Which prices a record may have before it is known whose it is.
    #[must_use]
    pub fn prices(&self) -> Prices {
        let any = self.watchlist.iter().any(|asset| asset.enabled && asset.price == Prices::Any);
        if any { Prices::Any } else { Prices::Positive }
    }

    /// The dense tables of the stages.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let bases = self.input.bar_streams().map(|stream| stream.timeframe);
        let bases = bases.chain(self.input.history.iter().map(HistoryConfig::timeframe));
        let all: BTreeSet<Timeframe> = timeframes(self).into_iter().chain(bases).collect();
        let timeframes: Vec<Timeframe> = all.into_iter().take(MAX_TIMEFRAMES).collect();
        let mut calendars = Opened::default();
        let mut params = ParamLists { list: self.params(&timeframes), places: BTreeMap::new() };
        let mut asset = |asset: &AssetConfig| self.asset(asset, &timeframes, &mut calendars, &mut params);
        let assets = self.assets().iter().map(&mut asset).collect();
        let every = self.every().map(|every| AssetConfig { symbol: String::new(), ..every.clone() });
        let default_asset = asset(&every.clone().unwrap_or_else(|| AssetConfig::named(String::new())));
        let streams = self.input.streams.iter().filter(|_| self.input.feed.is_redis());
        let expected_delays = streams.map(|stream| stream.expected_delay_ms).collect();
        let bases: BTreeSet<Timeframe> = self.input.bar_streams().map(|stream| stream.timeframe).collect();
        let excluded = self.watchlist.iter().filter(|asset| every.is_some() && !asset.enabled);
        let excluded = excluded.map(|asset| asset.symbol.clone()).collect();
        let plan = self.plan_of(timeframes, &bases, assets, default_asset, every.is_some());
        Plan { params: params.list, expected_delays, excluded, ..plan }
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
        let cell = |(index, &timeframe): (usize, &Timeframe)| {
            let mut cell = self.cell(timeframe, None, None, (index, &self.strategies.of(timeframe)));
            cell.enabled = wanted.contains(&timeframe);
            cell.method = method.unwrap_or(cell.method);
            cell
        };
        let mut calendars = Opened::default();
        let every = self.every().map(|every| AssetConfig { symbol: String::new(), ..every.clone() });
        let default_asset = every.unwrap_or_else(|| AssetConfig::named(String::new()));
        let mut default_asset = self.asset(&default_asset, &[], &mut calendars, &mut ParamLists::default());
        default_asset.cells = all.iter().enumerate().map(cell).collect();
        // Of the watchlist a replay takes what says when a symbol's bars begin and end and which prices they may have, and
        // their order where that differs.
        let own = self.listed().map(|asset| (asset, calendars.of(&self.calendars, asset)));
        let own =
            own.filter(|(asset, calendar)| *calendar != default_asset.calendar || asset.price != default_asset.prices);
        let of = |(asset, calendar): (&AssetConfig, Calendar)| Asset {
            symbol: asset.symbol.clone(),
            prices: asset.price,
            calendar,
            ..default_asset.clone()
        };
        let mut assets: Vec<Asset> = own.map(of).collect();
        let mut params = ParamLists { list: self.params(&all), places: BTreeMap::new() };
        for asset in assets.iter_mut().chain([&mut default_asset]).filter(|asset| asset.prices == Prices::Any) {
            for (cell, &timeframe) in asset.cells.iter_mut().zip(&all) {
                let mut own = self.strategies.of(timeframe);
                above_zero_off(&mut own);
                cell.params = params.place(own);
            }
        }
        let faults: Vec<Fault> = std::iter::once(&default_asset)
            .chain(&assets)
            .flat_map(|asset| all.iter().map(move |&timeframe| (timeframe, asset)))
            .filter(|(timeframe, asset)| !has_bars(*timeframe, &asset.calendar))
            .map(|(timeframe, asset)| {
                let symbol = if asset.symbol.is_empty() { "the symbols" } else { &asset.symbol };
                fault(no_bars(timeframe, symbol))
            })
            .collect();
        if !faults.is_empty() {
            return Err(Faults::sorted(faults));
        }
        Ok(Plan { params: params.list, ..self.plan_of(all, &bases, assets, default_asset, true) })
    }

    fn plan_of(
        &self,
        timeframes: Vec<Timeframe>,
        bases: &BTreeSet<Timeframe>,
        assets: Vec<Asset>,
        default_asset: Asset,
        open_watchlist: bool,
    ) -> Plan {
        let place = |base: &Timeframe| timeframes.iter().position(|timeframe| timeframe == base);
        Plan {
            bases: bases.iter().filter_map(place).map(TimeframeId::new).collect(),
            excluded: Vec::new(),
            params: self.params(&timeframes),
            roster: self.strategies.roster(),
            programs: timeframes.iter().map(|&timeframe| Arc::new(self.strategies.program(timeframe))).collect(),
            timeframes,
            assets,
            default_asset,
            open_watchlist,
            max_symbols: self.limits.max_symbols,
            allowed_lateness_ms: self.time.allowed_lateness_ms,
            stall_ms: self.time.stall_ms,
            max_future_ms: self.time.max_future_ms,
            active_bars: self.correlation.active_bars,
            alert_confidence: self.correlation.alert_confidence,
            styles: self.styles.table(),
            max_age: self.publish.max_age.table(),
            hold_stale: self.publish.hold_stale,
            max_signals_per_s: self.output.max_signals_per_s.table(),
            expected_delays: Vec::new(),
            performance: self.performance.rules(),
            letter_quota: self.output.streams.letter_quota(),
            calibration: self.calibration.rules(),
            selection: self.selection.rules(self.performance.enabled),
            windows: self.statistics.windows.clone(),
            cross_asset: self.cross_asset.rules(),
            probe: self.engine.probe,
        }
    }

    /// The parameters of timeframes.
    fn params(&self, timeframes: &[Timeframe]) -> Vec<StrategyParams> {
        timeframes.iter().map(|&timeframe| self.strategies.of(timeframe)).collect()
    }

    /// The parameters of a symbol's timeframe, where they differ from those of the timeframe.
    pub(super) fn own_params(&self, asset: &AssetConfig, timeframe: Timeframe) -> Option<StrategyParams> {
        let any = asset.price == Prices::Any;
        if asset.strategy_overrides.is_empty() && asset.enabled_strategies.is_none() && !any {
            return None;
        }
        let base = self.strategies.of(timeframe);
        let mut params = base.clone();
        asset.strategy_overrides.apply(&mut params);
        if let Some(enabled) = &asset.enabled_strategies {
            switch_off(&mut params, |name| name != "common" && !enabled.contains(&name));
        }
        if any {
            above_zero_off(&mut params);
        }
        (params != base).then_some(params)
    }

    /// What there is to say of strategies that cannot run on symbols whose prices may be anything: a line each.
    pub(super) fn above_zero_notes(&self) -> Vec<String> {
        let any = self.watchlist.iter().filter(|asset| asset.enabled && asset.price == Prices::Any);
        let line = |asset: &AssetConfig| {
            let (names, symbol) = (StrategyParams::ABOVE_ZERO.join(" and "), &asset.symbol);
            format!(
                "{names} cannot run on {symbol}, whose price may be zero or less (price = \"any\"): its levels are distances \
                 relative to the price"
            )
        };
        any.map(line).collect()
    }

    /// The tables of one symbol; parameters that no cell before it has are appended.
    fn asset(
        &self,
        asset: &AssetConfig,
        timeframes: &[Timeframe],
        calendars: &mut Opened,
        params: &mut ParamLists,
    ) -> Asset {
        let off = AssetTimeframe { enabled: false, ..AssetTimeframe::default() };
        let own = |timeframe: &Timeframe| asset.timeframes.as_ref().map(|own| own.get(timeframe).unwrap_or(&off));
        let mut cell = |(index, &timeframe): (usize, &Timeframe)| {
            let place = self.own_params(asset, timeframe).map_or(index, |own| params.place(own));
            self.cell(timeframe, own(&timeframe), asset.trading_profile, (place, &params.list[place]))
        };
        let cells = timeframes.iter().enumerate().map(&mut cell).collect();
        Asset {
            symbol: asset.symbol.clone(),
            priority: asset.priority,
            asset_type: asset.asset_type,
            data_provider: asset.data_provider.clone(),
            prices: asset.price,
            calendar: calendars.of(&self.calendars, asset),
            cells,
        }
    }

    /// The settings of a timeframe, overridden by those of an asset: its own, then those of its profile.
    fn cell(
        &self,
        timeframe: Timeframe,
        own: Option<&AssetTimeframe>,
        profile: Option<TradingStyle>,
        (place, params): (usize, &StrategyParams),
    ) -> CellSpec {
        let settings = self.timeframes.settings(timeframe);
        let default = AssetTimeframe { enabled: settings.enabled, ..AssetTimeframe::default() };
        let own = own.unwrap_or(&default);
        let of_profile = profile.and_then(|style| self.styles.of(style).timeframes.get(&timeframe));
        let asked = own.buffer_size.or(of_profile.and_then(|of| of.buffer_size)).unwrap_or(settings.buffer_size);
        let needed = params.look_back_bars().max(IndicatorLayout::published_window()) + SPARE;
        let refresh_s = own.update_frequency_seconds.or(of_profile.and_then(|of| of.update_frequency_seconds));
        let refresh_s = refresh_s.unwrap_or(settings.update_frequency_seconds);
        let needed = needed.max(self.statistics.needed());
        CellSpec {
            enabled: own.enabled,
            refresh_ms: (refresh_s * 1_000.0).round() as i64,
            style: own.trading_style.or(profile).unwrap_or(settings.trading_style),
            method: own.method.unwrap_or(settings.method),
            price_scale: own.price_scale.unwrap_or(settings.price_scale),
            buffer_size: asked.max(needed).next_power_of_two(),
            needed: needed.next_power_of_two(),
            weight: own.correlation_weight.unwrap_or(settings.correlation_weight),
            params: place,
        }
    }
}
