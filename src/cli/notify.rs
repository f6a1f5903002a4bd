//! The words in which the settings' programs are told, and when: after the daemon's runs, and after those that no terminal
//! watches.

use std::{
    io::IsTerminal,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use chrono::Utc;

use super::{conflicts::item, exit, messages::Language, plural::counted, problems};
use crate::{
    config::Settings,
    daemon::{Listener, News, Outcome, Scope},
    notify::{End, Matter, RunFailure, Words, after_run},
    sync::{CRM, Guarded, Summary, SyncError, guarded},
    views::attention::{Item, Subject},
};

/// Runs that ended and are not told of yet. More are left to the next one to tell.
const PENDING_MAX: usize = 8;

const WORDS: Words = Words {
    matter,
    waiting: |new, all| match (new, all) {
        (new, all) if new == all => format!("carnet: {} for you", wait(new)),
        (new, all) => format!("carnet: {} for you ({all} in all)", wait(new)),
    },
    failing: |account| format!("carnet: {account} is not in step"),
    recovered: |account| format!("carnet: {account} is in step again"),
    hint: |error| Language::English.messages().what_to_do(error),
};

fn wait(count: usize) -> String {
    let things = counted(count as u64, "new thing");
    format!("{things} {}", if count == 1 { "waits" } else { "wait" })
}

/// What waits, and what to do. Without names, nothing of the contact but its CRM id.
fn matter(matter: Matter<'_>, names: bool) -> (String, Option<String>) {
    let messages = Language::English.messages();
    match matter {
        Matter::Item(found) => {
            let what = item::what(found, messages);
            let hint = Some(item::command(found, messages));
            let text = match &found.subject {
                Subject::Conflict { .. } if names => format!("conflict over {what} of {}", item::name(found, messages)),
                Subject::Conflict { .. } => format!("conflict over {what} of {}", contact(found)),
                // A guard is about a replica as a whole.
                Subject::Attention { attention, .. } if names || is_guard(found) => {
                    messages.attention(&found.replica, &remote(found), attention)
                }
                Subject::Attention { .. } => {
                    format!("{}: {what}, about {} ({})", found.replica, contact(found), found.id)
                }
            };
            // Ids of records are file names, which are people's names.
            let show = || Some(format!("carnet conflicts show {}", found.id));
            (text, if names || is_guard(found) { hint } else { show() })
        }
        Matter::Problem(problem) => {
            let failure = &problem.failure;
            if names {
                return (problems::line(failure, messages), Some(problems::todo(failure, messages).to_owned()));
            }
            let what = messages.failed_to_be(failure.activity);
            (format!("{}: {} {what}", failure.replica, failure.count), Some("carnet status".to_owned()))
        }
        Matter::Write(write) => {
            let who = if names { super::report::who(&write.contact) } else { id(write.contact.crm_id.as_deref()) };
            if names {
                return (messages.unsettled(write, &who), Some(messages.unsettled_todo(write).to_owned()));
            }
            (format!("crm: {} of {who}: {}", write.action.word(), write.state.word()), Some("carnet status".to_owned()))
        }
    }
}

fn is_guard(item: &Item) -> bool {
    match &item.subject {
        Subject::Conflict { .. } => false,
        Subject::Attention { attention, .. } => match guarded(&attention.kind()) {
            Some(Guarded::Deletions | Guarded::All) => true,
            None => false,
        },
    }
}

fn remote(found: &Item) -> String {
    match &found.subject {
        Subject::Conflict { .. } => String::new(),
        Subject::Attention { remote, .. } => item::about(found, remote).into_owned(),
    }
}

fn contact(item: &Item) -> String {
    if item.is_company() {
        return "a company".to_owned();
    }
    id(item.contact.as_ref().and_then(|contact| contact.crm_id.as_deref()))
}

fn id(crm_id: Option<&str>) -> String {
    crm_id.map_or_else(|| "a contact that the CRM does not have".to_owned(), |id| format!("contact {id}"))
}

/// After a run of a command: tells where no terminal watches it.
pub async fn after_command(settings: &Settings, ended: &Result<Summary, SyncError>, dry_run: bool) {
    if dry_run || std::io::stderr().is_terminal() {
        return;
    }
    let end = match ended {
        // Without the CRM nothing is known of it.
        Ok(summary) => End::Whole { all: summary.scanned.contains_key(CRM) },
        Err(error) => End::of(error, WORDS),
    };
    after_run(settings, &end, WORDS, Utc::now()).await;
}

/// Hears of the daemon's runs and tells of them on a thread of its own: no run waits for a program.
pub fn listener() -> Listener {
    let mut current = None;
    let ended = teller();
    Box::new(move |news| match news {
        News::Begun(order) => current = Some((Settings::clone(&order.settings), order.scope)),
        News::Event(_) => {}
        News::Ended(outcome) => {
            let Some((settings, scope)) = current.take() else { return };
            let end = match outcome {
                Outcome::Done(_) => End::Whole { all: scope == Scope::All },
                Outcome::Failed(error) => End::of(error, WORDS),
                Outcome::Panicked(words) => End::Failed(RunFailure {
                    exit_code: exit::FAILED,
                    message: format!("finish a run: {words}"),
                    hint: None,
                }),
            };
            // Where the programs are slow, the next run tells of this one's matters, too.
            let _ = ended.try_send((settings, end));
        }
    })
}

fn teller() -> SyncSender<(Settings, End)> {
    let (sender, ended) = sync_channel::<(Settings, End)>(PENDING_MAX);
    let tell = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        for (settings, end) in ended {
            runtime.block_on(after_run(&settings, &end, WORDS, Utc::now()));
        }
    };
    // Without a thread nobody receives, and nothing is told.
    let _ = thread::Builder::new().name("notify".to_owned()).spawn(tell);
    sender
}
