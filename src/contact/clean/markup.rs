//! Texts that a program wrote as HTML: "Roux &amp; Fils", "one<br />two". A text is decoded only where all of it is such: one
//! other "&" or "<" in it and somebody typed what stands there.

use std::borrow::Cow;

use quick_xml::escape::unescape_with;

use super::is_text;
use crate::contact::{Address, Contact, Field};

/// Named characters that French texts have, beside the five of XML.
const NAMED: &[(&str, &str)] = &[
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("eacute", "é"),
    ("Eacute", "É"),
    ("egrave", "è"),
    ("Egrave", "È"),
    ("ecirc", "ê"),
    ("euml", "ë"),
    ("agrave", "à"),
    ("Agrave", "À"),
    ("acirc", "â"),
    ("ccedil", "ç"),
    ("Ccedil", "Ç"),
    ("icirc", "î"),
    ("iuml", "ï"),
    ("ocirc", "ô"),
    ("ouml", "ö"),
    ("ugrave", "ù"),
    ("ucirc", "û"),
    ("uuml", "ü"),
    ("oelig", "œ"),
    ("rsquo", "’"),
    ("lsquo", "‘"),
    ("ndash", "–"),
    ("hellip", "…"),
    ("euro", "€"),
];

/// Decodes a record's texts: for tables of programs that write markup into cells.
pub fn decode(contact: &mut Contact) {
    for field in Field::ALL.into_iter().filter(|field| is_text(*field)) {
        if let Cow::Owned(plain) = decoded(&contact.scalar(field), field) {
            contact.set_scalar(field, &plain);
        }
    }
    for part in contact.addresses.iter_mut().flat_map(Address::parts_mut) {
        if let Cow::Owned(plain) = decoded(part, Field::Addresses) {
            *part = plain;
        }
    }
}

/// The text that the markup stands for. Line ends are kept where a field has lines.
pub fn decoded(text: &str, field: Field) -> Cow<'_, str> {
    if !text.contains(['&', '<']) {
        return Cow::Borrowed(text);
    }
    let line_end = if matches!(field, Field::Comment | Field::Addresses) { "\n" } else { " " };
    let broken = without_breaks(text, line_end);
    if broken.contains('<') {
        return Cow::Borrowed(text);
    }
    let named = |name: &str| NAMED.iter().find(|(known, _)| *known == name).map(|(_, plain)| *plain);
    match unescape_with(&broken, named) {
        Ok(plain) if plain != text => Cow::Owned(plain.into_owned()),
        _ => Cow::Borrowed(text),
    }
}

/// The text with its `<br>`, however they are spelt, as line ends. One that stands before a line end is that one.
fn without_breaks(text: &str, line_end: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let tag = rest[at..].find('>').map(|end| &rest[at..=at + end]);
        let is_break = |tag: &&str| {
            let bare: String = tag.chars().filter(|char| char.is_ascii_alphabetic() || *char == '/').collect();
            ["br", "br/"].contains(&bare.to_ascii_lowercase().as_str())
        };
        let Some(tag) = tag.filter(is_break) else { break };
        out.push_str(&rest[..at]);
        out.push_str(line_end);
        rest = &rest[at + tag.len()..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_markup_as_a_whole_is_decoded() {
        for (text, expected) in [
            ("Roux &amp; Fils", "Roux & Fils"),
            ("one<br />two<BR>three<br/>\nfour", "one\ntwo\nthree\nfour"),
            ("&Eacute;lodie l&#39;a&icirc;n&eacute;e", "Élodie l'aînée"),
            ("Roux & Fils", "Roux & Fils"),
            ("R&D &amp; co", "R&D &amp; co"),
            ("a < b<br>", "a < b<br>"),
            ("<b>bold</b>", "<b>bold</b>"),
            ("https://roux.example/?a=1&amp=2", "https://roux.example/?a=1&amp=2"),
        ] {
            assert_eq!(decoded(text, Field::Comment), expected, "{text}");
        }
        assert_eq!(decoded("Roux<br>Fils", Field::Company), "Roux Fils");
    }
}
