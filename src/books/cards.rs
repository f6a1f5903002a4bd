//! vCards as books see them: a card with its place in the file, and the sighting that it gives.
//!
//! What a property means is `formats::vcard`'s business; which file or line it came from is the caller's.

use crate::replica::Reading;
use std::{borrow::Cow, ops::Range};

use super::ObservedProperties;
use crate::{
    contact::{Contact, Field, FieldSet, identity::Identity},
    formats::vcard::{self, Card, WriteStyle, split},
    replica::{Diagnostic, Problem, RemoteContact, ReplicaError},
};

/// Text that holds one card, and the card.
#[derive(Debug)]
pub struct CardFile<'a> {
    text: Cow<'a, [u8]>,
    range: Range<usize>,
    /// The card, parsed.
    pub card: Card,
}

/// What is wrong with a card. Never holds its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The line in the file, from 1; none if the file as a whole is meant.
    pub line: Option<usize>,
    /// A lowercase fragment.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Flaw {
    /// About the file as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into(), hint: None }
    }

    /// Where it is, in words: "ada.vcf line 7".
    pub fn place(&self, file: &str) -> String {
        match self.line {
            Some(line) => format!("{file} line {line}"),
            None => file.to_owned(),
        }
    }

    /// As the port reports it: of the record of this name, which counts as seen.
    pub fn problem(self, name: &str) -> Problem {
        Problem { place: self.place(name), message: self.message, hint: self.hint, remote: Some(name.to_owned()) }
    }

    /// Why the record of this name is not written.
    pub fn refusal(self, name: &str) -> ReplicaError {
        let message = format!("write {}: it {}", self.place(name), self.message);
        ReplicaError::Rejected(Diagnostic { message, hint: self.hint })
    }
}

impl<'a> CardFile<'a> {
    /// Reads a file that is to hold one card.
    pub fn parse(bytes: &'a [u8], style: WriteStyle) -> Result<Self, Flaw> {
        let text = split::text(bytes);
        if let Some(line) = conflict_marker(&text) {
            return Err(unmerged(line));
        }
        let mut cards = split::cards(&text).into_iter().filter(|piece| piece.kind == split::Kind::Card);
        let Some(piece) = cards.next() else {
            let message = if text.trim_ascii().is_empty() { "is empty" } else { "holds no card" };
            return Err(Flaw::whole(message));
        };
        let more = cards.count();
        if more > 0 {
            let hint = Some("split it, or set the book's kind to \"vcard\"".into());
            return Err(Flaw { hint, ..Flaw::whole(format!("holds {} cards; one a file is expected", more + 1)) });
        }
        let card = parse(&text[piece.range.clone()], piece.line, piece.problem, style)?;
        Ok(Self { range: piece.range, text, card })
    }

    /// The file's bytes with the card as it stands now; what is around it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.text[..self.range.start].to_vec();
        bytes.extend_from_slice(&self.card.to_bytes());
        bytes.extend_from_slice(&self.text[self.range.end..]);
        bytes
    }
}

/// The line, from 1, on which a version control system has marked two versions of the text between which it could not
/// decide.
pub fn conflict_marker(text: &[u8]) -> Option<usize> {
    let end = if text.contains(&b'\n') { b'\n' } else { b'\r' };
    let is_marker = |line: &[u8]| line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> ");
    text.split(|byte| *byte == end).position(is_marker).map(|before| before + 1)
}

/// A text with the marks of a merge that nobody has finished: half of it is not what anybody meant.
pub fn unmerged(line: usize) -> Flaw {
    let hint = Some("finish the merge, or take back the file from before it".into());
    Flaw { line: Some(line), hint, message: "has the marks of an unfinished merge (<<<<<<<)".into() }
}

/// Reads one card of a file: its bytes, the line it begins on, and why it cannot be used.
pub fn parse(bytes: &[u8], line: usize, problem: Option<&str>, style: WriteStyle) -> Result<Card, Flaw> {
    if let Some(problem) = problem {
        let hint = Some("mend or restore the card; until then its contact stays as it was".into());
        return Err(Flaw { line: Some(line), message: problem.into(), hint });
    }
    let card = Card::parse(bytes).map_err(|error| Flaw {
        line: Some(line + error.line.saturating_sub(1)),
        message: error.message.to_string(),
        hint: error.hint.map(|hint| hint.to_string()),
    });
    card.map(|card| card.in_style(style))
}

/// What a card says, as a sighting.
pub fn remote_contact(card: &Card, remote: String, revision: String) -> RemoteContact {
    RemoteContact {
        remote,
        revision,
        uid: card.uid().map(|uid| uid.to_string()),
        crm_id: card.crm_id().map(|id| id.to_string()),
        contact: vcard::read(card, None),
        fields: vcard::CARRIED,
        detail: None,
        source: Some(card.to_bytes()),
        edited: None,
    }
}

