//! A user's decisions on what waits beside conflicts: who a new record is, what became of a creation whose answer was
//! lost.
//!
//! Nothing is read or sent here. What is said of a book's record is kept until the next scan meets the record; an adopted
//! CRM contact gets an agreement at once, so that no creation can be sent for it any more, and is read by the next scan.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    Review,
    candidates::{held, held_for_review, newcomers},
    refused::{Applied, Effect, NoCandidate, Refused, Why},
};
use crate::{
    contact::{Contact, FieldSet, Keep, ids::MIRROR},
    mirror::{
        Agreement, Attention, AttentionKind, AttentionRow, ContactId, Decision, ItemId, OutboxRow, Standing,
        StandingKind, State, Stored,
    },
    reconcile::{
        Base, FieldConflict, Here, Incoming, Kept, Policy, Prefer, Winner, apply_changes, incoming,
        plan::in_known_words,
    },
    replica::RemoteId,
    sync::{
        SyncError,
        events::ChangeAction,
        participant::{CRM, Participant},
        record::label,
        run::Run,
        scan::intake::NEVER_READ,
    },
};

/// Who a record is, as a user has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    SameAs(ContactId),
    /// The same, and this book has another record of it.
    CopyOf(ContactId),
    New,
}

/// The decisions that can be made on what waits beside conflicts, without what they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// [`Decision::Adopt`].
    Adopt,
    /// [`Decision::Create`].
    Create,
    /// [`Decision::SameAs`].
    SameAs,
    /// [`Decision::New`].
    New,
    /// [`Decision::SendAgain`].
    SendAgain,
    /// [`Decision::Keep`] of the CRM's value.
    KeepCrm,
    /// [`Decision::Dismiss`].
    Dismiss,
}

/// What can be decided on something of this kind.
pub fn answers(kind: &AttentionKind) -> &'static [Answer] {
    match kind {
        AttentionKind::LostCreation => &[Answer::Adopt, Answer::Create],
        AttentionKind::Ambiguous => &[Answer::SameAs, Answer::New],
        AttentionKind::ConflictCopy => &[Answer::SameAs, Answer::Dismiss],
        AttentionKind::NoFirm => &[Answer::Create, Answer::Adopt, Answer::Dismiss],
        AttentionKind::NotPersisted => &[Answer::SendAgain, Answer::KeepCrm, Answer::Dismiss],
        AttentionKind::HeldDeletions | AttentionKind::Stopped | AttentionKind::Other(_) => &[Answer::Dismiss],
    }
}

/// What an outbox row remembers of the write; see `outbox`.
#[derive(Deserialize)]
struct Sent {
    contact: Contact,
}

pub(super) fn refused(row: &AttentionRow, why: Why) -> SyncError {
    Refused { item: ItemId::Attention(row.id), why }.into()
}

pub(super) fn applied(row: &AttentionRow, effect: Effect, to_sync: bool) -> Applied {
    Applied { item: ItemId::Attention(row.id), effect, to_sync }
}

