//! The sheets in `tests/csv`: each is read, edited and written, and compared with what stands beside it.
//!
//! `NAME.read.txt` says how `NAME.csv` must be read, row by row, and which cells a person is told about;
//! `NAME.edited.csv` is the file after the edits that `edits.txt` names, byte for byte; `exports/` holds the same few
//! people in every dialect that is written. `CARNET_REWRITE=1 cargo test --test all sheets` writes them anew, for
//! review: what a program made of a file is no proof that it is right.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use carnet::{
    contact::{Address, AddressType, Contact, Field, Item, ItemType, identity::Identity},
    formats::csv::{self, CsvError, Filled, Note, NoteSort, Profile, Row, Table, Widths},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/csv")
}

/// The sheets, by name; what the tests wrote is not among them.
fn sheets() -> Vec<PathBuf> {
    let mut sheets: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder of sheets")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .filter(|path| !path.to_string_lossy().ends_with(".edited.csv"))
        .collect();
    sheets.sort();
    assert!(sheets.len() >= 40, "the sheets were not found");
    sheets
}

/// The profile in a file of this name beside the sheet, for one that no built-in profile describes.
fn own_profile(sheet: &Path) -> Option<Profile> {
    let text = fs::read_to_string(sheet.with_extension("toml")).ok()?;
    Some(Profile::from_toml(&text).expect("a profile"))
}

/// Compares with a golden file, or writes it.
fn golden(path: &Path, now: &[u8], wrong: &mut Vec<String>) {
    if std::env::var_os("CARNET_REWRITE").is_some() {
        fs::write(path, now).expect("a golden file can be written");
        return;
    }
    let then = fs::read(path).unwrap_or_default();
    if then != now {
        let (then, now) = (String::from_utf8_lossy(&then), String::from_utf8_lossy(now));
        let at = then.lines().zip(now.lines()).position(|(then, now)| then != now);
        let at = at.unwrap_or_else(|| then.lines().count().min(now.lines().count()));
        let line = |text: &str| text.lines().nth(at).unwrap_or("(nothing)").to_owned();
        wrong.push(format!("{}, line {}:\n  was {}\n  is  {}", path.display(), at + 1, line(&then), line(&now)));
    }
}

#[test]
fn every_sheet_is_read_and_edited_as_it_says_beside_it() {
    let edits = edits();
    let mut wrong = Vec::new();
    for sheet in sheets() {
        let name = sheet.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&sheet).expect("a sheet");
        let profile = own_profile(&sheet);
        let mut told = read_as(&bytes, profile.as_ref());
        if let Ok(mut table) = Table::parse(&bytes, profile.as_ref()) {
            assert_eq!(table.to_bytes(), bytes, "{name}: reading and writing changes nothing");
            let edits = edits.get(&name).unwrap_or_else(|| panic!("edits.txt has no edit for {name}"));
            edits.iter().for_each(|edit| edit.make(&name, &mut table));
            let edited = table.to_bytes();
            told += "edited:\n";
            let gone: Vec<usize> =
                edits.iter().filter(|edit| edit.field.is_none()).filter_map(|edit| edit.line).collect();
            told += &differences(&bytes, &edited, &table, &gone);
            golden(&sheet.with_extension("edited.csv"), &edited, &mut wrong);
        }
        golden(&sheet.with_extension("read.txt"), told.as_bytes(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How an import reads a file, for a person to compare with the file itself.
fn read_as(bytes: &[u8], profile: Option<&Profile>) -> String {
    let import = match csv::import(bytes, profile) {
        Ok(import) => import,
        Err(error) => return failure(&error),
    };
    let recognised = &import.recognised;
    let mut out = format!(
        "{} ({}), {}, delimiter {:?}, header on line {}\n",
        recognised.profile,
        recognised.title,
        recognised.encoding.name(),
        recognised.delimiter,
        recognised.header_line
    );
    for Filled { name, rows, .. } in import.filled.iter().filter(|filled| filled.read_as.is_none()) {
        let _ = writeln!(out, "not read: {name} (in {rows})");
    }
    for row in &import.rows {
        let _ = writeln!(out, "line {}", row.line);
        describe(row, &mut out);
    }
    for row in &import.rows {
        for Note { column, sort, message } in &row.notes {
            let sort = if *sort == NoteSort::Repaired { "repaired" } else { "refused" };
            let _ = writeln!(out, "problem: line {}, column {column}: {sort}: {message}", row.line);
        }
        if let Some(malformed) = row.malformed {
            let _ = writeln!(out, "problem: line {}: {malformed}", row.line);
        }
    }
    out
}

fn failure(error: &CsvError) -> String {
    let hint = error.hint().map_or_else(String::new, |hint| format!("hint: {hint}\n"));
    format!("failed to read it: {error}\n{hint}")
}

fn describe(row: &Row, out: &mut String) {
    let contact = &row.contact;
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name} = {}", value.replace('\r', "\\r").replace('\n', "\\n"));
    };
    row.crm_id.iter().for_each(|id| say("id", id));
    row.uid.iter().for_each(|uid| say("uid", uid));
    for field in Field::ALL.into_iter().filter(|field| !field.is_list()) {
        let value = contact.scalar(field);
        if !value.is_empty() {
            say(field.name(), &value);
        }
    }
    for Item { item_type, value } in &contact.items {
        say(item_type.word(), value);
    }
    for Address { address_type, street_address, street_address2, zip_code, city, country } in &contact.addresses {
        let parts = [street_address, street_address2, zip_code, city, country].map(String::as_str);
        say(&format!("{} address", address_type.word()), &parts.join(" | "));
    }
}

/// One line of `edits.txt`: `SHEET: LINE FIELD = VALUE`, `SHEET: LINE remove`, or `SHEET: add FIELD = VALUE`.
struct Edit {
    /// The physical line of the row; none for a new one.
    line: Option<usize>,
    /// None to remove the row.
    field: Option<(String, String)>,
}

fn edits() -> BTreeMap<String, Vec<Edit>> {
    let text = fs::read_to_string(folder().join("edits.txt")).expect("edits.txt");
    let mut edits: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (sheet, rest) = line.split_once(": ").unwrap_or_else(|| panic!("no sheet: {line}"));
        let (place, what) = rest.split_once(' ').unwrap_or_else(|| panic!("no edit: {line}"));
        let field = what.split_once('=').map(|(field, value)| (field.trim().to_owned(), value.trim().to_owned()));
        assert!(field.is_some() || what == "remove", "{line}");
        edits.entry(sheet.to_owned()).or_default().push(Edit { line: place.parse().ok(), field });
    }
    edits
}

