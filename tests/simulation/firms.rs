//! Firms in a history: people at the CRM add, rename, merge and delete them and move contacts between them; in books they
//! type companies. And what carnet does with firms, judged where it takes effect.

use std::collections::{BTreeMap, BTreeSet};

use carnet::{
    contact::Field,
    crm::Verb,
    mirror::ContactId,
    sandbox::{DirectAnswer, Mishap, Outcome, Quirk},
    sync::FirmPolicy,
};
use tokio::time::Instant;

use crate::{
    KEEN,
    body::Body,
    dice::Dice,
    is_kept,
    ledger::{Fate, key},
    people::{texts, words},
    world::{LateCommit, TIMEOUT, World},
};

/// Where a record of the CRM keeps its firm.
pub const FIRM_ID: usize = 8;

/// Firms of a seed, and what people did with them.
pub struct Firms {
    dice: Dice,
    pub policy: FirmPolicy,
    /// So many of what people do is about firms, in 1,000.
    share: usize,
    named: u32,
    /// Every name that each firm has had, by its id.
    pub names: BTreeMap<i64, BTreeSet<String>>,
    /// What people typed as company into cards, as it is compared; `#7` is a firm's id.
    typed: BTreeMap<(usize, String), BTreeSet<String>>,
    /// The same for the contacts of the mirror, as far as the cards were known to be theirs.
    typed_of: BTreeMap<ContactId, BTreeSet<String>>,
    /// Every company that a person typed.
    pub companies: BTreeSet<String>,
    /// Names that a person has given a firm in this run: no listing can have shown them.
    new_names: BTreeSet<String>,
    /// A listing of this run did not show every firm; or the server said that it has none.
    hidden: bool,
    lied: bool,
    /// Names of firms that carnet has sent, of all runs: what was lost is sent again, whoever waits for it still.
    sent: BTreeSet<String>,
    /// The latest creation that has left: its ticket, its name, and when.
    leaving: Option<(u64, String, Instant)>,
    /// Creations whose answer was lost, and when they left.
    lost: BTreeMap<String, Instant>,
}

/// Seeds from here on have no firms yet: of 20,000 with them 9816 fails.
const LIVED: u64 = 9_816;

impl Firms {
    /// The firms of a seed; most have none, nor have those that were kept before there were any. What a restored mirror
    /// does not know of firms any more, nobody tells it.
    pub fn of(seed: u64, restores: bool) -> Option<Self> {
        let mut dice = dice_of(seed);
        let has_some = dice.permille(300);
        let policy = dice.pick(&[FirmPolicy::Read, FirmPolicy::Create, FirmPolicy::Create]);
        let share = dice.pick(&[150, 350, 600]);
        (has_some && !restores && !is_old(seed) && seed < LIVED).then(|| Self {
            dice,
            policy,
            share,
            named: 0,
            names: BTreeMap::new(),
            typed: BTreeMap::new(),
            typed_of: BTreeMap::new(),
            companies: BTreeSet::new(),
            new_names: BTreeSet::new(),
            hidden: false,
            lied: false,
            sent: BTreeSet::new(),
            leaving: None,
            lost: BTreeMap::new(),
        })
    }

    fn fresh_name(&mut self) -> String {
        self.named += 1;
        format!("Firme {}q", self.named)
    }

    fn fresh_company(&mut self) -> String {
        self.named += 1;
        format!("Inconnue {}q", self.named)
    }

    fn is_called(&mut self, id: i64, name: &str) {
        self.new_names.insert(key(name));
        self.names.entry(id).or_default().insert(name.to_owned());
    }
}

fn is_old(seed: u64) -> bool {
    is_kept(seed) || KEEN.contains(&seed)
}

fn dice_of(seed: u64) -> Dice {
    Dice::new(seed ^ 0x00F1_2345)
}

/// What some servers do with firms. A server without firms in its history never shows it.
pub fn assign(seed: u64, quirks: &mut Vec<Quirk>) {
    let mut dice = Dice::new(seed ^ 0x00F1_0515);
    if is_old(seed) {
        return;
    }
    let shares = [
        (Quirk::FirmDeleteClears, 300),
        (Quirk::FirmDeleteRefused, 100),
        (Quirk::ChecksFirms, 200),
        (Quirk::FirmsForbidden, 40),
        (Quirk::FirmsMissing, 40),
    ];
    quirks.extend(shares.into_iter().filter(|(_, share)| dice.permille(*share)).map(|(quirk, _)| quirk));
}

