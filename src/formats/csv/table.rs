//! A CSV file that is edited in place: what does not change keeps its bytes.
//!
//! Each record keeps its raw text and line end; a changed row keeps the raw text of its unchanged cells. Encoding, byte
//! order mark, delimiter, column order, unknown columns, blank lines, remarks before the header and a missing final
//! line end stay as they are. Two exceptions, both for the sake of the data: a character that the file's encoding does
//! not have turns the whole file into UTF-8 with a byte order mark, and a second value of a kind adds a column to all
//! rows where the dialect has numbered columns.

use std::{io::Cursor, ops::Range};

use super::{
    charset::Encoding,
    codec::{Codec, Guess, Line},
    error::CsvError,
    layout::Layout,
    profile::Profile,
    read::{Note, Reading},
    records::{Cell, cells, joined},
    shape::{Malformed, Sort},
    sniff::Candidates,
    values::is_digits,
    write::Missed,
};
use crate::contact::{Address, Contact, FieldSet, Item, identity::Identity};

/// A CSV file, read.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) profile: Profile,
    pub(super) layout: Layout,
    pub(super) encoding: Encoding,
    pub(super) bom: bool,
    pub(super) delimiter: u8,
    pub(super) is_newline: bool,
    pub(super) line_end: &'static str,
    pub(super) quote_always: bool,
    pub(super) final_line_end: bool,
    pub(super) text: String,
    /// What stands before the header: a `sep=` line, a program's remarks.
    pub(super) before: Range<usize>,
    pub(super) header: Entry,
    /// The rows that it holds: all of them, or those that were taken up to be changed.
    pub(super) entries: Vec<Entry>,
    /// What the file's records tell, whether or not they are held.
    pub(super) told: Told,
}

/// What all records of a file tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// How many columns the header has in the file.
    pub width: usize,
    /// How many records tell what the columns hold; none where all of them do.
    pub sampled: Option<usize>,
    /// A row has cells beyond the header's.
    pub is_overlong: bool,
    /// A row is not read.
    pub is_malformed: bool,
    /// The cells with question marks, where the encoding lacks characters.
    pub questioned: String,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name for [`Table::update`] and [`Table::remove`]; stays the same while other rows come and go.
    pub index: usize,
    /// The physical line it begins on, from 1.
    pub line: usize,
    /// The UID written in it.
    pub uid: Option<String>,
    /// The CRM's id written in it.
    pub crm_id: Option<String>,
    /// What it says; empty for a malformed row.
    pub contact: Contact,
    /// Cells that were not taken as they stand.
    pub notes: Vec<Note>,
    /// Fields of which a cell was refused: the row says nothing about them.
    pub keep: FieldSet,
    /// The texts in the places of numbers whose digits are gone.
    pub lost: Vec<Item>,
    /// Set for a row that is not read and must not be changed.
    pub malformed: Option<Malformed>,
    /// Nothing but the order of its words says which part of a whole name is the family's.
    pub is_name_guessed: bool,
}

impl Row {
    /// Why it is not believed, in words that follow "the row"; none if it is.
    pub fn flaw(&self) -> Option<String> {
        if let Some(malformed) = self.malformed {
            return Some(malformed.to_string());
        }
        // A table whose cells have moved by a column, or another table.
        let is_strange = self.crm_id.as_deref().is_some_and(|id| !is_digits(id));
        is_strange.then(|| "has a CRM id that is no number".to_owned())
    }
}

/// How a file was read, for a user to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The dialect's name.
    pub profile: String,
    /// The dialect's name for a user.
    pub title: String,
    /// The encoding.
    pub encoding: Encoding,
    /// The delimiter.
    pub delimiter: char,
    /// The header's line, from 1.
    pub header_line: usize,
    /// Each column's name and what it was read as; `None`: not read.
    pub columns: Vec<(String, Option<String>)>,
}

/// A column that holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Its name, as the header has it.
    pub name: String,
    /// What it was read as; `None`: not read.
    pub read_as: Option<String>,
    /// In how many rows it holds something.
    pub rows: usize,
}

/// A record of the file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub raw: Raw,
    pub end: Range<usize>,
    pub line: usize,
    pub sort: Sort,
}

