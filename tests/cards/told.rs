//! What is told of a file of cards: each piece, what it reads as, and the lines that each scripted change touches.
//!
//! Everything of a contact is told, a line each, so that nothing can change unseen.

use carnet::{
    contact::{Address, Contact},
    formats::vcard::{Card, Version, read, split},
};

use super::edits;

/// The text for a whole file.
pub fn file(bytes: &[u8]) -> String {
    let text = split::text(bytes);
    let mut told = String::new();
    let mut is_first = true;
    for piece in split::cards(&text) {
        let raw = &text[piece.range.clone()];
        match (piece.kind, piece.problem) {
            (split::Kind::Between, _) => {
                told.push_str(&format!("line {}: {} bytes between cards\n", piece.line, raw.len()));
            }
            (split::Kind::Card, Some(problem)) => told.push_str(&format!("line {}: {problem}\n", piece.line)),
            (split::Kind::Card, None) => match Card::parse(raw) {
                Ok(card) => {
                    told.push_str(&one(piece.line, &card));
                    if !card.is_group() && std::mem::take(&mut is_first) {
                        told.push_str(&changes(raw, &card));
                    }
                }
                Err(error) => told.push_str(&format!("line {}: {error}\n", piece.line + error.line - 1)),
            },
        }
    }
    told
}

fn one(line: usize, card: &Card) -> String {
    let version = match card.version() {
        Version::V21 => "2.1",
        Version::V30 => "3.0",
        Version::V40 => "4.0",
    };
    let mut told = format!("line {line}: a card in {version}");
    if let Some(uid) = card.uid() {
        told.push_str(&format!(", uid {uid}"));
    }
    if let Some(id) = card.crm_id() {
        told.push_str(&format!(", id {id}"));
    }
    told.push('\n');
    if card.is_group() {
        told.push_str("    a group of others: left alone\n");
        return told;
    }
    for line in lines(&read(card, None)) {
        told.push_str(&format!("    {line}\n"));
    }
    told
}

/// What each scripted change does to the file's first card.
fn changes(raw: &[u8], card: &Card) -> String {
    let mut told = String::new();
    let contact = read(card, None);
    for (name, change) in edits::ALL {
        let mut to = contact.clone();
        change(&mut to);
        if to == contact {
            continue;
        }
        told.push_str(&format!("  {name}\n"));
        for line in edits::made(raw, card, &contact, &to) {
            told.push_str(&format!("    {line}\n"));
        }
    }
    told
}

/// Everything that the contact says, in the model's order.
fn lines(contact: &Contact) -> Vec<String> {
    let Contact {
        civility,
        last_name,
        first_name,
        comment,
        job_title,
        job_department,
        country,
        contact_type,
        firm_id,
        addresses,
        items,
        company,
        extra,
    } = contact;
    let mut lines = Vec::new();
    let mut tell = |name: &str, value: &str| lines.push(format!("{name}: {}", shown(value)));
    let some = |name: &'static str, value: &str| (!value.is_empty()).then(|| (name, value.to_owned()));
    let scalars = [
        civility.as_ref().map(|civility| ("civility", civility.word().to_owned())),
        some("last name", last_name),
        some("first name", first_name),
        some("company", company),
        some("department", job_department),
        some("title", job_title),
        contact_type.as_ref().map(|contact_type| ("type", contact_type.word().to_owned())),
        some("country", country),
        some("firm", firm_id),
        some("comment", comment),
    ];
    scalars.into_iter().flatten().for_each(|(name, value)| tell(name, &value));
    for item in items {
        tell(item.item_type.word(), &item.value);
    }
    for address in addresses {
        let Address { address_type, street_address, street_address2, zip_code, city, country } = address;
        let parts = [street_address, street_address2, zip_code, city, country].map(|part| shown(part));
        tell(&format!("{} address", address_type.word()), &parts.join(" | "));
    }
    extra.iter().for_each(|entry| tell("kept", entry));
    lines
}

/// The text on one line; quoted where its edges would not be seen.
fn shown(text: &str) -> String {
    let line = text.replace('\n', "⏎");
    if line.trim() == line && !line.is_empty() { line } else { format!("{line:?}").replace("\"\"", "") }
}
