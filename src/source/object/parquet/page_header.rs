//! The header before each page of a column (Parquet's `PageHeader`).

use parquet::basic::Encoding;

use super::thrift::{Cursor, Kind, ThriftFault};

/// What stands before a page's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageHeader {
    pub(super) contents: Contents,
    /// In bytes, of the page after decompression.
    pub(super) uncompressed_len: u32,
    /// In bytes, of the page in the file.
    pub(super) compressed_len: u32,
    /// The CRC-32 of the page in the file.
    pub(super) crc: Option<u32>,
}

/// What is in a page. All numbers of values include nulls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contents {
    Data {
        values: u32,
        encoding: Encoding,
        definition_levels: Encoding,
        repetition_levels: Encoding,
    },
    Dictionary {
        values: u32,
        encoding: Encoding,
        is_sorted: bool,
    },
    DataV2 {
        values: u32,
        nulls: u32,
        rows: u32,
        encoding: Encoding,
        definition_levels_len: u32,
        repetition_levels_len: u32,
        is_compressed: bool,
    },
    /// Something to be left out.
    Other,
}

impl Contents {
    /// Whether the values are places in the column's dictionary.
    pub(super) fn needs_dictionary(&self) -> bool {
        let (Self::Data { encoding, .. } | Self::DataV2 { encoding, .. }) = self else {
            return false;
        };
        matches!(
            encoding,
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY
        )
    }
}

/// Numbers of the page types (`PageType`).
mod page_type {
    pub(super) const DATA: i64 = 0;
    pub(super) const DICTIONARY: i64 = 2;
    pub(super) const DATA_V2: i64 = 3;
}

impl PageHeader {
    /// Reads a header; also returns its length.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), ThriftFault> {
        let mut cursor = Cursor::new(bytes);
        let mut numbers = Numbers::<5>::default();
        let (mut data, mut dictionary, mut data_v2) = Default::default();
        let mut last = 0;
        while let Some((id, kind)) = cursor.field(&mut last)? {
            match (id, kind) {
                (5, Kind::Struct) => data = Numbers::<5>::read(&mut cursor)?,
                (7, Kind::Struct) => dictionary = Numbers::<4>::read(&mut cursor)?,
                (8, Kind::Struct) => data_v2 = Numbers::<8>::read(&mut cursor)?,
                _ => numbers.field(id, kind, &mut cursor)?,
            }
        }
        let contents = match numbers.required(1)? {
            page_type::DATA => Contents::Data {
                values: data.count(1)?,
                encoding: data.encoding(2)?,
                definition_levels: data.encoding(3)?,
                repetition_levels: data.encoding(4)?,
            },
            page_type::DICTIONARY => Contents::Dictionary {
                values: dictionary.count(1)?,
                encoding: dictionary.encoding(2)?,
                is_sorted: dictionary.flag(3, false),
            },
            page_type::DATA_V2 => Contents::DataV2 {
                values: data_v2.count(1)?,
                nulls: data_v2.count(2)?,
                rows: data_v2.count(3)?,
                encoding: data_v2.encoding(4)?,
                definition_levels_len: data_v2.count(5)?,
                repetition_levels_len: data_v2.count(6)?,
                is_compressed: data_v2.flag(7, true),
            },
            _ => Contents::Other,
        };
        let header = Self {
            contents,
            uncompressed_len: numbers.count(2)?,
            compressed_len: numbers.count(3)?,
            // Thrift has no unsigned numbers: the bits are those of a signed one.
            crc: numbers.get(4).map(|crc| crc.cast_unsigned() as u32),
        };
        Ok((header, bytes.len() - cursor.rest().len()))
    }
}

/// The numbers and flags of a struct, by field id, below `N`.
struct Numbers<const N: usize>([Option<i64>; N]);

impl<const N: usize> Default for Numbers<N> {
    fn default() -> Self {
        Self([None; N])
    }
}

impl<const N: usize> Numbers<N> {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, ThriftFault> {
        let mut numbers = Self::default();
        let mut last = 0;
        while let Some((id, kind)) = cursor.field(&mut last)? {
            numbers.field(id, kind, cursor)?;
        }
        Ok(numbers)
    }

    fn field(&mut self, id: i64, kind: Kind, cursor: &mut Cursor<'_>) -> Result<(), ThriftFault> {
        let value = match kind {
            Kind::Integer => cursor.integer()?,
            Kind::True => 1,
            Kind::False => 0,
            _ => return cursor.skip(kind),
        };
        let slot = usize::try_from(id).ok().and_then(|id| self.0.get_mut(id));
        if let Some(slot) = slot {
            *slot = Some(value);
        }
        Ok(())
    }

    fn get(&self, id: usize) -> Option<i64> {
        self.0.get(id).copied().flatten()
    }

    fn required(&self, id: usize) -> Result<i64, ThriftFault> {
        self.get(id).ok_or(ThriftFault::Invalid("too few fields"))
    }

    /// A number of something, at most what Parquet's signed 32 bits hold.
    fn count(&self, id: usize) -> Result<u32, ThriftFault> {
        i32::try_from(self.required(id)?)
            .ok()
            .and_then(|count| u32::try_from(count).ok())
            .ok_or(ThriftFault::Invalid("a length or count out of range"))
    }

    fn flag(&self, id: usize, default: bool) -> bool {
        self.get(id).map_or(default, |value| value != 0)
    }

    fn encoding(&self, id: usize) -> Result<Encoding, ThriftFault> {
        Ok(match self.required(id)? {
            0 => Encoding::PLAIN,
            2 => Encoding::PLAIN_DICTIONARY,
            3 => Encoding::RLE,
            #[allow(deprecated, reason = "old files have it")]
            4 => Encoding::BIT_PACKED,
            5 => Encoding::DELTA_BINARY_PACKED,
            6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            7 => Encoding::DELTA_BYTE_ARRAY,
            8 => Encoding::RLE_DICTIONARY,
            9 => Encoding::BYTE_STREAM_SPLIT,
            _ => return Err(ThriftFault::Invalid("an encoding that is not supported")),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The first page of `tests/data/parquet/obsrvbl__flows.parquet`: a dictionary of two values, gzip.
    const DICTIONARY: [u8; 14] = [
        0x15, 0x04, 0x15, 0x10, 0x15, 0x2e, 0x4c, 0x15, 0x02, 0x15, 0x04, 0x12, 0x00, 0x00,
    ];

    #[test]
    fn a_dictionary_page_of_a_real_file_is_understood() {
        let mut bytes = DICTIONARY.to_vec();
        bytes.push(0x1f);
        let (header, len) = PageHeader::read(&bytes).unwrap();
        assert_eq!(len, DICTIONARY.len());
        assert_eq!(
            header,
            PageHeader {
                contents: Contents::Dictionary {
                    values: 1,
                    encoding: Encoding::PLAIN_DICTIONARY,
                    is_sorted: false,
                },
                uncompressed_len: 8,
                compressed_len: 23,
                crc: None,
            }
        );
    }

    #[test]
    fn a_header_cut_anywhere_is_too_short() {
        for len in 0..DICTIONARY.len() {
            assert_eq!(PageHeader::read(&DICTIONARY[..len]), Err(ThriftFault::End));
        }
    }

    #[test]
    fn negative_lengths_are_refused() {
        let mut bytes = DICTIONARY;
        bytes[3] = 0x11;
        assert!(matches!(
            PageHeader::read(&bytes),
            Err(ThriftFault::Invalid(_))
        ));
    }
}