impl Review<'_, '_> {
    /// Carries out a decision on what waits beside conflicts.
    pub fn answer(&mut self, id: i64, decision: &Decision) -> Result<Applied, SyncError> {
        let item = ItemId::Attention(id);
        let row = self.run.mirror.attention(id)?;
        let has_value = row.as_ref().is_some_and(|row| row.attention.kind() == AttentionKind::NotPersisted);
        if matches!(decision, Decision::Keep { .. }) && !has_value {
            return Err(Refused { item, why: Why::NoConflict }.into());
        }
        let Some(row) = row else { return Err(Refused { item, why: Why::NotFound }.into()) };
        let kind = row.attention.kind();
        if row.state == State::Settled {
            return Err(refused(&row, Why::Settled));
        }
        match (&kind, decision) {
            (AttentionKind::LostCreation, Decision::Adopt { crm_id }) => self.adopt_named(&row, crm_id),
            (AttentionKind::LostCreation, Decision::Create) => self.create_after_all(&row),
            (AttentionKind::NoFirm, Decision::Create) => self.want_firm(&row),
            (AttentionKind::NoFirm, Decision::Adopt { crm_id }) => self.choose_firm(&row, crm_id),
            (AttentionKind::Ambiguous | AttentionKind::ConflictCopy, Decision::SameAs { contact }) => {
                self.note_same_as(&row, *contact)
            }
            (AttentionKind::ConflictCopy, Decision::Dismiss) => self.leave_copy(&row),
            (AttentionKind::Ambiguous, Decision::New) => self.note_new(&row),
            (AttentionKind::NotPersisted, Decision::SendAgain) => self.send_again(&row),
            (AttentionKind::NotPersisted, Decision::Keep { keep: Keep::Crm }) => self.keep_theirs(&row),
            (AttentionKind::LostCreation | AttentionKind::Ambiguous, _)
            | (
                _,
                Decision::Keep { .. }
                | Decision::Adopt { .. }
                | Decision::Create
                | Decision::SameAs { .. }
                | Decision::New
                | Decision::SendAgain,
            ) => Err(refused(&row, Why::OtherKind(kind))),
            (_, Decision::Dismiss) => {
                self.settle_answered(&row)?;
                Ok(applied(&row, Effect::Dismissed, false))
            }
        }
    }

    pub(super) fn settle_answered(&mut self, row: &AttentionRow) -> Result<(), SyncError> {
        Ok(self.run.mirror.settle_attention(&row.replica, &row.remote, &row.attention.kind())?)
    }

    /// Settles what time has answered: creations that were found in a listing or are known not to have been made, values
    /// that the CRM shows after all or that nobody holds any more.
    pub fn settle_explained(&mut self) -> Result<(), SyncError> {
        for row in self.run.mirror.open_attention()? {
            let waits = match row.attention.kind() {
                AttentionKind::LostCreation => row
                    .contact
                    .map(|contact| held_for_review(self.run.mirror, contact))
                    .transpose()?
                    .flatten()
                    .is_some(),
                AttentionKind::NotPersisted => self.still_differs(&row)?,
                AttentionKind::Ambiguous
                | AttentionKind::ConflictCopy
                | AttentionKind::NoFirm
                | AttentionKind::HeldDeletions
                | AttentionKind::Stopped
                | AttentionKind::Other(_) => true,
            };
            if !waits {
                self.answered_for_good(&row)?;
            }
        }
        Ok(())
    }

    fn waiting_creation(&self, row: &AttentionRow) -> Result<(Stored, OutboxRow), SyncError> {
        let waiting = match row.contact {
            Some(contact) => self.run.mirror.contact(contact)?.zip(held_for_review(self.run.mirror, contact)?),
            None => None,
        };
        waiting.ok_or_else(|| refused(row, Why::NoCreation))
    }

    /// Sends a creation again at the next push; a newcomer of the CRM that resembles the contact is another person.
    fn create_after_all(&mut self, row: &AttentionRow) -> Result<Applied, SyncError> {
        let (stored, sent) = self.waiting_creation(row)?;
        self.run.mirror.delete_outbox(sent.id)?;
        self.settle_answered(row)?;
        self.run.remember_standing(CRM, &stored.uid, &Standing::Apart)?;
        let effect = if stored.deleted { Effect::NothingSent } else { Effect::SentAgain };
        Ok(applied(row, effect, !stored.deleted))
    }

    /// True when a user said that no newcomer of the CRM is this contact.
    pub fn is_apart(&self, stored: &Stored) -> Result<bool, SyncError> {
        Ok(self.run.mirror.standing(CRM, &stored.uid, StandingKind::Apart)?.is_some())
    }

