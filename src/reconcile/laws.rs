//! What holds for any three states: a mirror and two replicas, each with whatever agreement it has.
//!
//! The alphabet is small on purpose, so that values meet. The loop is the smallest that a run could be: all replicas are
//! taken in, then all are written to. Deletions are in the table at the end; who asks which one whether a contact is gone is
//! `sync`'s matter.

use proptest::{prelude::*, sample::select};

use super::{lists::Entry, merge::equal_normalised, plan::OnAbsence, *};
use crate::contact::{Address, AddressType, Civility, Contact, Field, FieldSet, Item, ItemType, keys};

/// One replica, and what was agreed with it.
#[derive(Debug, Clone)]
struct Side {
    policy: Policy,
    holds: Contact,
    agreed: Option<(Contact, Contact)>,
    /// Fields in an open conflict: neither side's value goes over the other's.
    held: FieldSet,
    /// It writes family names in capitals, and takes no comments.
    rewords: bool,
}

#[derive(Debug, Clone)]
struct Star {
    mirror: Contact,
    sides: [Side; 2],
    conflicts: Vec<FieldConflict>,
}

impl Side {
    fn policy(&self) -> Policy {
        Policy { fields: self.policy.fields.less(self.held), ..self.policy }
    }

    fn store(&mut self, contact: &Contact, changed: FieldSet) {
        let fields = if self.rewords { changed.without(Field::Comment) } else { changed };
        self.holds.copy_fields(contact, fields);
        if self.rewords {
            self.holds.last_name = self.holds.last_name.to_uppercase();
        }
    }
}

impl Star {
    /// True when there was something to do.
    fn round(&mut self) -> bool {
        let taken = [self.take_in(0), self.take_in(1)];
        let given = [self.write_to(0), self.write_to(1)];
        taken.into_iter().chain(given).any(|busy| busy)
    }

    fn take_in(&mut self, which: usize) -> bool {
        let side = &mut self.sides[which];
        let base = side.agreed.as_ref().map(|(theirs, ours)| Base { theirs, ours });
        match incoming(base, Here::Living(&self.mirror), &side.holds, FieldSet::ALL, &side.policy()) {
            Incoming::Same => {
                let (theirs, _) = side.agreed.as_mut().expect("strangers are always taken");
                theirs.clone_from(&side.holds);
                false
            }
            Incoming::Take { contact, ours, revived, conflicts } => {
                assert!(!revived);
                side.agreed = Some((side.holds.clone(), ours));
                let open = conflicts.iter().filter(|conflict| conflict.kept == Kept::Open);
                side.held = open.map(|conflict| conflict.field).fold(side.held, FieldSet::with);
                self.conflicts.extend(conflicts);
                self.mirror = contact;
                true
            }
        }
    }

    fn write_to(&mut self, which: usize) -> bool {
        let side = &mut self.sides[which];
        let (theirs, ours) = side.agreed.as_ref().expect("taken in before");
        let Outgoing { contact, changed } = outgoing(Base { theirs, ours }, &self.mirror, &side.policy());
        if !changed.is_empty() {
            side.store(&contact, changed);
        }
        side.agreed = Some((side.holds.clone(), self.mirror.clone()));
        !changed.is_empty()
    }

    fn settled(mut self) -> Star {
        for _ in 0..3 {
            self.round();
        }
        self
    }
}

fn word() -> impl Strategy<Value = String> {
    select(vec!["", "a", "A", "b", "c"]).prop_map(str::to_owned)
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let one = (select(vec!["24", "27", "88"]), select(vec!["1", "2", "3", "x", "X"]));
    let item = one.prop_map(|(code, value)| Item::new(ItemType::from_code(code), value));
    prop::collection::vec(item, 0..4).prop_map(once_each)
}

fn addresses() -> impl Strategy<Value = Vec<Address>> {
    let one = (select(vec!["20", "21"]), select(vec!["Paris", "paris", "Lyon"]));
    let address =
        one.prop_map(|(code, city)| Address { city: city.into(), ..Address::new(AddressType::from_code(code)) });
    prop::collection::vec(address, 0..3).prop_map(once_each)
}

fn extra() -> impl Strategy<Value = Vec<String>> {
    let line = select(vec!["BDAY:1", "BDAY:2", "X-A:1", "X-A:2", "ROLE:r"]).prop_map(str::to_owned);
    prop::collection::vec(line, 0..3).prop_map(once_each)
}

/// The list without entries that say what an earlier one says.
fn once_each<E: Entry>(list: Vec<E>) -> Vec<E> {
    let mut out: Vec<E> = Vec::new();
    for entry in list {
        if !out.iter().any(|held| held.key() == entry.key()) {
            out.push(entry);
        }
    }
    out
}

