//! Connections to the device store, one for each thread that uses it.
//!
//! A request that panics takes its own connection with it and nobody else's; the next one opens another. So it is once a
//! backup was put in the file's place: what was written into the old one would be lost.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
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
    idle: Mutex<Vec<Open>>,
    places: Semaphore,
    /// One writes at a time. SQLite would see to that too, but has those that wait try again at odd times, whoever came first.
    writing: Semaphore,
}

/// A connection, and which file it is to.
struct Open {
    store: DeviceStore,
    file: Option<(u64, u64)>,
}

impl Open {
    fn new(path: &Path) -> Result<Self, StoreError> {
        let store = DeviceStore::open(path)?;
        Ok(Self { store, file: file(path) })
    }
}

/// Which file stands there: its device and its number.
fn file(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
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
        let idle = Mutex::new(vec![Open::new(&path)?]);
        Ok(Self(Arc::new(Shared { path, idle, places: Semaphore::new(WORKERS_MAX), writing: Semaphore::new(1) })))
    }

    /// Where the store is.
    pub fn folder(&self) -> &Path {
        self.0.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Does something that changes a book: one after the other, in the order of their coming.
    pub async fn with_turn<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut DeviceStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Trouble> {
        // It is never closed.
        let _turn = self.0.writing.acquire().await.map_err(|_| Trouble::Panicked)?;
        self.with(act).await
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
            let mut open = match shared.take() {
                Some(open) => open,
                None => Open::new(&shared.path)?,
            };
            let answer = act(&mut open.store)?;
            shared.put_back(open);
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
    /// A connection that is idle, to the file that stands there now.
    fn take(&self) -> Option<Open> {
        let now = file(&self.path);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|open| open.file == now);
        idle.pop()
    }

    fn put_back(&self, open: Open) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(open);
    }
}
