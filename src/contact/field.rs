//! The parts of a contact that merge on their own, and sets of them.

use std::borrow::Cow;

use super::{Address, Civility, Contact, ContactType, Item};

/// One part of a contact. Scalars merge whole; `Addresses`, `Items` and `Extra` are lists and merge entry by entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Field {
    /// `civility_label_id`.
    Civility,
    /// `last_name`.
    LastName,
    /// `first_name`.
    FirstName,
    /// `comment`.
    Comment,
    /// `job_title`.
    JobTitle,
    /// `job_department`.
    JobDepartment,
    /// `country`.
    Country,
    /// `contact_type`.
    ContactType,
    /// `firm_id`.
    FirmId,
    /// `contact_addresses`.
    Addresses,
    /// `contact_items`.
    Items,
    /// The company's name, books only.
    Company,
    /// vCard lines outside the model, books only.
    Extra,
}

impl Field {
    /// Every field, in the reference's order.
    pub const ALL: [Field; 13] = [
        Field::Civility,
        Field::LastName,
        Field::FirstName,
        Field::Comment,
        Field::JobTitle,
        Field::JobDepartment,
        Field::Country,
        Field::ContactType,
        Field::FirmId,
        Field::Addresses,
        Field::Items,
        Field::Company,
        Field::Extra,
    ];

    /// The reference's element name; `company` and `extra` for the books' own.
    pub fn name(self) -> &'static str {
        match self {
            Field::Civility => "civility_label_id",
            Field::LastName => "last_name",
            Field::FirstName => "first_name",
            Field::Comment => "comment",
            Field::JobTitle => "job_title",
            Field::JobDepartment => "job_department",
            Field::Country => "country",
            Field::ContactType => "contact_type",
            Field::FirmId => "firm_id",
            Field::Addresses => "contact_addresses",
            Field::Items => "contact_items",
            Field::Company => "company",
            Field::Extra => "extra",
        }
    }

    /// The field of this name, as [`Field::name`] writes it.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }

    /// True for the fields that hold lists.
    pub fn is_list(self) -> bool {
        matches!(self, Field::Addresses | Field::Items | Field::Extra)
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSet(u16);

impl FieldSet {
    /// No field.
    pub const NONE: FieldSet = FieldSet(0);
    /// Every field.
    pub const ALL: FieldSet = FieldSet((1 << Field::ALL.len()) - 1);
    /// What the reference's contact object carries: all but the books' own.
    pub const CRM: FieldSet = FieldSet::ALL.without(Field::Company).without(Field::Extra);

    /// This set and the field.
    #[must_use]
    pub const fn with(self, field: Field) -> FieldSet {
        FieldSet(self.0 | (1 << field as u8))
    }

    /// This set less the field.
    #[must_use]
    pub const fn without(self, field: Field) -> FieldSet {
        FieldSet(self.0 & !(1 << field as u8))
    }

    /// Fields that are in both.
    #[must_use]
    pub const fn and(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & other.0)
    }

    /// Fields that are in either.
    #[must_use]
    pub const fn or(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 | other.0)
    }

    /// Fields that are here and not there.
    #[must_use]
    pub const fn less(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & !other.0)
    }

    /// True when the field is in the set.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// True when no field is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields, in the reference's order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.contains(*field))
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(FieldSet::NONE, FieldSet::with)
    }
}

