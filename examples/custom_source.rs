//! A source of one's own: the lines of a file that grows, sent to the screen, with the position reached in the checkpoints.
//!
//! ```sh
//! cargo run --example custom_source -- some.log
//! ```
//!
//! Append to the file and see the lines come out as records. CTRL-C stops it; started again, it goes on where it stopped. The
//! checkpoints lie beside the file, in `some.checkpoints`.
//!
//! The source keeps to the rule that all sources keep to: read, send with receipts, wait for the unit to settle, write down how
//! far it is delivered. Whatever crashes in between, the next pull starts at the last position written down.

use std::env;
use std::error::Error;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cloudweir::checkpoint::Scope;
use cloudweir::checkpoint::record::ObjectId;
use cloudweir::config::Config;
use cloudweir::config::model::{Backoff, Globals, Persistence, Supervision};
use cloudweir::delivery::{BatchBuilder, Settlement, Unit};
use cloudweir::event::{EventTime, EventType, Framing, LineFramer, Tag, TagFields, TagTemplate};
use cloudweir::sink::{Console, Form, Stream};
use cloudweir::source::object::Ledger;
use cloudweir::source::registry::Surroundings;
use cloudweir::source::{Counted, Cycle, Identity, Kind, Source, SourceError, Tally};
use cloudweir::telemetry::{self, LogFormat};
use cloudweir::{Collector, CustomSource};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::sync::CancellationToken;

/// How much of the file is read at a time; a longer line is an error.
const CHUNK_BYTES: u64 = 1 << 20;

/// What a record has besides its tag and message: priority, time, host name.
const RECORD_OVERHEAD_BYTES: usize = 300;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    telemetry::install(LogFormat::Text, false)?;
    let path = env::args_os().nth(1).ok_or("usage: custom_source FILE")?;
    let path = PathBuf::from(path);

    let identity = Identity {
        input: "files".to_owned(),
        input_id: "example".to_owned(),
        service: "lines".to_owned(),
        kind: Kind::Custom,
        module: "FilePuller",
        setup_module: "FilePuller",
        region: "local".to_owned(),
    };
    let tag = TagTemplate::new("my.app.lines", None)?.render(TagFields {
        event_type: EventType::UNKNOWN,
        account: "",
        region: "",
    });
    let scope = Scope::new("files", "lines", "FilePuller", "local")?;
    let config = config(path.with_extension("checkpoints"));
    let source = CustomSource {
        identity,
        period: Duration::from_secs(1),
        make: Arc::new(move |surroundings| {
            Box::new(FileLines::new(&path, &tag, &scope, surroundings))
        }),
    };
    let screen = Console {
        stream: Stream::Stdout,
        form: Form::Line,
    };
    let collector = Collector::builder(config)
        .source(source)
        .sink("screen", Arc::new(screen))
        .start()
        .await?;
    tokio::signal::ctrl_c().await?;
    collector.stop().await;
    Ok(())
}

/// A configuration without a file: no inputs of AWS, and the output is added to the builder.
fn config(checkpoints: PathBuf) -> Config {
    Config {
        globals: Globals {
            id: "example".to_owned(),
            name: "custom_source".to_owned(),
            debug: false,
            persistence: Persistence::Sled {
                directory: checkpoints,
            },
            max_in_flight_bytes: 8 << 20,
            shutdown_timeout: Duration::from_secs(10),
            supervision: Supervision {
                max_restarts: 10,
                window: Duration::from_secs(60),
                backoff: Backoff {
                    initial: Duration::from_millis(200),
                    max: Duration::from_secs(30),
                },
            },
            sender_stats_period: Duration::from_secs(60),
        },
        outputs: Vec::new(),
        inputs: Vec::new(),
    }
}

/// The lines of one file. Positions are byte offsets: a unit's end is where its last whole line ends.
struct FileLines {
    path: PathBuf,
    tag: Tag,
    framer: LineFramer,
    surroundings: Surroundings,
    /// Keeps positions for things that are named like objects; the file is one.
    ledger: Ledger,
    object: ObjectId,
    tally: Tally,
    /// What has been sent and not yet written down. It stands here, not in `pull`, so that it survives a `pull` that is dropped.
    in_flight: Option<Settlement>,
}

