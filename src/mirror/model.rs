//! The mirror against a naive model of itself: plain structs, every agreement with its own copies.
//!
//! What is checked is that the copies left out of the tables are never missed, through any order of changes, whether
//! they are kept or undone.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::contact::{Address, AddressType, Contact, Item, ItemType};

const REPLICAS: [&str; 3] = ["crm", "cards", "sheet"];

#[derive(Debug, Clone)]
enum Op {
    Insert { content: usize },
    Update { contact: usize, content: usize },
    Touch { contact: usize },
    Delete { contact: usize },
    Purge { contact: usize },
    PurgeForgotten,
    Agree { replica: usize, contact: usize, theirs: Option<usize>, behind: Option<(u8, usize)>, detached: bool },
    Revise { replica: usize, contact: usize, revision: u8 },
    Disagree { replica: usize, contact: usize },
    Kept(Vec<Op>),
    Undone(Vec<Op>),
    Rehearsed(Vec<Op>),
}

#[derive(Debug, Clone, PartialEq)]
struct Card {
    uid: String,
    content: Contact,
    version: i64,
    deleted: bool,
}

#[derive(Debug, Clone, Default)]
struct Model {
    cards: BTreeMap<ContactId, Card>,
    agreements: BTreeMap<(&'static str, ContactId), Agreement>,
    made: usize,
}

fn content(which: usize) -> Contact {
    let named = |name: &str| Contact { last_name: name.into(), ..Contact::default() };
    let item = |value: &str| Item::new(ItemType::ProfessionalPhone, value);
    let address = Address { city: "Paris".into(), ..Address::new(AddressType::Other) };
    match which {
        0 => Contact::default(),
        1 => named("Lovelace"),
        2 => Contact { items: vec![item("1"), item("2")], ..named("Lovelace") },
        3 => Contact { items: vec![item("2")], addresses: vec![address], ..named("Lovelace") },
        _ => Contact { extra: vec!["BDAY:1815-12-10".into()], comment: "c".into(), ..named("Byron") },
    }
}

fn op() -> impl Strategy<Value = Op> {
    let (contact, some) = (0..6_usize, 0..5_usize);
    let simple = prop_oneof![
        3 => some.clone().prop_map(|content| Op::Insert { content }),
        4 => (contact.clone(), some.clone()).prop_map(|(contact, content)| Op::Update { contact, content }),
        1 => contact.clone().prop_map(|contact| Op::Touch { contact }),
        2 => contact.clone().prop_map(|contact| Op::Delete { contact }),
        1 => contact.clone().prop_map(|contact| Op::Purge { contact }),
        1 => Just(Op::PurgeForgotten),
        8 => (
            0..3_usize,
            contact.clone(),
            proptest::option::weighted(0.3, some.clone()),
            proptest::option::weighted(0.2, (0..2_u8, some)),
            proptest::bool::weighted(0.2),
        )
            .prop_map(|(replica, contact, theirs, behind, detached)| Op::Agree {
                replica, contact, theirs, behind, detached
            }),
        1 => (0..3_usize, contact.clone(), any::<u8>())
            .prop_map(|(replica, contact, revision)| Op::Revise { replica, contact, revision }),
        2 => (0..3_usize, contact).prop_map(|(replica, contact)| Op::Disagree { replica, contact }),
    ];
    simple.prop_recursive(2, 12, 4, |inner| {
        let several = proptest::collection::vec(inner, 1..5);
        prop_oneof![
            several.clone().prop_map(Op::Kept),
            several.clone().prop_map(Op::Undone),
            several.prop_map(Op::Rehearsed),
        ]
    })
}

impl Model {
    fn nth(&self, contact: usize) -> Option<ContactId> {
        self.cards.keys().nth(contact).copied()
    }

    fn agreed(&self, contact: ContactId) -> bool {
        self.agreements.keys().any(|(_, other)| *other == contact)
    }

