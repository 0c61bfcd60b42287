//! Listing the lab's S3, with parsers that need no events: an object's key says how its reading ends.

use std::sync::Mutex;

use cloudweir_lab::{Fault as LabFault, FaultKind};
use cloudweir_lab::{Lab, LabOptions};
use tokio::sync::oneshot;

use super::*;
use crate::checkpoint::MemoryStore;
use crate::checkpoint::record::ObjectId;
use crate::delivery::{Outlet, OutputId, OutputPort, Unit};
use crate::session::{Credentials, Limiter, Session, SessionSettings, http_client, keep};
use crate::source::Tally;
use crate::source::object::{Extractor, Format, Job, Ledger, ReadError, Reading, Selection};

const BUCKET: &str = "logs";
const FAR: Duration = Duration::from_secs(30);

struct Everything;

impl Format for Everything {
    fn wants(&self, key: &str) -> bool {
        !key.contains("digest")
    }

    fn extractor(&self, _account: &str) -> Box<dyn Extractor> {
        unreachable!("nothing is parsed here")
    }
}

/// A bucket, and what survives the collector.
struct Stage {
    lab: Lab,
    store: Arc<dyn CheckpointStore>,
    caller: Caller,
    read: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    async fn set() -> Self {
        let lab = Lab::start(LabOptions::default()).await.unwrap();
        lab.s3().create_bucket(BUCKET).unwrap();
        let session = Session::default();
        let settings = SessionSettings {
            input: "input".to_owned(),
            region: "us-east-2".to_owned(),
            credentials: Credentials::Static {
                access_key: "AKIAIOSFODNN7EXAMPLE".into(),
                access_secret: "wJalrXUtnFEMIK7MDENG".into(),
                session_token: None,
            },
            sts_endpoint_url: Some(lab.endpoint().to_owned()),
            sdk: None,
            http: http_client(),
        };
        tokio::spawn(keep(session.clone(), settings, CancellationToken::new()));
        Self {
            lab,
            store: Arc::new(MemoryStore::new()),
            caller: Caller::new(session, Limiter::default()),
            read: Arc::default(),
        }
    }

    fn put(&self, key: &str) {
        self.lab.s3().put(BUCKET, key, key.to_owned()).unwrap();
    }

    /// What was read since the last call, in the order of the keys.
    fn take_read(&self) -> Vec<String> {
        let mut read = std::mem::take(&mut *self.read.lock().unwrap());
        read.sort();
        read
    }

    /// A source that begins like after a start of the collector.
    async fn source(&self) -> ListingSource {
        let port = OutputPort {
            id: OutputId::from_index(0).unwrap(),
            name: "out".into(),
            queue: async_channel::bounded(1).0,
            accepting: watch::channel(true).1,
        };
        let outlet = Outlet::new(vec![port]);
        let scope = Scope::new("input", "service", "module", "us-east-2").unwrap();
        let ledger = Ledger::new(Arc::clone(&self.store), scope.clone(), outlet.clone());
        let (jobs, receiver) = async_channel::bounded(1);
        tokio::spawn(parse(receiver, ledger.clone(), Arc::clone(&self.read)));
        let settings = ListingSettings {
            bucket: BUCKET.to_owned(),
            prefix: "p/".to_owned(),
            start: None,
            look_back: Duration::ZERO,
            s3_endpoint_url: Some(self.lab.endpoint().to_owned()),
            caller: self.caller.clone(),
            concurrency: 4,
            store: Arc::clone(&self.store),
            scope,
            pulling_id: Arc::new(watch::Sender::new(PullingId::now())),
        };
        let objects = ObjectSettings {
            origin: "test".into(),
            selection: Selection {
                format: Arc::new(Everything),
                filter: None,
            },
            ledger,
            dedup_window: FAR,
            outlet,
            jobs,
            tally: Arc::new(Tally::default()),
            intake: CancellationToken::new(),
        };
        let mut source = ListingSource::new(settings, objects);
        source.setup().await.unwrap();
        source
    }
}

