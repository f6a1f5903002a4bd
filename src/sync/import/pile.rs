//! What the records of one file are to each other, and to whom the mirror knows.

use std::collections::HashMap;

use super::enrich::{NAMES, contradictions, enriched, is_marked};
use crate::{
    contact::{Contact, Field, FieldSet, keys},
    mirror::{ContactId, Stored},
    reconcile::{
        Index, Pairing,
        pairing::{By, are_apart, could_be},
    },
    replicas::Sighting,
};

/// What is known while a file is taken in.
pub(super) struct Pile {
    /// Living contacts.
    pub index: Index,
    /// Contacts that were deleted here and live on in the CRM.
    pub let_go: Index,
    /// The contacts that records of this file were taken for.
    taken: HashMap<ContactId, Taken>,
    /// Records of this file that were left to a person, by their places in `places_left`.
    left: Index,
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
pub(super) enum Again {
    /// Nobody came before it, or it may well be the same person.
    No,
    /// It bears this mark of the contact, and plainly describes somebody else.
    Stranger(&'static str),
    /// Another person of that name: the file tells the two apart.
    Another,
    /// It has the same name and says otherwise: one person or two?
    Namesake,
    /// It has the same UID or CRM id and says otherwise: a copied row, or an older card.
    Copy,
}

impl Pile {
    /// Nothing is taken yet.
    pub fn of(index: Index, let_go: Index) -> Self {
        Self { index, let_go, taken: HashMap::new(), left: Index::default(), places_left: Vec::new() }
    }

    /// What the record is to those before it that were taken for this contact.
    pub fn again(&self, stored: &Stored, by: By, sighting: &Sighting) -> Again {
        if let Some(mark) = strange(stored, by, sighting) {
            return Again::Stranger(mark);
        }
        let Some(earlier) = self.taken.get(&stored.id) else { return Again::No };
        // A picture that was made smaller is still of the same person.
        let fields = sighting.fields.without(Field::Extra);
        let contradicts = || !contradictions(&stored.contact, &sighting.contact, fields, by).is_empty();
        let is_contested =
            || self.left_before(sighting).is_some() && self.enriched(stored, by, sighting) != stored.contact;
        match by {
            By::Name if earlier.marked && sighting.uid.is_some() => Again::Another,
            By::Name if contradicts() || is_contested() || are_apart(&stored.contact, &sighting.contact) => {
                Again::Namesake
            }
            By::Uid | By::OtherUid | By::CrmId if contradicts() => Again::Copy,
            By::Name | By::Uid | By::OtherUid | By::CrmId | By::Email | By::Phone => Again::No,
        }
    }

    /// What the contact is with what the record says beyond it.
    pub fn enriched(&self, stored: &Stored, by: By, sighting: &Sighting) -> Contact {
        enriched(&stored.contact, &sighting.contact, sighting.fields, (by, self.settled(stored.id, by)))
    }

    /// The fields that earlier records of this file have spoken of for a contact.
    pub fn said(&self, id: ContactId) -> FieldSet {
        self.taken.get(&id).map(|taken| taken.said).unwrap_or_default()
    }

    /// Of those, the fields in which this record has no other word: the better spelling of a name may come later, unless
    /// one of the two is by somebody who meant each letter.
    fn settled(&self, id: ContactId, by: By) -> FieldSet {
        let Some(Taken { marked, said }) = self.taken.get(&id) else { return FieldSet::NONE };
        if *marked || is_marked(by) { *said } else { said.less(NAMES) }
    }

    /// Remembers that the record was taken for this contact.
    pub fn take(&mut self, id: ContactId, sighting: &Sighting) {
        let taken = self.taken.entry(id).or_default();
        taken.marked |= sighting.uid.is_some();
        let said = sighting.contact.set_fields().and(sighting.fields);
        taken.said = taken.said.or(said.without(Field::Items).without(Field::Addresses));
    }

    /// Remembers that the record was left to a person.
    pub fn leave(&mut self, sighting: &Sighting) {
        let uid = sighting.uid.as_deref().unwrap_or_default();
        self.left.add(self.places_left.len() as i64, uid, sighting.crm_id.as_deref(), &sighting.contact);
        self.places_left.push(sighting.remote.clone());
    }

    /// The place of an earlier record that was left and that this one may well be: then it is nobody new.
    pub fn left_before(&self, sighting: &Sighting) -> Option<&str> {
        let id = match self.left.find(sighting.uid.as_deref(), sighting.crm_id.as_deref(), &sighting.contact) {
            Pairing::None => return None,
            Pairing::One(id, _) => id,
            Pairing::Ambiguous(ids) => *ids.first()?,
        };
        self.places_left.get(usize::try_from(id).ok()?).map(String::as_str)
    }

    /// True where the file itself tells the record apart from all of them by UIDs.
    pub fn are_others(&self, candidates: &[ContactId], sighting: &Sighting) -> bool {
        let marked = |id: &ContactId| self.taken.get(id).is_some_and(|taken| taken.marked);
        sighting.uid.is_some() && candidates.iter().all(marked)
    }
}

/// What a record was recognised by, if all else speaks against it. Two marks that agree are a person's own word.
fn strange(stored: &Stored, by: By, sighting: &Sighting) -> Option<&'static str> {
    let (known, read) = (&stored.contact, &sighting.contact);
    let has_both_marks = sighting.crm_id.is_some() && sighting.crm_id == stored.crm_id;
    let other_company = || {
        let [known, read] = [known, read].map(|contact| keys::plain(&contact.company));
        !known.is_empty() && !read.is_empty() && known != read
    };
    match by {
        By::Uid | By::OtherUid => (!has_both_marks && !could_be(known, read)).then_some("UID"),
        By::Name => (are_apart(known, read) && other_company()).then_some("name"),
        By::CrmId | By::Email | By::Phone => None,
    }
}
