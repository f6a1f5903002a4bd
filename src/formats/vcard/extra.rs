//! Lines that the model does not name, in one form whatever the card's version, so that they travel between books.
//!
//! An entry is one unfolded content line in 3.0 escaping: `NAME;PARAMS:value`, name in capitals, without group. A label
//! (`item1.X-ABLabel`) becomes a parameter of the line that it labels, `X-ABLABEL="..."` in RFC 6868 quoting, and a group
//! again when the line is written: entries are merged one by one, and two lines tied by a group's name would then part or
//! mix. What the versions write otherwise has one form here (see `turn`): a picture is `PHOTO;ENCODING=b;TYPE=JPEG:...`, and a
//! data URI in a 4.0 card.

use std::borrow::Cow;

use crate::contact::Contact;

use super::{
    Version, name,
    property::{Head, Prop, Wrapping},
    turn::{self, Entry},
    turn_value::type_word,
    value::View,
    vocabulary,
    write::{LineWriter, Value, escape},
};

const LABEL: &str = "X-ABLABEL";

/// The line as an entry, or nothing when it cannot be said in one.
pub(super) fn entry(view: View<'_>, label: Option<&str>) -> Option<String> {
    let name = std::str::from_utf8(view.name()).ok()?.to_ascii_uppercase();
    let owned = params(view).into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let label = label.map(str::to_owned);
    let mut entry = Entry { name, params: owned, value: value(view), label, is_base64: view.is_blob() };
    unwrap_media(&mut entry, view.version);
    if turn::is_turned(&entry.name) {
        turn::settle(&mut entry);
    }
    Some(text_of(&entry))
}

/// Takes a picture, a sound or a key out of its data URI, and gives its TYPE the spelling of entries.
fn unwrap_media(entry: &mut Entry, version: Version) {
    if let Some(uri) = data_uri(&entry.value) {
        entry.value = uri;
    }
    let data = from_data_uri(&entry.name, &entry.value);
    if data.is_some() || entry.is_base64 {
        entry.take("VALUE");
    }
    let subtype = match data {
        Some((subtype, base64)) => {
            entry.value = base64;
            // The URI says it. In 4.0 TYPE is home or work.
            if version != Version::V40 || entry.is_base64 {
                take(&mut entry.params, "TYPE");
            }
            subtype
        }
        None if entry.is_base64 => {
            let subtype = take(&mut entry.params, "TYPE").unwrap_or_default().to_ascii_uppercase();
            // Some write the whole media type.
            if subtype.contains('/') { type_word(&entry.name, &subtype).unwrap_or(subtype) } else { subtype }
        }
        None => return,
    };
    entry.is_base64 = true;
    if !subtype.is_empty() {
        entry.params.insert(0, ("TYPE".to_owned(), subtype));
    }
}

/// An entry as a contact has it.
fn text_of(entry: &Entry) -> String {
    let mut text = String::with_capacity(entry.name.len() + entry.value.len() + 32);
    text.push_str(&entry.name);
    if entry.is_base64 {
        text.push_str(";ENCODING=b");
    }
    for (name, value) in &entry.params {
        text.extend([";", name, "=", value]);
    }
    if let Some(label) = &entry.label {
        text.push_str(&format!(";{LABEL}=\"{}\"", caret(label)));
    }
    text.push(':');
    text.push_str(&entry.value);
    text
}

/// An entry, taken apart; nothing for one that is no content line.
fn parse(entry: &str) -> Option<Entry> {
    let head = Head::parse(entry.as_bytes(), false)?;
    let view = View { content: entry.as_bytes(), head: &head, version: Version::V30 };
    let label = view.param(LABEL).map(|label| uncaret(&label));
    let params = params(view).into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
    let params = params.filter(|(name, _)| !name.eq_ignore_ascii_case(LABEL)).collect();
    let name = String::from_utf8_lossy(view.name()).into_owned();
    let is_base64 = head.wrapping == Wrapping::Base64;
    Some(Entry { name, params, value: view.escaped().into_owned(), label, is_base64 })
}

/// The entry in the form that entries have, for one that was made before they had it.
pub(super) fn settled(entry: &str) -> Cow<'_, str> {
    let name = entry.split([';', ':']).next().unwrap_or_default();
    if !turn::is_turned(name) {
        return Cow::Borrowed(entry);
    }
    let Some(mut apart) = parse(entry) else { return Cow::Borrowed(entry) };
    unwrap_media(&mut apart, Version::V40);
    turn::settle(&mut apart);
    let text = text_of(&apart);
    if text == entry { Cow::Borrowed(entry) } else { Cow::Owned(text) }
}

