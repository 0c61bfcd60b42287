//! The engine-free copy: a file of JSON lines that can be read, carried to another engine, and restored from.
//!
//! The first line is a header, the last one counts and checks what lies between; each row gives its key and its value in
//! hexadecimal, and beside them what they mean, for people and their tools (ignored when the file is read back).
//! The file is written whole or not at all: temporary file, fsync, rename, fsync of the directory.

mod read;
mod write;

pub use read::{ExportReader, import};
pub(super) use write::write;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

const FORMAT: &str = "cloudweir checkpoints";
const VERSION: u16 = 1;

/// Why an export cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it answered.
        source: io::Error,
    },
    /// The file is not a whole, unchanged export.
    #[error("{} is not a usable checkpoint export: line {line}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

/// How far the store was that an export was made of; zero where it keeps no count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// How often it had been opened.
    pub generation: u64,
    /// How many transactions it had made.
    pub sequence: u64,
}

/// What an export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many rows.
    pub rows: u64,
    /// How far the store was.
    pub age: Age,
    /// When it was written, in milliseconds since the Unix epoch.
    pub exported_unix_ms: i64,
}

#[derive(Default, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u16,
    #[serde(flatten)]
    age: Age,
    exported_unix_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    rows: u64,
    crc32: u32,
}

/// Over the age, and every key and value, each after its length.
#[derive(Clone)]
struct Checksum(crc32fast::Hasher);

impl Checksum {
    fn new(age: Age) -> Self {
        let mut checksum = Self(crc32fast::Hasher::new());
        checksum.0.update(&age.generation.to_be_bytes());
        checksum.0.update(&age.sequence.to_be_bytes());
        checksum
    }

    fn add(&mut self, key: &[u8], value: &[u8]) {
        for bytes in [key, value] {
            self.0.update(&(bytes.len() as u64).to_be_bytes());
            self.0.update(bytes);
        }
    }

    fn finish(self) -> u32 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::conformance::{key, value};
    use crate::checkpoint::{Batch, CheckpointStore, MemoryStore, Row};

    async fn exported(directory: &Path) -> PathBuf {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        for number in 0..3 {
            batch.put_raw(key(b"s", number), value(number));
        }
        store.commit(batch).await.unwrap();
        let path = directory.join("export.jsonl");
        let written = store.export(path.clone()).await.unwrap();
        assert_eq!(written, ExportReader::verify(&path).unwrap());
        path
    }

    #[tokio::test]
    async fn the_file_can_be_read_by_a_person() {
        let directory = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(exported(directory.path()).await).unwrap();
        let row: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
        assert_eq!(row["kind"], "object");
        assert_eq!(row["input"], "s");
        assert_eq!(row["record"]["object"]["bucket"], "bucket-0");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn an_export_cut_anywhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = exported(directory.path()).await;
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(ExportReader::verify(&path).is_err(), "cut at {end}");
        }
    }

    #[tokio::test]
    async fn an_export_without_one_of_its_rows_is_refused_and_nothing_of_it_imported() {
        let directory = tempfile::tempdir().unwrap();
        let path = exported(directory.path()).await;
        let text = fs::read_to_string(&path).unwrap();
        let shorter: Vec<&str> = text
            .lines()
            .enumerate()
            .filter_map(|(number, line)| (number != 2).then_some(line))
            .collect();
        fs::write(&path, shorter.join("\n") + "\n").unwrap();
        let store = MemoryStore::new();
        assert!(import(&store, &path).await.is_err());
        let rows = store.scan_prefix(crate::checkpoint::Prefix::all(), None, 9);
        assert!(rows.await.unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn a_flipped_bit_in_a_key_or_value_is_an_error(place in any::<prop::sample::Index>(), bit in 0u8..8) {
            let directory = tempfile::tempdir().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let path = runtime.block_on(exported(directory.path()));
            let mut bytes = fs::read(&path).unwrap();
            let whole: Vec<Row> = ExportReader::open(&path).unwrap().map(Result::unwrap).collect();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            // A change in the time or the readable part is harmless; one in the rows must not get through.
            if ExportReader::verify(&path).is_ok() {
                let rows: Vec<Row> = ExportReader::open(&path).unwrap().map(Result::unwrap).collect();
                prop_assert_eq!(rows, whole);
                prop_assert_eq!(ExportReader::open(&path).unwrap().age(), Age::default());
            }
        }
    }
}
