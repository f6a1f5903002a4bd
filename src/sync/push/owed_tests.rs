//! Lists that a replica did not take: what is agreed on, what is sent next, and what is asked.

use crate::{
    contact::{Contact, Field, FieldSet, Item, ItemType},
    mirror::{Agreement, ContactId, State},
    replica::{Action, Diagnostic, Partial, RemoteContact, ReplicaError, Written, memory::Memory},
    sync::{
        participant::{CRM, Participant},
        testing::{RunFixture, ada, participant, seen, with_fixture},
    },
};

const ITEMS: FieldSet = FieldSet::NONE.with(Field::Items);

fn with(title: &str, figures: &str) -> Contact {
    let phone = |figure: char| Item::new(ItemType::ProfessionalPhone, format!("019900000{figure}"));
    Contact { items: figures.chars().map(phone).collect(), ..ada(title) }
}

struct Owing<'f, 'a> {
    fixture: &'f mut RunFixture<'a>,
    crm: Participant,
    id: ContactId,
}

impl Owing<'_, '_> {
    /// The mirror's contact becomes this; what is then sent, if anything, and which fields of it.
    fn edit(&mut self, contact: &Contact) -> Option<(Contact, FieldSet)> {
        self.fixture.run.mirror.update_contact(self.id, contact, "").unwrap();
        self.planned()
    }

    fn planned(&mut self) -> Option<(Contact, FieldSet)> {
        let planned = self.fixture.plan_push(&mut self.crm);
        planned.into_iter().find_map(|delivery| match delivery.write.action {
            Action::Update { contact, changed, .. } if !changed.is_empty() => Some((contact, changed)),
            Action::Update { .. } | Action::Create { .. } | Action::Delete { .. } => None,
        })
    }

    /// What is planned is sent, and answered so; whether somebody is asked about it then.
    fn answer(&mut self, answer: impl Fn(RemoteContact) -> Result<Written, ReplicaError>, read: &Contact) -> bool {
        let deliveries = self.fixture.plan_push(&mut self.crm);
        assert_eq!(deliveries.len(), 1);
        self.fixture.record_answers(&mut self.crm, deliveries, vec![answer(seen("1001", None, read))]).unwrap();
        !self.fixture.run.mirror.open_attention().unwrap().is_empty()
    }

    fn agreement(&self) -> Agreement {
        self.fixture.run.mirror.agreement(CRM, self.id).unwrap().unwrap()
    }
}

fn taken(read: RemoteContact) -> Result<Written, ReplicaError> {
    Ok(Some(read))
}

fn withheld(inexpressible: FieldSet) -> impl Fn(RemoteContact) -> Result<Written, ReplicaError> {
    move |record| {
        let reason = Diagnostic::new("update contact_items: it cannot be said");
        let (unsent, unsettled) = (ITEMS, false);
        Err(ReplicaError::Partial(Box::new(Partial { record, unsent, inexpressible, unsettled, reason })))
    }
}

/// A contact of the CRM with the telephone 1, agreed on.
fn owing(test: impl FnOnce(Owing<'_, '_>)) {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &with("CEO", "1"));
        fixture.agree(CRM, "1001", id);
        let crm = participant(CRM, Memory::default());
        test(Owing { fixture: &mut fixture, crm, id });
    });
}

#[test]
fn a_list_that_was_not_taken_waits_and_goes_with_its_next_edit() {
    owing(|mut crm| {
        assert!(crm.edit(&with("CEO", "2")).is_some());
        assert!(crm.answer(taken, &with("CEO", "1")), "it is asked about");
        assert_eq!((crm.agreement().ours, crm.agreement().version), (with("CEO", "1"), 0));
        assert_eq!(crm.planned(), None, "it is not sent in every run");
        // A scalar goes without it.
        assert_eq!(crm.edit(&with("CTO", "2")), Some((with("CTO", "1"), FieldSet::NONE.with(Field::JobTitle))));
        assert!(crm.answer(taken, &with("CTO", "1")), "and answers no question");
        assert_eq!((crm.agreement().ours, crm.planned()), (with("CTO", "1"), None));
        // The next edit of the list takes all of it along.
        assert_eq!(crm.edit(&with("CTO", "23")), Some((with("CTO", "23"), ITEMS)));
        assert!(!crm.answer(taken, &with("CTO", "23")));
        assert_eq!((crm.agreement().ours, crm.planned()), (with("CTO", "23"), None));
    });
}

