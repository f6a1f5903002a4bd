//! The desk: pages on the daemon's listener where the office settles what waits, in French and English.
//!
//! It shows what `views` reads and notes what people decide through `app`, as the command line does; it has no rule of its own.
//! A decision is noted for the next run: the desk never waits for a run, and until one begins an answer can be taken back
//! without a trace. Pages are plain forms and work without a script. Handlers are thin; what a page says is a pure model beside
//! its template.
//!
//! Who may come in is `access`; what reaches a handler has passed `guard` (Host, Origin) and `entering` (session, token).

mod access;
mod acting;
mod assets;
mod changes;
mod devices;
mod entering;
mod figures;
mod form;
mod guard;
mod health;
mod journal;
mod people;
mod progress;
mod runs;
mod today;
mod undoing;
mod visit;
mod waiting;
mod words;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Extension, Router,
    middleware::{from_fn, from_fn_with_state},
    response::Redirect,
    routing::{get, post},
};
use tokio::time::Instant;

use self::{guard::Site, health::Checked, journal::Journal, progress::Progress, visit::Visit};
use super::throttle::Throttle;
use crate::{
    config::{DeskSettings, Settings},
    daemon::{DaemonHandle, DaemonState},
};

pub use access::{Access, Role, Visitor};

/// The desk of one daemon.
#[derive(Clone)]
pub(super) struct Desk(Arc<Shared>);

/// What requests share.
struct Shared {
    daemon: DaemonHandle,
    logins: Mutex<Throttle>,
    journal: Mutex<Journal>,
    progress: Progress,
    checked: Checked,
    begun: Instant,
}

impl Desk {
    pub fn new(daemon: DaemonHandle) -> Self {
        let (logins, journal, progress) = (Mutex::default(), Mutex::default(), Progress::default());
        let hears = progress.clone();
        daemon.listeners.add(Box::new(move |news| hears.hear(news)));
        let checked = Checked::default();
        Self(Arc::new(Shared { daemon, logins, journal, progress, checked, begun: Instant::now() }))
    }

    /// The settings of the moment.
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.daemon.settings.borrow())
    }

    /// What the daemon is doing.
    fn state(&self) -> DaemonState {
        self.0.daemon.state.borrow().clone()
    }

    fn daemon(&self) -> &DaemonHandle {
        &self.0.daemon
    }

    fn progress(&self) -> Progress {
        self.0.progress.clone()
    }

    fn checked(&self) -> Checked {
        self.0.checked.clone()
    }

    fn access(&self) -> Access {
        Access::of(&self.settings().mirror.path)
    }

    /// Acts on the count of wrong logins, with the uptime.
    fn throttled<T>(&self, act: impl FnOnce(&mut Throttle, Duration) -> T) -> T {
        act(&mut self.0.logins.lock().unwrap_or_else(PoisonError::into_inner), self.0.begun.elapsed())
    }

    /// Acts on what was said by whoever came last.
    fn journal<T>(&self, act: impl FnOnce(&mut Journal) -> T) -> T {
        act(&mut self.0.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The desk's routes, all below `/desk`.
pub(super) fn router(desk: Desk, settings: &DeskSettings) -> Router {
    let site = Site { url: settings.url.clone() };
    let deciding = Router::new()
        .route("/desk/waiting/answer", post(waiting::answer))
        .route("/desk/waiting/take-back", post(waiting::take_back))
        .route("/desk/waiting/let-go", post(acting::let_go))
        .route("/desk/sync", post(acting::sync_now))
        .route("/desk/pause", post(acting::pause))
        .route("/desk/undo", post(undoing::act))
        .route("/desk/devices/add", post(devices::add))
        .route("/desk/devices/revoke", post(devices::revoke))
        .route("/desk/check", post(health::check_now))
        .layer(from_fn(entering::decides));
    let inside = Router::new()
        .route("/desk/", get(today::show))
        .route("/desk/progress", get(progress::follow))
        .route("/desk/waiting", get(waiting::show))
        .route("/desk/runs", get(runs::show))
        .route("/desk/runs/{id}", get(runs::show_one))
        .route("/desk/undo", get(undoing::show))
        .route("/desk/people", get(people::show))
        .route("/desk/people/{uid}", get(people::show_one))
        .route("/desk/devices", get(devices::show))
        .route("/desk/devices/revoke", get(devices::show_revoke))
        .route("/desk/health", get(health::show))
        .route("/desk/leave", post(entering::leave))
        .route("/desk/language", post(entering::speak))
        .route("/desk/{*rest}", get(nowhere))
        .merge(deciding)
        .layer(from_fn_with_state(desk.clone(), entering::admit));
    Router::new()
        .route("/desk", get(async || Redirect::to("/desk/")))
        .route("/desk/enter", get(entering::show).post(entering::enter))
        .route("/desk/style.css", get(assets::style))
        .route("/desk/icon.svg", get(assets::icon))
        .route("/desk/script.js", get(assets::script))
        .merge(inside)
        .layer(from_fn_with_state(site, guard::guard))
        .with_state(desk)
}

async fn nowhere(Extension(visit): Extension<Visit>) -> axum::response::Response {
    visit.trouble(&visit::Trouble::NotFound)
}
