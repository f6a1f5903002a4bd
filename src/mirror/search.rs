//! Looking through the mirror: by field, and by free text with case and accents folded, in the order of names.
//!
//! SQLite folds and sorts ASCII alone, so that folding and ordering are done here. It is the one deliberate full scan.

use std::collections::HashSet;

use rusqlite::params_from_iter;

use super::{ContactId, Mirror, MirrorError, Result, Stored, text};
use crate::contact::{Filter, FilterError, FilterSql, keys};

/// What is looked for. All of it must fit; nothing set means all contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// What the contacts hold.
    pub filter: Filter,
    /// The CRM's ids, compared exactly, one of these; "" asks for contacts without one.
    pub ids: Vec<String>,
    /// The UIDs in books, compared exactly, one of these.
    pub uids: Vec<String>,
    /// Texts as in `find`, one of these.
    pub texts: Vec<String>,
    /// A part of a name, of the company, of the comment, of an item's value. Case, accents and a telephone's punctuation
    /// do not matter.
    pub find: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Search {
    /// The search of these fields and values: those of a [`Filter`], and `id`, `uid` and `q` (free text).
    ///
    /// # Errors
    /// As [`Filter::add`].
    pub fn by(pairs: &[(String, String)]) -> std::result::Result<Self, FilterError> {
        let mut search = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "id" => search.ids.push(value.clone()),
                "uid" => search.uids.push(value.clone()),
                "q" => search.texts.push(value.clone()),
                name => search.filter.add(name, value).map_err(with_own_names)?,
            }
        }
        Ok(search)
    }

    /// A condition in SQL for all but the texts.
    fn to_sql(&self) -> FilterSql {
        let FilterSql { mut text, mut values } = self.filter.to_sql();
        let mut one_of = |known: &[String]| {
            values.extend_from_slice(known);
            vec!["?"; known.len()].join(", ")
        };
        if !self.ids.is_empty() {
            let marks = one_of(&self.ids);
            let agreed = "EXISTS (SELECT 1 FROM agreements a WHERE a.replica = 'crm' AND a.contact = c.id";
            let none = if self.ids.iter().any(String::is_empty) { format!(" OR NOT {agreed})") } else { String::new() };
            text.push_str(&format!(" AND ({agreed} AND a.remote IN ({marks})){none})"));
        }
        if !self.uids.is_empty() {
            text.push_str(&format!(" AND c.uid IN ({})", one_of(&self.uids)));
        }
        FilterSql { text, values }
    }

    /// Sets of texts, of each of which one must be found.
    fn needles(&self) -> Vec<Vec<Needle>> {
        let find = self.find.iter().map(|find| vec![Needle::new(find)]);
        let texts = (!self.texts.is_empty()).then(|| self.texts.iter().map(|text| Needle::new(text)).collect());
        find.chain(texts).collect()
    }
}

fn with_own_names(error: FilterError) -> FilterError {
    match error {
        FilterError::UnknownField { name, known } => {
            FilterError::UnknownField { name, known: ["id", "uid", "q"].into_iter().chain(known).collect() }
        }
        error @ FilterError::UnknownValue { .. } => error,
    }
}

impl Mirror {
    /// Hands over the living contacts that a search finds, one by one, in the order of their names.
    ///
    /// # Errors
    /// Those of `f`, which end it; SQLite's.
    pub fn for_each_contact(
        &self,
        search: &Search,
        f: &mut dyn FnMut(Stored) -> std::result::Result<(), MirrorError>,
    ) -> Result<()> {
        let _snapshot = self.snapshot()?;
        let limit = search.limit.unwrap_or(usize::MAX);
        for id in self.matching(search)?.into_iter().take(limit) {
            if let Some(stored) = self.contact(id)? {
                f(stored)?;
            }
        }
        Ok(())
    }

