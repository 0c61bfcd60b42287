//! Every call into sled, on the one thread that owns the database.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::sled::{Db, IVec, Mode};

use super::OpenError;
use super::layout::{Layout, io_error};
use super::sentinel::{self, Sentinel};
use super::thread::{Engine, Failure, panic_text};
use crate::checkpoint::export::{self, Age, ExportError, Exported};
use crate::checkpoint::{Batch, Key, Prefix, Row, StoreError, envelope, hex};

/// sled's page cache in bytes. The rows are few and small.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How often sled's own thread writes and syncs what is left over, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;

/// What the store has done since the program started.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) batches: AtomicU64,
    pub(super) groups: AtomicU64,
}

pub(super) struct SledEngine {
    db: Db,
    /// A descriptor of our own to the database file: sled's flush does not sync it.
    file: File,
    directory: PathBuf,
    sentinel: Sentinel,
    min_free_bytes: u64,
    counters: Arc<Counters>,
    /// The lock on the directory. Fields are dropped in order: the database first, then its lock.
    _layout: Option<Layout>,
}

/// Why a database did not open.
pub(super) enum Unopened {
    /// Its files are damaged.
    Corrupt(String),
    /// It opened, but is not whole.
    NoSentinel,
    /// Something that no repair would change.
    Other(OpenError),
}

/// A database that opened, and what it was found to be.
pub(super) struct Opened {
    pub(super) engine: SledEngine,
    /// How many transactions it had seen when it was opened.
    pub(super) sequence: u64,
    pub(super) missing: Option<RowsMissing>,
}

/// Row counts as the sentinel has them and as they are, where they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsMissing {
    /// How many rows the last commit left.
    pub expected: u64,
    /// How many there are.
    pub found: u64,
}

impl SledEngine {
    /// Makes an empty database in the empty directory `path`.
    pub(super) fn create(path: &Path, age: Age) -> Result<Self, OpenError> {
        let opened = guarded(|| {
            let mut engine = Self::over(path, open_sled(path)?)?;
            engine.sentinel.generation = age.generation;
            engine.sentinel.sequence = age.sequence;
            engine.write_sentinel()?;
            Ok(engine)
        });
        opened.map_err(|unopened| match unopened {
            Unopened::Other(error) => error,
            Unopened::Corrupt(reason) => OpenError::Engine {
                path: path.to_owned(),
                reason,
            },
            Unopened::NoSentinel => OpenError::DataLost {
                path: path.to_owned(),
            },
        })
    }

    /// Opens a database, checks it whole, and counts the opening.
    pub(super) fn open(path: &Path) -> Result<Opened, Unopened> {
        guarded(|| {
            let mut engine = Self::over(path, open_sled(path)?)?;
            let sentinel = engine
                .db
                .get(sentinel::KEY)
                .map_err(corrupt)?
                .ok_or(Unopened::NoSentinel)?;
            let written: Sentinel = envelope::decode(&sentinel).map_err(corrupt)?;
            engine.sentinel.generation = written.generation + 1;
            engine.sentinel.sequence = written.sequence;
            for key in engine.db.range(after_sentinel()).keys() {
                engine.sentinel.row_added(&key.map_err(corrupt)?);
            }
            let missing = (engine.sentinel.rows != written.rows).then(|| RowsMissing {
                expected: written.total(),
                found: engine.sentinel.total(),
            });
            engine.write_sentinel()?;
            Ok(Opened {
                engine,
                sequence: written.sequence,
                missing,
            })
        })
    }

    fn over(path: &Path, db: Db) -> Result<Self, Unopened> {
        let file = path.join("db");
        let file = File::open(&file)
            .map_err(io_error("open", &file))
            .map_err(Unopened::Other)?;
        Ok(Self {
            db,
            file,
            directory: path.to_owned(),
            sentinel: Sentinel::default(),
            min_free_bytes: 0,
            counters: Arc::default(),
            _layout: None,
        })
    }

    /// The engine as the store serves it: it keeps the directory locked, refuses commits while less than `min_free_bytes`
    /// are free, and counts them.
    pub(super) fn serving(
        mut self,
        layout: Layout,
        min_free_bytes: u64,
        counters: Arc<Counters>,
    ) -> Self {
        self._layout = Some(layout);
        self.min_free_bytes = min_free_bytes;
        self.counters = counters;
        self
    }

    pub(super) fn generation(&self) -> u64 {
        self.sentinel.generation
    }

    pub(super) fn rows(&self) -> u64 {
        self.sentinel.total()
    }

    /// A database that can be read but not written is no damaged one: a full disk does that.
    fn write_sentinel(&mut self) -> Result<(), Unopened> {
        self.transact(BTreeMap::new()).map_err(|reason| {
            Unopened::Other(OpenError::Engine {
                path: self.directory.clone(),
                reason,
            })
        })
    }

