//! `cloudweir-lab certs`: certificates for tests.

use std::{error::Error, path::PathBuf};

use cloudweir_lab::certs;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Directory to write to; created if missing
    #[arg(long)]
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    certs::write_set(&arguments.dir)?;
    println!("{}", arguments.dir.display());
    Ok(())
}
