//! The values that 3.0 and 4.0 write otherwise: places, time zones, pictures and keys, genders, profiles.

use super::turn::Entry;

/// Keeps a `geo:` URI that says more than a latitude and a longitude, beside these.
const WHOLE_PLACE: &str = "X-URI";

/// True for a value that names something by its scheme.
pub(super) fn is_uri(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(':') else { return false };
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme && !rest.is_empty() && !rest.contains(char::is_whitespace) && !scheme.eq_ignore_ascii_case("BEGIN")
}

/// `48.85;2.35`, as 3.0 writes it; a `geo:` URI where it says more.
pub(super) fn settle_geo(entry: &mut Entry) {
    let value = entry.value.replace("\\,", ",").replace("\\;", ";");
    let whole = entry.take(WHOLE_PLACE);
    let Some(place) = place(&value) else { return };
    entry.drop_value_type(&["uri", "float", "text"]);
    let whole = whole.filter(|whole| coordinates(whole) == coordinates(&value));
    entry.value = whole.unwrap_or(place);
}

/// The place as an entry has it; none for what is no place on the earth.
fn place(value: &str) -> Option<String> {
    let (latitude, longitude) = coordinates(value)?;
    let is_more = geo(value).is_some_and(|rest| rest.contains(';') || rest.matches(',').count() > 1);
    Some(if is_more { value.trim().to_owned() } else { format!("{latitude};{longitude}") })
}

fn geo(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_at_checked(4)?;
    scheme.eq_ignore_ascii_case("geo:").then_some(rest)
}

/// Latitude and longitude as they stand.
fn coordinates(value: &str) -> Option<(&str, &str)> {
    let mut parts = match geo(value) {
        Some(rest) => rest.split(';').next().unwrap_or_default().splitn(3, ','),
        None if value.contains(';') => return pair(value.split_once(';')?),
        None => return pair(value.split_once(',')?),
    };
    pair((parts.next()?, parts.next()?))
}

fn pair<'a>((latitude, longitude): (&'a str, &'a str)) -> Option<(&'a str, &'a str)> {
    let number = |text: &'a str| {
        let text = text.trim().trim_start_matches('+');
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
        (is_number && text.parse::<f64>().is_ok()).then_some(text)
    };
    Some((number(latitude)?, number(longitude)?))
}

/// Gives a place a version's form.
pub(super) fn turn_geo(entry: &mut Entry, is_new: bool) {
    let value = std::mem::take(&mut entry.value);
    let is_geo = geo(&value).is_some();
    entry.value = match coordinates(&value) {
        Some((latitude, longitude)) if is_new && !is_geo => format!("geo:{latitude},{longitude}"),
        Some((latitude, longitude)) if !is_new && is_geo => {
            let pair = format!("{latitude};{longitude}");
            entry.params.push((WHOLE_PLACE.to_owned(), format!("\"{value}\"")));
            pair
        }
        Some(_) => value,
        None => {
            if is_new != is_uri(&value) {
                entry.hide();
            }
            value
        }
    };
}

/// `+01:00`, or a zone's name.
pub(super) fn settle_zone(entry: &mut Entry) {
    if entry.is_of("uri") {
        return;
    }
    entry.drop_value_type(&["text", "utc-offset"]);
    if let Some(offset) = offset(entry.value.trim()) {
        entry.value = offset;
    }
}

/// An offset from UTC with its colon.
fn offset(text: &str) -> Option<String> {
    if matches!(text, "Z" | "z") {
        return Some("+00:00".to_owned());
    }
    let digits: String = text.strip_prefix(['+', '-'])?.chars().filter(|char| *char != ':').collect();
    let is_offset = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let minutes = digits.get(2..4).unwrap_or("00");
    is_offset.then(|| format!("{}{}:{minutes}", &text[..1], &digits[..2]))
}

/// Gives a time zone a version's form: each has one kind of value that goes without saying.
pub(super) fn turn_zone(entry: &mut Entry, is_new: bool) {
    if entry.is_of("uri") {
        return;
    }
    match (offset(&entry.value), is_new) {
        (Some(offset), true) => {
            entry.say_kind("utc-offset");
            entry.value = offset.replace(':', "");
        }
        (None, false) => entry.say_kind("text"),
        (Some(_), false) | (None, true) => {}
    }
}

/// The media type that a word of TYPE stands for; none where there is none for such a property.
fn media_type(name: &str, word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let is_subtype = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if word.is_empty() || !is_subtype {
        return word.is_empty().then_some(word);
    }
    match (name, word.as_str()) {
        ("PHOTO" | "LOGO", _) => Some(format!("image/{word}")),
        ("SOUND", _) => Some(format!("audio/{word}")),
        ("KEY", "pgp") => Some("application/pgp-keys".to_owned()),
        ("KEY", "x509") => Some("application/pkix-cert".to_owned()),
        ("KEY", _) => Some(format!("application/x-{word}")),
        _ => None,
    }
}

/// The word of TYPE for a media type; empty for none, nothing where the property has no such type.
pub(super) fn type_word(name: &str, media: &str) -> Option<String> {
    let media = media.to_ascii_lowercase();
    let word = match (name, media.as_str()) {
        (_, "") => "",
        ("KEY", "application/pgp-keys") => "PGP",
        ("KEY", "application/pkix-cert") => "X509",
        ("KEY", _) => media.strip_prefix("application/x-")?,
        ("PHOTO" | "LOGO", _) => media.strip_prefix("image/")?,
        ("SOUND", _) => media.strip_prefix("audio/")?,
        _ => return None,
    };
    let word = word.to_ascii_uppercase();
    (media_type(name, &word)? == media).then_some(word)
}

