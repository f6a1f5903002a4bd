//! Which contacts are meant: fields and the values they must have, in a book's `where` and behind `--where`.
//!
//! One meaning, asked in two ways: [`Filter::matches`] of a contact at hand, [`Filter::to_sql`] of the mirror's tables.
//! Both compare what [`keys::text`] leaves of a text: case, white space and the way an accent is composed do not matter,
//! the accent does. SQLite folds ASCII alone, so the condition calls a function `folded`, which the mirror provides; a
//! test there holds both to the same answers.

use std::{borrow::Cow, iter};

use super::{Address, AddressType, Civility, Contact, ContactType, Field, ItemType, keys};

/// Fields narrow each other, several values of one field widen it; no condition at all means every contact.
///
/// Names are the reference's: those of the contact, of its addresses (`city`) and items (`type_id`, `value`), of which
/// any entry counts, and an item type's word for the values of that type (`professional_email`). `country` is the
/// contact's or an address's. An empty value asks for contacts that have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// By name, each once: the order in which they were given means nothing.
    conditions: Vec<Condition>,
}

/// A filter without conditions, as text.
const EVERYBODY: &str = "*";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    name: &'static str,
    places: Vec<Place>,
    /// Codes, and texts folded; one of them is enough.
    wanted: Vec<String>,
}

/// A filter that cannot be meant. Display reads after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Contacts have no such field.
    #[error("filter by {name}: there is no such field")]
    UnknownField {
        /// The name given.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// No code list has such a value, so that nobody would match.
    #[error("filter by {name} = \"{value}\": there is no such value")]
    UnknownValue {
        /// The field.
        name: &'static str,
        /// The value given.
        value: String,
        /// The words there are.
        known: Vec<&'static str>,
    },
}

impl FilterError {
    /// What to write instead.
    pub fn hint(&self) -> String {
        let (Self::UnknownField { known, .. } | Self::UnknownValue { known, .. }) = self;
        format!("known: {}", known.join(", "))
    }
}

/// A condition on the mirror's tables, for a statement in which `c` is a row of `contacts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterSql {
    /// True or false for each contact; what may follow a WHERE.
    pub text: String,
    /// What its question marks stand for, in their order.
    pub values: Vec<String>,
}

impl Filter {
    /// The filter of these fields and values, a field once for each of its values.
    ///
    /// # Errors
    /// As [`Filter::add`].
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for (name, value) in pairs {
            filter.add(name, value)?;
        }
        Ok(filter)
    }

    /// Lets a field have this value too; a field that was not named before now must have it. Codes may be words.
    ///
    /// # Errors
    /// Contacts have no such field, or its code list no such value.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), FilterError> {
        let Some((name, places)) = fields().find(|(known, _)| *known == name) else {
            return Err(FilterError::UnknownField { name: name.to_owned(), known: Self::names().collect() });
        };
        let wanted = match places.first().and_then(|place| place.codes()) {
            Some(codes) => code(name, value, &codes)?,
            None => keys::text(value),
        };
        match self.conditions.binary_search_by_key(&name, |condition| condition.name) {
            Ok(at) => self.conditions[at].wanted.push(wanted),
            Err(at) => self.conditions.insert(at, Condition { name, places, wanted: vec![wanted] }),
        }
        Ok(())
    }

    /// As text that is the same for filters that mean the same, and that [`Filter::from_text`] reads.
    pub fn to_text(&self) -> String {
        let mut lines: Vec<String> = self
            .conditions
            .iter()
            .flat_map(|condition| condition.wanted.iter().map(move |wanted| format!("{}={wanted}", condition.name)))
            .collect();
        lines.sort_unstable();
        lines.dedup();
        if lines.is_empty() { EVERYBODY.to_owned() } else { lines.join("\n") }
    }

    /// Reads what [`Filter::to_text`] gave; none for what it never gives.
    pub fn from_text(text: &str) -> Option<Self> {
        if text == EVERYBODY {
            return Some(Self::default());
        }
        Self::parse(text.lines().map(|line| line.split_once('=')).collect::<Option<Vec<_>>>()?).ok()
    }

    /// Every name that a filter knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        fields().map(|(name, _)| name)
    }

    /// True when the contact is meant.
    pub fn matches(&self, contact: &Contact) -> bool {
        self.conditions.iter().all(|Condition { name: _, places, wanted }| {
            let held: Vec<_> = places.iter().flat_map(|place| place.held(contact)).collect();
            wanted.iter().any(|wanted| match wanted.as_str() {
                "" => held.is_empty(),
                value => held.iter().any(|held| held == value),
            })
        })
    }

    /// The same as a condition in SQL.
    pub fn to_sql(&self) -> FilterSql {
        let mut values = Vec::new();
        let all: Vec<String> = self.conditions.iter().map(|condition| condition.to_sql(&mut values)).collect();
        let text = if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") };
        FilterSql { text, values }
    }
}

