//! Python with boto3, AWS's own client, run as a program.

use std::path::Path;

use tokio::process::Command;

use super::venv_program;

/// A command of the tests' Python whose boto3 has made-up keys, is in `us-east-1`, and takes nothing from the configuration
/// of whoever runs the tests.
pub(crate) fn command() -> Command {
    let mut command = Command::new(venv_program("python"));
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env(
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        )
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .kill_on_drop(true);
    command
}

/// Runs the text of a script against `endpoint` (`http://127.0.0.1:…`); returns what it printed, panics with its traceback
/// if it failed.
pub(crate) async fn boto3(endpoint: &str, script: &str) -> String {
    finish(
        command()
            .env("AWS_ENDPOINT_URL", endpoint)
            .args(["-c", script]),
    )
    .await
}

/// Runs a script file with arguments against `endpoint`, as [`boto3`] does.
pub(crate) async fn boto3_file(endpoint: &str, script: &Path, arguments: &[&str]) -> String {
    finish(
        command()
            .env("AWS_ENDPOINT_URL", endpoint)
            .arg(script)
            .args(arguments),
    )
    .await
}

async fn finish(command: &mut Command) -> String {
    let ended = command
        .output()
        .await
        .expect("python of the tests' environment");
    let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        ended.status.success(),
        "{}\n{printed}{}",
        ended.status,
        String::from_utf8_lossy(&ended.stderr)
    );
    printed
}
