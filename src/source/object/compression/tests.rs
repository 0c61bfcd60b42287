#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Does not compress, so that truncation and corruption hit data rather than headers.
fn noise(len: usize) -> Vec<u8> {
    let mut x = 0x9e37_79b9_u32;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        b' ' + (x % 64) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// What comes out, up to a fault, and how it ended.
fn decode(object: &[u8], chunk: usize, window: usize) -> (Vec<u8>, Result<(), DecodeError>) {
    let mut decoder = Decoder::new();
    let (mut out, mut buffer) = (Vec::new(), vec![0; window]);
    for mut chunk in object.chunks(chunk) {
        while !chunk.is_empty() {
            match decoder.decode(chunk, &mut buffer) {
                Ok(progress) => {
                    assert_ne!(progress, Progress::default(), "stuck");
                    out.extend_from_slice(&buffer[..progress.produced]);
                    chunk = &chunk[progress.consumed..];
                }
                Err(error) => return (out, Err(error)),
            }
        }
    }
    loop {
        match decoder.decode(&[], &mut buffer) {
            Ok(Progress { produced: 0, .. }) => return (out, decoder.finish()),
            Ok(progress) => out.extend_from_slice(&buffer[..progress.produced]),
            Err(error) => return (out, Err(error)),
        }
    }
}

fn whole(object: &[u8]) -> (Vec<u8>, Result<(), DecodeError>) {
    decode(object, object.len().max(1), 1 << 16)
}

#[test]
fn the_format_is_told_by_the_first_bytes() {
    let data = noise(100);
    let skippable = [b"\x5f\x2a\x4d\x18\x03\0\0\0abc".as_slice(), &zstd(&data)].concat();
    for (object, format) in [
        (gzip(&data), Format::Gzip),
        (zstd(&data), Format::Zstd),
        (skippable, Format::Zstd),
        (data.clone(), Format::Plain),
    ] {
        let mut decoder = Decoder::new();
        decoder.decode(&object, &mut [0; 1000]).unwrap();
        assert_eq!(decoder.format(), Some(format));
        for chunk in [1, 3, 1000] {
            assert_eq!(
                decode(&object, chunk, 7),
                (data.clone(), Ok(())),
                "{format}"
            );
        }
    }
}

#[test]
fn plain_objects_that_begin_like_a_magic_number_stay_whole() {
    for text in ["", "{", "PAR1", "P*", "P*M", "(x", "\u{1f}x", "\x28text"] {
        let (out, end) = decode(text.as_bytes(), 1, 2);
        if end.is_ok() {
            assert_eq!(out, text.as_bytes(), "{text:?}");
        } else {
            assert!(text.starts_with("P*"), "{text:?}");
        }
    }
}

#[test]
fn members_and_frames_in_a_row_are_one_object() {
    let (one, two) = (noise(3000), noise(50));
    let expected = [one.clone(), two.clone()].concat();
    for compress in [gzip, zstd] {
        let object = [compress(&one), compress(b""), compress(&two)].concat();
        assert_eq!(whole(&object), (expected.clone(), Ok(())));
    }
}

#[test]
fn output_that_ends_with_the_window_ends_the_object() {
    let data = noise(4096);
    for compress in [gzip, zstd] {
        for window in [64, 4096] {
            assert_eq!(
                decode(&compress(&data), 1 << 16, window),
                (data.clone(), Ok(()))
            );
        }
    }
}

#[test]
fn zeros_after_the_last_member_are_padding() {
    let object = [gzip(b"data"), vec![0; 1000]].concat();
    assert_eq!(whole(&object), (b"data".to_vec(), Ok(())));
}

#[test]
fn other_bytes_after_the_data_are_an_error_with_their_place() {
    for (tail, at) in [(b"junk".as_slice(), 0), (b"\0\0\x1f\x8b\x08", 2)] {
        let gz = gzip(b"data");
        let (out, end) = whole(&[&gz, tail].concat());
        assert_eq!(out, b"data");
        let offset = gz.len() as u64 + at;
        let format = Format::Gzip;
        assert_eq!(end, Err(DecodeError::TrailingGarbage { format, offset }));
    }
    let (out, end) = whole(&[zstd(b"data").as_slice(), b"more junk"].concat());
    assert_eq!(out, b"data");
    assert!(matches!(end, Err(DecodeError::TrailingGarbage { .. })));
}

#[test]
fn a_wrong_checksum_is_corrupt_after_all_data_came_out() {
    let data = noise(5000);
    for (compress, from_end) in [(gzip as fn(&[u8]) -> Vec<u8>, 8), (zstd, 1)] {
        let mut object = compress(&data);
        let at = object.len() - from_end;
        object[at] ^= 1;
        let (out, end) = whole(&object);
        assert!(matches!(end, Err(DecodeError::Corrupt { .. })), "{end:?}");
        assert!(data.starts_with(&out));
        assert!(out.len() >= data.len() - 1, "{}", out.len());
    }
}

#[test]
fn what_precedes_a_fault_comes_out_first() {
    let data = noise(1 << 20);
    for compress in [gzip, zstd] {
        let mut object = compress(&data);
        let middle = object.len() / 2;
        object[middle..middle + 2000].fill(0xff);
        let (out, end) = decode(&object, 1 << 16, 1 << 20);
        assert!(end.is_err());
        // zstd's blocks are 128 KiB; one of them is lost with the fault.
        assert!(out.len() > data.len() / 4, "{}", out.len());
        assert!(data.starts_with(&out[..data.len() / 4]));
    }
}

#[test]
fn a_fault_is_reported_by_every_later_call() {
    let mut decoder = Decoder::new();
    let object = [gzip(b"data").as_slice(), b"junk"].concat();
    let progress = decoder.decode(&object, &mut [0; 100]).unwrap();
    assert_eq!(progress.produced, 4);
    let error = decoder.decode(&[], &mut [0; 100]).unwrap_err();
    assert_eq!(decoder.decode(b"more", &mut [0; 100]), Err(error.clone()));
    assert_eq!(decoder.finish(), Err(error));
}

#[test]
fn a_gigabyte_of_zeros_needs_no_more_than_the_window() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&zeros).unwrap();
    }
    // Members in a row: a gigabyte without the cost of compressing one.
    let object = encoder.finish().unwrap().repeat(16);
    let mut decoder = Decoder::new();
    let (mut input, mut window, mut total) = (object.as_slice(), vec![0; 1 << 16], 0);
    loop {
        let progress = decoder.decode(input, &mut window).unwrap();
        input = &input[progress.consumed..];
        total += progress.produced;
        if progress.produced == 0 {
            break;
        }
    }
    assert_eq!((total, decoder.finish()), (1 << 30, Ok(())));
}

