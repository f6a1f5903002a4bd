//! The table of decisions: what a state there and a state here call for.
//!
//! | there \ here | unchanged | edited | deleted |
//! |---|---|---|---|
//! | unchanged | nothing | push the edit | push the deletion, or detach |
//! | edited | take the edit | merge | the edit wins: it comes back |
//! | gone (confirmed) | delete here | conflict, the contact kept | forget |
//!
//! The columns are met at two moments: `intake` when a sighting comes in, `outgo` when the mirror is pushed.

use super::{
    joined,
    merge::{FieldConflict, Kept, Winner, apply_changes, changes, equal_normalised},
};
use crate::contact::{Contact, Field, FieldSet, keys, places::is_part_of};

/// The last state in common with one replica, as each side saw it.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// As it was read there.
    pub theirs: &'a Contact,
    /// As it was here.
    pub ours: &'a Contact,
}

/// The contact as the mirror holds it.
#[derive(Debug, Clone, Copy)]
pub enum Here<'a> {
    /// It lives.
    Living(&'a Contact),
    /// It was deleted; this is what it held.
    Deleted(&'a Contact),
}

impl<'a> Here<'a> {
    fn content(self) -> &'a Contact {
        match self {
            Here::Living(content) | Here::Deleted(content) => content,
        }
    }
}

/// How one replica is treated.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// What it carries.
    pub fields: FieldSet,
    /// Of those, what its programs drop.
    pub weak: FieldSet,
    /// Who wins a conflict: `Here` the mirror, `There` this replica.
    pub winner: Winner,
    /// Edits made there are taken.
    pub takes: bool,
    /// Edits made here are given.
    pub gives: bool,
}

/// What a sighting does to the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, and is taken apart at once")]
pub enum Incoming {
    /// Nothing changed there but the revision.
    Same,
    /// It changed there: the mirror and the agreement become this.
    Take {
        /// The contact as the mirror holds it from now on.
        contact: Contact,
        /// The agreement's `ours`: the last state in common, as here saw it. What `contact` has beyond it is to be pushed.
        ours: Contact,
        /// True when the contact had been deleted here and the edit brings it back.
        revived: bool,
        /// What both sides had changed.
        conflicts: Vec<FieldConflict>,
    },
}

/// Decides what a sighting means; `base` is the agreement, `stated` the fields that the sighting says something about.
///
/// Without a base both are taken to have been empty: the union, unequal scalars by policy.
pub fn incoming(
    base: Option<Base<'_>>,
    here: Here<'_>,
    there: &Contact,
    stated: FieldSet,
    policy: &Policy,
) -> Incoming {
    let nothing = Contact::default();
    let reworded;
    let (Base { theirs, ours }, there) = match base {
        Some(base) => (base, there),
        None => {
            reworded = in_known_words(there, here.content());
            (Base { theirs: &nothing, ours: &nothing }, &reworded)
        }
    };
    let fields = policy.fields.and(stated);
    let changed = changes(theirs, there, fields, policy.weak);
    if base.is_some() && (changed.is_empty() || !policy.takes) {
        return Incoming::Same;
    }
    let (content, revived) = (here.content(), matches!(here, Here::Deleted(_)));
    let edit = (theirs, there);
    let mut merged = apply_changes(edit, (ours, content), (fields, policy.weak), policy.winner);
    merged.conflicts.extend(never_seen_there(edit, (ours, content), changed));
    let mut common = apply_changes(edit, (ours, ours), (fields, policy.weak), Winner::There).contact;
    for conflict in merged.conflicts.iter().filter(|conflict| conflict.kept == Kept::Open) {
        // Held back on this replica alone: as if agreed, so that neither side pushes its value over the other.
        common.set_scalar(conflict.field, &conflict.here);
    }
    Incoming::Take { contact: merged.contact, ours: common, revived, conflicts: merged.conflicts }
}

