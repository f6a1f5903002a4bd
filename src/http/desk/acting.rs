//! What the desk asks of the daemon: a run, a pause; and the one run that it makes itself, in which deletions that were held may
//! pass, as `carnet sync --max-delete` makes it.

use std::{thread, time::Duration};

use axum::{Extension, response::Response};

use super::{
    Desk,
    form::Form,
    visit::{Trouble, Visit, see},
    waiting::item_id,
};
use crate::{
    app::run_on_this_thread,
    config::Limit,
    sync::{Attention, Mode, RunOptions, Stop},
    views::attention::{Subject, item},
};

/// A run of the daemon that is at work is waited for so long.
const WAIT: Duration = Duration::from_secs(600);

/// Asks for a run now.
pub(super) async fn sync_now(Extension(visit): Extension<Visit>) -> Response {
    visit.desk.daemon().nudge.insist();
    // It begins on another thread: the page that follows is to show it.
    let mut state = visit.desk.daemon().state.clone();
    let begun = state.wait_for(|state| state.running.is_some() || state.is_login_refused());
    let _ = tokio::time::timeout(Duration::from_secs(2), begun).await;
    see("/desk/")
}

/// Has runs wait, or go on.
pub(super) async fn pause(Extension(visit): Extension<Visit>, Extension(form): Extension<Form>) -> Response {
    let paused = form.get("pause") == "yes";
    visit.desk.daemon().pause.set(paused);
    let mut state = visit.desk.daemon().state.clone();
    let seen = state.wait_for(|state| state.paused.is_some() == paused);
    let _ = tokio::time::timeout(Duration::from_secs(2), seen).await;
    see("/desk/")
}

/// Makes a run in which the deletions that a user was shown may pass, and no more than these.
pub(super) async fn let_go(Extension(visit): Extension<Visit>, Extension(form): Extension<Form>) -> Response {
    let shown: Option<u64> = form.get("missing").parse().ok();
    let found = visit
        .read(move |_, reader| {
            let id = item_id(form.get("item")).ok_or(Trouble::NotFound)?;
            let item = item(reader, id)?.ok_or(Trouble::NotFound)?;
            Ok(match item.subject {
                Subject::Attention { attention: Attention::HeldDeletions { missing, .. }, .. } => {
                    (Some(missing) == shown).then_some((item.replica, missing))
                }
                Subject::Attention { .. } | Subject::Conflict { .. } => None,
            })
        })
        .await;
    match found {
        Ok(Some((replica, missing))) => {
            run(&visit.desk, replica, missing);
            see("/desk/")
        }
        Ok(None) => see("/desk/waiting?refused=other#told"),
        Err(trouble) => visit.trouble(&trouble),
    }
}

/// Begins a run of this replica alone on a thread of its own: elsewhere nobody has said that anything may go. The daemon's next
/// run carries it on.
fn run(desk: &Desk, replica: String, deletions_max: u64) {
    let (settings, progress, nudge) = (desk.settings(), desk.progress(), desk.daemon().nudge.clone());
    let work = move || {
        let max_delete = Some(Limit::Count(deletions_max));
        let options = RunOptions { max_delete, only: vec![replica], ..RunOptions::new(Mode::Sync, "desk") };
        progress.begins();
        let mut tell = |event| progress.event(&event);
        if let Err(error) = run_on_this_thread(&settings, &options, WAIT, &Stop::new(), &mut tell) {
            tracing::warn!("a run from the desk failed to {error}");
        }
        progress.ends();
        nudge.insist();
    };
    desk.progress().begins();
    if thread::Builder::new().name("run".to_owned()).spawn(work).is_err() {
        desk.progress().ends();
    }
}
