//! A real rsyslogd that receives over mutual TLS and writes each message, as it came, to a line of a file.
//!
//! It takes both framings of RFC 6587 (LF and octet counting) and messages of up to 1 MiB. Its queue is direct: a message
//! it has taken goes to the file at once, and never waits in memory for a kill to lose it.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::certificates::Certificates;
use super::process::Process;
use super::{free_port, wait_until};

/// Where Debian puts it; the path of a user other than root does not have the folder.
const RSYSLOGD: &str = "/usr/sbin/rsyslogd";

/// A running rsyslogd, its certificates and the file it writes. Dropped, it is killed and its files are removed.
pub(crate) struct Rsyslog {
    /// The certificates of both ends.
    pub(crate) certificates: Certificates,
    port: u16,
    process: Process,
    folder: tempfile::TempDir,
}

impl Rsyslog {
    /// Starts it on a free port of 127.0.0.1 with certificates of its own, and returns when it accepts connections.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificates = Certificates::generate(folder.path()).await;
        let port = free_port();
        std::fs::write(
            config_file(folder.path()),
            config(folder.path(), port, &certificates),
        )
        .expect("rsyslog.conf");
        File::create(received_file(folder.path())).expect("the file of messages");
        let process = launch(folder.path(), port).await;
        Self {
            certificates,
            port,
            process,
            folder,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Kills it with SIGKILL: its connections are reset, nothing it held is kept.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Stops it in order with SIGTERM.
    pub(crate) async fn stop(&mut self) {
        self.process.signal("TERM").await;
        self.process.wait().await;
    }

    /// Starts it again, after [`kill`](Self::kill) or [`stop`](Self::stop), on the same port and appending to the same file.
    pub(crate) async fn restart(&mut self) {
        self.process = launch(self.folder.path(), self.port).await;
    }

    /// Every message received so far, in the order of the file.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        let received =
            std::fs::read(received_file(self.folder.path())).expect("the file of messages");
        received
            .split_inclusive(|byte| *byte == b'\n')
            .filter_map(|line| line.strip_suffix(b"\n"))
            .map(Vec::from)
            .collect()
    }

    /// Returns all messages once there are at least `count` of them; panics when the next one does not come.
    pub(crate) async fn wait_for_lines(&self, count: usize) -> Vec<Vec<u8>> {
        let mut file = File::open(received_file(self.folder.path())).expect("the file of messages");
        let mut seen = 0;
        while seen < count {
            let before = seen;
            wait_until(
                &format!("rsyslog receives message {} of {count}", before + 1),
                async || {
                    seen += unread_lines(&mut file);
                    seen > before
                },
            )
            .await;
        }
        self.lines()
    }

    /// What rsyslogd says of its connections: refused certificates, broken sessions.
    pub(crate) fn diagnostics(&self) -> String {
        self.process.output()
    }
}

/// How many lines were appended since `file` was last read.
fn unread_lines(file: &mut File) -> usize {
    let mut appended = Vec::new();
    file.read_to_end(&mut appended)
        .expect("the file of messages");
    appended.iter().filter(|byte| **byte == b'\n').count()
}

async fn launch(folder: &Path, port: u16) -> Process {
    let mut command = Command::new(RSYSLOGD);
    command
        .arg("-n")
        .arg("-f")
        .arg(config_file(folder))
        .arg("-iNONE");
    let mut process = Process::start("rsyslogd", command, folder);
    process.wait_until_listening(port).await;
    process
}

fn config_file(folder: &Path) -> PathBuf {
    folder.join("rsyslog.conf")
}

fn received_file(folder: &Path) -> PathBuf {
    folder.join("received.log")
}

/// Control characters are kept as they come (rsyslog would write a tab as `#011`), so that what is compared is bytes.
fn config(folder: &Path, port: u16, certificates: &Certificates) -> String {
    format!(
        r#"global(
    workDirectory="{folder}"
    maxMessageSize="1m"
    parser.escapeControlCharactersOnReceive="off"
    defaultNetstreamDriver="gtls"
    defaultNetstreamDriverCAFile="{authority}"
    defaultNetstreamDriverCertFile="{certificate}"
    defaultNetstreamDriverKeyFile="{key}"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="as-received" type="string" string="%rawmsg%\n")
ruleset(name="keep" queue.type="Direct") {{
    action(type="omfile" file="{received}" template="as-received" asyncWriting="off")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
"#,
        folder = folder.display(),
        authority = certificates.authority.certificate.display(),
        certificate = certificates.server.certificate.display(),
        key = certificates.server.key.display(),
        received = received_file(folder).display(),
    )
}
