//! A file to import, read record by record: vCard, CSV or JSON lines, recognised by its content. However large it is, no
//! more of it than a portion is in memory.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    told::count,
    values::{once_each, with_values},
};
use crate::{
    contact::{Contact, Field, FieldSet, clean::decode, identity::Identity, is_number},
    formats::{
        csv::{self, Candidates, Filled, NoteSort, Opened, Profile, Recognised},
        foreign::{Foreign, foreign},
        jsonl,
        recognise::{Format, HEAD, recognise},
        vcard::{
            self, Card, WriteStyle,
            split::Kind,
            stream::{Cards, Found},
        },
    },
    replica::{Diagnostic, Problem, RemoteContact},
    sync::{Column, SyncError},
};

/// The file to import: some formats are read more than once, so it can be read again from its start.
pub struct ImportSource {
    /// Its name for messages: a path, or "standard input".
    pub name: String,
    content: Box<dyn Content>,
}

trait Content: Read + Seek {}
impl<T: Read + Seek> Content for T {}

impl ImportSource {
    /// A file by its path. What can be read only once, such as a pipe, is kept in an unnamed file meanwhile.
    ///
    /// # Errors
    /// The system's own.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (name, file) = (path.display().to_string(), File::open(path)?);
        if file.metadata()?.is_file() {
            return Ok(Self { name, content: Box::new(file) });
        }
        Self::kept(name, file)
    }

    /// What can be read only once, kept in an unnamed file that only this user may read.
    ///
    /// # Errors
    /// The system's own.
    pub fn kept(name: impl Into<String>, mut stream: impl Read) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut stream, &mut file)?;
        Ok(Self { name: name.into(), content: Box::new(file) })
    }

    /// What is in memory.
    pub fn of_bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: Box::new(Cursor::new(bytes.into())) }
    }

    fn head(&mut self) -> io::Result<Vec<u8>> {
        self.content.seek(SeekFrom::Start(0))?;
        let mut head = Vec::new();
        self.content.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        self.content.seek(SeekFrom::Start(0))?;
        Ok(head)
    }
}

/// A file that was recognised; its records come one by one.
pub struct Imported {
    /// Its records in their order.
    pub records: Box<dyn Iterator<Item = Record>>,
    /// How the file is read, for a user to check.
    pub recognised: Option<String>,
    /// The columns that hold something; none for files that are no tables.
    pub columns: Vec<Column>,
}

