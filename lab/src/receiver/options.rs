//! What a receiver is started with.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// How to start a [`Receiver`](super::Receiver).
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// Where to listen; port 0 takes a free one, which stays the same over restarts.
    pub listen: SocketAddr,
    /// TLS, or plain TCP without.
    pub tls: Option<TlsOptions>,
    /// What is kept of the lines.
    pub record: Record,
    /// `SO_RCVBUF` of every connection, in bytes: a small one makes a stalled receiver felt early.
    pub recv_buffer_bytes: Option<usize>,
    /// Connections that may wait to be accepted.
    pub backlog: u32,
    /// How the end of the peer's stream is answered.
    pub close: CloseStyle,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            record: Record::Lines,
            recv_buffer_bytes: None,
            backlog: 128,
            close: CloseStyle::Notify,
        }
    }
}

/// What is kept of the lines that arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Every line.
    Lines,
    /// Counts and an order-free hash.
    Digest,
    /// Counts.
    Discard,
    /// Counts; the lines are appended to this file.
    Append(PathBuf),
}

/// How the end of the peer's stream is answered over TLS, once everything has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseStyle {
    /// With `close_notify`, then FIN.
    Notify,
    /// With FIN alone, as rsyslog does.
    BareFin,
}

/// The receiver's side of TLS.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// Its certificate and those between it and the root, PEM.
    pub certificate: Vec<u8>,
    /// Its private key, PEM.
    pub key: Vec<u8>,
    /// The roots that client certificates are checked against, PEM.
    pub client_ca: Vec<u8>,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// The accepted versions.
    pub versions: Vec<TlsVersion>,
}

impl TlsOptions {
    /// Reads `server.crt`, `server.key` and `chain.crt` of a directory that [`certs`](crate::certs) wrote; client certificates are
    /// required, both versions accepted.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn from_dir(dir: &Path) -> Result<Self, ReceiverError> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read(&path).map_err(|source| ReceiverError::File { path, source })
        };
        Ok(Self {
            certificate: read("server.crt")?,
            key: read("server.key")?,
            client_ca: read("chain.crt")?,
            client_auth: ClientAuth::Required,
            versions: vec![TlsVersion::Tls12, TlsVersion::Tls13],
        })
    }
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They are asked; one that shows none is welcome, one that shows a bad one is not.
    Optional,
    /// They must.
    Required,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// A receiver could not start.
#[derive(Debug, Error)]
pub enum ReceiverError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be read or written.
    #[error("cannot open {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate, key or client CA cannot be used.
    #[error("cannot use the TLS material of the receiver: {0}")]
    Tls(String),
}