    fn adopt_named(&mut self, row: &AttentionRow, crm_id: &str) -> Result<Applied, SyncError> {
        let (stored, write) = self.waiting_creation(row)?;
        let found = newcomers(self.run.mirror, stored.id)?;
        if !found.iter().any(|candidate| candidate.id == crm_id) {
            let reason = self.why_no_candidate(crm_id, &write)?;
            let candidates = found.into_iter().map(|candidate| candidate.id).collect();
            return Err(refused(row, Why::NoCandidate { crm_id: crm_id.to_owned(), reason, candidates }));
        }
        let Ok(Sent { contact: sent }) = serde_json::from_str::<Sent>(&write.payload) else {
            return Err(refused(row, Why::UnreadableCreation));
        };
        self.run.mirror.delete_outbox(write.id)?;
        self.settle_answered(row)?;
        match self.run.mirror.agreement_by_remote(CRM, crm_id)? {
            Some(agreement) => self.take_over(&stored, &sent, agreement)?,
            None => self.run.mirror.put_agreement(
                CRM,
                &Agreement {
                    contact: stored.id,
                    remote: crm_id.to_owned(),
                    revision: NEVER_READ.to_owned(),
                    theirs: sent.clone(),
                    ours: sent,
                    version: 0,
                    detail: None,
                    detached: false,
                    marks: String::new(),
                },
            )?,
        }
        // Books that carry the CRM's id are now behind.
        self.run.mirror.touch_contact(stored.id)?;
        self.run.changed(MIRROR, ChangeAction::Link, label(&self.run.stored(stored.id)?), Vec::new());
        Ok(applied(row, Effect::Adopted { crm_id: crm_id.to_owned() }, true))
    }

    fn why_no_candidate(&self, crm_id: &str, write: &OutboxRow) -> Result<NoCandidate, SyncError> {
        let known = self.run.mirror.contact_by_crm_id(crm_id)?.is_some();
        let older = crm_id.parse::<i64>().is_ok_and(|id| Some(id) <= write.highest_id);
        Ok(match (older, known) {
            (true, _) => NoCandidate::Older,
            (false, true) => NoCandidate::Known,
            (false, false) => NoCandidate::Unlisted,
        })
    }

    /// The CRM's contact was taken for somebody else meanwhile: that contact and this one become one.
    fn take_over(&mut self, stored: &Stored, sent: &Contact, found: Agreement) -> Result<(), SyncError> {
        let other = self.run.stored(found.contact)?;
        let joined = joined(sent, stored, &found, &other.contact, self.run.policy.prefer);
        for conflict in &joined.conflicts {
            self.run.conflict(stored, CRM, conflict)?;
        }
        self.run.delete_here(&other, CRM, "merge")?;
        self.run.mirror.delete_agreement(CRM, other.id)?;
        self.run.edit(stored, &joined.contact, CRM)?;
        self.run.mirror.put_agreement(
            CRM,
            &Agreement {
                contact: stored.id,
                ours: joined.ours,
                version: 0,
                detached: false,
                marks: String::new(),
                ..found
            },
        )?;
        Ok(())
    }

    fn note_new(&mut self, row: &AttentionRow) -> Result<Applied, SyncError> {
        self.settle_answered(row)?;
        self.run.remember_standing(&row.replica, &row.remote, &Standing::New)?;
        Ok(applied(row, Effect::New { remote: row.remote.clone() }, true))
    }

    /// Nothing of a copy is taken: it counts as taken in as it stands.
    fn leave_copy(&mut self, row: &AttentionRow) -> Result<Applied, SyncError> {
        self.settle_answered(row)?;
        if let Attention::ConflictCopy { contact, digest, .. } = &row.attention {
            let copy = Standing::Copy { contact: *contact, digest: digest.clone() };
            self.run.remember_standing(&row.replica, &row.remote, &copy)?;
        }
        Ok(applied(row, Effect::CopyDropped { remote: row.remote.clone() }, true))
    }

    fn note_same_as(&mut self, row: &AttentionRow, contact: ContactId) -> Result<Applied, SyncError> {
        let stored = self.run.mirror.contact(contact)?.filter(|stored| !stored.deleted);
        let stored = stored.ok_or_else(|| refused(row, Why::SameAsDeleted))?;
        let held = held(self.run.mirror, &row.replica, contact)?;
        self.settle_answered(row)?;
        self.run.remember_standing(&row.replica, &row.remote, &Standing::SameAs { contact })?;
        let (remote, name) = (row.remote.clone(), stored.contact.display_name());
        if row.attention.kind() == AttentionKind::ConflictCopy {
            return Ok(applied(row, Effect::CopyTaken { remote, name }, true));
        }
        Ok(applied(row, Effect::SameAs { remote, name, held }, true))
    }