/// A record of a file.
pub enum Record {
    /// A contact; the sighting's remote is its place in the file.
    Contact {
        /// As the file has it.
        record: Box<RemoteContact>,
        /// Cells that were left out.
        refused: Vec<Problem>,
        /// What the card says that no contact holds, and the line that the card begins on.
        left_out: (Vec<&'static str>, usize),
        /// How many cells were put right.
        repaired: u64,
        /// The line of the file, where the order of a whole name's words was all there was to take it apart by.
        guessed: Option<usize>,
    },
    /// It cannot be read, and why.
    Refused(Problem),
    /// A card that describes a group.
    Group,
    /// A card that describes a room, a device or a program.
    Thing,
}

/// How a file is to be read.
#[derive(Debug, Clone, Copy)]
pub enum FormatHint<'p> {
    /// Recognised by its content; tables also by these profiles, beside the built-in ones.
    Recognise(&'p [Profile]),
    /// Cards.
    Vcard,
    /// JSON lines.
    Jsonl,
    /// A table of this profile.
    Csv(&'p Profile),
}

/// Recognises the file. Records that cannot be read are problems; a file that is not recognised is an error.
pub fn read(mut source: ImportSource, format: FormatHint<'_>, style: WriteStyle) -> Result<Imported, SyncError> {
    let name = source.name.clone();
    let failed = |diagnostic: Diagnostic| {
        SyncError::Failed(Diagnostic { message: format!("read {name}: {}", diagnostic.message), ..diagnostic })
    };
    let head = source.head().map_err(|error| failed(Diagnostic::new(error.to_string())))?;
    if let Some(kind) = foreign(&head).filter(|kind| !kind.is_text() || !matches!(format, FormatHint::Csv(_))) {
        return Err(failed(not_contacts(kind)));
    }
    let own = match format {
        FormatHint::Vcard => return Ok(cards(source, style)),
        FormatHint::Jsonl => return Ok(lines(source)),
        FormatHint::Csv(profile) => return rows(source, Candidates::Given(profile)).map_err(failed),
        FormatHint::Recognise(own) => own,
    };
    match recognise(&head) {
        Some(Format::Vcard) => Ok(cards(source, style)),
        Some(Format::Jsonl) => Ok(lines(source)),
        Some(Format::Csv) => rows(source, Candidates::Among(own)).map_err(failed),
        None => {
            let diagnostic = Diagnostic::new("it is neither vCard, nor CSV, nor JSON lines");
            Err(failed(diagnostic.hint("say what it is with --format")))
        }
    }
}

/// What a file is that holds no contacts as it is, and what to do.
fn not_contacts(kind: Foreign) -> Diagnostic {
    let save_as = "open it, save the sheet as CSV (UTF-8), and import that";
    let (is, hint) = match kind {
        Foreign::Empty => ("it is empty", "export the contacts once more, and look whether the file has any"),
        Foreign::Excel => ("it is an Excel workbook", save_as),
        Foreign::OldExcel => ("it is a workbook of an old Excel", save_as),
        Foreign::OpenDocument => ("it is a LibreOffice document", save_as),
        Foreign::Zip => ("it is a zip archive", "unpack it, and import what is in it"),
        Foreign::Gzip => ("it is compressed by gzip", "unpack it on the way: gunzip -c FILE | carnet import -"),
        Foreign::Pdf => ("it is a PDF", "export the contacts as vCard or CSV where the PDF was made"),
        Foreign::Markup => ("it is a web page or another XML file", "export the contacts as vCard or CSV"),
        Foreign::JsonArray => ("it is a JSON array", "give one object a line: jq -c '.[]' FILE | carnet import -"),
        Foreign::Sqlite => ("it is an SQLite database", "export the contacts as vCard or CSV from its program"),
    };
    Diagnostic::new(is).hint(hint)
}

/// A line of more bytes is no contact.
const LINE_MAX: u64 = 16 << 20;

fn lines(source: ImportSource) -> Imported {
    let ImportSource { name, content } = source;
    let mut content = BufReader::new(content);
    let (mut number, mut is_done) = (0, false);
    let read = move || {
        while !is_done {
            number += 1;
            let place = || format!("{name}, line {number}");
            let mut line = Vec::new();
            let diagnostic = match content.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.len() as u64 == LINE_MAX && !line.ends_with(b"\n") => {
                    is_done = true;
                    Diagnostic::new("the line is longer than 16 MiB").hint("what follows it was not read")
                }
                Ok(_) if line.trim_ascii().is_empty() => continue,
                Ok(_) => match jsonl::read(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])) {
                    Ok((contact, identity)) => return Some(without_letters(record(place(), contact, identity))),
                    Err(message) => Diagnostic::new(message),
                },
                Err(error) => {
                    is_done = true;
                    Diagnostic::new(error.to_string())
                }
            };
            return Some(Record::Refused(problem(place(), diagnostic)));
        }
        None
    };
    Imported { records: Box::new(std::iter::from_fn(read)), recognised: None, columns: Vec::new() }
}

