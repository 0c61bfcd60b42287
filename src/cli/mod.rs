//! The command line: a file a command, and the exit codes.

mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Report;

/// An ordered stop.
pub const EXIT_OK: u8 = 0;
/// The collector could not start, or ended because restarting its parts did not help.
pub const EXIT_FAILURE: u8 = 1;
/// The configuration has errors (or the command line has: clap uses the same code); nothing was started.
pub const EXIT_CONFIGURATION: u8 = 2;
/// A second signal came while the collector was stopping (128 + SIGINT, as shells have it).
pub const EXIT_INTERRUPTED: u8 = 130;

/// Collects security and operations telemetry out of AWS and delivers it to Devo or any TLS syslog receiver.
#[derive(Debug, Parser)]
#[command(name = "cloudweir", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  stopped in order, by SIGTERM or SIGINT
    1  could not start, or ended because restarting did not help
    2  the configuration or the command line has errors; nothing was started
  130  a second signal ended the stop; what was in flight is read again at the next start";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the collector until it is stopped by a signal
    Run(run::Run),
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(command) => command.execute(),
    }
}

/// Shows everything that is wrong with a configuration, with the places in it.
fn show(report: Report) {
    // miette's own handler: with snippets, in colour on a terminal.
    eprintln!("{:?}", miette::Report::new(report.annotated()));
}