/// The name of an entry's property, where cards of this version do not know it.
pub(super) fn disguised(entry: &str, version: Version) -> Option<String> {
    let name = entry.split([';', ':']).next().unwrap_or_default();
    // A key to sort by is a parameter of N in 4.0.
    if !turn::is_turned(name) || prop(entry) == Prop::SortKey {
        return None;
    }
    let mut apart = parse(entry)?;
    turn::settle(&mut apart);
    let settled = apart.name.clone();
    turn::turn(&mut apart, version);
    (apart.name.strip_prefix("X-") == Some(&settled) && turn::is_disguised(&settled) && settled != "ANNIVERSARY")
        .then_some(settled)
}

/// An entry for the further components of a property that the model names in part; nothing when they are all empty.
pub(super) fn rest(lead: &str, parts: &[String]) -> Option<String> {
    let used = parts.iter().rposition(|part| !part.is_empty())? + 1;
    let escaped: Vec<String> = parts[..used].iter().map(|part| escape(part)).collect();
    Some(format!("{lead}{}", escaped.join(";")))
}

/// The same for N, whose prefixes and suffixes are lists.
pub(super) fn rest_of_name(parts: &[String]) -> Option<String> {
    let used = parts.iter().rposition(|part| !part.is_empty())? + 1;
    let escaped: Vec<String> = parts[..used].iter().enumerate().map(|(at, part)| name::escaped(at + 2, part)).collect();
    Some(format!("N:;;{}", escaped.join(";")))
}

/// An entry for a list's further values; nothing when there are none.
pub(super) fn list(lead: &str, values: &[String]) -> Option<String> {
    let escaped: Vec<String> = values.iter().map(|value| escape(value)).collect();
    (!values.is_empty()).then(|| format!("{lead}{}", escaped.join(",")))
}

/// The content lines of an entry, the second one its label. `group` gives a group's name that the card does not use, and
/// `beside` are the contact's entries: of some properties 4.0 has one alone.
///
/// Nothing for an entry that is no content line or that a card may not be given (BEGIN, UID, X-INCWO-...).
pub(super) fn lines(entry: &str, beside: &[String], pen: LineWriter, group: impl FnOnce() -> String) -> Vec<Vec<u8>> {
    let Some(mut apart) = parse(entry).filter(|_| is_entry(entry)) else {
        return Vec::new();
    };
    if turn::is_turned(&apart.name) && !(pen.version == Version::V40 && is_second_anniversary(entry, beside)) {
        turn::settle(&mut apart);
        turn::turn(&mut apart, pen.version);
    }
    let group = apart.label.as_ref().map(|_| group());
    let mut start = match &group {
        Some(group) => format!("{group}.{}", apart.name),
        None => apart.name.clone(),
    };
    if apart.is_base64 {
        start.push_str(if pen.version == Version::V21 { ";ENCODING=BASE64" } else { ";ENCODING=b" });
    }
    for (name, value) in &apart.params {
        start.push_str(&format!(";{name}={value}"));
    }
    let start: String = start.chars().filter(|char| !char.is_control()).collect();
    let is_data = || apart.value.starts_with("data:") && apart.value.contains(";base64,");
    let line = if apart.is_base64 || is_data() {
        pen.base64(start.as_bytes(), &apart.value)
    } else {
        pen.line(start.as_bytes(), &Value::Escaped(&apart.value))
    };
    let label = group.zip(apart.label).map(|(group, label)| {
        let start = format!("{group}.X-ABLabel");
        pen.line(start.as_bytes(), &Value::Text(&label))
    });
    std::iter::once(line).chain(label).collect()
}

/// True for Apple's line of an anniversary where the contact has another: it stays Apple's in 4.0, which has one alone.
fn is_second_anniversary(entry: &str, beside: &[String]) -> bool {
    let is_apples = |entry: &str| entry.starts_with("X-ABDATE;") && entry.contains("_$!<Anniversary>!$_");
    let is_plain =
        |entry: &String| ["ANNIVERSARY", "X-ANNIVERSARY"].contains(&entry.split([';', ':']).next().unwrap_or_default());
    is_apples(entry)
        && (beside.iter().any(is_plain)
            || beside.iter().find(|other| is_apples(other)).is_some_and(|first| first != entry))
}

/// True for an entry that a card can be given.
pub(super) fn is_entry(entry: &str) -> bool {
    is_writable(prop(entry))
}