impl Condition {
    fn to_sql(&self, values: &mut Vec<String>) -> String {
        let texts: Vec<&String> = self.wanted.iter().filter(|wanted| !wanted.is_empty()).collect();
        let mut any = Vec::new();
        if !texts.is_empty() {
            let one_of = format!("IN ({})", vec!["?"; texts.len()].join(", "));
            for place in &self.places {
                values.extend(texts.iter().map(|text| (*text).clone()));
                any.push(place.holds(&one_of));
            }
        }
        if self.wanted.iter().any(String::is_empty) {
            let none: Vec<String> = self.places.iter().map(|place| format!("NOT {}", place.holds("<> ''"))).collect();
            any.push(format!("({})", none.join(" AND ")));
        }
        format!("({})", any.join(" OR "))
    }
}

/// Where a contact holds the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// One of its scalars.
    Own(Field),
    /// A part of any address.
    Address(Part),
    /// The type of any item.
    ItemType,
    /// The value of any item, or of those of one type.
    ItemValue(Option<&'static ItemType>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Type,
    Street,
    Street2,
    ZipCode,
    City,
    Country,
}

/// Every field by its name.
fn fields() -> impl Iterator<Item = (&'static str, Vec<Place>)> {
    let own = Field::ALL.into_iter().filter(|field| !field.is_list()).map(|field| {
        let of_addresses = (field == Field::Country).then_some(Place::Address(Part::Country));
        (field.name(), iter::once(Place::Own(field)).chain(of_addresses).collect())
    });
    let parts = [Part::Type, Part::Street, Part::Street2, Part::ZipCode, Part::City];
    let addresses = parts.into_iter().map(|part| (part.name(), vec![Place::Address(part)]));
    let items = [("type_id", Place::ItemType), ("value", Place::ItemValue(None))];
    let of_type = ItemType::LISTED.iter().map(|listed| (listed.word(), Place::ItemValue(Some(listed))));
    own.chain(addresses).chain(items.into_iter().chain(of_type).map(|(name, place)| (name, vec![place])))
}

impl Place {
    /// The code list of a field that has one: word and code.
    fn codes(self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(match self {
            Place::Own(Field::Civility) => Civility::LISTED.iter().map(|it| (it.word(), it.code())).collect(),
            Place::Own(Field::ContactType) => ContactType::LISTED.iter().map(|it| (it.word(), it.code())).collect(),
            Place::Address(Part::Type) => AddressType::LISTED.iter().map(|it| (it.word(), it.code())).collect(),
            Place::ItemType => ItemType::LISTED.iter().map(|it| (it.word(), it.code())).collect(),
            Place::Own(_) | Place::Address(_) | Place::ItemValue(_) => return None,
        })
    }