    /// What a user said about a record that no agreement names; it is said once.
    pub fn answered(&mut self, replica: &str, remote: &str) -> Result<Option<Who>, SyncError> {
        let mut who = None;
        if self.run.mirror.standing(replica, remote, StandingKind::New)?.is_some() {
            who = Some(Who::New);
        } else if let Some(Standing::SameAs { contact: id }) =
            self.run.mirror.standing(replica, remote, StandingKind::SameAs)?
        {
            who = match (self.run.mirror.contact(id)?, held(self.run.mirror, replica, id)?) {
                (Some(_), None) => Some(Who::SameAs(id)),
                (Some(stored), Some(_)) if !stored.deleted => Some(Who::CopyOf(id)),
                (Some(_), Some(_)) | (None, _) => None,
            };
        }
        self.run.mirror.clear_standing(replica, remote, StandingKind::New)?;
        self.run.mirror.clear_standing(replica, remote, StandingKind::SameAs)?;
        Ok(who)
    }

    /// The records of a replica that a user was asked about, or has decided on.
    pub fn records_asked_about(&self, participant: &Participant) -> Result<BTreeSet<RemoteId>, SyncError> {
        let rows = self.run.mirror.attention_about(&participant.name)?.into_iter();
        let asked = rows.filter(|row| row.attention.kind().is_about_a_newcomer()).map(|row| row.remote);
        Ok(asked.chain(self.run.mirror.records_with_standing(&participant.name)?).collect())
    }

