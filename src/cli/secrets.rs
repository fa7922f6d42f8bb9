//! The password of the server from where it is kept: the URL, a file, a credential of the service manager, or the
//! environment; and that no other process of this user reads it out of this one. Blocks for a small file.

use crate::{
    config::{ProviderConfig, RedisConfig},
    ingest::Maker,
    redis_io::Address,
};
use anyhow::{Context, Result, bail};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Name of the credential, and of the variable of the environment.
const CREDENTIAL: &str = "redis-password";
pub(super) const VARIABLE: &str = "WAGEHOOD_REDIS_PASSWORD";
/// Longest password, bytes.
const PASSWORD_MAX: u64 = 64 << 10;

/// The address of the server with the password, which the URL itself may hold; else the file `redis.password_file`, else
/// the credential `redis-password`, else the variable `WAGEHOOD_REDIS_PASSWORD`. Where there is one, the process makes no
/// core dumps and cannot be traced from here on.
///
/// # Errors
/// A URL that is none, a file that cannot be read.
pub fn address(config: &RedisConfig) -> Result<Address> {
    let address = config.url.address().context("redis.url")?;
    let address = match address.account().password() {
        Some(_) => address,
        None => match password(config)? {
            Some(password) => address.with_password(&password),
            None => address,
        },
    };
    if address.account().password().is_some() || !config.tls_key.is_empty() {
        // A sandbox may refuse this; then everything is as it would be without it.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    Ok(address)
}

/// The key and the secret of a provider: of files of mode 0600, or else the credentials `<name>-key` and `<name>-secret`, or else
/// the environment. Where there are some, the process makes no core dumps and cannot be traced from here on.
///
/// # Errors
/// A file that cannot be read, or that others can.
pub fn of_provider(maker: &Maker, settings: Option<&ProviderConfig>) -> Result<[Option<String>; 2]> {
    let Some(variables) = maker.keys else { return Ok([None, None]) };
    let files = [settings.and_then(|s| s.key_file.as_ref()), settings.and_then(|s| s.secret_file.as_ref())];
    let mut found = [None, None];
    for (k, what) in ["key", "secret"].into_iter().enumerate() {
        let option = format!("ingest.providers.{}.{what}_file", maker.name);
        found[k] = match files[k] {
            Some(file) => Some(private(Path::new(file)).context(option)?),
            None => match credential(&format!("{}-{what}", maker.name))? {
                Some(text) => Some(text),
                None => variable(variables[k])?,
            },
        };
    }
    if found.iter().any(Option::is_some) {
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    Ok(found)
}

/// The text of a file that only its owner can read.
fn private(path: &Path) -> Result<String> {
    let mode = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others (mode {:o}): chmod 600 it", path.display(), mode & 0o777);
    }
    read(&path.to_owned())
}

fn password(config: &RedisConfig) -> Result<Option<String>> {
    if !config.password_file.is_empty() {
        return read(&PathBuf::from(&config.password_file)).context("redis.password_file").map(Some);
    }
    match credential(CREDENTIAL)? {
        Some(text) => Ok(Some(text)),
        None => variable(VARIABLE),
    }
}

/// A credential of the service manager.
fn credential(name: &str) -> Result<Option<String>> {
    let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return Ok(None) };
    let path = PathBuf::from(dir).join(name);
    if !path.exists() {
        return Ok(None);
    }
    read(&path).with_context(|| format!("the credential {name}")).map(Some)
}

/// A variable of the environment.
fn variable(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => Ok(Some(text)),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{name} is not UTF-8"),
        _ => Ok(None),
    }
}

/// The text of a file without the end of its line.
pub(super) fn read(path: &PathBuf) -> Result<String> {
    let name = path.display();
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
    if metadata.len() > PASSWORD_MAX {
        bail!("{name} is {} bytes long; a secret has at most {PASSWORD_MAX}", metadata.len());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("{name} is empty");
    }
    Ok(text.to_owned())
}
