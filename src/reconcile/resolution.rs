//! What a user's decision on a conflict makes of a contact.
//!
//! It only says which value stands. That the value then reaches every replica is an ordinary edit, and `sync`'s matter.

use super::lists::{self, Entry};
use crate::contact::{Civility, ContactType, Field, Keep, is_number};

/// The two values of a conflict, by whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides<T> {
    /// The CRM's; in a conflict with a book, the mirror's.
    pub crm: T,
    /// The book's; in a conflict with the CRM, the mirror's.
    pub book: T,
}

/// Why a user's decision cannot be carried out on a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Refusal {
    /// A contact has one of these only.
    OneOnly,
    /// The value was typed for another field.
    OtherField,
    /// A list cannot be typed.
    List,
    /// The field holds one of a few codes, and this is none of them.
    Code,
    /// The field holds digits.
    Digits,
}

/// What can be kept of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// [`Keep::Crm`].
    Crm,
    /// [`Keep::Book`].
    Book,
    /// [`Keep::Both`].
    Both,
    /// [`Keep::Value`], for this field.
    Value(Field),
}

/// What can be kept of a conflict over this field; none is the whole contact.
pub fn choices(field: Option<Field>) -> Vec<Choice> {
    // Of a whole contact, what loses nothing comes first.
    let sides = if field.is_some() { [Choice::Crm, Choice::Book] } else { [Choice::Book, Choice::Crm] };
    let both = field.filter(|field| joins(*field)).map(|_| Choice::Both);
    let value = field.filter(|field| !field.is_list()).map(Choice::Value);
    sides.into_iter().chain(both).chain(value).collect()
}

/// True where both values can stand.
fn joins(field: Field) -> bool {
    field.is_list() || field == Field::Comment
}

/// The value of a scalar after a user's decision.
///
/// # Errors
/// The word makes no sense for this field.
pub fn scalar(field: Field, sides: Sides<&str>, keep: &Keep) -> Result<String, Refusal> {
    match keep {
        Keep::Crm => Ok(sides.crm.to_owned()),
        Keep::Book => Ok(sides.book.to_owned()),
        Keep::Both if joins(field) => Ok(joined(sides)),
        Keep::Both => Err(Refusal::OneOnly),
        Keep::Value { field: named, value } if named == field.name() => typed(field, value),
        Keep::Value { .. } => Err(Refusal::OtherField),
    }
}

/// Both comments; one that holds the other already is enough.
fn joined(Sides { crm, book }: Sides<&str>) -> String {
    let within = |part: &str, whole: &str| part.lines().all(|line| whole.lines().any(|other| other == line));
    match () {
        () if within(book, crm) => crm.to_owned(),
        () if within(crm, book) => book.to_owned(),
        () => format!("{}\n{book}", crm.trim_end_matches('\n')),
    }
}

/// A typed value as the field holds it: codes may be typed as words.
fn typed(field: Field, value: &str) -> Result<String, Refusal> {
    let word = value.trim().to_ascii_lowercase();
    match field {
        _ if value.is_empty() => Ok(String::new()),
        Field::Civility => match Civility::from_word(&word) {
            Civility::Unlisted(_) => Err(Refusal::Code),
            listed => Ok(listed.code().to_owned()),
        },
        Field::ContactType => match ContactType::from_word(&word) {
            ContactType::Unlisted(_) => Err(Refusal::Code),
            listed => Ok(listed.code().to_owned()),
        },
        Field::FirmId if !is_number(&word) => Err(Refusal::Digits),
        Field::FirmId => Ok(word),
        Field::LastName
        | Field::FirstName
        | Field::Comment
        | Field::JobTitle
        | Field::JobDepartment
        | Field::Country
        | Field::Company => Ok(value.to_owned()),
        Field::Addresses | Field::Items | Field::Extra => Err(Refusal::List),
    }
}

