//! Reading an export back, and importing it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Age, Checksum, ExportError, Exported, FORMAT, Footer, Header, VERSION};
use crate::checkpoint::envelope::MAX_VALUE_BYTES;
use crate::checkpoint::{Batch, CheckpointStore, Key, KeyError, Row, StoreError, hex};

/// No line of ours comes near, whatever its record escapes to; a file that has a longer one is not an export.
const MAX_LINE_BYTES: u64 = 256 * 1024;

/// Rows in one commit of an import.
const IMPORT_BATCH_ROWS: usize = 256;

#[derive(Deserialize)]
struct RowIn {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Footer(Footer),
    Row(RowIn),
}

/// The rows of an export, checked as they are read: unless the last item is an error, the file was whole and unchanged.
pub struct ExportReader {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
    header: Header,
    rows: u64,
    checksum: Checksum,
    finished: bool,
}

impl ExportReader {
    /// Opens an export and reads its header.
    ///
    /// # Errors
    /// [`ExportError`] if the file cannot be read or does not start as an export of this version.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        let file = File::open(path).map_err(|source| ExportError::Io {
            doing: "open",
            path: path.to_owned(),
            source,
        })?;
        let mut reader = Self {
            path: path.to_owned(),
            lines: BufReader::new(file),
            line: 0,
            header: Header::default(),
            rows: 0,
            checksum: Checksum::new(Age::default()),
            finished: false,
        };
        let line = reader.next_line()?;
        reader.header = reader.parse(&line)?;
        if reader.header.format != FORMAT || reader.header.version != VERSION {
            let found = format!("{} {}", reader.header.format, reader.header.version);
            return Err(reader.damaged(format!("expected {FORMAT} {VERSION}, found {found}")));
        }
        reader.checksum = Checksum::new(reader.header.age);
        Ok(reader)
    }

    /// How far the store was that the export was made of.
    #[must_use]
    pub fn age(&self) -> Age {
        self.header.age
    }

    /// Reads an export to its end, for its checks alone.
    ///
    /// # Errors
    /// [`ExportError`] if it cannot be read, or is not whole and unchanged.
    pub fn verify(path: &Path) -> Result<Exported, ExportError> {
        let mut reader = Self::open(path)?;
        for row in reader.by_ref() {
            row?;
        }
        Ok(Exported {
            rows: reader.rows,
            age: reader.age(),
            exported_unix_ms: reader.header.exported_unix_ms,
        })
    }

    fn read_row(&mut self) -> Result<Option<Row>, ExportError> {
        let line = self.next_line()?;
        match self.parse(&line)? {
            Line::Row(row) => {
                let (Some(key), Some(value)) = (hex::decode(&row.key), hex::decode(&row.value))
                else {
                    return Err(self.damaged("its key or value is not hexadecimal".to_owned()));
                };
                if value.len() > MAX_VALUE_BYTES {
                    return Err(self.damaged("its value is larger than a row may be".to_owned()));
                }
                self.rows += 1;
                self.checksum.add(&key, &value);
                let key = Key::from_bytes(&key)
                    .map_err(|error: KeyError| self.damaged(error.to_string()))?;
                Ok(Some((key, value)))
            }
            Line::Footer(footer) => {
                self.finished = true;
                let checksum = self.checksum.clone().finish();
                if (footer.rows, footer.crc32) != (self.rows, checksum) {
                    return Err(self.damaged(format!(
                        "{} rows with checksum {} were written; {} with {checksum} are there",
                        footer.rows, footer.crc32, self.rows
                    )));
                }
                Ok(None)
            }
        }
    }

    fn next_line(&mut self) -> Result<Vec<u8>, ExportError> {
        self.line += 1;
        let mut line = Vec::new();
        let read = (&mut self.lines)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line);
        match read {
            Err(source) => Err(ExportError::Io {
                doing: "read",
                path: self.path.clone(),
                source,
            }),
            Ok(_) if line.last() == Some(&b'\n') => Ok(line),
            Ok(_) => Err(self.damaged("the file ends here, or the line is too long".to_owned())),
        }
    }

    fn parse<T: for<'de> Deserialize<'de>>(&self, line: &[u8]) -> Result<T, ExportError> {
        serde_json::from_slice(line).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, reason: String) -> ExportError {
        ExportError::Damaged {
            path: self.path.clone(),
            line: self.line,
            reason,
        }
    }
}

impl Iterator for ExportReader {
    type Item = Result<Row, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let row = self.read_row().transpose();
        // An error ends the file as its footer does: nothing behind it can be trusted.
        self.finished |= !matches!(row, Some(Ok(_)));
        row
    }
}

/// Commits every row of an export to a store, over what the store has. Nothing is committed unless the file is whole.
///
/// # Errors
/// [`StoreError::Export`] if the file is not a whole export; otherwise what the store answers.
pub async fn import(store: &dyn CheckpointStore, path: &Path) -> Result<Exported, StoreError> {
    let exported = ExportReader::verify(path)?;
    let mut batch = Batch::new();
    for row in ExportReader::open(path)? {
        let (key, value) = row?;
        batch.put_raw(key, value);
        if batch.len() >= IMPORT_BATCH_ROWS {
            store.commit(std::mem::take(&mut batch)).await?;
        }
    }
    store.commit(batch).await?;
    Ok(exported)
}
