//! Runs as log lines. Above the debug level a contact is its id, never its name or a value.

use std::collections::BTreeMap;

use tracing::{Span, debug, error as log_error, field::Empty, info, info_span, warn};

use super::{
    state::DaemonState,
    worker::{Listener, News, Outcome},
};
use crate::{
    sync::{
        Summary, SyncError, SyncEvent, Telling,
        events::{Label, Note, Stopped},
    },
    views::runs::newest,
};

/// The words of the face that started the daemon, which knows none itself.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    /// What a run tells of what waits, and what to do about it.
    pub note: fn(replica: &str, note: &Note) -> (String, Option<String>),
    /// Why a part of a run was stopped.
    pub stopped: fn(stopped: &Stopped) -> String,
    /// What to do about an error.
    pub hint: fn(error: &SyncError) -> Option<String>,
    /// What the daemon is doing, on a short line.
    pub state: fn(state: &DaemonState) -> String,
}

/// Writes each run to the log. A run's number is known once it has begun; from then on every line carries it.
pub(super) fn listener(wording: Wording) -> Listener {
    let mut span = Span::none();
    let mut mirror = None;
    Box::new(move |news| match news {
        News::Begun(order) => {
            span = info_span!("run", id = Empty);
            mirror = Some(order.settings.mirror.path.clone());
            let (cause, scope) = (order.cause.word(), order.scope.word());
            span.in_scope(|| debug!(cause, scope, "begins"));
        }
        News::Event(given) => {
            // The newest run is the one at work, since it holds the lock.
            if let Some(run) = mirror.take().and_then(|mirror| newest(&mirror)) {
                span.record("id", run.id);
            }
            span.in_scope(|| event(given, wording));
        }
        News::Ended(outcome) => span.in_scope(|| match outcome {
            Outcome::Done(done) => summary(done, wording),
            Outcome::Failed(SyncError::Interrupted) => info!("the run was stopped; what it did is kept"),
            // Said once for many tries, by the supervisor.
            Outcome::Failed(SyncError::Locked(_)) => {}
            Outcome::Failed(failed) => error(failed, wording),
            Outcome::Panicked(words) => {
                log_error!(hint = "this is a fault of carnet's own: report it", "the run broke off: {words}");
            }
        }),
    })
}

/// An event of a run.
pub fn event(event: &SyncEvent, wording: Wording) {
    match event {
        SyncEvent::ScanStarted { replica } => debug!(replica, "reading"),
        SyncEvent::ScanFinished { replica, contacts, whole } => debug!(replica, contacts, whole, "read"),
        SyncEvent::PushStarted { replica, total } => debug!(replica, total, "writing"),
        SyncEvent::ScanProgress { .. } | SyncEvent::AskProgress { .. } | SyncEvent::PushProgress { .. } => {}
        SyncEvent::Change(change) => {
            let fields: Vec<&str> = change.fields.iter().map(|field| field.field.name()).collect();
            let contact = id(&change.contact);
            debug!(place = change.place, action = ?change.action, contact, ?fields, "changed");
        }
        SyncEvent::Conflict(conflict) => {
            let field = conflict.field.map(|field| field.name());
            let contact = id(&conflict.contact);
            warn!(replica = conflict.replica, contact, field, kept = conflict.kept, "conflict");
        }
        SyncEvent::Problem { replica, problem, telling: Telling::Whole | Telling::Brief } => {
            warn!(replica, place = problem.place, hint = problem.hint, "skipped a record: {}", problem.message);
        }
        SyncEvent::Problem { replica, problem, telling: Telling::Known } => {
            info!(replica, place = problem.place, hint = problem.hint, "skips a record still: {}", problem.message);
        }
        SyncEvent::Problem { replica, problem, telling: Telling::Counted } => {
            debug!(replica, place = problem.place, hint = problem.hint, "skipped a record: {}", problem.message);
        }
        SyncEvent::Failed { replica, contact, message, hint, telling: Telling::Whole | Telling::Brief } => {
            warn!(replica, contact = contact.as_ref().map(id), hint, "failed to {message}");
        }
        SyncEvent::Failed { replica, contact, message, hint, telling: Telling::Known } => {
            info!(replica, contact = contact.as_ref().map(id), hint, "fails still to {message}");
        }
        SyncEvent::Failed { replica, contact, message, hint, telling: Telling::Counted } => {
            debug!(replica, contact = contact.as_ref().map(id), hint, "failed to {message}");
        }
        SyncEvent::FailedAlike { replica, activity, count } => {
            warn!(replica, activity = activity.word(), count, "more failed for the same reason");
        }
        SyncEvent::Attention { replica, note: told } => note(replica, told, wording),
        SyncEvent::Notice { replica, message, hint } => warn!(replica, hint, "{message}"),
    }
}