/// A list after a user's decision on one entry that both sides had changed; a side that had removed it has none.
///
/// # Errors
/// The word makes no sense for a list.
pub fn list<E: Entry>(present: &[E], sides: Sides<Option<&E>>, keep: &Keep) -> Result<Vec<E>, Refusal> {
    let Sides { crm, book } = sides;
    let (wanted, unwanted) = match keep {
        Keep::Crm => (vec![crm], book),
        Keep::Book => (vec![book], crm),
        Keep::Both => (vec![crm, book], None),
        Keep::Value { .. } => return Err(Refusal::List),
    };
    let wanted: Vec<&E> = wanted.into_iter().flatten().collect();
    let one = |a: &E, b: &E| lists::equal_normalised(std::slice::from_ref(a), std::slice::from_ref(b));
    let goes =
        |entry: &E| unwanted.is_some_and(|other| one(entry, other)) && !wanted.iter().any(|kept| one(entry, kept));
    let mut out: Vec<E> = present.iter().filter(|entry| !goes(entry)).cloned().collect();
    for entry in wanted {
        if !out.iter().any(|held| one(held, entry)) {
            out.push(entry.clone());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    fn check(field: Field, keep: &str, expected: Result<&str, Refusal>) {
        let sides = Sides { crm: "one\ntwo", book: "three" };
        let found = scalar(field, sides, &Keep::parse(keep).expect("a word"));
        assert_eq!(found.as_deref().map_err(|refusal| *refusal), expected, "{keep}");
    }

    #[test]
    fn a_word_on_a_scalar() {
        check(Field::JobTitle, "crm", Ok("one\ntwo"));
        check(Field::JobTitle, "book", Ok("three"));
        check(Field::JobTitle, "both", Err(Refusal::OneOnly));
        check(Field::Comment, "both", Ok("one\ntwo\nthree"));
        check(Field::JobTitle, "job_title=a = b", Ok("a = b"));
        check(Field::JobTitle, "job_title=", Ok(""));
        check(Field::JobTitle, "comment=a", Err(Refusal::OtherField));
        check(Field::ContactType, "contact_type=Client", Ok("client"));
        check(Field::ContactType, "contact_type=clinet", Err(Refusal::Code));
        check(Field::Civility, "civility_label_id=madam", Ok("18"));
        check(Field::Civility, "civility_label_id=18", Ok("18"));
        check(Field::Civility, "civility_label_id=99", Err(Refusal::Code));
        check(Field::FirmId, "firm_id=42", Ok("42"));
        check(Field::FirmId, "firm_id=ACME", Err(Refusal::Digits));
        check(Field::Items, "contact_items=1", Err(Refusal::List));
    }

    #[test]
    fn words_that_are_none() {
        for text in ["", "CRM", "mine", "=x", " =x"] {
            assert_eq!(Keep::parse(text), None, "{text}");
        }
    }

    #[test]
    fn comments_are_not_doubled_when_both_are_kept() {
        for (crm, book, expected) in
            [("a", "a\nb", "a\nb"), ("a\nb", "b", "a\nb"), ("", "b", "b"), ("a\n", "b", "a\nb"), ("10", "1", "10\n1")]
        {
            assert_eq!(joined(Sides { crm, book }), expected);
        }
    }

    #[test]
    fn what_can_be_typed_depends_on_the_field() {
        use Choice::{Book, Both, Crm, Value};
        assert_eq!(choices(Some(Field::JobTitle)), [Crm, Book, Value(Field::JobTitle)]);
        assert_eq!(choices(Some(Field::Comment)), [Crm, Book, Both, Value(Field::Comment)]);
        assert_eq!(choices(Some(Field::Items)), [Crm, Book, Both]);
        assert_eq!(choices(None), [Book, Crm]);
    }

    fn phones(text: &str) -> Vec<Item> {
        text.split_whitespace().map(|value| Item::new(ItemType::ProfessionalPhone, value)).collect()
    }

    fn check_list(present: &str, crm: &str, book: &str, keep: &str, expected: &str) {
        let (crm, book) = (phones(crm), phones(book));
        let sides = Sides { crm: crm.first(), book: book.first() };
        let found = list(&phones(present), sides, &Keep::parse(keep).expect("a word")).expect("a list");
        assert_eq!(found, phones(expected), "{present}: {keep}");
    }

    #[test]
    fn a_word_on_an_entry_of_a_list() {
        check_list("1 2 9", "1", "2", "crm", "1 9");
        check_list("1 2 9", "1", "2", "book", "2 9");
        check_list("1 2 9", "1", "2", "both", "1 2 9");
        check_list("1 9", "1", "2", "book", "9 2");
        check_list("1 9", "1", "2", "both", "1 9 2");
        check_list("1 9", "1", "", "book", "9");
        check_list("1 9", "1", "", "crm", "1 9");
        check_list("0199000001", "0199000001", "+33199000001", "book", "0199000001");
        let typed = Keep::Value { field: "contact_items".into(), value: "1".into() };
        assert_eq!(list(&phones("1"), Sides { crm: None, book: None }, &typed), Err(Refusal::List));
    }
}
