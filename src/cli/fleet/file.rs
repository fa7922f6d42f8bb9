//! The layers of the configuration for engines that are started while others run.
#![allow(clippy::disallowed_types, reason = "a lock between threads that all may wait")]

use crate::config::{Config, Layer};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Layers whose file may be read again.
pub(in crate::cli) struct LatestLayers {
    path: Option<PathBuf>,
    layers: Mutex<Vec<Layer>>,
}

impl LatestLayers {
    /// These, with the file at this path among them.
    pub fn new(path: Option<PathBuf>, layers: Vec<Layer>) -> Self {
        Self { path, layers: Mutex::new(layers) }
    }

    /// The layers as they are.
    pub fn get(&self) -> Vec<Layer> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again. Where it does not hold all stays as it was, as it does for the engines that run, which say so.
    pub fn read_again(&self) {
        let Some(Ok(read)) = self.path.as_ref().map(|path| Layer::open(path)) else { return };
        let mut next = self.get();
        if let Some(old) = next.iter_mut().find(|layer| matches!(layer, Layer::File { .. })) {
            *old = read;
        }
        if Config::load_offline(&next).is_ok() {
            *self.layers.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
    }
}
