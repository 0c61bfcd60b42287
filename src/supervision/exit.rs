//! How a child ended, and how that is read off ractor's events and errors.

use std::any::Any;
use std::error::Error;
use std::fmt;

use ractor::{ActorId, ActorProcessingErr, SupervisionEvent};

/// An error of any type, as a worker's function may return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// How a child, or the whole tree, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Normal,
    /// It was asked to stop, and did.
    Shutdown,
    /// It returned an error, or could not start; the text holds the error and its sources.
    Failed(String),
    /// It panicked, with this message. Known of workers and of starts only: ractor reports a panic in another actor's
    /// handler like an error, so that is [`Exit::Failed`].
    Panicked(String),
    /// It was killed from outside.
    Killed,
}

impl Exit {
    /// Whether a transient child is restarted after it.
    #[must_use]
    pub fn is_abnormal(&self) -> bool {
        !matches!(self, Self::Normal | Self::Shutdown)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal end"),
            Self::Shutdown => f.write_str("shut down"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Killed => f.write_str("killed"),
        }
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Error(text) => Self::Failed(text),
            Failure::Panic(message) => Self::Panicked(message),
        }
    }
}

/// A worker's failure on its way through ractor, which would otherwise make a panic look like an error.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Error(String),
    #[error("panicked: {0}")]
    Panic(String),
}

impl Failure {
    pub(super) fn from_error(error: &(dyn Error + 'static)) -> Self {
        Self::Error(error_chain(error))
    }

    pub(super) fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => payload
                .downcast::<&str>()
                .map_or_else(|_| "no message".to_owned(), |message| (*message).to_owned()),
        };
        Self::Panic(message)
    }
}

/// The reason with which a supervisor stops a child; any other reason is somebody else's, and counts the same.
pub(super) const SHUTDOWN: &str = "shutdown";

/// The reasons ractor 0.16 gives for an actor that was killed (`Signal::Kill`'s text) or whose task was dropped
/// (`ActorLifecycleGuard`).
const KILLED_REASONS: [&str; 2] = ["killed", "actor_task_cancelled"];

/// The actor that ended and how, if `event` is about an end. Drops the actor's last state, which the event carries.
pub(super) fn ended(event: SupervisionEvent) -> Option<(ActorId, Exit)> {
    match event {
        SupervisionEvent::ActorTerminated(cell, _, reason) => {
            let exit = match reason.as_deref() {
                None => Exit::Normal,
                Some(reason) if KILLED_REASONS.contains(&reason) => Exit::Killed,
                Some(_) => Exit::Shutdown,
            };
            Some((cell.get_id(), exit))
        }
        SupervisionEvent::ActorFailed(cell, error) => Some((cell.get_id(), failed(error))),
        _ => None,
    }
}

fn failed(error: ActorProcessingErr) -> Exit {
    match error.downcast::<Failure>() {
        Ok(failure) => (*failure).into(),
        Err(error) => Exit::Failed(error_chain(error.as_ref())),
    }
}

/// An error's text and its sources', outermost first, parted by colons.
fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the object")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_is_told_with_its_sources() {
        let error = Outer(std::io::Error::other("connection reset"));
        assert_eq!(
            Exit::from(Failure::from_error(&error)).to_string(),
            "failed: cannot read the object: connection reset"
        );
    }

    #[test]
    fn a_panic_keeps_its_message_whatever_its_type() {
        let literal = Failure::from_panic(Box::new("literal"));
        let formatted = Failure::from_panic(Box::new("formatted".to_owned()));
        let other = Failure::from_panic(Box::new(7_u8));
        assert_eq!(Exit::from(literal), Exit::Panicked("literal".into()));
        assert_eq!(Exit::from(formatted), Exit::Panicked("formatted".into()));
        assert_eq!(Exit::from(other), Exit::Panicked("no message".into()));
    }

    #[test]
    fn a_worker_failure_survives_the_way_through_ractor() {
        let error: ActorProcessingErr = Box::new(Failure::Panic("boom".into()));
        assert_eq!(failed(error), Exit::Panicked("boom".into()));
        assert_eq!(failed("plain".into()), Exit::Failed("plain".into()));
    }
}
