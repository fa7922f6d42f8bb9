//! Bars in, indicator values out.
