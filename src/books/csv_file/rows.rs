//! The rows of a table, in hashes: sixteen bytes for each, and what they are recognised by only for those that do not go
//! by a mark which is known.

use std::{
    collections::{HashMap, HashSet},
    io::Read,
};

use serde::{Deserialize, Serialize};

use crate::{
    books::{
        fs::Digest,
        parallel::chunked_map,
        record_ids::{Hashed, KnownHashes, NameHash, RecordKeys, StateHash, assign_beside},
    },
    contact::{Contact, Field, FieldSet, Item, clean::is_total, identity::Identity},
    formats::csv::{AsAgreed, CellPlace, CsvError, NoteSort, Record, Row, RowCells, Table, as_agreed},
    replica::{Reading, RemoteContact, RemoteId, Revision},
};

/// With fewer rows, a second thread costs more than it gives.
const THREAD_MIN: usize = 512;
/// Records read before their rows are made.
const CHUNK: usize = 2048;

/// A record of a file: the hashes of its name and of its state; zeros for one that has no name.
pub type RowState = (NameHash, StateHash);

/// What rows are recognised by that are not called by their marks.
pub type MadeRows = HashMap<NameHash, Hashed>;

/// The records that are agreed on, by name and state.
#[derive(Debug, Default)]
pub struct KnownRows {
    /// Sorted.
    rows: Vec<RowState>,
    /// Which of them a record has.
    taken: Vec<bool>,
}

impl KnownRows {
    /// These.
    pub fn new(mut rows: Vec<RowState>) -> Self {
        rows.sort_unstable();
        rows.dedup_by_key(|(name, _)| *name);
        let taken = vec![false; rows.len()];
        Self { rows, taken }
    }

    /// The state of the row of this name.
    pub fn state(&self, name: NameHash) -> Option<StateHash> {
        self.place(name).map(|place| self.rows[place].1)
    }

    /// True for a known row that no record has.
    pub fn is_open(&self, name: NameHash) -> bool {
        self.place(name).is_some_and(|place| !self.taken[place])
    }

    /// Gives the name to a record; false if an earlier one has it. None where it is not known.
    fn claim(&mut self, name: NameHash) -> Option<bool> {
        let place = self.place(name)?;
        Some(!std::mem::replace(&mut self.taken[place], true))
    }

    fn place(&self, name: NameHash) -> Option<usize> {
        self.rows.binary_search_by_key(&name, |(name, _)| *name).ok()
    }
}

/// Each record of a file in hashes, blank ones and such as cannot be read included.
#[derive(Debug, Default)]
pub struct HashedRows {
    pub rows: Vec<RowState>,
    /// Those that are not called by a mark which is known: their numbers, and what they are recognised by.
    pub others: Vec<(u32, Hashed)>,
    /// Those with a cell that is not believed.
    pub refused: HashSet<usize>,
}

impl HashedRows {
    /// Reads a file, of which the table is the frame; none holds no rows. Rows whose marks are known have their names.
    pub fn read(
        table: &Table,
        source: Option<impl Read + std::io::Seek>,
        known: &mut KnownRows,
    ) -> Result<Self, CsvError> {
        let mut hashed = Self { rows: Vec::with_capacity(known.rows.len()), ..Self::default() };
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
                hashed.push(row, known);
            }
        }
    }

    fn push(&mut self, row: Hashed, known: &mut KnownRows) {
        let number = self.rows.len() as u32;
        let is_marked = row.name != NameHash::default();
        match is_marked.then(|| known.claim(row.name)).flatten() {
            Some(true) => self.rows.push((row.name, row.state())),
            // Its mark is an earlier one's: it stays without a name.
            Some(false) => self.rows.push((NameHash::default(), row.state())),
            None => {
                self.rows.push((NameHash::default(), row.state()));
                if !row.is_nothing() {
                    self.others.push((number, row));
                }
            }
        }
    }

    /// Gives the other rows their names. `open` are the known rows that none has yet, and `known` are all.
    pub fn name_others(&mut self, open: &KnownHashes, known: &KnownRows) {
        let cards: Vec<Hashed> = self.others.iter().map(|(_, row)| *row).collect();
        let assigned = assign_beside(&cards, open, |_| false, |name| known.place(name).is_some());
        for (index, ((number, row), name)) in self.others.iter_mut().zip(&assigned.names).enumerate() {
            let made = assigned.numbers.get(&index).copied();
            *row = row.under(*name, made.or_else(|| open.get(*name).map(Hashed::number)));
            self.rows[*number as usize].0 = *name;
        }
    }

    /// What a row is recognised by, if it is one of the others.
    pub fn other(&self, number: usize) -> Option<&Hashed> {
        let place = self.others.binary_search_by_key(&(number as u32), |(number, _)| *number);
        place.ok().map(|place| &self.others[place].1)
    }

    /// The rows that are not called by their marks.
    pub fn made(&self) -> MadeRows {
        let made = self.others.iter().map(|(_, row)| *row);
        let made = made.filter(|row| row.name != NameHash::default() && !row.is_called_by_mark());
        made.map(|row| (row.name, row)).collect()
    }
}

fn hashed_row(table: &Table, row: Option<Row>) -> (Hashed, bool) {
    let Some(row) = row.filter(|row| row.flaw().is_none() && says_something(row)) else {
        return (Hashed::NOTHING, false);
    };
    let is_refused = row.notes.iter().any(|note| note.sort != NoteSort::Repaired);
    (row_keys(table, &row).hashed(), is_refused)
}

/// False for a row that is no contact: what it holds is in columns that are not read, or it is a line of totals.
pub fn says_something(row: &Row) -> bool {
    let says = !row.notes.is_empty() || row.contact != Contact::default();
    row.malformed.is_some() || mark(row).is_some() || (says && !is_total(&row.contact))
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
    let Row { uid, crm_id, notes, contact: Contact { items, .. }, lost, .. } = row;
    let repaired = notes.iter().any(|note| note.sort == NoteSort::Repaired);
    let told = Told { repaired, lost, items };
    let source = (repaired || !told.lost.is_empty()).then(|| serde_json::to_vec(&told).ok()).flatten();
    RemoteContact { remote, revision, uid, crm_id, contact, fields, detail: None, source, edited: None }
}

/// What a row tells beside its contact to those who know what was agreed on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Told {
    repaired: bool,
    /// The texts in the places of numbers whose digits are gone.
    lost: Vec<Item>,
    /// The other items, which the row does not say on its own while one is lost.
    items: Vec<Item>,
}

/// What a row says to those who know what was agreed on. `cell` knows the file's cells.
pub fn interpret(
    record: &RemoteContact,
    known: &Contact,
    cell: &dyn Fn(CellPlace) -> Option<String>,
) -> Option<Reading> {
    let Told { repaired, lost, items } = match &record.source {
        Some(source) => serde_json::from_slice(source).ok()?,
        None => Told::default(),
    };
    let mut contact = record.contact.clone();
    if !lost.is_empty() {
        contact.items = items;
    }
    let AsAgreed { mut there, mut told, is_all_told } =
        as_agreed(contact, known, RowCells { repaired, lost: &lost, cell });
    if !is_all_told {
        // The row says nothing of its items.
        there.items.clear();
        told.items.clear();
    }
    let rewritten = there.differing(&told);
    Some(Reading { there, told: (!rewritten.is_empty()).then_some(told), rewritten, edited: None })
}
