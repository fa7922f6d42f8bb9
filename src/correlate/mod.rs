//! Signals across timeframes: composites and filters.
