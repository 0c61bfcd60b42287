//! One connection: handshake, reading under the gate, and an orderly close once the peer's stream has ended.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::{BufMut, BytesMut};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Shared,
    options::{CloseStyle, TlsVersion},
    tls,
};

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It has not.
    Open,
    /// The peer closed in order, over TLS with `close_notify`.
    Closed,
    /// The peer closed a TLS connection without `close_notify`.
    Truncated,
    /// The handshake failed, or the peer reset the connection, or the record could not be written.
    Failed(String),
    /// The receiver reset it.
    Reset,
    /// The receiver died.
    Killed,
}

/// A connection and what came over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionReport {
    /// The peer's address.
    pub peer: SocketAddr,
    /// The common name of the client's certificate.
    pub client: Option<String>,
    /// The version of TLS; none over plain TCP.
    pub tls: Option<TlsVersion>,
    /// Bytes read, without TLS.
    pub bytes: u64,
    /// Whole lines read.
    pub lines: u64,
    /// Bytes read behind the last line end.
    pub partial: usize,
    /// How it ended.
    pub end: End,
}

impl ConnectionReport {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            client: None,
            tls: None,
            bytes: 0,
            lines: 0,
            partial: 0,
            end: End::Open,
        }
    }
}

/// A stream that knows the TCP connection below it.
trait Transport: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Receives over `stream` until either side ends it.
pub(super) async fn run(
    shared: Arc<Shared>,
    number: usize,
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
) {
    let mut resets = shared.gate.resets();
    let end = match acceptor {
        None => receive(&shared, number, stream, &mut resets).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Err(error) => End::Failed(error.to_string()),
            Ok(stream) => {
                let (version, client) = tls::peer(stream.get_ref().1);
                shared.update(number, |report| {
                    report.tls = version;
                    report.client = client;
                });
                receive(&shared, number, stream, &mut resets).await
            }
        },
    };
    shared.update(number, |report| report.end = end);
}

async fn receive(
    shared: &Shared,
    number: usize,
    mut stream: impl Transport,
    resets: &mut watch::Receiver<u64>,
) -> End {
    let mut changes = shared.gate.changes();
    let mut buffer = BytesMut::new();
    loop {
        changes.mark_unchanged();
        let allowance = shared.gate.allowance();
        // A receiver that may not read notices nothing of its peer.
        let limit = allowance.as_ref().map_or(0, |allowance| allowance.bytes);
        buffer.reserve(limit);
        let mut target = (&mut buffer).limit(limit);
        let read = tokio::select! {
            biased;
            _ = resets.changed() => {
                // If it fails, the peer sees an orderly close in the middle of its stream.
                let _ = stream.tcp().set_zero_linger();
                return End::Reset;
            }
            _ = changes.changed() => continue,
            read = stream.read_buf(&mut target), if limit > 0 => read,
        };
        let bytes = match read {
            Ok(0) => {
                close(&mut stream, shared.close).await;
                return End::Closed;
            }
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                close(&mut stream, shared.close).await;
                return End::Truncated;
            }
            Err(error) => return End::Failed(error.to_string()),
        };
        if let Some(allowance) = allowance {
            allowance.used(bytes);
        }
        match shared.recorder.take_lines(number, &mut buffer) {
            Ok(lines) => shared.update(number, |report| {
                report.bytes += bytes as u64;
                report.lines += lines;
                report.partial = buffer.len();
            }),
            Err(error) => return End::Failed(error.to_string()),
        }
    }
}

/// Ends our side too. The peer may be gone already, which is no error.
async fn close(stream: &mut impl Transport, style: CloseStyle) {
    match style {
        CloseStyle::Notify => {
            let _ = stream.shutdown().await;
        }
        CloseStyle::BareFin => {
            let _ = SockRef::from(stream.tcp()).shutdown(std::net::Shutdown::Write);
        }
    }
}