fn rows(source: ImportSource, candidates: Candidates<'_>) -> Result<Imported, Diagnostic> {
    let ImportSource { name, content } = source;
    let diagnostic = |error: csv::CsvError| Diagnostic { message: error.to_string(), hint: error.hint() };
    let opened = csv::open(content, candidates).map_err(diagnostic)?;
    let Opened { fields, recognised, filled, .. } = &opened;
    let (fields, recognised) = (*fields, Some(words(recognised, filled)));
    let column = |column: &Filled| Column {
        name: column.name.clone(),
        read_as: column.read_as.clone(),
        rows: column.rows as u64,
    };
    let columns = filled.iter().map(column).collect();
    // carnet's own tables mean each type.
    let is_own = opened.recognised.profile == Profile::carnet().name();
    let records = opened.map(move |row| match row {
        Ok(row) => {
            let mut record = with_values(row_record(&name, fields, row));
            if let Record::Contact { record, .. } = &mut record
                && !is_own
            {
                decode(&mut record.contact);
                once_each(&mut record.contact);
            }
            record
        }
        Err(error) => Record::Refused(problem(name.clone(), diagnostic(error))),
    });
    Ok(Imported { records: Box::new(records), recognised, columns })
}

const NAMES: FieldSet =
    FieldSet::NONE.with(Field::FirstName).with(Field::LastName).with(Field::Civility).with(Field::Company);

/// What a row of a table with these columns says.
fn row_record(name: &str, fields: FieldSet, row: csv::Row) -> Record {
    let place = format!("{name}, line {}", row.line);
    if let Some(flaw) = row.flaw() {
        let hint = match row.malformed {
            Some(malformed) => malformed.hint(),
            None => "empty the cell, or check that the columns are under their names",
        };
        let hint = format!("{hint}; the row was left out");
        return Record::Refused(problem(place, Diagnostic::new(format!("the row {flaw}")).hint(hint)));
    }
    let repaired = row.notes.iter().filter(|note| note.sort == NoteSort::Repaired).count() as u64;
    let lost = row.notes.iter().filter(|note| note.sort != NoteSort::Repaired);
    let refused =
        lost.map(|note| problem(format!("{place}, column {}", note.column), Diagnostic::new(note.message))).collect();
    // A list of which one cell was refused still says what its other cells say: an import adds, it takes nothing away.
    let guessed = row.is_name_guessed.then_some(row.line);
    let fields = fields.less(row.keep.less(row.contact.set_fields()));
    // A whole name may say a first name, a form of address, or that it is a company's.
    let fields = fields.or(row.contact.set_fields().and(NAMES));
    let identity = Identity { uid: row.uid, crm_id: row.crm_id };
    let record = Box::new(RemoteContact { fields, ..record(place, row.contact, identity) });
    Record::Contact { record, refused, left_out: Default::default(), repaired, guessed }
}

/// How a table was read, for a user to check.
fn words(recognised: &Recognised, filled: &[Filled]) -> String {
    let Recognised { profile: _, title, encoding, delimiter, header_line, columns: _ } = recognised;
    let delimiter = if *delimiter == '\t' { "tab".to_owned() } else { format!("\"{delimiter}\"") };
    let mut words =
        format!("read as {title}: {}, delimiter {delimiter}, header on line {header_line}", encoding.name());
    let counted = |column: &Filled| format!("{} ({})", column.name, count(column.rows, "row"));
    let unread: Vec<String> = filled.iter().filter(|column| column.read_as.is_none()).map(counted).collect();
    if !unread.is_empty() {
        words += &format!("; columns that hold something and are not read: {}", unread.join(", "));
    }
    words
}

fn cards(source: ImportSource, style: WriteStyle) -> Imported {
    let ImportSource { name, content } = source;
    let records = Cards::new(content).filter_map(move |piece| {
        let piece = match piece {
            Ok(piece) if piece.kind == Kind::Card => piece,
            Ok(_) => return None,
            Err(error) => return Some(Record::Refused(problem(name.clone(), Diagnostic::new(error.to_string())))),
        };
        Some(match card(&piece, style) {
            Ok(Some(ReadCard { contact, identity, unread, left_out, is_name_guessed })) => {
                let place = format!("{name}, line {}", piece.line);
                let diagnostic = Diagnostic::new("it holds letters where the CRM keeps a number");
                let refused = unread.map(|property| problem(format!("{place}, {property}"), diagnostic));
                let record = Box::new(record(place, contact, identity));
                let left_out = (left_out, piece.line);
                let refused = refused.into_iter().collect();
                let guessed = is_name_guessed.then_some(piece.line);
                with_values(Record::Contact { record, refused, left_out, repaired: 0, guessed })
            }
            Ok(None) if is_thing(&piece) => Record::Thing,
            Ok(None) => Record::Group,
            Err((line, diagnostic)) => Record::Refused(problem(format!("{name}, line {line}"), diagnostic)),
        })
    });
    Imported { records: Box::new(records), recognised: None, columns: Vec::new() }
}

