//! Sources: what events are read from. The trait, the puller that runs any of them, and a file for each service.
//!
//! A new service is one file here and one line in [`registry`]. How objects and queues are read is in [`object`] and [`sqs`].

mod audits_s3;
mod cloudfront;
mod flowlogs;
mod parquet_logs;
mod puller;
mod security_hub;
mod service_events;
mod tally;
mod umbrella;
mod wiring;

pub mod object;
pub mod registry;
pub mod sqs;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use puller::{PullerSettings, run};
pub use tally::{Counted, Tally};

use crate::event::PullingId;

/// Whose puller it is: what tells it from all others in the log and in the checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The input's name in the configuration.
    pub input: String,
    /// The input's `id`.
    pub input_id: String,
    /// The service's key in the configuration.
    pub service: String,
    /// Whether the service is one of the collector's own or one that the operator named.
    pub kind: Kind,
    /// The module, `AwsSqsS3CloudTrailPuller` for example.
    pub module: &'static str,
    /// The module's name while it is set up, where the vendor's differs.
    pub setup_module: &'static str,
    /// The region.
    pub region: String,
}

/// Who named the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The collector.
    Predefined,
    /// The operator.
    Custom,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Predefined => "predefined",
            Self::Custom => "custom",
        })
    }
}

impl Identity {
    /// How the puller signs its lines in the log.
    #[must_use]
    pub fn origin(&self) -> Arc<str> {
        let Self {
            input,
            input_id,
            service,
            kind,
            module,
            region,
            ..
        } = self;
        format!("InputProcess::{module}({input},{input_id},{service},{kind},{region})").into()
    }

    /// How its setup signs.
    #[must_use]
    pub fn setup_origin(&self) -> Arc<str> {
        let Self {
            input,
            input_id,
            service,
            kind,
            setup_module,
            region,
            ..
        } = self;
        format!(
            "InputProcess::{setup_module}Setup({input},{input}#{input_id},{service}#{kind},{region})"
        )
        .into()
    }
}

/// One pull cycle.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// What every event of the cycle carries.
    pub pulling_id: PullingId,
    /// When a source that never runs dry closes the cycle.
    pub until: tokio::time::Instant,
}

/// Why a source cannot do its work now. A puller tries again for ever.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Something that events are pulled from.
///
/// The puller calls `setup` until it succeeds, then `pull` once a cycle until it is told to stop, then `drain`.
pub trait Source: Send + 'static {
    /// What the log says is pulled from: `"cloudtrail" queue`.
    fn subject(&self) -> String;

    /// Whatever must be found out before the first pull. The session stands when this is called.
    fn setup(&mut self) -> BoxFuture<'_, Result<(), SourceError>>;

    /// Pulls for one cycle. Must return soon after `intake` is cancelled, and must be safe to call again after an error.
    fn pull<'a>(
        &'a mut self,
        cycle: &'a Cycle,
        intake: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), SourceError>>;

    /// No more pulls: returns when what is in flight is delivered and checkpointed, or at `deadline`; gives back to where it came
    /// from what was not begun, or could not be finished.
    fn drain(&mut self, deadline: tokio::time::Instant) -> BoxFuture<'_, ()>;

    /// What the source has counted since the last call.
    fn take_counts(&mut self) -> Counted;

    /// The module's own `Received …` line for these counts.
    fn received(&self, counts: &Counted) -> String;
}
