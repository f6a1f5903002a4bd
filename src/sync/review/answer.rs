//! A person's answers to questions: who a new record is, what became of a creation whose answer was lost.
//!
//! Nothing is read or sent here. An answer about a book's record is kept until the next scan meets the record; an adopted
//! CRM contact gets an agreement at once, so that no creation can be sent for it any more, and is read by the next scan.

use super::Review;
use serde::Deserialize;

use super::{
    candidates::{Candidate, held, held_for_review, newcomers},
    resolve::{Decided, failed, usage},
};
use crate::{
    contact::{Contact, FieldSet, ids::MIRROR},
    mirror::{Agreement, ContactId, OutboxRow, QuestionRow, State, Stored},
    reconcile::{
        Base, FieldConflict, Here, Incoming, Kept, Policy, Prefer, Winner, all_equal_normalised, apply_changes,
        incoming, plan::in_known_words,
    },
    sync::{
        SyncError,
        events::ChangeAction,
        participant::{CRM, Participant},
        push::settle::NOT_PERSISTED,
        record::label,
        scan::{copies::COPY, intake::NEVER_READ},
    },
};

/// The kind of question that asks who a record is.
pub(crate) const AMBIGUOUS: &str = "ambiguous";
/// The kind of question that asks what became of a creation.
pub(crate) const HELD_FOR_REVIEW: &str = "parked";
/// Not questions but what was answered: a record is this contact...
const SAME_AS: &str = "same_as";
/// ... or nobody we know...
const NEW: &str = "new";
/// ... or no newcomer of the CRM is this contact.
const APART: &str = "apart";

/// What a person answers to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The CRM's contact of this id is the one that was sent.
    Adopt(String),
    /// It was never made: send it again.
    Create,
    /// The record is this contact, by its row in the mirror.
    SameAs(ContactId),
    /// The record is nobody we know.
    New,
    /// It is seen; nothing is to be done.
    Dismiss,
}

/// Who a record is, as a person has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    SameAs(ContactId),
    /// The same, and this book has another record of it.
    CopyOf(ContactId),
    New,
}

/// What can be answered to a question of this kind, as it is typed after `carnet conflicts resolve`.
pub fn answers(kind: &str) -> &'static [&'static str] {
    match kind {
        HELD_FOR_REVIEW => &["--adopt CRM_ID", "--create"],
        AMBIGUOUS => &["--same-as CONTACT", "--new"],
        _ => &["--dismiss"],
    }
}

/// What an outbox row remembers of the write; see `outbox`.
#[derive(Deserialize)]
struct Sent {
    contact: Contact,
}

impl Review<'_, '_> {
    /// Carries out an answer to a question.
    pub fn answer(&mut self, id: i64, answer: &Answer, prefer: Prefer) -> Result<Decided, SyncError> {
        let Some(question) = self.run.mirror.question_by_id(id)? else {
            return Err(usage(format!("find question q{id}"), "`carnet conflicts` lists them"));
        };
        if question.state == State::Settled {
            return Err(failed(
                format!("answer question q{id}: it does not wait any more"),
                "`carnet conflicts` lists what waits",
            ));
        }
        match (question.kind.as_str(), answer) {
            (HELD_FOR_REVIEW, Answer::Adopt(crm_id)) => self.adopt_named(&question, crm_id, prefer),
            (HELD_FOR_REVIEW, Answer::Create) => self.create_after_all(&question),
            (AMBIGUOUS, Answer::SameAs(contact)) => self.note_who(&question, Who::SameAs(*contact)),
            (AMBIGUOUS, Answer::New) => self.note_who(&question, Who::New),
            (HELD_FOR_REVIEW | AMBIGUOUS, _)
            | (_, Answer::Adopt(_) | Answer::Create | Answer::SameAs(_) | Answer::New) => Err(usage(
                format!("answer question q{id} that way"),
                format!("answer with {}", answers(&question.kind).join(" or ")),
            )),
            (_, Answer::Dismiss) => {
                self.settled(&question)?;
                Ok(Decided { text: format!("question q{id}: dismissed"), to_sync: false })
            }
        }
    }

    fn settled(&mut self, question: &QuestionRow) -> Result<(), SyncError> {
        Ok(self.run.mirror.answer_question(&question.replica, &question.remote, &question.kind)?)
    }

