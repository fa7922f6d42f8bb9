//! Composite signals in, bytes out.
