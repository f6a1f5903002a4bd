//! The three-way merge. A merge never fails: what both sides changed differently is settled by policy and recorded.

use super::lists;
use crate::contact::{Contact, Field, FieldSet, keys};

/// Which side's value stands when both changed a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The side the changes are carried over to.
    Here,
    /// The side the changes come from.
    There,
    /// Nobody yet: the side carried over to keeps its value and the conflict stays open.
    Ask,
}

/// What was kept of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The value here.
    Here,
    /// The value there.
    There,
    /// Both values, as two entries of a list.
    Both,
    /// Undecided: each side keeps its own until a user says.
    Open,
}

impl Kept {
    /// As the mirror and `--json` write it.
    pub fn word(self) -> &'static str {
        match self {
            Kept::Here => "here",
            Kept::There => "there",
            Kept::Both => "both",
            Kept::Open => "open",
        }
    }
}

/// One field that both sides changed differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldConflict {
    /// Which.
    pub field: Field,
    /// The last common value, as here saw it.
    pub base: String,
    /// The value here.
    pub here: String,
    /// The value there.
    pub there: String,
    /// What stands now.
    pub kept: Kept,
}

/// The outcome of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The contact.
    pub contact: Contact,
    /// What both had changed.
    pub conflicts: Vec<FieldConflict>,
}

/// The fields that changed `from -> to`, of those given; an emptied weak field has not changed.
pub fn changes(from: &Contact, to: &Contact, fields: FieldSet, weak: FieldSet) -> FieldSet {
    from.differing(to)
        .and(fields)
        .iter()
        .filter(|field| match field {
            Field::Addresses => !lists::same(&from.addresses, &to.addresses),
            Field::Items => !lists::same(&from.items, &to.items),
            Field::Extra => {
                let merged = lists::apply_changes(&from.extra, &to.extra, &from.extra, &from.extra).entries;
                !lists::same(&from.extra, &merged)
            }
            scalar => !(weak.contains(*scalar) && to.scalar(*scalar).is_empty()),
        })
        .collect()
}

/// True when the two say the same in these fields under the normalising comparison.
pub fn all_equal_normalised(a: &Contact, b: &Contact, fields: FieldSet) -> bool {
    fields.iter().all(|field| equal_normalised(a, b, field))
}

/// True when one field says the same under the normalising comparison.
pub fn equal_normalised(a: &Contact, b: &Contact, field: Field) -> bool {
    match field {
        Field::Addresses => lists::equal_normalised(&a.addresses, &b.addresses),
        Field::Items => lists::equal_normalised(&a.items, &b.items),
        Field::Extra => lists::same(&a.extra, &b.extra),
        scalar => keys::text(&a.scalar(scalar)) == keys::text(&b.scalar(scalar)),
    }
}

/// Carries the changes `from -> to` over to `onto`, whose own last common state is `base`, in the given fields.
pub fn apply_changes(
    (from, to): (&Contact, &Contact),
    (base, onto): (&Contact, &Contact),
    (fields, weak): (FieldSet, FieldSet),
    winner: Winner,
) -> Merged {
    let mut merged = Merged { contact: onto.clone(), conflicts: Vec::new() };
    for field in changes(from, to, fields, weak).iter() {
        match field {
            Field::Addresses => {
                let list = lists::apply_changes(&from.addresses, &to.addresses, &base.addresses, &onto.addresses);
                merged.contact.addresses = list.entries;
                merged.both(field, base, list.conflicts);
            }
            Field::Items => {
                let list = lists::apply_changes(&from.items, &to.items, &base.items, &onto.items);
                merged.contact.items = list.entries;
                merged.both(field, base, list.conflicts);
            }
            Field::Extra => {
                let list = lists::apply_changes(&from.extra, &to.extra, &base.extra, &onto.extra);
                merged.contact.extra = list.entries;
                merged.both(field, base, list.conflicts);
            }
            scalar => merged.scalar(scalar, to, base, onto, winner),
        }
    }
    merged
}

impl Merged {
    fn both(&mut self, field: Field, base: &Contact, conflicts: Vec<(String, String)>) {
        let base = base.describe(field);
        self.conflicts.extend(conflicts.into_iter().map(|(there, here)| FieldConflict {
            field,
            base: base.clone(),
            here,
            there,
            kept: Kept::Both,
        }));
    }

