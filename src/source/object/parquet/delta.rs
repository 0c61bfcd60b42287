//! The counts that delta-encoded pages carry inside.
//!
//! The `parquet` crate makes room for as many lengths as such a page claims to hold, before it looks at them; so what is
//! claimed is compared here with the number of values in the page's header.

use parquet::basic::Encoding;

use super::page_header::Contents;
use super::thrift::{Cursor, ThriftFault};

/// Checks a data page of a column whose values may be in lists, or null, as it says. Other pages pass.
pub(super) fn check_page(
    contents: &Contents,
    page: &[u8],
    is_listed: bool,
    is_nullable: bool,
) -> Result<(), ThriftFault> {
    match *contents {
        Contents::Data {
            values,
            encoding,
            definition_levels,
            repetition_levels,
        } if has_counts(encoding) => {
            let mut cursor = Cursor::new(page);
            for (is_there, levels) in [
                (is_listed, repetition_levels),
                (is_nullable, definition_levels),
            ] {
                if is_there {
                    skip_levels(&mut cursor, levels)?;
                }
            }
            check(encoding, cursor.rest(), values)
        }
        Contents::DataV2 {
            values,
            encoding,
            definition_levels_len,
            repetition_levels_len,
            ..
        } => {
            let levels_len = definition_levels_len as usize + repetition_levels_len as usize;
            let mut cursor = Cursor::new(page);
            cursor.take(levels_len)?;
            check(encoding, cursor.rest(), values)
        }
        _ => Ok(()),
    }
}

fn has_counts(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY
    )
}

/// Passes over levels, which in pages of the first version begin with their length.
fn skip_levels(cursor: &mut Cursor<'_>, encoding: Encoding) -> Result<(), ThriftFault> {
    if encoding != Encoding::RLE {
        // The other encoding is older than those with counts.
        return Err(ThriftFault::Invalid("levels of another age"));
    }
    let mut len = [0; 4];
    len.copy_from_slice(cursor.take(4)?);
    cursor.take(u32::from_le_bytes(len) as usize)?;
    Ok(())
}

/// Checks that `values`, the page without its levels, claims no more than `max` values.
fn check(encoding: Encoding, values: &[u8], max: u32) -> Result<(), ThriftFault> {
    let mut cursor = Cursor::new(values);
    match encoding {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => lengths(&mut cursor, max),
        Encoding::DELTA_BYTE_ARRAY => {
            // Lengths of prefixes, then the suffixes: lengths again, and bytes.
            lengths(&mut cursor, max)?;
            lengths(&mut cursor, max)
        }
        _ => Ok(()),
    }
}

/// Reads over numbers in `DELTA_BINARY_PACKED` (Parquet's format specification, "Delta encoding").
fn lengths(cursor: &mut Cursor<'_>, max: u32) -> Result<(), ThriftFault> {
    let block_len = cursor.varint()?;
    let miniblocks = cursor.varint()?;
    let count = cursor.varint()?;
    cursor.varint()?;
    if count > u64::from(max) {
        return Err(ThriftFault::Invalid("more lengths than values"));
    }
    let miniblock_len = block_len.checked_div(miniblocks).unwrap_or(0);
    if miniblock_len == 0 || block_len > u64::from(u32::MAX) {
        return Err(ThriftFault::Invalid("an impossible block of lengths"));
    }
    let mut left = count.saturating_sub(1);
    while left > 0 {
        cursor.varint()?;
        // Not more than fit into 32 bits, so the conversion and the product below are safe.
        let widths = cursor.take(usize::try_from(miniblocks).unwrap_or(usize::MAX))?;
        for width in widths {
            if left == 0 {
                break;
            }
            let len = u64::from(*width) * miniblock_len / 8;
            cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?;
            left = left.saturating_sub(miniblock_len);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 128 in 4 miniblocks; 2 lengths, the first 5; a delta of 0 at width 0, so no bits follow.
    const TWO_LENGTHS: [u8; 10] = [0x80, 0x01, 4, 2, 10, 0, 0, 0, 0, 0];

    #[test]
    fn counts_up_to_that_of_the_values_pass() {
        let encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;
        assert_eq!(check(encoding, &TWO_LENGTHS, 2), Ok(()));
        assert!(check(encoding, &TWO_LENGTHS, 1).is_err());
    }

    #[test]
    fn counts_are_found_behind_the_levels() {
        let levels = [2, 0, 0, 0, 0xee, 0xee];
        for (is_listed, is_nullable) in [(false, false), (true, false), (true, true)] {
            let levels = levels.repeat(usize::from(is_listed) + usize::from(is_nullable));
            let page = [&levels[..], &TWO_LENGTHS].concat();
            let check = |values| {
                let contents = Contents::Data {
                    values,
                    encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY,
                    definition_levels: Encoding::RLE,
                    repetition_levels: Encoding::RLE,
                };
                check_page(&contents, &page, is_listed, is_nullable)
            };
            assert_eq!(check(2), Ok(()));
            assert!(check(1).is_err());
        }
    }

    #[test]
    fn levels_of_the_second_version_say_their_lengths_elsewhere() {
        let page = [&[0xee; 5][..], &TWO_LENGTHS].concat();
        let check = |values, definition_levels_len| {
            let contents = Contents::DataV2 {
                values,
                nulls: 0,
                rows: values,
                encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY,
                definition_levels_len,
                repetition_levels_len: 2,
                is_compressed: false,
            };
            check_page(&contents, &page, true, true)
        };
        assert_eq!(check(2, 3), Ok(()));
        assert!(check(1, 3).is_err());
        assert_eq!(check(2, 30), Err(ThriftFault::End));
    }

    #[test]
    fn the_second_count_is_found_behind_the_first() {
        let encoding = Encoding::DELTA_BYTE_ARRAY;
        let mut values = TWO_LENGTHS.to_vec();
        values.extend(TWO_LENGTHS);
        assert_eq!(check(encoding, &values, 2), Ok(()));
        values[13] = 3;
        assert!(check(encoding, &values, 2).is_err());
        values.truncate(12);
        assert_eq!(check(encoding, &values, 2), Err(ThriftFault::End));
    }

    #[test]
    fn impossible_blocks_are_refused() {
        for (block, miniblocks) in [(0, 4), (4, 0), (0, 0), (4, 5)] {
            let values = [block, miniblocks, 2, 0, 0, 0, 0, 0, 0, 0];
            assert!(check(Encoding::DELTA_LENGTH_BYTE_ARRAY, &values, 9).is_err());
        }
    }

    #[test]
    fn other_encodings_have_no_counts() {
        assert_eq!(check(Encoding::PLAIN, &[], 0), Ok(()));
    }
}