#[test]
fn what_is_taken_in_part_is_owed_in_part() {
    owing(|mut crm| {
        // A CRM that only adds.
        assert!(crm.edit(&with("CEO", "2")).is_some());
        assert!(crm.answer(taken, &with("CEO", "12")));
        assert_eq!(crm.agreement().ours, with("CEO", "12"), "what is owed is that 1 goes");
        assert_eq!(crm.fixture.run.stored(crm.id).unwrap().contact, with("CEO", "2"));
        assert_eq!(crm.edit(&with("CEO", "23")), Some((with("CEO", "23"), ITEMS)));
        assert!(crm.answer(taken, &with("CEO", "123")), "the question stays");
        assert_eq!(crm.planned(), None);
    });
}

#[test]
fn a_list_that_was_not_sent_is_tried_by_the_next_run_unless_there_is_no_way_to_say_it() {
    for (inexpressible, asked) in [(FieldSet::NONE, false), (ITEMS, true)] {
        owing(|mut crm| {
            crm.edit(&with("CTO", "2"));
            assert_eq!(crm.answer(withheld(inexpressible), &with("CTO", "1")), asked);
            assert_eq!(crm.agreement().ours, with("CTO", "1"));
            assert_eq!(crm.planned(), (!asked).then(|| (with("CTO", "2"), ITEMS)));
            assert_eq!((crm.fixture.run.summary.failed, crm.fixture.run.summary.updated.get(CRM)), (1, Some(&1)));
        });
    }
}

#[test]
fn what_did_not_come_to_anything_is_no_update() {
    for answer in [&taken as &dyn Fn(RemoteContact) -> Result<Written, ReplicaError>, &withheld(ITEMS)] {
        owing(|mut crm| {
            crm.edit(&with("CEO", "2"));
            crm.answer(answer, &with("CEO", "1"));
            assert_eq!((crm.fixture.run.summary.failed, crm.fixture.run.summary.updated.get(CRM)), (1, None));
        });
    }
}

#[test]
fn a_write_that_may_yet_be_mended_is_not_settled() {
    owing(|mut crm| {
        crm.edit(&with("CEO", "12"));
        let unsettled = |record: RemoteContact| {
            let reason = Diagnostic::new("update contact_items");
            let partial =
                Partial { record, unsent: FieldSet::NONE, inexpressible: FieldSet::NONE, unsettled: true, reason };
            Err(ReplicaError::Partial(Box::new(partial)))
        };
        let deliveries = crm.fixture.plan_push(&mut crm.crm);
        let mut batch = deliveries;
        crm.fixture.outbox().about_to_write(true, &mut batch).unwrap();
        let answers = vec![unsettled(seen("1001", None, &with("CEO", "2")))];
        crm.fixture.record_answers(&mut crm.crm, batch, answers).unwrap();
        assert_eq!(crm.fixture.states(CRM), [crate::mirror::OutboxState::Unknown]);
        assert_eq!(crm.planned(), None, "it may come to show");
    });
}

#[test]
fn a_dismissed_question_is_still_owed() {
    owing(|mut crm| {
        crm.edit(&with("CEO", "2"));
        crm.answer(taken, &with("CEO", "1"));
        let row = crm.fixture.run.mirror.open_attention().unwrap().remove(0);
        crm.fixture.run.mirror.settle_attention(&row.replica, &row.remote, &row.attention.kind()).unwrap();
        assert_eq!(crm.planned(), None);
        crm.edit(&with("CTO", "2"));
        assert!(!crm.answer(taken, &with("CTO", "1")), "it is not asked again for another field");
        assert_eq!(crm.planned(), None);
        let row = crm.fixture.run.mirror.attention(row.id).unwrap().unwrap();
        assert_eq!((row.state, row.attention.not_persisted().1.len()), (State::Settled, 1));
        assert_eq!(crm.edit(&with("CTO", "3")), Some((with("CTO", "3"), ITEMS)));
    });
}