    /// The living contacts whose ids come after one, in the order of their ids, at most so many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn contacts_after(&self, after: ContactId, limit: usize) -> Result<Vec<Stored>> {
        let _snapshot = self.snapshot()?;
        let mut select = self.sql("SELECT id FROM contacts WHERE id > ?1 AND deleted_at IS NULL ORDER BY id")?;
        let mut found = Vec::new();
        for id in select.query_map([after], |row| row.get(0))?.take(limit) {
            found.extend(self.contact(id?)?);
        }
        Ok(found)
    }

    /// The living contacts that a run made, by id.
    ///
    /// # Errors
    /// SQLite's.
    pub fn created_in(&self, run: i64) -> Result<Vec<ContactId>> {
        let mut select =
            self.sql("SELECT id FROM contacts WHERE created_run = ?1 AND deleted_at IS NULL ORDER BY id")?;
        let rows = select.query_map([run], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The ids of the living contacts that a search finds, in the order of their names; its limit is not counted.
    ///
    /// # Errors
    /// SQLite's.
    pub fn matching(&self, search: &Search) -> Result<Vec<ContactId>> {
        let needles = search.needles();
        let mut by_item = vec![HashSet::new(); needles.len()];
        if !needles.is_empty() {
            self.for_each_item(&mut |contact, value| {
                for (any, found) in needles.iter().zip(&mut by_item) {
                    if any.iter().any(|needle| needle.in_item(value)) {
                        found.insert(contact);
                    }
                }
            })?;
        }
        let condition = search.to_sql();
        let mut select = self.sql(&format!(
            "SELECT c.id, c.last_name, c.first_name, c.company, {} FROM contacts c WHERE c.deleted_at IS NULL AND {}",
            if needles.is_empty() { "NULL" } else { "c.comment" },
            condition.text
        ))?;
        let mut rows = select.query(params_from_iter(&condition.values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id: ContactId = row.get(0)?;
            let [last, first, company] =
                [keys::unaccented(&text(row, 1)?), keys::unaccented(&text(row, 2)?), keys::unaccented(&text(row, 3)?)];
            if !needles.is_empty() {
                // The first name on both ends: "ada lovelace" and "lovelace ada" are parts of it.
                let hay = format!("{first} {last} {first}\n{company}\n{}", keys::unaccented(&text(row, 4)?));
                let hit = |(any, items): (&Vec<Needle>, &HashSet<ContactId>)| {
                    items.contains(&id) || any.iter().any(|needle| hay.contains(&needle.text))
                };
                if !needles.iter().zip(&by_item).all(hit) {
                    continue;
                }
            }
            let key = if last.is_empty() { if company.is_empty() { first.clone() } else { company } } else { last };
            found.push((key, first, id));
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, _, id)| id).collect())
    }

    /// How many living contacts have a company that is not their firm's name, and the first few companies.
    ///
    /// # Errors
    /// SQLite's.
    pub fn companies(&self, limit: usize) -> Result<(u64, Vec<String>)> {
        let count = self.count(
            "SELECT count(*) FROM contacts c INDEXED BY contacts_with_company LEFT JOIN firms f ON f.id = c.firm_id
             WHERE c.company IS NOT NULL AND c.deleted_at IS NULL AND c.company IS NOT f.name",
            [],
        )?;
        let mut companies: Vec<String> = Vec::new();
        let mut select = self.sql(
            "SELECT c.company FROM contacts c INDEXED BY contacts_with_company LEFT JOIN firms f ON f.id = c.firm_id
             WHERE c.company IS NOT NULL AND c.deleted_at IS NULL AND c.company IS NOT f.name ORDER BY c.id",
        )?;
        let mut rows = select.query([])?;
        while companies.len() < limit
            && let Some(row) = rows.next()?
        {
            let company = text(row, 0)?;
            if !companies.contains(&company) {
                companies.push(company);
            }
        }
        Ok((count, companies))
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
mod laws;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, AddressType, Contact, ContactType, Item, ItemType};

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

    fn check(search: &Search, uids: &str) {
        let mut found = String::new();
        let mirror = people();
        mirror
            .for_each_contact(search, &mut |stored| {
                found.push_str(&stored.uid);
                Ok(())
            })
            .unwrap();
        assert_eq!(found, uids, "{search:?}");
    }

    #[test]
    fn fields_narrow_and_values_widen() {
        let by = |pairs: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Search::by(&pairs.iter().map(owned).collect::<Vec<_>>()).unwrap()
        };
        check(&by(&[]), "bzga");
        check(&by(&[("city", "Paris")]), "ga");
        check(&by(&[("city", "Paris"), ("city", "Lyon")]), "zga");
        check(&by(&[("city", "Paris"), ("city", "Lyon"), ("contact_type", "client")]), "za");
        check(&by(&[("last_name", "eluard")]), "b");
        check(&by(&[("last_name", "ÉLUARD")]), "z");
        check(&by(&[("last_name", "")]), "g");
        check(&by(&[("country", "France")]), "zga");
        check(&by(&[("type_id", "professional_phone")]), "za");
        check(&by(&[("type_id", "24"), ("city", "Lyon")]), "z");
        check(&by(&[("uid", "g")]), "g");
        check(&by(&[("id", "12")]), "");
        check(&by(&[("id", ""), ("uid", "g"), ("uid", "a")]), "ga");
        check(&by(&[("q", "paris")]), "");
        check(&by(&[("q", "ELUARD"), ("q", "galion")]), "bzg");
        check(&Search { limit: Some(2), ..Search::default() }, "bz");
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
            check(&Search { find: Some(text.into()), ..Search::default() }, uids);
        }
    }

    #[test]
    fn a_name_that_is_no_field_is_refused() {
        for name in ["phone", "contact_items", "version", "1=1 OR last_name", ""] {
            let refused = Search::by(&[(name.into(), "x".into())]);
            assert!(matches!(&refused, Err(FilterError::UnknownField { .. })), "{name}");
            assert!(refused.unwrap_err().hint().starts_with("known: id, uid, q, civility_label_id, last_name"));
        }
    }
}
