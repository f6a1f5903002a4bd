//! What a server made of a card that it was given. Pure.
//!
//! Three of five servers rewrite what they are given: lists of nicknames are cut, pictures dropped, commas escaped into one
//! name. That is no edit by anybody. It is told from a user's edit in the same instant by the ETag, where the server gives one
//! that is still the card's; else by what such rewriting looks like.

use std::collections::BTreeSet;

use crate::contact::{Contact, Field, FieldSet};

/// What the server made of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What our write left: what was read, less what somebody else has done since.
    pub left: Contact,
    /// The words for what the server does not keep as it is sent.
    pub altered: BTreeSet<String>,
    /// Somebody else has done something since.
    pub is_foreign: bool,
}

/// Judges what was read back. `is_proved`: by its ETag it is what our write left; `known`: what the server was seen to alter.
pub fn judge(sent: &Contact, read: &Contact, is_proved: bool, known: &BTreeSet<String>) -> Judged {
    let mut judged = Judged { left: read.clone(), altered: BTreeSet::new(), is_foreign: false };
    for part in altered(sent, read) {
        if is_proved || part.is_loss(known) {
            judged.altered.insert(part.learned());
        } else {
            judged.is_foreign = true;
            part.put_back(&mut judged.left, sent);
        }
    }
    judged
}

/// What a card that the server may have altered is to be taken to say, where `known` is what its contact has: a value that only
/// lost what this server does not keep stands as it was. None where that is just what it says. `is_ours`: what stands there is
/// what our own last write left, as far as anybody knows, and nobody has looked at it since.
pub fn told(known: &Contact, there: &Contact, alters: &BTreeSet<String>, is_ours: bool) -> Option<Contact> {
    if alters.is_empty() && !is_ours {
        return None;
    }
    let is_its_own = |part: &Part| (is_ours || alters.contains(&part.learned())) && part.is_loss(alters);
    let lost = altered(known, there).into_iter().filter(is_its_own);
    let mut told = there.clone();
    lost.for_each(|part| part.put_back(&mut told, known));
    (told != *there).then_some(told)
}

/// A part of a contact that is not as it was.
struct Part {
    field: Field,
    /// The field's name, or the property's.
    word: String,
    before: Vec<String>,
    after: Vec<String>,
}

impl Part {
    /// Has this part say what it says in another contact.
    fn put_back(&self, contact: &mut Contact, from: &Contact) {
        match self.field {
            Field::Extra => {
                contact.extra.retain(|entry| property(entry) != self.word);
                contact.extra.extend(from.extra.iter().filter(|entry| property(entry) == self.word).cloned());
            }
            field => contact.copy_fields(from, FieldSet::NONE.with(field)),
        }
    }

    /// True where the server alone may have done it: what is there is what was, in another spelling or cut short. That a whole
    /// value is missing is believed of pictures and the like, and of properties that this server was seen to drop: a telephone
    /// number that is gone, somebody has taken out.
    fn is_loss(&self, known: &BTreeSet<String>) -> bool {
        let before: Vec<String> = self.before.iter().map(|value| loose(value)).collect();
        let resembles = |value: &String| {
            let value = loose(value);
            before.iter().any(|old| *old == value || (!value.is_empty() && is_cut(old, &value)))
        };
        let is_known = || DROPPED.contains(&self.word.as_str()) || known.contains(&self.learned());
        self.after.iter().all(resembles) && (!self.is_drop() || (self.field == Field::Extra && is_known()))
    }

    /// A whole value is missing.
    fn is_drop(&self) -> bool {
        self.after.len() < self.before.len()
    }

    /// What is learned of the server: that it alters values, or drops them.
    fn learned(&self) -> String {
        if self.is_drop() { format!("{DROPS}{}", self.word) } else { self.word.clone() }
    }
}

/// Before the word for what is dropped whole.
const DROPS: char = '-';

/// What is known of a server, from the words for all that it does not keep as it is sent and for what it drops.
pub fn learned(alters: &str, drops: &str) -> BTreeSet<String> {
    let drops = drops.split_whitespace().map(|word| format!("{DROPS}{word}"));
    alters.split_whitespace().map(str::to_owned).chain(drops).collect()
}

/// The words for all that a server does not keep as it is sent, one blank between.
pub fn words(learned: &BTreeSet<String>) -> String {
    let words: BTreeSet<&str> = learned.iter().map(|word| word.trim_start_matches(DROPS)).collect();
    words.into_iter().collect::<Vec<_>>().join(" ")
}

/// The words for what it drops.
pub fn dropped(learned: &BTreeSet<String>) -> String {
    learned.iter().filter_map(|word| word.strip_prefix(DROPS)).collect::<Vec<_>>().join(" ")
}

/// Properties that a server drops whole.
const DROPPED: &[&str] = &["PHOTO", "LOGO", "SOUND", "KEY"];

fn altered(before: &Contact, after: &Contact) -> Vec<Part> {
    let mut parts = Vec::new();
    for field in before.differing(after).iter() {
        if field == Field::Extra {
            parts.extend(altered_properties(before, after));
            continue;
        }
        let values = |contact: &Contact| match field {
            Field::Items => contact.items.iter().map(crate::contact::Item::one_line).collect(),
            Field::Addresses => contact.addresses.iter().map(crate::contact::Address::one_line).collect(),
            scalar => Some(contact.scalar(scalar).into_owned()).filter(|text| !text.is_empty()).into_iter().collect(),
        };
        parts.extend(part(field, field.name().to_owned(), (values(before), values(after))));
    }
    parts
}

