//! The store's directory: what is where, who may use it, and how a database takes another's place.
//!
//! ```text
//! <dir>/lock                the lock file; held from before anything is read until the last of us is gone
//! <dir>/sled/               the database
//! <dir>/export.jsonl        the newest export
//! <dir>/sled.building/      a database in the making; worth nothing
//! <dir>/sled.ready/         a finished one, about to become sled/
//! <dir>/sled.corrupt-<s>/   a damaged one, put aside at that Unix time; never deleted
//! ```
//!
//! All of it lies inside the one directory that the configuration names: that may be a mount point, which cannot be
//! renamed, and whose parent may not outlive the container. A database becomes `sled/` only by a rename, finished and with
//! its sentinel, so that one without a sentinel is never a start that was interrupted.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::OpenError;
use crate::checkpoint::fsync;

/// A directory that is ours alone as long as this lives.
pub(super) struct Layout {
    directory: PathBuf,
    _lock: File,
}

impl Layout {
    /// Creates the directory if need be, locks it, and finishes or discards what an interrupted repair left.
    pub(super) fn claim(directory: &Path) -> Result<Self, OpenError> {
        if directory.exists() && !directory.is_dir() {
            return Err(OpenError::NotADirectory {
                path: directory.to_owned(),
            });
        }
        fs::create_dir_all(directory).map_err(io_error("create", directory))?;
        let layout = Self {
            directory: directory.to_owned(),
            _lock: lock(directory)?,
        };
        layout.settle()?;
        Ok(layout)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.directory.join("sled")
    }

    pub(super) fn export(&self) -> PathBuf {
        export_path(&self.directory)
    }

    fn building(&self) -> PathBuf {
        self.directory.join("sled.building")
    }

    fn ready(&self) -> PathBuf {
        self.directory.join("sled.ready")
    }

    pub(super) fn has_database(&self) -> Result<bool, OpenError> {
        let database = self.database();
        match fs::read_dir(&database) {
            Ok(mut entries) => Ok(entries.next().is_some()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("read", &database)(error)),
        }
    }

    /// An empty place to make a database in.
    pub(super) fn start_building(&self) -> Result<PathBuf, OpenError> {
        let building = self.building();
        remove(&building)?;
        fs::create_dir(&building).map_err(io_error("create", &building))?;
        Ok(building)
    }

    /// Makes the finished database in `sled.building` the database. Returns where the former one is now.
    pub(super) fn install(&self) -> Result<Option<PathBuf>, OpenError> {
        let (building, ready, database) = (self.building(), self.ready(), self.database());
        fsync::directory(&building).map_err(io_error("flush", &building))?;
        rename(&building, &ready)?;
        let aside = if self.has_database()? {
            let aside = self.free_name("sled.corrupt");
            rename(&database, &aside)?;
            Some(aside)
        } else {
            remove(&database)?;
            None
        };
        rename(&ready, &database)?;
        Ok(aside)
    }

    /// Puts an export aside that cannot be read, so that the next one does not replace it.
    pub(super) fn set_export_aside(&self) -> Result<PathBuf, OpenError> {
        let aside = self.free_name("export.jsonl.corrupt");
        rename(&self.export(), &aside)?;
        Ok(aside)
    }

    fn settle(&self) -> Result<(), OpenError> {
        remove(&self.building())?;
        if !self.ready().exists() {
            return Ok(());
        }
        if self.has_database()? {
            // Interrupted before the damaged database was put aside: the repair starts over.
            return remove(&self.ready());
        }
        remove(&self.database())?;
        rename(&self.ready(), &self.database())
    }

    fn free_name(&self, stem: &str) -> PathBuf {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let mut path = self.directory.join(format!("{stem}-{now}"));
        let mut number = 1;
        while path.exists() {
            path = self.directory.join(format!("{stem}-{now}.{number}"));
            number += 1;
        }
        path
    }
}

/// Where the exports of the store in `directory` are.
pub(super) fn export_path(directory: &Path) -> PathBuf {
    directory.join("export.jsonl")
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(io_error("write to", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: whoever it is, we cannot go on.
            let _ = file.take(20).read_to_string(&mut holder);
            return Err(OpenError::Locked {
                directory: directory.to_owned(),
                holder: holder.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
    }
    let write_pid = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write_pid(&mut file).map_err(io_error("write to", &path))?;
    Ok(file)
}

fn rename(from: &Path, to: &Path) -> Result<(), OpenError> {
    fs::rename(from, to).map_err(io_error("rename", from))?;
    fsync::parent(to).map_err(io_error("flush the directory of", to))
}

fn remove(directory: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", directory)(error))
        }
        _ => Ok(()),
    }
}

pub(super) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn put(directory: &Path, content: &str) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("file"), content).unwrap();
    }

    fn database_after_claim(dir: &Path) -> Option<String> {
        let layout = Layout::claim(dir).unwrap();
        assert!(!layout.building().exists() && !layout.ready().exists());
        fs::read_to_string(layout.database().join("file")).ok()
    }

    #[test]
    fn an_unfinished_database_is_discarded() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("sled.building"), "new");
        assert_eq!(database_after_claim(dir.path()), None);
    }

    #[test]
    fn a_finished_database_takes_the_place_of_one_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("sled.ready"), "new");
        assert_eq!(database_after_claim(dir.path()).as_deref(), Some("new"));
    }

    #[test]
    fn a_finished_database_yields_to_one_not_yet_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("sled"), "old");
        put(&dir.path().join("sled.ready"), "new");
        assert_eq!(database_after_claim(dir.path()).as_deref(), Some("old"));
    }

    #[test]
    fn two_databases_put_aside_in_one_second_are_both_kept() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::claim(dir.path()).unwrap();
        let mut kept = Vec::new();
        for content in ["1", "2", "3"] {
            put(&layout.database(), content);
            put(&layout.start_building().unwrap(), "new");
            kept.push(layout.install().unwrap().unwrap());
        }
        let contents = kept
            .iter()
            .map(|path| fs::read_to_string(path.join("file")).unwrap());
        assert_eq!(contents.collect::<Vec<_>>(), ["1", "2", "3"]);
    }

    #[test]
    fn the_holder_of_the_lock_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let _held = Layout::claim(dir.path()).unwrap();
        let second = Layout::claim(dir.path()).err().unwrap();
        let text = second.to_string();
        assert!(text.contains(&dir.path().display().to_string()), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
    }
}
