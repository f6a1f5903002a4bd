//! The `carnet` program: hands over to the library's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    carnet::cli::main(std::env::args_os())
}
