//! An edit of something else than what was agreed on: a telephone that still shows yesterday's card writes yesterday's
//! values beside its own. What differs between the two is nobody's edit.

use super::{
    merge::{Winner, apply_changes},
    plan::Base,
};
use crate::contact::{Contact, FieldSet};

/// The `ours` of a state in common whose `theirs` is `edited`: where what was agreed on since differs from it, as if that had
/// not been agreed on yet. What changed here since then is to be carried there again.
pub fn ours_of_edited(agreed: Base<'_>, edited: &Contact, fields: FieldSet) -> Contact {
    let Base { theirs, ours } = agreed;
    apply_changes((theirs, edited), (ours, ours), (fields, FieldSet::NONE), Winner::There).contact
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        contact::{Item, ItemType},
        reconcile::{Here, Incoming, Policy, incoming, laws::contact, outgoing},
    };

    const POLICY: Policy =
        Policy { fields: FieldSet::CRM, weak: FieldSet::NONE, winner: Winner::There, takes: true, gives: true };

    fn person(title: &str, phones: &[&str]) -> Contact {
        let items = phones.iter().map(|value| Item::new(ItemType::ProfessionalPhone, *value)).collect();
        Contact { last_name: "Roux".into(), job_title: title.into(), items, ..Contact::default() }
    }

    /// What the mirror holds after a record was taken in whose author had edited `edited`, what is then carried back there,
    /// and how many conflicts there were. `agreed` was agreed on last.
    fn merged(edited: &Contact, agreed: &Contact, here: &Contact, there: &Contact) -> (Contact, Contact, usize) {
        let ours = ours_of_edited(Base { theirs: agreed, ours: agreed }, edited, FieldSet::ALL);
        let base = Base { theirs: edited, ours: &ours };
        let (now, common, conflicts) = match incoming(Some(base), Here::Living(here), there, FieldSet::ALL, &POLICY) {
            Incoming::Same => (here.clone(), ours.clone(), 0),
            Incoming::Take { contact, ours, conflicts, .. } => (contact, ours, conflicts.len()),
        };
        let back = outgoing(Base { theirs: there, ours: &common }, &now, &POLICY);
        (now, back.contact, conflicts)
    }

    #[test]
    fn the_table_of_edits_of_an_older_version() {
        // The title that it had edited, was agreed on, stands here, it sent; that stands afterwards, and the conflicts.
        let table = [
            ("old", "new", "new", "old", "new", 0),
            ("old", "new", "newer", "old", "newer", 0),
            ("old", "new", "new", "mine", "mine", 1),
            ("old", "new", "new", "new", "new", 0),
            ("old", "new", "old", "mine", "mine", 0),
            ("old", "old", "old", "mine", "mine", 0),
            ("old", "old", "new", "mine", "mine", 1),
            ("", "new", "new", "", "new", 0),
            ("old", "", "", "old", "", 0),
            ("old", "new", "new", "", "", 1),
        ];
        for (edited, agreed, here, there, expected, told) in table {
            let [edited, agreed, here, there] = [edited, agreed, here, there].map(|title| person(title, &[]));
            let (now, back, conflicts) = merged(&edited, &agreed, &here, &there);
            let case = (&edited.job_title, &agreed.job_title, &here.job_title, &there.job_title);
            assert_eq!(
                (now.job_title.as_str(), back.job_title.as_str(), conflicts),
                (expected, expected, told),
                "{case:?}"
            );
        }
    }

    #[test]
    fn lists_keep_what_came_since() {
        let check = |edited: &[&str], agreed: &[&str], there: &[&str], expected: &[&str]| {
            let [edited, agreed, there] = [edited, agreed, there].map(|phones| person("", phones));
            let (now, back, _) = merged(&edited, &agreed, &agreed, &there);
            for contact in [now, back] {
                let mut values: Vec<&str> = contact.items.iter().map(|item| item.value.as_str()).collect();
                values.sort_unstable();
                assert_eq!(values, expected, "{edited:?} {agreed:?} {there:?}");
            }
        };
        check(&["1"], &["1", "2"], &["1", "3"], &["1", "2", "3"]);
        check(&["1"], &["1", "2"], &["1"], &["1", "2"]);
        check(&["1"], &["1", "2"], &[], &["2"]);
        check(&["1", "2"], &["1"], &["1", "2"], &["1"]);
        check(&["1", "2"], &["1"], &["1", "2", "3"], &["1", "3"]);
        check(&[], &["1"], &["2"], &["1", "2"]);
    }

    #[test]
    fn who_had_seen_nothing_takes_nothing_away() {
        let here = person("CTO", &["1", "2"]);
        let (now, back, conflicts) = merged(&Contact::default(), &here, &here, &person("", &["3"]));
        assert_eq!((now.job_title.as_str(), now.items.len(), conflicts), ("CTO", 3, 0));
        assert_eq!(back, Contact { items: back.items.clone(), ..now });
    }

    proptest! {
        /// Whatever was agreed on since and stands here: a field in which what it edited and what it sent are equal is left
        /// as it is here, and is carried back there.
        #[test]
        fn what_it_had_not_touched_is_never_undone(
            edited in contact(), agreed in contact(), here in contact(), there in contact(), mask in any::<u16>()
        ) {
            let untouched: FieldSet =
                FieldSet::CRM.iter().enumerate().filter(|(at, _)| mask & (1 << (at % 16)) != 0).map(|(_, field)| field).collect();
            let mut there = there;
            there.copy_fields(&edited, untouched);
            let (now, _, _) = merged(&edited, &agreed, &here, &there);
            prop_assert!(now.differing(&here).and(untouched).is_empty(), "{:?}", now.differing(&here).and(untouched));
            let (_, back, _) = merged(&edited, &agreed, &agreed, &there);
            let scalars: FieldSet = untouched.iter().filter(|field| !field.is_list()).collect();
            prop_assert!(back.differing(&agreed).and(scalars).is_empty(), "{:?}", back.differing(&agreed).and(scalars));
        }
    }
}
