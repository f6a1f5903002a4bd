//! What a PUT or POST makes of a contact or a firm: pure.
//!
//! The reference says that a PUT "updates some fields" and leaves open what an empty element and a list mean; the
//! settings choose.

use std::num::ParseIntError;

use super::{
    object::{Change, Entry, EntryChange, INTEGERS, Kind, ListShape, Object, Shape, Value, violations},
    settings::{Lists, Quirk, SandboxSettings},
    state::FIRST_ID,
};

const LAST_NAME: &str = "last_name";
const FIRM_ID: &str = "firm_id";

/// Why a change is not to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It names something that is not there.
    Missing,
    /// It breaks rules: sentences for the client.
    Rules(Vec<String>),
}

/// Changes what is stored as a PUT asks. After an error nothing is to be stored.
pub fn put<const N: usize>(
    shape: &Shape<N>,
    object: &mut Object<N>,
    change: &Change<N>,
    settings: &SandboxSettings,
) -> Result<(), Refusal> {
    for (at, name) in shape.scalars.iter().enumerate() {
        let Some(value) = &change.scalars[at] else { continue };
        let empty = value.as_deref().unwrap_or_default().is_empty();
        if (empty && settings.has(Quirk::EmptyKeeps)) || ignores(name, settings) {
            continue;
        }
        object.scalars[at] = column(name, stored(value, *name == LAST_NAME, false, settings), settings);
    }
    if settings.has(Quirk::CapitalsAtSave) {
        in_capitals(shape, object);
    }
    let mut errors = Vec::new();
    for (at, list) in shape.lists.into_iter().enumerate() {
        let Some(given) = &change.lists[at] else { continue };
        let old = std::mem::take(&mut object.lists[at]);
        object.lists[at] = match settings.lists_of(list) {
            Lists::Replace => replaced(&old, given, list, settings),
            Lists::Append => {
                let added = given.iter().filter(|entry| !entry.says_nothing());
                old.into_iter().chain(added.map(|entry| fresh(entry, list, settings))).collect()
            }
            lists @ (Lists::Ids | Lists::Sync) => match matched(old, given, list, settings) {
                Ok(matched) if lists == Lists::Sync => listed(matched, given),
                Ok(matched) => matched,
                Err(_) if settings.has(Quirk::MissingEntry404) => return Err(Refusal::Missing),
                Err(error) => {
                    errors.push(format!("{error} for this {}", shape.one));
                    Vec::new()
                }
            },
        };
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Rules(errors)) }
}

/// The entries that a PUT names, and those that it made.
fn listed(mut entries: Vec<Entry>, given: &[EntryChange]) -> Vec<Entry> {
    entries.retain(|entry| entry.id == 0 || given.iter().any(|named| number(named) == Some(entry.id)));
    entries
}

/// What a POST asks for, not stored yet. List ids that a client may have sent mean nothing here.
pub fn post<const N: usize>(shape: &Shape<N>, change: &Change<N>, settings: &SandboxSettings) -> Object<N> {
    let mut object = Object::default();
    for (at, name) in shape.scalars.iter().enumerate().filter(|(_, name)| !ignores(name, settings)) {
        let value = change.scalars[at].clone().unwrap_or_default();
        object.scalars[at] = column(name, stored(&value, *name == LAST_NAME, false, settings), settings);
    }
    if settings.has(Quirk::CapitalsAtSave) {
        in_capitals(shape, &mut object);
    }
    for (at, list) in shape.lists.into_iter().enumerate() {
        let given = change.lists[at].iter().flatten().filter(|entry| !entry.destroy && !entry.says_nothing());
        object.lists[at] = given.map(|entry| fresh(entry, list, settings)).collect();
    }
    object
}

/// Why a new contact or firm may not be stored, a sentence each; empty when it may.
pub fn faults<const N: usize>(shape: &Shape<N>, object: &Object<N>, settings: &SandboxSettings) -> Vec<String> {
    let mut found = violations(shape, object);
    let untyped =
        shape.place("contact_type").is_some_and(|at| object.scalars[at].as_ref().is_none_or(String::is_empty));
    if settings.has(Quirk::RequiresType) && untyped {
        found.push("Contact type can't be blank".to_owned());
    }
    found
}

/// The firm that a change puts a contact in, if it names one; `Err` when it is no number.
pub fn firm_named<const N: usize>(
    shape: &Shape<N>,
    change: &Change<N>,
    settings: &SandboxSettings,
) -> Option<Result<i64, ParseIntError>> {
    let given = change.scalars[shape.place(FIRM_ID)?].clone()?;
    column(FIRM_ID, given, settings).map(|text| text.parse())
}

