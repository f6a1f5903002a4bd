//! Looking through the mirror: exact matches by field, free text with case and accents folded, in the order of names.
//!
//! SQLite folds and sorts ASCII alone, so that folding and ordering are done here. It is the one deliberate full scan.

use std::collections::HashSet;

use rusqlite::params_from_iter;

use super::{ContactId, Mirror, MirrorError, Result, Stored, text};
use crate::contact::{AddressType, Civility, ContactType, Field, ItemType, keys};

/// Which contacts. Fields narrow each other, several values of one field widen it; nothing set means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name and value, compared exactly; an empty value asks for contacts without one. Names are the reference's, those
    /// of addresses (`city`) and items (`type_id`, `value`) included, any entry counts; `country` is the contact's or an
    /// address's, `id` the CRM's, `uid` the books', `q` free text as in `find`. Codes may be written as words.
    pub where_: Vec<(String, String)>,
    /// A part of a name, of the company, of the comment, of an item's value. Case, accents and a telephone's punctuation
    /// do not matter.
    pub find: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Mirror {
    /// Hands over the living contacts that a filter lets through, one by one, in the order of their names.
    ///
    /// # Errors
    /// [`MirrorError::UnknownField`]; those of `f`, which end it; SQLite's.
    pub fn for_each_contact(
        &self,
        filter: &Filter,
        f: &mut dyn FnMut(Stored) -> std::result::Result<(), MirrorError>,
    ) -> Result<()> {
        let _snapshot = self.snapshot()?;
        let limit = filter.limit.unwrap_or(usize::MAX);
        for id in self.matching(filter)?.into_iter().take(limit) {
            if let Some(stored) = self.contact(id)? {
                f(stored)?;
            }
        }
        Ok(())
    }

    /// The ids of the living contacts that a filter lets through, in the order of their names; its limit is not counted.
    ///
    /// # Errors
    /// [`MirrorError::UnknownField`]; SQLite's.
    pub fn matching(&self, filter: &Filter) -> Result<Vec<ContactId>> {
        let conditions = Conditions::new(filter)?;
        let mut by_item = vec![HashSet::new(); conditions.needles.len()];
        if !conditions.needles.is_empty() {
            self.for_each_item(&mut |contact, value| {
                for (any, found) in conditions.needles.iter().zip(&mut by_item) {
                    if any.iter().any(|needle| needle.in_item(value)) {
                        found.insert(contact);
                    }
                }
            })?;
        }
        let mut select = self.sql(&format!(
            "SELECT c.id, c.last_name, c.first_name, c.company, {} FROM contacts c WHERE c.deleted_at IS NULL{}",
            if conditions.needles.is_empty() { "NULL" } else { "c.comment" },
            conditions.sql
        ))?;
        let mut rows = select.query(params_from_iter(&conditions.values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id: ContactId = row.get(0)?;
            let [last, first, company] =
                [keys::unaccented(&text(row, 1)?), keys::unaccented(&text(row, 2)?), keys::unaccented(&text(row, 3)?)];
            if !conditions.needles.is_empty() {
                // The first name on both ends: "ada lovelace" and "lovelace ada" are parts of it.
                let hay = format!("{first} {last} {first}\n{company}\n{}", keys::unaccented(&text(row, 4)?));
                let hit = |(any, items): (&Vec<Needle>, &HashSet<ContactId>)| {
                    items.contains(&id) || any.iter().any(|needle| hay.contains(&needle.text))
                };
                if !conditions.needles.iter().zip(&by_item).all(hit) {
                    continue;
                }
            }
            let key = if last.is_empty() { if company.is_empty() { first.clone() } else { company } } else { last };
            found.push((key, first, id));
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, _, id)| id).collect())
    }
}

/// A filter made ready.
struct Conditions {
    /// " AND (...)" for each field, its values numbered.
    sql: String,
    values: Vec<Option<String>>,
    /// Each a set of texts of which one must be found.
    needles: Vec<Vec<Needle>>,
}

impl Conditions {
    fn new(filter: &Filter) -> Result<Self> {
        let mut conditions = Self { sql: String::new(), values: Vec::new(), needles: Vec::new() };
        conditions.needles.extend(filter.find.iter().map(|find| vec![Needle::new(find)]));
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &filter.where_ {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        for name in names {
            let values = filter.where_.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
            if name == "q" {
                conditions.needles.push(values.map(Needle::new).collect());
            } else {
                conditions.add(name, values)?;
            }
        }
        Ok(conditions)
    }

    fn add<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) -> Result<()> {
        let condition = condition(name).ok_or_else(|| MirrorError::UnknownField { name: name.to_owned() })?;
        let mut any = Vec::new();
        for value in values {
            let code = code(name, value);
            self.values.push(Some(code).filter(|code| !code.is_empty()));
            any.push(condition.replace('?', &format!("?{}", self.values.len())));
        }
        self.sql.push_str(&format!(" AND ({})", any.join(" OR ")));
        Ok(())
    }
}

/// The SQL that compares a field with `?`.
fn condition(name: &str) -> Option<String> {
    Some(match name {
        "id" => {
            "EXISTS (SELECT 1 FROM agreements a WHERE a.replica = 'crm' AND a.remote = ? AND a.contact = c.id)".into()
        }
        "uid" => "c.uid = ?".into(),
        "country" => "c.country IS ? OR EXISTS
            (SELECT 1 FROM contact_addresses x WHERE x.contact = c.id AND x.country = ?)"
            .into(),
        "address_type" | "street_address" | "street_address2" | "zip_code" | "city" => {
            format!("EXISTS (SELECT 1 FROM contact_addresses x WHERE x.contact = c.id AND x.{name} IS ?)")
        }
        "type_id" | "value" => {
            format!("EXISTS (SELECT 1 FROM contact_items x WHERE x.contact = c.id AND x.{name} IS ?)")
        }
        scalar => format!("c.{} IS ?", Field::from_name(scalar).filter(|field| !field.is_list())?.name()),
    })
}

