//! The rows of a Parquet object, one JSON object a row, in bounded memory.
//!
//! AWS writes VPC flow logs and CloudFront's standard logs as Parquet on request. A Parquet file is read from its end, while
//! an object comes from its start: so it is first spooled to an anonymous temporary file, then read row group by row group,
//! page by page. Footer, levels and values are the `parquet` crate's to decode; that crate trusts the sizes a file claims,
//! so what it is given was measured here before: the footer's schema, and every page, which is also decompressed here.
//! What a row means, and where it goes, is for the services to say.
//!
//! All file access blocks: a write is a copy into the page cache, a read at most one page of each column. That is in the
//! order of a decompressed chunk of any other object, so it stays on the worker thread.

mod codec;
mod delta;
mod footer;
mod json;
mod object;
mod page_header;
mod pages;
mod rows;
mod thrift;

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

pub use object::ParquetObject;
pub use rows::Rows;

/// What a Parquet object starts and ends with (Parquet's format specification, "File format").
pub const MAGIC: &[u8; 4] = b"PAR1";

/// The largest object that is spooled. AWS's own are far smaller: flow logs rotate at 75 MB (VPC user guide, "Flow log files").
pub const MAX_OBJECT_BYTES: u64 = 2 << 30;

/// A Parquet object on its way to disk.
///
/// The file is in the directory for temporary files (`TMPDIR`, else `/tmp`), has no name, and is gone with this value.
/// Where that directory is in memory (tmpfs), the object is too.
#[derive(Debug)]
pub struct ParquetRows {
    file: File,
    len: u64,
    max_len: u64,
}

impl ParquetRows {
    /// An empty spool for an object of at most [`MAX_OBJECT_BYTES`].
    ///
    /// # Errors
    /// [`ParquetFault::Spool`].
    pub fn spool() -> Result<Self, ParquetFault> {
        Self::spool_at_most(MAX_OBJECT_BYTES)
    }

    /// An empty spool for an object of at most `max_len` bytes.
    ///
    /// # Errors
    /// [`ParquetFault::Spool`].
    pub fn spool_at_most(max_len: u64) -> Result<Self, ParquetFault> {
        Ok(Self {
            file: tempfile::tempfile()?,
            len: 0,
            max_len,
        })
    }

    /// Adds the next bytes of the object, from its magic on.
    ///
    /// # Errors
    /// [`ParquetFault::Spool`] and [`ParquetFault::TooLarge`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ParquetFault> {
        self.len += bytes.len() as u64;
        if self.len > self.max_len {
            return Err(ParquetFault::TooLarge {
                limit_bytes: self.max_len,
            });
        }
        self.file.write_all(bytes)?;
        Ok(())
    }

    /// The object is complete: opens it for reading.
    ///
    /// # Errors
    /// Everything but [`ParquetFault::TooLarge`] and [`ParquetFault::Row`].
    pub fn open(self) -> Result<Rows, ParquetFault> {
        let metadata = footer::read(&self.file, self.len)?;
        Ok(Rows::new(Arc::new(self.file), metadata))
    }
}

/// Why a Parquet object cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ParquetFault {
    /// The temporary file cannot be made, written or read. The object is not to blame: trying again can help.
    #[error(
        "cannot spool the Parquet object to a temporary file in {directory}: {0}; make room there, or set TMPDIR to another directory",
        directory = std::env::temp_dir().display()
    )]
    Spool(#[from] io::Error),
    /// The object is larger than we spool.
    #[error(
        "the Parquet object is larger than {limit_bytes} bytes; have it written in smaller files"
    )]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// It does not begin as Parquet does, or nothing follows.
    #[error("the object is not a Parquet file: it does not begin with PAR1 and hold a footer")]
    NotParquet,
    /// It begins as Parquet does, but does not end so.
    #[error("the Parquet object does not end with PAR1: it was cut short, or is not complete yet")]
    Truncated,
    /// It is encrypted by Parquet's own encryption, which AWS's log deliveries do not use.
    #[error("the Parquet object is encrypted (Parquet modular encryption), which is not supported")]
    Encrypted,
    /// Its footer does not make sense.
    #[error("the footer of the Parquet object is corrupt: {0}")]
    Footer(String),
    /// A column is compressed with something we cannot undo.
    #[error(
        "column {column} of the Parquet object is compressed with {codec}, which is not supported; have it written with gzip, snappy, zstd or none"
    )]
    Codec {
        /// The column.
        column: String,
        /// The codec, as Parquet calls it.
        codec: String,
    },
    /// A row cannot be read, nor any after it.
    #[error("row {row} of the Parquet object (in row group {row_group}) cannot be read: {reason}")]
    Row {
        /// How many rows came before it.
        row: u64,
        /// The row group, from 0.
        row_group: usize,
        /// What is wrong, and in which column if that is known.
        reason: String,
    },
}

impl ParquetFault {
    /// Whether the fault is this machine's, so that the same object may be read another time.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Spool(_))
    }
}

#[cfg(test)]
mod tests;
