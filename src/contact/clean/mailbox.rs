//! The address in what stands for an e-mail: `Ada <ada@example.com>`, `mailto:ada@example.com?subject=x`,
//! `ada@example.com (home)`. Sources: RFC 5322, 3.4; RFC 6068.

use std::borrow::Cow;

use super::{telephone::percent_decoded, tidied, unguarded};
use crate::contact::Field;

/// The address in a text, as it is spelled there; none where nothing stands on both sides of an @.
pub fn mailbox(text: &str) -> Option<String> {
    let tidy = tidied(text, Field::Items);
    let tidy = unguarded(tidy.trim());
    if is_address(tidy) && !has_scheme(tidy) && !tidy.contains('?') {
        return Some(tidy.to_owned());
    }
    // An Exchange's own name for a mailbox is none that anybody can write to.
    if !tidy.contains('@') || is_exchange(tidy) {
        return None;
    }
    let address = address_in(tidy).filter(|address| is_alone(tidy, address));
    address.or_else(|| has_two_sides(tidy).then(|| tidy.to_owned()))
}

/// True where a text names no other address than this one: of two, none is let go.
fn is_alone(text: &str, address: &str) -> bool {
    let words = text.split(|char: char| char.is_whitespace() || "<>()[]\",;:?'".contains(char));
    let is_it = |word: &str| word.eq_ignore_ascii_case(address) || percent_decoded(word).contains(address);
    words.filter(|word| is_address(word)).all(|word| is_it(word) || address.contains(word))
}

/// True for a text that is one mailbox, name and brackets included.
pub(super) fn is_whole(text: &str) -> bool {
    mailbox(text).is_some_and(|address| is_address(&address))
}

fn is_exchange(text: &str) -> bool {
    text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("/o="))
}

fn address_in(text: &str) -> Option<String> {
    let bracketed = text.rfind('<').and_then(|from| text[from + 1..].split('>').next()).and_then(bare);
    if bracketed.is_some() {
        return bracketed;
    }
    let outside = without_comments(text);
    if let Some(address) = bare(&outside) {
        return Some(address);
    }
    let inside = text.split(['(', ')']).skip(1).step_by(2).find_map(bare);
    // "Ada ada@example.com", "E-mail : ada@example.com"
    let mut words = outside.split([' ', '\t', '\n']).filter_map(bare);
    inside.or_else(|| words.next().filter(|_| words.next().is_none()))
}

/// The text outside of parentheses. Source: RFC 5322, 3.2.2.
fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains('(') {
        return Cow::Borrowed(text);
    }
    let mut depth = 0_usize;
    let outside = text.chars().filter(|char| {
        match char {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    });
    Cow::Owned(outside.collect::<String>().trim().to_owned())
}

fn has_scheme(text: &str) -> bool {
    without_scheme(text) != text
}

fn without_scheme(text: &str) -> &str {
    let mut text = text;
    for scheme in ["mailto:", "smtp:", "email:", "e-mail:", "mail:"] {
        let cut = text.get(..scheme.len()).filter(|head| head.eq_ignore_ascii_case(scheme));
        text = cut.map_or(text, |_| text[scheme.len()..].trim_start());
    }
    text
}

/// A text that is an address but for its scheme, quotation marks, and what asks for a subject.
fn bare(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['"', '\'', '\u{ab}', '\u{bb}', '<', '>', ',', ';', ' ']);
    let plain = without_scheme(text);
    let plain = if plain.len() < text.len() { percent_decoded(plain) } else { Cow::Borrowed(plain) };
    let domain = plain.rfind('@')?;
    let end = plain[domain..].find('?').map_or(plain.len(), |query| domain + query);
    let address = plain[..end].trim().trim_end_matches(['.', ',', ';']);
    is_address(address).then(|| address.to_owned())
}

fn has_two_sides(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        let says = |side: &str| side.chars().any(char::is_alphanumeric);
        says(local) && says(domain)
    })
}

/// One @ with something on both sides, and nothing that is not part of it.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let is_part = |char: char| !char.is_whitespace() && !"<>()[]\",;:@\\".contains(char);
    (is_quoted || (!local.is_empty() && local.chars().all(is_part)))
        && domain.ends_with(|char: char| char.is_alphanumeric())
        && domain.chars().all(|char| is_part(char) && !"/'".contains(char))
        && !is_exchange(text)
}
