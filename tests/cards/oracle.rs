//! The same card read by another program's library: `vcard-rs`. Telephones and e-mails must agree.
//!
//! It refuses what carnet reads (a byte order mark, a line without a colon, a missing END): such cards are `Unread`. Where
//! it reads a value otherwise, and rightly by its own rules, the reason stands in [`Tolerance`].

use carnet::{
    contact::{Contact, ItemKind},
    formats::vcard::{Card, read, split},
};
use vcard::tree::{cst::VcardCst, value::cursor::VcardValueCursor};

/// What a comparison gave.
pub enum Outcome {
    /// Both found the same.
    Same,
    /// They differ for a reason that is known.
    Tolerated(Tolerance),
    /// The other reader cannot read the card.
    Unread,
    /// They differ.
    Different(String),
}

/// Why a difference is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// A value without a CHARSET that is not UTF-8: carnet reads it as windows-1252, which Outlook writes; `vcard-rs`
    /// puts replacement characters.
    Charset,
    /// An AGENT's lines: `vcard-rs` takes them, or what follows them, for other cards'.
    Agent,
}

/// Reads each card of a file both ways: (line that the card begins on, what came of it).
pub fn compare(bytes: &[u8]) -> Vec<(usize, Outcome)> {
    let text = split::text(bytes);
    let pieces = split::cards(&text).into_iter().filter(|piece| piece.kind == split::Kind::Card);
    pieces.map(|piece| (piece.line, compare_one(&text[piece.range]))).collect()
}

fn compare_one(raw: &[u8]) -> Outcome {
    let (Ok(card), Ok(mut other)) = (Card::parse(raw), VcardCst::parse(raw)) else { return Outcome::Unread };
    if other.end.is_none() {
        return Outcome::Unread;
    }
    let contact = read(&card, None);
    let ours = (values(&contact, &[ItemKind::Phone, ItemKind::Fax]), values(&contact, &[ItemKind::Email]));
    let theirs = (theirs(&mut other, &["TEL", "X-MS-TEL"], "tel:"), theirs(&mut other, &["EMAIL"], "mailto:"));
    if ours == theirs {
        return Outcome::Same;
    }
    match tolerance(raw, &theirs) {
        Some(reason) => Outcome::Tolerated(reason),
        None => Outcome::Different(format!("carnet reads {ours:?}, vcard-rs reads {theirs:?}")),
    }
}

fn values(contact: &Contact, kinds: &[ItemKind]) -> Vec<String> {
    let of_kind = contact.items.iter().filter(|item| kinds.contains(&item.item_type.kind()));
    settled(of_kind.map(|item| item.value.clone()))
}

fn theirs(card: &mut VcardCst<'_>, names: &[&str], scheme: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in &mut card.props {
        if !names.iter().any(|name| line.bare_name().trim().eq_ignore_ascii_case(name)) {
            continue;
        }
        let is_text = line.params.iter().any(|param| {
            param.name.get().eq_ignore_ascii_case("VALUE")
                && param.values.iter().any(|value| value.get().eq_ignore_ascii_case("text"))
        });
        let text = VcardValueCursor { line }.charset();
        let has_scheme = text.get(..scheme.len()).is_some_and(|lead| lead.eq_ignore_ascii_case(scheme));
        found.push(if has_scheme && !is_text { text[scheme.len()..].to_owned() } else { text });
    }
    settled(found.into_iter())
}

/// What a person sees of the values: no empty ones, none twice, control characters and the edges' blanks aside.
fn settled(values: impl Iterator<Item = String>) -> Vec<String> {
    let visible = |value: String| value.chars().filter(|char| !char.is_control()).collect::<String>().trim().to_owned();
    let mut values: Vec<String> = values.map(visible).filter(|value| !value.is_empty()).collect();
    values.sort();
    values.dedup();
    values
}

fn tolerance(raw: &[u8], theirs: &(Vec<String>, Vec<String>)) -> Option<Tolerance> {
    if theirs.0.iter().chain(&theirs.1).any(|value| value.contains('\u{fffd}')) {
        Some(Tolerance::Charset)
    } else if String::from_utf8_lossy(raw).to_ascii_uppercase().contains("\nAGENT:") {
        Some(Tolerance::Agent)
    } else {
        None
    }
}