/// Values of ours that the replica never took, and that an edit made there now replaces: who typed it has not seen them.
fn never_seen_there(
    (theirs, there): (&Contact, &Contact),
    (ours, here): (&Contact, &Contact),
    changed: FieldSet,
) -> Vec<FieldConflict> {
    let scalars = changed.iter().filter(|field| !field.is_list());
    let replaced = scalars.filter(|field| {
        let not_persisted = !ours.scalar(*field).is_empty() && !equal_normalised(theirs, ours, *field);
        not_persisted && here.scalar(*field) == ours.scalar(*field) && !equal_normalised(there, ours, *field)
    });
    let told = |field: Field| FieldConflict {
        field,
        base: theirs.scalar(field).into_owned(),
        here: here.scalar(field).into_owned(),
        there: there.scalar(field).into_owned(),
        kept: Kept::There,
    };
    replaced.map(told).collect()
}

/// A stranger in a known contact's words: what is alike under the normalising comparison is taken as equal, and a value
/// that the contact holds keeps the type it has there. Files and clients are poor at telling types, and one number under
/// two types would be one number twice.
pub fn in_known_words(stranger: &Contact, known: &Contact) -> Contact {
    let mut out = stranger.clone();
    for field in stranger.differing(known).iter().filter(|field| !field.is_list()) {
        if equal_normalised(stranger, known, field) {
            out.set_scalar(field, &known.scalar(field));
        }
    }
    let held: Vec<_> = known.items.iter().map(|item| (item.item_type.kind(), keys::item_value(item), item)).collect();
    for item in &mut out.items {
        let (kind, key) = (item.item_type.kind(), keys::item_value(item));
        if let Some((.., same)) = held.iter().find(|(k, value, _)| *k == kind && *value == key) {
            item.clone_from(same);
        }
    }
    let held: Vec<_> = known.addresses.iter().map(|address| (keys::address(address), address)).collect();
    for address in &mut out.addresses {
        let key = keys::address(address);
        let same = held.iter().find(|(value, _)| *value == key).map(|(_, same)| *same);
        // A part of an address that is there says nothing else.
        if let Some(same) = same.or_else(|| known.addresses.iter().find(|held| is_part_of(address, held))) {
            address.clone_from(same);
        }
    }
    out
}

/// An edit of the mirror's to be carried to a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What the replica is to hold: what was read there, with our changes.
    pub contact: Contact,
    /// The fields to send.
    pub changed: FieldSet,
}

/// What the replica lacks of the contact; an empty `changed` means nothing.
pub fn outgoing(base: Base<'_>, here: &Contact, policy: &Policy) -> Outgoing {
    let Base { theirs, ours } = base;
    // Weakness is about what comes from there; an emptied field here was emptied by somebody.
    let mut merged = apply_changes((ours, here), (theirs, theirs), (policy.fields, FieldSet::NONE), Winner::There);
    if merged.contact.items != theirs.items
        && let Some(items) = joined::carried(&theirs.items, &ours.items, &here.items)
    {
        merged.contact.items = items;
    }
    let changed = changes(theirs, &merged.contact, policy.fields, FieldSet::NONE);
    Outgoing { contact: merged.contact, changed }
}

/// What a confirmed absence calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAbsence {
    /// Delete it here, then elsewhere by each replica's policy.
    DeleteHere,
    /// It holds something that the replica never took: a conflict, the contact is kept.
    Conflict,
    /// Deleted on both sides: agree to forget.
    Forget,
}