impl Contact {
    /// The fields in which the two differ, compared exactly.
    pub fn differing(&self, other: &Contact) -> FieldSet {
        let Contact {
            civility,
            last_name,
            first_name,
            comment,
            job_title,
            job_department,
            country,
            contact_type,
            firm_id,
            addresses,
            items,
            company,
            extra,
        } = self;
        [
            (Field::Civility, *civility != other.civility),
            (Field::LastName, *last_name != other.last_name),
            (Field::FirstName, *first_name != other.first_name),
            (Field::Comment, *comment != other.comment),
            (Field::JobTitle, *job_title != other.job_title),
            (Field::JobDepartment, *job_department != other.job_department),
            (Field::Country, *country != other.country),
            (Field::ContactType, *contact_type != other.contact_type),
            (Field::FirmId, *firm_id != other.firm_id),
            (Field::Addresses, *addresses != other.addresses),
            (Field::Items, *items != other.items),
            (Field::Company, *company != other.company),
            (Field::Extra, *extra != other.extra),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }

    /// The fields that hold something.
    pub fn set_fields(&self) -> FieldSet {
        self.differing(&Contact::default())
    }

    /// Takes the given fields from another contact, whole.
    pub fn copy_fields(&mut self, from: &Contact, fields: FieldSet) {
        for field in fields.iter() {
            match field {
                Field::Addresses => self.addresses.clone_from(&from.addresses),
                Field::Items => self.items.clone_from(&from.items),
                Field::Extra => self.extra.clone_from(&from.extra),
                scalar => self.set_scalar(scalar, &from.scalar(scalar)),
            }
        }
    }

    /// A scalar field as text: codes as the wire writes them, "" when not set. A list field gives "".
    pub fn scalar(&self, field: Field) -> Cow<'_, str> {
        Cow::Borrowed(match field {
            Field::Civility => self.civility.as_ref().map_or("", Civility::code),
            Field::LastName => &self.last_name,
            Field::FirstName => &self.first_name,
            Field::Comment => &self.comment,
            Field::JobTitle => &self.job_title,
            Field::JobDepartment => &self.job_department,
            Field::Country => &self.country,
            Field::ContactType => self.contact_type.as_ref().map_or("", ContactType::code),
            Field::FirmId => &self.firm_id,
            Field::Company => &self.company,
            Field::Addresses | Field::Items | Field::Extra => "",
        })
    }

    /// Sets a scalar field from text, as [`Contact::scalar`] gives it; "" clears. A list field is left as it is.
    pub fn set_scalar(&mut self, field: Field, text: &str) {
        let code = Some(text).filter(|text| !text.is_empty());
        match field {
            Field::Civility => self.civility = code.map(Civility::from_code),
            Field::ContactType => self.contact_type = code.map(ContactType::from_code),
            Field::LastName => text.clone_into(&mut self.last_name),
            Field::FirstName => text.clone_into(&mut self.first_name),
            Field::Comment => text.clone_into(&mut self.comment),
            Field::JobTitle => text.clone_into(&mut self.job_title),
            Field::JobDepartment => text.clone_into(&mut self.job_department),
            Field::Country => text.clone_into(&mut self.country),
            Field::FirmId => text.clone_into(&mut self.firm_id),
            Field::Company => text.clone_into(&mut self.company),
            Field::Addresses | Field::Items | Field::Extra => {}
        }
    }

    /// A field as a user reads it on one line: lists joined by "; ".
    pub fn describe(&self, field: Field) -> String {
        match field {
            Field::Addresses => self.addresses.iter().map(Address::one_line).collect::<Vec<_>>().join("; "),
            Field::Items => self.items.iter().map(Item::one_line).collect::<Vec<_>>().join("; "),
            Field::Extra => self.extra.join("; "),
            scalar => self.scalar(scalar).into_owned(),
        }
    }
}

impl Address {
    /// "professional: 3 rue X, 75001 Paris, France".
    pub fn one_line(&self) -> String {
        let town = format!("{} {}", self.zip_code, self.city);
        let parts: Vec<&str> = [&self.street_address, &self.street_address2, &town, &self.country]
            .into_iter()
            .map(|part| part.trim())
            .filter(|part| !part.is_empty())
            .collect();
        format!("{}: {}", self.address_type.word(), parts.join(", "))
    }
}

impl Item {
    /// "professional_email: ada@example.com".
    pub fn one_line(&self) -> String {
        format!("{}: {}", self.item_type.word(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_set_and_cleared_by_text() {
        let mut contact = Contact::default();
        for field in Field::ALL.into_iter().filter(|field| !field.is_list()) {
            contact.set_scalar(field, "17");
            assert_eq!(contact.scalar(field), "17", "{}", field.name());
            assert!(contact.set_fields().contains(field));
            contact.set_scalar(field, "");
        }
        assert_eq!(contact, Contact::default());
    }

    #[test]
    fn sets_behave() {
        assert_eq!(FieldSet::ALL.iter().count(), 13);
        assert!(!FieldSet::CRM.contains(Field::Company));
        assert_eq!(FieldSet::ALL.less(FieldSet::CRM).iter().collect::<Vec<_>>(), [Field::Company, Field::Extra]);
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
    }
}