/// The property of an entry; `Opaque` when it is no content line.
pub(super) fn prop(entry: &str) -> Prop {
    Head::parse(entry.as_bytes(), false).map_or(Prop::Opaque, |head| head.prop)
}

/// The components of an entry's value, unescaped.
pub(super) fn components(entry: &str) -> Vec<String> {
    with_view(entry, |view| view.components().into_iter().map(String::from).collect())
}

/// The values of an entry that is a list, unescaped.
pub(super) fn values(entry: &str) -> Vec<String> {
    with_view(entry, |view| view.list())
}

/// The text of an entry's value.
pub(super) fn text(entry: &str) -> String {
    with_view(entry, |view| view.text().into_owned())
}

/// A parameter of an entry.
pub(super) fn param(entry: &str, name: &str) -> Option<String> {
    with_view(entry, |view| view.param(name).map(Cow::into_owned))
}

fn with_view<T: Default>(entry: &str, look: impl FnOnce(View<'_>) -> T) -> T {
    let head = Head::parse(entry.as_bytes(), false);
    head.map(|head| look(View { content: entry.as_bytes(), head: &head, version: Version::V30 })).unwrap_or_default()
}

fn is_writable(prop: Prop) -> bool {
    match prop {
        Prop::Begin
        | Prop::End
        | Prop::Version
        | Prop::Uid
        | Prop::Rev
        | Prop::ProdId
        | Prop::PostalLabel
        | Prop::Label
        | Prop::CrmId
        | Prop::CrmItem
        | Prop::CrmCivility
        | Prop::CrmCountry
        | Prop::CrmFirm
        | Prop::CrmType
        | Prop::CrmOther
        | Prop::Opaque => false,
        Prop::N
        | Prop::Fn
        | Prop::Org
        | Prop::Title
        | Prop::Note
        | Prop::Tel
        | Prop::Email
        | Prop::Adr
        | Prop::Impp
        | Prop::XMessenger
        | Prop::Categories
        | Prop::Kind
        | Prop::AbAdr
        | Prop::ShowAs
        | Prop::Agent
        | Prop::SortKey
        | Prop::Other => true,
    }
}

/// A parameter's name and its value with its quotes.
type Param<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters as they are to be kept. What says how the value was encoded is left out.
fn params(view: View<'_>) -> Vec<Param<'_>> {
    let mut kept: Vec<Param<'_>> = Vec::new();
    for (name, value) in view.params() {
        let is_encoding = name.eq_ignore_ascii_case(b"ENCODING") || name.eq_ignore_ascii_case(b"CHARSET");
        if is_encoding || (name.is_empty() && vocabulary::is_transfer_word(value)) {
            continue;
        }
        // A quote without its partner would hide the entry's colon.
        let (is_bare, name, value) = (name.is_empty(), quoted_whole(name), quoted_whole(value));
        match kept.last_mut() {
            // 2.1: `TEL;HOME;VOICE` is `TYPE=HOME,VOICE`.
            Some((_, words)) if is_bare => words.to_mut().extend([",", &value]),
            _ => kept.push((if is_bare { "TYPE".into() } else { name }, value)),
        }
    }
    kept
}

/// The text without its quotes where they are not pairs.
fn quoted_whole(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    let quotes = bytes.iter().filter(|byte| **byte == b'"').count();
    if quotes % 2 == 0 { text } else { text.replace('"', "").into() }
}

/// The value in 3.0 escaping.
fn value(view: View<'_>) -> String {
    if view.is_blob() {
        let text = view.escaped();
        let is_whole = text.bytes().all(|byte| byte.is_ascii_graphic());
        return if is_whole { text.into_owned() } else { text.chars().filter(char::is_ascii_graphic).collect() };
    }
    let is_nested = view.head.prop == Prop::Agent && view.bytes().contains(&b'\n');
    match view.version {
        _ if is_nested => escape(view.escaped().trim()),
        _ if matches!(view.head.prop, Prop::Fn | Prop::Title | Prop::Note) => escape(&view.text()),
        Version::V21 if !is_uri(view.name()) => {
            // A comma has no other meaning in 2.1 than in a 3.0 list: it stays bare.
            let parts = view.components();
            parts.iter().map(|part| escape(part).replace("\\,", ",")).collect::<Vec<_>>().join(";")
        }
        Version::V21 | Version::V30 | Version::V40 => {
            let text = super::value::clean(view.escaped()).replace('\n', "\\n");
            if text.contains("\\:") { with_bare_colons(&text) } else { text }
        }
    }
}

/// Without the backslash that old Macs put before colons: no version has that escape, and it breaks links.
fn with_bare_colons(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_escape = false;
    for char in text.chars() {
        if is_escape && char == ':' {
            out.pop();
        }
        out.push(char);
        is_escape = char == '\\' && !is_escape;
    }
    out
}

/// Properties whose values are URIs, which no version escapes.
fn is_uri(name: &[u8]) -> bool {
    [&b"URL"[..], b"PHOTO", b"LOGO", b"SOUND", b"KEY", b"SOURCE", b"FBURL", b"CALURI", b"CALADRURI", b"GEO"]
        .iter()
        .any(|uri| uri.eq_ignore_ascii_case(name))
}

/// Takes out the first parameter of the name.
fn take(params: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let place = params.iter().position(|(other, _)| other.eq_ignore_ascii_case(name))?;
    Some(params.remove(place).1)
}

/// A data URI without the escapes that some put into it: none has a meaning there.
fn data_uri(value: &str) -> Option<String> {
    let (head, data) = value.strip_prefix("data:")?.split_once(',')?;
    let head = head.strip_suffix('\\').unwrap_or(head);
    (value.contains('\\')).then(|| format!("data:{},{data}", head.replace("\\;", ";")))
}

/// True for a picture, a sound or a key that is only named by a file of one machine.
pub(super) fn is_local_file(view: View<'_>) -> bool {
    let is_media = [&b"PHOTO"[..], b"LOGO", b"SOUND", b"KEY"].iter().any(|name| name.eq_ignore_ascii_case(view.name()));
    is_media && view.bytes().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"file:"))
}

