//! The configuration as the engine of one partition has it: its symbols, and names with its tag.

use super::{
    Config, HistoryConfig, PartitionsConfig, Threading, checker::Checks, partition_map::PartitionMap,
    partition_tag::tag, resolve::EVERY,
};
use crate::redis_io::ServerGroup;

/// Checks what concerns partitions.
pub(super) fn check(config: &Config, checks: &mut Checks<'_>) {
    let PartitionsConfig { count, .. } = config.partitions;
    let owned = config.partitions.owned();
    let last = owned.last().copied().unwrap_or_default();
    checks.require(last < count, &["partitions", "own"], || {
        format!("names partition {last}, but partitions.count is {count}; allowed: 0 to {}", count - 1)
    });
    let cluster = config.redis.url.address().is_ok_and(|url| matches!(url.group(), Some(ServerGroup::Cluster { .. })));
    checks.require(!cluster || count > 1, &["partitions", "count"], || {
        "is 1, and redis.url is a cluster, whose nodes commit nothing together without partitions: set it to 2 or more".into()
    });
    checks.require(count > 1 || !config.partitions.are_shared(), &["partitions", "count"], || {
        "is 1, and partitions.own is \"auto\": there is nothing to share; set it to 2 or more, or own to \"all\", and start another engine \
         with --standby"
            .into()
    });
    if count == 1 {
        return;
    }
    checks.require(owned.len() == 1 || !config.engine.pin, &["engine", "pin"], || {
        let owned = owned.len();
        format!("is true, but this process owns {owned} partitions, whose threads would share the same cores; set it to false, or own one")
    });
    let plain = |name: &str| !name.contains(['{', '}']);
    let streams = &config.output.streams;
    let names = [
        (["output", "keys", "prefix"], &config.output.keys.prefix),
        (["output", "streams", "signals"], &streams.signals),
        (["output", "streams", "market_data_prefix"], &streams.market_data_prefix),
        (["output", "streams", "calculation_events"], &streams.calculation_events),
        (["output", "streams", "alerts"], &streams.alerts),
        (["output", "streams", "dead_letter"], &streams.dead_letter),
        (["output", "streams", "selection"], &streams.selection),
    ];
    for (path, name) in names {
        checks.require(plain(name), &path, || braces(name));
    }
    checks.require(plain(&config.engine.name), &["engine", "name"], || braces(&config.engine.name));
    for (i, stream) in config.input.streams.iter().enumerate() {
        let index = i.to_string();
        checks.require(plain(&stream.name), &["input", "streams", &index, "name"], || braces(&stream.name));
    }
}

fn braces(name: &str) -> String {
    format!("found {name:?}; allowed with partitions: a name without {{ and }}, between which the partition stands")
}

impl Config {
    /// The configuration of the engine of one partition: its symbols, and every name that it reads from and commits to
    /// with the partition's tag. Names of latest values stay as they are. The same where there are no partitions.
    #[must_use]
    pub fn of_partition(&self, partition: usize, map: &PartitionMap) -> Self {
        let count = self.partitions.count;
        let mut config = self.clone();
        if count == 1 {
            return config;
        }
        let tag = format!("{{{}}}", tag(partition, count));
        let tagged = |name: &mut String| *name = format!("{name}:{tag}");
        tagged(&mut config.engine.name);
        tagged(&mut config.ingest.corrections);
        config.input.streams.iter_mut().for_each(|stream| tagged(&mut stream.name));
        for history in &mut config.input.history {
            if let HistoryConfig::Stream(stream) = history {
                tagged(&mut stream.name);
            }
        }
        let streams = &mut config.output.streams;
        [&mut streams.signals, &mut streams.calculation_events, &mut streams.alerts].into_iter().for_each(tagged);
        [&mut streams.dead_letter, &mut streams.selection].into_iter().for_each(tagged);
        streams.market_data_prefix = format!("{}{{timeframe}}:{tag}", streams.market_data_prefix);
        let performance = &mut config.output.keys.performance;
        let first = performance.find('{').unwrap_or(0);
        performance.insert_str(first, &format!("{tag}:"));
        config.watchlist.retain(|asset| asset.symbol == EVERY || map.of(&asset.symbol) == partition);
        if config.engine.threading == Threading::Auto {
            config.engine.threading = Threading::Shared;
        }
        if let Some(mut address) = config.telemetry.address().filter(|address| address.port() > 0) {
            address.set_port(address.port().saturating_add(u16::try_from(partition).unwrap_or(u16::MAX)));
            config.telemetry.listen = address.to_string();
        }
        if !config.telemetry.histograms_dir.is_empty() {
            config.telemetry.histograms_dir = format!("{}/partition-{partition}", config.telemetry.histograms_dir);
        }
        config
    }

