//! Who somebody is related to: RELATED (RFC 6350 6.6.6), and what 3.0 has for it.
//!
//! Apple's X-ABRELATEDNAMES holds a name, and the label of its group says whose. AGENT (RFC 2426 3.5.4) that is named by a
//! URI is RELATED of the type `agent`; one that is a card in the card has no form in 4.0, as another card named by its URI has
//! none in 3.0. KAddressBook's X-SPOUSE and Evolution's stay what they are, and say in 4.0 what they were.

use super::{turn::Entry, turn_value::is_uri};

/// The types of RFC 6350 6.6.6.
const TYPES: [&str; 20] = [
    "contact",
    "acquaintance",
    "friend",
    "met",
    "co-worker",
    "colleague",
    "co-resident",
    "neighbor",
    "child",
    "parent",
    "sibling",
    "spouse",
    "kin",
    "muse",
    "crush",
    "date",
    "sweetheart",
    "me",
    "agent",
    "emergency",
];

/// Those that Apple's programs have a label of their own for.
const LABELLED: [(&str, &str); 5] = [
    ("spouse", "_$!<Spouse>!$_"),
    ("child", "_$!<Child>!$_"),
    ("parent", "_$!<Parent>!$_"),
    ("friend", "_$!<Friend>!$_"),
    ("sibling", "_$!<Sibling>!$_"),
];

/// Says in a 4.0 card which line of 3.0 this was.
const OLD_NAME: &str = "X-NAME";

/// RELATED with its types, preference and kind in this order.
pub(super) fn settle(entry: &mut Entry) {
    let is_named_by_uri = is_uri(&entry.value) && !entry.is_of("text");
    match entry.name.as_str() {
        "AGENT" if !(is_named_by_uri || entry.is_of("uri")) => return,
        "AGENT" => {
            entry.take("VALUE");
            entry.params.insert(0, ("TYPE".to_owned(), "agent".to_owned()));
        }
        "X-ABRELATEDNAMES" if !entry.is_of("uri") => entry.say_kind("text"),
        _ => {}
    }
    entry.rename("RELATED");
    if let Some(name) = entry.take(OLD_NAME).filter(|name| matches!(name.as_str(), "X-SPOUSE" | "X-EVOLUTION-SPOUSE")) {
        entry.take("TYPE");
        entry.drop_value_type(&["text"]);
        entry.rename(&name);
        return;
    }
    let mut words: Vec<String> = Vec::new();
    for (param, value) in &entry.params {
        if param.eq_ignore_ascii_case("TYPE") {
            let all = value.trim_matches('"').split(',').map(|word| word.trim().to_lowercase());
            words.extend(all.filter(|word| !word.is_empty()));
        }
    }
    if let Some(types) = entry.label.as_deref().and_then(types_of) {
        words.extend(types);
        entry.label = None;
    }
    let is_text = entry.is_of("text") || !is_uri(&entry.value);
    let is_preferred = words.iter().any(|word| word == "pref") || entry.param("PREF") == Some("1");
    words.retain(|word| word != "pref");
    words.dedup();
    entry.take("TYPE");
    entry.drop_value_type(&["text", "uri"]);
    if is_preferred {
        entry.take("PREF");
    }
    let param = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut params = Vec::with_capacity(3 + entry.params.len());
    params.extend((!words.is_empty()).then(|| param("TYPE", &words.join(","))));
    params.extend(is_preferred.then(|| param("PREF", "1")));
    params.extend(is_text.then(|| param("VALUE", "text")));
    params.append(&mut entry.params);
    entry.params = params;
}

/// The types that a label stands for.
fn types_of(label: &str) -> Option<Vec<String>> {
    if let Some((word, _)) = LABELLED.iter().find(|(_, text)| *text == label) {
        return Some(vec![(*word).to_owned()]);
    }
    let words: Vec<String> = label.split(',').map(|word| word.trim().to_owned()).collect();
    words.iter().all(|word| TYPES.contains(&word.as_str())).then_some(words)
}

/// Gives a relation a version's form.
pub(super) fn turn(entry: &mut Entry, is_new: bool) {
    let is_old_name = entry.name != "RELATED";
    match (is_new, is_old_name) {
        (true, true) => {
            let name = std::mem::replace(&mut entry.name, "RELATED".to_owned());
            let told = [("TYPE", "spouse"), ("VALUE", "text"), (OLD_NAME, &name)];
            let told = told.map(|(param, value)| (param.to_owned(), value.to_owned()));
            entry.params.splice(..0, told);
        }
        (true, false) | (false, true) => {}
        (false, false) if entry.is_of("text") => turn_name(entry),
        (false, false) if entry.param("TYPE") == Some("agent") => {
            entry.take("TYPE");
            entry.params.insert(0, ("VALUE".to_owned(), "uri".to_owned()));
            entry.rename("AGENT");
        }
        (false, false) => entry.hide(),
    }
}

/// Apple's line, whose label says the type.
fn turn_name(entry: &mut Entry) {
    entry.rename("X-ABRELATEDNAMES");
    entry.drop_value_type(&["text"]);
    if entry.param("PREF") == Some("1") {
        for (param, value) in entry.params.iter_mut().filter(|(param, _)| param.eq_ignore_ascii_case("PREF")) {
            (*param, *value) = ("TYPE".to_owned(), "pref".to_owned());
        }
    }
    if entry.label.is_some() {
        return;
    }
    let words = entry.params.iter().find(|(param, value)| param == "TYPE" && value != "pref");
    let words = words.map(|(_, value)| value.trim_matches('"').to_owned()).unwrap_or_default();
    let types: Vec<&str> = words.split(',').collect();
    if types.iter().all(|word| TYPES.contains(word)) {
        entry.params.retain(|(param, value)| !(param == "TYPE" && value != "pref"));
        let own = LABELLED.iter().find(|(word, _)| types == [*word]).map(|(_, label)| (*label).to_owned());
        entry.label = Some(own.unwrap_or_else(|| types.join(", ")));
    }
}
