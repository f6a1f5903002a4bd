//! A run on a thread of its own. Its future need not be `Send`, it may block as it likes, and when it panics only the
//! run is lost.

use std::{
    any::Any,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use super::plan::{Cause, Scope};
use crate::{
    config::Settings,
    sync::{Stop, Summary, SyncError, SyncEvent},
};

/// What a run is made with.
#[derive(Debug, Clone)]
pub struct Order {
    /// The settings as they were when it began.
    pub settings: Arc<Settings>,
    /// Why it is made.
    pub cause: Cause,
    /// Of what.
    pub scope: Scope,
    /// Books that are in trouble and not tried this time.
    pub left_out: BTreeSet<String>,
    /// Asks it to stop.
    pub stop: Stop,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It came to its end.
    Done(Box<Summary>),
    /// It ended early.
    Failed(SyncError),
    /// It broke off, and this is what it said last: a fault of carnet's own.
    Panicked(String),
}

/// What is told of runs.
#[derive(Debug)]
pub enum News<'a> {
    /// One begins.
    Begun(&'a Order),
    /// Something happened in it.
    Event(&'a SyncEvent),
    /// It is over.
    Ended(&'a Outcome),
}

/// Hears of runs, on the run's own thread and in order. Whoever takes long holds the run up.
pub type Listener = Box<dyn FnMut(&News<'_>) + Send>;

/// All who hear of runs.
#[derive(Clone, Default)]
pub struct Listeners(Arc<Mutex<Vec<Listener>>>);

impl Listeners {
    /// One more hears of the runs that begin from now on.
    pub fn add(&self, listener: Listener) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    fn tell(&self, news: &News<'_>) {
        for listener in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            listener(news);
        }
    }
}

/// What a run does: `sync` on the settings, or what a test does instead.
pub type Job = Arc<dyn Fn(&Order, &mut dyn FnMut(SyncEvent)) -> Result<Summary, SyncError> + Send + Sync>;

/// A run at work.
#[derive(Debug)]
pub struct RunHandle(oneshot::Receiver<Outcome>);

impl RunHandle {
    /// Begins a run.
    pub fn begin(job: Job, order: Order, listeners: Listeners) -> Self {
        let (sender, ended) = oneshot::channel();
        let work = move || {
            listeners.tell(&News::Begun(&order));
            let mut tell = |event: SyncEvent| listeners.tell(&News::Event(&event));
            let outcome = match catch_unwind(AssertUnwindSafe(|| job(&order, &mut tell))) {
                Ok(Ok(summary)) => Outcome::Done(Box::new(summary)),
                Ok(Err(error)) => Outcome::Failed(error),
                Err(panic) => Outcome::Panicked(words(&*panic)),
            };
            listeners.tell(&News::Ended(&outcome));
            // The supervisor may be gone already.
            let _ = sender.send(outcome);
        };
        // Where there is no thread, the sender is dropped with the work, which `ended` tells of.
        let _ = thread::Builder::new().name("run".to_owned()).spawn(work);
        Self(ended)
    }

    /// Ends when the run is over.
    pub async fn ended(&mut self) -> Outcome {
        match (&mut self.0).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Panicked("the system gave no thread, or one who listens to runs failed".to_owned()),
        }
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no word".to_owned())
}