impl FileLines {
    fn new(path: &Path, tag: &Tag, scope: &Scope, surroundings: &Surroundings) -> Self {
        Self {
            path: path.to_owned(),
            tag: tag.clone(),
            framer: LineFramer::new(&surroundings.hostname, Framing::Line),
            surroundings: surroundings.clone(),
            ledger: Ledger::new(
                Arc::clone(&surroundings.store),
                scope.clone(),
                surroundings.outlet.clone(),
            ),
            object: ObjectId {
                bucket: String::new(),
                key: path.display().to_string(),
                etag: String::new(),
            },
            tally: Tally::default(),
            in_flight: None,
        }
    }

    /// Sends the lines that have been added; `false` if there were none.
    async fn send_new_lines(&mut self) -> Result<bool, SourceError> {
        let standing = self.ledger.standing(&self.object).await?;
        let positions = standing.lanes().iter().map(|lane| lane.position);
        let start = positions.min().unwrap_or(0);
        let lines = whole_lines(&self.path, start).await?;
        if lines.is_empty() {
            return Ok(false);
        }
        let lanes = standing
            .lanes()
            .iter()
            .map(|lane| (lane.output, lane.position));
        let (unit, settlement) = Unit::open(lanes);
        self.in_flight = Some(settlement);
        let end = self.send(&unit, start, &lines).await;
        // Without this, dropping the unit says that not all of it could be read.
        unit.seal(end);
        Ok(true)
    }

    /// Sends `lines`, which begin at `start`, in batches; returns where they end.
    async fn send(&mut self, unit: &Unit, start: u64, lines: &[u8]) -> u64 {
        let Surroundings { outlet, budget, .. } = &self.surroundings;
        let mut begun_at = start;
        let mut next = start;
        let mut batch: Option<BatchBuilder> = None;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let text = cloudweir::event::text::decode(line.strip_suffix(b"\n").unwrap_or(line));
            let bytes = text.len() + self.tag.as_str().len() + RECORD_OVERHEAD_BYTES;
            if let Some(full) = batch.take_if(|batch| !batch.fits(bytes)) {
                outlet.send(unit, begun_at..next, full.finish()).await;
                begun_at = next;
            }
            if batch.is_none() {
                // Waits for the byte budget: a slow output slows the reading, and memory stays bounded.
                batch = Some(BatchBuilder::start(budget, bytes).await);
            }
            if let Some(batch) = &mut batch {
                batch.push(|buffer| {
                    self.framer
                        .append(buffer, EventTime::now(), &self.tag, &[&*text])
                });
            }
            next += line.len() as u64;
            self.tally.generated(1);
        }
        if let Some(last) = batch {
            outlet.send(unit, begun_at..next, last.finish()).await;
        }
        next
    }

    /// Waits until what is in flight has settled, and writes down how far each output has it.
    async fn settle(&mut self) -> Result<(), SourceError> {
        if let Some(settlement) = &self.in_flight {
            let outcome = settlement.settled().await;
            let before = self.ledger.standing(&self.object).await?;
            self.ledger.record(&before, &outcome).await;
        }
        self.in_flight = None;
        Ok(())
    }
}

/// The whole lines from `start` on, up to a chunk of them.
async fn whole_lines(path: &Path, start: u64) -> Result<Vec<u8>, SourceError> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(SeekFrom::Start(start)).await?;
    let mut bytes = Vec::new();
    file.take(CHUNK_BYTES).read_to_end(&mut bytes).await?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    if end.is_none() && bytes.len() as u64 == CHUNK_BYTES {
        return Err(format!("a line at byte {start} is longer than {CHUNK_BYTES} bytes").into());
    }
    bytes.truncate(end.map_or(0, |at| at + 1));
    Ok(bytes)
}

impl Source for FileLines {
    fn subject(&self) -> String {
        format!("\"{}\" source", self.path.display())
    }

    /// Called until it succeeds: a file that is not there yet is waited for.
    fn setup(&mut self) -> BoxFuture<'_, Result<(), SourceError>> {
        async move {
            tokio::fs::metadata(&self.path).await?;
            Ok(())
        }
        .boxed()
    }

    fn pull<'a>(
        &'a mut self,
        _cycle: &'a Cycle,
        intake: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        async move {
            // First whatever an earlier pull, which failed or was interrupted, has left.
            self.settle().await?;
            while !intake.is_cancelled() && self.send_new_lines().await? {
                self.settle().await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn drain(&mut self, _deadline: tokio::time::Instant) -> BoxFuture<'_, ()> {
        async move {
            // What cannot be written down now is read, and sent, once more at the next start.
            let _ = self.settle().await;
        }
        .boxed()
    }

    fn take_counts(&mut self) -> Counted {
        self.tally.take()
    }

    fn received(&self, counts: &Counted) -> String {
        format!("Received {} line(s)", counts.generated)
    }
}
