//! What a seed has in store: the configuration of every life of an engine, and the faults.

use crate::{
    market::{Market, STREAMS},
    random::Random,
    server::Ambush,
};
use std::path::Path;
use wagehood_engine::config::{Config, Layer, Override};

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process of an engine dies.
    Kill(usize),
    /// It is asked to end, and started again.
    Stop(usize),
    /// It does nothing for so long, ms, as a process that is stopped or a machine that sleeps.
    Pause(usize, u64),
    /// The connections of a role break; what was on its way is run or is not.
    Cut(&'static str, bool),
    /// The server does nothing for so long, ms.
    Freeze(u64),
    /// The server dies, is away for so long, ms, and then loads its data for so long.
    Restart(u64, u64),
    /// The server takes no writes for so long, ms.
    NoMemory(u64),
    /// At a transaction so many from now.
    Ambush(u64, Ambush),
    /// The files of the snapshots: the newest is cut, a byte of it changes, all are gone, or none can be written for so long.
    CutFile(usize),
    FlipByte(usize),
    LoseFiles(usize),
    NoDisk(usize, u64),
    /// The disk takes so many bytes more, and fails to keep what it takes or not, for so long, ms.
    Disk(usize, u64, bool, u64),
    /// Old entries of the input are removed: so many of a hundred stay.
    Trim(u64),
    /// A replica takes over that has not heard of everything.
    FailOver,
    /// An engine is killed, and every start from now on has other settings of one symbol.
    Change,
    /// Another engine of the same name is started, to stand by or as an operator's mistake.
    Rival(bool),
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// By time, ns.
    pub faults: Vec<(u64, Fault)>,
    /// Where engines keep snapshots: "off", "directory", "redis".
    pub snapshots: &'static str,
    pub is_old_server: bool,
    pub events: &'static str,
}

const NS: u64 = 1_000_000;
/// The symbol whose settings change.
pub const CHANGED: &str = "S0";

impl Plan {
    pub fn new(seed: u64, market: &Market) -> Self {
        let mut random = Random::new(seed, "plan");
        let mut faults = Vec::new();
        for _ in 0..random.between(1, 8) {
            let at_ns = random.below(market.end_ns + 5_000 * NS);
            faults.push((at_ns, Self::fault(&mut random)));
        }
        // One seed in eight has something that costs a part of the input, or asks for another output.
        let at_ns = random.below(market.end_ns);
        faults.extend(match random.below(24) {
            0 => Some((at_ns, Fault::Trim(random.below(101)))),
            1 => Some((at_ns, Fault::FailOver)),
            2 => Some((at_ns, Fault::Change)),
            _ => None,
        });
        faults.sort_by_key(|(at_ns, _)| *at_ns);
        Self {
            seed,
            faults,
            snapshots: *random.pick(&["directory", "directory", "directory", "redis", "off"]),
            is_old_server: random.chance(15),
            events: *random.pick(&["bars", "signals", "off"]),
        }
    }

    fn fault(random: &mut Random) -> Fault {
        let slot = usize::from(random.chance(25));
        let role = *random.pick(&["reader", "publisher", ""]);
        match random.below(20) {
            0..3 => Fault::Kill(slot),
            3 => Fault::Stop(slot),
            4 | 5 => Fault::Pause(slot, random.between(200, 9_000)),
            6 | 7 => Fault::Cut(role, random.chance(50)),
            8 => Fault::Freeze(random.skewed(6_000)),
            9 => Fault::Restart(random.skewed(8_000), random.skewed(3_000)),
            10 => Fault::NoMemory(random.skewed(5_000)),
            11..15 => Fault::Ambush(random.between(1, 8), Self::ambush(random)),
            15 => *random.pick(&[Fault::CutFile(slot), Fault::FlipByte(slot), Fault::LoseFiles(slot)]),
            16 if random.chance(50) => Fault::NoDisk(slot, random.between(1_000, 20_000)),
            16 => Fault::Disk(slot, random.skewed(60_000), random.chance(30), random.between(1_000, 20_000)),
            _ => Fault::Rival(random.chance(60)),
        }
    }

    fn ambush(random: &mut Random) -> Ambush {
        match random.below(7) {
            0 => Ambush::CutBefore,
            1 => Ambush::CutAfter,
            2 => Ambush::CutInReply,
            3 => Ambush::KillBefore,
            4 => Ambush::KillAfter,
            5 => Ambush::FreezeAfter(random.skewed(5_000)),
            _ => Ambush::NoMemory(random.skewed(3_000)),
        }
    }

    /// Whether a fault is planned.
    pub fn has(&self, is: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(|(_, fault)| is(fault))
    }

