//! What the programs of a book of cards have ever written there. A telephone that knows no NOTE writes every card that it
//! edits without one; nobody removed it. So a property that is missing counts as removed only if some card that a program
//! wrote has ever had one of its sort, or if the card is still in carnet's own hand: then somebody took the line out.
//!
//! What was never sent keeps its value in the mirror and everywhere else; the card itself is left as its program wrote it.

use std::collections::BTreeSet;

use crate::{
    contact::{Contact, Field, ItemKind},
    formats::vcard::Card,
};

/// The scalars that clients drop; names are in every card, and the others are weak already.
const SCALARS: [Field; 4] = [Field::Comment, Field::JobTitle, Field::JobDepartment, Field::Company];

/// The sorts of properties that a book's programs have written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedProperties {
    sent: BTreeSet<String>,
}

impl ObservedProperties {
    /// As [`ObservedProperties::to_text`] wrote them.
    pub fn parse(text: &str) -> Self {
        Self { sent: text.split_whitespace().map(str::to_owned).collect() }
    }

    /// The sorts in order, one blank between.
    pub fn to_text(&self) -> String {
        self.sent.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Under which name the mirror keeps a book's habits.
    pub fn fact(book: &str) -> String {
        format!("book.{book}.sends")
    }

    /// True when the contact has nothing that was not sent before.
    pub fn know(&self, contact: &Contact) -> bool {
        sorts(contact).is_subset(&self.sent)
    }

    /// Learns from a card that is new or changed, unless it is in carnet's own hand.
    pub fn learn(&mut self, card: &Card, contact: &Contact) {
        let sorts = sorts(contact);
        if sorts.is_subset(&self.sent) || card.is_in_own_hand() {
            return;
        }
        // A card can name any property; a folder of rubbish must not fill the mirror.
        let room = SORTS_MAX.saturating_sub(self.sent.len());
        self.sent.extend(sorts.into_iter().take(room));
    }

    /// What a changed card is to be taken to say where `known` is what the record said before: with what is missing only
    /// because its program never writes it. None where that is just what it says.
    pub fn told(&self, card: &Card, known: &Contact, there: &Contact) -> Option<Contact> {
        let mut told = there.clone();
        let unsent = |sort: &str| !self.sent.contains(sort) || sort == DROPPED;
        for field in SCALARS.into_iter().filter(|field| there.scalar(*field).is_empty() && unsent(field.name())) {
            told.set_scalar(field, &known.scalar(field));
        }
        if there.addresses.is_empty() && unsent(Field::Addresses.name()) {
            told.addresses.clone_from(&known.addresses);
        }
        for item in &known.items {
            let kind = item.item_type.kind();
            if there.values(kind).next().is_none() && unsent(word(kind)) {
                told.items.push(item.clone());
            }
        }
        let has = |sort: &str| there.extra.iter().any(|entry| extra_sort(entry) == sort);
        for entry in &known.extra {
            let sort = extra_sort(entry);
            if !has(&sort) && unsent(&sort) {
                told.extra.push(entry.clone());
            }
        }
        let is_dropped = told != *there && !card.is_in_own_hand();
        is_dropped.then_some(told)
    }
}

/// khard drops it whenever it saves a card, and only Apple's programs show what it says: it is never removed.
const DROPPED: &str = "extra.X-ABSHOWAS";

/// Far more than there are properties.
const SORTS_MAX: usize = 200;

fn sorts(contact: &Contact) -> BTreeSet<String> {
    let scalars = SCALARS.into_iter().filter(|field| !contact.scalar(*field).is_empty()).map(Field::name);
    let items = contact.items.iter().map(|item| word(item.item_type.kind()));
    let addresses = contact.addresses.first().map(|_| Field::Addresses.name());
    let named = scalars.chain(items).chain(addresses).map(str::to_owned);
    named.chain(contact.extra.iter().map(|entry| extra_sort(entry))).collect()
}

fn word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Phone => "phone",
        ItemKind::Fax => "fax",
        ItemKind::Email => "email",
        ItemKind::Account => "account",
    }
}

