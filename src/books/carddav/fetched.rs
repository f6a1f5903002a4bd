//! A card as the server sent it, and what it is to the port.
//!
//! One card comes with other line ends by GET than in XML, and from one server without its last one: what is kept, compared
//! and digested is the text with the line ends that a card has.

use std::borrow::Cow;

use super::state::{etag_key, revision};
use crate::{
    books::{
        cards::{self, CardFile, Flaw},
        fs::Digest,
    },
    formats::vcard::{WriteStyle, split},
    replica::RemoteContact,
};

/// A card as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its ETag, as written.
    pub etag: Option<String>,
    /// Its bytes, every line ended by CRLF.
    pub bytes: Vec<u8>,
}

/// What a card is.
#[derive(Debug)]
pub enum Kind {
    /// A contact.
    Contact(Box<RemoteContact>),
    /// A group of contacts: left alone.
    Group,
}

impl Fetched {
    /// A card's text, as XML or HTTP brought it.
    pub fn new(etag: Option<&str>, text: &[u8]) -> Self {
        let etag = etag.map(str::trim).filter(|etag| !etag_key(etag).is_empty()).map(str::to_owned);
        Self { etag, bytes: with_line_ends(text).into_owned() }
    }

    /// The digest of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// What it says under that name.
    pub fn read(&self, name: &str, style: WriteStyle) -> Result<Kind, Flaw> {
        if self.bytes.len() > split::CARD_MAX {
            return Err(Flaw::whole(split::TOO_LARGE));
        }
        let single = CardFile::parse(&self.bytes, style)?;
        if single.card.is_group() {
            return Ok(Kind::Group);
        }
        let uid = single.card.uid();
        let revision = revision(self.etag.as_deref(), &self.digest(), uid.as_deref());
        Ok(Kind::Contact(Box::new(cards::remote_contact(&single.card, name.to_owned(), revision))))
    }

    /// The contact, if it is one that can be read.
    pub fn contact(&self, name: &str, style: WriteStyle) -> Option<Box<RemoteContact>> {
        match self.read(name, style) {
            Ok(Kind::Contact(record)) => Some(record),
            Ok(Kind::Group) | Err(_) => None,
        }
    }
}

/// The text with CRLF at the end of each line, the last one included.
fn with_line_ends(text: &[u8]) -> Cow<'_, [u8]> {
    let bare = text.trim_ascii_end();
    let is_right = |(at, byte): (usize, &u8)| match byte {
        b'\n' => at > 0 && bare[at - 1] == b'\r',
        b'\r' => bare.get(at + 1) == Some(&b'\n'),
        _ => true,
    };
    if text.len() == bare.len() + 2 && text.ends_with(b"\r\n") && bare.iter().enumerate().all(is_right) {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 32 + 2);
    let mut bytes = bare.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                if bytes.peek() == Some(&b'\n') {
                    bytes.next();
                }
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_the_same_however_its_lines_end() {
        let whole = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:A\r\nN:A;;;;\r\nEND:VCARD\r\n";
        let crlf = Fetched::new(Some("\"1\""), whole.as_bytes());
        for other in
            [whole.replace('\r', ""), whole.replace('\n', ""), whole.trim_end().to_owned(), format!("{whole}\n\n")]
        {
            assert_eq!(Fetched::new(Some(" \"1\" "), other.as_bytes()), crlf, "{other:?}");
        }
        assert_eq!(crlf.bytes, whole.as_bytes());
        let record = crlf.contact("a.vcf", WriteStyle::default()).expect("a contact");
        assert_eq!((record.uid.as_deref(), record.contact.last_name.as_str()), (Some("a"), "A"));
    }

    #[test]
    fn groups_are_told_from_contacts() {
        for line in ["KIND:group", "X-ADDRESSBOOKSERVER-KIND:group"] {
            let text = format!("BEGIN:VCARD\nVERSION:3.0\nFN:All\nN:All;;;;\n{line}\nEND:VCARD\n");
            let read = Fetched::new(None, text.as_bytes()).read("g.vcf", WriteStyle::default());
            assert!(matches!(read, Ok(Kind::Group)), "{line}");
        }
    }
}
