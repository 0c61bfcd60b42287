//! The body of an answer as it is sent: whole, or cut short by a fault.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;

use super::connection::Control;

/// Ends a connection because a fault says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an injected fault ends the connection")]
pub(crate) struct Cut;

/// How a body ends that does not reach its announced length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Orderly close.
    Close,
    /// TCP reset.
    Reset,
}

/// A body on its way out.
#[derive(Debug)]
pub(crate) enum SentBody {
    /// All of it, without a copy.
    Whole(Bytes),
    /// Only these bytes, after a head that announced more.
    Short(ShortBody),
}

/// The state of a body that is cut short.
#[derive(Debug)]
pub(crate) struct ShortBody {
    bytes: Bytes,
    ending: Ending,
    control: Arc<Control>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    /// Waits until the socket has taken bytes up to this count.
    Draining {
        until: u64,
    },
    /// One more turn, in which the rest of the buffer is flushed.
    Flushing,
    Over,
}

impl SentBody {
    pub(super) fn short(bytes: Bytes, ending: Ending, control: Arc<Control>) -> Self {
        Self::Short(ShortBody {
            bytes,
            ending,
            control,
            phase: Phase::Start,
        })
    }
}

impl ShortBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.phase {
            Phase::Start => {
                let until = self.control.written() + self.bytes.len() as u64;
                self.phase = Phase::Draining { until };
                if self.bytes.is_empty() {
                    return self.poll(context);
                }
                let bytes = std::mem::take(&mut self.bytes);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Phase::Draining { until } if self.control.written() < until => {
                self.control.wake_on_write(context.waker());
                Poll::Pending
            }
            Phase::Draining { .. } => {
                self.phase = Phase::Flushing;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Phase::Flushing | Phase::Over => {
                self.phase = Phase::Over;
                match self.ending {
                    // The server closes a connection whose body ends before its announced length.
                    Ending::Close => Poll::Ready(None),
                    Ending::Reset => {
                        self.control.reset_on_close();
                        Poll::Ready(Some(Err(Cut)))
                    }
                }
            }
        }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Short(short) => short.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    /// Unknown for a short body, so that the server keeps to the announced length.
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Short(_) => SizeHint::default(),
        }
    }
}