    /// The values that a contact holds here, as they are compared; never "".
    fn held(self, contact: &Contact) -> Vec<Cow<'_, str>> {
        let texts = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| keys::text(text).into()).collect();
        let mut held: Vec<Cow<'_, str>> = match self {
            Place::Own(field @ (Field::Civility | Field::ContactType)) => vec![contact.scalar(field)],
            Place::Own(field) => vec![keys::text(&contact.scalar(field)).into()],
            Place::Address(Part::Type) => {
                contact.addresses.iter().map(|address| address.address_type.code().into()).collect()
            }
            Place::Address(part) => texts(&mut contact.addresses.iter().map(|address| part.of(address))),
            Place::ItemType => contact.items.iter().map(|item| item.item_type.code().into()).collect(),
            Place::ItemValue(listed) => {
                let fitting = contact.items.iter().filter(|item| listed.is_none_or(|it| item.item_type == *it));
                texts(&mut fitting.map(|item| item.value.as_str()))
            }
        };
        held.retain(|value| !value.is_empty());
        held
    }

    /// SQL for "a value here passes this test".
    fn holds(self, test: &str) -> String {
        let of_entry = |table: &str, value: &str, more: &str| {
            format!("EXISTS (SELECT 1 FROM {table} x WHERE x.contact = c.id{more} AND {value} {test})")
        };
        match self {
            Place::Own(field @ (Field::Civility | Field::ContactType)) => {
                format!("(ifnull(c.{}, '') {test})", field.name())
            }
            Place::Own(field) => format!("(folded(c.{}) {test})", field.name()),
            Place::Address(Part::Type) => of_entry("contact_addresses", "x.address_type", ""),
            Place::Address(part) => of_entry("contact_addresses", &format!("folded(x.{})", part.name()), ""),
            Place::ItemType => of_entry("contact_items", "x.type_id", ""),
            Place::ItemValue(None) => of_entry("contact_items", "folded(x.value)", ""),
            Place::ItemValue(Some(listed)) => {
                of_entry("contact_items", "folded(x.value)", &format!(" AND x.type_id = '{}'", listed.code()))
            }
        }
    }
}

impl Part {
    /// The reference's name, which is the column's too.
    fn name(self) -> &'static str {
        match self {
            Part::Type => "address_type",
            Part::Street => "street_address",
            Part::Street2 => "street_address2",
            Part::ZipCode => "zip_code",
            Part::City => "city",
            Part::Country => "country",
        }
    }

    fn of(self, address: &Address) -> &str {
        let Address { address_type, street_address, street_address2, zip_code, city, country } = address;
        match self {
            Part::Type => address_type.code(),
            Part::Street => street_address,
            Part::Street2 => street_address2,
            Part::ZipCode => zip_code,
            Part::City => city,
            Part::Country => country,
        }
    }
}

