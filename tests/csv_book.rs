//! A sheet as a two-way book: what a spreadsheet does to a file that nobody edited, and what people do to it.

mod programs;

use std::{fs, path::PathBuf};

use carnet::{
    app::{self, ImportOptions},
    config::{Environment, Settings},
    contact::{Contact, Item, ItemType},
    mirror::{Mirror, Search},
    sandbox::{Sandbox, SandboxSettings},
    sync::{Mode, RunOptions, Stop, Summary, SyncEvent, events::Change},
    transfer::ImportSource,
};

/// A practice CRM over HTTP, a mirror, and one sheet.
struct Office {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
    settings: Settings,
}

impl Office {
    async fn new(contacts: u32, dialect: &str) -> Office {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SandboxSettings { contacts, ..SandboxSettings::default() };
        let sandbox = Sandbox::start(settings).await.expect("a practice CRM");
        let text = format!(
            "[crm]\nurl = \"{}\"\nusername = \"demo\"\nconfirm_after = \"0s\"\nfirms = \"off\"\n[mirror]\npath = \"carnet.db\"\n\
             [[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"sheet.csv\"\n{dialect}\n",
            sandbox.url()
        );
        let password = |name: &str| (name == "CARNET_CRM_PASSWORD").then(|| "demo".to_owned());
        let mut settings = Settings::parse(&folder.path().join("carnet.toml"), &text, Environment::from_fn(&password))
            .expect("settings");
        settings.crm.password.given = Some("demo".into());
        Office { folder, sandbox, settings }
    }

    fn sheet(&self) -> PathBuf {
        self.folder.path().join("sheet.csv")
    }

    fn read(&self) -> String {
        String::from_utf8(fs::read(self.sheet()).expect("the sheet")).expect("UTF-8")
    }

    fn write(&self, text: &str) {
        fs::write(self.sheet(), text).expect("the sheet");
    }

    async fn run(&self, dry_run: bool) -> (Summary, Vec<String>) {
        let options = RunOptions {
            mode: Mode::Sync,
            only: Vec::new(),
            dry_run,
            max_delete: None,
            force: false,
            trigger: "test".to_owned(),
        };
        let mut told = Vec::new();
        let mut events = |event: SyncEvent| match event {
            SyncEvent::Change(Change { place, action, contact, .. }) => {
                told.push(format!("{place} {action:?} {}", contact.name));
            }
            SyncEvent::Problem { problem, .. } => told.push(format!("{}: {}", problem.place, problem.message)),
            SyncEvent::Failed { message, .. } | SyncEvent::Notice { message, .. } => told.push(message),
            _ => {}
        };
        let summary = app::run(&self.settings, &options, &Stop::new(), &mut events).await.expect("a run");
        (summary, told)
    }

    /// A run that must change nothing, anywhere.
    async fn rests(&self, why: &str) {
        let before = fs::read(self.sheet()).expect("the sheet");
        let (summary, told) = self.run(false).await;
        assert!(summary.nothing_changed() && summary.exit_code() == 0, "{why}: {told:#?}");
        let writes = ["PUT", "POST", "DELETE"].map(|verb| summary.requests.get(verb).copied().unwrap_or(0));
        assert_eq!(writes, [0, 0, 0], "{why}");
        assert_eq!(fs::read(self.sheet()).expect("the sheet"), before, "{why}: the file is left as it is");
    }

    fn contacts(&self) -> Vec<Contact> {
        let mirror = Mirror::open_read_only(&self.settings.mirror.path).expect("the mirror");
        let mut contacts = Vec::new();
        let mut take = |stored: carnet::mirror::Stored| {
            contacts.push(stored.contact);
            Ok(())
        };
        mirror.for_each_contact(&Search::default(), &mut take).expect("the contacts");
        contacts
    }
}

/// The cells of a sheet.
fn cells(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    reader.records().map(|record| record.expect("a row").iter().map(str::to_owned).collect()).collect()
}

/// Cells as a sheet.
fn text(rows: &[Vec<String>], delimiter: u8, style: csv::QuoteStyle, crlf: bool) -> String {
    let end = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .delimiter(delimiter)
        .quote_style(style)
        .terminator(end)
        .from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).expect("a row"));
    String::from_utf8(writer.into_inner().expect("all of it")).expect("UTF-8")
}