    /// The configuration of a life of an engine: what the output does not depend on differs from life to life.
    pub fn config(&self, market: &Market, life: u64, changed: bool, dir: &Path) -> Config {
        let mut random = Random::new(self.seed ^ life.wrapping_mul(0x51_7cc1_b727), "config");
        let mut layers = fixed();
        let mut set = |key: &str, value: toml::Value| layers.push(Override::new(key, value));
        let number = |value: u64| toml::Value::from(value as i64);
        let watchlist = market.symbols.iter().flatten().map(|symbol| {
            let mut entry = table(&[("symbol", symbol)]);
            if let Some(entry) = entry.as_table_mut().filter(|_| changed && symbol == CHANGED) {
                let method = table(&[("method", "typical")]);
                let timeframes = ["1s", "5s", "1m", "5m"].map(|name| (name.to_owned(), method.clone()));
                entry.insert("timeframes".to_owned(), toml::Value::Table(timeframes.into_iter().collect()));
            }
            entry
        });
        set("watchlist", watchlist.collect::<Vec<_>>().into());
        let used = STREAMS.iter().zip(&market.symbols).filter(|(_, symbols)| !symbols.is_empty());
        let streams = used.map(|((name, timeframe, _), _)| table(&[("name", name), ("timeframe", timeframe)]));
        set("input.streams", streams.collect::<Vec<_>>().into());
        set("output.calculation_events", self.events.into());
        set("state.dir", if self.snapshots == "directory" { dir.display().to_string() } else { String::new() }.into());
        set("state.store", if self.snapshots == "redis" { "redis" } else { "directory" }.into());
        set("engine.workers", number(random.between(1, 3)));
        set("engine.ring_size", number(*random.pick(&[2, 16, 1_024])));
        set("engine.batch_records", number(*random.pick(&[1, 7, 256])));
        set("input.read_count", number(*random.pick(&[1, 3, 50, 512])));
        set("input.block_ms", number(*random.pick(&[0, 50, 100, 900])));
        set("output.batch_entries", number(*random.pick(&[1, 10, 100])));
        set("output.batch_interval_ms", number(*random.pick(&[0, 20, 100, 1_000])));
        set("state.snapshot_interval_s", number(*random.pick(&[1, 3, 10, 60])));
        let layers: Vec<Layer> = layers.into_iter().map(Layer::Override).collect();
        Config::load(&layers).unwrap_or_else(|faults| panic!("{faults}")).config
    }
}

fn table(pairs: &[(&str, &str)]) -> toml::Value {
    toml::Value::Table(pairs.iter().map(|(name, value)| ((*name).to_owned(), toml::Value::from(*value))).collect())
}

/// What all lives of all engines have: short windows, so that a few minutes of bars give signals of every strategy.
fn fixed() -> Vec<Override> {
    let text = r#"
        engine.threading = "shared"
        input.feed = "redis"
        redis.url = "redis://simulated:6379"
        redis.timeout_ms = 1000
        redis.reconnect_max_ms = 200
        timeframes.list = ["1s", "5s", "1m", "5m"]
        limits.max_symbols = 64
        limits.max_entry_bytes = 65536
        limits.read_buffer_max_bytes = 262144
        limits.write_buffer_max_bytes = 32768
        correlation.alert_confidence = 0.6
        output.streams.signals_maxlen = 1000000000
        output.streams.market_data_prefix = "bars:"
        output.streams.market_data_maxlen = 1000000000
        output.streams.calculation_events_maxlen = 1000000000
        output.streams.alerts_maxlen = 1000000000
        output.streams.dead_letter_maxlen = 1000000000
        output.streams.journal_maxlen = 1000000000
        strategies.common.volume_period = 5
        strategies.macd_rsi.macd_fast = 3
        strategies.macd_rsi.macd_slow = 6
        strategies.macd_rsi.macd_signal = 2
        strategies.macd_rsi.rsi_period = 4
        strategies.macd_rsi.min_confidence = 0.1
        strategies.ma_crossover.fast_period = 3
        strategies.ma_crossover.slow_period = 7
        strategies.ma_crossover.trend_bars = 4
        strategies.ma_crossover.min_confidence = 0.1
        strategies.rsi_trend.rsi_period = 4
        strategies.rsi_trend.trend_rsi_period = 6
        strategies.rsi_trend.min_confidence = 0.1
        strategies.bollinger_breakout.period = 6
        strategies.bollinger_breakout.min_confidence = 0.1
        strategies.sr_breakout.lookback = 12
        strategies.sr_breakout.consolidation_bars = 4
        strategies.sr_breakout.min_confidence = 0.1
    "#;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| Override::parse(&line.replace(" = ", "=")).expect(line)).collect()
}
