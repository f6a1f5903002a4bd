//! A CSV file edited in bounded memory: a table that holds only the rows to be changed, and a copy of the file, record by
//! record, in which they stand as they are now.
//!
//! What [`Table`] promises of a whole file in memory holds here too: both are the same code, and a table of all rows is
//! one whose every record was taken up.

use std::{
    collections::HashMap,
    io::{self, Read, Seek, SeekFrom, Write},
};

use super::{
    charset::Encoding,
    codec::{self, Guess},
    conversions::CellPlace,
    error::CsvError,
    layout::Layout,
    look::{Look, Looked, Rows, look_through},
    records::cells,
    shape::Sort,
    sniff::{Candidates, Found},
    stream::{Line, Lines},
    table::{Entry, Raw, Row, Table, Told},
};
use crate::contact::identity::Identity;

/// A record of a file as it stands there, blank ones included.
#[derive(Debug, Clone)]
pub struct Record {
    line: Line,
    sort: Sort,
}

/// The records of a file behind its header, in order. Ends after an error.
pub struct Records<R>(Rows<R>);

impl<R: Read> Iterator for Records<R> {
    type Item = Result<Record, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|(line, sort)| {
            let sort = sort.unwrap_or_else(|| self.0.sort(&cells(&line.content, self.0.delimiter)));
            Record { line, sort }
        }))
    }
}

