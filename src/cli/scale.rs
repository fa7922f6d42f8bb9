//! `bench scale`.

use super::{duration::parse_duration, note::note, pretty::pretty};
use crate::{
    lab::{
        bench::{
            CalibrateOptions, CheckOptions, Compared, Costs, Form, HotSymbols, Interrupt, LOADS, ScaleOutcome,
            Scenario, calibrate, check, checked_cells, costs_text, scale_text, simulate, write_page,
        },
        report::{Theme, scale_pictures, write_picture},
    },
    model::Timeframe,
    telemetry::Table,
};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::{io::Write, path::PathBuf, time::Duration};

/// Arguments of `bench scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// A scenario of perf/scale/scenarios.toml by its name, or a file that holds one [default: hundred-thousand]
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Option<String>,
    /// Print the names of the scenarios
    #[arg(long)]
    pub list: bool,
    /// Symbols
    #[arg(long, value_name = "N")]
    pub symbols: Option<usize>,
    /// Bars per second and symbol
    #[arg(long, value_name = "RATE")]
    pub rate: Option<f64>,
    /// Form of the bars, and of the signals
    #[arg(long, value_enum)]
    pub form: Option<Form>,
    /// Symbols that are busier, and how many times, such as 10:500
    #[arg(long, value_name = "N:TIMES", value_parser = parse_hot)]
    pub hot: Option<HotSymbols>,
    /// Partitions of the symbols
    #[arg(long, value_name = "N")]
    pub partitions: Option<usize>,
    /// Nodes of the cluster, each a primary and a replica
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,
    /// Zones that nodes and engines are spread over
    #[arg(long, value_name = "N")]
    pub zones: Option<usize>,
    /// Hosts of engines
    #[arg(long, value_name = "N")]
    pub engines: Option<usize>,
    /// Cores of each of them
    #[arg(long, value_name = "N")]
    pub cores: Option<usize>,
    /// Length of the run of the model, s
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Seed of the model
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub seed: u64,
    /// Costs that --save-costs has written, instead of a calibration
    #[arg(long, value_name = "FILE")]
    pub costs: Option<PathBuf>,
    /// Write the costs to this file, with what --check has found
    #[arg(long, value_name = "FILE")]
    pub save_costs: Option<PathBuf>,
    /// Turns of the calibration: each cost is a median, with its range
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100), conflicts_with = "costs")]
    pub turns: u32,
    /// Bars of a stream that the calibration fills and drains
    #[arg(long, default_value_t = 200_000, value_name = "N", value_parser = clap::value_parser!(u64).range(128..=600_000), conflicts_with = "costs")]
    pub bars: u64,
    /// Length of a slow load of the calibration
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = parse_duration, conflicts_with = "costs")]
    pub slow: Duration,
    /// Timeframes of the measured engines
    #[arg(long, default_value = "1s,1m,5m,1h,1d", value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
    /// Set any key of the measured engines' configuration; may be repeated
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "costs")]
    pub set: Vec<String>,
    /// Name of this host in the costs [default: its own]
    #[arg(long)]
    pub host: Option<String>,
    /// Also run three servers and three engines here, and print how far the model of them is off; without --scenario nothing
    /// else
    #[arg(long)]
    pub check: bool,
    /// Bars per second of all symbols there, one run each
    #[arg(long, default_value = "2000,8000", value_name = "RATE,…", value_delimiter = ',', requires = "check")]
    pub check_rates: Vec<f64>,
    /// Length of each of these runs
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = parse_duration, requires = "check")]
    pub check_duration: Duration,
    /// Write pictures of the run to this folder
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Write the page that says what to buy for which load, with all scenarios, to this folder, and nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scenario", "svg", "json"])]
    pub page: Option<PathBuf>,
    /// Print costs and outcome as JSON
    #[arg(long)]
    pub json: bool,
}

fn parse_hot(text: &str) -> Result<HotSymbols, String> {
    let parsed = text.split_once(':').and_then(|(symbols, factor)| {
        Some(HotSymbols { symbols: symbols.parse().ok()?, factor: factor.parse().ok()?, placed: false })
    });
    parsed.ok_or_else(|| "allowed: a number of symbols and a factor, such as 10:500".to_owned())
}

