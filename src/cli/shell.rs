//! `completions` and `man`: the command line, for shells and for readers.

use super::{
    args::Cli,
    shell_args::{CompletionsArgs, ManArgs},
};
use anyhow::{Context, Result};
use clap::CommandFactory as _;
use std::{fs, io::Write};

/// `completions`.
///
/// # Errors
/// The output cannot be written.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let (mut command, mut script) = (Cli::command(), Vec::new());
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    // The generator names the functions of a program with a hyphen in two ways, which bash would never bring together.
    let script = String::from_utf8_lossy(&script).replace("wagehood__subcmd__engine", "wagehood__engine");
    Ok(std::io::stdout().lock().write_all(script.as_bytes())?)
}

/// `man`.
///
/// # Errors
/// A page cannot be written.
pub fn man(args: &ManArgs) -> Result<()> {
    let failed = || format!("cannot write to {}", args.dir.display());
    fs::create_dir_all(&args.dir).with_context(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.dir).with_context(failed)?;
    Ok(writeln!(std::io::stdout().lock(), "pages in {}", args.dir.display())?)
}
