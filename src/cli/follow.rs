//! A run of the daemon's, told as if it were this command's own.

use std::time::{Duration, Instant};

use super::{context::Context, exit};
use crate::{
    config::Settings,
    daemon::socket::{Answer, Declined, Failure, Followed, Told, ask},
    sync::{Events, Stop, Summary, SyncError, SyncEvent},
};

/// What a user is told who stops following.
pub const LEFT_ALONE: &str = "the daemon's run goes on; `carnet status` shows how it ends";

/// Whoever waits longer for the mirror is told what for.
const LONG: Duration = Duration::from_secs(5);

/// Asks the daemon for the run, if there is one that makes it; says who runs.
pub fn asked(context: &Context, settings: &Settings) -> Option<Followed> {
    match ask(&settings.mirror.path, &settings.digest) {
        Answer::NoDaemon => None,
        Answer::Accepted(followed) => {
            let after = if followed.at_work { ", after the run that is at work" } else { "" };
            context.talk(&format!("the daemon (process {}) runs it{after}", followed.pid));
            Some(followed)
        }
        Answer::Declined { pid, why } => {
            if let Some(why) = because(why) {
                context.talk(&format!("this run is the command's own: the daemon (process {pid}) {why}"));
            }
            None
        }
    }
}

fn because(why: Declined) -> Option<&'static str> {
    match why {
        Declined::OtherVersion => Some("is another version of carnet; start it again"),
        Declined::OtherSettings => Some("goes by other settings; `kill -HUP` makes it read them again"),
        Declined::LoginRefused => {
            Some("waits after a refused login; once that is mended, `kill -HUP` makes it try again")
        }
        Declined::Stopping => None,
    }
}

/// Follows the run to its end. None where the daemon ended before it began: it can be made without it.
pub async fn to_end(
    followed: Followed,
    wait: Duration,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Option<Result<Summary, SyncError>> {
    let (pid, asked) = (followed.pid, Instant::now());
    let mut news = followed.listen().ok()?;
    let (mut begun, mut told_busy) = (false, false);
    loop {
        let told = tokio::select! {
            told = news.next() => told,
            () = stop.wait() => return Some(Err(SyncError::Interrupted)),
        };
        match told {
            Some(Told::Begun) => begun = true,
            Some(Told::Event(event)) => events(event),
            Some(Told::Skipped(lines)) => events(notice(format!("{lines} lines of the daemon's run were lost"))),
            Some(Told::Done(summary)) => return Some(Ok(*summary)),
            // The mirror is in use; the daemon tries again.
            Some(Told::Failed(Failure { exit_code: exit::LOCKED, message, .. })) if asked.elapsed() < wait => {
                if !told_busy && wait >= LONG {
                    let message = message.strip_prefix("start: ").unwrap_or(&message);
                    events(notice(format!("{message} and is waited for")));
                }
                (begun, told_busy) = (false, true);
            }
            Some(Told::Failed(failure)) => {
                return Some(Err(SyncError::told(failure.exit_code, failure.message, failure.hint)));
            }
            Some(Told::Accepted { .. } | Told::Declined { .. }) => {}
            None if begun => {
                let message = format!("hear the end of the run from the daemon (process {pid})");
                let hint = "`carnet status` shows how it ended".to_owned();
                return Some(Err(SyncError::told(exit::FAILED, message, Some(hint))));
            }
            None => return None,
        }
    }
}

fn notice(message: String) -> SyncEvent {
    SyncEvent::Notice { replica: "mirror".to_owned(), message, hint: None }
}