/// `bench scale`; whether the load was held.
///
/// # Errors
/// Whatever prevents it.
pub fn bench_scale(args: &ScaleArgs) -> Result<bool> {
    if args.list {
        let mut out = std::io::stdout().lock();
        for scenario in Scenario::built_in()? {
            writeln!(out, "{:20} {}", scenario.name, scenario.about)?;
        }
        return Ok(true);
    }
    // Before anything that takes time.
    let scenario = scenario(args)?;
    let costs = costs(args, scenario.form)?;
    if let Some(dir) = &args.page {
        write_page(dir, &costs, &LOADS, &Scenario::built_in()?, args.seed, &mut |line| note(line))?;
        note(&format!("page in {}", dir.display()));
        return Ok(true);
    }
    let outcome =
        (!args.check || args.scenario.is_some()).then(|| simulate(&scenario, &costs, args.seed)).transpose()?;
    if let (Some(dir), Some(outcome)) = (&args.svg, &outcome) {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        scale_pictures(outcome, Theme::File).iter().try_for_each(|picture| write_picture(dir, picture))?;
    }
    print(args, &costs, outcome.as_ref())?;
    Ok(outcome.is_none_or(|outcome| outcome.held))
}

/// The costs: of a file, or measured now; compared with a real set and saved, if that is asked for.
fn costs(args: &ScaleArgs, form: Form) -> Result<Costs> {
    let exe = std::env::current_exe().context("this program does not know where it is")?;
    let interrupt = Interrupt::on_signals()?;
    let mut costs = match &args.costs {
        Some(path) => Costs::open(path)?,
        None => {
            // What is kept for later holds both forms.
            let all = args.save_costs.is_some() || args.page.is_some();
            let wanted = |one: &Form| all || *one == form || (args.check && *one == Form::Legacy);
            let forms = [Form::Legacy, Form::Compact].into_iter().filter(wanted).collect();
            let options = CalibrateOptions {
                exe: exe.clone(),
                forms,
                timeframes: args.timeframes.clone(),
                turns: args.turns,
                bars: args.bars,
                slow: args.slow,
                settings: args.set.clone(),
                host: args.host.clone(),
                interrupt: interrupt.clone(),
            };
            calibrate(&options, &mut |line| note(line))?
        }
    };
    if args.check {
        let options = CheckOptions {
            exe,
            rates: args.check_rates.clone(),
            duration: args.check_duration,
            timeframes: args.timeframes.clone(),
            interrupt,
        };
        costs.checked = check(&options, &costs, args.seed, &mut |line| note(line))?;
    }
    if let Some(path) = &args.save_costs {
        costs.save(path)?;
        note(&format!("costs in {}", path.display()));
    }
    Ok(costs)
}

fn print(args: &ScaleArgs, costs: &Costs, outcome: Option<&ScaleOutcome>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let mut told = json!({ "costs": costs });
        if let Some(outcome) = outcome {
            told["outcome"] = serde_json::to_value(outcome)?;
        }
        write!(out, "{}", pretty(&told))?;
        return Ok(());
    }
    writeln!(out, "{}", costs_text(costs))?;
    if !costs.checked.is_empty() {
        writeln!(out, "{}", checked_text(&costs.checked))?;
    }
    if let Some(outcome) = outcome {
        write!(out, "{}", scale_text(outcome))?;
    }
    Ok(())
}

/// The comparison with a real set.
fn checked_text(checked: &[Compared]) -> Table {
    let title = "three servers and three engines on the measured host, and the model of them";
    let mut table = Table::new(title, &["bars/s", "what", "model", "measured", "error"]);
    for row in checked {
        table.row(checked_cells(row));
    }
    table
}

/// The scenario that is asked for, with what differs.
fn scenario(args: &ScaleArgs) -> Result<Scenario> {
    let mut scenario = Scenario::named(args.scenario.as_deref().unwrap_or("hundred-thousand"))?;
    let wholes = [
        (&mut scenario.symbols, args.symbols),
        (&mut scenario.partitions, args.partitions),
        (&mut scenario.nodes, args.nodes),
        (&mut scenario.zones, args.zones),
        (&mut scenario.engines, args.engines),
        (&mut scenario.cores, args.cores),
    ];
    for (own, asked) in wholes {
        *own = asked.unwrap_or(*own);
    }
    scenario.rate = args.rate.unwrap_or(scenario.rate);
    scenario.duration_s = args.seconds.unwrap_or(scenario.duration_s);
    scenario.form = args.form.unwrap_or(scenario.form);
    scenario.hot = args.hot.or(scenario.hot);
    scenario.check().context("this deployment cannot be run")?;
    Ok(scenario)
}
