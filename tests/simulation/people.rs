//! The people: they add, edit and delete at the CRM's screen and in the books, at any moment.

use carnet::{
    contact::{Address, AddressType, Contact, ContactType, Field, FieldSet, Item, ItemType},
    mirror::AttentionKind,
    sandbox::{Entry, Quirk, Record},
};

use crate::{
    dice::Dice,
    ledger::{Fate, Kind, Ledger, key},
    world::World,
};

/// What a person does to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Add,
    Scalar,
    AddItem,
    EditItem,
    RemoveItem,
    Delete,
}

const ACTS: [Act; 12] = [
    Act::Add,
    Act::Add,
    Act::Scalar,
    Act::Scalar,
    Act::Scalar,
    Act::Scalar,
    Act::AddItem,
    Act::AddItem,
    Act::EditItem,
    Act::EditItem,
    Act::RemoveItem,
    Act::Delete,
];

/// Scalars that people edit: their place in a CRM record, their field, their kind.
const SCALARS: [(usize, Field, Kind); 5] = [
    (1, Field::LastName, Kind::LastName),
    (2, Field::FirstName, Kind::FirstName),
    (3, Field::Comment, Kind::Comment),
    (4, Field::JobTitle, Kind::JobTitle),
    (5, Field::JobDepartment, Kind::Department),
];

impl World {
    /// Somebody does something, somewhere.
    pub fn somebody_acts(&mut self) {
        if self.somebody_acts_on_firms() {
            return;
        }
        let place = self.dice.below(1 + self.shelves.len());
        if place == 0 {
            self.act_at_crm()
        } else {
            self.act_in_book(place - 1)
        }
        self.a_phone_may_sync();
    }

    fn act_at_crm(&mut self) {
        let action = self.dice.pick(&ACTS);
        let store = self.crm.store();
        if action == Act::Add {
            let record = self.new_record();
            self.note(format!("a person adds {} to the CRM", shown(&record)));
            store.add(record).expect("the CRM's state");
            return;
        }
        let Some(mut record) = self.some_record() else { return };
        let (was, before) = (shown(&record), texts(&record));
        if action == Act::Delete {
            let fate = if self.unacknowledged.contains(&record.id) { Fate::Excused } else { Fate::GoneWhole };
            self.note(format!("a person deletes {} {was} in the CRM", record.id));
            let before = self.ended.remove(&(0, record.id.to_string())).unwrap_or_default();
            self.ledger.end(texts(&record).into_iter().chain(before), fate);
            store.delete(record.id).expect("the CRM's state");
            return;
        }
        let id = record.id;
        edit_record(&mut record, action, &mut self.dice, &mut self.ledger);
        self.label(&mut record);
        self.remember_ended((0, id.to_string()), before.clone(), &texts(&record));
        if self.unacknowledged.contains(&id) || self.unsure_puts.contains(&id) {
            // Should it be deleted too before carnet learns of it, it is made again as it was sent; and what a person
            // undoes of a change whose answer was lost, is sent again.
            let after = texts(&record);
            self.ledger.end(before.into_iter().filter(|text| !after.contains(text)), Fate::Excused);
        }
        self.note(format!("a person edits {id} {was} in the CRM: {}", shown(&record)));
        store.revise(id, |held| *held = record).expect("the CRM's state");
    }

    fn some_record(&mut self) -> Option<Record> {
        let ids = self.crm.store().ids().expect("the CRM's state");
        if ids.is_empty() {
            return None;
        }
        let id = self.dice.pick(&ids);
        // Nobody works on carnet's own throwaway contact.
        let record = self.crm.store().record(id).expect("the CRM's state")?;
        let name = record.scalars[1].as_deref().unwrap_or_default();
        (!name.to_lowercase().starts_with(carnet::crm::PROBE_NAME)).then_some(record)
    }

    /// A record that a person makes at the CRM.
    pub fn new_record(&mut self) -> Record {
        let mut record = Record { created_at: "01-01-2026-10-00".to_owned(), ..Record::default() };
        record.scalars[1] = Some(self.ledger.fresh(Kind::LastName));
        record.scalars[7] = self.asks_for_type().then(|| ContactType::Client.code().to_owned());
        edit_record(&mut record, Act::AddItem, &mut self.dice, &mut self.ledger);
        if self.dice.permille(300) {
            edit_record(&mut record, Act::Scalar, &mut self.dice, &mut self.ledger);
        }
        self.label(&mut record);
        record
    }

    /// People at the CRM give each entry its label, where entries have labels.
    fn label(&self, record: &mut Record) {
        if self.crm.store().settings().has(Quirk::EntryLabels) {
            for entry in record.lists.iter_mut().flatten().filter(|entry| entry.id == 0) {
                entry.label = entry.values[1].as_ref().map(|value| format!("label of {value}"));
            }
        }
    }

    fn asks_for_type(&self) -> bool {
        self.crm.store().settings().has(Quirk::RequiresType)
    }

