//! How fast one core turns CloudTrail objects into wire records: each step alone, and all of them as a parser has them.
//!
//! `make bench` runs it. The objects are made of the real records in `tests/data/cloudtrail`, 2,000 records each. The best of
//! several rounds is printed: what disturbs a round only ever makes it slower.

use std::sync::Arc;
use std::time::Instant;

use cloudweir::event::tag::{TagFields, TagSuffix};
use cloudweir::event::{
    EventTime, EventType, Framing, LineFramer, PullingId, TagCache, TagTemplate,
};
use cloudweir::source::object::compression::Decoder;
use cloudweir::source::object::members::Members;
use cloudweir::source::object::records::RecordSplitter;
use cloudweir_lab::generate::{Plan, Records};

const ROUNDS: usize = 7;
const RECORDS: usize = 20_000;
const PER_OBJECT: usize = 2_000;
const MAX_RECORD_BYTES: usize = 1 << 20;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cloudtrail");
    let records = Records::from_dir(&from)?;
    let plan = Plan {
        records: RECORDS,
        records_per_object: PER_OBJECT,
        ..Plan::default()
    };
    let objects: Vec<_> = records.objects(plan)?.map(|object| object.body).collect();
    let plain: Vec<Vec<u8>> = objects
        .iter()
        .map(|object| decompress(object))
        .collect::<Result<_, _>>()?;
    let bytes: usize = plain.iter().map(Vec::len).sum();
    let compressed: usize = objects.iter().map(|object| object.len()).sum();
    println!(
        "{RECORDS} records, {:.1} MB, {:.1} MB compressed; one core, best of {ROUNDS}",
        mega(bytes),
        mega(compressed)
    );
    println!("{:44} {:>10} {:>12}", "step", "MB/s", "events/s");
    report("decompress", bytes, || {
        objects
            .iter()
            .try_for_each(|object| decompress(object).map(drop))
    })?;
    report("split into records", bytes, || {
        plain.iter().try_for_each(|object| {
            let mut pipeline = Pipeline::new()?;
            pipeline.records(object, |_, _| Ok(())).map(drop)
        })
    })?;
    report("decompress, split, read, tag, frame", bytes, || {
        let mut pipeline = Pipeline::new()?;
        objects.iter().try_for_each(|object| pipeline.lines(object))
    })
}

fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes outside"
)]
fn report(
    step: &str,
    bytes: usize,
    mut run: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        run()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    println!(
        "{step:44} {:>10.0} {:>12.0}",
        mega(bytes) / best,
        RECORDS as f64 / best
    );
    Ok(())
}

fn decompress(object: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut decoder = Decoder::new();
    let mut out = vec![0; 64 * 1024];
    let mut plain = Vec::new();
    let mut input = object;
    loop {
        let progress = decoder.decode(input, &mut out)?;
        plain.extend_from_slice(&out[..progress.produced]);
        input = &input[progress.consumed..];
        if input.is_empty() && progress.produced == 0 {
            decoder.finish()?;
            return Ok(plain);
        }
    }
}

/// What a parser has, put together as it does.
struct Pipeline {
    tags: TagCache,
    framer: LineFramer,
    pulling_id: PullingId,
    batch: Vec<u8>,
}

impl Pipeline {
    fn new() -> Result<Self, Failure> {
        let suffix = TagSuffix {
            format_version: "1".to_owned(),
            environment: None,
        };
        let template = TagTemplate::new("cloud.aws.cloudtrail.{event_type}", Some(&suffix))?;
        Ok(Self {
            tags: TagCache::new(Arc::new(template)),
            framer: LineFramer::new("bench", Framing::Line),
            pulling_id: PullingId::now(),
            batch: Vec::with_capacity(512 * 1024),
        })
    }

    fn records(
        &mut self,
        mut plain: &[u8],
        mut each: impl FnMut(&mut Self, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut splitter = RecordSplitter::new("Records", MAX_RECORD_BYTES);
        while !plain.is_empty() {
            let room = splitter.window().room();
            let taken = room.len().min(plain.len());
            room[..taken].copy_from_slice(&plain[..taken]);
            splitter.window().commit(taken);
            plain = &plain[taken..];
            while let Some(record) = splitter.next_record()? {
                each(self, std::str::from_utf8(record)?)?;
            }
        }
        Ok(splitter.finish()?)
    }

    fn lines(&mut self, object: &[u8]) -> Result<(), Failure> {
        let mut decoder = Decoder::new();
        let mut splitter = RecordSplitter::new("Records", MAX_RECORD_BYTES);
        let mut input = object;
        loop {
            let progress = decoder.decode(input, splitter.window().room())?;
            splitter.window().commit(progress.produced);
            input = &input[progress.consumed..];
            while let Some(record) = splitter.next_record()? {
                self.line(std::str::from_utf8(record)?)?;
            }
            if input.is_empty() && progress.produced == 0 {
                decoder.finish()?;
                return Ok(splitter.finish()?);
            }
        }
    }

    fn line(&mut self, record: &str) -> Result<(), Failure> {
        let wanted = ["eventSource", "eventName", "eventTime", "eventCategory"];
        let [source, _, time, category] = Members::of(record, &wanted)?.into_array();
        let tag = self.tags.tag(TagFields {
            event_type: EventType::of_cloud_trail(source.as_deref(), category.as_deref(), None),
            account: "123456789012",
            region: "us-east-2",
        });
        let time = time.as_deref().and_then(EventTime::parse);
        let parts = self.pulling_id.parts(record)?;
        if self.batch.len() > 256 * 1024 {
            self.batch.clear();
        }
        let time = time.unwrap_or_else(EventTime::now);
        self.framer.append(&mut self.batch, time, tag, &parts);
        Ok(())
    }
}
