//! gzip: one member after another, then perhaps zeros.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Fault, Format, Progress};

/// The base-two logarithm of deflate's largest window (RFC 1951).
const WINDOW_BITS: u8 = 15;

/// A sequence of gzip members, decoded as their concatenation.
#[derive(Debug)]
pub(super) struct Members {
    inflate: Decompress,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    InMember,
    AfterMember,
    /// Zeros after the last member, which tape drives and some uploaders add: gzip(1) takes them for the end, and so do we.
    InPadding,
}

impl Members {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new_gzip(WINDOW_BITS),
            place: Place::InMember,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.place != Place::InMember
    }

    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> (Progress, Option<Fault>) {
        if self.place == Place::AfterMember {
            match input.first() {
                None => return Default::default(),
                Some(0) => self.place = Place::InPadding,
                Some(first) if *first == Format::GZIP_MAGIC[0] => {
                    self.inflate.reset(true);
                    self.place = Place::InMember;
                }
                Some(_) => return (Progress::default(), Some(Fault::TrailingGarbage)),
            }
        }
        if self.place == Place::InPadding {
            let zeros = input.iter().take_while(|&&byte| byte == 0).count();
            let progress = Progress {
                consumed: zeros,
                produced: 0,
            };
            let fault = (zeros < input.len()).then_some(Fault::TrailingGarbage);
            return (progress, fault);
        }
        self.inflate(input, output)
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> (Progress, Option<Fault>) {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let result = self
            .inflate
            .decompress(input, output, FlushDecompress::None);
        // Both are at most the lengths of the slices.
        let progress = Progress {
            consumed: (self.inflate.total_in() - before_in) as usize,
            produced: (self.inflate.total_out() - before_out) as usize,
        };
        match result {
            Ok(Status::StreamEnd) => self.place = Place::AfterMember,
            Ok(Status::Ok | Status::BufError) => {}
            Err(error) => return (progress, Some(Fault::Corrupt(error.to_string()))),
        }
        (progress, None)
    }
}