/// The code that a word, or the code itself, stands for. A code that is on no list is refused although a contact may
/// hold one: far more often it is a misspelt word, and a filter that matches nobody empties a book.
fn code(name: &'static str, value: &str, codes: &[(&'static str, &'static str)]) -> Result<String, FilterError> {
    let folded = keys::text(value);
    if folded.is_empty() {
        return Ok(folded);
    }
    let found = codes.iter().find(|(word, code)| *word == folded || *code == folded);
    found.map(|(_, code)| (*code).to_owned()).ok_or_else(|| FilterError::UnknownValue {
        name,
        value: value.to_owned(),
        known: codes.iter().map(|(word, _)| *word).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Item;

    #[test]
    fn a_filter_as_text_means_the_same() {
        let check = |pairs: &[(&str, &str)], text: &str| {
            let filter = Filter::parse(pairs.iter().copied()).expect("a filter");
            assert_eq!(filter.to_text(), text);
            assert_eq!(Filter::from_text(text).expect("a filter").to_text(), text);
        };
        check(&[], "*");
        check(
            &[("city", "Lyon"), ("city", "Le  Mans"), ("contact_type", "client")],
            "city=le mans\ncity=lyon\ncontact_type=client",
        );
        check(&[("city", "")], "city=");
        check(&[("comment", "a=b")], "comment=a=b");
        assert_eq!(Filter::from_text("no such field=1"), None);
        assert_eq!(Filter::from_text(""), Some(Filter::default()));
    }

    fn durand() -> Contact {
        let mut paris = Address::new(AddressType::Professional);
        paris.city = "Paris".into();
        paris.country = "France".into();
        Contact {
            last_name: "Durand".into(),
            first_name: " E\u{301}LODIE  Anne".into(),
            job_title: "ΟΔΟΣ".into(),
            contact_type: Some(ContactType::Client),
            country: "Belgique".into(),
            addresses: vec![paris, Address::new(AddressType::Personal)],
            items: vec![Item::new(ItemType::ProfessionalEmail, "d@example.com")],
            ..Contact::default()
        }
    }

    #[test]
    fn contacts_are_matched_by_what_they_hold() {
        for (field, value, expected) in [
            ("last_name", "durand", true),
            ("last_name", " DURAND ", true),
            ("last_name", "dur", false),
            ("last_name", "", false),
            ("first_name", "élodie anne", true),
            ("first_name", "elodie anne", false),
            ("job_title", "οδος", true),
            ("contact_type", "client", true),
            ("contact_type", "Client", true),
            ("contact_type", "prospect", false),
            ("contact_type", "", false),
            ("civility_label_id", "madam", false),
            ("civility_label_id", "", true),
            ("firm_id", " ", true),
            ("city", "PARIS", true),
            ("city", "", false),
            ("zip_code", "", true),
            ("address_type", "professional", true),
            ("address_type", "20", true),
            ("address_type", "other", false),
            ("country", "belgique", true),
            ("country", "france", true),
            ("country", "", false),
            ("type_id", "professional_email", true),
            ("type_id", "28", false),
            ("value", "D@example.com", true),
            ("professional_email", "d@example.com", true),
            ("personal_email", "d@example.com", false),
            ("personal_email", "", true),
        ] {
            let filter = Filter::parse([(field, value)]).unwrap();
            assert_eq!(filter.matches(&durand()), expected, "{field}={value}");
        }
    }

    #[test]
    fn fields_narrow_and_values_widen() {
        let check = |pairs: &[(&str, &str)], expected: bool| {
            let filter = Filter::parse(pairs.iter().copied()).unwrap();
            assert_eq!(filter.matches(&durand()), expected, "{pairs:?}");
        };
        check(&[], true);
        check(&[("city", "Lyon"), ("city", "Paris")], true);
        check(&[("city", "Lyon"), ("city", "")], false);
        check(&[("city", "Paris"), ("last_name", "martin")], false);
        check(&[("last_name", "martin"), ("city", "Paris"), ("last_name", "durand")], true);
        let reordered = [("last_name", "a"), ("city", "b"), ("last_name", "c")];
        assert_eq!(Filter::parse(reordered), Filter::parse([("city", "B"), ("last_name", "a"), ("last_name", "C")]));
    }

    #[test]
    fn what_nobody_can_match_is_refused() {
        for name in ["nonsense", "contact_items", "version", "Last_name", "1=1 OR last_name", ""] {
            let Err(error) = Filter::parse([(name, "x")]) else { panic!("{name}") };
            assert_eq!(error.to_string(), format!("filter by {name}: there is no such field"));
            for known in ["last_name", "city", "type_id", "professional_phone"] {
                assert!(error.hint().contains(known), "{error}");
            }
        }
        for (name, value, hint) in [
            ("contact_type", "clients", "known: client, prospect, supplier, press, partner, staff, perso, other"),
            ("civility_label_id", "99", "known: mr, madam, miss"),
            ("address_type", "home", "known: personal, professional, other"),
        ] {
            let error = Filter::parse([(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), format!("filter by {name} = \"{value}\": there is no such value"));
            assert_eq!(error.hint(), hint);
        }
        assert!(Filter::parse([("type_id", "999")]).is_err());
    }

    #[test]
    fn values_never_become_sql() {
        let pairs = [("last_name", "x'; DROP TABLE contacts"), ("last_name", ""), ("country", "FRANCE")];
        let FilterSql { text, values } = Filter::parse(pairs).unwrap().to_sql();
        assert_eq!(
            text,
            "((folded(c.country) IN (?)) OR EXISTS (SELECT 1 FROM contact_addresses x WHERE x.contact = c.id \
             AND folded(x.country) IN (?))) AND ((folded(c.last_name) IN (?)) OR (NOT (folded(c.last_name) <> '')))"
        );
        assert_eq!(values, ["france", "france", "x'; drop table contacts"]);
        assert_eq!(Filter::default().to_sql(), FilterSql { text: "TRUE".into(), values: vec![] });
    }
}
