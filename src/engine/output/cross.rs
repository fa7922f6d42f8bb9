//! What of the correlation across assets goes where.

use super::{Output, RedisOutput};
use crate::{
    cross::CrossAssets,
    model::{Directory, SymbolId},
    publish::{MatrixView, hset_matrix_row, matrix_json_line},
};

/// The matrix with the names of its symbols.
struct Named<'a> {
    assets: &'a CrossAssets,
    directory: &'a Directory,
}

impl MatrixView for Named<'_> {
    fn interval(&self) -> u64 {
        self.assets.taken()
    }
    fn end(&self) -> i64 {
        self.assets.end()
    }
    fn places(&self) -> usize {
        self.assets.matrix().symbols()
    }
    fn is_seen(&self, symbol: usize) -> bool {
        self.assets.matrix().presence(symbol).is_seen()
    }
    fn is_left_out(&self, symbol: usize) -> bool {
        self.assets.matrix().presence(symbol).is_left_out()
    }
    fn name(&self, symbol: usize) -> &str {
        self.directory.symbol(SymbolId(symbol as u16))
    }
    fn market_correlation(&self, symbol: usize) -> f64 {
        self.assets.matrix().market(symbol).unwrap_or(f64::NAN)
    }
    fn correlation(&self, one: usize, other: usize) -> f64 {
        self.assets.matrix().correlation(one, other).unwrap_or(f64::NAN)
    }
}

impl Output {
    /// Takes the matrix as of an interval that was taken before a sequence.
    #[cold]
    pub fn matrix(&mut self, assets: &CrossAssets, seq: u64) {
        let view = Named { assets, directory: &self.directory };
        self.files.matrix(|line| matrix_json_line(line, &view, seq));
    }
}

impl RedisOutput {
    /// Takes what a symbol has in common with the others.
    #[cold]
    pub fn matrix_row(&mut self, assets: &CrossAssets, symbol: usize, directory: &Directory) {
        let (commands, names) = self.performance();
        hset_matrix_row(commands, names, &Named { assets, directory }, symbol);
    }
}
