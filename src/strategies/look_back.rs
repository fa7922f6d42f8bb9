//! How far strategies look back.

/// How far a strategy looks back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LookBack {
    /// Bars of a cell's history, the present one included, that it reads or counts over.
    pub(crate) bars: usize,
    /// The longest of the histories of conditions that it looks at, bars; cells are taken side by side only where all
    /// strategies look at 64 or fewer.
    pub(crate) conditions: usize,
    /// The number of the first bar at which its conditions may hold, if it is not enough that what they read is ready.
    pub(crate) first_bar: usize,
}