/// Why a contact or firm may not be deleted, given how many contacts belong to it; empty when it may.
pub fn ties(kind: Kind, id: i64, contacts: usize, settings: &SandboxSettings) -> Vec<String> {
    let tie = match kind {
        Kind::Contact => (settings.has(Quirk::Invoiced) && id == FIRST_ID).then_some("Contact has invoices"),
        Kind::Firm => (settings.has(Quirk::FirmDeleteRefused) && contacts > 0).then_some("Firm has contacts"),
    };
    tie.map(str::to_owned).into_iter().collect()
}

/// Whether an element is acknowledged and not taken.
fn ignores(name: &str, settings: &SandboxSettings) -> bool {
    (name == "job_department" && settings.has(Quirk::IgnoresDepartment))
        || (name == FIRM_ID && settings.has(Quirk::IgnoresFirm))
}

fn replaced(old: &[Entry], given: &[EntryChange], shape: &ListShape, settings: &SandboxSettings) -> Vec<Entry> {
    let mut new: Vec<Entry> = Vec::new();
    for entry in given {
        if entry.destroy && !settings.has(Quirk::NoDestroy) {
            continue;
        }
        let known = position(old, entry).map(|at| &old[at]).filter(|known| new.iter().all(|kept| kept.id != known.id));
        match known {
            Some(known) => {
                // The list is made anew: what is not sent back is lost.
                let mut kept = Entry { label: None, ..known.clone() };
                update(&mut kept, entry, shape, settings);
                new.push(kept);
            }
            None if entry.says_nothing() => {}
            None => new.push(fresh(entry, shape, settings)),
        }
    }
    new
}

fn matched(
    mut old: Vec<Entry>,
    given: &[EntryChange],
    shape: &ListShape,
    settings: &SandboxSettings,
) -> Result<Vec<Entry>, String> {
    for entry in given {
        let destroy = entry.destroy && !settings.has(Quirk::NoDestroy);
        match (&entry.id, position(&old, entry)) {
            (Some(_), Some(at)) if destroy => {
                old.remove(at);
            }
            (Some(_), Some(at)) => update(&mut old[at], entry, shape, settings),
            (Some(id), None) => return Err(format!("Couldn't find {} with ID={id}", shape.entry)),
            (None, _) if destroy || entry.says_nothing() => {}
            (None, _) => old.push(fresh(entry, shape, settings)),
        }
    }
    Ok(old)
}

fn position(entries: &[Entry], given: &EntryChange) -> Option<usize> {
    let id = number(given)?;
    entries.iter().position(|entry| entry.id == id && id != 0)
}

fn number(given: &EntryChange) -> Option<i64> {
    given.id.as_deref()?.trim().parse().ok()
}

fn fresh(given: &EntryChange, shape: &ListShape, settings: &SandboxSettings) -> Entry {
    let mut entry = Entry { id: 0, label: None, values: vec![None; shape.fields.len()] };
    update(&mut entry, given, shape, settings);
    entry
}

fn update(entry: &mut Entry, given: &EntryChange, shape: &ListShape, settings: &SandboxSettings) {
    if let Some(label) = given.label.clone().filter(|_| settings.has(Quirk::EntryLabels)) {
        entry.label = label;
    }
    // The code decides how the value is written, so it comes first.
    if let Some(Some(code)) = given.values.first() {
        entry.values[0] = code.clone();
    }
    let phone = shape.phones.contains(&entry.values[0].as_deref().unwrap_or_default());
    for (at, value) in given.values.iter().enumerate().skip(1) {
        if let Some(value) = value {
            entry.values[at] = stored(value, false, phone, settings);
        }
    }
}

/// A column of numbers holds no empty text: it becomes nil, as in a database.
fn column(name: &str, value: Value, settings: &SandboxSettings) -> Value {
    if !INTEGERS.contains(&name) {
        return value;
    }
    let value = value.filter(|text| !text.is_empty());
    if settings.has(Quirk::CastsIntegers) { value.map(|text| cast(&text)) } else { value }
}

/// What a column of numbers makes of a text: the digits that it begins with, else 0.
fn cast(text: &str) -> String {
    let text = text.trim_start();
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let number = text[..text.len() - digits.len()].trim_start_matches('0');
    if number.is_empty() { "0" } else { number }.to_owned()
}

