//! A client that follows the counter, beside a long random course of what devices and runs do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    Change, Condition,
    tests::{NONE, World},
};

#[derive(Debug, Clone)]
enum Act {
    Put(u8, u8, bool),
    Delete(u8),
    Write(u8, u8),
    Remove(u8),
    Sync(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0..4_u8, 0..3_u8, any::<bool>()).prop_map(|(name, body, matching)| Act::Put(name, body, matching)),
        (0..4_u8).prop_map(Act::Delete),
        (0..4_u8, 0..3_u8).prop_map(|(name, body)| Act::Write(name, body)),
        (0..4_u8).prop_map(Act::Remove),
        any::<bool>().prop_map(Act::Sync),
    ];
    prop::collection::vec(act, 1..60)
}

proptest! {
    /// A client that follows the tokens, whatever happens and whenever it looks, holds what is there; no text is kept that
    /// nobody has, and every etag is of one content.
    #[test]
    fn who_follows_the_counter_holds_what_is_there(acts in acts()) {
        let mut world = World::new();
        let (mut held, mut token) = (BTreeMap::new(), None);
        let mut tags: BTreeMap<(String, String), String> = BTreeMap::new();
        for act in acts.into_iter().chain([Act::Sync(true)]) {
            match act {
                Act::Put(name, body, matching) => {
                    let name = format!("n{name}");
                    let tag = world.etag(&name).into_iter().collect();
                    let condition = if matching { Condition::Match(tag) } else { NONE };
                    world.put_if(&name, &format!("text{body}"), &condition);
                }
                Act::Delete(name) => drop(world.store.delete(world.phone, &format!("n{name}"), &NONE).unwrap()),
                Act::Write(name, body) => drop(world.run_writes(&format!("n{name}"), &format!("text{body}"))),
                Act::Remove(name) => {
                    if world.etag(&format!("n{name}")).is_some() {
                        world.run_removes(&format!("n{name}"));
                    }
                }
                Act::Sync(in_parts) => loop {
                    let limit = in_parts.then_some(2);
                    let changes = world.store.changes_since(world.phone, token, limit, true, |change| match change {
                        Change::Changed { member, body } => drop(held.insert(member.name, body.unwrap())),
                        Change::Gone { name } => drop(held.remove(&name)),
                    });
                    let changes = changes.unwrap().expect("our own counter");
                    token = Some(changes.counter);
                    if !changes.is_cut {
                        let mut there = BTreeMap::new();
                        let mut names = Vec::new();
                        let look = world.store.members(world.phone, |member| names.push(member)).unwrap();
                        prop_assert_eq!(look.count, names.len() as u64);
                        for member in names {
                            let card = world.store.card(world.phone, &member.name).unwrap().unwrap();
                            let text = String::from_utf8(card.body.clone()).unwrap();
                            let known = tags.entry((member.name.clone(), member.etag)).or_insert(text.clone());
                            prop_assert_eq!(&*known, &text);
                            there.insert(member.name, card.body);
                        }
                        prop_assert_eq!(&held, &there);
                        break;
                    }
                },
            }
        }
        world.store.revoke("phone").unwrap();
        prop_assert_eq!(world.bodies(), 0);
    }
}
