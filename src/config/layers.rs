//! The layers of a configuration and their order.

use super::{
    Config, Effective,
    aliases::normalise,
    checks, documents,
    fault::{Fault, Faults},
    heal::heal,
    node::{Data, Node, Table},
    origin::Origin,
    params, parse,
    section::{Found, FromSection as _, Section},
    shape::Declarations,
};
use std::{fmt, path::Path};

/// The operator's manual, which is the lowest layer.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Maximum size of a file, bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Maximum depth of the key of an override.
const MAX_DEPTH: usize = 16;

/// A layer over the defaults. Documents override files, and overrides override documents; within a kind, later layers
/// override earlier ones.
///
/// `Debug` shows only names and keys: the values may hold a password.
#[derive(Clone, PartialEq)]
pub enum Layer {
    /// A TOML file.
    File {
        /// Its name, for messages.
        name: String,
        /// Its raw bytes.
        bytes: Vec<u8>,
    },
    /// A configuration document in Redis.
    Document {
        /// Its key, which ends with its kind: one of [`RedisConfig::DOCUMENTS`](super::RedisConfig::DOCUMENTS).
        key: String,
        /// Its raw value.
        bytes: Vec<u8>,
    },
    /// One key from the command line.
    Override(Override),
}

/// One key from the command line. `Debug` hides the value, which may be a password.
#[derive(Clone, PartialEq)]
pub struct Override {
    /// Dotted key, such as `engine.workers`.
    pub key: String,
    /// Its value.
    pub value: toml::Value,
}

impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Override").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, .. } => f.debug_struct("File").field("name", name).finish_non_exhaustive(),
            Self::Document { key, .. } => f.debug_struct("Document").field("key", key).finish_non_exhaustive(),
            Self::Override(over) => over.fmt(f),
        }
    }
}

impl Override {
    /// An override of a key.
    #[must_use]
    pub fn new(key: &str, value: impl Into<toml::Value>) -> Self {
        Self { key: key.to_owned(), value: value.into() }
    }

    /// Parses `key=value`; a value that is not TOML is a text. `None` if there is no key or no `=`, and
    /// for a URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (key, value) = text.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || key.contains("://") {
            return None;
        }
        let parsed = toml::from_str::<toml::Table>(&format!("v = {value}"));
        let only = parsed.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("v"));
        Some(Self::new(key, only.unwrap_or_else(|| toml::Value::String(value.to_owned()))))
    }
}

impl Layer {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read; the fault has its name.
    pub fn open(path: &Path) -> Result<Self, Faults> {
        let name = path.display().to_string();
        let fault = |problem: String| {
            let origin = Origin::File { name: name.as_str().into(), line: 0 };
            Faults::from(Fault { origin, key: String::new(), problem })
        };
        let size = std::fs::metadata(path).map_err(|error| fault(format!("cannot be read: {error}")))?.len();
        if size > MAX_FILE_BYTES {
            return Err(fault(format!("is {size} bytes long; allowed: at most {MAX_FILE_BYTES}")));
        }
        let bytes = std::fs::read(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
        Ok(Self::File { name, bytes })
    }

    const fn height(&self) -> u8 {
        match self {
            Self::File { .. } => 1,
            Self::Document { .. } => 2,
            Self::Override(_) => 3,
        }
    }

    fn tree(&self, faults: &mut Vec<Fault>, notes: &mut Vec<String>, foreign: &mut Option<Origin>) -> Node {
        match self {
            Self::File { name, bytes } => {
                let name: std::sync::Arc<str> = name.as_str().into();
                let (tree, found) = parse::toml_file(bytes, &|line| Origin::File { name: name.clone(), line });
                faults.extend(found);
                tree
            }
            Self::Document { key, bytes } => match documents::read(key, bytes) {
                Ok(document) => {
                    notes.extend(document.notes);
                    if document.foreign {
                        *foreign = Some(Origin::Redis { key: key.as_str().into() });
                    }
                    document.tree
                }
                Err(fault) => {
                    faults.push(fault);
                    empty()
                }
            },
            Self::Override(Override { key, value }) => {
                let mut tree = empty();
                tree.origin = Origin::CommandLine;
                let path: Vec<&str> = key.splitn(MAX_DEPTH, '.').collect();
                tree.put(&path, parse::toml_value(value, &Origin::CommandLine));
                tree
            }
        }
    }
}

/// A valid configuration, with its origins.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Its values with their origins.
    pub effective: Effective,
    /// What was read but is not used, for messages.
    pub notes: Vec<String>,
}

const fn empty() -> Node {
    Node::new(Data::Table(Table::new()), Origin::Program)
}

