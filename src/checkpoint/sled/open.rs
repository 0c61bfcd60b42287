//! The opening protocol: what is done about a database that is damaged, missing, or not whole.
//!
//! 1. Lock the directory.
//! 2. No database: restore the newest export if there is one, else start empty.
//! 3. A damaged database, or one behind its newest export: if a crash left an unfinished `snap.*.generating`, try a copy without it; else restore the newest
//!    export; else start empty. The damaged one is renamed aside, never deleted, once its successor is finished.
//! 4. A database that opens without its sentinel has lost its data, and nothing says how much: the start is refused, for a
//!    person to decide. Row counts that differ from the sentinel's are reported and used: a missing row costs work done
//!    again, never an event, so stopping would cost more.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SledOptions;
use super::engine::{Counters, Opened, SledEngine, Unopened};
use super::layout::{Layout, io_error};
use super::recovery::Recovery;
use super::thread::{Engine, Failure};
use crate::checkpoint::Batch;
use crate::checkpoint::export::{Age, ExportError, ExportReader, Exported};

/// Rows in one transaction of a restore.
const RESTORE_BATCH_ROWS: usize = 256;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path is a file.
    #[error("{} is not a directory; name one for the checkpoints in persistence.config.directory_name", path.display())]
    NotADirectory {
        /// What the configuration names.
        path: PathBuf,
    },
    /// Another process has it.
    #[error(
        "the checkpoint directory {} is in use by {}; stop that one, or give this one a directory of its own",
        directory.display(),
        holder.map_or("another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// The other process, if it said who it is.
        holder: Option<u32>,
    },
    /// The database opened without its sentinel: its data is lost.
    #[error(
        "the checkpoint database {0} opened, but its contents are lost: the row that every database of ours has is not there. \
         Nothing was changed. To go on, move {0} out of the way: the next start restores the newest export beside it, or, \
         if there is none, reads again from the configured look-back",
        path.display()
    )]
    DataLost {
        /// The database.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {doing} {} for the checkpoints: {source}; it must be writable, with some space left", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What it answered.
        source: io::Error,
    },
    /// The engine refused, for a reason that no repair would change.
    #[error("the checkpoint database {} cannot be used: {reason}", path.display())]
    Engine {
        /// The database.
        path: PathBuf,
        /// What the engine says.
        reason: String,
    },
    /// No thread could be started.
    #[error("no thread can be started for the checkpoints: {0}")]
    Thread(#[source] io::Error),
}

/// Opens the store in `directory`.
pub(super) fn open(
    directory: &Path,
    options: &SledOptions,
    counters: Arc<Counters>,
) -> Result<(SledEngine, Recovery), OpenError> {
    let layout = Layout::claim(directory)?;
    let repaired = if layout.has_database()? {
        None
    } else {
        Some(rebuild(&layout)?)
    };
    let (engine, recovery) = open_or_repair(&layout, repaired)?;
    recovery.log();
    let engine = engine.serving(layout, options.min_free_bytes, counters);
    Ok((engine, recovery))
}

fn open_or_repair(
    layout: &Layout,
    repaired: Option<Recovery>,
) -> Result<(SledEngine, Recovery), OpenError> {
    let path = layout.database();
    match (open_up_to_date(layout, &path), repaired) {
        (Ok(found), repaired) => {
            let recovery = repaired.unwrap_or_else(|| recovery(&found));
            Ok((found.engine, recovery))
        }
        (Err(Unopened::Corrupt(reason)), None) => {
            tracing::error!(
                database = %path.display(),
                reason,
                "the checkpoint database is damaged; trying to repair it"
            );
            let repaired = repair(layout)?;
            open_or_repair(layout, Some(repaired))
        }
        (Err(Unopened::Corrupt(reason)), Some(_)) => Err(OpenError::Engine { path, reason }),
        (Err(Unopened::NoSentinel), _) => Err(OpenError::DataLost { path }),
        (Err(Unopened::Other(error)), _) => Err(error),
    }
}

/// Opens a database, and takes one that is behind the newest export for a damaged one: sled takes a damaged record for the
/// torn end of its log, and opens as it was before it, without an error.
fn open_up_to_date(layout: &Layout, path: &Path) -> Result<Opened, Unopened> {
    let found = SledEngine::open(path)?;
    let export = layout.export();
    let exported = ExportReader::open(&export).map_or(0, |export| export.age().sequence);
    if found.sequence < exported && ExportReader::verify(&export).is_ok() {
        return Err(Unopened::Corrupt(format!(
            "it has {} transactions, and its newest export {exported}",
            found.sequence
        )));
    }
    Ok(found)
}

