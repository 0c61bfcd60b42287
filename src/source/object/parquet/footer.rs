//! The footer: where it is, what it may claim, and whether the file that it describes is one that we read.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
    ParquetStatisticsPolicy, RowGroupMetaData,
};

use super::codec::Codec;
use super::rows::guarded;
use super::thrift::{Cursor, Kind, ThriftFault};
use super::{MAGIC, ParquetFault};

/// The magic of a file with an encrypted footer.
const ENCRYPTED_MAGIC: &[u8; 4] = b"PARE";

/// What follows the footer: its length, little-endian, and the magic.
const TAIL_LEN: u64 = 8;

/// The longest footer accepted, several hundred times AWS's: decoding one takes a multiple of its length.
const MAX_FOOTER_LEN: u64 = 4 << 20;

/// How many columns and groups of columns there may be; flow logs have some 40 fields, CloudFront's logs some 70.
const MAX_SCHEMA_NODES: usize = 4096;

/// How deep groups of columns may nest: the `parquet` crate goes into them by recursion.
const MAX_SCHEMA_DEPTH: usize = 32;

/// Reads and checks the footer of a file of `len` bytes.
pub(super) fn read(file: &File, len: u64) -> Result<ParquetMetaData, ParquetFault> {
    let Some(body_len) = len.checked_sub(TAIL_LEN + MAGIC.len() as u64) else {
        return Err(ParquetFault::NotParquet);
    };
    let mut head = [0; MAGIC.len()];
    file.read_exact_at(&mut head, 0)?;
    let mut tail = [0; TAIL_LEN as usize];
    file.read_exact_at(&mut tail, len - TAIL_LEN)?;
    let [l0, l1, l2, l3, magic @ ..] = tail;
    match (&head, &magic) {
        (MAGIC | ENCRYPTED_MAGIC, ENCRYPTED_MAGIC) => return Err(ParquetFault::Encrypted),
        (MAGIC, MAGIC) => {}
        (MAGIC, _) => return Err(ParquetFault::Truncated),
        _ => return Err(ParquetFault::NotParquet),
    }
    let footer_len = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
    if footer_len > body_len.min(MAX_FOOTER_LEN) {
        let reason = format!("a length of {footer_len} bytes, in an object of {len}");
        return Err(ParquetFault::Footer(reason));
    }
    let mut footer = vec![0; usize::try_from(footer_len).unwrap_or_default()];
    file.read_exact_at(&mut footer, len - TAIL_LEN - footer_len)?;
    decode(&footer, len)
}

fn decode(footer: &[u8], file_len: u64) -> Result<ParquetMetaData, ParquetFault> {
    check_schemas(footer).map_err(|fault| ParquetFault::Footer(fault.to_string()))?;
    let options = ParquetMetaDataOptions::new()
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let metadata = guarded(|| {
        Ok(ParquetMetaDataReader::decode_metadata_with_options(
            footer,
            Some(&options),
        )?)
    })
    .map_err(|fault| ParquetFault::Footer(fault.to_string()))?;
    if metadata.file_metadata().schema_descr().num_columns() == 0 {
        return Err(ParquetFault::Footer("no columns".to_owned()));
    }
    for group in metadata.row_groups() {
        for column in group.columns() {
            check_column(column, group, file_len)?;
        }
    }
    Ok(metadata)
}

/// Where a column's pages are: the first byte, and one past the last. `None` if the footer makes no sense.
pub(super) fn extent(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let data = column.data_page_offset();
    // Some writers give an offset to dictionaries that are not there.
    let dictionary = column
        .dictionary_page_offset()
        .filter(|dictionary| (1..data).contains(dictionary));
    let start = u64::try_from(dictionary.unwrap_or(data)).ok()?;
    let len = u64::try_from(column.compressed_size()).ok()?;
    Some((start, start.checked_add(len)?))
}

fn check_column(
    column: &ColumnChunkMetaData,
    group: &RowGroupMetaData,
    file_len: u64,
) -> Result<(), ParquetFault> {
    let name = || column.column_path().string();
    if Codec::of(column.compression_codec()).is_none() {
        return Err(ParquetFault::Codec {
            column: name(),
            codec: column.compression_codec().to_string(),
        });
    }
    if extent(column).is_none_or(|(_, end)| end > file_len) {
        let reason = format!("column {} lies outside of the object", name());
        return Err(ParquetFault::Footer(reason));
    }
    // Otherwise rows could be missing without a word.
    if column.column_descr().max_rep_level() == 0 && column.num_values() != group.num_rows() {
        let (values, rows) = (column.num_values(), group.num_rows());
        let reason = format!("column {} has {values} values for {rows} rows", name());
        return Err(ParquetFault::Footer(reason));
    }
    Ok(())
}

