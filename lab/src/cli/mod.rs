//! The command line of the stand-alone lab, one file a command.

mod certs;
mod demo;
mod generate;
mod receive;
mod serve;

use std::{error::Error, io, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(
    name = "cloudweir-lab",
    version,
    about = "Development only: an emulator of SQS, S3 and STS, and a TLS line receiver"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve SQS, S3 and STS on one endpoint
    Serve(serve::Arguments),
    /// Receive lines over TCP or TLS into a file
    Receive(receive::Arguments),
    /// Make a certificate authority and what it issues
    Certs(certs::Arguments),
    /// Make CloudTrail objects out of real records
    Generate(generate::Arguments),
    /// Run the real collector between the lab and a receiver, and count what arrives
    Demo(demo::Arguments),
}

/// Runs the command that the arguments name.
pub(crate) async fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Receive(arguments) => receive::run(arguments).await,
        Command::Certs(arguments) => certs::run(&arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Demo(arguments) => demo::run(arguments).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cloudweir-lab: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A wait for SIGINT or SIGTERM, which are heeded from now on, not only once they are waited for.
fn stopped() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
