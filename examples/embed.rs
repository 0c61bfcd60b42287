//! A program of its own around the collector: its configuration is inline, its checkpoints are in memory, and its output
//! counts events by tag instead of sending them anywhere.
//!
//! ```sh
//! QUEUE=cloudtrail REGION=us-east-2 cargo run --example embed
//! ```
//!
//! Credentials come from the AWS SDK's default chain; `AWS_URL` is for an emulator. CTRL-C stops it and prints the counts.
//! Messages of the queue are deleted once their events are counted, so do not point it at a queue that others rely on.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cloudweir::checkpoint::MemoryStore;
use cloudweir::delivery::Batch;
use cloudweir::sink::{ConfirmWritten, Opened, Sink, SinkError, Writer};
use cloudweir::telemetry::{self, LogFormat};
use cloudweir::{Collector, config};
use futures::FutureExt;
use futures::future::BoxFuture;

/// The screen is there because a file needs an output; `embedded` below takes its place.
const CONFIGURATION: &str = r"
globals:
  name: embedded
outputs:
  screen: { type: console }
inputs:
  aws:
    id: example
    endpoint_url: ${AWS_URL:-https://sqs.${REGION}.amazonaws.com}
    services:
      audit-events-all:
        types: [audits_s3]
        regions: ['${REGION:-us-east-2}']
        audit_sqs_queue_name: ${QUEUE:-cloudtrail}
        auto_event_type: true
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The library logs by `tracing` and installs nothing; a program with a subscriber of its own leaves this out.
    telemetry::install(LogFormat::Text, false)?;
    Ok(())
}