    fn act_in_book(&mut self, place: usize) {
        let shelf = self.shelves[place].clone();
        if self.books_away.contains(&place) {
            return;
        }
        let action = self.dice.pick(&ACTS);
        let fields = shelf.capabilities.fields;
        if action == Act::Add {
            let contact = self.new_contact(fields);
            self.people_names += 1;
            let name = format!("person-{}{}", self.people_names, shelf.lock().ending);
            self.note(format!("a person adds {} {} to book {place}", name, words(&contact).join(" ")));
            shelf.lock().put(&name, contact);
            return;
        }
        let contacts = shelf.contacts();
        if contacts.is_empty() {
            return;
        }
        let (remote, mut contact) = contacts[self.dice.below(contacts.len())].clone();
        let was = words(&contact).join(" ");
        if action == Act::Delete {
            let unseen = self.unacknowledged_cards.contains(&(place, remote.clone()));
            let fate = match self.crm_follows_deletions {
                _ if unseen => Fate::Excused,
                true => Fate::GoneWhole,
                false => Fate::Detached,
            };
            self.note(format!("a person deletes {remote} {was} in book {place}"));
            let before = self.ended.remove(&(place + 1, remote.clone())).unwrap_or_default();
            let known_by: Vec<String> = words(&contact).into_iter().chain(before).collect();
            let hidden =
                if fields.contains(Field::JobDepartment) { Vec::new() } else { self.departments_of(&known_by) };
            // What carnet had not read yet is an edit that the card's deletion knew nothing of: it may bring the contact back.
            self.revivable.extend(hidden.iter().map(|text| key(text)).filter(|text| !self.held.contains(text)));
            self.ledger.end(known_by.into_iter().chain(hidden), fate);
            shelf.lock().remove(&remote);
            return;
        }
        let before = words(&contact);
        edit_contact(&mut contact, fields, action, &mut self.dice, &mut self.ledger);
        let after = words(&contact);
        if !shelf.capabilities.identity && self.unacknowledged_cards.contains(&(place, remote.clone())) {
            // Nobody can tell whose card it is that carnet wrote and a person changed, where cards carry no identity.
            self.ledger.end(before.iter().chain(&after).cloned(), Fate::Excused);
        }
        // What is taken out of a card that waits as another's copy is not taken out of the contact.
        let book = format!("book-{}", shelf.number);
        let asked = self.beside.attention_to(&book, &remote, &AttentionKind::Ambiguous);
        // In the middle of a commit nobody reads.
        if asked.is_ok_and(|asked| asked.is_some()) {
            self.ledger.end(before.iter().filter(|text| !after.contains(*text)).cloned(), Fate::Excused);
        }
        // Nor can anybody tell that a person took out what carnet had just put in, and had no time to note.
        let unseen = before.iter().filter(|text| !after.contains(text) && self.unacknowledged_values.contains(*text));
        let unseen: Vec<String> = unseen.cloned().collect();
        self.ledger.end(unseen, Fate::Excused);
        self.remember_ended((place + 1, remote.clone()), before, &after);
        self.note(format!("a person edits {remote} {was} in book {place}: {}", words(&contact).join(" ")));
        shelf.lock().put(&remote, contact);
    }

    /// What other places hold of a contact in the field that some books cannot show: it goes with the card. `known_by`:
    /// what the card says and has said, for other places may be behind.
    fn departments_of(&self, known_by: &[String]) -> Vec<String> {
        let shown: Vec<String> = known_by.iter().map(|text| key(text)).collect();
        let store = self.crm.store();
        let ids = store.ids().expect("the CRM's state").into_iter();
        let records = ids.filter_map(|id| store.record(id).expect("the CRM's state"));
        let is_same = |texts: Vec<String>| texts.iter().any(|text| shown.contains(&key(text)));
        let mut departments: Vec<String> =
            records.filter(|record| is_same(texts(record))).filter_map(|record| record.scalars[5].clone()).collect();
        for shelf in &self.shelves {
            let same = shelf.contacts().into_iter().filter(|(_, contact)| is_same(words(contact)));
            departments.extend(same.map(|(_, contact)| contact.job_department));
        }
        departments
    }

    /// Should the contact go whole afterwards, carnet may never have seen that these went before it. And should it go
    /// elsewhere, an edit that only removes is an edit too: it comes back with all that is left.
    fn remember_ended(&mut self, record: (usize, String), before: Vec<String>, after: &[String]) {
        if after.len() < before.len() {
            self.revivable.extend(after.iter().map(|text| key(text)));
        }
        let ended = before.into_iter().filter(|text| !after.contains(text));
        self.ended.entry(record).or_default().extend(ended);
    }

