//! The pages of one column in one row group, read from the file one at a time, decompressed and measured.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

use super::codec::Codec;
use super::delta;
use super::footer;
use super::page_header::{Contents, PageHeader};
use super::thrift::ThriftFault;

/// The longest page accepted. Writers aim at 1 MiB.
const MAX_PAGE_LEN: u32 = 64 << 20;

/// How much the open pages of all columns together may take: 70 columns with a dictionary and a page of 1 MiB each have room.
const MAX_OPEN_BYTES: usize = 256 << 20;

/// How many bytes of a page's header are read at first; hardly one is longer, but its statistics have no limit.
const HEADER_LEN: usize = 256;

/// The longest header accepted.
const MAX_HEADER_LEN: usize = 1 << 20;

/// What a value of a list takes in memory at least, besides what it points to: itself and its two levels.
const LISTED_VALUE_BYTES: usize = size_of::<ByteArray>() + 2 * size_of::<i16>();

/// What is wrong with a page, and where it is.
#[derive(Debug, thiserror::Error)]
#[error("column {column}: the page at byte {offset} {fault}")]
pub(super) struct PageError {
    column: String,
    offset: u64,
    fault: PageFault,
}

#[derive(Debug, thiserror::Error)]
enum PageFault {
    #[error("reaches beyond its column")]
    Truncated,
    #[error("has a corrupt header: {0}")]
    Header(ThriftFault),
    #[error("is too long: {0} bytes")]
    TooLong(u32),
    #[error("does not have the checksum that its header says")]
    Checksum,
    #[error("cannot be decompressed: {0}")]
    Decompress(String),
    #[error("does not have the levels that its header says")]
    Levels,
    #[error("has corrupt values: {0}")]
    Values(ThriftFault),
    #[error("takes more memory than an object is given, {} MiB", MAX_OPEN_BYTES >> 20)]
    Memory,
}

/// Reads the pages of a column.
pub(super) struct ColumnPages {
    file: Arc<File>,
    column: String,
    codec: Codec,
    /// Whether a value may be in a list, so that one row may reach across pages.
    is_listed: bool,
    is_nullable: bool,
    /// Where the next page's header, or the page itself if `ahead` has its header, starts.
    at: u64,
    end: u64,
    ahead: Option<PageHeader>,
    /// What the open pages of all columns take.
    open_bytes: Arc<AtomicUsize>,
    has_dictionary: bool,
    dictionary_bytes: usize,
    page_bytes: usize,
}

impl ColumnPages {
    /// `column` has passed the footer's checks.
    pub(super) fn new(
        file: Arc<File>,
        column: &ColumnChunkMetaData,
        open_bytes: Arc<AtomicUsize>,
    ) -> Result<Self> {
        let codec = Codec::of(column.compression_codec())
            .ok_or_else(|| ParquetError::NYI("the column's compression".to_owned()))?;
        let (at, end) = footer::extent(column)
            .ok_or_else(|| ParquetError::General("the column has no place".to_owned()))?;
        Ok(Self {
            file,
            column: column.column_path().string(),
            codec,
            is_listed: column.column_descr().max_rep_level() > 0,
            is_nullable: column.column_descr().max_def_level() > 0,
            at,
            end,
            ahead: None,
            open_bytes,
            has_dictionary: false,
            dictionary_bytes: 0,
            page_bytes: 0,
        })
    }

    fn fault(&self, fault: PageFault) -> ParquetError {
        ParquetError::External(Box::new(PageError {
            column: self.column.clone(),
            offset: self.at,
            fault,
        }))
    }

    /// Reads the next page's header, if that was not done yet. Pages that are of no use are passed over.
    fn look_ahead(&mut self) -> Result<Option<&PageHeader>> {
        while self.ahead.is_none() && self.at < self.end {
            let (header, len) = self.read_header()?;
            let page = self.at + len as u64;
            if u64::from(header.compressed_len) > self.end - page {
                return Err(self.fault(PageFault::Truncated));
            }
            if header.contents == Contents::Other {
                self.at = page + u64::from(header.compressed_len);
                continue;
            }
            let len = header.compressed_len.max(header.uncompressed_len);
            if len > MAX_PAGE_LEN {
                return Err(self.fault(PageFault::TooLong(len)));
            }
            self.at = page;
            self.ahead = Some(header);
        }
        Ok(self.ahead.as_ref())
    }

