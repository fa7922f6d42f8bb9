#![doc = include_str!("language.md")]

mod fault;
mod functions;
mod graph;
mod lower;
mod ops;
mod program;
mod programs;
mod remembering;
mod run;
mod syntax;
#[cfg(test)]
mod tests;
mod words;

pub use fault::ExpressionFault;
pub use program::{CustomRule, Program, RulePart};
pub use programs::{CustomCell, CustomState, Programs};