fn is_thing(piece: &Found) -> bool {
    Card::parse(&piece.bytes).is_ok_and(|card| card.is_thing())
}

/// A record, a firm's id that is no number left out of it.
fn without_letters(mut record: RemoteContact) -> Record {
    let mut refused = Vec::new();
    if !is_number(&record.contact.firm_id) {
        let diagnostic = Diagnostic::new("it holds letters where the CRM keeps a number");
        refused.push(problem(format!("{}, {}", record.remote, Field::FirmId.name()), diagnostic));
        record.contact.firm_id.clear();
        record.fields = record.fields.without(Field::FirmId);
    }
    Record::Contact { record: Box::new(record), refused, left_out: Default::default(), repaired: 0, guessed: None }
}

/// What a card says.
struct ReadCard {
    contact: Contact,
    identity: Identity,
    /// The name of a property whose value is not taken.
    unread: Option<&'static str>,
    /// What no contact holds.
    left_out: Vec<&'static str>,
    /// Its name was taken apart by the order of its words.
    is_name_guessed: bool,
}

/// The contact of a card; none for a card that describes a group. Or the line of the file that is wrong, and why.
fn card(piece: &Found, style: WriteStyle) -> Result<Option<ReadCard>, (usize, Diagnostic)> {
    if let Some(flaw) = piece.problem {
        let hint = "end the card with END:VCARD, or export it again from where it came";
        return Err((piece.line, Diagnostic::new(flaw).hint(hint)));
    }
    let card = Card::parse(&piece.bytes).map_err(|error| {
        let hint = error.hint.unwrap_or("export it again from where it came");
        (piece.line + error.line.saturating_sub(1), Diagnostic::new(error.message).hint(hint))
    })?;
    if card.is_group() || card.is_thing() {
        return Ok(None);
    }
    let identity = Identity { uid: card.uid(), crm_id: card.crm_id() };
    let (unread, left_out) = (vcard::unread(&card), vcard::left_out(&card));
    let is_name_guessed = vcard::is_name_guessed(&card);
    Ok(Some(ReadCard {
        contact: vcard::read(&card.in_style(style), None),
        identity,
        unread,
        left_out,
        is_name_guessed,
    }))
}

fn record(place: String, contact: Contact, identity: Identity) -> RemoteContact {
    RemoteContact {
        remote: place,
        revision: String::new(),
        uid: identity.uid,
        crm_id: identity.crm_id,
        contact,
        fields: FieldSet::ALL,
        detail: None,
        source: None,
        edited: None,
    }
}

