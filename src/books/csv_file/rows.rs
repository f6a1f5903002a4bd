//! The rows of a table, in hashes.

use std::{collections::HashSet, io::Read};

use crate::{
    books::{
        fs::Digest,
        parallel::chunked_map,
        record_ids::{Assigned, Hashed, KnownHashes, RecordKeys},
    },
    contact::{Contact, Field, FieldSet, identity::Identity},
    formats::csv::{CsvError, NoteSort, Record, Row, Table},
    replica::{RemoteContact, RemoteId, Revision},
};

/// With fewer rows, a second thread costs more than it gives.
const THREAD_MIN: usize = 512;
/// Records read before their rows are made.
const CHUNK: usize = 2048;

/// Each record of a file in hashes; [`Hashed::NOTHING`] for blank ones and such as cannot be read.
#[derive(Debug, Default)]
pub struct HashedRows {
    pub rows: Vec<Hashed>,
    /// Those with a cell that is not believed.
    pub refused: HashSet<usize>,
}

impl HashedRows {
    /// Reads a file, of which the table is the frame; none holds no rows. The rows' marks stand for their names.
    pub fn read(table: &Table, source: Option<impl Read + std::io::Seek>) -> Result<Self, CsvError> {
        let mut hashed = Self::default();
        let Some(source) = source else { return Ok(hashed) };
        let mut records = table.records(source)?;
        loop {
            let chunk = records.by_ref().take(CHUNK).collect::<Result<Vec<Record>, _>>()?;
            if chunk.is_empty() {
                return Ok(hashed);
            }
            let rows = chunked_map(chunk, THREAD_MIN, |part| {
                part.iter().map(|record| hashed_row(table, table.read(0, record))).collect()
            });
            for (row, is_refused) in rows {
                if is_refused {
                    hashed.refused.insert(hashed.rows.len());
                }
                hashed.rows.push(row);
            }
        }
    }

    /// Gives the rows their names.
    pub fn take_names(&mut self, assigned: &Assigned, known: &KnownHashes) {
        for (index, (row, name)) in self.rows.iter_mut().zip(&assigned.names).enumerate() {
            let number = assigned.numbers.get(&index).copied();
            *row = row.under(*name, number.or_else(|| known.get(*name).map(Hashed::number)));
        }
    }
}

fn hashed_row(table: &Table, row: Option<Row>) -> (Hashed, bool) {
    let Some(row) = row.filter(|row| row.ragged.is_none() && says_something(row)) else {
        return (Hashed::NOTHING, false);
    };
    let is_refused = row.notes.iter().any(|note| note.sort == NoteSort::Refused);
    (row_keys(table, &row).hashed(), is_refused)
}

/// False for a row that is no contact: what it holds is in columns that are not read.
pub fn says_something(row: &Row) -> bool {
    row.ragged.is_some() || mark(row).is_some() || !row.notes.is_empty() || row.contact != Contact::default()
}

/// What marks a row as a certain contact's: its UID, else its CRM id.
pub fn mark(row: &Row) -> Option<String> {
    mark_of(row.uid.as_deref(), row.crm_id.as_deref())
}

/// The same of a row that is not read otherwise.
pub fn identity_mark(identity: &Identity) -> Option<String> {
    mark_of(identity.uid.as_deref(), identity.crm_id.as_deref())
}

fn mark_of(uid: Option<&str>, crm_id: Option<&str>) -> Option<String> {
    uid.map(str::to_owned).or_else(|| crm_id.map(|id| format!("id:{id}")))
}

/// What a row is recognised by, and its revision; columns that are not read do not count.
pub fn row_keys(table: &Table, row: &Row) -> RecordKeys {
    let contact = serde_json::to_string(&row.contact).unwrap_or_default();
    let fields: Vec<&str> = fields(table, row).iter().map(Field::name).collect();
    let parts = [&contact, row.uid.as_deref().unwrap_or(""), row.crm_id.as_deref().unwrap_or(""), &fields.join(" ")];
    RecordKeys::new(mark(row).as_deref(), Digest::of(parts.join("\0").as_bytes()), &row.contact)
}

/// What a row says something about: a cell that was refused says nothing of its field.
fn fields(table: &Table, row: &Row) -> FieldSet {
    table.fields().less(row.keep)
}

/// A row as the port hands it over.
pub fn remote_contact(table: &Table, row: Row, remote: RemoteId, revision: Revision) -> RemoteContact {
    let fields = fields(table, &row);
    let mut contact = Contact::default();
    contact.copy_fields(&row.contact, fields);
    RemoteContact { remote, revision, uid: row.uid, crm_id: row.crm_id, contact, fields, detail: None, source: None }
}