#[derive(Debug, Clone)]
pub(super) enum Raw {
    /// As it was read: a place in the text.
    Read(Range<usize>),
    /// Written since.
    Written(String),
}

impl Table {
    /// Reads a file, by the profile given or by the one that fits best.
    ///
    /// # Errors
    /// When no header is found, the text is not valid in its encoding, or a quotation mark is never closed.
    pub fn parse<'p>(bytes: &[u8], profile: impl Into<Candidates<'p>>) -> Result<Table, CsvError> {
        let mut table = Table::frame(&mut Cursor::new(bytes), profile)?;
        for record in table.records(Cursor::new(bytes))? {
            table.take_up(record?);
        }
        Ok(table)
    }

    /// A table of this profile without rows.
    pub fn new(profile: &Profile) -> Table {
        let layout = Layout::blank(profile);
        let told = Told { width: layout.header.len(), ..Told::default() };
        let names = layout.header.iter().map(String::as_str);
        let line = joined(names, profile.delimiter, profile.quote_always);
        Table {
            layout,
            encoding: profile.encoding,
            bom: profile.bom,
            delimiter: profile.delimiter,
            is_newline: profile.line_end.ends_with('\n'),
            line_end: profile.line_end,
            quote_always: profile.quote_always,
            final_line_end: true,
            text: String::new(),
            before: 0..0,
            header: Entry { raw: Raw::Written(line), end: 0..0, line: 1, sort: Sort::Row },
            entries: Vec::new(),
            told,
            profile: profile.clone(),
        }
    }

    /// The profile that it is read by.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// How it was read.
    pub fn recognised(&self) -> Recognised {
        Recognised {
            profile: self.profile.name.clone(),
            title: self.profile.title.clone(),
            encoding: self.encoding,
            delimiter: char::from(self.delimiter),
            header_line: self.header.line,
            columns: self.layout.header.iter().cloned().zip(self.layout.read_as.iter().cloned()).collect(),
        }
    }

    /// The fields that the columns carry.
    pub fn fields(&self) -> FieldSet {
        self.layout.fields()
    }

    /// Of those, the ones whose absence is never a deletion.
    pub fn weak(&self) -> FieldSet {
        self.profile.weak.or(self.layout.fields_of_whole_names()).and(self.fields())
    }

    /// True when the rows have a column for carnet's UID.
    pub fn has_uid(&self) -> bool {
        self.layout.uid.is_some()
    }

    /// True when the rows have a column for the CRM's id.
    pub fn has_crm_id(&self) -> bool {
        self.layout.id.is_some()
    }

    /// The rows, malformed ones included, blank ones not.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        (0..self.entries.len()).filter_map(|index| self.row(index))
    }

    /// The row of this index; `None` where there is none.
    pub fn row(&self, index: usize) -> Option<Row> {
        let entry = self.entries.get(index)?;
        let row = |cells| self.codec(Guess::Fixed).row(index, entry.line, entry.sort, cells);
        row(cells(self.content(entry), self.delimiter))
    }

    /// The contact as this table shows it once it is written: what [`Table::row`] reads back.
    pub fn carries(&self, contact: &Contact) -> Contact {
        let mut layout = self.layout.clone();
        loop {
            let codec = Codec { layout: &layout, ..self.codec(Guess::Fixed) };
            let mut line = Line::blank(layout.header.len(), self.delimiter, self.quote_always);
            let missed = codec.write(&mut line, &Contact::default(), contact);
            let carried = codec.read(&line).contact;
            if !self.can_grow() || layout.grow(&self.profile, &missed).is_empty() {
                return carried;
            }
        }
    }

    /// The contact as this table may show it though nobody edited it: beside what [`Table::carries`] says, a program that
    /// saved the file in an encoding without some of its characters has put question marks in their places.
    pub fn shows(&self, contact: &Contact) -> Contact {
        let mut shown = self.carries(contact);
        let texts = texts(&mut shown).into_iter();
        texts.for_each(|text| *text = self.with_question_marks(text).unwrap_or_else(|| std::mem::take(text)));
        shown
    }

    /// A text as it stands in the file with question marks; none where the file could hold it, or does not hold it so.
    fn with_question_marks(&self, text: &str) -> Option<String> {
        if self.encoding.encode(text).is_some() {
            return None;
        }
        let mark = |c: char, count: usize| match self.encoding.encode(c.encode_utf8(&mut [0; 4])) {
            Some(_) => c.to_string(),
            None => "?".repeat(count),
        };
        // Windows writes one for each unit of UTF-16.
        let one = text.chars().map(|c| mark(c, 1)).collect::<String>();
        let two = text.chars().map(|c| mark(c, c.len_utf16())).collect::<String>();
        let cells = &self.told.questioned;
        let stands = |line: &str| cells.contains(line) || cells.contains(&line.replace('"', "\"\""));
        // The longer first: the other would be found in it.
        [two, one].into_iter().find(|marked| marked.lines().all(stands))
    }

    /// Changes a row from what it says to what it is to say; cells whose value stays keep their bytes. Answers the
    /// values that found no column.
    ///
    /// # Errors
    /// [`CsvError::NoRow`] for a row that is malformed, blank, removed or beyond the end; [`CsvError::BlankRow`] where no
    /// cell would hold anything. The row then stays as it was.
    pub fn update(
        &mut self,
        index: usize,
        from: &Contact,
        to: &Contact,
        identity: &Identity,
    ) -> Result<Vec<Missed>, CsvError> {
        if self.entries.get(index).is_none_or(|entry| entry.sort != Sort::Row) {
            return Err(CsvError::NoRow(index));
        }
        loop {
            let content = self.content(&self.entries[index]);
            let mut line = Line::new(cells(content, self.delimiter), self.delimiter, self.quote_always);
            let codec = self.codec(Guess::Fixed);
            let missed = codec.write(&mut line, from, to);
            codec.write_identity(&mut line, identity);
            let mut written = line.content();
            let is_changed = written != content;
            if is_changed && self.quotes_rows() {
                codec.quote_row(&mut line);
                written = line.content();
            }
            if self.grow(&missed) {
                continue;
            }
            check_not_blank(&written, self.delimiter)?;
            if is_changed {
                self.entries[index].raw = Raw::Written(written);
            }
            return Ok(missed.into_iter().map(Missed::from).collect());
        }
    }

    /// Adds a row at the end. Answers its index, and the values that found no column.
    ///
    /// # Errors
    /// [`CsvError::BlankRow`] where no cell would hold anything.
    pub fn push(&mut self, contact: &Contact, identity: &Identity) -> Result<(usize, Vec<Missed>), CsvError> {
        loop {
            let mut line = Line::blank(self.layout.header.len(), self.delimiter, self.quotes_rows());
            let codec = self.codec(Guess::Fixed);
            let missed = codec.write(&mut line, &Contact::default(), contact);
            codec.write_identity(&mut line, identity);
            let content = line.content();
            if self.grow(&missed) {
                continue;
            }
            check_not_blank(&content, self.delimiter)?;
            let last = self.entries.last().unwrap_or(&self.header);
            let line = last.line + 1 + self.content(last).matches('\n').count();
            self.entries.push(Entry { raw: Raw::Written(content), end: 0..0, line, sort: Sort::Row });
            return Ok((self.entries.len() - 1, missed.into_iter().map(Missed::from).collect()));
        }
    }

    /// Removes a row; false where there is none. A malformed row is never removed.
    pub fn remove(&mut self, index: usize) -> bool {
        match self.entries.get_mut(index) {
            Some(entry) if entry.sort == Sort::Row => {
                entry.sort = Sort::Removed;
                true
            }
            _ => false,
        }
    }

    /// The file. Where its encoding lacks a character, it becomes UTF-8 with a byte order mark.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::with_capacity(self.text.len() + 256);
        text.push_str(&self.text[self.before.clone()]);
        let live: Vec<&Entry> = std::iter::once(&self.header)
            .chain(self.entries.iter().filter(|entry| entry.sort != Sort::Removed))
            .collect();
        for (at, entry) in live.iter().enumerate() {
            text.push_str(self.content(entry));
            if at + 1 < live.len() || self.final_line_end {
                let end = &self.text[entry.end.clone()];
                text.push_str(if end.is_empty() { self.line_end } else { end });
            }
        }
        let (encoding, bom, body) = match self.encoding.encode(&text) {
            Some(body) => (self.encoding, self.bom, body),
            None => (Encoding::Utf8, true, text.into_bytes()),
        };
        if bom { [encoding.mark(), &body].concat() } else { body }
    }

    pub(super) fn codec(&self, guess: Guess) -> Codec<'_> {
        let cell_line_end = if self.line_end == "\r" { "\r" } else { self.profile.cell_line_end };
        Codec { profile: &self.profile, layout: &self.layout, cell_line_end, guess }
    }

    pub(super) fn content<'t>(&'t self, entry: &'t Entry) -> &'t str {
        match &entry.raw {
            Raw::Read(place) => &self.text[place.clone()],
            Raw::Written(content) => content,
        }
    }

    /// True where what is written is quoted whole. A file that another program saved is left in that program's manner,
    /// unless it is in carnet's own words.
    pub(super) fn quotes_rows(&self) -> bool {
        self.quote_always || (self.profile.quote_always && self.profile.exact)
    }

    /// A row with too many cells would be read as a sound one if columns were added.
    fn can_grow(&self) -> bool {
        !self.told.is_overlong
    }

    /// Adds the columns that the missed values need, to the header and to every row; false where none can be.
    fn grow(&mut self, missed: &[super::write::Miss]) -> bool {
        if missed.is_empty() || !self.can_grow() {
            return false;
        }
        let width = self.layout.header.len();
        let names = self.layout.grow(&self.profile, missed);
        if names.is_empty() {
            return false;
        }
        let delimiter = char::from(self.delimiter);
        let added = joined(names.iter().map(String::as_str), self.delimiter, self.quote_always);
        self.header.raw = Raw::Written(format!("{}{delimiter}{added}", self.content(&self.header)));
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            let padding = self.padding(self.content(entry), entry.sort, width, names.len());
            if !padding.is_empty() {
                self.entries[at].raw = Raw::Written(format!("{}{padding}", self.content(entry)));
            }
        }
        true
    }

    /// What a record gets at its end when a table of so many columns gets more of them.
    pub(super) fn padding(&self, content: &str, sort: Sort, width: usize, added: usize) -> String {
        let missing = match sort {
            Sort::Row => width.saturating_sub(cells(content, self.delimiter).len()),
            Sort::Malformed(_) => 0,
            Sort::Blank | Sort::Removed => return String::new(),
        };
        let empty = if self.quote_always { "\"\"" } else { "" };
        format!("{}{empty}", char::from(self.delimiter)).repeat(missing + added)
    }
}

