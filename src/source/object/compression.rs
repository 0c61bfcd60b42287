//! Streaming decompression of one S3 object, whatever it is compressed with.
//!
//! Compressed bytes go in as they arrive, decompressed bytes come out into a buffer of the caller's, so the memory used
//! is the same for every compression ratio. The format is recognised by its magic number, never by the object's name:
//! gzip (also several members in a row), zstd (frames and skippable frames), else plain.
//! What the decompressed bytes mean is for `records` and its like.

mod gzip;
mod zstd;

use std::fmt;

/// The largest zstd window accepted, as a power of two: 8 MiB, what RFC 8878 (section 3.1.1.1.2) asks decoders to support.
pub const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// How many bytes tell all formats apart.
const MAGIC_LEN: usize = 4;

/// How an object is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// Not compressed.
    Plain,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Plain => "plain",
        })
    }
}

impl Format {
    const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
    const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    /// Of zstd's skippable frames, 0x184D2A50 to 0x184D2A5F in little-endian order, all but the first byte.
    const ZSTD_SKIPPABLE_MAGIC: [u8; 3] = [0x2a, 0x4d, 0x18];

    /// The format of an object that starts with `head`; `None` if it takes more bytes to tell.
    fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(&Self::GZIP_MAGIC) {
            return Some(Self::Gzip);
        }
        if head.starts_with(&Self::ZSTD_MAGIC) {
            return Some(Self::Zstd);
        }
        let skippable = head.split_first().filter(|(first, _)| **first >> 4 == 5);
        if skippable.is_some_and(|(_, rest)| rest.starts_with(&Self::ZSTD_SKIPPABLE_MAGIC)) {
            return Some(Self::Zstd);
        }
        let undecided = Self::GZIP_MAGIC.starts_with(head)
            || Self::ZSTD_MAGIC.starts_with(head)
            || skippable.is_some_and(|(_, rest)| Self::ZSTD_SKIPPABLE_MAGIC.starts_with(rest));
        (!undecided).then_some(Self::Plain)
    }
}

/// Why an object cannot be decompressed. Offsets are in bytes of the compressed object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The object ends before its compressed data do.
    #[error(
        "the {format} data end after {offset} bytes, before they are complete; the object was cut short"
    )]
    Truncated {
        /// The format found.
        format: Format,
        /// The length of the object.
        offset: u64,
    },
    /// A checksum does not match, or the data break the format's rules.
    #[error("the {format} data are corrupt near byte {offset}: {reason}")]
    Corrupt {
        /// The format found.
        format: Format,
        /// Up to where the data were read.
        offset: u64,
        /// The decoder's words.
        reason: String,
    },
    /// Complete compressed data, and then something else.
    #[error("the {format} data are followed at byte {offset} by bytes that are no {format} data")]
    TrailingGarbage {
        /// The format found.
        format: Format,
        /// Where the other bytes start.
        offset: u64,
    },
    /// Decompressing would take more memory than an object is given.
    #[error(
        "the zstd frame at byte {offset} needs a window of more than {} MiB; compress with at most --long={MAX_ZSTD_WINDOW_LOG}",
        (1 << MAX_ZSTD_WINDOW_LOG) >> 20
    )]
    WindowTooLarge {
        /// Up to where the data were read.
        offset: u64,
    },
    /// The decoder could not be set up.
    #[error("cannot set up a {format} decoder: {reason}")]
    Setup {
        /// The format found.
        format: Format,
        /// The decoder's words.
        reason: String,
    },
}

/// What one call of [`Decoder::decode`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// How many bytes of the input are done with.
    pub consumed: usize,
    /// How many bytes were written to the start of the output.
    pub produced: usize,
}

/// Decompresses one object.
///
/// Call [`decode`](Self::decode) with each chunk until it is consumed, then with no input until nothing more is produced,
/// then [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct Decoder {
    head: Head,
    codec: Option<Codec>,
    /// Bytes of the object consumed.
    offset: u64,
    /// Kept, so that every call after the one that found it reports it.
    fault: Option<DecodeError>,
}