    /// One transaction of rows and sentinel, on the disk when this returns.
    fn transact(&mut self, changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Result<(), String> {
        let text = |error: ::sled::Error| error.to_string();
        let mut sentinel = self.sentinel.clone();
        sentinel.sequence += 1;
        let mut batch = ::sled::Batch::default();
        for (key, value) in changes {
            let existed = self.db.contains_key(&key).map_err(text)?;
            match value {
                Some(value) => {
                    if !existed {
                        sentinel.row_added(&key);
                    }
                    batch.insert(key, value);
                }
                None if existed => {
                    sentinel.row_removed(&key);
                    batch.remove(key);
                }
                None => {}
            }
        }
        let row = envelope::encode(&sentinel).map_err(|error| error.to_string())?;
        batch.insert(sentinel::KEY, row);
        self.db.apply_batch(batch).map_err(text)?;
        self.db.flush().map_err(text)?;
        self.file
            .sync_all()
            .map_err(|error| format!("the database file cannot be flushed to the disk: {error}"))?;
        self.sentinel = sentinel;
        Ok(())
    }

    /// sled keeps a failed write for ever, until it is opened again: better not to let it come to that.
    fn check_space(&self) -> Result<(), Failure> {
        let available_bytes = fs2::available_space(&self.directory).map_err(fatal)?;
        if available_bytes < self.min_free_bytes {
            return Err(Failure::Refused(StoreError::NoSpace {
                directory: self.directory.clone(),
                available_bytes,
                needed_bytes: self.min_free_bytes,
            }));
        }
        Ok(())
    }
}

impl Engine for SledEngine {
    fn load(&self, key: &Key) -> Result<Option<Vec<u8>>, Failure> {
        let value = self.db.get(key.to_bytes()).map_err(fatal)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn commit(&mut self, group: &[Batch]) -> Result<(), Failure> {
        self.check_space()?;
        let changes = group
            .iter()
            .flat_map(|batch| batch.clone().into_changes())
            .map(|(key, value)| (key.to_bytes(), value))
            .collect();
        self.transact(changes).map_err(Failure::Fatal)?;
        let batches = group.len() as u64;
        self.counters.batches.fetch_add(batches, Ordering::Relaxed);
        self.counters.groups.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn scan(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Row>, Failure> {
        let start = match prefix.start(after) {
            // An empty prefix starts behind the sentinel too.
            Bound::Included(start) if start.is_empty() => after_sentinel().0,
            start => start,
        };
        self.db
            .range((start, Bound::Unbounded))
            .take_while(|row| {
                row.as_ref()
                    .map_or(true, |(key, _)| key.starts_with(prefix.as_bytes()))
            })
            .take(limit)
            .map(row)
            .collect()
    }

    /// On this thread, so that the export is one moment's state; commits wait for it.
    fn export(&self, path: &Path) -> Result<Exported, Failure> {
        let rows = self.db.range(after_sentinel()).map(row);
        let age = Age {
            generation: self.sentinel.generation,
            sequence: self.sentinel.sequence,
        };
        export::write(path, age, rows)
    }
}

fn open_sled(path: &Path) -> Result<Db, Unopened> {
    let opened = ::sled::Config::new()
        .path(path)
        .mode(Mode::LowSpace)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS))
        .open();
    opened.map_err(|error| match error {
        ::sled::Error::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            Unopened::Other(io_error("open", path)(source))
        }
        // This too is damage, and no other version's work: nobody but us writes here, and sled's file of settings has no checksum.
        damage => corrupt(damage),
    })
}

/// A damaged database can make sled panic as well as fail.
fn guarded<T>(open: impl FnOnce() -> Result<T, Unopened>) -> Result<T, Unopened> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|payload| {
        let reason = format!("the engine panicked: {}", panic_text(&*payload));
        Err(Unopened::Corrupt(reason))
    })
}

fn corrupt(error: impl std::fmt::Display) -> Unopened {
    Unopened::Corrupt(error.to_string())
}

fn fatal(error: impl std::fmt::Display) -> Failure {
    Failure::Fatal(error.to_string())
}

fn after_sentinel() -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (Bound::Excluded(sentinel::KEY.to_vec()), Bound::Unbounded)
}

fn row(row: ::sled::Result<(IVec, IVec)>) -> Result<Row, Failure> {
    let (key, value) = row.map_err(fatal)?;
    let key = Key::from_bytes(&key).map_err(|source| {
        Failure::Refused(StoreError::ForeignRow {
            key_hex: hex::encode(&key),
            source,
        })
    })?;
    Ok((key, value.to_vec()))
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Self::Refused(error.into())
    }
}