    fn scalar(&mut self, field: Field, to: &Contact, base: &Contact, onto: &Contact, winner: Winner) {
        let (there, here) = (to.scalar(field), onto.scalar(field));
        if there == here {
            return;
        }
        if here == base.scalar(field) {
            self.contact.set_scalar(field, &there);
            return;
        }
        let kept = match winner {
            Winner::Here => Kept::Here,
            Winner::There => Kept::There,
            Winner::Ask => Kept::Open,
        };
        self.conflicts.push(FieldConflict {
            field,
            base: base.scalar(field).into_owned(),
            here: here.into_owned(),
            there: there.clone().into_owned(),
            kept,
        });
        if kept == Kept::There {
            self.contact.set_scalar(field, &there);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(text: &str) -> Contact {
        Contact { job_title: text.into(), last_name: "Durand".into(), ..Contact::default() }
    }

    fn check(there: &str, here: &str, winner: Winner, expected: &str, kept: Option<Kept>) {
        let base = titled("base");
        let merged =
            apply_changes((&base, &titled(there)), (&base, &titled(here)), (FieldSet::ALL, FieldSet::NONE), winner);
        assert_eq!(merged.contact.job_title, expected);
        assert_eq!(merged.conflicts.first().map(|conflict| conflict.kept), kept);
    }

    #[test]
    fn scalars() {
        check("base", "base", Winner::There, "base", None);
        check("new", "base", Winner::Here, "new", None);
        check("base", "mine", Winner::There, "mine", None);
        check("new", "new", Winner::Ask, "new", None);
        check("new", "mine", Winner::There, "new", Some(Kept::There));
        check("new", "mine", Winner::Here, "mine", Some(Kept::Here));
        check("new", "mine", Winner::Ask, "mine", Some(Kept::Open));
        check("", "base", Winner::Here, "", None);
    }

    #[test]
    fn what_was_kept_has_a_word() {
        let words = [Kept::Here, Kept::There, Kept::Both, Kept::Open].map(Kept::word);
        assert_eq!(words, ["here", "there", "both", "open"]);
    }

    /// Each side has put one entry of its own in the place of a common one.
    #[test]
    fn an_entry_edited_on_both_sides_is_told_of() {
        use crate::contact::{Address, AddressType, Item, ItemType};
        let at = |word: &str| Contact {
            addresses: vec![Address { city: word.into(), ..Address::new(AddressType::Professional) }],
            items: vec![Item::new(ItemType::PersonalEmail, word)],
            extra: vec![format!("BDAY:{word}")],
            ..Contact::default()
        };
        let (base, there, here) = (at("a"), at("b"), at("c"));
        let merged = apply_changes((&base, &there), (&base, &here), (FieldSet::ALL, FieldSet::NONE), Winner::There);
        let told: Vec<_> = merged.conflicts.iter().map(|told| (told.field, told.base.clone(), told.kept)).collect();
        let expected = [Field::Addresses, Field::Items, Field::Extra].map(|f| (f, base.describe(f), Kept::Both));
        assert_eq!(told, expected);
    }

    #[test]
    fn lists_in_another_order_have_not_changed() {
        use crate::contact::{Address, AddressType, Item, ItemType};
        let check = |extra: [&str; 2], codes: [&str; 2], expected: FieldSet| {
            let with = |extra: [&str; 2], codes: [&str; 2]| Contact {
                addresses: codes
                    .map(|code| Address { city: code.into(), ..Address::new(AddressType::Personal) })
                    .into(),
                items: codes.map(|code| Item::new(ItemType::PersonalEmail, code)).into(),
                extra: extra.map(str::to_owned).into(),
                ..Contact::default()
            };
            let (from, to) = (with(["BDAY:1", "ROLE:2"], ["a", "b"]), with(extra, codes));
            assert_eq!(changes(&from, &to, FieldSet::ALL, FieldSet::NONE), expected);
        };
        let lists = FieldSet::NONE.with(Field::Addresses).with(Field::Items);
        check(["BDAY:1", "ROLE:2"], ["a", "b"], FieldSet::NONE);
        check(["ROLE:2", "BDAY:1"], ["b", "a"], FieldSet::NONE);
        check(["ROLE:2", "BDAY:1"], ["b", "c"], lists);
        check(["ROLE:3", "BDAY:1"], ["b", "a"], FieldSet::NONE.with(Field::Extra));
    }

    #[test]
    fn the_same_text_is_in_all_the_fields_asked_about() {
        let fields = FieldSet::NONE.with(Field::JobTitle).with(Field::LastName);
        assert!(all_equal_normalised(&titled("CEO"), &titled(" ceo"), fields));
        assert!(!all_equal_normalised(&titled("CEO"), &titled("CTO"), fields));
        assert!(all_equal_normalised(&titled("CEO"), &titled("CTO"), fields.without(Field::JobTitle)));
    }

    #[test]
    fn an_emptied_weak_field_has_not_changed() {
        let weak = FieldSet::NONE.with(Field::JobTitle);
        assert!(changes(&titled("x"), &titled(""), FieldSet::ALL, weak).is_empty());
        assert_eq!(changes(&titled("x"), &titled("y"), FieldSet::ALL, weak), weak);
    }

    #[test]
    fn fields_that_a_replica_does_not_carry_are_left_alone() {
        let merged = apply_changes(
            (&titled("a"), &titled("")),
            (&titled("a"), &titled("a")),
            (FieldSet::NONE.with(Field::LastName), FieldSet::NONE),
            Winner::There,
        );
        assert_eq!(merged.contact.job_title, "a");
    }
}
