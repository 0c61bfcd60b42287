//! One running program: its output kept for the failure message, its end tied to the test's.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::{PATIENCE, wait_until};

/// A program started by a test. It is killed when this is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints goes to `NAME.log` in `folder`.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Self {
        let output = folder.join(format!("{name}.log"));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&output)
            .expect("the log of a program");
        let child = command
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a second handle of the log"))
            .stdout(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}; run `.ci/install test`"));
        Self {
            name: name.to_owned(),
            child,
            output,
        }
    }

    /// Returns when something accepts connections on `port` of 127.0.0.1; panics if the program ends before that.
    pub(crate) async fn wait_until_listening(&mut self, port: u16) {
        let what = format!("{} listens on port {port}", self.name);
        wait_until(&what, async || {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                panic!("{} ended with {status}:\n{}", self.name, self.output());
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_ok()
        })
        .await;
    }

    /// Sends SIGKILL and returns when the program is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("a child that can be killed");
    }

    /// Sends the signal of this name (`TERM`, `STOP`, `CONT`).
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("a running program").to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid])
            .status()
            .await;
        assert!(
            status.expect("sh").success(),
            "cannot send {name} to {} ({pid})",
            self.name
        );
    }

    /// Returns when the program has ended by itself, or after a signal.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.expect("the state of a child"),
            Err(_) => panic!(
                "{} has not ended within {PATIENCE:?}:\n{}",
                self.name,
                self.output()
            ),
        }
    }

    /// What the program has printed so far.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }
}
