//! How the pages of a column are compressed. A page's length after decompression is known: what comes out is of that
//! length, or a fault.

use parquet::basic::CompressionCodec;

use crate::source::object::compression::{Decoder, Format};

/// The codecs that AWS's writers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Uncompressed,
    Snappy,
    Gzip,
    Zstd,
}

impl Codec {
    /// `None` if it is one of the others.
    pub(super) fn of(codec: CompressionCodec) -> Option<Self> {
        Some(match codec {
            CompressionCodec::UNCOMPRESSED => Self::Uncompressed,
            CompressionCodec::SNAPPY => Self::Snappy,
            CompressionCodec::GZIP => Self::Gzip,
            CompressionCodec::ZSTD => Self::Zstd,
            _ => return None,
        })
    }

    /// Decompresses `page` to `len` bytes at the end of `out`; why it cannot, in words.
    pub(super) fn decompress(
        self,
        page: &[u8],
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        // A page of nulls only has no values, and some writers then compress nothing at all.
        if len == 0 {
            return Ok(());
        }
        let start = out.len();
        match self {
            Self::Uncompressed => out.extend_from_slice(page),
            Self::Snappy => {
                let claimed = snap::raw::decompress_len(page).map_err(|error| error.to_string())?;
                if claimed == len {
                    out.resize(start + len, 0);
                    snap::raw::Decoder::new()
                        .decompress(page, &mut out[start..])
                        .map_err(|error| error.to_string())?;
                }
            }
            Self::Gzip => inflate(Format::Gzip, page, len, out)?,
            Self::Zstd => inflate(Format::Zstd, page, len, out)?,
        }
        if out.len() - start == len {
            Ok(())
        } else {
            Err(format!("it does not decompress to {len} bytes"))
        }
    }
}

/// Decompresses up to one byte more than `len`, which is one too many.
fn inflate(format: Format, page: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let start = out.len();
    out.resize(start + len + 1, 0);
    let mut decoder = Decoder::new();
    let (mut input, mut filled) = (page, start);
    loop {
        let progress = decoder
            .decode(input, &mut out[filled..])
            .map_err(|error| error.to_string())?;
        filled += progress.produced;
        input = &input[progress.consumed..];
        if progress.produced == 0 {
            break;
        }
    }
    out.truncate(filled);
    decoder.finish().map_err(|error| error.to_string())?;
    if decoder.format() == Some(format) {
        Ok(())
    } else {
        Err(format!("it is not compressed with {format}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use super::*;

    fn compressed() -> [(Codec, Vec<u8>); 4] {
        let text = b"10.0.0.1 10.0.0.1 10.0.0.1";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        [
            (Codec::Uncompressed, text.to_vec()),
            (
                Codec::Snappy,
                snap::raw::Encoder::new().compress_vec(text).unwrap(),
            ),
            (Codec::Gzip, gzip.finish().unwrap()),
            (Codec::Zstd, zstd::encode_all(&text[..], 0).unwrap()),
        ]
    }

    #[test]
    fn what_was_compressed_comes_out_behind_what_is_there() {
        for (codec, page) in compressed() {
            let mut out = b"levels ".to_vec();
            codec.decompress(&page, 26, &mut out).unwrap();
            assert_eq!(out, b"levels 10.0.0.1 10.0.0.1 10.0.0.1", "{codec:?}");
        }
    }

    #[test]
    fn another_length_than_expected_is_a_fault() {
        for (codec, page) in compressed() {
            for len in [1, 25, 27, 4096] {
                let result = codec.decompress(&page, len, &mut Vec::new());
                assert!(result.is_err(), "{codec:?} {len}");
            }
        }
    }

    #[test]
    fn pages_of_another_codec_or_cut_short_are_faults() {
        let pages = compressed();
        for (codec, page) in &pages[1..] {
            let cut = &page[..page.len() - 1];
            assert!(codec.decompress(cut, 26, &mut Vec::new()).is_err());
            for (other, page) in &pages {
                if other != codec {
                    let result = codec.decompress(page, 26, &mut Vec::new());
                    assert!(result.is_err(), "{codec:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_may_be_compressed_to_nothing() {
        for (codec, _) in compressed() {
            codec.decompress(&[], 0, &mut Vec::new()).unwrap();
        }
    }

    #[test]
    fn a_page_that_would_grow_without_bound_is_stopped() {
        let zeros = vec![0; 32 << 20];
        let page = zstd::encode_all(&zeros[..], 0).unwrap();
        let mut out = Vec::new();
        assert!(Codec::Zstd.decompress(&page, 1000, &mut out).is_err());
        assert!(out.capacity() < 10_000);
    }
}
