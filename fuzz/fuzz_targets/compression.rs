//! Any object decompresses to an end or an error, and the size of its chunks makes no difference.
#![no_main]

use cloudweir::source::object::compression::{DecodeError, Decoder, Progress};
use libfuzzer_sys::fuzz_target;

/// Beyond this a small input is a bomb that only costs time.
const MAX_OUTPUT: usize = 1 << 20;

fn decode(object: &[u8], chunk_len: usize) -> (Vec<u8>, Option<Result<(), DecodeError>>) {
    let mut decoder = Decoder::new();
    let (mut out, mut window) = (Vec::new(), [0; 4096]);
    for mut chunk in object.chunks(chunk_len) {
        while !chunk.is_empty() {
            match decoder.decode(chunk, &mut window) {
                Ok(progress) => {
                    assert_ne!(progress, Progress::default(), "no progress");
                    out.extend_from_slice(&window[..progress.produced]);
                    chunk = &chunk[progress.consumed..];
                }
                Err(error) => return (out, Some(Err(error))),
            }
            if out.len() > MAX_OUTPUT {
                return (out, None);
            }
        }
    }
    loop {
        match decoder.decode(&[], &mut window) {
            Ok(Progress { produced: 0, .. }) => return (out, Some(decoder.finish())),
            Ok(progress) => out.extend_from_slice(&window[..progress.produced]),
            Err(error) => return (out, Some(Err(error))),
        }
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (chunk_len, object) = input;
    let (whole, end) = decode(object, object.len().max(1));
    let (pieces, end_of_pieces) = decode(object, usize::from(chunk_len).max(1));
    if let (Some(end), Some(end_of_pieces)) = (end, end_of_pieces) {
        assert_eq!(end.is_ok(), end_of_pieces.is_ok());
        assert!(end.is_err() || whole == pieces);
    }
});