/// Decides what a confirmed absence there means. `shown` is `base.ours` as the replica can show it: a sheet that has no column
/// for a private e-mail address has not refused to take it.
pub fn on_absence(base: Base<'_>, shown: &Contact, here: Here<'_>, policy: &Policy) -> OnAbsence {
    match here {
        Here::Deleted(_) => OnAbsence::Forget,
        Here::Living(content) => {
            // Also where the replica cannot show it: who deleted there has not seen it.
            let edited = !changes(base.ours, content, FieldSet::ALL, FieldSet::NONE).is_empty();
            let is_taken =
                |field| equal_normalised(base.theirs, base.ours, field) || equal_normalised(base.theirs, shown, field);
            let not_persisted = !policy.fields.less(policy.weak).iter().all(is_taken);
            if edited || not_persisted { OnAbsence::Conflict } else { OnAbsence::DeleteHere }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy =
        Policy { fields: FieldSet::CRM, weak: FieldSet::NONE, winner: Winner::There, takes: true, gives: true };

    fn named(name: &str) -> Contact {
        Contact { last_name: name.into(), ..Contact::default() }
    }

    fn base<'a>(theirs: &'a Contact, ours: &'a Contact) -> Base<'a> {
        Base { theirs, ours }
    }

    /// One cell of the table for a sighting: what the mirror holds after it, and what is then pushed back.
    fn check(there: &str, here: &str, deleted: bool, mirror: Option<&str>, pushed: Option<&str>) {
        let (theirs, ours) = (named("DURAND"), named("Durand"));
        let (there, content) = (named(there), named(here));
        let here = if deleted { Here::Deleted(&content) } else { Here::Living(&content) };
        let (now, common, seen) = match incoming(Some(base(&theirs, &ours)), here, &there, FieldSet::ALL, &POLICY) {
            Incoming::Same => (None, ours.clone(), theirs.clone()),
            Incoming::Take { contact, ours, revived, .. } => {
                assert_eq!(revived, deleted);
                (Some(contact), ours, there.clone())
            }
        };
        assert_eq!(now.as_ref().map(|contact| contact.last_name.as_str()), mirror);
        let out = outgoing(base(&seen, &common), now.as_ref().unwrap_or(&content), &POLICY);
        let sent = (!out.changed.is_empty()).then_some(out.contact.last_name.as_str());
        assert_eq!(sent, pushed);
    }

    #[test]
    fn the_table_for_what_is_there() {
        check("DURAND", "Durand", false, None, None);
        check("DURAND", "Martin", false, None, Some("Martin"));
        check("DUPONT", "Durand", false, Some("DUPONT"), None);
        check("DUPONT", "Martin", false, Some("DUPONT"), None);
        check("DUPONT", "DUPONT", false, Some("DUPONT"), None);
        check("DURAND", "Durand", true, None, None);
        check("DUPONT", "Durand", true, Some("DUPONT"), None);
    }

    #[test]
    fn the_table_for_what_is_gone() {
        let (theirs, ours, edited) = (named("DURAND"), named("Durand"), named("Martin"));
        let verdict = |here| on_absence(base(&theirs, &ours), &ours, here, &POLICY);
        assert_eq!(verdict(Here::Living(&ours)), OnAbsence::DeleteHere);
        assert_eq!(verdict(Here::Living(&edited)), OnAbsence::Conflict);
        assert_eq!(verdict(Here::Deleted(&ours)), OnAbsence::Forget);
        let not_persisted = Contact { comment: "never taken".into(), ..ours.clone() };
        let verdict = |shown| on_absence(base(&theirs, &not_persisted), shown, Here::Living(&not_persisted), &POLICY);
        assert_eq!(verdict(&not_persisted), OnAbsence::Conflict);
        assert_eq!(verdict(&ours), OnAbsence::DeleteHere, "there is no room for a comment there");
    }

    #[test]
    fn an_open_conflict_is_pushed_by_neither_side() {
        let (was, there, here) = (named("a"), named("b"), named("c"));
        let asking = Policy { winner: Winner::Ask, ..POLICY };
        let Incoming::Take { contact, ours, conflicts, .. } =
            incoming(Some(base(&was, &was)), Here::Living(&here), &there, FieldSet::ALL, &asking)
        else {
            panic!("taken")
        };
        assert_eq!((contact.last_name.as_str(), conflicts.len()), ("c", 1));
        assert!(outgoing(base(&there, &ours), &contact, &asking).changed.is_empty());
    }

    /// What is told of an edit made there: the conflicts' values here.
    fn check_told(theirs: &str, ours: &str, here: &str, there: &str, expected: &[&str]) {
        let [theirs, ours, here, there] = [theirs, ours, here, there].map(named);
        let Incoming::Take { contact, conflicts, .. } =
            incoming(Some(base(&theirs, &ours)), Here::Living(&here), &there, FieldSet::ALL, &POLICY)
        else {
            panic!("taken")
        };
        assert_eq!(contact.last_name, there.last_name);
        assert!(conflicts.iter().all(|told| told.kept == Kept::There && told.there == there.last_name));
        let told: Vec<&str> = conflicts.iter().map(|told| told.here.as_str()).collect();
        assert_eq!(told, expected, "{theirs:?} {ours:?}");
    }

    #[test]
    fn a_value_that_was_never_taken_there_is_not_replaced_without_a_word() {
        check_told("", "mine", "mine", "new", &["mine"]);
        check_told("", "mine", "mine", "MINE", &[]);
        check_told("old", "mine", "mine", "", &["mine"]);
        check_told("MINE", "mine", "mine", "new", &[]);
        check_told("mine", "mine", "mine", "new", &[]);
        check_told("old", "", "", "new", &[]);
        check_told("", "mine", "since", "new", &["since"]);
    }

    #[test]
    fn a_stranger_is_read_in_known_words() {
        use crate::contact::{Address, AddressType, Item, ItemType};
        let with = |name: &str, items: &[(ItemType, &str)], code: &str, city: &str| Contact {
            items: items.iter().map(|(of, value)| Item::new(of.clone(), *value)).collect(),
            addresses: vec![Address { city: city.into(), ..Address::new(AddressType::from_code(code)) }],
            ..named(name)
        };
        use ItemType::{PersonalEmail, ProfessionalEmail, ProfessionalFax, ProfessionalPhone};
        let known = with("Durand", &[(ProfessionalEmail, "d@example.com"), (ProfessionalPhone, "12")], "20", "Paris");
        let check = |stranger: Contact, expected: Contact| assert_eq!(in_known_words(&stranger, &known), expected);
        check(with("DURAND", &[(PersonalEmail, "D@example.com")], "21", "PARIS"), {
            with("Durand", &[(ProfessionalEmail, "d@example.com")], "20", "Paris")
        });
        let other = with("Dupont", &[(PersonalEmail, "other@example.com"), (ProfessionalFax, "12")], "21", "Lyon");
        check(other.clone(), other);
    }

    #[test]
    fn strangers_that_turn_out_to_be_one_become_their_union() {
        let here = Contact { job_title: "CEO".into(), ..named("Durand") };
        let there = Contact { first_name: "Ada".into(), ..named("Durand") };
        let Incoming::Take { contact, ours, conflicts, .. } =
            incoming(None, Here::Living(&here), &there, FieldSet::ALL, &POLICY)
        else {
            panic!("taken")
        };
        assert_eq!((contact.first_name.as_str(), contact.job_title.as_str(), conflicts.len()), ("Ada", "CEO", 0));
        let out = outgoing(base(&there, &ours), &contact, &POLICY);
        assert_eq!(out.changed, FieldSet::NONE.with(crate::contact::Field::JobTitle));
    }

    #[test]
    fn a_number_under_another_type_is_not_doubled_when_strangers_turn_out_to_be_one() {
        use crate::contact::{Item, ItemType};
        let here = Contact { items: vec![Item::new(ItemType::ProfessionalEmail, "d@example.com")], ..named("Durand") };
        let there = Contact { items: vec![Item::new(ItemType::PersonalEmail, "D@example.com")], ..named("Durand") };
        let Incoming::Take { contact, ours, .. } = incoming(None, Here::Living(&here), &there, FieldSet::ALL, &POLICY)
        else {
            panic!("taken")
        };
        assert_eq!(contact.items, here.items);
        assert!(outgoing(base(&there, &ours), &contact, &POLICY).changed.is_empty());
    }
}
