//! How the program ends: an exit code by kind of reason, so that a service manager can tell what a restart would mend.

use super::{
    fleet::NameTaken,
    identity::NotAsLeft,
    partition_map::OtherPartitions,
    patience::NotThere,
    recorded::NothingAccepted,
    session::{Abandoned, Stopped},
};
use crate::{
    config::Faults,
    engine::{DialError, RedisSourceError, SinkError},
    lab::bench::Interrupted,
    publish::LeaseError,
    redis_io::{AddressError, ErrorClass, LinkError, TlsFilesError},
    runtime::AgentFailure,
};
use std::error::Error;

/// Why the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// For a reason that has no code of its own.
    Failure,
    /// A replay accepted no record.
    NothingAccepted,
    /// A configuration does not hold, or the server refuses what only a person can change.
    Configuration,
    /// Streams or position are not as this engine left them.
    NotAsLeft,
    /// Another engine of this name is at work.
    Held,
    /// Another engine of this name has taken over.
    TakenOver,
    /// It was told to end and could not write all in time.
    Abandoned,
    /// The server was not there in time.
    NotThere,
    /// A bench was interrupted by a signal; a start that was has ended as it was asked to, which is 0.
    Interrupted(u8),
}

impl Exit {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Failure => 1,
            Self::NothingAccepted => NothingAccepted::EXIT_CODE,
            Self::Configuration => 4,
            Self::NotAsLeft => 5,
            Self::Held => 6,
            Self::TakenOver => 7,
            Self::Abandoned => 8,
            Self::NotThere => 9,
            Self::Interrupted(code) => code,
        }
    }

    /// The kind of an error, by the first of its causes that has one.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(of).unwrap_or(Self::Failure)
    }
}

/// The kind of one cause.
fn of(cause: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(failure) = cause.downcast_ref::<AgentFailure>() {
        return failure.error.as_deref().and_then(of_chain);
    }
    if cause.is::<NothingAccepted>() {
        return Some(Exit::NothingAccepted);
    }
    if let Some(interrupted) = cause.downcast_ref::<Interrupted>() {
        return Some(Exit::Interrupted(interrupted.exit_code()));
    }
    if cause.is::<Stopped>() {
        return Some(Exit::Interrupted(0));
    }
    if cause.is::<Abandoned>() {
        return Some(Exit::Abandoned);
    }
    if cause.is::<NotThere>() {
        return Some(Exit::NotThere);
    }
    if cause.is::<NameTaken>() {
        return Some(Exit::Held);
    }
    if cause.is::<NotAsLeft>() {
        return Some(Exit::NotAsLeft);
    }
    if cause.is::<OtherPartitions>()
        || cause.is::<Faults>()
        || cause.is::<AddressError>()
        || cause.is::<TlsFilesError>()
    {
        return Some(Exit::Configuration);
    }
    of_server(cause)
}

/// The kind of an error of the server, or about it.
fn of_server(cause: &(dyn Error + 'static)) -> Option<Exit> {
    let class = |class| (class == ErrorClass::Configuration).then_some(Exit::Configuration);
    let link = |error: &LinkError| match error {
        LinkError::Server { kind, .. } => class(kind.class()),
        LinkError::Connect { .. } if error.is_transient() => Some(Exit::NotThere),
        error => (!error.is_transient()).then_some(Exit::Configuration),
    };
    if let Some(error) = cause.downcast_ref::<LinkError>() {
        return link(error);
    }
    if let Some(error) = cause.downcast_ref::<LeaseError>() {
        return lease(error, link);
    }
    if let Some(error) = cause.downcast_ref::<DialError>() {
        return match error {
            DialError::Link(error) => link(error),
            DialError::Lease(error) => lease(error, link),
        };
    }
    if let Some(error) = cause.downcast_ref::<SinkError>() {
        return error.server().and_then(|(kind, _)| class(kind.class()));
    }
    match cause.downcast_ref::<RedisSourceError>()? {
        RedisSourceError::Refused { kind, .. } => class(kind.class()),
        RedisSourceError::Another { .. } => Some(Exit::NotAsLeft),
    }
}

fn lease(error: &LeaseError, link: impl Fn(&LinkError) -> Option<Exit>) -> Option<Exit> {
    match error {
        LeaseError::Link(error) => link(error),
        LeaseError::Held { .. } => Some(Exit::Held),
        LeaseError::Lost { .. } | LeaseError::Overtaken { .. } => Some(Exit::TakenOver),
        LeaseError::Vanished { .. } => Some(Exit::NotAsLeft),
    }
}

/// The first kind among an error and its causes.
fn of_chain(error: &(dyn Error + Send + Sync + 'static)) -> Option<Exit> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(exit) = of(error) {
            return Some(exit);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::args::Cli, redis_io::ServerErrorKind, runtime::FailureKind};
    use clap::CommandFactory as _;

    fn server(kind: ServerErrorKind) -> LinkError {
        LinkError::Server { address: "there".into(), what: "PING".into(), kind, text: "said".into() }
    }

    #[test]
    fn an_error_has_the_code_of_its_kind_however_deep_it_lies() {
        let failed = |error: Box<dyn Error + Send + Sync>| AgentFailure {
            thread: "t".into(),
            agent: "a".into(),
            kind: FailureKind::Error,
            message: "m".into(),
            error: Some(error.into()),
        };
        let vanished = || LeaseError::Vanished { key: "k".into() };
        assert_eq!(Exit::of(&anyhow::anyhow!("whatever")), Exit::Failure);
        assert_eq!(Exit::of(&anyhow::Error::new(vanished()).context("outside")), Exit::NotAsLeft);
        assert_eq!(Exit::of(&failed(Box::new(DialError::from(vanished()))).into()), Exit::NotAsLeft);
        assert_eq!(Exit::of(&failed("text".into()).into()), Exit::Failure);
        assert_eq!(Exit::of(&LeaseError::from(server(ServerErrorKind::NoAuth)).into()), Exit::Configuration);
        assert_eq!(Exit::of(&server(ServerErrorKind::Loading).into()), Exit::Failure);
        assert_eq!(Exit::of(&Faults::default().into()), Exit::Configuration);
        assert_eq!(Exit::of(&Stopped.into()).code(), 0);
        let refused =
            RedisSourceError::Refused { address: "a".into(), kind: ServerErrorKind::WrongType, text: "t".into() };
        assert_eq!(Exit::of(&failed(Box::new(refused)).into()), Exit::Configuration);
        let sunk = SinkError::Lost { address: "a".into(), source: std::io::ErrorKind::TimedOut.into() };
        assert_eq!(Exit::of(&failed(Box::new(sunk)).into()), Exit::Failure);
    }

    #[test]
    fn every_code_stands_in_the_help_and_in_the_readme() {
        let help = Cli::command().render_long_help().to_string();
        let readme = include_str!("../../README.md");
        let kinds = [
            Exit::Failure,
            Exit::NothingAccepted,
            Exit::Configuration,
            Exit::NotAsLeft,
            Exit::Held,
            Exit::TakenOver,
            Exit::Abandoned,
            Exit::NotThere,
        ];
        for code in kinds.map(Exit::code) {
            assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))), "{code}: {help}");
            assert!(readme.contains(&format!("| {code} |")), "{code}");
        }
    }
}
