//! One file per command.

pub mod args;
pub mod config;
mod doctor;
mod lease;
mod notify;
mod patience;
mod redis;
mod replay;
mod run;
mod session;

pub use config::config_command;
pub use doctor::doctor;
pub use replay::replay;
pub use run::run;