    fn read_header(&self) -> Result<(PageHeader, usize)> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        let mut len = HEADER_LEN;
        loop {
            bytes.resize(len.min(left), 0);
            self.file.read_exact_at(&mut bytes, self.at)?;
            match PageHeader::read(&bytes) {
                Ok(header) => return Ok(header),
                Err(ThriftFault::End) if len < left && len < MAX_HEADER_LEN => len *= 2,
                Err(fault) => return Err(self.fault(PageFault::Header(fault))),
            }
        }
    }

    /// The page after `header`, decompressed; levels of the second version are not compressed and stand at the start.
    fn read_page(&self, header: &PageHeader) -> Result<Vec<u8>> {
        let mut compressed = vec![0; header.compressed_len as usize];
        self.file.read_exact_at(&mut compressed, self.at)?;
        if header
            .crc
            .is_some_and(|crc| crc != crc32fast::hash(&compressed))
        {
            return Err(self.fault(PageFault::Checksum));
        }
        let (levels_len, codec) = match header.contents {
            Contents::DataV2 {
                definition_levels_len,
                repetition_levels_len,
                is_compressed,
                ..
            } => (
                // Each fits into 31 bits.
                definition_levels_len as usize + repetition_levels_len as usize,
                if is_compressed {
                    self.codec
                } else {
                    Codec::Uncompressed
                },
            ),
            _ => (0, self.codec),
        };
        let lens = compressed
            .split_at_checked(levels_len)
            .zip((header.uncompressed_len as usize).checked_sub(levels_len));
        let Some(((levels, values), values_len)) = lens else {
            return Err(self.fault(PageFault::Levels));
        };
        let mut page = Vec::with_capacity(header.uncompressed_len as usize + 1);
        page.extend_from_slice(levels);
        codec
            .decompress(values, values_len, &mut page)
            .map_err(|reason| self.fault(PageFault::Decompress(reason)))?;
        Ok(page)
    }

    /// Counts the page's memory, instead of that of the page before it.
    fn account(&mut self, header: &PageHeader) -> Result<()> {
        let len = header.uncompressed_len as usize;
        let before = self.dictionary_bytes + self.page_bytes;
        match header.contents {
            Contents::Dictionary { values, .. } => {
                self.has_dictionary = true;
                self.dictionary_bytes = len + values as usize * size_of::<ByteArray>();
            }
            Contents::Data { values, .. } | Contents::DataV2 { values, .. } if self.is_listed => {
                // One row may take them all.
                self.page_bytes += len + values as usize * LISTED_VALUE_BYTES;
            }
            _ => self.page_bytes = len,
        }
        let now = self.dictionary_bytes + self.page_bytes;
        self.open_bytes.fetch_sub(before, Ordering::Relaxed);
        if self.open_bytes.fetch_add(now, Ordering::Relaxed) + now > MAX_OPEN_BYTES {
            return Err(self.fault(PageFault::Memory));
        }
        Ok(())
    }
}

impl PageReader for ColumnPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.look_ahead()?;
        let Some(header) = self.ahead.take() else {
            return Ok(None);
        };
        if header.contents.needs_dictionary() && !self.has_dictionary {
            self.has_dictionary = true;
            self.ahead = Some(header);
            return Ok(Some(empty_dictionary()));
        }
        self.account(&header)?;
        let page = self.read_page(&header)?;
        delta::check_page(&header.contents, &page, self.is_listed, self.is_nullable)
            .map_err(|fault| self.fault(PageFault::Values(fault)))?;
        self.at += u64::from(header.compressed_len);
        let buf = Bytes::from(page);
        Ok(match header.contents {
            Contents::Data {
                values,
                encoding,
                definition_levels,
                repetition_levels,
            } => Some(Page::DataPage {
                buf,
                num_values: values,
                encoding,
                def_level_encoding: definition_levels,
                rep_level_encoding: repetition_levels,
                statistics: None,
            }),
            Contents::Dictionary {
                values,
                encoding,
                is_sorted,
            } => Some(Page::DictionaryPage {
                buf,
                num_values: values,
                encoding,
                is_sorted,
            }),
            Contents::DataV2 {
                values,
                nulls,
                rows,
                encoding,
                definition_levels_len,
                repetition_levels_len,
                ..
            } => Some(Page::DataPageV2 {
                buf,
                num_values: values,
                encoding,
                num_nulls: nulls,
                num_rows: rows,
                def_levels_byte_len: definition_levels_len,
                rep_levels_byte_len: repetition_levels_len,
                is_compressed: false,
                statistics: None,
            }),
            Contents::Other => None,
        })
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let Some(header) = self.look_ahead()? else {
            return Ok(None);
        };
        let (num_rows, num_levels, is_dict) = match header.contents {
            Contents::Data { values, .. } => (None, Some(values), false),
            Contents::DataV2 { values, rows, .. } => (Some(rows), Some(values), false),
            Contents::Dictionary { .. } | Contents::Other => (None, None, true),
        };
        Ok(Some(PageMetadata {
            num_rows: num_rows.map(|rows| rows as usize),
            num_levels: num_levels.map(|levels| levels as usize),
            is_dict,
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.look_ahead()?;
        if let Some(header) = self.ahead.take() {
            self.at += u64::from(header.compressed_len);
        }
        Ok(())
    }
}

/// What is missing where a column has nothing but nulls: Java's writer then leaves the dictionary out, but refers to it.
fn empty_dictionary() -> Page {
    Page::DictionaryPage {
        buf: Bytes::new(),
        num_values: 0,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    }
}

impl Iterator for ColumnPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

#[cfg(test)]
mod tests;
