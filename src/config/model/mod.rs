//! The configuration as the rest of the program has it: plain values, defaults filled in, whatever is disabled left out.

mod feeds;
mod globals;
mod inputs;
mod outputs;
mod queue;
mod services;

pub use feeds::{Feed, Listing, ObjectFed, ObjectQueue, QueueFed};
pub use globals::{Backoff, Globals, Persistence, Supervision};
pub use inputs::{Credentials, Endpoints, Input, RequestLimit};
pub use outputs::{
    Confirm, ConsoleOutput, ConsoleStream, DeliveryRule, FileOutput, LineFormat, Output,
    OutputKind, Receiver, SyslogOutput, TlsIdentity, Transport,
};
pub use queue::{QueueRef, QueueRefError};
pub use services::{AuditsS3, LogFiles, RecordFormat, Service, ServiceKind};

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// What concerns the collector as a whole.
    pub globals: Globals,
    /// In the file's order, 1 to 64; every output gets every event.
    pub outputs: Vec<Output>,
    /// In the file's order, at least one, each with at least one service.
    pub inputs: Vec<Input>,
}
