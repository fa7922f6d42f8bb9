//! The wagehood-engine binary: arguments in, a command run.

use clap::Parser;
use std::{io::Write, process::ExitCode};
use wagehood_engine::cli::{
    args::{Cli, Command, ConfigCommand},
    config_command, doctor, replay, run,
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
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell where even that cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
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
