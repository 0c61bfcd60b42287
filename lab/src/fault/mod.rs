//! Fault injection: which calls fail, how often and in which way. Applying a fault to an answer is the HTTP server's work.

mod injected;

use serde::{Deserialize, Serialize};

pub use injected::{FaultId, FaultReport, Faults};

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The service's own throttling error: `ThrottlingException` (SQS), `SlowDown` (S3), `Throttling` (STS).
    Throttle,
    /// The service's own internal error, status 500.
    InternalError,
    /// Any error code and status, in the service's error shape, for example `AccessDenied` and 403.
    Error {
        /// The error code.
        code: String,
        /// The HTTP status.
        status: u16,
    },
    /// The service's own answer to an expired session token.
    ExpiredToken,
    /// Answers normally, but later. Adds to other faults of the same call.
    Latency {
        /// The delay in milliseconds.
        millis: u64,
    },
    /// Closes the connection with a reset instead of an answer.
    ResetBeforeAnswer {
        /// Whether the operation takes effect although its answer is lost.
        #[serde(default)]
        applied: bool,
    },
    /// Sends the head and this many bytes of the body, then resets the connection. The reset may overtake the last few kilobytes.
    ResetMidBody {
        /// Bytes of the body that are sent.
        after_bytes: usize,
    },
    /// Announces the whole `Content-Length`, sends this many bytes of the body, then closes the connection in order.
    TruncatedBody {
        /// Bytes of the body that are sent.
        bytes: usize,
    },
    /// A consistent answer that holds only the first bytes of the body: an object that is really shorter.
    ShortBody {
        /// Bytes of the body that are sent.
        bytes: usize,
    },
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TimesForm", into = "TimesForm")]
pub enum Times {
    /// The next so many matching calls.
    Count(u64),
    /// Every matching call.
    Forever,
    /// Each matching call with this probability, reproducible from the seed.
    Chance {
        /// Between 0 and 1.
        probability: f64,
        /// Seed of the draw.
        seed: u64,
    },
}

/// The JSON forms of [`Times`]: `3`, `"forever"`, `{"probability": 0.1, "seed": 7}`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TimesForm {
    Count(u64),
    Word(String),
    Chance { probability: f64, seed: u64 },
}

impl TryFrom<TimesForm> for Times {
    type Error = String;

    fn try_from(form: TimesForm) -> Result<Self, String> {
        match form {
            TimesForm::Count(count) => Ok(Self::Count(count)),
            TimesForm::Word(word) if word == "forever" => Ok(Self::Forever),
            TimesForm::Word(word) => Err(format!(
                "`times` is a number, \"forever\" or {{probability, seed}}, not \"{word}\""
            )),
            TimesForm::Chance { probability, seed } => Ok(Self::Chance { probability, seed }),
        }
    }
}

impl From<Times> for TimesForm {
    fn from(times: Times) -> Self {
        match times {
            Times::Count(count) => Self::Count(count),
            Times::Forever => Self::Word("forever".to_owned()),
            Times::Chance { probability, seed } => Self::Chance { probability, seed },
        }
    }
}

/// A fault to inject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `sqs:ReceiveMessage`, `s3:GetObject`, `sts:*` or `*`.
    pub operation: String,
    /// Strikes only calls whose queue name or `bucket/key` contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// How often.
    #[serde(default = "once")]
    pub times: Times,
    /// In which way.
    pub fault: FaultKind,
}

fn once() -> Times {
    Times::Count(1)
}

impl Fault {
    /// A fault that strikes the next call of `operation`.
    pub fn once(operation: impl Into<String>, fault: FaultKind) -> Self {
        Self {
            operation: operation.into(),
            resource: None,
            times: once(),
            fault,
        }
    }

    /// Strikes this often instead.
    #[must_use]
    pub fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// Strikes only calls whose queue name or `bucket/key` contains `part`.
    #[must_use]
    pub fn on(mut self, part: impl Into<String>) -> Self {
        self.resource = Some(part.into());
        self
    }

    fn matches(&self, operation: &str, resource: &str) -> bool {
        let operation_matches = match self.operation.strip_suffix('*') {
            Some(prefix) => operation.starts_with(prefix),
            None => operation == self.operation,
        };
        operation_matches
            && self
                .resource
                .as_deref()
                .is_none_or(|part| resource.contains(part))
    }
}

#[cfg(test)]
mod tests;
