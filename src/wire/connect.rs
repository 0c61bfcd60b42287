//! Connecting to a receiver: TCP with keep-alive, then TLS if asked for; the two halves of the open connection.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::counted::Counted;
use super::kernel::{PeerState, peer_state};

/// A receiver's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// What goes over TCP.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Plain lines.
    Tcp,
    /// TLS 1.2 or 1.3.
    Tls(Arc<ClientConfig>),
}

/// Why a connection could not be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The host does not answer, or its name does not resolve.
    #[error("cannot connect to {endpoint}: {source}; check address, port and firewall")]
    Tcp {
        /// Where to.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// TCP stands, TLS does not.
    #[error(
        "TLS with {endpoint} failed: {source}; check chain, cert and key, and the name in the receiver's certificate"
    )]
    Tls {
        /// Where to.
        endpoint: Endpoint,
        /// What TLS said.
        source: io::Error,
    },
    /// The address is no name that a certificate can be for.
    #[error("{0} is not a host name or address that TLS can verify")]
    Name(String),
    /// It took too long.
    #[error("{endpoint} did not answer within {} s", limit.as_secs())]
    Timeout {
        /// Where to.
        endpoint: Endpoint,
        /// The limit.
        limit: Duration,
    },
}

/// How long connecting and the handshake may take together.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// Keep-alive. The answer to a probe brings the peer's present window, which it would not announce by itself after reading less
/// than half of its buffer; so the first probe comes early. A peer that has vanished is noticed after about a minute.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(1))
    .with_interval(Duration::from_secs(10))
    .with_retries(6);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens a connection to `endpoint`.
///
/// # Errors
/// Whatever keeps the connection from standing within 15 s.
pub async fn connect(
    endpoint: &Endpoint,
    transport: &Transport,
) -> Result<(WireWriter, WireReader), ConnectError> {
    tokio::time::timeout(CONNECT_LIMIT, open(endpoint, transport))
        .await
        .unwrap_or_else(|_| {
            Err(ConnectError::Timeout {
                endpoint: endpoint.clone(),
                limit: CONNECT_LIMIT,
            })
        })
}

async fn open(
    endpoint: &Endpoint,
    transport: &Transport,
) -> Result<(WireWriter, WireReader), ConnectError> {
    let tcp_error = |source| ConnectError::Tcp {
        endpoint: endpoint.clone(),
        source,
    };
    let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(tcp_error)?;
    // Batches are written whole, so waiting for more to fill a segment would only add latency.
    tcp.set_nodelay(true).map_err(tcp_error)?;
    SockRef::from(&tcp)
        .set_tcp_keepalive(&KEEPALIVE)
        .map_err(tcp_error)?;
    // A descriptor of our own, since TLS takes the stream itself.
    let socket = SockRef::from(&tcp).try_clone().map_err(tcp_error)?;

    let written = Arc::new(AtomicU64::new(0));
    let counted = Counted::new(tcp, Arc::clone(&written));
    let stream: Box<dyn Stream> = match transport {
        Transport::Tcp => Box::new(counted),
        Transport::Tls(config) => {
            let name = ServerName::try_from(endpoint.host.clone())
                .map_err(|_| ConnectError::Name(endpoint.host.clone()))?;
            let tls = TlsConnector::from(Arc::clone(config))
                .connect(name, counted)
                .await
                .map_err(|source| ConnectError::Tls {
                    endpoint: endpoint.clone(),
                    source,
                })?;
            Box::new(tls)
        }
    };
    let (reader, writer) = tokio::io::split(stream);
    let writer = WireWriter {
        stream: writer,
        socket,
        written,
    };
    Ok((writer, WireReader { stream: reader }))
}

/// The writing half of an open connection.
pub struct WireWriter {
    stream: WriteHalf<Box<dyn Stream>>,
    socket: socket2::Socket,
    written: Arc<AtomicU64>,
}

impl WireWriter {
    /// Writes all of `bytes` and flushes, so that the kernel has every byte of it when this resolves.
    ///
    /// # Errors
    /// The connection is gone; how much of `bytes` the peer has is not known.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// What can be asked of the connection while a write is under way.
    ///
    /// # Errors
    /// The descriptor cannot be duplicated.
    pub fn probe(&self) -> io::Result<Probe> {
        Ok(Probe {
            socket: self.socket.try_clone()?,
            written: Arc::clone(&self.written),
        })
    }

    /// Ends the connection in order: close_notify where TLS is used, then FIN.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// A view of a connection that asks the kernel how it stands.
#[derive(Debug)]
pub struct Probe {
    socket: socket2::Socket,
    written: Arc<AtomicU64>,
}

impl Probe {
    /// Bytes that the kernel has taken on this connection, ciphertext where TLS is used.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// How the connection stands, and the byte up to which the peer's TCP has acknowledged it.
    ///
    /// # Errors
    /// The system call failed.
    pub fn acknowledged(&self) -> io::Result<(u64, PeerState)> {
        // The count first: a write between the two makes the result too low, never too high.
        let written = self.written_bytes();
        let state = peer_state(self.socket.as_fd())?;
        Ok((written.saturating_sub(state.unacknowledged_bytes), state))
    }
}

/// The reading half. A syslog receiver never speaks: what is read is the end of the connection.
pub struct WireReader {
    stream: ReadHalf<Box<dyn Stream>>,
}

impl WireReader {
    /// Resolves when the peer has ended the connection or it broke. Bytes that the peer sends are read and thrown away.
    pub async fn ended(mut self) -> Option<io::Error> {
        let mut buffer = [0; 512];
        loop {
            match self.stream.read(&mut buffer).await {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(error),
            }
        }
    }
}