/// Delivers every object as one event; those whose key says so cannot be read.
async fn parse(jobs: async_channel::Receiver<Job>, ledger: Ledger, read: Arc<Mutex<Vec<String>>>) {
    while let Ok(Job { object, reply }) = jobs.recv().await {
        read.lock().unwrap().push(object.key.clone());
        let is_bad = object.key.contains("bad");
        let id = ObjectId {
            bucket: object.bucket,
            key: object.key,
            etag: object.etag.unwrap_or_default(),
        };
        let standing = ledger.standing(&id).await.unwrap();
        let (unit, settlement) = Unit::open(standing.lanes().iter().map(|lane| (lane.output, 0)));
        let (end, ended) = oneshot::channel();
        if is_bad {
            end.send(Err(ReadError::Content("bad".to_owned()))).unwrap();
            drop(unit);
        } else {
            end.send(Ok(())).unwrap();
            for receipt in unit.issue(&(0..1)) {
                receipt.confirm();
            }
            unit.seal(1);
        }
        let reading = Reading {
            id,
            standing,
            settlement,
            ended,
        };
        reply.send(Ok(reading)).unwrap();
    }
}

async fn pull(source: &mut ListingSource) -> Result<Counted, SourceError> {
    let cycle = Cycle {
        pulling_id: PullingId::now(),
        until: Instant::now() + FAR,
    };
    source.pull(&cycle, &CancellationToken::new()).await?;
    Ok(source.take_counts())
}

#[tokio::test]
async fn every_object_is_read_once_whatever_the_restarts() {
    let stage = Stage::set().await;
    for number in 0..1_500 {
        stage.put(&format!("p/a/2024/01/01/{number:04} é+&.gz"));
        stage.put(&format!("p/b/2024/01/01/{number:04}.gz"));
    }
    stage.put("elsewhere/2024/01/01/a");
    let mut source = stage.source().await;
    assert_eq!(pull(&mut source).await.unwrap().messages, 3_000);
    assert_eq!(stage.take_read().len(), 3_000);
    // Behind one cursor twice, and in a new stream: and nothing else.
    let new = [
        "p/a/2024/01/01/1499 ü",
        "p/a/2024/01/02/0",
        "p/c/2024/01/01/0",
    ];
    for key in new {
        stage.put(key);
    }
    assert_eq!(pull(&mut source).await.unwrap().messages, 3);
    assert_eq!(stage.take_read(), new);
    source.drain(Instant::now() + FAR).await;
    let counts = pull(&mut stage.source().await).await.unwrap();
    assert!(stage.take_read().is_empty());
    // One request from the start, and one for what lies behind each of the three cursors.
    assert!(counts.requests <= 4, "{} requests", counts.requests);
}

#[tokio::test]
async fn an_unreadable_object_is_given_up_after_five_cycles_and_holds_nothing_else_up() {
    let stage = Stage::set().await;
    for key in ["bad", "c", "digest"] {
        stage.put(&format!("p/2024/01/01/{key}"));
    }
    let mut source = stage.source().await;
    let mut discarded = 0;
    for _ in 0..7 {
        discarded += pull(&mut source).await.unwrap().discarded_files;
    }
    assert_eq!(discarded, 5 + 1);
    let bad = stage
        .take_read()
        .iter()
        .filter(|key| key.contains("bad"))
        .count();
    assert_eq!(bad, 5);
    source.drain(Instant::now() + FAR).await;
    pull(&mut stage.source().await).await.unwrap();
    assert!(stage.take_read().is_empty());
}

#[tokio::test]
async fn objects_of_before_the_start_are_not_read() {
    let stage = Stage::set().await;
    stage.put("p/2024/01/01/a");
    let mut source = stage.source().await;
    source.settings.start = Some(jiff::Timestamp::now() + FAR);
    source.setup().await.unwrap();
    pull(&mut source).await.unwrap();
    assert!(stage.take_read().is_empty());
}

#[tokio::test]
async fn a_listing_that_is_refused_is_an_error_and_the_next_one_goes_on() {
    let stage = Stage::set().await;
    stage.put("p/2024/01/01/a");
    let mut source = stage.source().await;
    let denied = FaultKind::Error {
        code: "AccessDenied".to_owned(),
        status: 403,
    };
    stage
        .lab
        .faults()
        .add(LabFault::once("s3:ListObjectsV2", denied));
    let error = pull(&mut source).await.unwrap_err().to_string();
    assert!(error.contains("s3:ListBucket on s3://logs/p/"), "{error}");
    assert_eq!(pull(&mut source).await.unwrap().messages, 1);
}
