//! The `globals` section.

use std::path::PathBuf;
use std::time::Duration;

/// What concerns the collector as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Globals {
    /// `id`: the collector's own, for the log; `cloudweir` by default.
    pub id: String,
    /// `name`: likewise; `cloudweir` by default.
    pub name: String,
    /// `debug`: whether the log has the debug level; `false` by default.
    pub debug: bool,
    /// `persistence`: where checkpoints are kept; sled in `state` beside the configuration file by default.
    pub persistence: Persistence,
    /// `max_in_flight_bytes`: the most bytes of events in memory; 64 MiB by default.
    pub max_in_flight_bytes: u64,
    /// `shutdown_timeout`: how long an ordered stop may take; 30 s by default.
    pub shutdown_timeout: Duration,
    /// `supervision`: when and how what has failed is started again.
    pub supervision: Supervision,
    /// `sender_stats_period_in_sec`: how often an output logs its statistics, unless it has a period of its own; 60 s by
    /// default.
    pub sender_stats_period: Duration,
}

/// Where checkpoints are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// On disk.
    Sled {
        /// The directory of the database; made when it does not exist.
        directory: PathBuf,
    },
    /// In memory: a restart reads everything again.
    Memory,
}

/// OTP's restart intensity, and the wait before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supervision {
    /// More restarts than this within `window` are one failure of the supervisor itself; 10 by default.
    pub max_restarts: u32,
    /// The time over which restarts count; 60 s by default.
    pub window: Duration,
    /// The wait before a restart; 200 ms to 30 s by default.
    pub backoff: Backoff,
}

/// A wait that grows from try to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the first try.
    pub initial: Duration,
    /// The longest wait, not less than `initial`.
    pub max: Duration,
}