/// What Excel or a person does to a file without editing anyone: rows in another order, columns in another order, a
/// column more in the middle, other quotation marks, delimiter, line ends.
fn rearranged(sheet: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut rows = cells(sheet, delimiter);
    rows[1..].reverse();
    for (number, row) in rows.iter_mut().enumerate() {
        let half = row.len() / 2;
        row.rotate_left(half);
        row.insert(3, if number == 0 { "Pointure".to_owned() } else { (35 + number % 10).to_string() });
    }
    rows
}

#[tokio::test]
async fn a_sheet_that_is_only_rearranged_is_no_change() {
    for (dialect, delimiter) in [("", b','), ("dialect = \"excel-fr\"", b';')] {
        let office = Office::new(30, dialect).await;
        let (first, told) = office.run(false).await;
        assert_eq!(first.created["sheet"], 30, "{told:#?}");
        office.rests("nothing happened").await;
        let rows = rearranged(&office.read(), delimiter);
        office.write(&text(&rows, b';', csv::QuoteStyle::Always, true));
        office.rests("all quoted, semicolons, CRLF").await;
        office.write(&format!("\u{feff}{}", text(&rows, b'\t', csv::QuoteStyle::Necessary, false)));
        office.rests("tabs, a byte order mark, a last line end less").await;

        // An edit in the CRM changes its cell, and nothing else.
        let id: i64 = office.contacts_id(&rows);
        office.sandbox.store().edit(id, "job_title", "Vigneronne").expect("an edit");
        let before = cells(&office.read(), b'\t');
        let (summary, told) = office.run(false).await;
        assert_eq!(summary.updated.get("sheet"), Some(&1), "{told:#?}");
        let after = cells(&office.read(), b'\t');
        let differing: Vec<(usize, usize)> = (0..before.len())
            .flat_map(|row| (0..before[row].len()).map(move |column| (row, column)))
            .filter(|(row, column)| before[*row][*column] != after[*row][*column])
            .collect();
        assert_eq!(differing.len(), 1, "{differing:?}");
        let (row, column) = differing[0];
        assert_eq!(after[row][column], "Vigneronne");
        assert!(["job_title", "Fonction"].contains(&after[0][column].as_str()));
    }
}

impl Office {
    /// The CRM's id in the last row.
    fn contacts_id(&self, rows: &[Vec<String>]) -> i64 {
        let column = rows[0].iter().position(|name| ["id", "Identifiant CRM"].contains(&name.as_str())).expect("an id");
        rows.last().expect("a row")[column].parse().expect("digits")
    }
}

#[tokio::test]
async fn a_spreadsheet_that_takes_numbers_for_numbers_is_no_change() {
    let office = Office::new(60, "").await;
    office.run(false).await;
    // The practice contacts write their numbers in many ways; these are the ones that a spreadsheet damages.
    for (id, number) in office.sandbox.store().ids().expect("ids").into_iter().zip(["0199003401", "+33199003402"]) {
        let item = format!("<contact_item><type_id>24</type_id><value>{number}</value></contact_item>");
        let xml = format!("<contact><contact_items>{item}</contact_items></contact>");
        office.sandbox.store().put(id, &xml).expect("an edit");
    }
    office.run(false).await;
    let mut rows = cells(&office.read(), b',');
    let mut eaten = 0;
    for cell in rows.iter_mut().skip(1).flatten() {
        let number = cell.trim_start_matches('+');
        if !number.is_empty() && number.len() < 12 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            let shown = number.trim_start_matches('0').to_owned();
            eaten += usize::from(*cell != shown);
            *cell = shown;
        }
    }
    assert!(eaten > 5, "{eaten} cells had a zero or a plus sign to lose");
    office.write(&text(&rows, b';', csv::QuoteStyle::Necessary, true));
    let before = office.contacts();
    let (summary, told) = office.run(false).await;
    assert!(told.iter().all(|line| line.starts_with("sheet ")), "only what was put right is told: {told:#?}");
    assert_eq!((summary.exit_code(), summary.updated.get("mirror"), office.contacts() == before), (0, None, true));
}

#[tokio::test]
async fn rows_that_a_spreadsheet_left_short_are_no_change() {
    let office = Office::new(40, "dialect = \"excel-fr\"").await;
    office.run(false).await;
    // A column of one's own, filled in the first rows only.
    let mut rows = cells(&office.read(), b';');
    for (number, row) in rows.iter_mut().enumerate() {
        row.push(["Pointure", "38", ""][number.min(2)].to_owned());
    }
    for block in rows.chunks_mut(16) {
        let used = |row: &Vec<String>| row.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
        let used = block.iter().map(used).max().unwrap_or(0);
        block.iter_mut().for_each(|row| row.truncate(used));
    }
    assert!(rows[20].len() < rows[0].len() && rows[39].len() < rows[0].len(), "they are left short");
    office.write(&text(&rows, b';', csv::QuoteStyle::Necessary, true));
    office.rests("saved by Excel").await;
    // What is written into such a row has its place.
    let id: i64 = rows[20][column(&rows, "Identifiant CRM")].parse().expect("digits");
    office.sandbox.store().edit(id, "job_title", "Vigneronne").expect("an edit");
    office.run(false).await;
    let after = cells(&office.read(), b';');
    assert_eq!(after[20][column(&after, "Fonction")], "Vigneronne");
    assert_eq!(after[21], rows[21]);
}