pub(super) fn contact() -> impl Strategy<Value = Contact> {
    let civility = prop::option::of(select(vec!["17", "18"]));
    (civility, word(), word(), word(), items(), addresses(), extra()).prop_map(
        |(civility, last_name, job_title, comment, items, addresses, extra)| Contact {
            civility: civility.map(Civility::from_code),
            last_name,
            job_title,
            comment,
            items,
            addresses,
            extra,
            ..Contact::default()
        },
    )
}

fn fields() -> impl Strategy<Value = FieldSet> {
    let fewer = FieldSet::ALL.without(Field::Comment).without(Field::Addresses);
    prop_oneof![3 => Just(FieldSet::ALL), 2 => Just(FieldSet::CRM), 1 => Just(fewer)]
}

fn policy() -> impl Strategy<Value = Policy> {
    let weak = prop_oneof![2 => Just(FieldSet::NONE), 1 => Just(FieldSet::NONE.with(Field::JobTitle))];
    (fields(), weak, select(vec![Winner::Here, Winner::There, Winner::Ask])).prop_map(|(fields, weak, winner)| Policy {
        fields,
        weak,
        winner,
        takes: true,
        gives: true,
    })
}

fn agreement() -> impl Strategy<Value = Option<(Contact, Contact)>> {
    prop_oneof![
        1 => Just(None),
        2 => contact().prop_map(|common| Some((common.clone(), common))),
        2 => (contact(), contact()).prop_map(Some),
    ]
}

fn side() -> impl Strategy<Value = Side> {
    (policy(), contact(), agreement(), prop::bool::weighted(0.2)).prop_map(|(policy, holds, agreed, rewords)| Side {
        policy,
        holds,
        agreed,
        held: FieldSet::NONE,
        rewords,
    })
}

fn star() -> impl Strategy<Value = Star> {
    (contact(), [side(), side()]).prop_map(|(mirror, sides)| Star { mirror, sides, conflicts: Vec::new() })
}

/// Everybody starts from one state that all had in common, and carries everything; one word says who wins.
fn star_from_one_state() -> impl Strategy<Value = Star> {
    let winners = select(vec![(Winner::There, Winner::Here), (Winner::Here, Winner::There)]);
    (contact(), contact(), [contact(), contact()], winners).prop_map(|(common, mirror, [one, other], winners)| {
        let side = |holds, winner| Side {
            policy: Policy { fields: FieldSet::ALL, weak: FieldSet::NONE, winner, takes: true, gives: true },
            holds,
            agreed: Some((common.clone(), common.clone())),
            held: FieldSet::NONE,
            rewords: false,
        };
        Star { mirror, sides: [side(one, winners.0), side(other, winners.1)], conflicts: Vec::new() }
    })
}

fn scalars() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|field| !field.is_list())
}

/// Scalars that somebody typed and that no replica ever showed as agreed, with who typed them (none: here).
fn typed(star: &Star) -> Vec<(Field, String)> {
    let mut out = Vec::new();
    for field in scalars() {
        let replaced_there = |value: &str| {
            star.sides.iter().any(|side| {
                side.agreed.as_ref().is_some_and(|(theirs, ours)| {
                    let was = [theirs.scalar(field), ours.scalar(field)].map(|was| keys::text(&was));
                    was.contains(&keys::text(value)) && theirs.scalar(field) != side.holds.scalar(field)
                })
            })
        };
        let there = star.sides.iter().filter(|side| side.policy.fields.contains(field)).filter(|side| {
            side.agreed.as_ref().is_none_or(|(theirs, _)| theirs.scalar(field) != side.holds.scalar(field))
        });
        let values = there.map(|side| side.holds.scalar(field)).chain([star.mirror.scalar(field)]);
        out.extend(values.filter(|value| !value.is_empty() && !replaced_there(value)).map(|v| (field, v.into_owned())));
    }
    out
}

fn told_of(star: &Star, field: Field, value: &str) -> bool {
    let same = |other: &str| keys::text(other) == keys::text(value);
    same(&star.mirror.scalar(field))
        || star.conflicts.iter().any(|told| told.field == field && (same(&told.here) || same(&told.there)))
}

/// The keys of the items that somebody added, and that no replica ever showed as agreed.
fn added_items(star: &Star) -> Vec<String> {
    let keys = |contact: &Contact| contact.items.iter().map(Entry::key).collect::<Vec<_>>();
    let agreed = star.sides.iter().filter_map(|side| side.agreed.as_ref());
    let known: Vec<String> = agreed.flat_map(|(theirs, ours)| [keys(theirs), keys(ours)]).flatten().collect();
    let everybody = star.sides.iter().map(|side| &side.holds).chain([&star.mirror]);
    everybody.flat_map(keys).filter(|key| !known.contains(key)).collect()
}

