//! The socket beside the mirror, by which `carnet sync` asks the daemon for a run and follows it.
//!
//! Both ends are one program of one user: what goes over it is carnet's own types as JSON, a line each, and another version
//! is told so. Only the daemon's own user and root are answered.

mod client;
mod server;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    config::SettingsDigest,
    sync::{Summary, SyncEvent},
    views::beside,
};

pub use client::{Answer, Followed, News, ask};
pub use server::SocketServer;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What asks for a run.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    version: String,
    /// The settings of whoever asks: a run by others is not what is asked for.
    settings: SettingsDigest,
}

/// What the daemon says, a line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// A run will begin.
    Accepted {
        /// The daemon's process.
        pid: u32,
        /// Another run is at work, and ends first.
        at_work: bool,
    },
    /// None will.
    Declined {
        /// The daemon's process.
        pid: u32,
        /// Why.
        why: Declined,
    },
    /// The run begins.
    Begun,
    /// Something happened in it.
    Event(SyncEvent),
    /// So many lines were left out: whoever reads is too slow.
    Skipped(u64),
    /// It came to its end.
    Done(Box<Summary>),
    /// It ended early.
    Failed(Failure),
}

/// Why a run ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The public exit code.
    pub exit_code: u8,
    /// It reads after "failed to".
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Why the daemon makes no run for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declined {
    /// It is another version of carnet.
    OtherVersion,
    /// It goes by other settings than whoever asks.
    OtherSettings,
    /// The login was refused, and it does not try again yet.
    LoginRefused,
    /// It is about to end.
    Stopping,
}

/// The socket of this mirror's daemon.
fn path(mirror: &Path) -> PathBuf {
    beside(mirror, ".sock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::Field,
        replica::Problem,
        sync::{
            Attention, ItemId, Telling,
            events::{Change, ChangeAction, ConflictNote, FieldChange, Label, Note},
        },
    };

    #[test]
    fn what_is_told_arrives_as_it_was() {
        let label = || Label { uid: "u-1".into(), crm_id: None, name: "Élodie".into() };
        let fields = vec![FieldChange { field: Field::Civility, old: String::new(), new: "mr".into() }];
        let change = |fields| Change { place: "crm".into(), action: ChangeAction::Link, contact: label(), fields };
        let conflict = |field| ConflictNote {
            replica: "crm".into(),
            contact: label(),
            field,
            here: "a\nb".into(),
            there: String::new(),
            kept: "open".into(),
        };
        let problem = Problem { place: "row 3".into(), message: "bad".into(), hint: None, remote: Some("3".into()) };
        let attention = Attention::HeldDeletions { missing: 1, known: 2, allowed: 0, contacts: vec![3] };
        let raised = Note::Raised { remote: String::new(), attention };
        let dropped = crate::sync::Refused { item: ItemId::Attention(7), why: crate::sync::Why::NotFound };
        let events = [
            SyncEvent::Change(change(fields)),
            SyncEvent::Change(change(Vec::new())),
            SyncEvent::Conflict(conflict(Some(Field::Civility))),
            SyncEvent::Conflict(conflict(None)),
            SyncEvent::Problem { replica: "sheet".into(), problem, telling: Telling::Known },
            SyncEvent::Attention { replica: "crm".into(), note: raised },
            SyncEvent::Attention { replica: "crm".into(), note: Note::Dropped(dropped) },
            SyncEvent::Attention { replica: "crm".into(), note: Note::TrialAhead },
        ];
        let summary = Summary { run: 3, conflicts: 1, scanned: [("crm".to_owned(), 9)].into(), ..Summary::default() };
        let failed = Failure { exit_code: 5, message: "reach it".into(), hint: Some("wait".into()) };
        let ends = [Told::Done(Box::new(summary)), Told::Failed(failed), Told::Skipped(3), Told::Begun];
        for told in events.into_iter().map(Told::Event).chain(ends) {
            let line = serde_json::to_string(&told).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Told>(&line).unwrap(), told, "{line}");
        }
    }
}
