//! The byte stream under a connection: counts what is written, and can end with a reset.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::sync::lock;

/// The send buffer of a connection that is going to be reset.
const NARROW_BYTES: usize = 8 * 1024;

/// What an answer's body knows of, and asks from, the connection that carries it.
#[derive(Debug, Default)]
pub(super) struct Control {
    written: AtomicU64,
    written_more: Mutex<Option<Waker>>,
    reset: AtomicBool,
    narrow: AtomicBool,
}

impl Control {
    /// Bytes written to the socket so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Wakes `waker` at the next write.
    pub(super) fn wake_on_write(&self, waker: &Waker) {
        *lock(&self.written_more) = Some(waker.clone());
    }

    /// Makes the connection end with a TCP reset instead of an orderly close.
    pub(super) fn reset_on_close(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// Makes the send buffer small before the next write: a reset discards what the buffer holds, so the peer would get far less
    /// than was written.
    pub(super) fn narrow_send_buffer(&self) {
        self.narrow.store(true, Ordering::Relaxed);
    }

    fn count(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(waker) = lock(&self.written_more).take() {
            waker.wake();
        }
    }
}

/// A TCP connection under a [`Control`].
#[derive(Debug)]
pub(super) struct Connection {
    stream: TokioIo<TcpStream>,
    control: Arc<Control>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, control: Arc<Control>) -> Self {
        Self {
            stream: TokioIo::new(stream),
            control,
        }
    }

    fn prepare_write(&self) {
        if self.control.narrow.swap(false, Ordering::Relaxed) {
            // If it fails, more bytes are lost with the reset.
            let _ = SockRef::from(self.stream.inner()).set_send_buffer_size(NARROW_BYTES);
        }
    }

    fn counted(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = result {
            self.control.count(bytes);
        }
        result
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::Relaxed) {
            // If it fails, the client sees an orderly close in the middle of an answer.
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.prepare_write();
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.counted(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.prepare_write();
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.counted(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