impl Codec<'_> {
    /// The row that these cells are; none for one that says nothing.
    pub fn row(&self, index: usize, line: usize, sort: Sort, cells: Vec<Cell<'_>>) -> Option<Row> {
        let (reading, malformed) = match sort {
            Sort::Blank | Sort::Removed => return None,
            Sort::Malformed(malformed) => (Reading::default(), Some(malformed)),
            Sort::Row => (self.read(&Line::new(cells, self.profile.delimiter, false)), None),
        };
        let Reading { contact, identity, notes, keep, lost, is_name_guessed } = reading;
        let Identity { uid, crm_id } = identity;
        Some(Row { index, line, uid, crm_id, contact, notes, keep, lost, malformed, is_name_guessed })
    }
}

/// The contact's own texts.
fn texts(contact: &mut Contact) -> Vec<&mut String> {
    let Contact {
        civility: _,
        last_name,
        first_name,
        comment,
        job_title,
        job_department,
        country,
        contact_type: _,
        firm_id: _,
        addresses,
        items,
        company,
        extra: _,
    } = contact;
    let mut texts = vec![last_name, first_name, comment, job_title, job_department, country, company];
    texts.extend(items.iter_mut().map(|item| &mut item.value));
    texts.extend(addresses.iter_mut().flat_map(Address::parts_mut));
    texts
}

/// A blank row is skipped when it is read: the contact would seem to be gone.
fn check_not_blank(content: &str, delimiter: u8) -> Result<(), CsvError> {
    let blank = cells(content, delimiter).iter().all(|cell| cell.text.trim().is_empty());
    if blank { Err(CsvError::BlankRow) } else { Ok(()) }
}