/// The first entry of the line's property that a contact has.
pub(super) fn first_of<'c>(view: View<'_>, contact: &'c Contact) -> Option<&'c String> {
    let is_it = |entry: &&String| {
        entry.get(..view.name().len()).is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(view.name()))
            && entry[view.name().len()..].starts_with([';', ':'])
    };
    contact.extra.iter().find(is_it)
}

/// True where a program that saved `agreed` wrote `there`: the same value in another spelling.
pub(super) fn is_rewritten(there: &str, agreed: &str) -> bool {
    let agreed = &settled(agreed);
    let name = |entry: &str| entry.split([';', ':']).next().unwrap_or_default().to_owned();
    name(there) == name(agreed) && normalised(there) == normalised(agreed)
}

/// An entry's parameters and value as far as they have a meaning.
fn normalised(entry: &str) -> Option<(Vec<String>, String)> {
    let head = Head::parse(entry.as_bytes(), false)?;
    let view = View { content: entry.as_bytes(), head: &head, version: Version::V30 };
    if view.is_blob() {
        return Some((Vec::new(), view.escaped().into_owned()));
    }
    let is_told =
        |name: &str| !name.eq_ignore_ascii_case("VALUE") && !name.to_ascii_uppercase().starts_with("X-EVOLUTION-");
    let params = params(view).into_iter().filter(|(name, _)| is_told(name));
    let mut params: Vec<String> =
        params.map(|(name, value)| format!("{name}={value}").replace('"', "").to_lowercase()).collect();
    params.sort_unstable();
    let name = view.name().to_ascii_uppercase();
    let is_date = name == b"BDAY" || name.ends_with(b"ANNIVERSARY") || name == b"DEATHDATE";
    let mut value = view.escaped().into_owned();
    for separator in [';', ',', ':'] {
        while value.contains(&format!("\\{separator}")) {
            value = value.replace(&format!("\\{separator}"), &separator.to_string());
        }
    }
    Some((params, if is_date { value.replace('-', "") } else { value }))
}

/// (word of TYPE, base64) of `data:image/jpeg;base64,...`.
fn from_data_uri(name: &str, value: &str) -> Option<(String, String)> {
    let (kind, data) = value.strip_prefix("data:")?.split_once(";base64,")?;
    Some((type_word(name, kind)?, data.to_owned()))
}

/// RFC 6868: what a quoted parameter cannot hold as such.
pub(super) fn caret(text: &str) -> String {
    let text: String = text.chars().filter(|char| *char == '\n' || !char.is_control()).collect();
    text.replace('^', "^^").replace('\n', "^n").replace('"', "^'")
}

