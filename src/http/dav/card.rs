//! The text of a card: what is taken of a device, and what is told of it. Pure.

use std::borrow::Cow;

use crate::{
    dav::{CardLine, WantedLine, WantedText},
    formats::vcard::{Card, Keep},
    xml::decode,
};

/// A card that may be stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Checked<'a> {
    /// Its UID.
    pub uid: String,
    /// What is stored: what was sent, unless it had no UID or was in another encoding than UTF-8.
    pub body: Cow<'a, [u8]>,
}

impl Checked<'_> {
    /// True where not a byte was changed.
    pub fn is_as_sent(&self) -> bool {
        matches!(self.body, Cow::Borrowed(_))
    }
}

/// Why a card may not be stored. Holds nothing of the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It says that it is something else.
    MediaType,
    /// It is not one readable card.
    Card(String),
}

impl Unfit {
    fn card(why: &str) -> Self {
        Unfit::Card(why.to_owned())
    }
}

/// The names that vCards go by.
const MEDIA_TYPES: [&str; 3] = ["text/vcard", "text/x-vcard", "text/directory"];

/// True for a media type, in lower case, and a version that cards are served as.
pub(super) fn is_served(media_type: &str, version: Option<&str>) -> bool {
    MEDIA_TYPES.contains(&media_type) && version.is_none_or(|version| version == "3.0")
}

/// True for address-data that is wanted as it is served.
pub(super) fn is_wanted_as_served(wanted: &WantedText) -> bool {
    let media_type = wanted.media_type.as_deref().unwrap_or(MEDIA_TYPES[0]).trim().to_ascii_lowercase();
    is_served(&media_type, wanted.version.as_deref())
}

/// Looks at what a device sent. `given_uid` is for a card without one.
pub(super) fn check<'a>(sent: &'a [u8], content_type: Option<&str>, given_uid: &str) -> Result<Checked<'a>, Unfit> {
    let media_type =
        content_type.and_then(|value| value.split(';').next()).map(|name| name.trim().to_ascii_lowercase());
    if media_type.is_some_and(|name| !name.is_empty() && !MEDIA_TYPES.contains(&name.as_str())) {
        return Err(Unfit::MediaType);
    }
    let text =
        decode(sent, content_type).map_err(|_| Unfit::card("the card is in no declared encoding and not in UTF-8"))?;
    let is_odd =
        |char: char| (char < ' ' && !matches!(char, '\t' | '\r' | '\n')) || matches!(char, '\u{fffe}' | '\u{ffff}');
    if text.contains(is_odd) {
        return Err(Unfit::card("the card holds a control character"));
    }
    let lone = text.trim().as_bytes();
    let begins = lone.get(.."BEGIN:VCARD".len()).is_some_and(|begin| begin.eq_ignore_ascii_case(b"BEGIN:VCARD"));
    let end = lone.len().saturating_sub("END:VCARD".len());
    if !begins || !lone[end..].eq_ignore_ascii_case(b"END:VCARD") {
        return Err(Unfit::card("there is no card, or something beside it"));
    }
    let card = Card::parse(text.as_bytes()).map_err(|error| Unfit::Card(format!("line {}: {error}", error.line)))?;
    if let Some(uid) = card.uid() {
        let body = if text.len() == sent.len() && text.as_bytes() == sent {
            Cow::Borrowed(sent)
        } else {
            Cow::Owned(text.into_owned().into_bytes())
        };
        return Ok(Checked { uid, body });
    }
    let card = card.with_uid(given_uid);
    let uid = card.uid().ok_or_else(|| Unfit::card("the card has no UID and can be given none"))?;
    Ok(Checked { uid, body: Cow::Owned(card.to_bytes()) })
}

/// The text of a card as it is wanted.
pub(super) fn told(body: &[u8], wanted: &WantedText) -> String {
    // A card that cannot be read is told whole: better than none.
    let parts =
        Some(&wanted.lines).filter(|lines| !lines.is_empty()).and_then(|lines| Some((lines, Card::parse(body).ok()?)));
    let text = match parts {
        Some((lines, card)) => Cow::Owned(card.part(|line| kept(lines, &line.group(), &line.name()))),
        None => Cow::Borrowed(body),
    };
    String::from_utf8_lossy(&text).into_owned()
}

fn kept(lines: &[WantedLine], group: &str, name: &str) -> Keep {
    let is_it = |wanted: &&WantedLine| match wanted.name.split_once('.') {
        Some((wanted_group, wanted)) => group.eq_ignore_ascii_case(wanted_group) && name.eq_ignore_ascii_case(wanted),
        None => name.eq_ignore_ascii_case(&wanted.name),
    };
    match lines.iter().find(is_it) {
        None => Keep::Nothing,
        Some(WantedLine { without_value: true, .. }) => Keep::Head,
        Some(WantedLine { without_value: false, .. }) => Keep::Line,
    }
}

