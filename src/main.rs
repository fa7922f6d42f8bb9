//! The wagehood-engine binary: arguments in, a command run.

use clap::Parser;
use std::{io::Write, process::ExitCode};
use wagehood_engine::cli::{
    Entries,
    args::{Action, Cli},
    bench_echo, bench_latency, bench_scale, bench_throughput, calendar,
    config_args::ConfigCommand,
    config_command, config_reload, config_schema, doctor, edit,
    exit::Exit,
    explain, explain_signal, health, ingest, inspect,
    lab_args::BenchCommand,
    migrate, note, partitions, performance, replay, report, run,
    shell::{completions, man},
    state_command, top, window,
};
use wagehood_engine::{
    config::redact,
    engine::SinkError,
    redis_io::LinkError,
    runtime::{AgentFailure, FailureKind},
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let result = match &cli.command {
        Action::Run(args) => run(args).map(|()| true),
        Action::Ingest(args) => ingest(args).map(|()| true),
        Action::Replay(args) => replay(args).map(|()| true),
        Action::Health(args) => match health(args) {
            Ok(code) => return ExitCode::from(code),
            Err(error) => Err(error),
        },
        Action::Window(args) => window(args).map(|()| true),
        Action::Top(args) => top(args).map(|()| true),
        Action::Explain(args) => explain_signal(args).map(|()| true),
        Action::Calendar(args) => calendar(args).map(|()| true),
        Action::Inspect(args) => inspect(args).map(|()| true),
        Action::Performance(args) => performance(args).map(|()| true),
        Action::Doctor(args) => doctor(args),
        Action::Config(ConfigCommand::Show(args)) => config_command(args, true),
        Action::Config(ConfigCommand::Check(args)) => config_command(args, false),
        Action::Config(ConfigCommand::Schema) => config_schema().map(|()| true),
        Action::Config(ConfigCommand::Reload(args)) => config_reload(args),
        Action::Watchlist(args) => edit(Entries::Symbols, args),
        Action::Strategies(args) => edit(Entries::Strategies, args),
        Action::Timeframes(args) => edit(Entries::Timeframes, args),
        Action::Migrate(args) => migrate(args),
        Action::Partitions(command) => partitions(command).map(|()| true),
        Action::State(command) => state_command(command),
        Action::Bench(BenchCommand::Latency(args)) => bench_latency(args),
        Action::Bench(BenchCommand::Throughput(args)) => bench_throughput(args),
        Action::Bench(BenchCommand::Scale(args)) => bench_scale(args),
        Action::Bench(BenchCommand::Echo(args)) => bench_echo(args).map(|()| true),
        Action::Report(args) => report(args).map(|()| true),
        Action::Completions(args) => completions(args).map(|()| true),
        Action::Man(args) => man(args).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads has seen enough: end as a program does that the signal ends, without a word.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(141),
        Err(error) => {
            let code = Exit::of(&error).code();
            let kind = if code == 0 { "" } else { "error: " };
            note(&format!("{kind}{}", explain(&error)));
            ExitCode::from(code)
        }
    }
}

/// Says what is wrong with the command line, without the password of an address at the wrong place.
fn refuse(error: &clap::Error) -> ExitCode {
    let secrets: Vec<String> = std::env::args().skip(1).filter(|arg| arg.contains('@')).collect();
    if secrets.is_empty() || !error.use_stderr() {
        error.exit();
    }
    let text = secrets.iter().fold(error.render().to_string(), |text, arg| text.replace(arg.as_str(), &redact(arg)));
    let _ = write!(std::io::stderr(), "{text}");
    ExitCode::from(2)
}

/// Whether whoever reads what the command prints is gone; a server that is gone is another matter.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    if error.chain().any(|cause| cause.is::<LinkError>() || cause.is::<SinkError>()) {
        return false;
    }
    if error.downcast_ref::<AgentFailure>().is_some_and(|failure| failure.kind == FailureKind::ReaderGone) {
        return true;
    }
    let io =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    error.chain().filter_map(io).any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}