pub(super) fn uncaret(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char, chars.as_str().chars().next()) {
            ('^', Some('n')) => out.push('\n'),
            ('^', Some('\'')) => out.push('"'),
            ('^', Some('^')) => out.push('^'),
            _ => {
                out.push(char);
                continue;
            }
        }
        chars.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, line: &str, label: Option<&str>, expected: &str) {
        let head = Head::parse(line.as_bytes(), true).expect("a content line");
        let found = entry(View { content: line.as_bytes(), head: &head, version }, label);
        assert_eq!(found.as_deref(), Some(expected), "{line}");
    }

    #[test]
    fn lines_become_entries() {
        check(Version::V30, "item1.url;type=HOME:http://a/b,c", None, "URL;type=HOME:http://a/b,c");
        check(Version::V30, "URL:x", Some("mon \"site\"^\n"), "URL;X-ABLABEL=\"mon ^'site^'^^^n\":x");
        check(
            Version::V21,
            "X-A;HOME;PREF;QUOTED-PRINTABLE;CHARSET=UTF-8:=C3=A9=0D=0A;b,c\\",
            None,
            "X-A;TYPE=HOME,PREF:é\\n;b,c\\\\",
        );
        check(Version::V21, "PHOTO;JPEG;BASE64:AA BB", None, "PHOTO;ENCODING=b;TYPE=JPEG:AABB");
        check(Version::V21, "PHOTO;BASE64;JP\"EG:AA", None, "PHOTO;ENCODING=b;TYPE=JPEG:AA");
        check(Version::V30, "X-A;X\"-P=1:a", None, "X-A;X-P=1:a");
        check(Version::V30, "PHOTO;TYPE=jpeg;ENCODING=B:AA", None, "PHOTO;ENCODING=b;TYPE=JPEG:AA");
        check(Version::V40, "PHOTO:data:image/jpeg;base64,AA==", None, "PHOTO;ENCODING=b;TYPE=JPEG:AA==");
        check(
            Version::V40,
            "PHOTO;TYPE=home:data:image/png;base64,AA==",
            None,
            "PHOTO;ENCODING=b;TYPE=PNG;TYPE=home:AA==",
        );
        check(Version::V30, "PHOTO;VALUE=URI:data:image/jpeg;base64,AA==", None, "PHOTO;ENCODING=b;TYPE=JPEG:AA==");
        check(Version::V30, "PHOTO;ENCODING=b;TYPE=JPEG;VALUE=binary:AA==", None, "PHOTO;ENCODING=b;TYPE=JPEG:AA==");
        check(
            Version::V30,
            "PHOTO;ENCODING=b;TYPE=JPEG:data:image/jpeg;base64,AA==",
            None,
            "PHOTO;ENCODING=b;TYPE=JPEG:AA==",
        );
        check(Version::V40, "PHOTO:https://a/b.jpg", None, "PHOTO:https://a/b.jpg");
        check(Version::V30, "URL:http\\://a/b\\\\:c", None, "URL:http://a/b\\\\:c");
        check(Version::V30, "FN;LANGUAGE=de:a, b\\,;c", None, "FN;LANGUAGE=de:a\\, b\\,\\;c");
        check(Version::V30, "NOTE;ENCODING=b:w6ksCg==", None, "NOTE:é\\,\\n");
        check(Version::V21, "NOTE:a\\nb, c", None, "NOTE:a\\nb\\, c");
        check(Version::V21, "URL:http://a/?b;c,d", None, "URL:http://a/?b;c,d");
    }

    #[test]
    fn entries_become_lines() {
        for (version, entry, expected) in [
            (Version::V30, "URL;X-ABLABEL=\"a^'b\":x", "item7.URL:x\nitem7.X-ABLabel:a\"b\n"),
            (Version::V40, "PHOTO;ENCODING=b;TYPE=JPEG:AA==", "PHOTO:data:image/jpeg;base64,AA==\n"),
            (Version::V21, "PHOTO;ENCODING=b;TYPE=JPEG:AA==", "PHOTO;ENCODING=BASE64;TYPE=JPEG:AA==\n"),
            (Version::V21, "X-A:a\\;b;c", "X-A:a\\;b;c\n"),
            (Version::V30, "X-A:a\r\nEND:VCARD", "X-A:aEND:VCARD\n"),
            (Version::V30, "X-A;B=c\r\nEND:VCARD", "X-A;B=cEND:VCARD\n"),
            (Version::V30, "UID:x", ""),
            (Version::V30, "nonsense", ""),
        ] {
            let lines = lines(entry, &[], LineWriter { version, eol: "\n" }, || "item7".into()).concat();
            assert_eq!(String::from_utf8_lossy(&lines), expected, "{entry}");
        }
    }
}
