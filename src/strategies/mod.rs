//! Indicator values in, signals out.
