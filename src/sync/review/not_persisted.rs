//! A user's decisions on what a replica did not take as it was sent: to send it again, or to keep what the replica has.

use super::{
    Review,
    answer::{applied, refused},
    refused::{Applied, Effect, Why},
};
use crate::{
    contact::{Field, FieldSet, ids::PERSON},
    mirror::{Agreement, Attention, AttentionRow, State, Stored},
    reconcile::{lists::in_words, merge::equal_normalised},
    sync::SyncError,
};

impl Review<'_, '_> {
    /// True while the replica shows something else than the mirror has, of what the question is about.
    pub(super) fn still_differs(&self, row: &AttentionRow) -> Result<bool, SyncError> {
        let Some((stored, agreement)) = self.subject(row)? else { return Ok(false) };
        let differs = |field: Field| !equal_normalised(&stored.contact, &agreement.theirs, field);
        Ok(asked(row).iter().any(differs))
    }

    /// The contact, if it lives and is followed there, and what is agreed on.
    fn subject(&self, row: &AttentionRow) -> Result<Option<(Stored, Agreement)>, SyncError> {
        let Some(id) = row.contact else { return Ok(None) };
        let stored = self.run.mirror.contact(id)?.filter(|stored| !stored.deleted);
        let agreement = self.run.mirror.agreement(&row.replica, id)?.filter(|agreement| !agreement.detached);
        Ok(stored.zip(agreement))
    }

    /// What the mirror holds beyond the replica's is pushed by the next run, as if it had changed just now.
    pub(super) fn send_again(&mut self, row: &AttentionRow) -> Result<Applied, SyncError> {
        let (stored, agreement) = self.subject(row)?.ok_or_else(|| refused(row, Why::ContactDeleted))?;
        let (theirs, here) = (&agreement.theirs, &stored.contact);
        let mut ours = agreement.ours.clone();
        for field in asked(row).iter() {
            match field {
                Field::Addresses => {
                    let known = (&theirs.addresses[..], &agreement.ours.addresses[..]);
                    ours.addresses = in_words(&theirs.addresses, &here.addresses, known);
                }
                Field::Items => {
                    let known = (&theirs.items[..], &agreement.ours.items[..]);
                    ours.items = in_words(&theirs.items, &here.items, known);
                }
                scalar => ours.copy_fields(theirs, FieldSet::NONE.with(scalar)),
            }
        }
        self.run.mirror.put_agreement(&row.replica, &Agreement { ours, version: 0, ..agreement })?;
        self.answered_for_good(row)?;
        Ok(applied(row, Effect::ChangeSentAgain, true))
    }

    /// The mirror takes what the replica has.
    pub(super) fn keep_theirs(&mut self, row: &AttentionRow) -> Result<Applied, SyncError> {
        let (stored, agreement) = self.subject(row)?.ok_or_else(|| refused(row, Why::ContactDeleted))?;
        let (fields, mut new, mut ours) = (asked(row), stored.contact.clone(), agreement.ours.clone());
        new.copy_fields(&agreement.theirs, fields);
        ours.copy_fields(&agreement.theirs, fields);
        self.run.mirror.put_agreement(&row.replica, &Agreement { ours, version: 0, ..agreement })?;
        self.run.edit(&stored, &new, PERSON)?;
        self.answered_for_good(row)?;
        Ok(applied(row, Effect::AsThere { fields: fields.iter().collect() }, true))
    }

    /// It waits no more, and nothing of it is kept from being sent: a contact that comes back may be asked about anew.
    pub(super) fn answered_for_good(&mut self, row: &AttentionRow) -> Result<(), SyncError> {
        let attention = match &row.attention {
            Attention::NotPersisted { fields, .. } => {
                Attention::NotPersisted { fields: fields.clone(), tried: Vec::new() }
            }
            other @ (Attention::Worded { .. }
            | Attention::Ambiguous { .. }
            | Attention::ConflictCopy { .. }
            | Attention::LostCreation
            | Attention::HeldDeletions { .. }
            | Attention::NoFirm { .. }
            | Attention::Stopped { .. }) => other.clone(),
        };
        self.run.mirror.raise(&AttentionRow { attention, state: State::Settled, ..row.clone() })?;
        Ok(())
    }
}

