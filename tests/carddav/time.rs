//! Time in tests with real servers is real; their connections live as long as the thread.

use std::cell::OnceCell;

use carnet::replica::LocalFuture;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Runs a future to its end.
pub fn wait<T>(future: LocalFuture<'_, T>) -> T {
    RUNTIME.with(|runtime| {
        runtime.get_or_init(|| Builder::new_current_thread().enable_all().build().unwrap()).block_on(future)
    })
}
