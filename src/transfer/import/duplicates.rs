//! What the records of one file are to each other, and to the contacts of the mirror.

use std::collections::HashMap;

use super::merge::{NAMES, contradictions, enriched, is_marked};
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{ContactId, Mirror, MirrorError, Stored},
    reconcile::{
        Match,
        matching::{MatchedBy, are_apart},
        strangers::{Stranger, stranger},
    },
    replica::RemoteContact,
    sync::scan::spilling_index::{IndexNumber, SpillingIndex},
};

/// What is known while a file is taken in.
pub(super) struct BatchDuplicates {
    /// Living contacts.
    pub index: SpillingIndex,
    /// Contacts that were deleted here and live on in the CRM.
    pub locally_deleted: SpillingIndex,
    /// The contacts that records of this file were taken for.
    taken: HashMap<ContactId, Taken>,
    /// Records of this file that were left to a user, by their places in `places_left`.
    left: SpillingIndex,
    places_left: Vec<String>,
}

/// What the records of this file have said of a contact so far.
#[derive(Default)]
struct Taken {
    /// One of them brought a UID.
    marked: bool,
    /// The fields that they speak of, telephones and addresses left out: those add up.
    said: FieldSet,
}

/// What a record is to the contact that an earlier record of the same file was taken for.
pub(super) enum Repeat {
    /// Nobody came before it, or it may well be the same person.
    No,
    /// It plainly describes somebody else.
    Stranger(Stranger),
    /// Another person of that name: the file tells the two apart.
    Another,
    /// It has the same name and says otherwise: one person or two?
    Namesake,
    /// It has the same UID or CRM id and says otherwise: a copied row, or an older card.
    Copy,
}

impl BatchDuplicates {
    /// Nothing is taken yet.
    pub fn of(index: SpillingIndex, locally_deleted: SpillingIndex) -> Self {
        Self {
            index,
            locally_deleted,
            taken: HashMap::new(),
            left: SpillingIndex::new(IndexNumber::Left),
            places_left: Vec::new(),
        }
    }

    /// What the record is to those before it that were taken for this contact.
    pub fn repeat(
        &self,
        mirror: &Mirror,
        stored: &Stored,
        by: MatchedBy,
        record: &RemoteContact,
    ) -> Result<Repeat, MirrorError> {
        if record.contact == stored.contact && !matches!(by, MatchedBy::Name | MatchedBy::Phone) {
            // The same file again: nothing need be folded to compare it.
            return Ok(Repeat::No);
        }
        // Two marks that agree are a user's own word.
        let has_both_marks = record.crm_id.is_some() && record.crm_id == stored.crm_id;
        let stranger = stranger(&stored.contact, by, has_both_marks, &record.contact);
        let Some(earlier) = self.taken.get(&stored.id) else {
            return Ok(stranger.map_or(Repeat::No, Repeat::Stranger));
        };
        // A picture that was made smaller is still of the same person.
        let fields = record.fields.without(Field::Extra);
        let contradicts = || !contradictions(&stored.contact, &record.contact, fields, by).is_empty();
        let is_contested = by == MatchedBy::Name
            && self.left_before(mirror, record)?.is_some()
            && self.enriched(stored, by, record) != stored.contact;
        let are_told_apart = earlier.marked && record.uid.is_some();
        Ok(match (by, stranger) {
            (MatchedBy::Name, _) | (MatchedBy::Phone, Some(_)) if are_told_apart => Repeat::Another,
            (MatchedBy::Name, Some(_)) => Repeat::Namesake,
            (_, Some(why)) => Repeat::Stranger(why),
            (MatchedBy::Name, None) if contradicts() || is_contested => Repeat::Namesake,
            (MatchedBy::Name, None) if are_apart(&stored.contact, &record.contact) => Repeat::Namesake,
            (MatchedBy::Uid | MatchedBy::OtherUid | MatchedBy::CrmId, None) if contradicts() => Repeat::Copy,
            (
                MatchedBy::Name
                | MatchedBy::Uid
                | MatchedBy::OtherUid
                | MatchedBy::CrmId
                | MatchedBy::Email
                | MatchedBy::Phone,
                None,
            ) => Repeat::No,
        })
    }

    /// What the contact is with what the record says beyond it.
    pub fn enriched(&self, stored: &Stored, by: MatchedBy, record: &RemoteContact) -> Contact {
        enriched(&stored.contact, &record.contact, record.fields, (by, self.settled(stored.id, by)))
    }

    /// The fields that earlier records of this file have spoken of for a contact.
    pub fn said(&self, id: ContactId) -> FieldSet {
        self.taken.get(&id).map(|taken| taken.said).unwrap_or_default()
    }

    /// Of those, the fields in which this record has no other word: the better spelling of a name may come later, unless
    /// one of the two is by somebody who meant each letter.
    fn settled(&self, id: ContactId, by: MatchedBy) -> FieldSet {
        let Some(Taken { marked, said }) = self.taken.get(&id) else { return FieldSet::NONE };
        if *marked || is_marked(by) { *said } else { said.less(NAMES) }
    }

    /// Remembers that the record was taken for this contact.
    pub fn take(&mut self, id: ContactId, record: &RemoteContact) {
        let taken = self.taken.entry(id).or_default();
        taken.marked |= record.uid.is_some();
        let said = record.contact.set_fields().and(record.fields);
        taken.said = taken.said.or(said.without(Field::Items).without(Field::Addresses));
    }

    /// Remembers that the record was left to a user.
    pub fn leave(&mut self, mirror: &Mirror, record: &RemoteContact) -> Result<(), MirrorError> {
        let uid = record.uid.as_deref().unwrap_or_default();
        self.left.add(mirror, self.places_left.len() as i64, uid, record.crm_id.as_deref(), &record.contact)?;
        self.places_left.push(record.remote.clone());
        Ok(())
    }

    /// The place of an earlier record that was left and that this one may well be: then it is nobody new.
    pub fn left_before(&self, mirror: &Mirror, record: &RemoteContact) -> Result<Option<&str>, MirrorError> {
        let first = match self.left.find(mirror, record.uid.as_deref(), record.crm_id.as_deref(), &record.contact)? {
            Match::None => None,
            Match::One(id, _) => Some(id),
            Match::Ambiguous(ids) => ids.first().copied(),
        };
        let place = first.and_then(|id| self.places_left.get(usize::try_from(id).ok()?));
        Ok(place.map(String::as_str))
    }

    /// True where the file itself tells the record apart from all of them by UIDs.
    pub fn are_others(&self, candidates: &[ContactId], record: &RemoteContact) -> bool {
        let marked = |id: &ContactId| self.taken.get(id).is_some_and(|taken| taken.marked);
        record.uid.is_some() && candidates.iter().all(marked)
    }
}
