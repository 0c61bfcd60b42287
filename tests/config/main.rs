//! The configuration as a user meets it: files that must load, files that must not, and what is said about these.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accepted;
mod secrets;
mod services;
mod shipped;
mod wrong;

use std::path::{Path, PathBuf};

use cloudweir::config::{self, Loaded, Report};

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixtures() -> PathBuf {
    project().join("tests/config")
}

fn no_variables(_: &str) -> Option<String> {
    None
}

/// Reads `text` as if it stood in a file beside the fixtures.
fn read(text: &str) -> Result<Loaded, Report> {
    config::parse("collector.yaml", text, &fixtures(), &no_variables)
}

fn accepted(text: &str) -> Loaded {
    read(text).unwrap_or_else(|report| panic!("{report}\n{text}"))
}

/// A whole configuration around one input's and one service's keys.
fn around(input: &str, service: &str) -> String {
    format!(
        "outputs: {{screen: {{type: console}}}}\n\
         inputs:\n  aws:\n    id: abc123\n    {input}\n    services:\n      audit-events-all:\n        \
         types: [audits_s3]\n        regions: [us-east-2]\n        audit_sqs_queue_name: cloudtrail\n        {service}\n"
    )
}

/// A whole configuration with these services, one a line.
fn with_services(services: &[&str]) -> String {
    format!(
        "outputs: {{screen: {{type: console}}}}\n\
         inputs:\n  aws:\n    id: abc123\n    services:\n      {}\n",
        services.join("\n      ")
    )
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(config::Finding::line).collect()
}
