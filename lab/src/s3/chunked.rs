//! The `aws-chunked` content coding in which SDKs send bodies with trailing checksums or signed chunks ("Signature calculations:
//! transferring payload in multiple chunks", S3 API reference). Signatures and checksums are not verified.

use bytes::{Buf, Bytes, BytesMut};

use super::error::S3Error;

/// Longest chunk header or trailer line.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Takes the chunks of `body` out of their framing.
pub(super) fn decode(mut body: Bytes) -> Result<Bytes, S3Error> {
    let mut chunks: Vec<Bytes> = Vec::new();
    loop {
        let header = line(&mut body)?;
        let digits = header.split(|byte| *byte == b';').next().unwrap_or(&[]);
        let size = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok())
            .ok_or_else(|| incomplete("a chunk does not start with its size"))?;
        if size == 0 {
            break;
        }
        if body.len() < size {
            return Err(incomplete("a chunk is cut short"));
        }
        chunks.push(body.split_to(size));
        if !line(&mut body)?.is_empty() {
            return Err(incomplete("a chunk is longer than its size"));
        }
    }
    // Trailers end with an empty line, or with the body.
    while !body.is_empty() && !line(&mut body)?.is_empty() {}
    if !body.is_empty() {
        return Err(incomplete("bytes follow the last chunk"));
    }
    Ok(join(chunks))
}

/// One chunk is served as it is; several are copied once.
fn join(mut chunks: Vec<Bytes>) -> Bytes {
    if chunks.len() < 2 {
        return chunks.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    for chunk in chunks {
        joined.extend_from_slice(&chunk);
    }
    joined.freeze()
}

fn line(body: &mut Bytes) -> Result<Bytes, S3Error> {
    let window = &body[..body.len().min(MAX_LINE_BYTES)];
    let end = memchr::memmem::find(window, b"\r\n")
        .ok_or_else(|| incomplete("a chunk header or trailer has no end"))?;
    let line = body.split_to(end);
    body.advance(2);
    Ok(line)
}

fn incomplete(reason: &str) -> S3Error {
    S3Error::IncompleteBody(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signed_chunks_and_trailers_are_dropped() {
        let body = "4;chunk-signature=0a\r\nwiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:AAAA==\r\n\r\n";
        assert_eq!(decode(Bytes::from(body)), Ok(Bytes::from("wikipedia")));
        assert_eq!(decode(Bytes::from("0\r\n\r\n")), Ok(Bytes::new()));
    }

    #[test]
    fn broken_framing_is_an_error() {
        for body in [
            "",
            "4\r\nwik",
            "4\r\nwikix\r\n0\r\n\r\n",
            "g\r\n",
            "0\r\n\r\nmore",
        ] {
            assert!(decode(Bytes::from(body)).is_err(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_chunked_comes_back(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..6)) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:x};chunk-signature=00\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(decode(Bytes::from(body)), Ok(Bytes::from(chunks.concat())));
        }

        #[test]
        fn no_input_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(Bytes::from(body));
        }
    }
}