#[tokio::test]
async fn question_marks_for_letters_that_an_encoding_lacks_are_no_edit() {
    let office = Office::new(6, "").await;
    office.run(false).await;
    for (id, comment) in office.sandbox.store().ids().expect("ids").into_iter().zip(["né à Łódź", "\"fête\" 🎂\nŁ"])
    {
        office.sandbox.store().edit(id, "comment", comment).expect("an edit");
    }
    office.run(false).await;
    let (sheet, before) = (office.read(), office.contacts());
    // LibreOffice writes one for each character, Excel one for each unit of UTF-16.
    for width in [|_: char| 1, char::len_utf16] {
        let mut bytes = Vec::new();
        for c in text(&cells(&sheet, b','), b';', csv::QuoteStyle::Necessary, true).chars() {
            let letter = c.to_string();
            match encoding_rs::WINDOWS_1252.encode(&letter) {
                (_, _, true) => bytes.extend(vec![b'?'; width(c)]),
                (encoded, _, false) => bytes.extend_from_slice(&encoded),
            }
        }
        assert!(bytes.windows(3).any(|part| part == b"?\xF3d"), "Łódź lost its first letter");
        fs::write(office.sheet(), bytes).expect("the sheet");
        office.rests("saved as windows-1252").await;
        assert_eq!(office.contacts(), before);
        office.write(&sheet);
        office.rests("as it was").await;
    }
    // Where somebody edits the comment, the edit counts.
    let mut rows = cells(&sheet, b',');
    let at = column(&rows, "comment");
    let row = rows.iter().position(|row| row[at] == "né à Łódź").expect("the row");
    rows[row][at] = "né à Lodz ?".to_owned();
    office.write(&text(&rows, b';', csv::QuoteStyle::Necessary, true));
    let (summary, told) = office.run(false).await;
    assert_eq!(summary.updated.get("mirror"), Some(&1), "{told:#?}");
}

#[tokio::test]
async fn a_row_less_is_a_deletion_and_half_the_rows_less_is_a_question() {
    let office = Office::new(40, "").await;
    office.run(false).await;
    let whole = cells(&office.read(), b',');
    office.write(&text(&whole[..40], b',', csv::QuoteStyle::Necessary, false));
    let (summary, told) = office.run(false).await;
    assert_eq!((summary.deleted.get("mirror"), summary.exit_code()), (Some(&1), 0), "{told:#?}");
    assert_eq!(office.contacts().len(), 39);

    office.write(&text(&whole[..20], b',', csv::QuoteStyle::Necessary, false));
    let (summary, told) = office.run(false).await;
    assert_eq!((summary.deleted.get("mirror"), summary.exit_code()), (None, 7), "{told:#?}");
    assert_eq!(office.contacts().len(), 39);

    // The header alone, or nothing at all: the run stops.
    for emptied in [text(&whole[..1], b',', csv::QuoteStyle::Necessary, false), String::new()] {
        office.write(&emptied);
        let (summary, told) = office.run(false).await;
        assert_eq!((summary.exit_code(), office.contacts().len()), (7, 39), "{told:#?}");
    }
}

#[tokio::test]
async fn a_row_less_is_a_deletion_whatever_the_sheet_has_no_room_for() {
    for dialect in ["carnet", "google", "outlook", "outlook-fr", "thunderbird", "thunderbird-fr", "excel-fr"] {
        let office = Office::new(24, &format!("dialect = \"{dialect}\"")).await;
        office.run(false).await;
        let delimiter = if dialect == "excel-fr" { b';' } else { b',' };
        let whole = office.read();
        let rows = cells(&whole, delimiter);
        // A few at a time, so that no guard holds them.
        for gone in rows[1..].chunks(2).take(6) {
            let kept: Vec<_> = cells(&office.read(), delimiter).into_iter().filter(|row| !gone.contains(row)).collect();
            let before = office.contacts().len();
            office.write(&text(&kept, delimiter, csv::QuoteStyle::Necessary, true));
            let (_, told) = office.run(false).await;
            assert_eq!(office.contacts().len(), before - gone.len(), "{dialect}: {told:#?}");
        }
        office.rests(dialect).await;
    }
}