    /// The input streams of this interval of all partitions, by partition.
    #[must_use]
    pub fn partition_stream(&self, stream: &str) -> Vec<String> {
        let count = self.partitions.count;
        if count == 1 {
            return vec![stream.to_owned()];
        }
        (0..count).map(|partition| format!("{stream}:{{{}}}", tag(partition, count))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Layer, Override},
        redis_io::slot,
    };

    fn config(sets: &[(&str, &str)]) -> Result<Config, crate::config::Faults> {
        let fixed = [
            ("input.feed", "redis"),
            ("watchlist", "[{symbol='A'},{symbol='B'},{symbol='C'},{symbol='D'},{symbol='E'}]"),
        ];
        let layers: Vec<Layer> = fixed
            .iter()
            .chain(sets)
            .map(|(key, value)| Layer::Override(Override::parse(&format!("{key}={value}")).unwrap()))
            .collect();
        Config::load(&layers).map(|loaded| loaded.config)
    }

    fn own(text: &str) -> Option<Vec<usize>> {
        let loaded = config(&[("partitions.count", "8"), ("partitions.own", text)]).ok()?;
        Some(loaded.partitions.owned())
    }

    #[test]
    fn what_is_owned_is_written_as_numbers_and_ranges() {
        assert_eq!(own("all").unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(own("0-2,7, 5").unwrap(), [0, 1, 2, 5, 7]);
        assert_eq!(own("auto"), own("all"), "it may come to own any");
        for bad in ["", "8", "3-1", "0-8", "x", "1,,2", "-1"] {
            assert_eq!(own(bad), None, "{bad}");
        }
    }

    #[test]
    fn everything_that_is_committed_together_has_one_slot() {
        let whole = config(&[("partitions.count", "8")]).unwrap();
        let map = PartitionMap::new(8);
        let mut symbols = 0;
        for partition in 0..8 {
            let of = whole.of_partition(partition, &map);
            symbols += of.watchlist.len();
            let (keys, streams, name) = (&of.output.keys, &of.output.streams, &of.engine.name);
            let minute = "1m".parse().unwrap();
            let all = [
                of.input.streams[0].name.clone(),
                streams.signals.clone(),
                streams.calculation_events.clone(),
                streams.alerts.clone(),
                streams.dead_letter.clone(),
                streams.selection.clone(),
                streams.market_data(minute),
                keys.performance_key("1m", "macd_rsi"),
                keys.position_key(name),
                keys.journal_key(name),
                keys.lease_key(name),
                keys.config_key(name),
                keys.snapshot_key(name),
                keys.names_key(name),
            ];
            let wanted = slot(all[0].as_bytes());
            all.iter().for_each(|key| assert_eq!(slot(key.as_bytes()), wanted, "{key}"));
            assert!(streams.market_data(minute).starts_with("market_data_1m:{"), "{}", streams.market_data(minute));
            assert_eq!(whole.partition_stream(&whole.input.streams[0].name)[partition], all[0]);
            assert_eq!(keys.composite_key("A"), whole.output.keys.composite_key("A"));
        }
        assert_eq!(symbols, whole.watchlist.len());
        let one = config(&[]).unwrap();
        assert_eq!(one.of_partition(0, &PartitionMap::new(1)), one);
    }

    #[test]
    fn what_cannot_be_partitioned_is_refused() {
        let refused =
            |sets: &[(&str, &str)]| config(&[&[("partitions.count", "2")], sets].concat()).unwrap_err().to_string();
        for (key, value) in [
            ("engine.name", "a{b}"),
            ("output.streams.signals", "x{y}"),
            ("engine.pin", "true"),
            ("partitions.own", "2"),
            ("partitions.member", "a b"),
        ] {
            let text = refused(&[(key, value)]);
            assert!(text.contains(key), "{key}: {text}");
        }
        let text = refused(&[("partitions.count", "1"), ("partitions.own", "auto")]);
        assert!(text.contains("there is nothing to share"), "{text}");
    }
}
