//! cloudweir pulls security and operations telemetry out of AWS and delivers it to Devo, or to any TLS syslog receiver. Nothing
//! is lost, whatever crashes: an event is acknowledged at its source only when the receiver has it and a checkpoint says so.
//!
//! The library is the product, and the binary is a thin user of it. A [`Collector`] is built from a configuration, or from parts
//! of a program's own, and runs until it is stopped:
//!
//! ```no_run
//! use std::path::Path;
//! use cloudweir::{Collector, config};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let loaded = config::load(Path::new("collector.yaml"), &|name| std::env::var(name).ok())?;
//! let collector = Collector::builder(loaded.config).start().await?;
//! tokio::signal::ctrl_c().await?;
//! let report = collector.stop().await;
//! assert!(report.is_clean());
//! # Ok(()) }
//! ```
//!
//! It installs no global state: no logger, no signal handler, no panic hook. How the rooms depend on each other is in
//! `ARCHITECTURE.md`.

pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod event;
pub mod session;
pub mod sink;
pub mod source;
pub mod supervision;
pub mod telemetry;
pub mod wire;

mod collector;

pub use collector::{Builder, Collector, CustomSource, MakeSource, StartError};