/// Does something with a card's lines, as filters see them; with none of one that cannot be read.
pub(super) fn with_lines<T>(body: &[u8], act: impl FnOnce(&[CardLine<'_>]) -> T) -> T {
    let Ok(card) = Card::parse(body) else { return act(&[]) };
    let lines: Vec<CardLine<'_>> = card
        .content_lines()
        .map(|line| CardLine {
            group: line.group(),
            name: line.name(),
            parameters: line.parameters(),
            value: line.text(),
        })
        .collect();
    act(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u1\r\nFN:Ada\r\nN:;Ada;;;\r\nEND:VCARD\r\n";

    fn check_card(sent: &[u8], content_type: Option<&str>, expected: Result<(&str, bool), &str>) {
        let found = check(sent, content_type, "given");
        let found = found.as_ref().map(|card| (card.uid.as_str(), card.is_as_sent())).map_err(|unfit| match unfit {
            Unfit::MediaType => "media type",
            Unfit::Card(why) => why.as_str(),
        });
        assert_eq!(found, expected, "{content_type:?} {:?}", String::from_utf8_lossy(sent));
    }

    #[test]
    fn what_programs_write_is_taken_as_it_is() {
        for content_type in [
            None,
            Some("text/vcard"),
            Some("TEXT/VCARD; charset=utf-8"),
            Some("text/vcard; version=4.0"),
            Some("text/x-vcard"),
            Some("text/directory; profile=vcard"),
        ] {
            check_card(CARD.as_bytes(), content_type, Ok(("u1", true)));
        }
        check_card(CARD.replace("3.0", "4.0").as_bytes(), None, Ok(("u1", true)));
        check_card(CARD.replace("3.0", "2.1").as_bytes(), None, Ok(("u1", true)));
        check_card(CARD.replace("\r\n", "\n").as_bytes(), None, Ok(("u1", true)));
        check_card(CARD.replace("UID:u1", "uid:urn:uuid:U1").as_bytes(), None, Ok(("U1", true)));
        check_card(format!("{CARD}\r\n").as_bytes(), None, Ok(("u1", true)));
        check_card(CARD.trim_end().to_lowercase().replace("uid", "UID").as_bytes(), None, Ok(("u1", true)));
    }

    #[test]
    fn a_card_that_is_changed_says_so() {
        check_card(CARD.replace("UID:u1\r\n", "").as_bytes(), None, Ok(("given", false)));
        check_card(CARD.replace("UID:u1", "UID:").as_bytes(), None, Ok(("given", false)));
        check_card(&[b"\xef\xbb\xbf", CARD.as_bytes()].concat(), None, Ok(("u1", false)));
        check_card(CARD.replace("Ada", "\u{e9}").as_bytes(), Some("text/vcard"), Ok(("u1", true)));
        let latin: Vec<u8> = CARD.replace("FN:Ada", "FN:\u{e9}").chars().map(|char| char as u8).collect();
        check_card(&latin, Some("text/vcard; charset=iso-8859-1"), Ok(("u1", false)));
        let sent = CARD.replace("UID:u1\r\n", "");
        let stored = check(sent.as_bytes(), None, "given").unwrap().body.into_owned();
        assert!(String::from_utf8(stored).unwrap().contains("\r\nUID:given\r\n"));
    }

    #[test]
    fn what_is_no_card_is_refused() {
        const NONE: &str = "there is no card, or something beside it";
        check_card(CARD.as_bytes(), Some("text/calendar"), Err("media type"));
        check_card(CARD.as_bytes(), Some("application/json"), Err("media type"));
        check_card(b"", None, Err(NONE));
        check_card(b"hello", None, Err(NONE));
        check_card(b"END:VCARD", None, Err(NONE));
        check_card(format!("{CARD}hello").as_bytes(), None, Err(NONE));
        check_card(format!("hello\r\n{CARD}").as_bytes(), None, Err(NONE));
        check_card(format!("{CARD}{CARD}").as_bytes(), None, Err("line 7: a second card begins here"));
        check_card(CARD.replace("3.0", "9.9").as_bytes(), None, Err("line 2: card is of an unknown version"));
        check_card(CARD.replace("Ada", "A\u{7}").as_bytes(), None, Err("the card holds a control character"));
        check_card(CARD.replace("Ada", "A\u{0}").as_bytes(), None, Err("the card holds a control character"));
        check_card(b"\xe9", None, Err("the card is in no declared encoding and not in UTF-8"));
    }

    #[test]
    fn a_part_is_told_where_one_is_wanted() {
        let check = |names: &[(&str, bool)], expected: &str| {
            let lines = names.iter().map(|(name, bare)| WantedLine { name: (*name).to_owned(), without_value: *bare });
            let wanted = WantedText { lines: lines.collect(), ..WantedText::default() };
            assert_eq!(told(CARD.as_bytes(), &wanted), expected, "{names:?}");
        };
        check(&[], CARD);
        check(&[("fn", false), ("UID", true)], "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:\r\nFN:Ada\r\nEND:VCARD\r\n");
        check(&[("item1.FN", false)], "BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n");
        assert_eq!(told(b"no card", &WantedText::default()), "no card");
    }

    #[test]
    fn version_4_is_not_served() {
        let check = |media_type: Option<&str>, version: Option<&str>, expected: bool| {
            let wanted = WantedText {
                media_type: media_type.map(str::to_owned),
                version: version.map(str::to_owned),
                lines: Vec::new(),
            };
            assert_eq!(is_wanted_as_served(&wanted), expected, "{wanted:?}");
        };
        check(None, None, true);
        check(Some("text/vcard"), Some("3.0"), true);
        check(Some("Text/vCard"), None, true);
        check(Some("text/vcard"), Some("4.0"), false);
        check(None, Some("4.0"), false);
        check(Some("application/vcard+json"), None, false);
    }
}