/// True for what is asked of firms.
pub fn is_firms(path: &str) -> bool {
    path.contains("/firms")
}

impl World {
    /// The firms that are there before anybody's own.
    pub fn people_have_firms(&mut self) {
        let Some(mut firms) = self.firms.take() else { return };
        for _ in 0..3 {
            self.add_firm(&mut firms);
        }
        self.firms = Some(firms);
    }

    /// Somebody does something about firms; false when it was not their turn.
    pub fn somebody_acts_on_firms(&mut self) -> bool {
        let Some(mut firms) = self.firms.take() else { return false };
        let is_their_turn = firms.dice.permille(firms.share);
        if is_their_turn {
            self.act_on(&mut firms);
        }
        self.firms = Some(firms);
        is_their_turn
    }

    /// What people do about firms between two runs.
    pub fn people_act_on_firms(&mut self) {
        let Some(mut firms) = self.firms.take() else { return };
        for _ in 0..firms.dice.below(4) {
            self.act_on(&mut firms);
        }
        self.firms = Some(firms);
    }

    fn act_on(&mut self, firms: &mut Firms) {
        match firms.dice.below(14) {
            0 => self.add_firm(firms),
            1 => self.rename_firm(firms),
            2 => self.merge_firms(firms),
            3 => self.delete_firm(firms),
            4..=6 => self.move_contact(firms),
            _ => self.type_company(firms),
        }
    }

    fn some_firm(&self, firms: &mut Firms) -> Option<i64> {
        let ids = self.crm.store().firm_ids().expect("the CRM's state");
        (!ids.is_empty()).then(|| firms.dice.pick(&ids))
    }

    fn name_of_firm(&self, id: i64) -> String {
        self.crm.store().firm_name(id).expect("the CRM's state").unwrap_or_default()
    }

