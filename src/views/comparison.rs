//! The two sides of a conflict next to each other: what both started from, the replica's, the mirror's, and what could
//! stand or stands.

use super::{
    Reader,
    attention::{Item, Subject, item},
};
use crate::{
    contact::{self, Address, Contact, Field, FieldSet, Keep, ids::CRM},
    mirror::{Attention, AttentionRow, ConflictRow, ItemId, Mirror, MirrorError, State},
    reconcile::{
        Policy, Winner,
        resolution::{Sides, scalar},
    },
    sync::{self, TakenCopy},
};

/// One field, or one entry of a list, in each of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The field's name; of an entry of a list, what kind it is.
    pub name: String,
    /// What the columns hold: base, replica, mirror, what could stand; "" for nothing.
    pub cells: [String; 4],
}

impl Row {
    /// True where the two sides do not say the same.
    pub fn differs(&self) -> bool {
        self.cells[1] != self.cells[2]
    }
}

/// One by its number, and where it is a conflict, its rows.
///
/// # Errors
/// The mirror's.
pub fn side_by_side(reader: &Reader, id: ItemId) -> Result<Option<(Item, Vec<Row>)>, MirrorError> {
    let mirror = &reader.mirror;
    let Some(item) = item(reader, id)? else { return Ok(None) };
    let rows = match id {
        ItemId::Conflict(id) => mirror.conflict(id)?.map(|row| rows(mirror, &row)).transpose()?,
        ItemId::Attention(id) => mirror.attention(id)?.map(|row| rows_of_question(mirror, &row)).transpose()?,
    };
    Ok(Some((item, rows.unwrap_or_default())))
}

fn rows(mirror: &Mirror, row: &ConflictRow) -> Result<Vec<Row>, MirrorError> {
    let nothing = Contact::default();
    let here = mirror.contact(row.contact)?.filter(|stored| !stored.deleted);
    let here = here.as_ref();
    let mirrors = here.map_or(&nothing, |stored| &stored.contact);
    let agreement = here.map(|stored| mirror.agreement(&row.replica, stored.id)).transpose()?.flatten();
    Ok(match row.field.as_deref().map(Field::from_name) {
        None => {
            let base = agreement.as_ref().map_or(&nothing, |agreement| &agreement.theirs);
            whole(base, mirrors)
        }
        Some(Some(field)) if field.is_list() => {
            let base = row.base.iter().flat_map(|base| base.split("; ")).map(str::to_owned).collect();
            let theirs = agreement.as_ref().map_or(&nothing, |agreement| &agreement.theirs);
            let now = entries(mirrors, field);
            aligned(field.name(), &[base, entries(theirs, field), now.clone(), now])
        }
        Some(Some(field)) => {
            let (here, there) = match here {
                Some(stored) => sync::conflict_values(row, stored, agreement.as_ref(), field),
                None => (String::new(), row.there.clone().unwrap_or_default()),
            };
            let proposed = match row.state {
                State::Open => proposal(row, field, &here, &there),
                State::Settled => mirrors.scalar(field).into_owned(),
            };
            let base = row.base.clone().unwrap_or_default();
            vec![Row { name: field.name().to_owned(), cells: [base, there, here, proposed] }]
        }
        Some(None) => Vec::new(),
    })
}

fn rows_of_question(mirror: &Mirror, row: &AttentionRow) -> Result<Vec<Row>, MirrorError> {
    match &row.attention {
        Attention::ConflictCopy { .. } => copy_rows(mirror, row),
        Attention::NotPersisted { fields, .. } => rows_not_taken(mirror, row, fields),
        _ => Ok(Vec::new()),
    }
}

/// What a replica shows otherwise than it was sent, beside the mirror's.
fn rows_not_taken(mirror: &Mirror, row: &AttentionRow, fields: &[Field]) -> Result<Vec<Row>, MirrorError> {
    let Some(stored) = row.contact.map(|id| mirror.contact(id)).transpose()?.flatten() else { return Ok(Vec::new()) };
    let agreement = mirror.agreement(&row.replica, stored.id)?;
    let nothing = Contact::default();
    let (ours, theirs) =
        agreement.as_ref().map_or((&nothing, &nothing), |agreement| (&agreement.ours, &agreement.theirs));
    let mut rows = Vec::new();
    for field in fields.iter().copied() {
        let columns = [ours, theirs, &stored.contact, &stored.contact];
        if field.is_list() {
            rows.extend(aligned(field.name(), &columns.map(|of| entries(of, field))));
        } else {
            let cells = columns.map(|of| of.scalar(field).into_owned());
            rows.push(Row { name: field.name().to_owned(), cells });
        }
    }
    rows.retain(Row::differs);
    Ok(rows)
}

/// A record that somebody could be, or a contact that may have been made, and the contacts that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineup {
    /// What the record says; none where that was not kept.
    pub record: Option<Contact>,
    /// The contacts, each with its CRM id or UID.
    pub contacts: Vec<(String, Contact)>,
}