/// What is wrong with one value of a card that is read for the rest.
pub fn unread_value(record: &RemoteContact) -> Option<Flaw> {
    let card = Card::parse(record.source.as_deref()?).ok()?;
    let hint = Some("correct the line; until then the contact keeps what it has".into());
    vcard::unread(&card)
        .map(|name| Flaw { hint, ..Flaw::whole(format!("has letters in {name}, which holds a number")) })
}

/// Learns what a book's programs write from a card that one of them wrote.
pub fn learn(observed: &mut ObservedProperties, style: WriteStyle, record: &RemoteContact) {
    if observed.know(&record.contact) {
        return;
    }
    if let Some(card) = record.source.as_deref().and_then(|source| Card::parse(source).ok()) {
        observed.learn(&card.in_style(style), &record.contact);
    }
}

/// A card read knowing its contact, of whose book's programs this is known.
pub fn interpret(source: &[u8], style: WriteStyle, observed: &ObservedProperties, known: &Contact) -> Option<Reading> {
    let card = Card::parse(source).ok()?.in_style(style);
    let there = vcard::read(&card, Some(known));
    let told = observed.told(&card, known, &there);
    Some(Reading { told, ..Reading::plain(there) })
}

/// Changes a card to what a write asks for, and nothing else in it. `theirs` is what was agreed to stand there.
pub fn change(card: &mut Card, theirs: &Contact, contact: &Contact, changed: crate::contact::FieldSet) {
    // Read knowing what is to be said: a line that leaves its type open and has the right value is right.
    let from = vcard::read_agreed(card, Some(contact), theirs);
    let mut to = from.clone();
    to.copy_fields(contact, changed);
    if from != to {
        vcard::update_known(card, &from, &to);
    }
}

/// The answer to a write: a line that was left as a program had saved it says what was agreed on.
pub fn settle(record: &mut RemoteContact, meant: &Contact, style: WriteStyle) {
    let texts = FieldSet::ALL.less(FieldSet::NONE.with(Field::Items));
    if record.contact.differing(meant).and(texts).is_empty() {
        return;
    }
    if let Some(card) = record.source.as_deref().and_then(|source| Card::parse(source).ok()) {
        record.contact = vcard::read_agreed(&card.in_style(style), None, meant);
    }
}

/// What a write's identity is to a card.
pub fn identity(write: &crate::replica::Write) -> Identity {
    Identity { uid: Some(write.uid.clone()), crm_id: write.crm_id.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    #[test]
    fn a_line_whose_type_only_the_mirror_knows_is_left_as_it_is() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Roux;Ada;;;\r\nTEL:01 99 00 00 01\r\nTEL;TYPE=HOME:01 99 00 00 02\r\nEND:VCARD\r\n";
        let mut card = Card::parse(text.as_bytes()).expect("a card");
        let items = [(ItemType::ProfessionalPhone, "01 99 00 00 01"), (ItemType::PersonalPhone, "01 99 00 00 03")];
        let items = items.map(|(item_type, value)| Item::new(item_type, value)).to_vec();
        let contact = Contact { last_name: "Roux".into(), first_name: "Ada".into(), items, ..Contact::default() };
        change(&mut card, &contact, &contact, FieldSet::NONE.with(Field::Items));
        let expected = text.replace("00 00 02", "00 00 03");
        assert_eq!(String::from_utf8_lossy(&card.to_bytes()), expected);
    }

    /// An edit of the contact that this card is known to be, and what becomes of the card's lines.
    fn check(lines: &str, edit: impl FnOnce(&mut Contact), expected: &str) {
        let whole = |lines: &str| format!("BEGIN:VCARD\nVERSION:3.0\n{lines}END:VCARD\n");
        let mut card = Card::parse(whole(lines).as_bytes()).expect("a card");
        let known = vcard::read(&card, None);
        let mut contact = known.clone();
        edit(&mut contact);
        change(&mut card, &known, &contact, known.differing(&contact));
        assert_eq!(String::from_utf8_lossy(&card.to_bytes()), whole(expected));
    }

    #[test]
    fn a_line_that_another_ones_change_puts_in_another_light_is_left_as_it_is() {
        let card = "N:Roux;Ada;;;\nEMAIL:a@example.org\nADR:;;;Lyon;;;\n";
        let mobile = |contact: &mut Contact| {
            contact.items.push(Item::new(ItemType::ProfessionalCellPhone, "06 39 98 00 01"));
        };
        check(card, mobile, &format!("{card}TEL;TYPE=CELL,WORK:06 39 98 00 01\n"));
        check(card, |contact| contact.company = "Roux SA".into(), &format!("{card}ORG:Roux SA\n"));
    }

    #[test]
    fn a_civility_does_not_change_what_the_card_shows() {
        let card = "N:Roux;Max;Anton;Herr;sen.\nFN:Herr Max Anton Roux sen.\n";
        let madam = |contact: &mut Contact| contact.civility = Some(crate::contact::Civility::Madam);
        check(card, madam, &card.replace(";Herr;", ";Mme,Herr;"));
    }
}