/// Merges these layers over the defaults: always returns a configuration, and all faults of it.
pub(super) fn load(layers: &[Layer], offline: bool) -> (Loaded, Vec<Fault>) {
    let (mut tree, mut faults) = (defaults(), Vec::new());
    let (mut notes, mut foreign) = (Vec::new(), None);
    let mut sorted: Vec<&Layer> = layers.iter().collect();
    sorted.sort_by_key(|layer| layer.height());
    for (i, layer) in sorted.into_iter().enumerate() {
        let mut over = layer.tree(&mut faults, &mut notes, &mut foreign);
        normalise(&mut over, &mut faults);
        over.raise((i as u64 + 1) << 40);
        tree.overlay(over);
    }
    let broken: Vec<Origin> = faults.iter().map(|fault| fault.origin.clone()).collect();
    let config = {
        let mut read = Found::default();
        let mut section = Section::new(String::new(), &tree, &mut read);
        let mut config = Config::read(&mut section);
        config.input.with_signals();
        section.finish();
        let mut found = read.faults;
        if let Some(origin) = foreign.filter(|_| config.output.compat.is_none()) {
            let problem = "is missing: the existing system has written this document, and its readers take nothing but its own \
                forms; allowed: \"current\" (one timeframe), \"multi\" (several), \"later\" (JSON), for the version whose \
                readers shall go on, or \"off\" where there are none"
                .to_owned();
            found.push(Fault { origin, key: "output.compat".to_owned(), problem });
        }
        // Of what could not be parsed, nobody knows what is in it.
        if faults.iter().all(|fault| !fault.key.is_empty()) {
            found.extend(between(&config, &tree, offline, &[&faults[..], &found[..]].concat()));
        }
        // If the syntax is broken, faults of the recovered values on that line say nothing new.
        faults.extend(found.into_iter().filter(|fault| !broken.contains(&fault.origin)));
        config
    };
    notes.extend(config.above_zero_notes());
    (Loaded { config, effective: Effective::new(tree), notes }, faults)
}

/// What does not go together in a configuration: with values that are right in place of those that have faults themselves.
fn between(config: &Config, tree: &Node, offline: bool, faults: &[Fault]) -> Vec<Fault> {
    let mut found = Vec::new();
    if faults.is_empty() {
        checks::check(config, tree, offline, &[], &mut found);
        return found;
    }
    let healed = heal(tree, &defaults(), faults);
    let mut left = Found::default();
    let mut section = Section::new(String::new(), &healed, &mut left);
    let config = Config::read(&mut section);
    section.finish();
    let spoiled: Vec<String> = faults.iter().chain(&left.faults).map(|fault| fault.key.clone()).collect();
    checks::check(&config, tree, offline, &spoiled, &mut found);
    found
}

/// The tree of the defaults, which have no faults: a test checks that.
fn defaults() -> Node {
    let (mut tree, _) = parse::toml_file(DEFAULT_TOML.as_bytes(), &|line| Origin::Default { line });
    params::declare(&mut tree);
    tree
}

/// What the rules declare of every key of the defaults with a text over them, and the defaults.
pub(super) fn sample(text: &str) -> (Declarations, Node) {
    let mut tree = defaults();
    let (over, _) = parse::toml_file(text.as_bytes(), &|line| Origin::Default { line });
    tree.overlay(over);
    let mut found = Found { declared: Some(Declarations::new()), ..Found::default() };
    let _: Config = Config::read(&mut Section::new(String::new(), &tree, &mut found));
    (found.declared.unwrap_or_default(), defaults())
}

impl Default for Config {
    /// The embedded file is valid: a test checks that, not the program.
    fn default() -> Self {
        load(&[], false).0.config
    }
}

impl Config {
    /// Merges these layers over the defaults; the kinds may come in any order.
    ///
    /// # Errors
    /// All faults of all layers.
    pub fn load(layers: &[Layer]) -> Result<Loaded, Faults> {
        Self::checked(layers, false)
    }

    /// As [`Config::load`], but accepts an empty watchlist if `redis.config_from_redis` will supply one. For
    /// connecting before the documents are read, and for checks without a server.
    ///
    /// # Errors
    /// All faults of all layers.
    pub fn load_offline(layers: &[Layer]) -> Result<Loaded, Faults> {
        Self::checked(layers, true)
    }

    /// What these layers say, whatever is wrong with them: for whoever only needs to find the server.
    #[must_use]
    pub fn load_anyway(layers: &[Layer]) -> Self {
        load(layers, true).0.config
    }

    /// What these layers say, with all of their faults: as [`Config::load`], or offline as [`Config::load_offline`].
    #[must_use]
    pub fn load_all(layers: &[Layer], offline: bool) -> (Loaded, Faults) {
        let (loaded, faults) = load(layers, offline);
        (loaded, Faults::sorted(faults))
    }

    fn checked(layers: &[Layer], offline: bool) -> Result<Loaded, Faults> {
        let (loaded, faults) = load(layers, offline);
        if faults.is_empty() { Ok(loaded) } else { Err(Faults::sorted(faults)) }
    }
}