    fn new_contact(&mut self, fields: FieldSet) -> Contact {
        let contact_type = self.asks_for_type().then_some(ContactType::Client);
        let last_name = self.ledger.fresh(Kind::LastName);
        let mut contact = Contact { last_name, contact_type, ..Contact::default() };
        edit_contact(&mut contact, fields, Act::AddItem, &mut self.dice, &mut self.ledger);
        if self.dice.permille(300) {
            edit_contact(&mut contact, fields, Act::Scalar, &mut self.dice, &mut self.ledger);
        }
        contact
    }
}

fn edit_record(record: &mut Record, action: Act, dice: &mut Dice, ledger: &mut Ledger) {
    match action {
        Act::Scalar => {
            let (at, _, kind) = dice.pick(&SCALARS);
            ledger.end(record.scalars[at].take(), Fate::Gone);
            record.scalars[at] = Some(ledger.fresh(kind));
        }
        Act::AddItem => {
            let (list, entry) = new_entry(dice, ledger);
            record.lists[list].push(entry);
        }
        Act::EditItem | Act::RemoveItem => {
            let list = dice.below(2);
            if record.lists[list].is_empty() {
                return;
            }
            let at = dice.below(record.lists[list].len());
            let entry = &mut record.lists[list][at];
            ledger.end(entry.values[1].clone(), Fate::Gone);
            if action == Act::RemoveItem {
                record.lists[list].remove(at);
                return;
            }
            let kind = match (list, entry.values[0].as_deref()) {
                (0, _) => Kind::Street,
                (_, Some("27")) => Kind::Email,
                _ => Kind::Phone,
            };
            entry.values[1] = Some(ledger.fresh(kind));
        }
        Act::Add | Act::Delete => {}
    }
}

/// An entry for the list of that place.
fn new_entry(dice: &mut Dice, ledger: &mut Ledger) -> (usize, Entry) {
    let (list, code, kind) =
        dice.pick(&[(1, "27", Kind::Email), (1, "24", Kind::Phone), (1, "88", Kind::Phone), (0, "21", Kind::Street)]);
    let mut values = vec![Some(code.to_owned()), Some(ledger.fresh(kind))];
    values.resize(if list == 0 { 6 } else { 2 }, None);
    (list, Entry { id: 0, label: None, values })
}

pub fn edit_contact(contact: &mut Contact, fields: FieldSet, action: Act, dice: &mut Dice, ledger: &mut Ledger) {
    match action {
        Act::Scalar => {
            let (_, field, kind) = dice.pick(&SCALARS);
            if !fields.contains(field) {
                return;
            }
            ledger.end([contact.scalar(field).into_owned()], Fate::Gone);
            contact.set_scalar(field, &ledger.fresh(kind));
        }
        Act::AddItem => {
            let kind = dice.pick(&[Kind::Email, Kind::Phone, Kind::Street]);
            let text = ledger.fresh(kind);
            match kind {
                Kind::Email => contact.items.push(Item::new(ItemType::ProfessionalEmail, text)),
                Kind::Street => {
                    let mut address = Address::new(AddressType::Professional);
                    address.street_address = text;
                    contact.addresses.push(address);
                }
                _ => contact.items.push(Item::new(ItemType::ProfessionalPhone, text)),
            }
        }
        Act::EditItem | Act::RemoveItem => edit_entry(contact, action == Act::RemoveItem, dice, ledger),
        Act::Add | Act::Delete => {}
    }
}

fn edit_entry(contact: &mut Contact, removes: bool, dice: &mut Dice, ledger: &mut Ledger) {
    let entries = contact.items.len() + contact.addresses.len();
    if entries == 0 {
        return;
    }
    let at = dice.below(entries);
    if let Some(item) = contact.items.get_mut(at) {
        ledger.end([item.value.clone()], Fate::Gone);
        if removes {
            contact.items.remove(at);
            return;
        }
        let kind = if item.value.contains('@') { Kind::Email } else { Kind::Phone };
        item.value = ledger.fresh(kind);
        return;
    }
    let at = at - contact.items.len();
    ledger.end([contact.addresses[at].street_address.clone()], Fate::Gone);
    if removes {
        contact.addresses.remove(at);
    } else {
        contact.addresses[at].street_address = ledger.fresh(Kind::Street);
    }
}

/// Every text in a CRM record that a person may have typed.
pub fn texts(record: &Record) -> Vec<String> {
    let entries = record.lists.iter().flatten().filter_map(|entry| entry.values.get(1).cloned().flatten());
    record.scalars[1..6].iter().flatten().cloned().chain(entries).filter(|text| !text.is_empty()).collect()
}

/// Every text in a contact that a person may have typed.
pub fn words(contact: &Contact) -> Vec<String> {
    let scalars = SCALARS.iter().map(|(_, field, _)| contact.scalar(*field).into_owned());
    let items = contact.items.iter().map(|item| item.value.clone());
    let streets = contact.addresses.iter().map(|address| address.street_address.clone());
    scalars.chain(items).chain(streets).filter(|text| !text.is_empty()).collect()
}

fn shown(record: &Record) -> String {
    texts(record).join(" ")
}
