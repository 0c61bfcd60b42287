//! Programs that nobody here wrote, for integration tests to run against: rsyslog as receiver, moto as AWS, boto3 as client.
//!
//! `.ci/install test` installs them. A program that is missing fails the test that wants it, loudly: a test that skips
//! itself proves nothing. Everything here waits in real time, so it has no use under tokio's paused clock.
//! What the programs are asked to prove is for the tests that use this module.

#![allow(
    dead_code,
    reason = "each integration test is a crate of its own, and uses only some of these programs"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the code of a test, though outside its function: a failure here fails that test"
)]

pub(crate) mod certificates;
pub(crate) mod moto;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod rsyslog;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long anything may take before a test gives up on it: far longer than it takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Returns when `condition` holds; panics, naming `what`, when it has not come to hold within [`PATIENCE`].
pub(crate) async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
        panic!("{what}: not within {PATIENCE:?}");
    }
}

/// A TCP port on 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
    listener
        .local_addr()
        .expect("the listener's address")
        .port()
}

/// The root of the workspace, from whichever of its packages the test belongs to.
pub(crate) fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists())
        .expect("the workspace's Cargo.lock above the package")
}

/// A program of the Python environment that `.ci/install test` makes.
fn venv_program(name: &str) -> PathBuf {
    let program = workspace_root().join("target/venv/bin").join(name);
    assert!(
        program.exists(),
        "{} is missing: run `.ci/install test`",
        program.display()
    );
    program
}
