//! Takes back what a run or one change did, as an ordinary edit of the mirror that the next `sync` pushes.
//!
//! Changes are taken back from the last to the first, on copies; only then is anything written, so that the guard sees
//! all deletions before the first of them.

use super::Review;
use std::collections::{BTreeMap, HashSet};

use crate::{
    contact::{Contact, Field, ids::MIRROR, ids::UNDO},
    mirror::{ContactId, HistoryRow, Stored},
    reconcile::undo::{TakenBack, take_back, too_many},
    replica::Diagnostic,
    sync::{
        SyncError,
        events::{ChangeAction, Label},
        record::label,
    },
};

/// The kind of history row of a contact that was brought back.
const RESTORE: &str = "restore";

/// What is to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// All that a run changed, by its number.
    Run(i64),
    /// One change, by its number in the history.
    Change(i64),
}

/// How.
#[derive(Debug, Clone, Copy)]
pub struct UndoOptions {
    /// What.
    pub target: Target,
    /// Say what would be done, write nothing.
    pub dry_run: bool,
    /// Delete the contacts that the run made, too.
    pub created: bool,
    /// A user's decision: later values are replaced, and many contacts may be deleted.
    pub force: bool,
}

/// What was taken back is in the events and the summary; this is what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// Changes that were left alone.
    pub left: Vec<Left>,
    /// Contacts that the run made and that still stand.
    pub created: Vec<Label>,
    /// Contacts that come back without elements that the CRM held of them, and which.
    pub without: Vec<(Label, Vec<String>)>,
    /// True when there was nothing at all to take back.
    pub nothing: bool,
}

/// A change that was left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its number in the history; none for the making of a contact.
    pub change: Option<i64>,
    /// Whose.
    pub contact: Label,
    /// The field by the reference's name; none for the whole contact.
    pub field: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Why a change was left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was changed again since.
    Overtaken,
    /// The contact is deleted by now.
    Deleted,
    /// The contact was found to be another one, and is part of it.
    Merged,
    /// The history's value makes no sense.
    Unreadable,
}

impl Reason {
    /// In words, for a user; after "left alone: ".
    pub fn words(self) -> &'static str {
        match self {
            Reason::Overtaken => "it was changed again since",
            Reason::Deleted => "the contact is deleted",
            Reason::Merged => "the contact turned out to be another one and is part of it now",
            Reason::Unreadable => "the history's value cannot be read",
        }
    }

    /// The word of `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Overtaken => "overtaken",
            Reason::Deleted => "deleted",
            Reason::Merged => "merged",
            Reason::Unreadable => "unreadable",
        }
    }
}

/// A contact while it is worked on.
struct Draft {
    /// As the mirror holds it; none once it was forgotten.
    stored: Option<Stored>,
    uid: String,
    contact: Contact,
    lives: bool,
    /// It was deleted, and is brought back.
    restored: bool,
}

impl Draft {
    fn label(&self) -> Label {
        let crm_id = self.stored.as_ref().and_then(|stored| stored.crm_id.clone());
        Label { uid: self.uid.clone(), crm_id, name: self.contact.display_name() }
    }
}

fn usage(message: impl Into<String>, hint: impl Into<String>) -> SyncError {
    SyncError::Usage(Diagnostic::new(message).hint(hint))
}

impl Review<'_, '_> {
    pub fn undo(&mut self, options: &UndoOptions) -> Result<Undone, SyncError> {
        let rows = self.changes_of(options.target)?;
        let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
        let mut undone = Undone::default();
        for (id, row) in rows.iter().rev() {
            if !drafts.contains_key(&row.uid) {
                drafts.insert(row.uid.clone(), self.draft(row)?);
            }
            let Some(draft) = drafts.get_mut(&row.uid) else { continue };
            if let Err(reason) = apply(draft, row, options.force) {
                let contact = draft.label();
                undone.left.push(Left { change: Some(*id), contact, field: row.field.clone(), reason });
            }
        }
        if let Target::Run(run) = options.target {
            self.run.mirror.forget_other_uids_of(run)?;
            self.creations((run, &rows), options, &mut drafts, &mut undone)?;
        }
        self.guard_deletions(&drafts)?;
        for draft in drafts.into_values() {
            undone.without.extend(self.write(draft)?);
        }
        self.run.summary.failed = undone.left.len() as u64;
        undone.nothing = self.run.summary.nothing_changed() && undone.left.is_empty() && undone.created.is_empty();
        Ok(undone)
    }

