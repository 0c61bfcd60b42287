//! The commands of the stand-alone lab, run as processes.

use std::{error::Error, path::Path, process::Stdio};

use cloudweir_lab::generate::pack;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
};

type Outcome = Result<(), Box<dyn Error>>;
type Printed = Lines<BufReader<ChildStdout>>;

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloudweir-lab"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A command that goes on, and the lines it prints.
fn start(arguments: &[&str]) -> Result<(Child, Printed), Box<dyn Error>> {
    let mut child = lab(arguments).spawn()?;
    let stdout = child.stdout.take().ok_or("no standard output")?;
    Ok((child, BufReader::new(stdout).lines()))
}

/// Asks for an orderly stop, as a service manager does.
async fn terminate(child: &Child) -> Outcome {
    let id = child.id().ok_or("the process has ended")?.to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().await?;
    assert!(killed.success());
    Ok(())
}

fn text(path: &Path) -> Result<&str, Box<dyn Error>> {
    Ok(path.to_str().ok_or("the path is not UTF-8")?)
}

#[tokio::test]
async fn serve_tells_its_endpoint_and_ends_on_sigterm() -> Outcome {
    let (mut child, mut stdout) = start(&["serve"])?;
    let endpoint = stdout.next_line().await?.ok_or("no endpoint")?;
    let address = endpoint.strip_prefix("http://").ok_or("no URL")?;
    TcpStream::connect(address).await?;
    terminate(&child).await?;
    assert!(child.wait().await?.success());
    Ok(())
}

#[tokio::test]
async fn receive_appends_lines_and_counts_them_at_its_end() -> Outcome {
    let dir = tempfile::tempdir()?;
    let out = dir.path().join("out");
    let (mut child, mut stdout) = start(&["receive", "--out", text(&out)?])?;
    let address = stdout.next_line().await?.ok_or("no address")?;
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"one\ntwo\n").await?;
    stream.shutdown().await?;
    // The receiver closes once it has read, and written, everything.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    terminate(&child).await?;
    let counts = stdout.next_line().await?;
    assert_eq!(
        counts.as_deref(),
        Some("2 lines, 6 bytes over 1 connections")
    );
    assert!(child.wait().await?.success());
    assert_eq!(std::fs::read(&out)?, b"one\ntwo\n");
    Ok(())
}

#[tokio::test]
async fn certs_make_what_receive_reads() -> Outcome {
    let dir = tempfile::tempdir()?;
    let made = lab(&["certs", "--dir", text(dir.path())?]).output().await?;
    assert!(made.status.success());
    let (child, mut stdout) = start(&["receive", "--tls-dir", text(dir.path())?])?;
    assert!(stdout.next_line().await?.is_some(), "it listens");
    terminate(&child).await?;
    Ok(())
}

#[tokio::test]
async fn generate_writes_objects_and_their_truth() -> Outcome {
    let dir = tempfile::tempdir()?;
    let (from, out) = (dir.path().join("from"), dir.path().join("out"));
    std::fs::create_dir(&from)?;
    std::fs::write(from.join("a.json.gz"), pack(["{\"eventID\":\n\"1\"}"]))?;
    let made = lab(&[
        "generate",
        "--records",
        "5",
        "--per-object",
        "2",
        "--from",
        text(&from)?,
        "--out",
        text(&out)?,
    ])
    .output()
    .await?;
    assert_eq!(String::from_utf8(made.stdout)?, "5 records in 3 objects\n");
    let truth = std::fs::read_to_string(out.join("truth.jsonl"))?;
    assert_eq!(truth.lines().count(), 5);
    let day = out.join("AWSLogs/123456789012/CloudTrail/us-east-1/2026/01/01");
    assert_eq!(std::fs::read_dir(day)?.count(), 3);
    Ok(())
}

#[tokio::test]
async fn a_missing_directory_is_named() -> Outcome {
    let failed = lab(&[
        "generate",
        "--records",
        "1",
        "--from",
        "/nowhere",
        "--out",
        "/nowhere",
    ])
    .stderr(Stdio::piped())
    .output()
    .await?;
    assert!(!failed.status.success());
    assert!(String::from_utf8(failed.stderr)?.contains("/nowhere"));
    Ok(())
}