    /// Settles questions that time has answered: creations that were found in a listing or are known not to have been
    /// made, values that the CRM shows after all or that nobody holds any more.
    pub fn settle_explained(&mut self) -> Result<(), SyncError> {
        for question in self.run.mirror.questions()? {
            let waits = match question.kind.as_str() {
                HELD_FOR_REVIEW => question
                    .contact
                    .map(|contact| held_for_review(&self.run.mirror, contact))
                    .transpose()?
                    .flatten()
                    .is_some(),
                NOT_PERSISTED => self.is_untaken(&question)?,
                _ => true,
            };
            if !waits {
                self.settled(&question)?;
            }
        }
        Ok(())
    }

    /// True while the CRM shows something else of a contact than what the mirror has sent it.
    fn is_untaken(&self, question: &QuestionRow) -> Result<bool, SyncError> {
        let Some(id) = question.contact else { return Ok(false) };
        let stored = self.run.mirror.contact(id)?.filter(|stored| !stored.deleted);
        let (Some(stored), Some(agreement)) = (stored, self.run.mirror.agreement(CRM, id)?) else { return Ok(false) };
        Ok(!agreement.detached && !all_equal_normalised(&stored.contact, &agreement.theirs, FieldSet::CRM))
    }

    fn waiting_creation(&self, question: &QuestionRow) -> Result<(Stored, OutboxRow), SyncError> {
        let waiting = match question.contact {
            Some(contact) => self.run.mirror.contact(contact)?.zip(held_for_review(&self.run.mirror, contact)?),
            None => None,
        };
        let gone =
            || failed(format!("answer question q{}: no creation waits any more", question.id), "run `carnet sync`");
        waiting.ok_or_else(gone)
    }

    /// Sends a creation again at the next push; a newcomer of the CRM that resembles the contact is another person.
    fn create_after_all(&mut self, question: &QuestionRow) -> Result<Decided, SyncError> {
        let (stored, row) = self.waiting_creation(question)?;
        self.run.mirror.delete_outbox(row.id)?;
        self.settled(question)?;
        self.run.mirror.ask(&QuestionRow {
            id: 0,
            run: self.run.id,
            replica: CRM.to_owned(),
            remote: stored.uid.clone(),
            kind: APART.to_owned(),
            contact: Some(stored.id),
            text: format!("a person said that no newcomer of the CRM is contact {}", stored.uid),
            state: State::Settled,
        })?;
        let text =
            if stored.deleted { "the contact is deleted here: nothing is sent" } else { "it is sent to the CRM again" };
        Ok(Decided { text: format!("question q{}: {text}", question.id), to_sync: !stored.deleted })
    }

    /// True when a person said that no newcomer of the CRM is this contact.
    pub fn is_apart(&self, stored: &Stored) -> Result<bool, SyncError> {
        Ok(self.run.mirror.question(CRM, &stored.uid, APART)?.is_some())
    }

