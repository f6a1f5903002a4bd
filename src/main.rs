//! The `carnet` program: hands over to the library's command line.

use std::process::ExitCode;

/// A run makes and drops many small texts: glibc's allocator takes half as long again for a first pull, and a daemon at rest
/// keeps what a run needed. This one gives it back within seconds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    carnet::cli::main(std::env::args_os())
}
