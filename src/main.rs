//! The `cloudweir` program: a thin user of the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    cloudweir::cli::main()
}
