//! A strict second opinion on the 4.0 cards that carnet wrote: the crate `vcard_parser`.
//!
//! It is asked about our own output alone, never about a user's card: it knows no 2.1 and 3.0, loses values, and some
//! inputs exhaust its stack. Its words hold the card's, so they are never handed on. Pictures are left out of what it sees.

use super::{Card, Version, line::without_end, property::Prop, turn::LATER};

/// The largest card that is checked, in bytes, pictures not counted.
pub const CHECKED_MAX: usize = 64 << 10;

/// Checks one 4.0 card against RFC 6350. The error is a lowercase fragment without any of the card's values.
pub fn strict(card_bytes: &[u8]) -> Result<(), String> {
    let card = Card::parse(card_bytes).map_err(|error| format!("line {}: {error}", error.line))?;
    if card.version() != Version::V40 {
        return Err("only cards of version 4.0 can be checked".to_owned());
    }
    let mut text = String::with_capacity(card_bytes.len().min(CHECKED_MAX));
    text.push_str("BEGIN:VCARD\r\nVERSION:4.0\r\n");
    for (_, view) in card.views() {
        let is_binary =
            [&b"PHOTO"[..], b"LOGO", b"SOUND", b"KEY"].iter().any(|name| name.eq_ignore_ascii_case(view.name()));
        let is_later = LATER.iter().any(|name| view.name().eq_ignore_ascii_case(name.as_bytes()));
        if view.head.prop == Prop::Version || is_binary || is_later {
            continue;
        }
        if view.group().contains(&b'.') {
            return Err("a line has a group in a group".to_owned());
        }
        // Unfolded: folds are ours and tested, and the crate is quadratic in them.
        let content = std::str::from_utf8(without_end(view.content)).map_err(|_| "it is not UTF-8".to_owned())?;
        text.push_str(&palatable(older(view.head.prop, content)));
        text.push_str("\r\n");
        if text.len() > CHECKED_MAX {
            return Err("it is larger than 64 KB".to_owned());
        }
    }
    text.push_str("END:VCARD\r\n");
    match vcard_parser::parse_vcards(&text) {
        Ok(cards) if cards.len() == 1 => Ok(()),
        Ok(_) => Err("it reads as more or less than one card".to_owned()),
        Err(_) => Err(first_refused(&text)),
    }
}

/// N and ADR without the components that RFC 9554 added.
fn older(prop: Prop, content: &str) -> &str {
    let known = match prop {
        Prop::N => 5,
        Prop::Adr => 7,
        _ => return content,
    };
    let (mut left, mut is_escape, mut is_quoted) = (known, false, false);
    let mut is_value = false;
    for (at, char) in content.char_indices() {
        match char {
            '"' if !is_value => is_quoted = !is_quoted,
            ':' if !is_quoted => is_value = true,
            ';' if is_value && !is_escape => left -= 1,
            _ => {}
        }
        if left == 0 {
            return &content[..at];
        }
        is_escape = char == '\\' && !is_escape;
    }
    content
}

/// Without what RFC 6350 allows and the crate stumbles over: tabs, escaped backslashes and semicolons.
fn palatable(content: &str) -> String {
    content.replace('\t', " ").replace("\\\\", "/").replace("\\;", " ")
}

/// Names the property that is refused on its own, since the crate's message must not be shown.
fn first_refused(text: &str) -> String {
    let lines = text.lines().filter(|line| !["BEGIN:", "VERSION:", "END:"].iter().any(|lead| line.starts_with(lead)));
    for line in lines {
        let is_name = line.get(..3).is_some_and(|lead| lead.eq_ignore_ascii_case("FN:"));
        let card = if is_name {
            format!("BEGIN:VCARD\r\nVERSION:4.0\r\n{line}\r\nEND:VCARD\r\n")
        } else {
            format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:x\r\n{line}\r\nEND:VCARD\r\n")
        };
        if vcard_parser::parse_vcards(&card).is_err() {
            let name: String = line.chars().take_while(|char| !matches!(char, ';' | ':')).collect();
            return format!("its {name} line is not as RFC 6350 has it");
        }
    }
    "it is not as RFC 6350 has it".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, expected: Result<(), &str>) {
        let card = format!("BEGIN:VCARD\r\n{lines}END:VCARD\r\n");
        assert_eq!(strict(card.as_bytes()), expected.map_err(str::to_owned), "{lines}");
    }

    #[test]
    fn cards_are_judged_without_their_words() {
        check("VERSION:4.0\r\nFN:Ada\r\n", Ok(()));
        check("VERSION:4.0\r\nFN:Ada\r\nPHOTO:data:image/jpeg;base64,AA==\r\n", Ok(()));
        check("VERSION:3.0\r\nFN:Ada\r\n", Err("only cards of version 4.0 can be checked"));
        check("VERSION:4.0\r\nN:Lovelace;Ada;;;\r\n", Err("it is not as RFC 6350 has it"));
        check("VERSION:4.0\r\nFN:Ada\r\nREV:yesterday\r\n", Err("its REV line is not as RFC 6350 has it"));
        check(&format!("VERSION:4.0\r\nFN:Ada\r\n{}x:1\r\n", "a.".repeat(2000)), Err("a line has a group in a group"));
        let long = "x".repeat(CHECKED_MAX);
        check(&format!("VERSION:4.0\r\nFN:Ada\r\nNOTE:{long}\r\n"), Err("it is larger than 64 KB"));
        assert_eq!(strict(b"nonsense"), Err("line 1: there is no BEGIN:VCARD".to_owned()));
    }
}