    fn adopt_named(&mut self, question: &QuestionRow, crm_id: &str, prefer: Prefer) -> Result<Decided, SyncError> {
        let (stored, row) = self.waiting_creation(question)?;
        let found = newcomers(&self.run.mirror, stored.id)?;
        if !found.iter().any(|candidate| candidate.id == crm_id) {
            return Err(self.not_a_candidate(crm_id, &row, &found)?);
        }
        let Ok(Sent { contact: sent }) = serde_json::from_str::<Sent>(&row.payload) else {
            return Err(failed(format!("read what was sent of question q{}", question.id), "answer with --create"));
        };
        self.run.mirror.delete_outbox(row.id)?;
        self.settled(question)?;
        match self.run.mirror.agreement_by_remote(CRM, crm_id)? {
            Some(agreement) => self.take_over(&stored, &sent, agreement, prefer)?,
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
        Ok(Decided { text: format!("question q{}: the contact is {crm_id} of the CRM", question.id), to_sync: true })
    }

    fn not_a_candidate(&self, crm_id: &str, row: &OutboxRow, found: &[Candidate]) -> Result<SyncError, SyncError> {
        let known = self.run.mirror.contact_by_crm_id(crm_id)?.is_some();
        let older = crm_id.parse::<i64>().is_ok_and(|id| Some(id) <= row.highest_id);
        let reason = match () {
            () if older => "the CRM had it before this contact was sent",
            () if known => "it is another contact of the mirror's already",
            () => "the CRM's last listing does not show it",
        };
        let ids: Vec<&str> = found.iter().map(|candidate| candidate.id.as_str()).collect();
        let hint = match ids.as_slice() {
            [] => "nothing new is in the CRM: type --create, and it is sent again".to_owned(),
            ids => format!("type --adopt with one of {}, or --create if it is none of them", ids.join(", ")),
        };
        Ok(usage(format!("adopt {crm_id}: {reason}"), hint))
    }

    /// The CRM's contact was taken for somebody else meanwhile: that contact and this one become one.
    fn take_over(
        &mut self,
        stored: &Stored,
        sent: &Contact,
        found: Agreement,
        prefer: Prefer,
    ) -> Result<(), SyncError> {
        let other = self.run.stored(found.contact)?;
        let joined = joined(sent, stored, &found, &other.contact, prefer);
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

    fn note_who(&mut self, question: &QuestionRow, who: Who) -> Result<Decided, SyncError> {
        let (kind, contact) = match who {
            Who::SameAs(id) | Who::CopyOf(id) => (SAME_AS, Some(id)),
            Who::New => (NEW, None),
        };
        let QuestionRow { id, replica, remote, .. } = question;
        let mut text = format!("question q{id}: {remote} becomes a contact of its own");
        if let Some(contact) = contact {
            let stored = self.run.stored(contact)?;
            if stored.deleted {
                return Err(failed(
                    format!("answer question q{id}: that contact is deleted"),
                    "`carnet undo` takes a deletion back",
                ));
            }
            let name = stored.contact.display_name();
            text = match held(&self.run.mirror, replica, contact)? {
                None => format!("question q{id}: {remote} is {name}"),
                Some(held) => format!(
                    "question q{id}: {remote} is {name}, as {held} is: what it says beyond that is taken, and the \
                     record itself is left alone; delete it when you like"
                ),
            };
        }
        self.settled(question)?;
        self.run.mirror.ask(&QuestionRow {
            id: 0,
            run: self.run.id,
            replica: replica.clone(),
            remote: remote.clone(),
            kind: kind.to_owned(),
            contact,
            text: format!("a person said who {remote} is"),
            state: State::Settled,
        })?;
        Ok(Decided { text, to_sync: true })
    }

    /// What a person said about a record that no agreement names; it is said once.
    pub fn answered(&mut self, replica: &str, remote: &str) -> Result<Option<Who>, SyncError> {
        let mut who = None;
        if self.run.mirror.question(replica, remote, NEW)?.is_some() {
            who = Some(Who::New);
        } else if let Some(id) = self.run.mirror.question(replica, remote, SAME_AS)?.and_then(|row| row.contact) {
            who = match (self.run.mirror.contact(id)?, held(&self.run.mirror, replica, id)?) {
                (Some(_), None) => Some(Who::SameAs(id)),
                (Some(stored), Some(_)) if !stored.deleted => Some(Who::CopyOf(id)),
                (Some(_), Some(_)) | (None, _) => None,
            };
        }
        self.run.mirror.clear_question(replica, remote, NEW)?;
        self.run.mirror.clear_question(replica, remote, SAME_AS)?;
        Ok(who)
    }

    /// Forgets questions and answers about records of a replica that are not met any more. Of one that shares its ids,
    /// nothing is asked about newcomers.
    pub fn drop_questions(
        &mut self,
        participant: &Participant,
        is_newcomer: &dyn Fn(&str) -> bool,
    ) -> Result<(), SyncError> {
        if participant.shares_ids() {
            return Ok(());
        }
        for row in self.run.mirror.questions_about(&participant.name)? {
            let about_newcomers = [AMBIGUOUS, SAME_AS, NEW, COPY].contains(&row.kind.as_str());
            if about_newcomers && !is_newcomer(&row.remote) {
                self.run.mirror.clear_question(&participant.name, &row.remote, &row.kind)?;
            }
        }
        Ok(())
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
            (HELD_FOR_REVIEW, &["--adopt CRM_ID", "--create"][..]),
            (AMBIGUOUS, &["--same-as CONTACT", "--new"]),
            ("untaken", &["--dismiss"]),
            ("a later carnet's", &["--dismiss"]),
        ] {
            assert_eq!(answers(kind), expected, "{kind}");
        }
    }
}