/// What is stored for a value: a word's code.
fn code(name: &str, value: &str) -> String {
    match name {
        _ if value.is_empty() => String::new(),
        "civility_label_id" => Civility::from_word(value).code().to_owned(),
        "contact_type" => ContactType::from_word(value).code().to_owned(),
        "address_type" => AddressType::from_word(value).code().to_owned(),
        "type_id" => ItemType::from_word(value).code().to_owned(),
        _ => value.to_owned(),
    }
}

/// A text to find.
struct Needle {
    text: String,
    /// Its digits, if it may be a part of a telephone number.
    digits: Option<String>,
    /// Its key, if it may be a whole one.
    phone: String,
}

impl Needle {
    fn new(written: &str) -> Self {
        let text = keys::unaccented(written.trim());
        let dialled = text.chars().all(|c| c.is_ascii_digit() || " +-./()".contains(c));
        let digits = Some(digits(&text)).filter(|digits| dialled && digits.len() >= 3);
        let phone = if digits.is_some() { keys::phone(&text) } else { String::new() };
        Self { text, digits, phone }
    }

    fn in_item(&self, value: &str) -> bool {
        keys::unaccented(value).contains(&self.text)
            || self.digits.as_ref().is_some_and(|part| {
                digits(value).contains(part.as_str()) || (self.phone.len() > 6 && keys::phone(value) == self.phone)
            })
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, Contact, Item};

    fn people() -> Mirror {
        let mut mirror = Mirror::in_memory().unwrap();
        let mut add = |uid: &str, first: &str, last: &str, company: &str, city: &str, phone: &str| {
            let mut contact = Contact {
                first_name: first.into(),
                last_name: last.into(),
                company: company.into(),
                contact_type: Some(ContactType::Client).filter(|_| !last.is_empty()),
                ..Contact::default()
            };
            if !city.is_empty() {
                let address = Address::new(AddressType::Professional);
                contact.addresses.push(Address { city: city.into(), country: "France".into(), ..address });
            }
            if !phone.is_empty() {
                contact.items.push(Item::new(ItemType::ProfessionalPhone, phone));
            }
            mirror.insert_contact(uid, &contact, "crm", 1, "2026-01-01T00:00:00Z").unwrap()
        };
        add("z", "Zoé", "Éluard", "", "Lyon", "01 23 45 67 89");
        add("a", "Ada", "Lovelace", "Cœur & Fils", "Paris", "+44 20 7946 0000");
        add("g", "", "", "Galion SARL", "Paris", "");
        add("b", "Bruno", "eluard", "", "", "");
        let gone = add("x", "Gone", "Eluard", "", "Paris", "01 23 45 67 89");
        mirror.delete_contact(gone, "2026-01-02T00:00:00Z").unwrap();
        mirror
    }

    fn check(filter: &Filter, uids: &str) {
        let mut found = String::new();
        let mirror = people();
        mirror
            .for_each_contact(filter, &mut |stored| {
                found.push_str(&stored.uid);
                Ok(())
            })
            .unwrap();
        assert_eq!(found, uids, "{filter:?}");
    }

    #[test]
    fn fields_narrow_and_values_widen() {
        let by = |pairs: &[(&str, &str)]| Filter {
            where_: pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..Filter::default()
        };
        check(&by(&[]), "bzga");
        check(&by(&[("city", "Paris")]), "ga");
        check(&by(&[("city", "Paris"), ("city", "Lyon")]), "zga");
        check(&by(&[("city", "Paris"), ("city", "Lyon"), ("contact_type", "client")]), "za");
        check(&by(&[("last_name", "eluard")]), "b");
        check(&by(&[("last_name", "")]), "g");
        check(&by(&[("country", "France")]), "zga");
        check(&by(&[("type_id", "professional_phone")]), "za");
        check(&by(&[("type_id", "24"), ("city", "Lyon")]), "z");
        check(&by(&[("uid", "g")]), "g");
        check(&by(&[("id", "12")]), "");
        check(&by(&[("q", "paris")]), "");
        check(&by(&[("q", "ELUARD"), ("q", "galion")]), "bzg");
        check(&Filter { limit: Some(2), ..Filter::default() }, "bz");
    }

    #[test]
    fn text_is_found_without_case_accents_and_punctuation() {
        for (text, uids) in [
            ("eluard", "bz"),
            ("ÉLUARD", "bz"),
            ("zoe eluard", "z"),
            ("Eluard Zoé", "z"),
            ("coeur", "a"),
            ("0123456789", "z"),
            ("+33 1 23 45 67 89", "z"),
            ("23 45", "z"),
            ("7946", "a"),
            ("12", ""),
            ("%", ""),
            ("", "bzga"),
        ] {
            check(&Filter { find: Some(text.into()), ..Filter::default() }, uids);
        }
    }

    #[test]
    fn a_name_that_is_no_field_is_refused() {
        let mirror = people();
        for name in ["phone", "contact_items", "version", "1=1 OR last_name", ""] {
            let filter = Filter { where_: vec![(name.into(), "x".into())], ..Filter::default() };
            let refused = mirror.for_each_contact(&filter, &mut |_| Ok(()));
            assert!(matches!(refused, Err(MirrorError::UnknownField { .. })), "{name}");
        }
    }
}