/// `extra.PHOTO`: the property's name, in letters that a list of words can hold.
fn extra_sort(entry: &str) -> String {
    let name = entry.split([':', ';']).next().unwrap_or_default();
    let name: String = name.chars().filter(|char| !char.is_whitespace()).take(40).collect();
    format!("extra.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Address, AddressType, Item, ItemType, identity::Identity},
        formats::vcard::{new_card, read},
    };

    fn whole() -> Contact {
        let address = Address { city: "Lyon".into(), ..Address::new(AddressType::Professional) };
        Contact {
            last_name: "Roux".into(),
            comment: "VIP".into(),
            job_title: "Buyer".into(),
            job_department: "Sales".into(),
            company: "Roux SA".into(),
            addresses: vec![address],
            items: vec![
                Item::new(ItemType::ProfessionalPhone, "01 99 00 00 01"),
                Item::new(ItemType::ProfessionalFax, "01 99 00 00 02"),
                Item::new(ItemType::Skype, "roux"),
            ],
            extra: vec!["BDAY:1980-01-01".into()],
            ..Contact::default()
        }
    }

    /// Another program's card.
    fn foreign(lines: &str) -> String {
        format!("BEGIN:VCARD\nVERSION:3.0\nPRODID:-//Phone//\nN:Roux;;;;\nFN:Roux\n{lines}END:VCARD\n")
    }

    /// The fields that an edited card leaves empty and that count as removed, after what `others` wrote.
    fn check(others: &str, lines: &str, removed: &[&str]) {
        let card = |text: &str| Card::parse(text.as_bytes()).expect("a card");
        let mut observed = ObservedProperties::default();
        let other = card(&foreign(others));
        observed.learn(&other, &read(&other, None));
        let text = foreign(lines);
        let there = read(&card(&text), Some(&whole()));
        let again = ObservedProperties::parse(&observed.to_text());
        assert_eq!(again, observed);
        let interpret = again.told(&Card::parse(text.as_bytes()).unwrap(), &whole(), &there);
        let gone: Vec<String> = sorts(&whole()).difference(&sorts(&interpret.unwrap_or(there))).cloned().collect();
        assert_eq!(gone, removed, "{others:?} {lines:?}");
    }

    #[test]
    fn what_a_program_never_writes_was_not_removed() {
        check("", "", &[]);
        check("TEL:12\n", "", &["phone"]);
        check("TEL:12\nNOTE:x\nTITLE:y\n", "TEL:01 99 00 00 01\n", &["comment", "job_title"]);
        check("ORG:A;B\nADR;TYPE=WORK:;;x;;;;\n", "", &["company", "contact_addresses", "job_department"]);
        check("IMPP:skype:a\nTEL;TYPE=FAX:1\nBDAY:2000\n", "", &["account", "extra.BDAY", "fax"]);
    }

    #[test]
    fn a_line_that_a_person_took_out_of_a_card_of_ours_was_removed() {
        for version in [crate::formats::vcard::Version::V30, crate::formats::vcard::Version::V40] {
            let style = crate::formats::vcard::WriteStyle {
                revised: Some(crate::formats::vcard::Rev(1_795_453_200)),
                ..version.into()
            };
            let identity = Identity { uid: Some("u".into()), crm_id: Some("7".into()) };
            let text = String::from_utf8(new_card(style, &whole(), &identity).to_bytes()).unwrap();
            let without =
                |name: &str| -> String { text.split_inclusive('\n').filter(|line| !line.starts_with(name)).collect() };
            for name in ["NOTE", "TITLE", "ORG", "ADR", "TEL", "IMPP", "BDAY"] {
                let edited = without(name);
                assert_ne!(edited, text, "{name}");
                let card = Card::parse(edited.as_bytes()).unwrap();
                let there = read(&card, None);
                let mut observed = ObservedProperties::default();
                observed.learn(&card, &there);
                assert_eq!(observed, ObservedProperties::default(), "{name}: it was carnet that wrote it");
                assert_eq!(
                    observed.told(&Card::parse(edited.as_bytes()).unwrap().in_style(style), &whole(), &there),
                    None,
                    "{name}"
                );
            }
        }
    }
}