fn doubled<E: Entry>(list: &[E]) -> bool {
    list.iter()
        .enumerate()
        .any(|(i, one)| list[..i].iter().any(|other| one.slot() == other.slot() && one.key() == other.key()))
}

fn any_doubled(contact: &Contact) -> bool {
    doubled(&contact.items) || doubled(&contact.addresses) || doubled(&contact.extra)
}

fn turned_around(contact: &Contact) -> Contact {
    let mut out = contact.clone();
    out.items.reverse();
    out.addresses.reverse();
    out.extra.reverse();
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_three_states_come_to_rest_in_three_rounds(star in star()) {
        let mut after = star.settled();
        let before = after.clone();
        prop_assert!(!after.round(), "{before:?}\n{after:?}");
        prop_assert_eq!(after.mirror, before.mirror);
    }

    #[test]
    fn what_started_from_agreements_ends_equal(mut star in star(), common in [contact(), contact()]) {
        // Strangers may go on filing one number under two types, and a server may go on without a comment.
        for (side, common) in star.sides.iter_mut().zip(common) {
            (side.agreed, side.rewords) = (Some((common.clone(), common)), false);
        }
        let after = star.settled();
        for side in &after.sides {
            // Weak fields and lines may stay dropped there, and held ones wait for a user.
            let fields = side.policy().fields.less(side.policy.weak).without(Field::Extra);
            for field in fields.iter() {
                prop_assert!(equal_normalised(&side.holds, &after.mirror, field), "{field:?} {after:?}");
            }
        }
    }

    #[test]
    fn equal_states_leave_nothing_to_do(contact in contact(), policies in [policy(), policy()], agreed in any::<bool>()) {
        let side = |policy| Side {
            policy,
            holds: contact.clone(),
            agreed: agreed.then(|| (contact.clone(), contact.clone())),
            held: FieldSet::NONE,
            rewords: false,
        };
        let mut star = Star { mirror: contact.clone(), sides: policies.map(side), conflicts: vec![] };
        prop_assert_eq!(star.round(), !agreed, "strangers are linked, and that is all");
        prop_assert_eq!(&star.mirror, &contact);
        prop_assert!(star.sides.iter().all(|side| side.holds == contact));
        prop_assert!(star.conflicts.is_empty());
    }

    #[test]
    fn no_typed_value_goes_without_a_word(star in star()) {
        let typed = typed(&star);
        let after = star.settled();
        for (field, value) in typed {
            prop_assert!(told_of(&after, field, &value), "{field:?} {value} {after:?}");
        }
    }

    #[test]
    fn no_added_entry_goes(star in star()) {
        let added = added_items(&star);
        let after = star.settled();
        for key in added {
            prop_assert!(after.mirror.items.iter().any(|item| item.key() == key), "{key} {after:?}");
        }
    }

    #[test]
    fn an_edit_of_the_winner_stands(star in star_from_one_state()) {
        let winner = star.sides.iter().find(|side| side.policy.winner == Winner::There).expect("one wins").clone();
        let (theirs, _) = winner.agreed.expect("all agreed");
        let after = star.settled();
        for field in scalars().filter(|field| theirs.scalar(*field) != winner.holds.scalar(*field)) {
            prop_assert_eq!(after.mirror.scalar(field), winner.holds.scalar(field));
        }
    }

    #[test]
    fn what_a_person_is_asked_about_is_written_by_neither_side(here in contact(), side in side()) {
        let policy = Policy { winner: Winner::Ask, ..side.policy };
        let base = side.agreed.as_ref().map(|(theirs, ours)| Base { theirs, ours });
        let taken = incoming(base, Here::Living(&here), &side.holds, FieldSet::ALL, &policy);
        if let Incoming::Take { contact, ours, conflicts, .. } = taken {
            let out = outgoing(Base { theirs: &side.holds, ours: &ours }, &contact, &policy);
            for told in conflicts.iter().filter(|told| told.kept == Kept::Open) {
                prop_assert_eq!(contact.scalar(told.field), here.scalar(told.field));
                prop_assert!(!out.changed.contains(told.field));
            }
        }
    }

    #[test]
    fn fields_that_nobody_carries_stay(star in star()) {
        let carried = star.sides.iter().fold(FieldSet::NONE, |all, side| all.or(side.policy.fields));
        let after = star.clone().settled();
        prop_assert!(after.mirror.differing(&star.mirror).less(carried).is_empty());
        for (side, was) in after.sides.iter().zip(&star.sides).filter(|(side, _)| !side.rewords) {
            prop_assert!(side.holds.differing(&was.holds).less(side.policy.fields).is_empty());
        }
    }

    #[test]
    fn nothing_is_doubled(star in star()) {
        let after = star.settled();
        prop_assert!(!any_doubled(&after.mirror), "{:?}", after.mirror);
        prop_assert!(after.sides.iter().all(|side| !any_doubled(&side.holds)), "{:?}", after.sides);
    }

    #[test]
    fn it_does_not_matter_which_replica_comes_first(star in star_from_one_state()) {
        let mut other = star.clone();
        other.sides.reverse();
        let (one, other) = (star.settled(), other.settled());
        for field in Field::ALL {
            prop_assert!(equal_normalised(&one.mirror, &other.mirror, field), "{field:?}\n{one:?}\n{other:?}");
        }
    }

    #[test]
    fn the_order_of_entries_does_not_matter(star in star_from_one_state(), which in 0_usize..3) {
        let mut other = star.clone();
        let turned = if which == 2 { &mut other.mirror } else { &mut other.sides[which].holds };
        *turned = turned_around(turned);
        let (one, other) = (star.settled(), other.settled());
        for field in Field::ALL {
            prop_assert!(equal_normalised(&one.mirror, &other.mirror, field), "{field:?}\n{one:?}\n{other:?}");
        }
    }

    #[test]
    fn turned_lists_are_no_edit(contact in contact()) {
        prop_assert!(changes(&contact, &turned_around(&contact), FieldSet::ALL, FieldSet::NONE).is_empty());
    }

    #[test]
    fn it_does_not_matter_whom_we_knew_first(known in prop::collection::vec(contact(), 0..6), newcomer in contact()) {
        let index = |order: &mut dyn Iterator<Item = usize>| {
            let mut index = MatchIndex::default();
            order.for_each(|id| index.add(id as i64, &format!("uid-{id}"), None, &known[id]));
            let Ok(found) = matching::find(&index, None, None, &newcomer);
            found
        };
        prop_assert_eq!(index(&mut (0..known.len())), index(&mut (0..known.len()).rev()));
    }
}