impl Edit {
    fn make(&self, name: &str, table: &mut Table) {
        let nobody = Identity::default();
        let Some(line) = self.line else {
            let (field, value) = self.field.as_ref().expect("a value of the new row");
            let mut contact = Contact::default();
            set(&mut contact, field, value);
            let missed = table.push(&contact, &nobody).expect("a new row").1;
            assert!(missed.is_empty(), "{name}: {missed:?}");
            return;
        };
        let row = table.rows().find(|row| row.line == line).unwrap_or_else(|| panic!("{name}: no row on line {line}"));
        let Some((field, value)) = &self.field else {
            assert!(table.remove(row.index));
            return;
        };
        let mut to = row.contact.clone();
        set(&mut to, field, value);
        let missed =
            table.update(row.index, &row.contact, &to, &nobody).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(missed.is_empty(), "{name}: {field}: {missed:?}");
    }
}

/// Sets a scalar, the first item of a type (`+` before the word adds one, no value takes it away), or an address part.
fn set(contact: &mut Contact, field: &str, value: &str) {
    if let Some(scalar) = Field::from_name(field).filter(|field| !field.is_list()) {
        return contact.set_scalar(scalar, value);
    }
    let (word, add) = field.strip_prefix('+').map_or((field, false), |word| (word, true));
    if let Some(item_type) = ItemType::LISTED.iter().find(|of| of.word() == word) {
        let held = contact.items.iter().position(|item| item.item_type == *item_type).filter(|_| !add);
        match (held, value) {
            (Some(at), "") => drop(contact.items.remove(at)),
            (Some(at), value) => contact.items[at].value = value.to_owned(),
            (None, value) => contact.items.push(Item::new(item_type.clone(), value)),
        }
        return;
    }
    let (of, part) = field.split_once(' ').unwrap_or_else(|| panic!("unknown field {field}"));
    let of = AddressType::LISTED.iter().find(|listed| listed.word() == of).expect("an address type");
    let held = contact.addresses.iter().position(|address| address.address_type == *of);
    let at = held.unwrap_or_else(|| {
        contact.addresses.push(Address::new(of.clone()));
        contact.addresses.len() - 1
    });
    match part {
        "city" => contact.addresses[at].city = value.to_owned(),
        "zip_code" => contact.addresses[at].zip_code = value.to_owned(),
        "street" => contact.addresses[at].street_address = value.to_owned(),
        other => panic!("unknown part {other}"),
    }
}

/// A record as another reader sees it.
struct Record {
    /// The physical line that it begins on.
    line: usize,
    /// Its text, white space around it cut.
    raw: String,
    cells: Vec<String>,
}

