//! Time in tests that need none: it stands still until everybody waits.

use carnet::replica::LocalFuture;

/// Runs a future to its end.
pub fn wait<T>(future: LocalFuture<'_, T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}