/// One cell of the table of decisions, in one word each way: what the mirror does, and what is sent there.
#[derive(Debug, PartialEq, Eq)]
enum Cell {
    Nothing,
    Push,
    Take,
    Merge,
    PushDeletionOrDetach,
    ComesBack,
    DeleteHere,
    Conflict,
    Forget,
}

/// `there` and `here` are the family name now, none where the contact was deleted; it was "a" on both sides.
fn cell(there: Option<&str>, here: Option<&str>) -> Cell {
    let named = |name: &str| Contact { last_name: name.into(), ..Contact::default() };
    let policy =
        Policy { fields: FieldSet::ALL, weak: FieldSet::NONE, winner: Winner::There, takes: true, gives: true };
    let (was, content) = (named("a"), named(here.unwrap_or("a")));
    let base = Base { theirs: &was, ours: &was };
    let here = if here.is_some() { Here::Living(&content) } else { Here::Deleted(&content) };
    let Some(there) = there.map(named) else {
        return match on_absence(base, &was, here, &policy) {
            OnAbsence::DeleteHere => Cell::DeleteHere,
            OnAbsence::Conflict => Cell::Conflict,
            OnAbsence::Forget => Cell::Forget,
        };
    };
    match (incoming(Some(base), here, &there, FieldSet::ALL, &policy), here) {
        (Incoming::Same, Here::Deleted(_)) => Cell::PushDeletionOrDetach,
        (Incoming::Same, Here::Living(content)) => {
            let out = outgoing(base, content, &policy);
            if out.changed.is_empty() { Cell::Nothing } else { Cell::Push }
        }
        (Incoming::Take { contact, conflicts, revived, .. }, _) => {
            assert_eq!(contact.last_name, there.last_name);
            match (revived, conflicts.is_empty()) {
                (true, _) => Cell::ComesBack,
                (false, true) => Cell::Take,
                (false, false) => Cell::Merge,
            }
        }
    }
}

#[test]
fn the_nine_cells_of_the_table() {
    let (unchanged, edited, deleted) = (Some("a"), [Some("b"), Some("c")], None);
    for (there, here, expected) in [
        (unchanged, unchanged, Cell::Nothing),
        (unchanged, edited[1], Cell::Push),
        (unchanged, deleted, Cell::PushDeletionOrDetach),
        (edited[0], unchanged, Cell::Take),
        (edited[0], edited[1], Cell::Merge),
        (edited[0], deleted, Cell::ComesBack),
        (deleted, unchanged, Cell::DeleteHere),
        (deleted, edited[1], Cell::Conflict),
        (deleted, deleted, Cell::Forget),
    ] {
        assert_eq!(cell(there, here), expected, "there {there:?}, here {here:?}");
    }
}