fn problem(place: String, diagnostic: Diagnostic) -> Problem {
    Problem { place, message: diagnostic.message, hint: diagnostic.hint, remote: None }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::{Environment, Settings, dialect},
        contact::Field,
    };

    #[test]
    fn a_persons_own_profile_is_recognised_like_a_built_in_one() {
        check(
            "Kunde;Rufnummer\nDurand;01 99 00 32 01\n",
            Some("read as garage: utf-8, delimiter \";\", header on line 1"),
            &[("file, line 2", "Durand")],
            &[],
        );
        let named = |word: &str| dialect::named(word, &settings().csv);
        let garage = named("garage").unwrap();
        let text = source("Kunde;Rufnummer\nDurand;1\n");
        assert!(read(text, FormatHint::Csv(&garage), WriteStyle::default()).is_ok());
        let wrong = named("garag").unwrap_err();
        assert!(wrong.hint.contains("did you mean \"garage\"?"), "{}", wrong.message);
    }

    fn source(text: &str) -> ImportSource {
        ImportSource::of_bytes("file", text)
    }

    fn settings() -> Settings {
        let text = "[crm]\nurl = \"sandbox\"\n[csv.garage]\ncolumns = [\n\
                    { header = \"Kunde\", field = \"last_name\" }, { header = \"Rufnummer\", field = \"professional_phone\" }]";
        Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&|_| None)).unwrap()
    }

    fn check(text: &str, notice: Option<&str>, expected: &[(&str, &str)], problems: &[(&str, &str)]) {
        let Imported { records, mut recognised, .. } =
            read(source(text), FormatHint::Recognise(&settings().csv), WriteStyle::default()).unwrap();
        let (mut read, mut met, mut groups) = (Vec::new(), Vec::new(), 0);
        for record in records {
            match record {
                Record::Contact { record, refused, .. } => {
                    met.extend(refused);
                    read.push((record.remote, record.contact.last_name));
                }
                Record::Refused(problem) => met.push(problem),
                Record::Group | Record::Thing => groups += 1,
            }
        }
        if groups > 0 {
            recognised = Some(crate::transfer::import::told::groups_left(groups));
        }
        let read: Vec<(&str, &str)> = read.iter().map(|(place, name)| (place.as_str(), name.as_str())).collect();
        let met: Vec<(&str, &str)> =
            met.iter().map(|problem| (problem.place.as_str(), problem.message.as_str())).collect();
        assert_eq!((recognised.as_deref(), read.as_slice(), met.as_slice()), (notice, expected, problems));
    }

    #[test]
    fn columns_that_are_not_read_are_told_with_their_rows() {
        check(
            "Nom;Prénom;E-mail;Taille;Pointure;Vide\nDurand;Marie;m@example.com;170;38;\nPetit;Luc;;180;;\nx;y\n",
            Some(
                "read as Excel (French): utf-8, delimiter \";\", header on line 1; \
                 columns that hold something and are not read: Taille (2 rows), Pointure (1 row)",
            ),
            &[("file, line 2", "Durand"), ("file, line 3", "Petit")],
            &[("file, line 4", "the row has 2 cells, the header 6")],
        );
    }

    #[test]
    fn groups_are_counted_and_broken_cards_are_told_with_their_line() {
        let card = |more: &str| format!("BEGIN:VCARD\nVERSION:3.0\nFN:Luc\nN:Petit;Luc;;;\n{more}END:VCARD\n");
        check(&card(""), None, &[("file, line 1", "Petit")], &[]);
        check(
            &format!("{}{}BEGIN:VCARD\nFN:x\n{}", card("KIND:group\n"), card(""), card("")),
            Some("read as vCard; 1 group card left alone"),
            &[("file, line 7", "Petit"), ("file, line 14", "Petit")],
            &[("file, line 12", "card has no END:VCARD")],
        );
    }

    #[test]
    fn a_row_says_nothing_about_what_it_has_no_sound_cell_for() {
        let fields = |text: &str| {
            let Some(Record::Contact { record, .. }) =
                read(source(text), FormatHint::Recognise(&[]), WriteStyle::default()).unwrap().records.last()
            else {
                panic!("a row")
            };
            [Field::Civility, Field::Comment, Field::Items].map(|field| record.fields.contains(field))
        };
        assert_eq!(fields("Civilité;Nom;Téléphone\nMme;Durand;01 23 45 67 89\n"), [true, false, true]);
        assert_eq!(fields("Civilité;Nom;Téléphone\nPapesse;Durand;3,36E+10\n"), [false, false, false]);
        // The e-mail address is told although the number is lost.
        assert_eq!(fields("Nom;Téléphone;E-mail\nDurand;3,36E+10;d@example.com\n"), [false, false, true]);
    }
}
