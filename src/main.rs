//! The wagehood-engine binary: arguments in, a command run.

use clap::Parser;
use std::{io::Write, process::ExitCode};
use wagehood_engine::cli::{
    args::{Cli, Command, ConfigCommand},
    bench_echo, bench_latency, bench_throughput, config_command, doctor,
    lab_args::BenchCommand,
    replay, report, run,
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Run(args) => run(args).map(|()| true),
        Command::Replay(args) => replay(args).map(|()| true),
        Command::Doctor(args) => doctor(args),
        Command::Config(ConfigCommand::Show(args)) => config_command(args, true),
        Command::Config(ConfigCommand::Check(args)) => config_command(args, false),
        Command::Bench(BenchCommand::Latency(args)) => bench_latency(args),
        Command::Bench(BenchCommand::Throughput(args)) => bench_throughput(args),
        Command::Bench(BenchCommand::Echo(args)) => bench_echo(args).map(|()| true),
        Command::Report(args) => report(args).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads has seen enough: end as a program does that the signal ends, without a word.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(141),
        Err(error) => {
            // Nobody is left to tell where even that cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Whether whoever reads what the command prints is gone.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    error.chain().filter_map(io).any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}

/// An error with its causes, but for those that it has told already.
fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
