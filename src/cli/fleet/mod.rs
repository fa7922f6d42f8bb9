//! Engines that share the partitions among themselves: members with a lifetime in the server, one of which leads and writes who is
//! to own what; the others go by that. Who may write the output of a partition is decided by its lease alone, inside each
//! transaction: a wrong assignment costs time, and nothing else.

mod assign;
mod assignment;
#[cfg(test)]
mod assignment_tests;
mod card;
mod command;
mod file;
mod register;
mod seats;
mod supervisor;

pub use assign::{Evening, Shares, assign};
pub(super) use card::{Card, Stage};
pub(super) use command::change_partitions;
pub(super) use file::LatestLayers;
pub(super) use register::{Found, NameTaken, Register};
pub(super) use supervisor::{Fleet, supervise};