fn recovery(found: &Opened) -> Recovery {
    match &found.missing {
        Some(missing) => Recovery::RowsMissing(missing.clone()),
        None => Recovery::Opened {
            generation: found.engine.generation(),
            rows: found.engine.rows(),
        },
    }
}

fn repair(layout: &Layout) -> Result<Recovery, OpenError> {
    if let Some(rows) = build_without_unfinished_snapshots(layout)?
        && let Some(aside) = layout.install()?
    {
        return Ok(Recovery::Repaired { aside, rows });
    }
    rebuild(layout)
}

/// A copy of the database without `snap.*.generating`: its row count, if it had such a file and opens whole without it.
fn build_without_unfinished_snapshots(layout: &Layout) -> Result<Option<u64>, OpenError> {
    let database = layout.database();
    let mut entries = fs::read_dir(&database).map_err(io_error("read", &database))?;
    if !entries.any(|entry| entry.is_ok_and(|entry| is_unfinished_snapshot(&entry.file_name()))) {
        return Ok(None);
    }
    let building = layout.start_building()?;
    copy_finished(&database, &building)?;
    match open_up_to_date(layout, &building) {
        Ok(found) => Ok(Some(found.engine.rows())),
        Err(Unopened::Other(error)) => Err(error),
        Err(Unopened::Corrupt(_) | Unopened::NoSentinel) => Ok(None),
    }
}

fn is_unfinished_snapshot(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("snap.") && name.ends_with(".generating")
}

/// Copies all but the unfinished snapshots, and syncs the copies.
fn copy_finished(from: &Path, to: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(from).map_err(io_error("read", from))? {
        let entry = entry.map_err(io_error("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            fs::create_dir(&target).map_err(io_error("create", &target))?;
            copy_finished(&source, &target)?;
        } else if !is_unfinished_snapshot(&entry.file_name()) {
            fs::copy(&source, &target).map_err(io_error("copy", &source))?;
            fs::File::open(&target)
                .and_then(|file| file.sync_all())
                .map_err(io_error("flush", &target))?;
        }
    }
    Ok(())
}

/// A new database from the newest export, or an empty one.
fn rebuild(layout: &Layout) -> Result<Recovery, OpenError> {
    let export = layout.export();
    let building = layout.start_building()?;
    if !export.exists() {
        SledEngine::create(&building, Age::default())?;
        return Ok(match layout.install()? {
            Some(aside) => Recovery::Emptied { aside: vec![aside] },
            None => Recovery::Created,
        });
    }
    match restore(&export, &building) {
        Ok(exported) => Ok(Recovery::Restored {
            aside: layout.install()?,
            rows: exported.rows,
            exported_unix_ms: exported.exported_unix_ms,
        }),
        Err(RestoreError::Engine(error)) => Err(error),
        Err(RestoreError::Export(error)) => {
            tracing::error!(%error, "the checkpoint export cannot be restored");
            let unusable = layout.set_export_aside()?;
            SledEngine::create(&layout.start_building()?, Age::default())?;
            let aside = layout.install()?.into_iter().chain([unusable]).collect();
            Ok(Recovery::Emptied { aside })
        }
    }
}

enum RestoreError {
    Export(ExportError),
    Engine(OpenError),
}

impl From<ExportError> for RestoreError {
    fn from(error: ExportError) -> Self {
        Self::Export(error)
    }
}

/// Makes a database in the empty directory `building` of the rows of an export.
fn restore(export: &Path, building: &Path) -> Result<Exported, RestoreError> {
    let exported = ExportReader::verify(export)?;
    let mut engine = SledEngine::create(building, exported.age).map_err(RestoreError::Engine)?;
    let mut commit = |batch: Batch| {
        engine.commit(&[batch]).map_err(|failure| {
            let reason = match failure {
                Failure::Refused(error) => error.to_string(),
                Failure::Fatal(reason) => reason,
            };
            RestoreError::Engine(OpenError::Engine {
                path: building.to_owned(),
                reason,
            })
        })
    };
    let mut batch = Batch::new();
    for row in ExportReader::open(export)? {
        let (key, value) = row?;
        batch.put_raw(key, value);
        if batch.len() >= RESTORE_BATCH_ROWS {
            commit(std::mem::take(&mut batch))?;
        }
    }
    commit(batch)?;
    Ok(exported)
}
