//! stub: the architecture text comes here.

pub mod aggregate;
pub mod cli;
pub mod config;
pub mod correlate;
pub mod engine;
pub mod feed;
pub mod indicators;
pub mod lab;
pub mod model;
pub mod publish;
pub mod redis_io;
pub mod runtime;
pub mod strategies;
pub mod telemetry;
pub mod text;