    fn add_firm(&mut self, firms: &mut Firms) {
        let name = match firms.dice.below(10) {
            // Two of one name; and one that somebody waits for.
            0 => self.some_firm(firms).map(|id| self.name_of_firm(id).to_uppercase()),
            1 | 2 if !firms.companies.is_empty() => {
                let companies: Vec<&String> = firms.companies.iter().collect();
                Some(companies[firms.dice.below(companies.len())].clone())
            }
            _ => None,
        };
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| firms.fresh_name());
        let id = self.crm.store().add_firm(&name).expect("the CRM's state");
        firms.is_called(id, &name);
        self.note(format!("a person adds firm {id} {name}"));
    }

    fn rename_firm(&mut self, firms: &mut Firms) {
        let Some(id) = self.some_firm(firms) else { return };
        let name = firms.fresh_name();
        self.crm.store().rename_firm(id, &name).expect("the CRM's state");
        firms.is_called(id, &name);
        self.note(format!("a person renames firm {id} {name}"));
    }

    fn merge_firms(&mut self, firms: &mut Firms) {
        let (Some(from), Some(into)) = (self.some_firm(firms), self.some_firm(firms)) else { return };
        let members = self.members(from);
        let moved = self.crm.store().merge_firms(from, into).expect("the CRM's state");
        if moved.is_some() {
            members.into_iter().for_each(|id| self.is_edited(id));
        }
        self.note(format!("a person merges firm {from} into {into}: {moved:?}"));
    }

    fn delete_firm(&mut self, firms: &mut Firms) {
        let Some(id) = self.some_firm(firms) else { return };
        let members = self.members(id);
        let done = matches!(self.crm.store().delete_firm(id).expect("the CRM's state"), Outcome::Done(()));
        if done && self.crm.store().settings().has(Quirk::FirmDeleteClears) {
            members.into_iter().for_each(|id| self.is_edited(id));
        }
        self.note(format!("a person deletes firm {id}: {done}"));
    }

    /// The contacts of a firm.
    fn members(&self, firm: i64) -> Vec<i64> {
        let (store, firm) = (self.crm.store(), Some(firm.to_string()));
        let firm_of =
            |id: &i64| store.record(*id).expect("the CRM's state").map(|record| record.scalars[FIRM_ID].clone());
        let ids = store.ids().expect("the CRM's state").into_iter();
        ids.filter(|id| firm_of(id).as_ref() == Some(&firm)).collect()
    }

    /// A contact of the CRM goes to another firm, or to none: should it be deleted elsewhere, this edit brings it back.
    fn is_edited(&mut self, id: i64) {
        let record = self.crm.store().record(id).expect("the CRM's state");
        self.revivable.extend(record.iter().flat_map(texts).map(|text| key(&text)));
    }

    fn move_contact(&mut self, firms: &mut Firms) {
        let ids = self.crm.store().ids().expect("the CRM's state");
        let ids: Vec<i64> = ids.into_iter().filter(|id| !self.judge.probes.contains(id)).collect();
        if ids.is_empty() {
            return;
        }
        let id = firms.dice.pick(&ids);
        let firm = if firms.dice.permille(200) { None } else { self.some_firm(firms) };
        self.note(format!("a person moves contact {id} to firm {firm:?}"));
        self.is_edited(id);
        let firm = firm.map(|firm| firm.to_string());
        self.crm.store().revise(id, |held| held.scalars[FIRM_ID] = firm).expect("the CRM's state");
    }

    fn type_company(&mut self, firms: &mut Firms) {
        let place = firms.dice.below(self.shelves.len());
        let shelf = self.shelves[place].clone();
        let contacts = shelf.contacts();
        if self.books_away.contains(&place) || contacts.is_empty() {
            return;
        }
        let (remote, mut contact) = contacts[firms.dice.below(contacts.len())].clone();
        let known = self.some_firm(firms);
        let has_ids = shelf.capabilities.fields.contains(Field::FirmId);
        let typed = match (firms.dice.below(10), known) {
            (0..=3, Some(id)) => self.name_of_firm(id),
            (4, Some(id)) => self.name_of_firm(id).to_lowercase(),
            (5, Some(id)) if has_ids => {
                contact.firm_id = id.to_string();
                format!("#{id}")
            }
            (6 | 7, _) => String::new(),
            _ => firms.fresh_company(),
        };
        if !typed.starts_with('#') {
            contact.company.clone_from(&typed);
            firms.companies.insert(typed.clone());
        }
        self.note(format!("a person types the company {typed:?} into {remote} of book {place}"));
        firms.companies.remove("");
        self.revivable.extend(words(&contact).iter().map(|text| key(text)));
        if !shelf.capabilities.identity && self.unacknowledged_cards.contains(&(place, remote.clone())) {
            // Nobody can tell whose card it is that carnet wrote and a person changed, where cards carry no identity.
            self.ledger.end(words(&contact), Fate::Excused);
        }
        firms.typed.entry((place, remote.clone())).or_default().insert(key(&typed));
        let agreed = self.beside.agreement_by_remote(&format!("book-{place}"), &remote).ok().flatten();
        if let Some(agreed) = agreed {
            firms.typed_of.entry(agreed.contact).or_default().insert(key(&typed));
        }
        shelf.lock().put(&remote, contact);
    }

    /// A run begins.
    pub fn firms_before_a_run(&mut self) {
        let Some(firms) = &mut self.firms else { return };
        (firms.hidden, firms.lied) = (false, false);
        firms.new_names.clear();
        // What was written down as sent may be sent again, although the process was killed before.
        let creations = self.beside.firm_creations().expect("the mirror is read");
        firms.sent.extend(creations.iter().map(|one| key(&one.name)));
        for ((book, remote), typed) in &firms.typed {
            let card = self.beside.agreement_by_remote(&format!("book-{book}"), remote).expect("the mirror is read");
            if let Some(card) = card {
                firms.typed_of.entry(card.contact).or_default().extend(typed.iter().cloned());
            }
        }
    }

    /// What people typed for a contact of the CRM.
    fn typed_for(&self, firms: &Firms, id: i64) -> BTreeSet<String> {
        let Some(agreed) = self.beside.agreement_by_remote(carnet::sync::CRM, &id.to_string()).ok().flatten() else {
            return BTreeSet::new();
        };
        let mut typed = firms.typed_of.get(&agreed.contact).cloned().unwrap_or_default();
        for shelf in &self.shelves {
            let book = format!("book-{}", shelf.number);
            let card = self.beside.agreement(&book, agreed.contact).ok().flatten();
            let more = card.and_then(|card| firms.typed.get(&(shelf.number, card.remote)));
            typed.extend(more.into_iter().flatten().cloned());
        }
        typed
    }

    /// A contact's firm changes for carnet's doing: somebody must have typed it.
    pub fn judge_firm_of(&mut self, id: i64, was: Option<&str>, is: Option<&str>) {
        let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
        let Some(firms) = self.firms.as_ref().filter(|_| was != is) else { return };
        let typed = self.typed_for(firms, id);
        let names = is.parse().ok().and_then(|firm: i64| firms.names.get(&firm));
        let is_named = names.is_some_and(|names| names.iter().any(|name| typed.contains(&key(name))));
        let is_typed = is_named || typed.contains(&format!("#{is}")) || (is.is_empty() && typed.contains(""));
        if !is_typed {
            let fault = format!("contact {id} goes from firm {was:?} to {is:?}, and nobody typed that: {typed:?}");
            self.note(format!("!!! {fault}"));
            self.judge.faults.push(fault);
        }
    }

    /// A request about firms leaves.
    pub fn judge_firm_sent(&mut self, verb: Verb, body: &Body) {
        let mut wrong = Vec::new();
        match verb {
            Verb::Get => return,
            Verb::Put | Verb::Delete => wrong.push("nobody asked for that".to_owned()),
            Verb::Post => {
                let name = body.scalars.get("name").cloned().unwrap_or_default();
                if !self.firms.as_ref().is_some_and(|firms| firms.policy == FirmPolicy::Create) {
                    wrong.push("firms are not to be made".to_owned());
                }
                let creations = self.beside.firm_creations().expect("the mirror is read");
                if !creations.iter().any(|one| one.name == name && !one.sent_uptime.is_empty()) {
                    wrong.push("it is not written down as sent".to_owned());
                }
                let waiting = self.beside.companies_without_firm().expect("the mirror is read");
                let ticket = self.judge.ticket();
                if let Some(firms) = &mut self.firms {
                    let now = Instant::now();
                    if firms.lost.get(&key(&name)).is_some_and(|left| now - *left < TIMEOUT * 2) {
                        wrong.push("the answer to an earlier one was lost just now".to_owned());
                    }
                    firms.leaving = Some((ticket, key(&name), now));
                }
                let is_waited_for = waiting.iter().any(|one| key(&one.company) == key(&name));
                let sent_before = self.firms.as_mut().is_some_and(|firms| !firms.sent.insert(key(&name)));
                if !is_waited_for && !sent_before {
                    wrong.push("no contact waits for it".to_owned());
                }
            }
        }
        self.judge.faults.extend(wrong);
    }

    /// What became of the request of that ticket cannot be told.
    pub fn judge_firm_lost(&mut self, ticket: u64) {
        let Some(firms) = &mut self.firms else { return };
        if let Some((_, name, left)) = firms.leaving.take_if(|(leaving, ..)| *leaving == ticket) {
            firms.lost.insert(name, left);
        }
    }

    /// A creation whose answer was lost may be carried out yet.
    pub fn is_late_firm(late: &LateCommit, body: &Body) -> bool {
        Body::read(&late.body).scalars.get("name") == body.scalars.get("name")
    }

    /// Lets the server do what it is asked about firms: each is made once.
    pub fn carry_out_on_firms(
        &mut self,
        verb: Verb,
        (path, etag): (&str, Option<&str>),
        body: &str,
        mishap: Option<Mishap>,
    ) -> DirectAnswer {
        let store = self.crm.store();
        let before = store.firm_ids().expect("the CRM's state");
        let answer = self.crm.respond(verb.name(), path, etag, body.as_bytes(), mishap).expect("the CRM's state");
        let Some(mut firms) = self.firms.take() else { return answer };
        firms.hidden |= mishap.is_some();
        firms.lied |= mishap == Some(Mishap::Lie);
        let made = store.firm_ids().expect("the CRM's state").into_iter().filter(|id| !before.contains(id));
        for id in made {
            let name = self.name_of_firm(id);
            let same: Vec<_> = before.iter().filter(|id| key(&self.name_of_firm(**id)) == key(&name)).collect();
            // What a listing hides is asked for, if the mirror ever knew it.
            let known = |id: &i64| self.beside.firm_name(&id.to_string()).ok().flatten().is_some_and(|it| it == name);
            let can_tell = !firms.hidden || (!firms.lied && same.iter().any(|id| known(id)));
            if !same.is_empty() && can_tell && !firms.new_names.contains(&key(&name)) {
                let fault = format!("firm {name} is made twice: {same:?} and {id}");
                self.note(format!("!!! {fault}"));
                self.judge.faults.push(fault);
            }
            firms.names.entry(id).or_default().insert(name);
        }
        self.firms = Some(firms);
        answer
    }
}