/// The id of the schema in Parquet's `FileMetaData`, and of the number of children in its `SchemaElement`.
const SCHEMA: i64 = 2;
const NUM_CHILDREN: i64 = 5;

/// Walks the whole footer, and holds what it says of its schema against the limits.
fn check_schemas(footer: &[u8]) -> Result<(), ThriftFault> {
    let mut cursor = Cursor::new(footer);
    let mut last = 0;
    while let Some((id, kind)) = cursor.field(&mut last)? {
        if (id, kind) == (SCHEMA, Kind::List) {
            check_schema(&mut cursor)?;
        } else {
            cursor.skip(kind)?;
        }
    }
    Ok(())
}

/// A schema is a tree, listed depth first, in which every group says how many children follow it.
fn check_schema(cursor: &mut Cursor<'_>) -> Result<(), ThriftFault> {
    let (kind, nodes) = cursor.list()?;
    if kind != Kind::Struct {
        return Err(ThriftFault::Invalid("a schema of something else"));
    }
    if nodes > MAX_SCHEMA_NODES {
        return Err(ThriftFault::Invalid("too many columns"));
    }
    // For each group that is open, how many children are still to come.
    let mut open: Vec<usize> = Vec::new();
    for node in 1..=nodes {
        let children = children(cursor)?;
        if children > nodes - node {
            return Err(ThriftFault::Invalid("a group of more columns than follow"));
        }
        if let Some(to_come) = open.last_mut() {
            *to_come -= 1;
        }
        open.push(children);
        if open.len() > MAX_SCHEMA_DEPTH {
            return Err(ThriftFault::Invalid("columns nested too deep"));
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    Ok(())
}

fn children(cursor: &mut Cursor<'_>) -> Result<usize, ThriftFault> {
    let mut children = 0;
    let mut last = 0;
    while let Some((id, kind)) = cursor.field(&mut last)? {
        if (id, kind) == (NUM_CHILDREN, Kind::Integer) {
            children = usize::try_from(cursor.integer()?)
                .map_err(|_| ThriftFault::Invalid("a negative number of columns"))?;
        } else {
            cursor.skip(kind)?;
        }
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A footer with nothing but a schema, of groups that each have so many children.
    fn schema(children: &[u8]) -> Vec<u8> {
        let mut footer = vec![0x29, 0xfc];
        let mut len = children.len();
        while len > 0x7f {
            footer.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
            len >>= 7;
        }
        footer.push(u8::try_from(len).unwrap());
        for children in children {
            footer.extend([0x48, 1, b'c', 0x15, children << 1, 0]);
        }
        footer.push(0);
        footer
    }

    #[test]
    fn trees_of_columns_pass() {
        assert_eq!(check_schemas(&schema(&[3, 0, 2, 0, 0, 0])), Ok(()));
    }

    #[test]
    fn a_group_cannot_claim_more_children_than_follow() {
        for claims in [&[3, 0, 0][..], &[1, 1], &[63]] {
            assert!(check_schemas(&schema(claims)).is_err(), "{claims:?}");
        }
    }

    #[test]
    fn depth_and_number_of_columns_are_limited() {
        let chain = |depth: usize| [vec![1; depth - 1], vec![0]].concat();
        assert_eq!(check_schemas(&schema(&chain(MAX_SCHEMA_DEPTH - 1))), Ok(()));
        assert!(check_schemas(&schema(&chain(MAX_SCHEMA_DEPTH + 1))).is_err());
        assert!(check_schemas(&schema(&vec![0; MAX_SCHEMA_NODES + 1])).is_err());
    }

    #[test]
    fn a_schema_given_twice_is_checked_twice() {
        let mut footer = schema(&[0]);
        footer.pop();
        // The id of the second list is given outright: 2.
        footer.push(0x09);
        footer.push(0x04);
        footer.extend(&schema(&[5])[1..]);
        assert!(check_schemas(&footer).is_err());
    }
}