impl Decoder {
    /// A decoder for one object of a format yet to be found.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The format, once enough bytes have been seen.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.codec.as_ref().map(Codec::format)
    }

    /// Decompresses from `input` into `output`, as much as fits: it stops when the input is consumed or the output is full.
    ///
    /// A full output may leave more to come even when the input is consumed: call again, with no input if need be.
    ///
    /// # Errors
    ///
    /// All of [`DecodeError`] but `Truncated`. What was decompressed before the fault is handed out first: the error comes
    /// with the next call, and again with every call after it.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut total = Progress::default();
        while self.fault.is_none() && total.produced < output.len() {
            let input = &input[total.consumed..];
            let Some(codec) = &mut self.codec else {
                let Some(byte) = input.first() else { break };
                total.consumed += 1;
                self.sniff(*byte);
                continue;
            };
            let kept = !self.head.rest().is_empty();
            let source = if kept { self.head.rest() } else { input };
            let (step, fault) = codec.decode(source, &mut output[total.produced..]);
            let format = codec.format();
            let idle = step == Progress::default();
            let starved = source.is_empty();
            total.produced += step.produced;
            if kept {
                self.head.start += step.consumed;
            } else {
                total.consumed += step.consumed;
                self.offset += step.consumed as u64;
            }
            match fault {
                Some(fault) => self.fail(format, fault),
                None if idle && starved => break,
                // Room and input, and yet no step: rather an error than a loop.
                None if idle => self.fail(format, Fault::Corrupt("no progress".to_owned())),
                None => {}
            }
        }
        match &self.fault {
            Some(fault) if total.produced == 0 => Err(fault.clone()),
            _ => Ok(total),
        }
    }

    /// Checks that the object ended where its format says it ends. All output must have been fetched.
    ///
    /// # Errors
    ///
    /// `Truncated` if it did not, or the fault that [`decode`](Self::decode) reported.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let format = match &self.codec {
            Some(codec) if codec.is_complete() && self.head.rest().is_empty() => return Ok(()),
            Some(codec) => codec.format(),
            None => match self.head.rest().first() {
                None => return Ok(()),
                Some(first) if *first == Format::GZIP_MAGIC[0] => Format::Gzip,
                Some(_) => Format::Zstd,
            },
        };
        let offset = self.offset;
        Err(DecodeError::Truncated { format, offset })
    }

    /// Takes one of the first bytes, the last one if it tells the format.
    fn sniff(&mut self, byte: u8) {
        self.offset += 1;
        self.head.push(byte);
        if let Some(format) = Format::of(self.head.rest()) {
            match Codec::new(format) {
                Ok(codec) => self.codec = Some(codec),
                Err(fault) => self.fail(format, fault),
            }
        }
    }

    fn fail(&mut self, format: Format, fault: Fault) {
        let offset = self.offset;
        self.fault = Some(match fault {
            Fault::Corrupt(reason) => DecodeError::Corrupt {
                format,
                offset,
                reason,
            },
            Fault::TrailingGarbage => DecodeError::TrailingGarbage { format, offset },
            Fault::WindowTooLarge => DecodeError::WindowTooLarge { offset },
            Fault::Setup(reason) => DecodeError::Setup { format, reason },
        });
    }
}

/// The bytes that told the format: the codec reads them before any further input.
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; MAGIC_LEN],
    start: usize,
    end: usize,
}

impl Head {
    fn push(&mut self, byte: u8) {
        self.bytes[self.end] = byte;
        self.end += 1;
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

/// Why a codec stopped; the decoder adds where.
#[derive(Debug)]
enum Fault {
    Corrupt(String),
    TrailingGarbage,
    WindowTooLarge,
    Setup(String),
}

/// The decoder of one format. A step that neither consumes nor produces wants more input.
#[derive(Debug)]
enum Codec {
    Gzip(gzip::Members),
    Zstd(zstd::Frames),
    Plain,
}

impl Codec {
    fn new(format: Format) -> Result<Self, Fault> {
        Ok(match format {
            Format::Gzip => Self::Gzip(gzip::Members::new()),
            Format::Zstd => Self::Zstd(zstd::Frames::new()?),
            Format::Plain => Self::Plain,
        })
    }

    fn format(&self) -> Format {
        match self {
            Self::Gzip(_) => Format::Gzip,
            Self::Zstd(_) => Format::Zstd,
            Self::Plain => Format::Plain,
        }
    }

    /// Whether the object may end here.
    fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(members) => members.is_complete(),
            Self::Zstd(frames) => frames.is_complete(),
            Self::Plain => true,
        }
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> (Progress, Option<Fault>) {
        match self {
            Self::Gzip(members) => members.decode(input, output),
            Self::Zstd(frames) => frames.decode(input, output),
            Self::Plain => {
                let len = input.len().min(output.len());
                output[..len].copy_from_slice(&input[..len]);
                let progress = Progress {
                    consumed: len,
                    produced: len,
                };
                (progress, None)
            }
        }
    }
}

#[cfg(test)]
mod tests;
