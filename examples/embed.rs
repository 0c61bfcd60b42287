//! The collector inside a program of one's own: the configuration is inline, checkpoints are in memory, and the only output is
//! the program's own, which counts events by tag.
//!
//! ```sh
//! cargo run --example embed
//! ```
//!
//! The lab stands in for AWS, with real CloudTrail files in its bucket, so that no account is needed. Against AWS itself, leave
//! out `endpoint_url` and `credentials`: the SDK's default chain is used then. Mind that messages are deleted from the queue once
//! the sink has confirmed their events.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use cloudweir::checkpoint::MemoryStore;
use cloudweir::delivery::Batch;
use cloudweir::sink::{ConfirmWritten, Opened, Sink, SinkError, Writer};
use cloudweir::telemetry::{self, LogFormat};
use cloudweir::{Collector, config};
use cloudweir_lab::Lab;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// A configuration must name an output; this one's is replaced below.
const CONFIGURATION: &str = "
globals: { name: embedded }
outputs:
  screen: { type: console }
inputs:
  aws:
    id: example
    endpoint_url: ${AWS_URL}
    credentials: { access_key: AKIAIOSFODNN7EXAMPLE, access_secret: example }
    services:
      audit-events-all:
        types: [audits_s3]
        regions: [us-east-2]
        audit_sqs_queue_name: cloudtrail
        auto_event_type: true
";

/// How many events the lab's bucket holds.
const EVENTS: u64 = 1_233;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The library emits `tracing` events and installs nothing. A program with a subscriber of its own has no need of this line.
    telemetry::install(LogFormat::Text, false)?;
    let lab = lab().await?;

    // Variables need not be the environment's.
    let variable = |name: &str| (name == "AWS_URL").then(|| lab.endpoint().to_string());
    let mut config = config::parse("embed.rs", CONFIGURATION, Path::new("."), &variable)?.config;
    config.outputs.clear();

    let counts = Arc::new(CountByTag::default());
    let collector = Collector::builder(config)
        .store(Arc::new(MemoryStore::new()))
        .sink("counts", Arc::clone(&counts) as Arc<dyn Sink>)
        .start()
        .await?;
    tokio::select! {
        () = counts.until(EVENTS) => {}
        signal = tokio::signal::ctrl_c() => signal?,
        exit = collector.wait() => return Err(format!("the collector has ended: {exit}").into()),
    }
    let report = collector.stop().await;
    if !report.is_clean() {
        return Err(format!("not stopped in order: {report:?}").into());
    }
    for (tag, events) in counts.by_tag.borrow().iter() {
        println!("{events:>6}  {tag}");
    }
    Ok(())
}

/// An output that keeps how many events came with each tag.
#[derive(Clone, Default)]
struct CountByTag {
    by_tag: watch::Sender<BTreeMap<String, u64>>,
}

impl CountByTag {
    /// Waits until so many events have come.
    async fn until(&self, events: u64) {
        let mut counts = self.by_tag.subscribe();
        // The sender is in `self`, so the watch cannot close.
        let _ = counts
            .wait_for(|counts| counts.values().sum::<u64>() >= events)
            .await;
    }
}

impl Sink for CountByTag {
    fn sender_kind(&self) -> &'static str {
        "CountSender"
    }

    fn describe(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::Map::new()
    }

    /// Called for every connection. This sink has no other end, so there is nothing to connect to and nothing that could hang up.
    fn open(&self) -> BoxFuture<'_, Result<Opened, SinkError>> {
        let opened = Opened {
            writer: Box::new(self.clone()),
            // A write that has returned is all the confirmation that there can be.
            confirmer: Box::new(ConfirmWritten::default()),
            ended: std::future::pending().boxed(),
            stale_after: None,
        };
        std::future::ready(Ok(opened)).boxed()
    }
}

impl Writer for CountByTag {
    /// An error here, and the sender opens the sink again and writes whatever is not confirmed once more.
    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>> {
        self.by_tag.send_modify(|counts| {
            for record in batch.records() {
                *counts.entry(tag(record)).or_default() += 1;
            }
        });
        std::future::ready(Ok(())).boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), SinkError>> {
        std::future::ready(Ok(())).boxed()
    }
}

/// The tag of a record: `<14>DATE TIME HOST TAG: MESSAGE`.
fn tag(record: &[u8]) -> String {
    let word = record.split(|byte| *byte == b' ').nth(3);
    let tag = String::from_utf8_lossy(word.unwrap_or_default());
    tag.trim_end_matches(':').to_owned()
}

/// An AWS with a queue that hears of a bucket's objects, and CloudTrail's files in the bucket.
async fn lab() -> Result<Lab, Box<dyn Error>> {
    let lab = Lab::start(cloudweir_lab::LabOptions {
        region: "us-east-2".to_owned(),
        ..Default::default()
    })
    .await?;
    lab.sqs().create_queue("cloudtrail", [])?;
    lab.s3().create_bucket("trail")?;
    lab.s3().notify("trail", "cloudtrail")?;
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cloudtrail");
    for entry in std::fs::read_dir(files)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".json.gz") {
            let key = format!("AWSLogs/111122223333/CloudTrail/us-east-2/{name}");
            lab.s3().put("trail", &key, std::fs::read(&path)?)?;
        }
    }
    Ok(lab)
}