/// The fields that a question is about; what is known by its words alone may be about any.
fn asked(row: &AttentionRow) -> FieldSet {
    match &row.attention {
        Attention::NotPersisted { fields, .. } => fields.iter().copied().collect(),
        Attention::Worded { .. } => FieldSet::CRM,
        Attention::Ambiguous { .. }
        | Attention::ConflictCopy { .. }
        | Attention::LostCreation
        | Attention::HeldDeletions { .. }
        | Attention::NoFirm { .. }
        | Attention::Stopped { .. } => FieldSet::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Contact, Item, ItemType, Keep},
        mirror::{Decision, ItemId, TriedList},
        replica::{Action, memory::Memory},
        sync::{
            participant::CRM,
            testing::{RunFixture, ada, participant, with_fixture},
        },
    };

    fn with(title: &str, phones: &[&str]) -> Contact {
        let items = phones.iter().map(|phone| Item::new(ItemType::ProfessionalPhone, *phone)).collect();
        Contact { items, ..ada(title) }
    }

    /// The mirror has another title and another telephone than the CRM, which took neither.
    fn asked_about(fixture: &mut RunFixture<'_>, ours: &Contact) -> ItemId {
        let (here, there) = (with("new", &["0199000002"]), with("old", &["+33199000001"]));
        let id = fixture.contact("ada-1", &here);
        let agreement = Agreement { theirs: there, ours: ours.clone(), version: 0, ..fixture.agree(CRM, "1001", id) };
        fixture.run.mirror.put_agreement(CRM, &agreement).unwrap();
        let tried = TriedList { list: "contact_items".into(), digest: "d".into(), mode: "append".into() };
        let attention = Attention::NotPersisted { fields: vec![Field::JobTitle, Field::Items], tried: vec![tried] };
        let row = fixture.run.open_attention(CRM, "ada-1", attention);
        fixture.run.mirror.raise(&AttentionRow { contact: Some(id), ..row }).unwrap();
        ItemId::Attention(fixture.run.mirror.open_attention().unwrap()[0].id)
    }

    #[test]
    fn what_was_not_taken_is_sent_again_when_a_user_says_so() {
        // As agreed on now, and as an earlier version agreed: as if all had been taken.
        for ours in [with("new", &["0199000001"]), with("new", &["0199000002"])] {
            with_fixture(|mut fixture| {
                let item = asked_about(&mut fixture, &ours);
                let done = Review::new(&mut fixture.run).decide(item, &Decision::SendAgain).unwrap();
                assert_eq!((done.effect, done.to_sync), (Effect::ChangeSentAgain, true));
                assert!(fixture.run.mirror.open_attention().unwrap().is_empty());
                let sent = fixture.plan_push(&mut participant(CRM, Memory::default()));
                let Action::Update { contact, changed, .. } = &sent[0].write.action else { panic!("no update") };
                let fields: Vec<Field> = changed.iter().collect();
                assert_eq!((contact, fields), (&with("new", &["0199000002"]), vec![Field::JobTitle, Field::Items]));
            });
        }
    }

    #[test]
    fn what_the_crm_has_is_kept_when_a_user_says_so() {
        with_fixture(|mut fixture| {
            let item = asked_about(&mut fixture, &with("new", &["0199000001"]));
            let decision = Decision::Keep { keep: Keep::Crm };
            let done = Review::new(&mut fixture.run).decide(item, &decision).unwrap();
            assert_eq!(done.effect, Effect::AsThere { fields: vec![Field::JobTitle, Field::Items] });
            assert!(fixture.run.mirror.open_attention().unwrap().is_empty());
            let id = fixture.run.mirror.contact_by_uid("ada-1").unwrap().unwrap().id;
            assert_eq!(fixture.run.stored(id).unwrap().contact, with("old", &["+33199000001"]));
            let planned = fixture.plan_push(&mut participant(CRM, Memory::default()));
            assert!(planned.iter().all(|delivery| delivery.write.action.changed().is_empty()));
            let again = Review::new(&mut fixture.run).decide(item, &decision);
            assert!(matches!(again, Err(SyncError::Refused(refused)) if refused.why == Why::Settled));
        });
    }

    #[test]
    fn a_question_is_answered_by_what_it_is_about() {
        with_fixture(|mut fixture| {
            asked_about(&mut fixture, &with("new", &["0199000001"]));
            let id = fixture.run.mirror.contact_by_uid("ada-1").unwrap().unwrap().id;
            let open = |fixture: &mut RunFixture<'_>, theirs: Contact| {
                let agreement = fixture.run.mirror.agreement(CRM, id).unwrap().unwrap();
                fixture.run.mirror.put_agreement(CRM, &Agreement { theirs, ..agreement }).unwrap();
                fixture.run.close_obsolete().unwrap();
                fixture.run.mirror.open_attention().unwrap().len()
            };
            assert_eq!(open(&mut fixture, with("new", &["0199000001"])), 1);
            let shown = Contact { comment: "of somebody else".into(), ..with("NEW ", &["+33199000002"]) };
            assert_eq!(open(&mut fixture, shown), 0);
            let settled = fixture.run.mirror.attention(1).unwrap().unwrap();
            assert!(settled.attention.not_persisted().1.is_empty(), "should they differ again, it is sent");
        });
    }
}
