//! What a push does, or leaves undone, without a word of its own: a company that the CRM has no place for, a deletion that it
//! does not follow, the throwaway contact that it learns its server's manners from. Each is said once a run, in a dry run
//! too.

use std::collections::BTreeSet;

use super::{Delivery, Pusher};
use crate::{
    contact::Field,
    mirror::{ContactId, Stored},
    sync::{
        events::{Label, Note, SyncEvent},
        record::label,
    },
};

/// So many are named; the others are counted.
const NAMED_MAX: usize = 3;

/// What one push has to say of it.
#[derive(Debug, Default)]
pub(super) struct Silent {
    /// Contacts with a company, or another one than before, where the replica has no place for it.
    without_company: BTreeSet<ContactId>,
    companies: Vec<String>,
    /// Contacts that were deleted here and stay there.
    staying: BTreeSet<ContactId>,
    named: Vec<Label>,
    /// The trial was announced.
    trial: bool,
}

impl Pusher<'_, '_> {
    /// A contact is pushed whose company was `before`.
    pub(super) fn note_company(&mut self, stored: &Stored, before: &str) {
        let company = &stored.contact.company;
        let is_carried = self.participant.policy().fields.contains(Field::Company);
        if is_carried || !self.participant.shares_ids() || company.is_empty() || company == before {
            return;
        }
        if self.run.firms.known {
            // The firm that it lacks is asked for.
            return;
        }
        self.silent.without_company.insert(stored.id);
        if self.silent.companies.len() < NAMED_MAX && !self.silent.companies.contains(company) {
            self.silent.companies.push(company.clone());
        }
    }

    /// A contact was deleted here, and its record stays.
    pub(super) fn note_staying(&mut self, stored: &Stored) {
        if self.silent.staying.insert(stored.id) && self.silent.named.len() < NAMED_MAX {
            self.silent.named.push(label(stored));
        }
    }

    /// Says that the replica will try something on a record of its own before it carries these out.
    pub(super) fn announce_trial(&mut self, deliveries: &[Delivery]) {
        let is_due = |delivery: &Delivery| self.participant.replica.tries_before(&delivery.write);
        if !self.silent.trial && deliveries.iter().any(is_due) {
            self.silent.trial = true;
            self.say(Note::TrialAhead);
        }
    }

    pub(super) fn say_silent(&mut self) {
        let Silent { without_company, companies: values, staying, named, trial: _ } = std::mem::take(&mut self.silent);
        if !without_company.is_empty() {
            self.say(Note::StaysOut { field: Field::Company, contacts: without_company.len() as u64, values });
        }
        if !staying.is_empty() {
            self.say(Note::StaysThere { contacts: staying.len() as u64, named });
        }
    }

    fn say(&mut self, note: Note) {
        self.run.emit(SyncEvent::Attention { replica: self.participant.name.clone(), note });
    }
}