    /// Forgets what waits and what was said about records of a replica that are not met any more. Of one that shares its
    /// ids, nothing is raised about newcomers.
    pub fn forget_unmet(
        &mut self,
        participant: &Participant,
        is_newcomer: &dyn Fn(&str) -> bool,
    ) -> Result<(), SyncError> {
        if participant.shares_ids() {
            return Ok(());
        }
        let (mirror, replica) = (&mut *self.run.mirror, participant.name.as_str());
        for row in mirror.attention_about(replica)? {
            let kind = row.attention.kind();
            if kind.is_about_a_newcomer() && !is_newcomer(&row.remote) {
                mirror.clear_attention(replica, &row.remote, &kind)?;
            }
        }
        for remote in mirror.records_with_standing(replica)? {
            if !is_newcomer(&remote) {
                for kind in [StandingKind::SameAs, StandingKind::New, StandingKind::Copy] {
                    mirror.clear_standing(replica, &remote, kind)?;
                }
            }
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Keeps what a decision has said of a record.
    pub fn remember_standing(&mut self, replica: &str, remote: &str, standing: &Standing) -> Result<(), SyncError> {
        let at = self.host.stamp();
        Ok(self.mirror.put_standing(replica, remote, standing, (self.id, &at))?)
    }
}

/// Two contacts made one.
struct Joined {
    contact: Contact,
    /// The last state in common with the CRM, as the mirror has it.
    ours: Contact,
    conflicts: Vec<FieldConflict>,
}

/// What was sent is what both started from: the CRM's contact was edited there, ours here, and the mirror's copy of the
/// CRM's may hold edits of books on top.
fn joined(sent: &Contact, stored: &Stored, found: &Agreement, other: &Contact, prefer: Prefer) -> Joined {
    let winner = prefer.against_the_crm();
    let policy = Policy { fields: FieldSet::CRM, weak: FieldSet::NONE, winner, takes: true, gives: true };
    let theirs = in_known_words(sent, &found.theirs);
    let here = if stored.deleted { Here::Deleted(&stored.contact) } else { Here::Living(&stored.contact) };
    let base = Base { theirs: &theirs, ours: sent };
    let (contact, ours, mut conflicts) = match incoming(Some(base), here, &found.theirs, FieldSet::ALL, &policy) {
        Incoming::Same => (stored.contact.clone(), sent.clone(), Vec::new()),
        Incoming::Take { contact, ours, conflicts, .. } => (contact, ours, conflicts),
    };
    // What only books hold was never in common with the CRM.
    let mut from = found.ours.clone();
    from.copy_fields(&Contact::default(), FieldSet::ALL.less(FieldSet::CRM));
    let onto = (&ours, &contact);
    let all = apply_changes((&from, other), onto, (FieldSet::ALL, FieldSet::NONE), Winner::There);
    conflicts.extend(all.conflicts.into_iter().filter(|conflict| conflict.kept != Kept::Open));
    Joined { contact: all.contact, ours, conflicts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    fn person(title: &str, comment: &str, phones: &[&str]) -> Contact {
        Contact {
            last_name: "Lovelace".into(),
            job_title: title.into(),
            comment: comment.into(),
            items: phones.iter().map(|phone| Item::new(ItemType::ProfessionalPhone, *phone)).collect(),
            ..Contact::default()
        }
    }

    fn join(here: Contact, theirs: &Contact, other: &Contact, prefer: Prefer) -> Joined {
        let sent = person("Comtesse", "", &["01 99 00 00 01", "01 99 00 00 02"]);
        let stored = Stored {
            id: 1,
            uid: "ada-1".into(),
            crm_id: None,
            version: 1,
            contact: here,
            deleted: false,
            created_at: String::new(),
            updated_at: String::new(),
        };
        let found = Agreement {
            contact: 2,
            remote: "1004".into(),
            revision: "r".into(),
            theirs: theirs.clone(),
            ours: theirs.clone(),
            version: 0,
            detail: None,
            detached: false,
            marks: String::new(),
        };
        joined(&sent, &stored, &found, other, prefer)
    }

    #[test]
    fn two_contacts_become_one_without_doubling_or_losing_anything() {
        // The server writes numbers its own way; somebody removed one there, somebody else added one here.
        let here = person("Comtesse", "", &["01 99 00 00 01", "01 99 00 00 02", "01 99 00 00 03"]);
        let theirs = person("Duchesse", "", &["+33199000001"]);
        let mut other = theirs.clone();
        other.company = "ACME".into();
        other.extra.push("BDAY:1815-12-10".into());
        let one = join(here, &theirs, &other, Prefer::Crm);
        let expected = Contact {
            company: "ACME".into(),
            extra: vec!["BDAY:1815-12-10".into()],
            ..person("Duchesse", "", &["01 99 00 00 01", "01 99 00 00 03"])
        };
        assert_eq!((one.contact, one.conflicts.len()), (expected, 0));
        assert_eq!(one.ours, person("Duchesse", "", &["01 99 00 00 01"]), "what the CRM lacks of it is then pushed");
    }

    #[test]
    fn what_both_changed_is_settled_by_the_settings_and_recorded() {
        let check = |prefer, expected: &str, kept| {
            let theirs = person("Duchesse", "", &["01 99 00 00 01", "01 99 00 00 02"]);
            let here = person("Reine", "ici", &["01 99 00 00 01", "01 99 00 00 02"]);
            let one = join(here, &theirs, &theirs, prefer);
            assert_eq!((one.contact.job_title.as_str(), one.contact.comment.as_str()), (expected, "ici"));
            assert_eq!(one.conflicts.iter().map(|conflict| conflict.kept).collect::<Vec<_>>(), [kept]);
        };
        check(Prefer::Crm, "Duchesse", Kept::There);
        check(Prefer::Book, "Reine", Kept::Here);
        check(Prefer::Ask, "Reine", Kept::Open);
    }

    #[test]
    fn every_kind_of_question_can_be_answered() {
        for (kind, expected) in [
            (AttentionKind::LostCreation, &[Answer::Adopt, Answer::Create][..]),
            (AttentionKind::Ambiguous, &[Answer::SameAs, Answer::New]),
            (AttentionKind::NotPersisted, &[Answer::SendAgain, Answer::KeepCrm, Answer::Dismiss]),
            (AttentionKind::Other("a later carnet's".into()), &[Answer::Dismiss]),
        ] {
            assert_eq!(answers(&kind), expected, "{kind:?}");
        }
    }
}
