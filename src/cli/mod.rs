//! One file per command.

pub mod args;
pub mod config;
mod lease;
mod redis;
mod replay;
mod run;
mod session;

pub use config::config_command;
pub use replay::replay;
pub use run::run;
