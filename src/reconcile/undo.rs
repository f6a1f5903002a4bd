//! What taking a change back makes of a contact.
//!
//! A change is taken back only while what it made still stands: a later edit is somebody's too, and is never overwritten
//! without a word.

use super::{guard::Limit, lists};
use crate::contact::{Contact, Field};

/// What became of one change of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// The old value stands again.
    Done,
    /// It stood already.
    Already,
    /// The field has another value by now, and was left alone.
    Overtaken,
    /// The value kept in the history makes no sense.
    Unreadable,
}

/// Takes one change of a field back: `old` and `new` as the history keeps them, the text of a scalar, the JSON of a list.
/// With `force`, a later value is replaced too.
pub fn take_back(present: &mut Contact, field: Field, old: &str, new: &str, force: bool) -> TakenBack {
    let (Some(old), Some(new)) = (holding(field, old), holding(field, new)) else { return TakenBack::Unreadable };
    match () {
        () if says_the_same(present, &old, field) => TakenBack::Already,
        () if force || says_the_same(present, &new, field) => {
            present.copy_fields(&old, crate::contact::FieldSet::NONE.with(field));
            TakenBack::Done
        }
        () => TakenBack::Overtaken,
    }
}

/// A contact that holds this value and nothing else.
pub(super) fn holding(field: Field, kept: &str) -> Option<Contact> {
    let mut contact = Contact::default();
    match field {
        Field::Addresses => contact.addresses = serde_json::from_str(kept).ok()?,
        Field::Items => contact.items = serde_json::from_str(kept).ok()?,
        Field::Extra => contact.extra = serde_json::from_str(kept).ok()?,
        scalar => contact.set_scalar(scalar, kept),
    }
    Some(contact)
}

/// Exactly the same, but for the order of lists, which is no content.
pub(super) fn says_the_same(a: &Contact, b: &Contact, field: Field) -> bool {
    match field {
        Field::Addresses => lists::same(&a.addresses, &b.addresses),
        Field::Items => lists::same(&a.items, &b.items),
        Field::Extra => lists::same(&a.extra, &b.extra),
        scalar => a.scalar(scalar) == b.scalar(scalar),
    }
}

/// How many deletions would pass without a word, where `going` of `known` contacts would go and that is too many.
pub fn too_many(going: u64, known: u64, limit: Limit) -> Option<u64> {
    let allowed = limit.allowed(known);
    (going > allowed).then_some(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(present: &str, old: &str, new: &str, force: bool, expected: (TakenBack, &str)) {
        let mut contact = Contact { job_title: present.into(), comment: "stays".into(), ..Contact::default() };
        let verdict = take_back(&mut contact, Field::JobTitle, old, new, force);
        assert_eq!((verdict, contact.job_title.as_str()), expected, "{present}: {old} -> {new}");
        assert_eq!(contact.comment, "stays");
    }

    #[test]
    fn a_change_is_taken_back_while_it_stands() {
        check("b", "a", "b", false, (TakenBack::Done, "a"));
        check("a", "a", "b", false, (TakenBack::Already, "a"));
        check("c", "a", "b", false, (TakenBack::Overtaken, "c"));
        check("c", "a", "b", true, (TakenBack::Done, "a"));
        check("a", "a", "b", true, (TakenBack::Already, "a"));
        check("b", "", "b", false, (TakenBack::Done, ""));
        check("", "a", "", false, (TakenBack::Done, "a"));
    }

    #[test]
    fn lists_come_back_whole_and_in_any_order() {
        let kept = |values: &[&str]| {
            let items: Vec<String> = values.iter().map(|v| format!(r#"{{"type_id":"24","value":"{v}"}}"#)).collect();
            format!("[{}]", items.join(","))
        };
        let of = |values: &[&str]| holding(Field::Items, &kept(values)).expect("a list");
        let check = |present: &[&str], force: bool, expected: TakenBack, left: &[&str]| {
            let mut contact = of(present);
            let verdict = take_back(&mut contact, Field::Items, &kept(&["1"]), &kept(&["1", "2"]), force);
            assert_eq!((verdict, contact), (expected, of(left)));
        };
        check(&["2", "1"], false, TakenBack::Done, &["1"]);
        check(&["1"], false, TakenBack::Already, &["1"]);
        check(&["1", "2", "3"], false, TakenBack::Overtaken, &["1", "2", "3"]);
        check(&["1", "2", "3"], true, TakenBack::Done, &["1"]);
        let broken = take_back(&mut Contact::default(), Field::Items, "broken", "[]", true);
        assert_eq!(broken, TakenBack::Unreadable);
    }

    #[test]
    fn a_mass_deletion_needs_a_word() {
        assert_eq!(too_many(3, 5, Limit::Percent(10)), None);
        assert_eq!(too_many(4, 5, Limit::Percent(10)), Some(3));
        assert_eq!(too_many(26, 1000, Limit::Percent(10)), Some(25));
        assert_eq!(too_many(250, 250, Limit::Percent(10)), Some(25));
    }
}
