//! The wire to a syslog receiver: connecting, TLS, and finding out what the peer has.
//!
//! What a record looks like is [`crate::event`]'s matter, when to connect and what to send again is [`crate::sink`]'s.

mod connect;
mod counted;
mod kernel;
mod settling;
mod tls;

pub use connect::{ConnectError, Endpoint, Probe, Transport, WireReader, WireWriter, connect};
pub use counted::Counted;
pub use kernel::{PeerState, peer_state};
pub use settling::Settling;
pub use tls::{ClientIdentity, TlsError, TlsSettings, client_config};
