//! A client that follows sync tokens, with pages and without, holds what is there, whatever happens meanwhile.

use std::collections::BTreeMap;

use carnet::books::served::{Condition, DeviceStore};

use super::place::{BOOK, DEVICE, Place, card, sync_body};

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What a client holds: the ETag of each card, and the token.
#[derive(Default)]
struct Follower {
    held: BTreeMap<String, String>,
    token: String,
}

impl Follower {
    fn follow(&mut self, place: &Place, limit: u64) {
        let limit =
            if limit == 0 { String::new() } else { format!("<D:limit><D:nresults>{limit}</D:nresults></D:limit>") };
        for _ in 0..1000 {
            let page = place.ask("REPORT", BOOK, &[], sync_body(&self.token, "<D:getetag/>", &limit));
            let (token, told) = page.read();
            self.token = token.unwrap();
            let mut is_cut = false;
            for told in told {
                match told.status {
                    Some(507) => is_cut = true,
                    Some(404) => drop(self.held.remove(&told.href)),
                    None => drop(self.held.insert(told.href.clone(), told.property("getetag").unwrap())),
                    Some(other) => panic!("{other}"),
                }
            }
            if !is_cut {
                return;
            }
        }
        panic!("the pages have no end");
    }
}

/// What a listing shows.
fn listed(place: &Place) -> BTreeMap<String, String> {
    let told = place.propfind(BOOK, "1", "<D:getetag/>").read().1;
    let cards = told.into_iter().filter(|told| told.href != BOOK);
    cards.map(|told| (told.href.clone(), told.property("getetag").unwrap())).collect()
}

/// The device or a run writes or removes a card.
fn happen(place: &Place, store: &mut DeviceStore, dice: &mut Dice) {
    let uid = format!("u{}", dice.roll(12));
    let name = format!("{uid}.vcf");
    let text = card(&uid, &format!("Version {}", dice.roll(4)));
    match dice.roll(4) {
        0 => drop(place.ask("DELETE", &format!("{BOOK}{name}"), &[], "")),
        1 => drop(store.delete(place.id(DEVICE), &name, &Condition::None).unwrap()),
        2 => drop(place.put(&name, &text, &[])),
        _ => drop(store.put(place.id(DEVICE), &name, &uid, text.as_bytes(), &Condition::None).unwrap()),
    }
}

#[test]
fn whoever_follows_tokens_holds_what_is_there() {
    let place = Place::new();
    let mut store = place.store();
    let mut dice = Dice(7);
    let mut followers: Vec<Follower> = (0..4).map(|_| Follower::default()).collect();
    for round in 0..60 {
        for _ in 0..dice.roll(6) {
            happen(&place, &mut store, &mut dice);
        }
        // Each at its own times, the last one in pages of two.
        for (number, follower) in followers.iter_mut().enumerate() {
            if dice.roll(number as u64 + 1) == 0 {
                follower.follow(&place, if number == 3 { 2 } else { 0 });
                assert_eq!(follower.held, listed(&place), "round {round}, follower {number}");
            }
        }
    }
    let mut late = Follower::default();
    late.follow(&place, 0);
    assert_eq!(late.held, listed(&place));
}
