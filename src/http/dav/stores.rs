//! Connections to the device store, one for each thread that uses it.
//!
//! A request that panics takes its own connection with it and nobody else's; the next one opens another.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;
use tracing::error;

use crate::books::served::{DeviceStore, StoreError};

/// So many requests are answered from the store at a time; more wait.
const WORKERS_MAX: usize = 8;

/// The store, for many threads.
#[derive(Clone)]
pub(super) struct Stores(Arc<Shared>);

struct Shared {
    path: PathBuf,
    idle: Mutex<Vec<DeviceStore>>,
    places: Semaphore,
}

/// Why there is no answer from the store.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It refused.
    Store(StoreError),
    /// What asked it broke down.
    Panicked,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Store(error)
    }
}

impl Stores {
    /// Opens the first connection, so that a store that cannot be used is noticed at once.
    pub fn open(path: PathBuf) -> Result<Self, StoreError> {
        let first = DeviceStore::open(&path)?;
        let idle = Mutex::new(vec![first]);
        Ok(Self(Arc::new(Shared { path, idle, places: Semaphore::new(WORKERS_MAX) })))
    }

    /// Does something with the store, on a thread that may be blocked.
    pub async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut DeviceStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Trouble> {
        // It is never closed.
        let _place = self.0.places.acquire().await.map_err(|_| Trouble::Panicked)?;
        let shared = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let mut store = match shared.take() {
                Some(store) => store,
                None => DeviceStore::open(&shared.path)?,
            };
            let answer = act(&mut store)?;
            shared.put_back(store);
            Ok::<T, StoreError>(answer)
        });
        match done.await {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                error!("a request of a device broke down inside carnet, which is a mistake in carnet");
                Err(Trouble::Panicked)
            }
        }
    }
}

impl Shared {
    fn take(&self) -> Option<DeviceStore> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put_back(&self, store: DeviceStore) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(store);
    }
}
