//! `ballast`: the command for everybody who uses the protocol.

use std::process::ExitCode;

fn main() -> ExitCode {
    ballast_cli::cli::run()
}