/// Puts a sheet beside contacts that the CRM holds already, and runs twice. What the sheet's rows were taken for: how
/// many contacts there are then, and what was told.
async fn joined(sheet: impl Fn(&[Vec<String>]) -> String) -> (Office, Vec<String>) {
    let office = Office::new(12, "").await;
    office.run(false).await;
    let rows = cells(&office.read(), b',');
    // Another mirror, which knows nothing of this sheet yet.
    for name in ["carnet.db", "carnet.db-wal", "carnet.db-shm", "sheet.csv"] {
        let _ = fs::remove_file(office.folder.path().join(name));
    }
    office.write(&sheet(&rows));
    let (_, told) = office.run(false).await;
    office.rests("the second run").await;
    (office, told)
}

fn column(rows: &[Vec<String>], name: &str) -> usize {
    rows[0].iter().position(|known| known == name).unwrap_or_else(|| panic!("no column {name}"))
}

#[tokio::test]
async fn rows_are_known_by_their_id_their_uid_or_their_address() {
    for mark in ["id", "uid", "professional_email"] {
        let sheet = |rows: &[Vec<String>]| {
            let columns = [mark, "last_name", "first_name", "company"].map(|name| column(rows, name));
            let some = rows.iter().filter(|row| !row[columns[0]].is_empty());
            let out: Vec<Vec<String>> = some.map(|row| columns.map(|at| row[at].clone()).to_vec()).collect();
            assert!(out.len() > 5, "the practice contacts have marks");
            text(&out, b',', csv::QuoteStyle::Necessary, false)
        };
        let (office, told) = joined(sheet).await;
        assert_eq!(office.contacts().len(), 12, "{mark}: {told:#?}");
        assert_eq!(office.sandbox.store().count().expect("a count"), 12, "{mark}: nobody is doubled in the CRM");
    }
}

#[tokio::test]
async fn a_number_of_unknown_type_is_not_doubled_by_a_sheet() {
    let office = Office::new(1, "").await;
    let known = Contact {
        last_name: "Durand".into(),
        first_name: "Marie".into(),
        items: vec![
            Item::new(ItemType::PersonalCellPhone, "01 99 00 33 01"),
            Item::new(ItemType::PersonalEmail, "marie@durand.example"),
            Item::new(ItemType::MainProfessionalPhone, "01 99 00 33 02"),
        ],
        ..Contact::default()
    };
    let line = carnet::formats::jsonl::line(&known, &carnet::contact::identity::Identity::default());
    let source = ImportSource::of_bytes("known", line);
    let options = ImportOptions::default();
    app::import(&office.settings, source, &options, &Stop::new(), &mut |_| {}).await.expect("an import");
    office.write(
        "Prénom,Nom de famille,Adresse électronique principale,Tél. professionnel,Portable,Société\n\
         Marie,Durand,marie@durand.example,0199003302,+33199003301,Tuileries\n",
    );
    let (_, told) = office.run(false).await;
    let marie = office.contacts().into_iter().find(|contact| contact.last_name == "Durand").expect("Marie");
    assert_eq!(marie.items.len(), 3, "{:?} {told:#?}", marie.items);
    assert_eq!(marie.company, "Tuileries");
    office.rests("the second run").await;
}

#[tokio::test]
async fn a_rehearsal_counts_the_rows_that_are_told_their_new_ids() {
    let office = Office::new(5, "").await;
    office.run(false).await;
    let mut rows = cells(&office.read(), b',');
    // One has its UID already and lacks the id alone.
    for (name, uid) in [("Nouvelle", ""), ("Neuve", "own-uid")] {
        let mut new = vec![String::new(); rows[0].len()];
        new[column(&rows, "last_name")] = name.to_owned();
        new[column(&rows, "uid")] = uid.to_owned();
        rows.push(new);
    }
    office.write(&text(&rows, b',', csv::QuoteStyle::Necessary, false));
    let (rehearsed, said) = office.run(true).await;
    let (done, told) = office.run(false).await;
    assert_eq!(said, told);
    assert_eq!(
        (&rehearsed.created, &rehearsed.updated, &rehearsed.deleted),
        (&done.created, &done.updated, &done.deleted)
    );
    assert_eq!(done.updated.get("sheet"), Some(&2), "{told:#?}");
    office.rests("afterwards").await;
}
