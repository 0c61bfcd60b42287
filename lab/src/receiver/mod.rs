//! A line receiver over TCP or TLS that records what arrived, and can misbehave in the ways receivers do.

mod connection;
mod gate;
mod options;
mod record;
mod tls;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use crate::{digest::LineDigest, sync::lock};
use gate::Gate;
use record::Recorder;

pub use connection::{ConnectionReport, End};
pub use options::{
    ClientAuth, CloseStyle, ReceiverError, ReceiverOptions, Record, TlsOptions, TlsVersion,
};

/// A running receiver of LF-framed lines; dropping it kills it.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    backlog: u32,
    recv_buffer_bytes: Option<usize>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// What the receiver shares with its connections.
struct Shared {
    gate: Gate,
    recorder: Recorder,
    reports: Mutex<Vec<ConnectionReport>>,
    running: Mutex<JoinSet<()>>,
    acceptor: Option<TlsAcceptor>,
    close: CloseStyle,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("gate", &self.gate)
            .field("reports", &self.reports)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn update(&self, number: usize, change: impl FnOnce(&mut ConnectionReport)) {
        if let Some(report) = lock(&self.reports).get_mut(number) {
            change(report);
        }
        self.recorder.wake();
    }
}

impl Receiver {
    /// Starts a receiver on the present tokio runtime.
    ///
    /// # Errors
    /// The address is not free, a file cannot be opened, or the TLS material is not usable.
    pub async fn start(options: ReceiverOptions) -> Result<Self, ReceiverError> {
        let acceptor = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let mut receiver = Self {
            shared: Arc::new(Shared {
                gate: Gate::open(),
                recorder: Recorder::new(&options.record)?,
                reports: Mutex::default(),
                running: Mutex::default(),
                acceptor,
                close: options.close,
            }),
            address: options.listen,
            backlog: options.backlog,
            recv_buffer_bytes: options.recv_buffer_bytes,
            accepting: Mutex::new(None),
        };
        receiver.address = receiver.listen()?;
        Ok(receiver)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All lines so far, without their line ends, in order of arrival. Only with [`Record::Lines`].
    pub fn lines(&self) -> Vec<Bytes> {
        let lines = self.shared.recorder.lines();
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// The lines of one connection, an index into [`Receiver::connections`]. Only with [`Record::Lines`].
    pub fn lines_of(&self, connection: usize) -> Vec<Bytes> {
        let lines = self.shared.recorder.lines().into_iter();
        lines
            .filter(|(number, _)| *number == connection)
            .map(|(_, line)| line)
            .collect()
    }

    /// Counts over all connections; the hash only with [`Record::Digest`].
    pub fn totals(&self) -> LineDigest {
        self.shared.recorder.totals()
    }

    /// All connections so far, also those whose handshake failed.
    pub fn connections(&self) -> Vec<ConnectionReport> {
        lock(&self.shared.reports).clone()
    }

    /// Waits until at least `count` lines have arrived.
    pub async fn await_lines(&self, count: u64) {
        self.until(|receiver| receiver.totals().lines >= count)
            .await;
    }

    /// Waits until `condition` holds; it is asked again whenever lines arrive or a connection changes.
    pub async fn until(&self, mut condition: impl FnMut(&Self) -> bool) {
        let mut changes = self.shared.recorder.changes();
        // `changed` cannot fail while `self` holds the sender.
        while !condition(self) && changes.changed().await.is_ok() {}
    }

    /// Stops reading; connections stay open and are still accepted.
    pub fn stall(&self) {
        self.shared.gate.set(Some(0));
    }

    /// Reads again without limit.
    pub fn resume(&self) {
        self.shared.gate.set(None);
    }

    /// Reads `bytes` more, over all connections together and without TLS, then stalls.
    pub fn half_read(&self, bytes: usize) {
        self.shared.gate.set(Some(bytes));
    }

    /// Resets every connection that is past its handshake; new ones are accepted.
    pub fn reset_all(&self) {
        self.shared.gate.reset();
    }

    /// Closes the listener: new connections are refused, open ones go on.
    pub async fn refuse(&self) {
        let accepting = lock(&self.accepting).take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // Ends with the abort; the listener is closed then.
            let _ = accepting.await;
        }
    }

    /// Dies as a killed process does: listener and connections are closed at once, unread bytes are lost, which the peer sees as a
    /// reset. The record stays.
    pub async fn die(&self) {
        self.refuse().await;
        let mut running = std::mem::take(&mut *lock(&self.shared.running));
        running.shutdown().await;
        for report in lock(&self.shared.reports).iter_mut() {
            if report.end == End::Open {
                report.end = End::Killed;
            }
        }
        self.shared.recorder.wake();
    }

    /// Listens again on the same port, after [`Receiver::refuse`] or [`Receiver::die`], and reads without limit.
    ///
    /// # Errors
    /// The port was taken meanwhile.
    pub async fn restart(&self) -> Result<(), ReceiverError> {
        self.refuse().await;
        self.resume();
        self.listen().map(drop)
    }

    fn listen(&self) -> Result<SocketAddr, ReceiverError> {
        let failed = |source| ReceiverError::Listen {
            address: self.address,
            source,
        };
        let listener = self.bind().map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&self.shared)));
        *lock(&self.accepting) = Some(accepting);
        Ok(address)
    }

    fn bind(&self) -> io::Result<TcpListener> {
        let domain = Domain::for_address(self.address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if let Some(bytes) = self.recv_buffer_bytes {
            // Accepted connections inherit it; set before listening it also bounds the advertised window.
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(&self.address.into())?;
        socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(accepting) = lock(&self.accepting).take() {
            accepting.abort();
        }
        lock(&self.shared.running).abort_all();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // An error of accept concerns the one connection that was given up meanwhile.
        let Ok((stream, peer)) = listener.accept().await else {
            continue;
        };
        let number = {
            let mut reports = lock(&shared.reports);
            reports.push(ConnectionReport::new(peer));
            reports.len() - 1
        };
        shared.recorder.wake();
        let acceptor = shared.acceptor.clone();
        let task = connection::run(Arc::clone(&shared), number, stream, acceptor);
        let mut running = lock(&shared.running);
        while running.try_join_next().is_some() {}
        running.spawn(task);
    }
}

#[cfg(test)]
mod tests;
