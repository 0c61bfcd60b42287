//! The `outputs` section.

use std::path::PathBuf;
use std::time::Duration;

use super::Backoff;

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name in the file.
    pub name: String,
    /// What it is.
    pub kind: OutputKind,
}

/// The kinds of outputs, by `type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// `devo_platform`.
    Devo(Receiver),
    /// `syslog`.
    Syslog(SyslogOutput),
    /// `console`.
    Console(ConsoleOutput),
    /// `file`.
    File(FileOutput),
}

/// A receiver of lines over the network, and how they get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Host name or address, an IPv6 one without brackets.
    pub host: String,
    /// TCP port; 443 by default for Devo.
    pub port: u16,
    /// `type`: TLS by default for Devo.
    pub transport: Transport,
    /// `concurrent_connections`: connections at the same time; 2 by default.
    pub concurrent_connections: usize,
    /// `delivery`: when an event counts as delivered.
    pub delivery: DeliveryRule,
    /// `period_sender_stats_in_seconds`: how often statistics are logged; by default as the globals say.
    pub stats_period: Duration,
    /// `connecting_initial_wait_in_seconds`, `connecting_max_wait_in_seconds`: the wait before connecting again; 200 ms to
    /// 30 s by default.
    pub backoff: Backoff,
}

/// What the lines travel in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Plain TCP.
    Tcp,
    /// TLS 1.2 or 1.3.
    Tls {
        /// `chain`: the certificates that sign the receiver's, in PEM; the system's where there are none.
        chain: Option<PathBuf>,
        /// `cert` and `key`; Devo always asks for them.
        identity: Option<TlsIdentity>,
        /// `tls.verify_hostname`: whether the receiver's certificate must be for its name; `true` by default.
        verify_hostname: bool,
    },
}

/// Our own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The certificate and its intermediates, in PEM.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// When an event counts as delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryRule {
    /// `confirm`: `tcp` by default.
    pub confirm: Confirm,
    /// `settle`: how long a batch that the peer's TCP has acknowledged is still kept for sending again; 2 s by default.
    pub settle: Duration,
    /// `stall_timeout`: a connection that has work and makes no progress for this long is given up; 60 s by default.
    pub stall_timeout: Duration,
}

/// The levels of confirmation on a protocol without acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Our kernel has taken the bytes.
    Write,
    /// The peer's TCP has acknowledged them, and the connection stood for `settle` after that. Linux only.
    Tcp,
}

/// A syslog receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogOutput {
    /// Where it is.
    pub receiver: Receiver,
    /// `multiline`: octet counting (RFC 6587 3.4.1) instead of a line feed after each record; `false` by default.
    pub multiline: bool,
}

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleOutput {
    /// `destination`: `stdout` by default.
    pub destination: ConsoleStream,
    /// `format`: `line` by default.
    pub format: LineFormat,
}

/// A standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleStream {
    /// `stdout`.
    Stdout,
    /// `stderr`.
    Stderr,
}

/// A file that lines are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutput {
    /// `path`: the file.
    pub path: PathBuf,
    /// `format`: `line` by default.
    pub format: LineFormat,
}

/// What is written of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// The syslog record, as a receiver would get it.
    Line,
    /// Its message only.
    Message,
}