    fn pending(&self, replica: &str) -> Vec<(ContactId, Pending)> {
        let of = |(id, card): (&ContactId, &Card)| {
            let agreement = self.agreements.iter().find(|((name, contact), _)| *name == replica && contact == id);
            let what = match (card.deleted, agreement.map(|(_, agreement)| agreement)) {
                (false, None) => Pending::Create,
                (false, Some(a)) if !a.detached && a.version != card.version => Pending::Update,
                (true, Some(a)) if !a.detached => Pending::Delete,
                _ => return None,
            };
            Some((*id, what))
        };
        self.cards.iter().filter_map(of).collect()
    }
}

/// Does the same to both.
fn apply(mirror: &mut Mirror, model: &mut Model, op: &Op) {
    let at = "2026-01-01T00:00:00Z";
    let nth = |model: &Model, contact: usize| model.nth(contact);
    match op {
        Op::Insert { content: which } => {
            model.made += 1;
            let uid = format!("uid-{}", model.made);
            let id = mirror.insert_contact(&uid, &content(*which), "cards", 1, at).unwrap();
            model.cards.insert(id, Card { uid, content: content(*which), version: 1, deleted: false });
        }
        Op::Update { contact, content: which } => {
            let Some(id) = nth(model, *contact) else { return };
            let version = mirror.update_contact(id, &content(*which), at).unwrap();
            let card = model.cards.get_mut(&id).unwrap();
            if card.deleted || card.content != content(*which) {
                *card =
                    Card { uid: card.uid.clone(), content: content(*which), version: card.version + 1, deleted: false };
            }
            assert_eq!(version, card.version);
        }
        Op::Touch { contact } => {
            let Some(id) = nth(model, *contact) else { return };
            let card = model.cards.get_mut(&id).unwrap();
            card.version += 1;
            assert_eq!(mirror.touch_contact(id).unwrap(), card.version);
        }
        Op::Delete { contact } => {
            let Some(id) = nth(model, *contact) else { return };
            mirror.delete_contact(id, at).unwrap();
            let card = model.cards.get_mut(&id).unwrap();
            card.version += i64::from(!card.deleted);
            card.deleted = true;
        }
        Op::Purge { contact } => {
            let Some(id) = nth(model, *contact) else { return };
            match mirror.purge_contact(id) {
                Ok(()) => assert!(!model.agreed(id) && model.cards.remove(&id).is_some()),
                Err(error) => assert!(matches!(error, MirrorError::StillAgreed { .. }) && model.agreed(id)),
            }
        }
        Op::PurgeForgotten => {
            let before = model.cards.len();
            let agreed: Vec<ContactId> = model.agreements.keys().map(|(_, contact)| *contact).collect();
            model.cards.retain(|id, card| !card.deleted || agreed.contains(id));
            assert_eq!(mirror.purge_forgotten().unwrap(), (before - model.cards.len()) as u64);
        }
        Op::Agree { .. } | Op::Revise { .. } | Op::Disagree { .. } => agree(mirror, model, op),
        Op::Kept(ops) => mirror
            .transact::<_, MirrorError>(|mirror| {
                ops.iter().for_each(|op| apply(mirror, model, op));
                Ok(())
            })
            .unwrap(),
        Op::Undone(ops) => {
            let mut lost = model.clone();
            let undone = mirror.transact::<(), MirrorError>(|mirror| {
                ops.iter().for_each(|op| apply(mirror, &mut lost, op));
                Err(MirrorError::NoContact { contact: 0 })
            });
            assert!(matches!(undone, Err(MirrorError::NoContact { contact: 0 })));
        }
        Op::Rehearsed(ops) => {
            let mut lost = model.clone();
            if mirror.depth > 0 {
                mirror.begin().unwrap();
                ops.iter().for_each(|op| apply(mirror, &mut lost, op));
                compare(mirror, &lost);
                mirror.undo().unwrap();
            } else {
                let mut copy = mirror.private_copy().unwrap();
                ops.iter().for_each(|op| apply(&mut copy, &mut lost, op));
                compare(&copy, &lost);
            }
        }
    }
}

fn agree(mirror: &mut Mirror, model: &mut Model, op: &Op) {
    match op {
        Op::Agree { replica, contact, theirs, behind, detached } => {
            let Some(id) = model.nth(*contact) else { return };
            let card = &model.cards[&id];
            let (version, ours) = match behind {
                None => (card.version, card.content.clone()),
                Some((back, which)) => ((card.version - 1 - i64::from(*back)).max(0), content(*which)),
            };
            let agreement = Agreement {
                contact: id,
                remote: format!("{id}{}", if *detached { "-old" } else { "" }),
                revision: format!("r{version}"),
                theirs: theirs.map_or_else(|| ours.clone(), content),
                ours,
                version,
                detail: theirs.map(|which| format!("{{\"n\":{which}}}")),
                detached: *detached,
                marks: format!("uid {id}"),
            };
            mirror.put_agreement(REPLICAS[*replica], &agreement).unwrap();
            model.agreements.insert((REPLICAS[*replica], id), agreement);
        }
        Op::Revise { replica, contact, revision } => {
            let Some(id) = model.nth(*contact) else { return };
            let Some(agreement) = model.agreements.get_mut(&(REPLICAS[*replica], id)) else { return };
            agreement.revision = format!("s{revision}");
            mirror.set_revision(REPLICAS[*replica], &agreement.remote, &agreement.revision).unwrap();
        }
        Op::Disagree { replica, contact } => {
            let Some(id) = model.nth(*contact) else { return };
            mirror.delete_agreement(REPLICAS[*replica], id).unwrap();
            model.agreements.remove(&(REPLICAS[*replica], id));
        }
        _ => unreachable!("only these three are handed on"),
    }
}

fn compare(mirror: &Mirror, model: &Model) {
    for (id, card) in &model.cards {
        let stored = mirror.contact(*id).unwrap().unwrap();
        let crm_id = model.agreements.get(&("crm", *id)).map(|agreement| agreement.remote.clone());
        assert_eq!(stored.crm_id, crm_id);
        let found = Card { uid: stored.uid, content: stored.contact, version: stored.version, deleted: stored.deleted };
        assert_eq!(&found, card);
    }
    let living = model.cards.values().filter(|card| !card.deleted).count();
    assert_eq!(mirror.count_contacts().unwrap(), living as u64);
    for replica in REPLICAS {
        let mut known = std::collections::HashMap::new();
        let mut attached = 0;
        for ((_, id), agreement) in model.agreements.iter().filter(|((name, _), _)| *name == replica) {
            assert_eq!(mirror.agreement(replica, *id).unwrap().as_ref(), Some(agreement));
            assert_eq!(mirror.agreement_by_remote(replica, &agreement.remote).unwrap().as_ref(), Some(agreement));
            known.insert(agreement.remote.clone(), agreement.revision.clone());
            attached += u64::from(!agreement.detached && !model.cards[id].deleted);
        }
        let mut found = std::collections::HashMap::new();
        mirror
            .for_each_known(replica, &mut |remote, revision| drop(found.insert(remote.to_owned(), revision.to_owned())))
            .unwrap();
        assert_eq!((mirror.count_known(replica).unwrap(), &found), (known.len() as u64, &known));
        for (remote, revision) in &known {
            assert_eq!(mirror.revision_of(replica, remote).unwrap().as_ref(), Some(revision));
        }
        assert_eq!(mirror.count_agreements(replica).unwrap(), attached);
        let pending = model.pending(replica);
        let lacking: Vec<ContactId> =
            pending.iter().filter(|(_, what)| *what == Pending::Create).map(|(id, _)| *id).collect();
        assert_eq!(mirror.unagreed(replica).unwrap(), lacking);
        assert_eq!(mirror.pending(replica).unwrap(), pending);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1815),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_mirror_is_what_it_was_told(ops in proptest::collection::vec(op(), 1..40)) {
        let mut mirror = Mirror::in_memory().unwrap();
        let mut model = Model::default();
        for op in &ops {
            apply(&mut mirror, &mut model, op);
            compare(&mirror, &model);
        }
        let violations: i64 =
            mirror.conn.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
        prop_assert_eq!(violations, 0);
        let sound: String = mirror.conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        prop_assert_eq!(sound, "ok");
    }
}