fn altered_properties(before: &Contact, after: &Contact) -> Vec<Part> {
    let names: BTreeSet<&str> = before.extra.iter().chain(&after.extra).map(|entry| property(entry)).collect();
    let of = |contact: &Contact, name: &str| -> Vec<String> {
        contact.extra.iter().filter(|entry| property(entry) == name).cloned().collect()
    };
    let parts =
        names.into_iter().filter_map(|name| part(Field::Extra, name.to_owned(), (of(before, name), of(after, name))));
    parts.collect()
}

/// None where the values are the same in another order.
fn part(field: Field, word: String, (mut before, mut after): (Vec<String>, Vec<String>)) -> Option<Part> {
    before.sort_unstable();
    after.sort_unstable();
    (before != after).then_some(Part { field, word, before, after })
}

/// The property of an entry that the model does not name.
fn property(entry: &str) -> &str {
    entry.split([':', ';']).next().unwrap_or_default()
}

/// A value without what rewriting adds and takes away.
fn loose(value: &str) -> String {
    value
        .chars()
        .filter(|char| !char.is_whitespace() && !['\\', '"'].contains(char))
        .flat_map(char::to_lowercase)
        .collect()
}

/// True where a value ends where another one has a separator.
fn is_cut(whole: &str, part: &str) -> bool {
    whole.strip_prefix(part).is_some_and(|rest| rest.starts_with([',', ';']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    fn contact(extra: &[&str]) -> Contact {
        Contact {
            last_name: "Roux".into(),
            company: "Roux, fils".into(),
            items: vec![
                Item::new(ItemType::ProfessionalPhone, "01"),
                Item::new(ItemType::ProfessionalEmail, "a@b.example"),
            ],
            extra: extra.iter().map(|entry| (*entry).to_owned()).collect(),
            ..Contact::default()
        }
    }

    fn check(sent: &[&str], read: &[&str], proved: &str, unproved: &str) {
        let say = |judged: Judged| match (judged.is_foreign, judged.altered.is_empty()) {
            (true, _) => "foreign".to_owned(),
            (false, true) => "as sent".to_owned(),
            (false, false) => judged.altered.into_iter().collect::<Vec<_>>().join(" "),
        };
        let (sent, read, known) = (contact(sent), contact(read), BTreeSet::new());
        assert_eq!(say(judge(&sent, &read, true, &known)), proved, "{read:?}");
        assert_eq!(say(judge(&sent, &read, false, &known)), unproved, "{read:?}");
    }

    #[test]
    fn only_what_somebody_else_did_is_left_to_the_next_scan() {
        let (sent, read) = (contact(&["NICKNAME:a,b", "X-A:1"]), contact(&["NICKNAME:a", "X-A:1", "X-B:2"]));
        let read = Contact { job_title: "Buyer".into(), ..read };
        let judged = judge(&sent, &read, false, &BTreeSet::new());
        let left = contact(&["NICKNAME:a", "X-A:1"]);
        let altered = ["NICKNAME".to_owned()].into();
        assert_eq!(judged, Judged { left, altered, is_foreign: true });
    }

    #[test]
    fn what_servers_make_of_cards_is_told_from_edits() {
        check(&["NICKNAME:a,b", "NOTE2:x"], &["NOTE2:x", "NICKNAME:a,b"], "as sent", "as sent");
        check(&["NICKNAME:a,b"], &["NICKNAME:a"], "NICKNAME", "NICKNAME");
        check(&["NICKNAME:a,b"], &["NICKNAME:a\\,b"], "NICKNAME", "NICKNAME");
        check(&["X-THING:a,b;c"], &["X-THING:a\\,b\\;c"], "X-THING", "X-THING");
        check(&["PHOTO:data:image/png;base64,AAAA"], &["PHOTO:data:image/png;base64"], "PHOTO", "PHOTO");
        check(&["PHOTO;ENCODING=b:AAAA", "X-A:1"], &["X-A:1"], "-PHOTO", "-PHOTO");
        check(&["X-A:1"], &[], "-X-A", "foreign");
        check(&["NICKNAME:a"], &["NICKNAME:b"], "NICKNAME", "foreign");
        check(&[], &["BDAY:2000"], "BDAY", "foreign");
    }

    #[test]
    fn what_a_server_does_not_keep_was_not_removed() {
        let alters: BTreeSet<String> = ["NICKNAME", "-PHOTO", "company", "contact_items"].map(str::to_owned).into();
        let known = contact(&["NICKNAME:a,b", "PHOTO;ENCODING=b:AAAA", "BDAY:2000"]);
        let there = Contact { company: "Roux".into(), ..contact(&["NICKNAME:a", "X-NEW:1"]) };
        let told = super::told(&known, &there, &alters, false).expect("something was lost");
        assert_eq!(told.company, "Roux, fils");
        assert_eq!(told.extra, ["X-NEW:1", "NICKNAME:a,b", "PHOTO;ENCODING=b:AAAA"], "a birthday that is gone is gone");
        let edited =
            Contact { company: "Blanc".into(), ..contact(&["NICKNAME:c", "PHOTO;ENCODING=b:BBBB", "BDAY:2000"]) };
        assert_eq!(super::told(&known, &edited, &alters, false), None, "an edit is an edit");
        assert_eq!(super::told(&known, &there, &BTreeSet::new(), false), None);
        let fewer = Contact { items: known.items[..1].to_vec(), ..known.clone() };
        assert_eq!(super::told(&known, &fewer, &alters, false), None, "a number that is gone was taken out");
        assert_eq!(words(&alters), "NICKNAME PHOTO company contact_items");
        assert_eq!(dropped(&alters), "PHOTO");
        assert_eq!(super::told(&known, &there, &learned(&words(&alters), &dropped(&alters)), false), Some(told));
    }
}