/// What a run tells of what waits.
fn note(replica: &str, note: &Note, wording: Wording) {
    let words = || (wording.note)(replica, note);
    match note {
        Note::StaysThere { contacts, .. } => info!(replica, contacts, "contacts that were deleted here stay there"),
        Note::StaysOut { field, contacts, .. } => {
            info!(replica, contacts, field = field.name(), "a field stays out of it");
        }
        // Its words hold the value that was kept.
        Note::CarriedOut(applied) => {
            info!(replica, item = %applied.item, "a decision was carried out");
            debug!(replica, "{}", words().0);
        }
        Note::TrialAhead
        | Note::FirmsRenamed { .. }
        | Note::FirmMade { .. }
        | Note::FirmAhead { .. }
        | Note::FirmCards(_)
        | Note::CopyRemoved { .. } => info!(replica, "{}", words().0),
        Note::CopyStays { .. }
        | Note::FirmsUnread { .. }
        | Note::Raised { .. }
        | Note::PingPong { .. }
        | Note::OlderCopy { .. }
        | Note::Dropped(_) => {
            let (message, hint) = words();
            warn!(replica, hint, "{message}");
        }
    }
}

/// The end of a run.
pub fn summary(summary: &Summary, wording: Wording) {
    let Summary {
        run,
        scanned,
        created,
        updated,
        deleted,
        firm_cards,
        conflicts,
        waiting,
        failed,
        failed_before,
        failures: _,
        requests,
        dry_run: _,
        stopped,
        import: _,
    } = summary;
    let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    info!(
        run,
        scanned = sum(scanned),
        created = sum(created),
        updated = sum(updated),
        deleted = sum(deleted),
        firm_cards = sum(firm_cards),
        conflicts,
        waiting,
        failed,
        failed_before,
        requests = sum(requests),
        "the run is done"
    );
    for part in stopped {
        warn!(run, "stopped for safety: {}", (wording.stopped)(part));
    }
}

/// The end of a run that ended early.
pub fn error(error: &SyncError, wording: Wording) {
    let hint = (wording.hint)(error);
    match error {
        SyncError::Login(_) => {
            let advice = "it is tried rarely until it is mended; SIGHUP tries at once";
            log_error!(exit_code = error.exit_code(), hint, "failed to {error}: {advice}");
        }
        _ => log_error!(exit_code = error.exit_code(), hint, "failed to {error}"),
    }
}

fn id(contact: &Label) -> &str {
    contact.crm_id.as_deref().unwrap_or(&contact.uid)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{
        contact::Field,
        sync::events::{Change, ChangeAction, ConflictNote, FieldChange},
    };

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const WORDING: Wording = Wording {
        note: |_, _| (String::new(), None),
        stopped: |_| String::new(),
        hint: SyncError::hint,
        state: |_| String::new(),
    };

    #[test]
    fn no_name_and_no_value_is_logged() {
        let label = || Label { uid: "u-1".into(), crm_id: Some("1042".into()), name: "CANARY".into() };
        let fields = vec![FieldChange { field: Field::JobTitle, old: "CANARY".into(), new: "CANARY".into() }];
        let conflict = ConflictNote {
            replica: "crm".into(),
            contact: label(),
            field: Some(Field::Comment),
            here: "CANARY".into(),
            there: "CANARY".into(),
            kept: "there".into(),
        };
        let change = Change { place: "crm".into(), action: ChangeAction::Update, contact: label(), fields };
        let failed = SyncEvent::Failed {
            replica: "crm".into(),
            contact: Some(label()),
            message: "x".into(),
            hint: None,
            telling: Telling::Whole,
        };
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            // Another test may have had these places noted as of no interest in the instant before there was a subscriber.
            tracing::callsite::rebuild_interest_cache();
            for given in [SyncEvent::Change(change), SyncEvent::Conflict(conflict), failed] {
                event(&given, WORDING);
            }
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("CANARY"), "{text}");
        assert_eq!(text.matches("1042").count(), 3, "{text}");
    }
}
