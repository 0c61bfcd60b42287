//! zstd: one frame after another, skippable ones skipped.

use std::{fmt, io};

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use super::{Fault, MAX_ZSTD_WINDOW_LOG, Progress};

/// The shortest frame header: enough for zstd to say how much it wants next.
const MIN_FRAME_HEADER_LEN: usize = 5;

/// A sequence of zstd frames, decoded as their concatenation.
pub(super) struct Frames {
    decoder: Decoder<'static>,
    /// How much input zstd wants next; 0 at the end of a frame.
    wanted: usize,
    /// The last output was filled, so there may be more without any input.
    output_full: bool,
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Frames {
    pub(super) fn new() -> Result<Self, Fault> {
        let limited = || {
            let mut decoder = Decoder::new()?;
            decoder.set_parameter(DParameter::WindowLogMax(MAX_ZSTD_WINDOW_LOG))?;
            Ok::<_, io::Error>(decoder)
        };
        let decoder = limited().map_err(|error| Fault::Setup(error.to_string()))?;
        Ok(Self {
            decoder,
            wanted: MIN_FRAME_HEADER_LEN,
            output_full: false,
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.wanted == 0
    }

    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> (Progress, Option<Fault>) {
        // zstd counts calls that get it nowhere and fails after some; at the end of a frame, it would begin another.
        let flushed = !self.output_full || self.is_complete();
        if input.is_empty() && flushed {
            return Default::default();
        }
        // No more than zstd asks for, which is a block: an error then costs the output of that block only.
        let wanted = match self.wanted {
            0 => MIN_FRAME_HEADER_LEN,
            wanted => wanted,
        };
        let mut source = InBuffer::around(&input[..input.len().min(wanted)]);
        let mut sink = OutBuffer::around(output);
        let result = self.decoder.run(&mut source, &mut sink);
        let progress = Progress {
            consumed: source.pos(),
            produced: sink.pos(),
        };
        self.output_full = progress.produced == output.len();
        match result {
            Ok(wanted) => {
                self.wanted = wanted;
                (progress, None)
            }
            Err(error) => (progress, Some(fault_of(&error))),
        }
    }
}

fn fault_of(error: &io::Error) -> Fault {
    let is = |kind| {
        error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<zstd::Error>())
            .is_some_and(|inner| inner.is(kind))
    };
    if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        Fault::WindowTooLarge
    } else if is(ZSTD_ErrorCode::ZSTD_error_prefix_unknown) {
        // The first frame's magic number was seen before, so this is after a whole frame.
        Fault::TrailingGarbage
    } else {
        Fault::Corrupt(error.to_string())
    }
}