/// The words of TYPE that are no media type.
fn is_place_word(word: &str) -> bool {
    ["home", "work", "pref"].iter().any(|other| other.eq_ignore_ascii_case(word))
}

/// A picture, a sound or a key that is named and not held: TYPE has its kind, VALUE goes without saying.
pub(super) fn settle_media(entry: &mut Entry) {
    if entry.is_base64 {
        return;
    }
    if is_uri(&entry.value) {
        entry.drop_value_type(&["uri", "url"]);
    } else {
        entry.drop_value_type(&["text"]);
    }
    let name = entry.name.clone();
    for (param, value) in &mut entry.params {
        let is_type = param.eq_ignore_ascii_case("TYPE") && !is_place_word(value);
        if is_type && media_type(&name, value).and_then(|media| type_word(&name, &media)).is_some() {
            (*param, *value) = ("TYPE".to_owned(), value.to_ascii_uppercase());
        }
        if param.eq_ignore_ascii_case("MEDIATYPE")
            && let Some(word) = type_word(&name, value.trim_matches('"')).filter(|word| !word.is_empty())
        {
            (*param, *value) = ("TYPE".to_owned(), word);
        }
    }
}

/// Gives a picture, a sound or a key a version's form.
pub(super) fn turn_media(entry: &mut Entry, is_new: bool) {
    let name = entry.name.clone();
    if entry.is_base64 {
        let word = entry.params.iter().position(|(param, _)| param.eq_ignore_ascii_case("TYPE"));
        let word_there = word.map_or("", |at| entry.params[at].1.as_str());
        if is_new && let Some(media) = media_type(&name, word_there) {
            word.map(|at| entry.params.remove(at));
            entry.value = format!("data:{media};base64,{}", entry.value);
            entry.is_base64 = false;
        }
        return;
    }
    let is_named = is_uri(&entry.value) && !entry.is_of("text");
    match (is_new, is_named) {
        (true, false) if name == "KEY" => entry.say_kind("text"),
        (true, _) => {}
        (false, true) => entry.params.insert(0, ("VALUE".to_owned(), "uri".to_owned())),
        (false, false) => {}
    }
    let typed =
        entry.params.iter_mut().find(|(param, word)| param.eq_ignore_ascii_case("TYPE") && !is_place_word(word));
    if is_new
        && let Some((param, word)) = typed
        && let Some(media) = media_type(&name, word)
    {
        (*param, *word) = ("MEDIATYPE".to_owned(), media);
    }
}

/// GENDER as 4.0 has it, also of what programs write as X-GENDER.
pub(super) fn settle_gender(entry: &mut Entry) {
    if entry.name == "X-GENDER" {
        entry.rename("GENDER");
        entry.value = gender(&entry.value);
    }
}

fn gender(word: &str) -> String {
    let is_coded = matches!(word.split(';').next(), Some("M" | "F" | "O" | "N" | "U" | ""));
    match word.trim().to_ascii_lowercase().as_str() {
        "male" | "m" => "M".to_owned(),
        "female" | "f" => "F".to_owned(),
        _ if is_coded => word.to_owned(),
        _ => format!(";{word}"),
    }
}

/// X-GENDER as programs write it in 3.0.
pub(super) fn turn_gender(entry: &mut Entry) {
    let word = match entry.value.as_str() {
        "M" => "Male",
        "F" => "Female",
        other => match other.strip_prefix(';') {
            Some(word) if gender(word) == other => word,
            _ => other,
        },
    };
    if gender(word) == entry.value {
        entry.value = word.to_owned();
        entry.hide();
    }
}

/// SOCIALPROFILE as RFC 9554 has it, also of Apple's X-SOCIALPROFILE.
pub(super) fn settle_profile(entry: &mut Entry) {
    entry.rename("SOCIALPROFILE");
    let is_named = entry.param("SERVICE-TYPE").is_some();
    let is_service = |param: &str, word: &str| param.eq_ignore_ascii_case("TYPE") && !is_place_word(word);
    if let Some((param, _)) = entry.params.iter_mut().find(|(param, word)| !is_named && is_service(param, word)) {
        *param = "SERVICE-TYPE".to_owned();
    }
    rename_param(entry, "X-USER", "USERNAME");
}

/// X-SOCIALPROFILE as Apple and Nextcloud write it.
pub(super) fn turn_profile(entry: &mut Entry) {
    let at = entry.params.iter().position(|(param, _)| param.eq_ignore_ascii_case("SERVICE-TYPE"));
    let service = at.map(|at| &entry.params[at].1);
    let before = entry.params.iter().take(at.unwrap_or_default());
    let is_first = !before.into_iter().any(|(param, word)| param.eq_ignore_ascii_case("TYPE") && !is_place_word(word));
    if service.is_some_and(|word| !is_place_word(word)) && is_first {
        rename_param(entry, "SERVICE-TYPE", "TYPE");
    }
    rename_param(entry, "USERNAME", "X-USER");
    entry.hide();
}

fn rename_param(entry: &mut Entry, from: &str, to: &str) {
    for (param, _) in entry.params.iter_mut().filter(|(param, _)| param.eq_ignore_ascii_case(from)) {
        to.clone_into(param);
    }
}
