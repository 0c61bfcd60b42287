//! moto, an AWS emulator that nobody here wrote. Where it is known to be wrong: it takes a superseded receipt handle, and
//! more than ten entries in a `DeleteMessageBatch`.

use tokio::process::Command;

use super::process::Process;
use super::{free_port, python, venv_program};

/// A running `moto_server`. Dropped, it is killed.
pub(crate) struct Moto {
    port: u16,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Moto {
    /// Starts it on a free port of 127.0.0.1, and returns when it accepts connections.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let mut command = Command::new(venv_program("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut process = Process::start("moto_server", command, folder.path());
        process.wait_until_listening(port).await;
        Self {
            port,
            _process: process,
            _folder: folder,
        }
    }

    /// The endpoint of all its services.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs the text of a boto3 script against it; returns what the script printed.
    pub(crate) async fn boto3(&self, script: &str) -> String {
        python::boto3(&self.endpoint(), script).await
    }
}