/// What stands before the header, and the records of a file by the csv crate alone.
fn records(bytes: &[u8], table: &Table) -> (String, Vec<Record>) {
    let recognised = table.recognised();
    let encoding = encoding_rs::Encoding::for_label(recognised.encoding.name().as_bytes()).expect("a known encoding");
    let text = encoding.decode(bytes).0.into_owned();
    let body: String = text.split_inclusive(line_end(&text)).skip(recognised.header_line - 1).collect();
    let before = text.strip_suffix(&body).expect("the end of it").to_owned();
    let delimiter = u8::try_from(recognised.delimiter).expect("an ASCII delimiter");
    let mut reader =
        ::csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(body.as_bytes());
    let mut records = Vec::new();
    let mut record = ::csv::StringRecord::new();
    let mut start = 0;
    while reader.read_record(&mut record).expect("a record") {
        let end = usize::try_from(reader.position().byte()).expect("a place in memory");
        let blank = body[start..end].len() - body[start..end].trim_start().len();
        let line = recognised.header_line + body[..start + blank].matches(line_end(&body)).count();
        let cells = record.iter().map(str::to_owned).collect();
        records.push(Record { line, raw: body[start..end].trim().to_owned(), cells });
        start = end;
    }
    (before, records)
}

fn line_end(text: &str) -> char {
    if text.contains('\n') { '\n' } else { '\r' }
}

/// The cells in which two files differ, given the lines of the rows that were to go. Rows without such a cell, and all
/// that stands before the header, must be the same to the byte.
fn differences(before: &[u8], after: &[u8], table: &Table, gone: &[usize]) -> String {
    let ((remark, then), (remark_now, now)) = (records(before, table), records(after, table));
    assert_eq!(remark, remark_now);
    let mut out = String::new();
    let (header, header_now) = (&then[0].cells, &now[0].cells);
    assert_eq!(header[..], header_now[..header.len()]);
    for name in &header_now[header.len()..] {
        let _ = writeln!(out, "  new column {name}");
    }
    let mut rest = now[1..].iter();
    for Record { line, raw, cells } in &then[1..] {
        if gone.contains(line) {
            let _ = writeln!(out, "  line {line} is gone");
            continue;
        }
        let row = rest.next().unwrap_or_else(|| panic!("the row of line {line} is missing"));
        let cell = |cells: &[String], at: usize| cells.get(at).cloned().unwrap_or_default();
        let width = cells.len().max(row.cells.len());
        let changed: Vec<usize> = (0..width).filter(|at| cell(cells, *at) != cell(&row.cells, *at)).collect();
        if changed.is_empty() && header.len() == header_now.len() {
            assert_eq!(*raw, row.raw, "a row without a change has other bytes");
        }
        for at in changed {
            let name = header_now.get(at).map_or("(none)", String::as_str);
            let _ = writeln!(out, "  line {line}, {name}: {:?} -> {:?}", cell(cells, at), cell(&row.cells, at));
        }
    }
    for Record { raw, .. } in rest {
        let _ = writeln!(out, "  new row {raw:?}");
    }
    out
}

/// A few people who hold something of everything.
fn people() -> Vec<(Contact, Identity)> {
    let bytes = fs::read(folder().join("people.jsonl")).expect("people.jsonl");
    let text = String::from_utf8(bytes).expect("a text");
    text.lines().map(|line| carnet::formats::jsonl::read(line).expect("a person")).collect()
}

#[test]
fn every_dialect_that_is_written_is_written_as_it_stands_in_the_folder() {
    let people = people();
    let mut wrong = Vec::new();
    for profile in Profile::all().iter().filter(|profile| profile.exports()) {
        let mut widths = Widths::new(profile);
        people.iter().for_each(|(contact, _)| widths.measure(contact));
        let mut bytes = Vec::new();
        let exported = csv::export(people.clone(), &widths, &mut bytes).expect("an export");
        golden(&folder().join(format!("exports/{}.csv", profile.name())), &bytes, &mut wrong);
        let mut told = read_as(&bytes, None);
        for (what, times) in &exported.missed {
            let _ = writeln!(told, "no column: {what} ({times})");
        }
        golden(&folder().join(format!("exports/{}.read.txt", profile.name())), told.as_bytes(), &mut wrong);
        assert!(told.starts_with(&format!("{} ", profile.name())), "an export is known by its own header: {told}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_own_dialect_gives_back_all_that_a_sheet_can_hold() {
    let bytes = fs::read(folder().join("exports/carnet.csv")).expect("the export");
    // A sheet's columns have an order of their own.
    let in_order = |(mut contact, identity): (Contact, Identity)| {
        contact.items.sort_by(|a, b| a.item_type.word().cmp(b.item_type.word()));
        contact.addresses.sort_by(|a, b| a.address_type.word().cmp(b.address_type.word()));
        (contact, identity)
    };
    let rows: Vec<(Contact, Identity)> = csv::import(&bytes, None)
        .expect("our own file")
        .rows
        .into_iter()
        .map(|row| (row.contact, Identity { uid: row.uid, crm_id: row.crm_id }))
        .map(in_order)
        .collect();
    assert_eq!(rows, people().into_iter().map(in_order).collect::<Vec<_>>());
}