#[test]
fn a_zstd_window_over_the_limit_is_refused() {
    let framed = |window_log| {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(&noise(1000)).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(whole(&framed(MAX_ZSTD_WINDOW_LOG)).1, Ok(()));
    let end = whole(&framed(MAX_ZSTD_WINDOW_LOG + 1)).1;
    assert!(
        matches!(end, Err(DecodeError::WindowTooLarge { .. })),
        "{end:?}"
    );
}

#[test]
fn an_object_cut_anywhere_is_truncated_and_its_beginning_intact() {
    let data = noise(300);
    for compress in [gzip, zstd] {
        let object = compress(&data);
        for len in 1..object.len() {
            let (out, end) = decode(&object[..len], 64, 64);
            assert!(data.starts_with(&out), "cut at {len}");
            assert!(
                matches!(end, Err(DecodeError::Truncated { offset, .. }) if offset == len as u64),
                "cut at {len}: {end:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn chunks_and_windows_of_any_size_give_the_same_bytes(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3000), 1..4),
        chunk in 1_usize..4000, window in 1_usize..4000, use_gzip: bool,
    ) {
        let compress = if use_gzip { gzip } else { zstd };
        let object: Vec<u8> = parts.iter().flat_map(|part| compress(part)).collect();
        prop_assert_eq!(decode(&object, chunk, window), (parts.concat(), Ok(())));
    }

    #[test]
    fn any_bytes_at_all_end_somehow(
        magic in prop_oneof![Just(&b"\x1f\x8b\x08"[..]), Just(&b"\x28\xb5\x2f\xfd"[..]), Just(&b""[..])],
        bytes in proptest::collection::vec(any::<u8>(), 0..400), chunk in 1_usize..50,
    ) {
        let object = [magic, &bytes].concat();
        let at_once = decode(&object, object.len().max(1), 64);
        prop_assert_eq!(decode(&object, chunk, 64).0, at_once.0);
    }
}
