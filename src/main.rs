//! The program. All of it is the library's, so that it is compiled once.

use std::process::ExitCode;

fn main() -> color_eyre::Result<ExitCode> {
    dtop::commands::enter()
}
