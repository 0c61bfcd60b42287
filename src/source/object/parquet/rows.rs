//! Rows, one after another.

use std::any::Any;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::bloom_filter::Sbbf;
use parquet::column::page::PageReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::RowGroupReader;
use parquet::record::Row;
use parquet::record::reader::{ReaderIter, RowIter, TreeBuilder};
use parquet::schema::types::Type;

use super::pages::{ColumnPages, PageError};
use super::{ParquetFault, json};

/// How many rows are decoded at a time.
const BATCH_ROWS: usize = 1024;

/// How much of a decoder's words is kept: they may quote the data.
const MAX_REASON_CHARS: usize = 300;

/// The rows of a Parquet object.
///
/// Holds, for each column, a page, a dictionary and a batch of values; no more, however many rows there are.
pub struct Rows {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    /// The rows of the row group before `next_group`, from where we are. The decoders in it are not `Sync`, so they are
    /// only ever reached through `&mut`, which takes no locking.
    group: Mutex<Option<ReaderIter>>,
    next_group: usize,
    /// The columns' names as keys of JSON members.
    keys: Vec<String>,
    /// The row that was read last.
    row: Option<Row>,
    /// How many rows were read.
    rows: u64,
}

impl Rows {
    pub(super) fn new(file: Arc<File>, metadata: ParquetMetaData) -> Self {
        let columns = metadata.file_metadata().schema().get_fields();
        let keys = columns.iter().map(|column| {
            let mut key = String::new();
            json::append_key(&mut key, column.name());
            key
        });
        Self {
            keys: keys.collect(),
            file,
            metadata: Arc::new(metadata),
            group: Mutex::new(None),
            next_group: 0,
            row: None,
            rows: 0,
        }
    }

    /// Appends the next row to `out`, as a JSON object with the columns in their order; `false` if there are no more.
    ///
    /// A column's value is a string, as the text form of the same log has it; `null` if there is none, or if it is the `-`
    /// of the text form. The columns of a group are an object of such, the elements of a list an array.
    ///
    /// # Errors
    /// [`ParquetFault::Row`] and [`ParquetFault::Spool`]; `out` is as it was, and there are no rows after it.
    pub fn next_row(&mut self, out: &mut String) -> Result<bool, ParquetFault> {
        let len = out.len();
        self.advance(out).map_err(|fault| {
            out.truncate(len);
            let row_group = self.next_group.saturating_sub(1);
            self.finish();
            match fault {
                Fault::Io(error) => ParquetFault::Spool(error),
                Fault::Content(reason) => ParquetFault::Row {
                    row: self.rows,
                    row_group,
                    reason,
                },
            }
        })
    }

    /// The values of the row that was read last, in the order of the columns, with their names: as the text form has them.
    pub fn values(&self) -> impl Iterator<Item = (&str, Option<Cow<'_, str>>)> {
        let columns = self.row.iter().flat_map(Row::get_column_iter);
        columns.map(|(name, field)| (name.as_str(), json::value(field)))
    }

    /// The value of the column called `name`, of the row that was read last.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut columns = self.row.iter().flat_map(Row::get_column_iter);
        let (_, field) = columns.find(|(column, _)| *column == name)?;
        json::value(field)
    }

    fn advance(&mut self, out: &mut String) -> Result<bool, Fault> {
        let group = self.group.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(rows) = group {
                let keys = &self.keys;
                let row = guarded(|| {
                    let Some(row) = rows.next().transpose()? else {
                        return Ok(None);
                    };
                    append_row(out, keys, &row);
                    Ok(Some(row))
                })?;
                if let Some(row) = row {
                    self.row = Some(row);
                    self.rows += 1;
                    return Ok(true);
                }
                *group = None;
            }
            if self.next_group == self.metadata.num_row_groups() {
                self.row = None;
                return Ok(false);
            }
            let metadata = self.metadata.row_group(self.next_group);
            self.next_group += 1;
            if metadata.num_rows() == 0 {
                // There may be no pages either.
                continue;
            }
            let pages = GroupPages {
                file: &self.file,
                metadata,
                open_bytes: Arc::new(AtomicUsize::new(0)),
            };
            let schema = self.metadata.file_metadata().schema_descr_ptr();
            *group = Some(guarded(|| {
                let builder = TreeBuilder::new().with_batch_size(BATCH_ROWS);
                Ok(builder.as_iter(schema, &pages)?)
            })?);
        }
    }

    fn finish(&mut self) {
        self.next_group = self.metadata.num_row_groups();
        self.group = Mutex::new(None);
        self.row = None;
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.keys.len())
            .field("next_group", &self.next_group)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

fn append_row(out: &mut String, keys: &[String], row: &Row) {
    let mut before = '{';
    for (key, (_, field)) in keys.iter().zip(row.get_column_iter()) {
        out.push(before);
        out.push_str(key);
        json::append(out, field);
        before = ',';
    }
    out.push('}');
}

/// Why the decoder stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Io(io::Error),
    #[error("{0}")]
    Content(String),
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        let reason = match error {
            ParquetError::General(reason) | ParquetError::EOF(reason) => reason,
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => return Self::Io(*error),
                Err(error) => match error.downcast::<PageError>() {
                    Ok(error) => return Self::Content(error.to_string()),
                    Err(error) => error.to_string(),
                },
            },
            other => other.to_string(),
        };
        Self::content(&reason)
    }
}

impl Fault {
    fn content(reason: &str) -> Self {
        Self::Content(reason.chars().take(MAX_REASON_CHARS).collect())
    }
}

/// Lets the `parquet` crate work on data that it may not be able to cope with.
///
/// It indexes, asserts and unwraps where corrupt data can lead, so a panic is one of its ways to refuse a file, and must not
/// end the parser that other objects wait for. What it worked on is dropped afterwards, so a broken state is never used.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(refusal(panic.as_ref())))
}

fn refusal(panic: &(dyn Any + Send)) -> Fault {
    let reason = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    Fault::content(&format!("the decoder gave up: {reason}"))
}

/// One row group, as the `parquet` crate's row assembly wants it: with our pages.
struct GroupPages<'a> {
    file: &'a Arc<File>,
    metadata: &'a RowGroupMetaData,
    open_bytes: Arc<AtomicUsize>,
}

impl RowGroupReader for GroupPages<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> ParquetResult<Box<dyn PageReader>> {
        Ok(Box::new(ColumnPages::new(
            Arc::clone(self.file),
            self.metadata.column(i),
            Arc::clone(&self.open_bytes),
        )?))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> ParquetResult<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}
