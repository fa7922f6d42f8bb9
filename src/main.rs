//! The wagehood-engine binary: arguments in, a command run.
fn main() {}