fn in_capitals<const N: usize>(shape: &Shape<N>, object: &mut Object<N>) {
    if let Some(at) = shape.place(LAST_NAME) {
        let name = &mut object.scalars[at];
        *name = name.as_ref().map(|text| text.to_uppercase());
    }
}

/// A value as this server keeps it.
fn stored(value: &Value, last_name: bool, phone: bool, settings: &SandboxSettings) -> Value {
    let mut text = value.clone()?;
    if settings.has(Quirk::Trim) {
        text = text.trim().to_owned();
    }
    if settings.has(Quirk::Normalise) {
        let lines = text.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        text = lines.collect::<Vec<_>>().join("\n");
        if phone {
            text = grouped(&text).unwrap_or(text);
        }
    }
    if last_name && settings.has(Quirk::Capitals) {
        text = text.to_uppercase();
    }
    Some(text)
}

/// A French telephone number in pairs, or `None` for anything else.
fn grouped(text: &str) -> Option<String> {
    if text.chars().any(|letter| !(letter.is_ascii_digit() || " .-()+/".contains(letter))) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let national = match (text.starts_with('+'), digits.strip_prefix("33")) {
        (true, Some(rest)) => format!("0{}", rest.strip_prefix('0').unwrap_or(rest)),
        (true, None) => return None,
        (false, _) => digits,
    };
    if national.len() != 10 || !national.starts_with('0') {
        return None;
    }
    let pairs: Vec<&str> = (0..5).map(|pair| &national[pair * 2..pair * 2 + 2]).collect();
    Some(pairs.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::object::{CONTACT, FIRM, Firm, LISTS, NAMES, Record};

    fn item(id: i64, code: &str, value: &str) -> Entry {
        Entry { id, label: None, values: vec![Some(code.to_owned()), Some(value.to_owned())] }
    }

    fn given(id: Option<&str>, code: Option<&str>, value: Option<&str>, destroy: bool) -> EntryChange {
        let values = [code, value].map(|text| text.map(|text| Some(text.to_owned()))).to_vec();
        EntryChange { id: id.map(str::to_owned), destroy, label: None, values }
    }

    fn check_lists(lists: Lists, quirks: &[Quirk], change: Vec<EntryChange>, expected: Result<&str, &str>) {
        let mut record = Record::default();
        record.lists[1] = vec![item(5, "23", "a"), item(6, "88", "b")];
        let change = Change { lists: [None, Some(change)], ..Change::default() };
        let settings = SandboxSettings { lists, quirks: quirks.to_vec(), ..SandboxSettings::default() };
        let outcome = put(&CONTACT, &mut record, &change, &settings).map(|()| {
            let texts = record.lists[1].iter().map(|entry| {
                let texts: Vec<&str> = entry.values.iter().map(|value| value.as_deref().unwrap_or("nil")).collect();
                format!("{}:{}", entry.id, texts.join("="))
            });
            texts.collect::<Vec<_>>().join(" ")
        });
        let refused = |error: &str| match error {
            "missing" => Refusal::Missing,
            rule => Refusal::Rules(vec![rule.to_owned()]),
        };
        assert_eq!(outcome, expected.map(str::to_owned).map_err(refused));
    }

    #[test]
    fn a_list_replaces() {
        let check = |change, expected| check_lists(Lists::Replace, &[], change, Ok(expected));
        check(vec![], "");
        check(vec![given(None, Some("88"), Some("c"), false)], "0:88=c");
        check(
            vec![given(Some("6"), None, Some("c"), false), given(Some("9"), Some("24"), Some("d"), false)],
            "6:88=c 0:24=d",
        );
        check(
            vec![given(Some("6"), None, None, false), given(Some("6"), Some("24"), Some("d"), false)],
            "6:88=b 0:24=d",
        );
        check(vec![given(Some("5"), None, None, true), given(None, None, Some(""), false)], "");
    }

    #[test]
    fn a_list_is_appended() {
        let check = |change, expected| check_lists(Lists::Append, &[], change, Ok(expected));
        check(vec![], "5:23=a 6:88=b");
        check(vec![given(Some("5"), Some("23"), Some("a"), false)], "5:23=a 6:88=b 0:23=a");
    }

    #[test]
    fn a_list_is_matched_by_id() {
        let check = |change, expected| check_lists(Lists::Ids, &[], change, expected);
        check(vec![], Ok("5:23=a 6:88=b"));
        check(vec![given(Some("5"), None, Some("z"), false)], Ok("5:23=z 6:88=b"));
        check(vec![given(Some("5"), None, None, true), given(None, Some("24"), Some("c"), false)], Ok("6:88=b 0:24=c"));
        check(
            vec![given(Some("77"), None, Some("z"), false)],
            Err("Couldn't find contact_item with ID=77 for this contact"),
        );
        let gone = || vec![given(Some("77"), None, Some("z"), false)];
        check_lists(Lists::Ids, &[Quirk::MissingEntry404], gone(), Err("missing"));
        check_lists(Lists::Ids, &[Quirk::NoDestroy], vec![given(Some("5"), None, None, true)], Ok("5:23=a 6:88=b"));
    }

    #[test]
    fn what_is_not_listed_goes() {
        let check = |change, expected| check_lists(Lists::Sync, &[], change, expected);
        check(vec![], Ok(""));
        check(vec![given(Some("5"), None, Some("z"), false)], Ok("5:23=z"));
        check(
            vec![given(None, Some("24"), Some("c"), false), given(Some("6"), None, None, false)],
            Ok("6:88=b 0:24=c"),
        );
        check(vec![given(Some("5"), None, None, true)], Ok(""));
    }

    #[test]
    fn each_list_may_be_treated_in_its_own_way() {
        let settings = SandboxSettings { addresses: Some(Lists::Append), lists: Lists::Ids, ..Default::default() };
        assert_eq!(LISTS.map(|shape| settings.lists_of(shape)), [Lists::Append, Lists::Ids]);
        let settings = SandboxSettings { lists: Lists::Ids, ..Default::default() };
        assert_eq!(LISTS.map(|shape| settings.lists_of(shape)), [Lists::Ids, Lists::Ids]);
    }

    #[test]
    fn a_label_that_is_not_sent_back_goes_with_the_list_that_is_replaced() {
        let check = |lists: Lists, sent: Option<&str>, expected: Option<&str>| {
            let mut record = Record::default();
            record.lists[1] = vec![Entry { label: Some("home".to_owned()), ..item(5, "23", "a") }];
            let label = sent.map(|label| Some(label.to_owned()));
            let change = vec![EntryChange { label, ..given(Some("5"), Some("23"), Some("b"), false) }];
            let change = Change { lists: [None, Some(change)], ..Change::default() };
            let settings = SandboxSettings { lists, quirks: vec![Quirk::EntryLabels], ..Default::default() };
            put(&CONTACT, &mut record, &change, &settings).unwrap();
            assert_eq!(record.lists[1][0].label.as_deref(), expected, "{lists:?}");
        };
        check(Lists::Replace, None, None);
        check(Lists::Replace, Some("home"), Some("home"));
        check(Lists::Ids, None, Some("home"));
    }

    #[test]
    fn scalars_change_only_when_named() {
        let check = |quirks: &[Quirk], expected: [Option<&str>; 3]| {
            let mut record = Record::default();
            record.scalars[NAMES[0]] = Some("Durand".to_owned());
            record.scalars[3] = Some("old".to_owned());
            let mut change = Change::default();
            change.scalars[3] = Some(None);
            change.scalars[NAMES[0]] = Some(Some(" Du  pont ".to_owned()));
            change.scalars[5] = Some(Some("Achats".to_owned()));
            let settings = SandboxSettings { quirks: quirks.to_vec(), ..SandboxSettings::default() };
            put(&CONTACT, &mut record, &change, &settings).unwrap();
            assert_eq!([NAMES[0], 3, 5].map(|at| record.scalars[at].as_deref()), expected, "{quirks:?}");
        };
        check(&[], [Some(" Du  pont "), None, Some("Achats")]);
        check(&[Quirk::Trim], [Some("Du  pont"), None, Some("Achats")]);
        check(&[Quirk::Normalise], [Some("Du pont"), None, Some("Achats")]);
        check(&[Quirk::Capitals], [Some(" DU  PONT "), None, Some("Achats")]);
        check(&[Quirk::EmptyKeeps], [Some(" Du  pont "), Some("old"), Some("Achats")]);
        check(&[Quirk::IgnoresDepartment], [Some(" Du  pont "), None, None]);
    }

    #[test]
    fn a_save_may_change_what_was_not_sent() {
        let mut record = Record::default();
        record.scalars[NAMES[0]] = Some("Lefèvre".to_owned());
        let settings = SandboxSettings { quirks: vec![Quirk::CapitalsAtSave], ..SandboxSettings::default() };
        put(&CONTACT, &mut record, &Change::default(), &settings).unwrap();
        assert_eq!(record.scalars[NAMES[0]].as_deref(), Some("LEFÈVRE"));
    }

    #[test]
    fn a_column_of_numbers_takes_what_it_can() {
        let check = |text: &str, expected: &str| assert_eq!(cast(text), expected, "{text}");
        check("12", "12");
        check(" 12 rue", "12");
        check("abc", "0");
        check("007", "7");
        check("-5", "0");
    }

    #[test]
    fn a_contact_may_need_a_type_and_be_tied() {
        let quirks = vec![Quirk::RequiresType, Quirk::Invoiced];
        let settings = SandboxSettings { quirks, ..SandboxSettings::default() };
        let mut record = Record::default();
        record.scalars[NAMES[0]] = Some("Durand".to_owned());
        assert_eq!(faults(&CONTACT, &record, &settings), ["Contact type can't be blank"]);
        record.scalars[7] = Some("client".to_owned());
        assert!(
            faults(&CONTACT, &record, &settings).is_empty()
                && faults(&CONTACT, &record, &SandboxSettings::default()).is_empty()
        );
        assert_eq!(ties(Kind::Contact, 1001, 0, &settings), ["Contact has invoices"]);
        assert!(
            ties(Kind::Contact, 1002, 0, &settings).is_empty()
                && ties(Kind::Contact, 1001, 0, &SandboxSettings::default()).is_empty()
        );
    }

    #[test]
    fn a_firm_is_changed_by_the_same_rules() {
        let quirks = vec![Quirk::Normalise, Quirk::CapitalsAtSave, Quirk::RequiresType, Quirk::FirmDeleteRefused];
        let settings = SandboxSettings { lists: Lists::Ids, quirks, ..SandboxSettings::default() };
        let mut change = Change::default();
        change.scalars[0] = Some(Some(" Durand  & Fils".to_owned()));
        change.lists[1] = Some(vec![given(None, Some("71"), Some("0199004300"), false)]);
        let mut firm = post(&FIRM, &change, &settings);
        assert_eq!(firm.scalars[0].as_deref(), Some("Durand & Fils"));
        assert_eq!(firm.lists[1][0].values[1].as_deref(), Some("01 99 00 43 00"));
        assert!(faults(&FIRM, &firm, &settings).is_empty());
        change.lists[1] = Some(vec![given(Some("8"), None, None, false)]);
        let refused = Refusal::Rules(vec!["Couldn't find contact_item with ID=8 for this firm".to_owned()]);
        assert_eq!(put(&FIRM, &mut firm, &change, &settings), Err(refused));
        assert_eq!(faults(&FIRM, &Firm::default(), &settings), ["Name can't be blank"]);
        assert_eq!(ties(Kind::Firm, 301, 2, &settings), ["Firm has contacts"]);
        assert!(ties(Kind::Firm, 301, 0, &settings).is_empty());
        assert!(ties(Kind::Firm, 301, 2, &SandboxSettings::default()).is_empty());
    }

    #[test]
    fn a_change_names_a_firm_or_none() {
        let check = |quirks: &[Quirk], sent: Option<Option<&str>>, expected: Option<Option<i64>>| {
            let settings = SandboxSettings { quirks: quirks.to_vec(), ..SandboxSettings::default() };
            let mut change = Change::default();
            change.scalars[8] = sent.map(|text| text.map(str::to_owned));
            assert_eq!(firm_named(&CONTACT, &change, &settings).map(Result::ok), expected, "{sent:?}");
        };
        check(&[], None, None);
        check(&[], Some(None), None);
        check(&[], Some(Some("")), None);
        check(&[], Some(Some("344")), Some(Some(344)));
        check(&[], Some(Some("344 bis")), Some(None));
        check(&[Quirk::CastsIntegers], Some(Some("344 bis")), Some(Some(344)));
        assert_eq!(firm_named(&FIRM, &Change::default(), &SandboxSettings::default()), None);
    }

    #[test]
    fn phones_are_grouped() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(grouped(text).as_deref(), expected, "{text}");
        check("0639980102", Some("06 39 98 01 02"));
        check("+33 6.39.98.01.02", Some("06 39 98 01 02"));
        check("+33 (0)6-39-98-01-02", Some("06 39 98 01 02"));
        check("+44 20 7946 0001", None);
        check("06 39 98 01 02 (perso)", None);
        check("3949", None);
        check("", None);
    }
}