    fn changes_of(&self, target: Target) -> Result<Vec<(i64, HistoryRow)>, SyncError> {
        match target {
            Target::Run(run) => {
                if run == self.run.id || self.run.mirror.run(run)?.is_none() {
                    let hint = "`carnet runs` lists them; a change of `carnet history` is typed with its h";
                    return Err(usage(format!("find run {run}"), hint));
                }
                Ok(self.run.mirror.history_of_run(run)?)
            }
            Target::Change(id) => match self.run.mirror.change(id)? {
                None => Err(usage(
                    format!("find change h{id}"),
                    "`carnet history` lists changes; a run of `carnet runs` is typed without the h",
                )),
                Some(row) if row.kind == "conflict" => Err(usage(
                    format!("take change h{id} back: it only keeps a copy of a contact in conflict"),
                    "`carnet conflicts --all` shows conflicts; `carnet conflicts resolve` decides them",
                )),
                Some(row) => Ok(vec![(id, row)]),
            },
        }
    }

    fn draft(&self, row: &HistoryRow) -> Result<Draft, SyncError> {
        let by_row = self.run.mirror.contact(row.contact)?;
        // A contact that was forgotten and brought back has another row, and the same UID.
        let stored = match by_row {
            Some(stored) => Some(stored),
            None => self.run.mirror.contact_by_uid(&row.uid)?,
        };
        let contact = stored.as_ref().map_or_else(Contact::default, |stored| stored.contact.clone());
        let lives = stored.as_ref().is_some_and(|stored| !stored.deleted);
        Ok(Draft { stored, uid: row.uid.clone(), contact, lives, restored: false })
    }

    /// Contacts that the run made: named, or taken away where that is wanted and nobody changed them since.
    fn creations(
        &self,
        (run, rows): (i64, &[(i64, HistoryRow)]),
        options: &UndoOptions,
        drafts: &mut BTreeMap<String, Draft>,
        undone: &mut Undone,
    ) -> Result<(), SyncError> {
        let brought_back: HashSet<&str> =
            rows.iter().filter(|(_, row)| row.kind == RESTORE).map(|(_, row)| row.uid.as_str()).collect();
        for id in self.run.mirror.created_in(run)? {
            let Some(stored) = self.run.mirror.contact(id)? else { continue };
            if brought_back.contains(stored.uid.as_str()) {
                continue; // brought back, not made; its row says what becomes of it
            }
            let contact = label(&stored);
            if !options.created {
                undone.created.push(contact);
            } else if !options.force && self.changed_since(id, run)? {
                undone.left.push(Left { change: None, contact, field: None, reason: Reason::Overtaken });
            } else {
                let (uid, contact) = (stored.uid.clone(), stored.contact.clone());
                let draft = Draft { stored: Some(stored), uid: uid.clone(), contact, lives: false, restored: false };
                drafts.insert(uid, draft);
            }
        }
        Ok(())
    }

    fn changed_since(&self, contact: ContactId, run: i64) -> Result<bool, SyncError> {
        Ok(self.run.mirror.history(Some(contact), 1)?.iter().any(|(_, row)| row.run > run))
    }

