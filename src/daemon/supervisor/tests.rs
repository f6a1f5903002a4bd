//! The supervisor with runs that misbehave.

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::Notify;

use super::*;
use crate::{daemon::News, replica::Diagnostic};

const WORDING: Wording = Wording {
    note: |_, _| (String::new(), None),
    stopped: |_| String::new(),
    hint: SyncError::hint,
    state: |_| String::new(),
};

fn daemon(folder: &Path, job: Job) -> Daemon {
    let nothing = |_: &str| None;
    let text = "[crm]\nurl = \"sandbox\"\n[sync]\nschedule = \"@yearly\"";
    let settings = Settings::parse(&folder.join("carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
    Daemon { job, ..Daemon::begin(settings, None, WORDING).unwrap() }
}

#[tokio::test]
async fn no_run_ends_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let mut daemon = daemon(
        folder.path(),
        Arc::new(move |_, tell| {
            tell(SyncEvent::ScanStarted { replica: "crm".into() });
            match counted.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("a planted fault"),
                1 => Err(SyncError::Network(Diagnostic::new("reach the CRM"))),
                _ => Ok(Summary { waiting: 2, ..Summary::default() }),
            }
        }),
    );
    let handle = daemon.handle();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    handle.listeners.add(Box::new(move |news| {
        hears.lock().unwrap().push(match news {
            News::Begun(_) => "begun",
            News::Event(_) => "event",
            News::Ended(Outcome::Done(_)) => "done",
            News::Ended(Outcome::Failed(_)) => "failed",
            News::Ended(Outcome::Panicked(_)) => "panicked",
        });
    }));
    let stop = Stop::new();
    let mut state = handle.state.clone();
    let watching = async {
        let first = state.wait_for(|state| state.failures == 1 && state.running.is_none()).await.unwrap().clone();
        let error = first.last.and_then(|last| last.error);
        assert_eq!(error.as_deref(), Some("finish a run: a planted fault"));
        handle.nudge.ask();
        let second = state.wait_for(|state| state.failures == 2 && state.running.is_none()).await.unwrap().clone();
        assert_eq!((second.last_good, second.last.map(|last| last.exit_code)), (None, Some(5)));
        handle.nudge.ask();
        let third = state.wait_for(|state| state.last_good.is_some()).await.unwrap().clone();
        assert_eq!((third.failures, third.waiting, third.stopping), (0, 2, false));
        assert!(third.next > Some(Utc::now()));
        let told = app::daemon_of(&folder.path().join("carnet.db")).unwrap();
        assert_eq!(told.pid, std::process::id());
        stop.request();
    };
    let plan = Plan::new(times(&daemon.settings.sync.schedule), Books::default(), None, now());
    let signals = Signals::only(Arc::new(Notify::new()));
    tokio::join!(daemon.supervise(plan, &signals, &stop), watching);
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    let runs = ["begun", "event", "panicked", "begun", "event", "failed", "begun", "event", "done"];
    assert_eq!(*heard.lock().unwrap(), runs);
    assert!(folder.path().join("carnet.db.daemon.lock").exists());
}

#[test]
fn ends_are_judged_by_what_helps() {
    let check = |outcome: Result<Summary, SyncError>, expected: Ended| {
        let outcome = outcome.map_or_else(Outcome::Failed, |summary| Outcome::Done(Box::new(summary)));
        assert_eq!(judged(&outcome, 7), expected, "{outcome:?}");
    };
    let diagnostic = || Diagnostic::new("x");
    check(Ok(Summary::default()), Ended::Whole);
    check(Err(SyncError::Network(diagnostic())), Ended::Failed(Retry::Trouble, 7));
    check(Err(SyncError::Failed(diagnostic())), Ended::Failed(Retry::Trouble, 7));
    check(Err(SyncError::Login(diagnostic())), Ended::Failed(Retry::Login, 7));
    check(Err(SyncError::Locked(diagnostic())), Ended::Busy);
    check(Err(SyncError::Safety(diagnostic())), Ended::Hopeless);
    check(Err(SyncError::Settings(diagnostic())), Ended::Hopeless);
    check(Err(SyncError::Interrupted), Ended::Interrupted);
    assert_eq!(judged(&Outcome::Panicked("x".into()), 7), Ended::Failed(Retry::Trouble, 7));
}