impl Table {
    /// How a file is read, by the profile given or by the one that fits best: a table that holds none of its rows yet.
    ///
    /// # Errors
    /// As [`Table::parse`]; also when the file cannot be read.
    pub fn frame<'p>(source: &mut (impl Read + Seek), profile: impl Into<Candidates<'p>>) -> Result<Table, CsvError> {
        let Looked { found, behind_mark, before, look } = look_through(source, profile.into())?;
        let layout = Layout::new(found.profile, look.names.clone(), &|column| look.civilities(column));
        let Look { header, line_end, quote_always, has_final_line_end, .. } = look;
        let told = Told {
            width: look.names.len(),
            sampled: look.sampled,
            is_overlong: look.is_overlong,
            is_malformed: look.is_malformed,
            questioned: look.questioned,
        };
        let mut table = Table {
            profile: found.profile.clone(),
            layout,
            encoding: found.encoding,
            bom: behind_mark > 0,
            delimiter: found.delimiter,
            is_newline: found.is_newline,
            line_end,
            quote_always,
            final_line_end: has_final_line_end,
            before: 0..before.len(),
            text: before,
            header: Entry { raw: Raw::Read(0..0), end: 0..0, line: header.line, sort: Sort::Row },
            entries: Vec::new(),
            told,
        };
        table.header = table.keep(Record { line: header, sort: Sort::Row });
        Ok(table)
    }

    /// The records of the file that this is the frame of.
    ///
    /// # Errors
    /// It cannot be read, or is another file by now.
    pub fn records<R: Read + Seek>(&self, mut source: R) -> Result<Records<R>, CsvError> {
        let behind_mark = if self.bom { self.encoding.mark().len() } else { 0 };
        source.seek(SeekFrom::Start(behind_mark as u64)).map_err(CsvError::Unreadable)?;
        self.records_behind_mark(source)
    }

    /// The text of a cell of the file that this is the frame of: a place as a spreadsheet that opened it counts.
    pub fn cell<R: Read + Seek>(&self, source: R, CellPlace { column, row }: CellPlace) -> Option<String> {
        let text = |content: &str| cells(content, self.delimiter).get(column - 1).map(|cell| cell.text.to_string());
        let Some(behind_header) = row.checked_sub(self.header.line + 1) else {
            return text(self.content(&self.header)).filter(|_| row == self.header.line);
        };
        let record = self.records(source).ok()?.nth(behind_header)?.ok()?;
        text(&record.line.content)
    }

    fn records_behind_mark<R: Read>(&self, source: R) -> Result<Records<R>, CsvError> {
        let found = Found {
            encoding: self.encoding,
            delimiter: self.delimiter,
            is_newline: self.is_newline,
            header: self.before.end..self.before.end,
            header_line: self.header.line,
            profile: &self.profile,
        };
        let (_, rows) = Rows::behind_header(Lines::new(source, &found), self.delimiter)?;
        Ok(Records(rows))
    }

    /// What a record says; none for a blank one. `index` becomes the row's.
    pub fn read(&self, index: usize, record: &Record) -> Option<Row> {
        let Record { line: Line { content, line, .. }, sort } = record;
        self.codec(Guess::Fixed).row(index, *line, *sort, cells(content, self.delimiter))
    }

    /// The marks of a record, its UID and its id in the CRM, without the rest of it.
    pub fn identity(&self, record: &Record) -> Identity {
        let cells = cells(&record.line.content, self.delimiter);
        self.codec(Guess::Fixed).read_identity(&codec::Line::new(cells, self.delimiter, false))
    }

    /// A row as it stands in `edited`, read as this table reads it.
    pub fn reread(&self, edited: &Table, index: usize) -> Option<Row> {
        let entry = edited.entries.get(index)?;
        let cells = cells(edited.content(entry), self.delimiter);
        self.codec(Guess::Fixed).row(index, entry.line, entry.sort, cells)
    }

    /// The same without the rows that it holds, if a copy of the file is surely read like the file: its columns and its
    /// encoding stayed, and so did the rows that tell what the columns hold. `taken` are the changed records' numbers.
    pub fn kept_frame(&self, taken: impl IntoIterator<Item = usize>) -> Option<Table> {
        let is_grown = self.layout.header.len() != self.told.width;
        let sampled = self.told.sampled.filter(|_| !is_grown && self.encoding == Encoding::Utf8)?;
        let (start, end) = (self.before.end, self.header.end.end);
        let stays = matches!(&self.header.raw, Raw::Read(place) if place.start == start);
        (stays && taken.into_iter().all(|number| number >= sampled)).then(|| {
            let (text, entries) = (self.text[..end].to_owned(), Vec::new());
            Table {
                text,
                entries,
                profile: self.profile.clone(),
                layout: self.layout.clone(),
                told: self.told.clone(),
                before: self.before.clone(),
                header: self.header.clone(),
                ..*self
            }
        })
    }

    /// Takes up a record of the file, to be changed or removed; its index from then on.
    pub fn take_up(&mut self, record: Record) -> usize {
        let entry = self.keep(record);
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// How many rows it holds, removed ones included.
    pub fn held(&self) -> usize {
        self.entries.len()
    }

    /// True where a row of the file is not read.
    pub fn has_malformed_rows(&self) -> bool {
        self.told.is_malformed
    }

    /// True when this reads every record as `other` does.
    pub fn reads_like(&self, other: &Table) -> bool {
        let shape = |table: &Table| (table.encoding, table.bom, table.delimiter, table.is_newline, table.line_end);
        shape(self) == shape(other)
            && self.layout.header == other.layout.header
            && self.layout.read_as == other.layout.read_as
            && self.profile.name() == other.profile.name()
    }

    fn keep(&mut self, Record { line: Line { content, end, line }, sort }: Record) -> Entry {
        let start = self.text.len();
        self.text.push_str(&content);
        let behind = self.text.len();
        self.text.push_str(end);
        Entry { raw: Raw::Read(start..behind), end: behind..self.text.len(), line, sort }
    }

    /// Copies the file, with the rows that were taken up as they stand now: `taken` says which records they are, by
    /// number, and under which index. Rows that were added come last. Where the encoding lacks a character, the copy is
    /// UTF-8 with a byte order mark.
    ///
    /// # Errors
    /// The file cannot be read or the copy not written.
    pub fn copy(
        &self,
        source: Option<impl Read>,
        taken: &HashMap<usize, usize>,
        out: &mut impl Write,
    ) -> Result<(), CsvError> {
        let (encoding, bom) = self.encoding_of_copy();
        let mut copy = Copy { out, encoding, line_end: self.line_end, pending: None };
        if bom {
            copy.out.write_all(encoding.mark())?;
        }
        copy.write(&self.text[self.before.clone()])?;
        copy.record(self.content(&self.header), &self.text[self.header.end.clone()])?;
        if let Some(mut source) = source {
            let behind_mark = if self.bom { self.encoding.mark().len() } else { 0 };
            let skipped = source.by_ref().take(behind_mark as u64);
            io::copy(&mut { skipped }, &mut io::sink()).map_err(CsvError::Unreadable)?;
            let added = self.layout.header.len() - self.told.width;
            let Records(mut rows) = self.records_behind_mark(source)?;
            for number in 0.. {
                let Some(row) = rows.next() else { break };
                // What a row is, is asked of few: it takes a look at each of its cells.
                let (Line { content, end, .. }, sort) = row?;
                match taken.get(&number).map(|index| &self.entries[*index]) {
                    Some(entry) => copy.entry(self, entry)?,
                    None if added == 0 => copy.record(&content, end)?,
                    None => {
                        let sort = sort.unwrap_or_else(|| rows.sort(&cells(&content, self.delimiter)));
                        let padding = self.padding(&content, sort, self.told.width, added);
                        copy.record(&format!("{content}{padding}"), end)?;
                    }
                }
            }
        }
        for entry in &self.entries[taken.len()..] {
            copy.entry(self, entry)?;
        }
        copy.end(self.final_line_end)
    }

    /// A character that the file's encoding does not have turns the whole file into UTF-8.
    fn encoding_of_copy(&self) -> (Encoding, bool) {
        let is_lacking = |text: &str| self.encoding.encode(text).is_none();
        let live = self.entries.iter().filter(|entry| entry.sort != Sort::Removed);
        let is_plain = matches!(self.encoding, Encoding::Utf8);
        if !is_plain && live.chain([&self.header]).any(|entry| is_lacking(self.content(entry))) {
            return (Encoding::Utf8, true);
        }
        (self.encoding, self.bom)
    }
}

