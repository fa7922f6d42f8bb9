//! Where a running engine is asked, and with which token.

use super::{
    layers::layers,
    secrets,
    watch_args::{EngineArgs, RunningArgs},
};
use crate::config::Config;
use anyhow::{Context as _, Result};
use std::path::PathBuf;

/// Where an engine answers if nothing else is said.
const USUAL: &str = "127.0.0.1:9464";

/// Where an engine answers, and the file with its token: as the command line says, or the configuration.
///
/// # Errors
/// A configuration that does not hold.
pub(super) fn address_of(running: &RunningArgs, engine: &EngineArgs) -> Result<(String, String)> {
    let telemetry = Config::load_offline(&layers(engine.config.as_deref(), &engine.set)?)?.config.telemetry;
    let configured = (!telemetry.listen.is_empty()).then_some(telemetry.listen);
    let address = running.at.clone().or(configured).unwrap_or_else(|| USUAL.to_owned());
    let token_file = running.token_file.as_ref().map(|path| path.display().to_string());
    Ok((address, token_file.unwrap_or(telemetry.token_file)))
}

/// The token in a file; `None` where no file is named.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn token(file: &str) -> Result<Option<String>> {
    if file.is_empty() {
        return Ok(None);
    }
    secrets::read(&PathBuf::from(file)).context("telemetry.token_file").map(Some)
}
