//! The wagehood-engine binary: arguments in, a command run.

use clap::Parser;
use std::{io::Write, process::ExitCode};
use wagehood_engine::cli::{
    NothingAccepted,
    args::{Cli, Command, ConfigCommand},
    bench_echo, bench_latency, bench_throughput, config_command, doctor,
    lab_args::BenchCommand,
    replay, report, run,
};
use wagehood_engine::{config::redact, engine::SinkError, lab::bench::Interrupted, redis_io::LinkError};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
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
            if error.is::<NothingAccepted>() {
                return ExitCode::from(NothingAccepted::EXIT_CODE);
            }
            let interrupted = error.downcast_ref::<Interrupted>();
            interrupted.map_or(ExitCode::FAILURE, |interrupted| ExitCode::from(interrupted.exit_code()))
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
