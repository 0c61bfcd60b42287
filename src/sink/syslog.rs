//! Receivers of syslog lines over TCP or TLS: Devo itself, and any relay.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{ConfirmWritten, Confirmer, Opened, Sink, SinkError, Writer};
use crate::delivery::Batch;
use crate::wire::{
    Endpoint, Probe, Settling, TlsSettings, Transport, WireWriter, client_config, connect,
};

/// Devo's balancer closes a connection that has been idle for 30 s; with 5 s to spare the next write opens a new one.
const STALE_AFTER: Duration = Duration::from_secs(25);

/// How often the kernel is asked while bytes are unacknowledged.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// What has to happen for a batch to count as delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// The kernel has taken its bytes.
    Write,
    /// The peer's TCP has acknowledged its bytes, and the connection has stood for a while after that.
    Tcp {
        /// The while; see [`Settling`] for what the peer's window makes of it.
        settle: Duration,
    },
}

/// How the receiver tells one record from the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineFraming {
    /// By the line feed at the end of each (RFC 6587, section 3.4.2).
    #[default]
    LineFeed,
    /// By its length in front of it (RFC 6587, section 3.4.1).
    OctetCounted,
}

/// A receiver of syslog lines.
#[derive(Debug)]
pub struct Syslog {
    endpoint: Endpoint,
    tls: Option<TlsSettings>,
    confirm: Confirm,
    framing: LineFraming,
    kind: &'static str,
}

impl Syslog {
    /// Devo's own endpoint.
    #[must_use]
    pub fn devo(endpoint: Endpoint, tls: Option<TlsSettings>, confirm: Confirm) -> Self {
        Self {
            endpoint,
            tls,
            confirm,
            framing: LineFraming::LineFeed,
            kind: "DevoSender",
        }
    }

    /// Any other receiver.
    #[must_use]
    pub fn relay(
        endpoint: Endpoint,
        tls: Option<TlsSettings>,
        confirm: Confirm,
        framing: LineFraming,
    ) -> Self {
        Self {
            endpoint,
            tls,
            confirm,
            framing,
            kind: "SyslogSender",
        }
    }
}

impl Sink for Syslog {
    fn sender_kind(&self) -> &'static str {
        self.kind
    }

    fn describe(&self) -> Map<String, Value> {
        let path = |path: Option<&std::path::PathBuf>| path.map(|path| path.display().to_string());
        let tls = self.tls.as_ref();
        let identity = tls.and_then(|tls| tls.identity.as_ref());
        let members = json!({
            "url": self.endpoint.to_string(),
            "chain_path": path(tls.and_then(|tls| tls.chain.as_ref())),
            "cert_path": path(identity.map(|identity| &identity.cert)),
            "key_path": path(identity.map(|identity| &identity.key)),
            "transport_layer_type": if tls.is_some() { "SSL" } else { "TCP" },
        });
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn open(&self) -> BoxFuture<'_, Result<Opened, SinkError>> {
        async move {
            // The files are read anew for each connection, so that a renewed certificate is used without a restart.
            let transport = match &self.tls {
                Some(settings) => Transport::Tls(client_config(settings)?),
                None => Transport::Tcp,
            };
            let (writer, reader) = connect(&self.endpoint, &transport).await?;
            let target = self.endpoint.to_string();
            let confirmer: Box<dyn Confirmer> = match self.confirm {
                Confirm::Write => Box::new(ConfirmWritten::default()),
                Confirm::Tcp { settle } => Box::new(ConfirmAcknowledged {
                    probe: writer.probe().map_err(io_error(&target))?,
                    settling: Settling::new(settle),
                    target: target.clone(),
                }),
            };
            let ended = {
                let target = target.clone();
                async move {
                    match reader.ended().await {
                        None => format!("{target} has closed the connection"),
                        Some(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                            format!(
                                "{target} has closed the connection, without TLS's close_notify"
                            )
                        }
                        Some(error) => format!("the connection to {target} broke: {error}"),
                    }
                }
                .boxed()
            };
            Ok(Opened {
                writer: Box::new(LineWriter {
                    wire: writer,
                    framing: self.framing,
                    target,
                }),
                confirmer,
                ended,
                stale_after: Some(STALE_AFTER),
            })
        }
        .boxed()
    }
}

struct LineWriter {
    wire: WireWriter,
    framing: LineFraming,
    target: String,
}

/// The batch's records, each with its length in front instead of the line feed at its end.
fn octet_counted(batch: &Batch) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(batch.bytes().len() + batch.events() * 4);
    for record in batch.records() {
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        bytes.extend_from_slice(record.len().to_string().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(record);
    }
    bytes
}

impl Writer for LineWriter {
    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>> {
        async move {
            let result = match self.framing {
                LineFraming::LineFeed => self.wire.write(batch.bytes()).await,
                LineFraming::OctetCounted => self.wire.write(&octet_counted(batch)).await,
            };
            result.map_err(io_error(&self.target))
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), SinkError>> {
        async move { self.wire.close().await.map_err(io_error(&self.target)) }.boxed()
    }
}

struct ConfirmAcknowledged {
    probe: Probe,
    settling: Settling,
    target: String,
}

impl Confirmer for ConfirmAcknowledged {
    fn wrote(&mut self) {
        self.settling.wrote(self.probe.written_bytes());
    }

    fn confirmed(&mut self, now: Instant) -> Result<usize, SinkError> {
        let (acknowledged, state) = self.probe.acknowledged().map_err(io_error(&self.target))?;
        if !state.established {
            // Acknowledged or not, what has not settled may be lost with the peer's program, so it is sent again.
            return Err(SinkError::Other(format!(
                "{} has ended the connection",
                self.target
            )));
        }
        let window = state.window_bytes;
        Ok(self.settling.acknowledged(acknowledged, window, now))
    }

    fn ask_again(&self, now: Instant) -> Option<Instant> {
        let soon = now + ASK_EVERY;
        if !self.settling.all_acknowledged() {
            return Some(soon);
        }
        // Past the earliest moment it is the window that is waited for, which says nothing by itself.
        self.settling.earliest().map(|earliest| earliest.max(soon))
    }

    fn progress(&self) -> u64 {
        self.settling.acknowledged_bytes()
    }
}

fn io_error(target: &str) -> impl FnOnce(std::io::Error) -> SinkError + '_ {
    move |source| SinkError::Io {
        target: target.to_owned(),
        source,
    }
}