/// A copy of a file in the making.
struct Copy<'o, W> {
    out: &'o mut W,
    encoding: Encoding,
    line_end: &'static str,
    /// The line end of the last record: whether it is written is known once another one follows, or none does.
    pending: Option<String>,
}

impl<W: Write> Copy<'_, W> {
    fn entry(&mut self, table: &Table, entry: &Entry) -> Result<(), CsvError> {
        if entry.sort == Sort::Removed {
            return Ok(());
        }
        self.record(table.content(entry), &table.text[entry.end.clone()])
    }

    fn record(&mut self, content: &str, end: &str) -> Result<(), CsvError> {
        if let Some(pending) = self.pending.take() {
            self.write(&pending)?;
        }
        self.write(content)?;
        self.pending = Some(if end.is_empty() { self.line_end } else { end }.to_owned());
        Ok(())
    }

    fn end(mut self, with_line_end: bool) -> Result<(), CsvError> {
        match self.pending.take().filter(|_| with_line_end) {
            Some(pending) => self.write(&pending),
            None => Ok(()),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), CsvError> {
        match self.encoding {
            Encoding::Utf8 => self.out.write_all(text.as_bytes())?,
            // Each text was looked at before, or came from this encoding.
            other => self.out.write_all(&other.encode(text).unwrap_or_default())?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{
        contact::{Contact, Item, ItemType},
        formats::csv::Profile,
    };

    fn person(number: usize) -> Contact {
        let phone = Item::new(ItemType::ProfessionalPhone, format!("+33 1 23 45 67 {number:02}"));
        let (last_name, comment) = (format!("Béranger {number}"), "one\ntwo; three, \"four\"".into());
        Contact { last_name, first_name: "Élodie".into(), comment, items: vec![phone], ..Contact::default() }
    }

    fn identity(number: usize) -> Identity {
        Identity { uid: Some(format!("u{number}")), crm_id: Some(format!("{}", 800 + number)) }
    }

    fn copied(table: &Table, bytes: &[u8], taken: &HashMap<usize, usize>) -> Vec<u8> {
        let mut out = Vec::new();
        table.copy(Some(Cursor::new(bytes)), taken, &mut out).unwrap();
        out
    }

    /// The same edits of the whole table and of one that holds only the rows that they change.
    fn check(bytes: &[u8], edit: impl Fn(&mut Contact)) {
        let mut whole = Table::parse(bytes, None).unwrap();
        let mut part = Table::frame(&mut Cursor::new(bytes), None).unwrap();
        assert_eq!(copied(&part, bytes, &HashMap::new()), bytes, "{}", String::from_utf8_lossy(bytes));
        let records: Vec<Record> = part.records(Cursor::new(bytes)).unwrap().map(Result::unwrap).collect();
        let taken: HashMap<usize, usize> =
            [2, 0].into_iter().map(|number: usize| (number, part.take_up(records[number].clone()))).collect();
        for (table, changed, removed) in [(&mut whole, 2, 0), (&mut part, taken[&2], taken[&0])] {
            let from = table.row(changed).unwrap().contact;
            let mut to = from.clone();
            edit(&mut to);
            table.update(changed, &from, &to, &identity(2)).unwrap();
            assert!(table.remove(removed));
            table.push(&person(9), &identity(9)).unwrap();
        }
        let expected = whole.to_bytes();
        let found = copied(&part, bytes, &taken);
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_copy_is_what_the_whole_table_would_be() {
        for profile in Profile::all().iter().filter(|profile| profile.exports()) {
            let mut table = Table::new(profile);
            (0..4).for_each(|number| drop(table.push(&person(number), &identity(number)).unwrap()));
            let bytes = table.to_bytes();
            for bytes in [&bytes[..], bytes.trim_ascii_end()] {
                if Table::parse(bytes, None).is_ok_and(|table| table.profile().name() == profile.name()) {
                    check(bytes, |_| {});
                    check(bytes, |contact| contact.last_name = "Łukasz".into());
                    let phone = || Item::new(ItemType::ProfessionalPhone, "+33 9 00 00 00 00");
                    check(bytes, |contact| contact.items.extend([phone(), phone()]));
                }
            }
        }
    }
}