    /// A mass deletion needs a user's decision.
    fn guard_deletions(&self, drafts: &BTreeMap<String, Draft>) -> Result<(), SyncError> {
        let goes = |draft: &&Draft| !draft.lives && draft.stored.as_ref().is_some_and(|stored| !stored.deleted);
        let going = drafts.values().filter(goes).count() as u64;
        let known = self.run.mirror.count_contacts()?;
        match too_many(going, known, self.run.policy.max_delete) {
            Some(allowed) if !self.run.policy.force => Err(SyncError::Safety(
                Diagnostic::new(format!(
                    "take it back: {going} of {known} contacts would be deleted; {allowed} may go without a word"
                ))
                .hint("nothing was changed; if this is meant, add --force"),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Writes a draft; the contact that it brings back without what the CRM held beside, if so, and that.
    fn write(&mut self, draft: Draft) -> Result<Option<(Label, Vec<String>)>, SyncError> {
        let Draft { stored, uid, contact, lives, restored } = draft;
        match stored {
            Some(stored) if lives && !stored.deleted => {
                self.run.edit(&stored, &contact, UNDO)?;
            }
            stored if lives && restored => return self.bring_back(stored, &uid, &contact),
            Some(stored) if !lives && !stored.deleted => self.run.delete_here(&stored, UNDO, "delete")?,
            Some(_) | None => {}
        }
        Ok(None)
    }

    /// Brings a deleted contact back whole. Replicas that let it go get it anew; those that only stopped following go on.
    fn bring_back(
        &mut self,
        stored: Option<Stored>,
        uid: &str,
        contact: &Contact,
    ) -> Result<Option<(Label, Vec<String>)>, SyncError> {
        let at = self.run.host.stamp();
        let id = match stored {
            Some(stored) => {
                self.run.mirror.update_contact(stored.id, contact, &at)?;
                self.run.follow_again(stored.id)?;
                stored.id
            }
            None => self.run.mirror.insert_contact(uid, contact, UNDO, self.run.id, &at)?,
        };
        let whole = serde_json::to_string(contact).map_err(|error| {
            SyncError::Failed(Diagnostic::new(format!("write a contact into the history: {error}")))
        })?;
        self.run.mirror.record(&HistoryRow {
            run: self.run.id,
            at,
            contact: id,
            uid: uid.to_owned(),
            source: UNDO.to_owned(),
            field: None,
            old: None,
            new: Some(whole),
            kind: RESTORE.to_owned(),
        })?;
        let stored = self.run.stored(id)?;
        self.run.changed(MIRROR, ChangeAction::Create, label(&stored), Vec::new());
        let lost = self.run.lost_beside(&stored)?;
        Ok((!lost.is_empty()).then(|| (label(&stored), lost)))
    }
}

/// Takes one change back on the draft.
fn apply(draft: &mut Draft, row: &HistoryRow, force: bool) -> Result<(), Reason> {
    let whole = |text: &Option<String>| text.as_deref().and_then(|json| serde_json::from_str::<Contact>(json).ok());
    match (row.kind.as_str(), row.field.as_deref()) {
        ("delete", None) => {
            if !draft.lives {
                draft.contact = whole(&row.old).ok_or(Reason::Unreadable)?;
                (draft.lives, draft.restored) = (true, true);
            }
            Ok(())
        }
        (RESTORE, None) => {
            let brought_back = whole(&row.new).ok_or(Reason::Unreadable)?;
            if draft.lives && !force && draft.contact != brought_back {
                return Err(Reason::Overtaken);
            }
            draft.lives = false;
            Ok(())
        }
        ("merge", None) => Err(Reason::Merged),
        ("conflict", _) => Ok(()),
        (_, Some(name)) => {
            if !draft.lives {
                return Err(Reason::Deleted);
            }
            let field = Field::from_name(name).ok_or(Reason::Unreadable)?;
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            match take_back(&mut draft.contact, field, &text(&row.old), &text(&row.new), force) {
                TakenBack::Done | TakenBack::Already => Ok(()),
                TakenBack::Overtaken => Err(Reason::Overtaken),
                TakenBack::Unreadable => Err(Reason::Unreadable),
            }
        }
        (_, None) => Err(Reason::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Contact {
        Contact { last_name: name.into(), ..Contact::default() }
    }

    fn json(name: &str) -> Option<String> {
        serde_json::to_string(&named(name)).ok()
    }

    fn check(
        lives: bool,
        kind: &str,
        values: [Option<String>; 2],
        force: bool,
        expected: (Result<(), Reason>, bool, &str),
    ) {
        let [old, new] = values;
        let field = (kind == "update").then(|| "last_name".to_owned());
        let text = String::new;
        let (source, kind) = (text(), kind.to_owned());
        let row = HistoryRow { run: 1, at: text(), contact: 1, uid: text(), source, field, old, new, kind };
        let mut draft = Draft { stored: None, uid: text(), contact: named("Durand"), lives, restored: false };
        let verdict = apply(&mut draft, &row, force);
        assert_eq!((verdict, draft.lives, draft.contact.last_name.as_str()), expected, "{row:?}");
    }

    #[test]
    fn one_change_taken_back_on_a_draft() {
        let text = |text: &str| Some(text.to_owned());
        check(true, "update", [text("Petit"), text("Durand")], false, (Ok(()), true, "Petit"));
        check(true, "update", [text("Petit"), text("Roux")], false, (Err(Reason::Overtaken), true, "Durand"));
        check(true, "update", [text("Petit"), text("Roux")], true, (Ok(()), true, "Petit"));
        check(false, "update", [text("Petit"), text("Durand")], false, (Err(Reason::Deleted), false, "Durand"));
        check(false, "delete", [json("Petit"), None], false, (Ok(()), true, "Petit"));
        check(true, "delete", [json("Petit"), None], false, (Ok(()), true, "Durand"));
        check(false, "delete", [text("broken"), None], false, (Err(Reason::Unreadable), false, "Durand"));
        check(true, "restore", [None, json("Durand")], false, (Ok(()), false, "Durand"));
        check(true, "restore", [None, json("Petit")], false, (Err(Reason::Overtaken), true, "Durand"));
        check(true, "restore", [None, json("Petit")], true, (Ok(()), false, "Durand"));
        check(false, "restore", [None, json("Petit")], false, (Ok(()), false, "Durand"));
        check(true, "merge", [json("Petit"), None], true, (Err(Reason::Merged), true, "Durand"));
        check(true, "conflict", [json("Petit"), None], false, (Ok(()), true, "Durand"));
        check(true, "a later carnet's", [None, None], false, (Err(Reason::Unreadable), true, "Durand"));
    }
}
