//! `cloudweir run`: the collector in the foreground, until a signal stops it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::{EXIT_CONFIGURATION, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK};
use crate::Collector;
use crate::config::{self, Loaded};
use crate::telemetry::{self, LogFormat};

/// Who speaks in the log.
const ORIGIN: &str = "Collector";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", env = "CLOUDWEIR_CONFIG")]
    config: PathBuf,

    /// The form of the log on standard error
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Run {
    pub(super) fn execute(self) -> ExitCode {
        let loaded = match config::load(&self.config, &|name| std::env::var(name).ok()) {
            Ok(loaded) => loaded,
            Err(report) => {
                super::show(report);
                return EXIT_CONFIGURATION.into();
            }
        };
        let format = match self.log_format {
            Format::Text => LogFormat::Text,
            Format::Json => LogFormat::Json,
        };
        if let Err(problem) = telemetry::install(format, loaded.config.globals.debug) {
            eprintln!("cloudweir: the log cannot be set up: {problem}");
            return EXIT_FAILURE.into();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => {
                let code = runtime.block_on(run(loaded));
                // Reads and look-ups that nobody waits for any more must not hold the exit up.
                runtime.shutdown_background();
                code.into()
            }
            Err(problem) => {
                error!(origin = ORIGIN, "The runtime cannot be started: {problem}");
                EXIT_FAILURE.into()
            }
        }
    }
}

async fn run(loaded: Loaded) -> u8 {
    let globals = &loaded.config.globals;
    let version = env!("CARGO_PKG_VERSION");
    info!(
        origin = ORIGIN,
        "cloudweir {version} starts as {} ({})", globals.name, globals.id
    );
    for warning in &loaded.warnings {
        warn!(origin = ORIGIN, "{}", warning.line());
    }
    // Before anything starts, so that a signal during the start is not lost.
    let (mut terminate, mut interrupt) = match signals() {
        Ok(signals) => signals,
        Err(problem) => {
            error!(origin = ORIGIN, "Signals cannot be received: {problem}");
            return EXIT_FAILURE;
        }
    };
    let collector = tokio::select! {
        started = Collector::builder(loaded.config).start() => match started {
            Ok(collector) => collector,
            Err(problem) => {
                error!(origin = ORIGIN, "Cannot start: {problem}");
                return EXIT_FAILURE;
            }
        },
        () = either(&mut terminate, &mut interrupt) => return EXIT_OK,
    };
    tokio::select! {
        exit = collector.wait() => {
            error!(origin = ORIGIN, "The collector has ended: {exit}; whatever runs it should start it again");
            return EXIT_FAILURE;
        }
        () = either(&mut terminate, &mut interrupt) => {}
    }
    info!(
        origin = ORIGIN,
        "Stopping: what is in flight is delivered first"
    );
    tokio::select! {
        report = collector.stop() => {
            if report.is_clean() {
                info!(origin = ORIGIN, "Stopped: everything taken in is delivered and checkpointed");
            } else {
                warn!(
                    origin = ORIGIN,
                    "Stopped at the deadline: what was still in flight is read again at the next start ({})",
                    report.killed.join(", "),
                );
            }
            EXIT_OK
        }
        () = either(&mut terminate, &mut interrupt) => {
            warn!(origin = ORIGIN, "A second signal: what was in flight is read again at the next start");
            EXIT_INTERRUPTED
        }
    }
}

fn signals() -> std::io::Result<(Signal, Signal)> {
    Ok((
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    ))
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
