//! Base bars in, bars of every higher timeframe out.