/// The contacts that something may be about next to what it says; none for what is about something else.
///
/// # Errors
/// The mirror's.
pub fn lineup(reader: &Reader, item: &Item) -> Result<Option<Lineup>, MirrorError> {
    let mirror = &reader.mirror;
    let Subject::Attention { attention, candidates, .. } = &item.subject else { return Ok(None) };
    let record = match attention {
        Attention::Ambiguous { says, .. } => says.as_deref().cloned(),
        Attention::LostCreation => match &item.contact {
            Some(known) => mirror.contact_by_uid(&known.uid)?.map(|stored| stored.contact),
            None => None,
        },
        _ => return Ok(None),
    };
    let mut contacts = Vec::new();
    for candidate in candidates {
        let stored = match mirror.contact_by_crm_id(&candidate.id)? {
            Some(stored) => Some(stored),
            None => mirror.contact_by_uid(&candidate.id)?,
        };
        contacts.extend(stored.map(|stored| (candidate.id.clone(), stored.contact)));
    }
    Ok(Some(Lineup { record, contacts }))
}

/// A sync program's copy beside the contact that it is a copy of: what the two do not both say.
fn copy_rows(mirror: &Mirror, row: &AttentionRow) -> Result<Vec<Row>, MirrorError> {
    let Attention::ConflictCopy { contact, says, .. } = &row.attention else { return Ok(Vec::new()) };
    let Some(stored) = mirror.contact(*contact)? else { return Ok(Vec::new()) };
    let agreement = mirror.agreement(&row.replica, *contact)?;
    let nothing = Contact::default();
    let (base, mirrors) = (agreement.as_ref().map_or(&nothing, |agreement| &agreement.theirs), &stored.contact);
    let policy = Policy { fields: FieldSet::ALL, weak: FieldSet::NONE, winner: Winner::Here, takes: true, gives: true };
    let TakenCopy { contact: proposed, .. } = sync::taken_from(mirrors, says, says.set_fields(), policy);
    let mut rows = Vec::new();
    for field in says.set_fields().iter() {
        if field.is_list() {
            let columns = [base, says, mirrors, &proposed].map(|of| entries(of, field));
            rows.extend(aligned(field.name(), &columns));
        } else {
            let cells = [base, says, mirrors, &proposed].map(|of| of.scalar(field).into_owned());
            rows.push(Row { name: field.name().to_owned(), cells });
        }
    }
    rows.retain(Row::differs);
    Ok(rows)
}

/// What would stand if the user had no better idea: both comments; else the CRM's, as the settings' default has it.
fn proposal(row: &ConflictRow, field: Field, here: &str, there: &str) -> String {
    let sides = match row.replica.as_str() {
        CRM => Sides { crm: there, book: here },
        _ => Sides { crm: here, book: there },
    };
    let keep = if field == Field::Comment { Keep::Both } else { Keep::Crm };
    scalar(field, sides, &keep).unwrap_or_default()
}

/// A contact that one side deleted and the other edited: every field, the deleting side empty.
fn whole(base: &Contact, mirrors: &Contact) -> Vec<Row> {
    let mut rows = Vec::new();
    for field in base.set_fields().or(mirrors.set_fields()).and(FieldSet::ALL).iter() {
        if field.is_list() {
            let now = entries(mirrors, field);
            rows.extend(aligned(field.name(), &[entries(base, field), Vec::new(), now.clone(), now]));
        } else {
            let now = mirrors.scalar(field).into_owned();
            let cells = [base.scalar(field).into_owned(), String::new(), now.clone(), now];
            rows.push(Row { name: field.name().to_owned(), cells });
        }
    }
    rows
}

fn entries(of: &Contact, field: Field) -> Vec<String> {
    match field {
        Field::Addresses => of.addresses.iter().map(Address::one_line).collect(),
        Field::Items => of.items.iter().map(contact::Item::one_line).collect(),
        // A photo is kilobytes of base64: its first letters are enough to know it.
        Field::Extra => of.extra.iter().map(|line| line.chars().take(100).collect()).collect(),
        _ => Vec::new(),
    }
}

/// The entries of four lists, aligned: the same ones on one row, then alternatives of one kind, in the columns' order.
fn aligned(name: &str, columns: &[Vec<String>; 4]) -> Vec<Row> {
    let mut rows: Vec<[Option<String>; 4]> = Vec::new();
    let mut left: Vec<(usize, &String)> = Vec::new();
    for (column, entries) in columns.iter().enumerate() {
        for entry in entries {
            let same = |row: &&mut [Option<String>; 4]| {
                row[column].is_none() && row.iter().flatten().any(|held| held == entry)
            };
            match rows.iter_mut().find(same) {
                Some(row) => row[column] = Some(entry.clone()),
                // An entry that a later column repeats word for word has a row of its own.
                None if columns[column + 1..].iter().any(|later| later.contains(entry)) => {
                    let mut row = [const { None }; 4];
                    row[column] = Some(entry.clone());
                    rows.push(row);
                }
                None => left.push((column, entry)),
            }
        }
    }
    for (column, entry) in left {
        let equal_normalised = |row: &&mut [Option<String>; 4]| {
            row[column].is_none() && row.iter().flatten().any(|held| kind(held) == kind(entry))
        };
        match rows.iter_mut().find(equal_normalised) {
            Some(row) => row[column] = Some(entry.clone()),
            None => {
                let mut row = [const { None }; 4];
                row[column] = Some(entry.clone());
                rows.push(row);
            }
        }
    }
    rows.into_iter().map(|cells| named(name, cells.map(Option::unwrap_or_default))).collect()
}

/// A row under the kind that all of its entries share, which they then need not repeat; else under the field's name.
fn named(field: &str, cells: [String; 4]) -> Row {
    let shared = cells.iter().find(|cell| !cell.is_empty()).map(|cell| kind(cell).to_owned()).unwrap_or_default();
    let value = |cell: &String| match cell.strip_prefix(&shared).and_then(|rest| rest.strip_prefix(':')) {
        Some(value) => Some(value.trim_start().to_owned()),
        None => cell.is_empty().then(String::new),
    };
    match cells.each_ref().map(value) {
        [Some(a), Some(b), Some(c), Some(d)] => Row { name: shared, cells: [a, b, c, d] },
        _ => Row { name: field.to_owned(), cells },
    }
}

/// What kind of entry its words begin with: "personal_phone" of "personal_phone: 01".
fn kind(words: &str) -> &str {
    words.split([':', ';']).next().unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, cells: [&str; 4]) -> Row {
        Row { name: name.into(), cells: cells.map(str::to_owned) }
    }

    #[test]
    fn entries_are_aligned() {
        let list = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let check = |columns: [&str; 4], expected: &[(&str, [&str; 4])]| {
            let expected: Vec<Row> = expected.iter().map(|(name, cells)| row(name, *cells)).collect();
            assert_eq!(aligned("items", &columns.map(list)), expected);
        };
        check(["a:1 b:2", "b:2 a:1", "a:1", "a:1"], &[("a", ["1", "1", "1", "1"]), ("b", ["2", "2", "", ""])]);
        check(["a:1", "a:2", "a:3", "a:2 a:3"], &[("a", ["1", "2", "", "2"]), ("a", ["", "", "3", "3"])]);
        check(["", "", "", ""], &[]);
        check(["", "a:1", "b:1", ""], &[("a", ["", "1", "", ""]), ("b", ["", "", "1", ""])]);
        check(["a:1", "a:1", "a:9", "a:1 a:9"], &[("a", ["1", "1", "", "1"]), ("a", ["", "", "9", "9"])]);
        check(["", "a:1 a:1", "a:1", ""], &[("a", ["", "1", "1", ""]), ("a", ["", "1", "", ""])]);
        check(["", "a;x:1", "", ""], &[("items", ["", "a;x:1", "", ""])]);
    }

    #[test]
    fn a_record_stands_beside_whoever_it_could_be() {
        let mut mirror = Mirror::in_memory().unwrap();
        let petit = |title: &str| Contact { last_name: "Petit".into(), job_title: title.into(), ..Contact::default() };
        let ids = ["Reine", "Duchesse"]
            .map(|title| mirror.insert_contact(title, &petit(title), "crm", 1, "2026-01-01T00:00:00Z").unwrap());
        let raise = |mirror: &mut Mirror, remote: &str, contact, attention| {
            let (replica, remote, state) = ("cards".to_owned(), remote.to_owned(), State::Open);
            mirror.raise(&AttentionRow { id: 0, run: 1, replica, remote, contact, attention, state }).unwrap();
        };
        let says = Some(Box::new(petit("Comtesse")));
        let (candidates, reason) = (ids.to_vec(), crate::mirror::Ambiguity::Several);
        raise(&mut mirror, "x.vcf", None, Attention::Ambiguous { candidates, reason, says });
        let held = Attention::HeldDeletions { missing: 9, known: 10, allowed: 3, contacts: ids.to_vec() };
        raise(&mut mirror, "", None, held);
        let not_taken = Attention::NotPersisted { fields: vec![Field::JobTitle, Field::Comment], tried: Vec::new() };
        raise(&mut mirror, "Reine", Some(ids[0]), not_taken);
        let reader = Reader::from(mirror);
        let of = |id: i64| item(&reader, ItemId::Attention(id)).unwrap().unwrap();
        let found = lineup(&reader, &of(1)).unwrap().unwrap();
        assert_eq!(found.record, Some(petit("Comtesse")));
        assert_eq!(found.contacts, ["Reine", "Duchesse"].map(|title| (title.to_owned(), petit(title))));
        assert_eq!(lineup(&reader, &of(2)).unwrap(), None);
        assert_eq!(crate::views::attention::held_names(&reader, &of(2)).unwrap(), ["Petit", "Petit"]);
        assert!(crate::views::attention::held_names(&reader, &of(1)).unwrap().is_empty());
        // Of what was not taken, what differs is shown.
        let (_, rows) = side_by_side(&reader, ItemId::Attention(3)).unwrap().unwrap();
        let names: Vec<(&str, &str)> = rows.iter().map(|row| (row.name.as_str(), row.cells[2].as_str())).collect();
        assert_eq!(names, [("job_title", "Reine")]);
    }
}
