//! Firms, from the practice CRM into cards and sheets and back: the real program over real HTTP.

use std::fs;

use carnet::sandbox::{Mishap, Quirk, Sandbox, SandboxSettings};

use crate::cli::{carnet, settings};

/// A practice CRM, and a folder with a sheet that is synchronised with it.
struct Office {
    crm: Sandbox,
    folder: tempfile::TempDir,
}

impl Office {
    async fn open(quirks: Vec<Quirk>, firms: &str) -> Self {
        let crm = Sandbox::start(SandboxSettings { contacts: 12, quirks, ..SandboxSettings::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"demo\"\ntimeout = \"2s\"\nlists = \"replace\"\nfirms = \"{firms}\"\n\
             [mirror]\npath = \"carnet.db\"\n[[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"sheet.csv\"\n\
             [[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n",
            crm.url()
        );
        settings(folder.path(), &text);
        Self { crm, folder }
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        tokio::task::block_in_place(|| carnet(self.folder.path(), arguments))
    }

    /// A run that must end with this code; what it said.
    fn sync(&self, code: i32) -> String {
        let (found, out, told) = self.run(&["sync", "-v"]);
        assert_eq!(found, code, "{out}{told}");
        out + &told
    }

    /// A cell of the contact's row.
    fn cell(&self, id: &str, column: &str) -> String {
        let (header, rows) = self.table();
        let place = header.iter().position(|name| name == column).unwrap();
        rows.iter().find(|row| &row[0] == id).unwrap()[place].to_owned()
    }

    fn table(&self) -> (csv::StringRecord, Vec<csv::StringRecord>) {
        let mut reader = csv::Reader::from_path(self.folder.path().join("sheet.csv")).unwrap();
        (reader.headers().unwrap().clone(), reader.records().map(Result::unwrap).collect())
    }

    /// Types something into a cell.
    fn type_in(&self, id: &str, column: &str, value: &str) {
        let (header, rows) = self.table();
        let place = header.iter().position(|name| name == column).unwrap();
        let mut writer = csv::WriterBuilder::new()
            .quote_style(csv::QuoteStyle::Always)
            .from_path(self.folder.path().join("sheet.csv"));
        let writer = writer.as_mut().unwrap();
        writer.write_record(&header).unwrap();
        for row in rows {
            let edited =
                row.iter().enumerate().map(|(at, cell)| if &row[0] == id && at == place { value } else { cell });
            writer.write_record(edited).unwrap();
        }
        writer.flush().unwrap();
    }

    /// The card of a contact, unfolded.
    fn card(&self, name: &str) -> String {
        let files = fs::read_dir(self.folder.path().join("cards")).unwrap();
        let texts = files.filter_map(|file| fs::read_to_string(file.unwrap().path()).ok());
        texts.map(|text| text.replace("\r\n ", "")).find(|text| text.contains(name)).unwrap()
    }

    fn firm_id(&self, id: i64) -> String {
        self.crm.store().value(id, "firm_id").unwrap().unwrap_or_default()
    }

    /// A day passes, as far as firms are concerned.
    fn a_day_passes(&self) {
        let mirror = rusqlite::Connection::open(self.folder.path().join("carnet.db")).unwrap();
        mirror.execute("DELETE FROM facts WHERE key = 'firms.listed_at'", []).unwrap();
    }

    fn firms_made(&self) -> usize {
        self.crm.store().asked("POST", "/firms.xml")
    }
}

fn name_of(office: &Office, firm: &str) -> String {
    office.crm.store().firm_name(firm.parse().unwrap()).unwrap().unwrap()
}

/// Somebody with a firm: id, the firm's id and name.
fn somebody(office: &Office) -> (i64, String, String) {
    let ids = office.crm.store().ids().unwrap();
    let id = ids.into_iter().find(|id| !office.firm_id(*id).is_empty()).unwrap();
    let firm = office.firm_id(id);
    let name = name_of(office, &firm);
    (id, firm, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_and_sheets_show_the_firm_and_its_new_name() {
    let office = Office::open(Vec::new(), "read").await;
    let (id, firm, name) = somebody(&office);
    office.sync(0);
    assert_eq!(office.cell(&id.to_string(), "company"), name);
    assert_eq!(office.run(&["status"]).0, 0, "nothing waits");
    let pages = office.crm.store().asked("GET", "/firms");
    assert!(office.sync(0).contains("nothing changed"));
    assert_eq!(office.crm.store().asked("GET", "/firms"), pages, "the same day nothing is asked");

    office.crm.store().rename_firm(firm.parse().unwrap(), "Ateliers Neufs; & Cie").unwrap();
    office.a_day_passes();
    let told = office.sync(0);
    assert!(told.contains("another name in the CRM"), "{told}");
    assert_eq!(office.cell(&id.to_string(), "company"), "Ateliers Neufs; & Cie");
    let last = office.crm.store().value(id, "last_name").unwrap().unwrap();
    assert!(office.card(&last).contains("ORG:Ateliers Neufs\\; & Cie"), "{}", office.card(&last));
    let (_, history, _) = office.run(&["history"]);
    assert!(!history.contains("company"), "a firm's new name is nobody's edit: {history}");
    assert!(office.sync(0).contains("nothing changed"));
    assert_eq!(office.crm.store().asked("PUT", "/contacts"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_is_typed_moves_the_contact() {
    let office = Office::open(Vec::new(), "read").await;
    let (id, firm, _) = somebody(&office);
    office.sync(0);
    let other = office.crm.store().firm_ids().unwrap().into_iter().find(|other| other.to_string() != firm).unwrap();
    let other_name = name_of(&office, &other.to_string());
    office.type_in(&id.to_string(), "company", &other_name.to_uppercase());
    office.sync(0);
    assert_eq!(office.firm_id(id), other.to_string());
    assert_eq!(office.cell(&id.to_string(), "company"), other_name, "as the CRM spells it");
    office.type_in(&id.to_string(), "company", "");
    office.sync(0);
    assert_eq!(office.firm_id(id), "");
    office.type_in(&id.to_string(), "firm_id", &firm);
    office.sync(0);
    assert_eq!((office.firm_id(id), office.cell(&id.to_string(), "company")), (firm.clone(), name_of(&office, &firm)));
    assert!(office.sync(0).contains("nothing changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_no_firm_is_called_waits_and_is_made_once() {
    let office = Office::open(Vec::new(), "read").await;
    let (id, firm, _) = somebody(&office);
    office.sync(0);
    office.type_in(&id.to_string(), "company", "Neuf & Fils");
    let told = office.sync(3);
    assert!(told.contains("no firm of the CRM is called Neuf & Fils"), "{told}");
    assert_eq!(office.firm_id(id), firm, "nobody has said that it left its firm");
    office.sync(3);
    assert_eq!(office.cell(&id.to_string(), "company"), "Neuf & Fils");
    let (_, conflicts, _) = office.run(&["conflicts"]);
    let number = conflicts.split_whitespace().find(|word| word.starts_with('q')).unwrap().to_owned();
    assert_eq!(office.run(&["conflicts", "resolve", &number, "--create"]).0, 0);
    office.crm.store().fail_next_at("POST", "/firms", Mishap::DropAfter);
    let (_, out, told) = office.run(&["sync"]);
    assert!(told.contains("failed to create a firm"), "{out}{told}");
    office.sync(0);
    assert_eq!(office.firms_made(), 1, "its answer was lost, and it is found in the listing");
    assert_eq!(name_of(&office, &office.firm_id(id)), "Neuf & Fils");
    assert!(office.sync(0).contains("nothing changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_create_a_new_company_becomes_a_firm() {
    let office = Office::open(Vec::new(), "create").await;
    office.sync(0);
    fs::write(
        office.folder.path().join("cards/new.vcf"),
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:new-1\r\nFN:Ada Neuf\r\nN:Neuf;Ada;;;\r\nORG:Neuf SARL\r\nEND:VCARD\r\n",
    )
    .unwrap();
    let (_, out, _) = office.run(&["sync", "-n"]);
    assert!(out.contains("the firm Neuf SARL is to be made"), "{out}");
    assert_eq!(office.firms_made(), 0, "a dry run makes nothing");
    office.sync(0);
    assert_eq!(office.firms_made(), 1);
    let id = *office.crm.store().ids().unwrap().iter().max().unwrap();
    assert_eq!(name_of(&office, &office.firm_id(id)), "Neuf SARL");
    assert!(office.sync(0).contains("nothing changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_keeps_its_firms_to_itself_is_used_without() {
    for quirk in
        [Quirk::FirmsForbidden, Quirk::FirmsMissing, Quirk::FirmsUnauthorized, Quirk::FirmsHtml, Quirk::FirmsOdd]
    {
        let office = Office::open(vec![quirk], "read").await;
        let told = office.sync(0);
        assert!(told.contains("firms stay out"), "{quirk:?}: {told}");
        let told = office.sync(0);
        assert!(!told.contains("firms") && told.contains("nothing changed"), "{quirk:?} is said once: {told}");
        let (_, rows) = office.table();
        assert_eq!(rows.len(), 12, "{quirk:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_firm_and_two_that_became_one_lose_nobody() {
    let office = Office::open(Vec::new(), "read").await;
    let (id, firm, name) = somebody(&office);
    office.sync(0);
    let store = office.crm.store();
    store.delete_firm(firm.parse().unwrap()).unwrap();
    office.a_day_passes();
    office.sync(0);
    assert_eq!((office.firm_id(id), office.cell(&id.to_string(), "company")), (firm.clone(), name));
    let members = |firm: &i64| !store.contacts_of_firm(*firm).unwrap().is_empty();
    let firms: Vec<i64> = store.firm_ids().unwrap().into_iter().filter(members).collect();
    let moved = store.contacts_of_firm(firms[0]).unwrap()[0];
    store.merge_firms(firms[0], firms[1]).unwrap();
    office.a_day_passes();
    office.sync(0);
    assert_eq!(office.cell(&moved.to_string(), "company"), name_of(&office, &firms[1].to_string()));
    assert!(office.sync(0).contains("nothing changed"));
    assert_eq!(store.asked("PUT", "/contacts"), 0);
}

fn write_card(office: &Office, name: &str, lines: &str) {
    let text = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\n{lines}END:VCARD\r\n");
    fs::write(office.folder.path().join(format!("cards/{name}.vcf")), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_that_a_user_asked_for_is_made_unless_somebody_else_has_made_it() {
    let office = Office::open(Vec::new(), "create").await;
    office.sync(0);
    assert_eq!(office.run(&["firms", "create", "Neuf SARL"]).0, 0);
    office.sync(0);
    assert_eq!(office.firms_made(), 1);
    assert_eq!(office.run(&["firms", "create", "neuf sarl"]).0, 1, "there is one");
    let other = office.crm.store().add_firm("Vieux SA").unwrap();
    write_card(&office, "new-1", "FN:Ada Neuf\r\nN:Neuf;Ada;;;\r\nORG:vieux sa\r\n");
    office.sync(0);
    assert_eq!(office.firms_made(), 1, "it is in the CRM since the last listing");
    let id = *office.crm.store().ids().unwrap().iter().max().unwrap();
    assert_eq!(office.firm_id(id), other.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_that_one_listing_leaves_out_is_not_made_again() {
    let office = Office::open(Vec::new(), "create").await;
    office.sync(0);
    let ids = office.crm.store().firm_ids().unwrap();
    let last = ids.into_iter().filter(|id| !name_of(&office, &id.to_string()).is_empty()).max().unwrap();
    office.a_day_passes();
    office.crm.store().fail_next_at("GET", "/firms", Mishap::Thin);
    office.sync(0);
    let name = name_of(&office, &last.to_string());
    write_card(&office, "new-1", &format!("FN:Ada Neuf\r\nN:Neuf;Ada;;;\r\nORG:{}\r\n", name.replace(',', "\\,")));
    office.sync(0);
    let id = *office.crm.store().ids().unwrap().iter().max().unwrap();
    assert_eq!((office.firms_made(), office.firm_id(id)), (0, last.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firms_new_name_does_not_stand_against_a_company_typed_meanwhile() {
    let office = Office::open(Vec::new(), "read").await;
    let (id, firm, _) = somebody(&office);
    office.sync(0);
    let other = office.crm.store().firm_ids().unwrap().into_iter().find(|other| other.to_string() != firm).unwrap();
    office.crm.store().rename_firm(firm.parse().unwrap(), "Ateliers Neufs").unwrap();
    office.a_day_passes();
    office.type_in(&id.to_string(), "company", &name_of(&office, &other.to_string()));
    let told = office.sync(0);
    assert!(!told.contains("conflict"), "{told}");
    assert_eq!(office.firm_id(id), other.to_string());
    assert!(office.sync(0).contains("nothing changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_taken_back_takes_the_firm_along() {
    for field in ["firm_id", "company"] {
        let office = Office::open(Vec::new(), "read").await;
        let (id, firm, name) = somebody(&office);
        office.sync(0);
        let other = office.crm.store().firm_ids().unwrap().into_iter().find(|other| other.to_string() != firm).unwrap();
        office.type_in(&id.to_string(), "company", &name_of(&office, &other.to_string()));
        office.sync(0);
        assert_eq!(office.firm_id(id), other.to_string());
        let mirror = rusqlite::Connection::open(office.folder.path().join("carnet.db")).unwrap();
        let select = "SELECT max(id) FROM history WHERE field = ?1";
        let change: i64 = mirror.query_row(select, [field], |row| row.get(0)).unwrap();
        assert_eq!(office.run(&["undo", &format!("h{change}")]).0, 0);
        office.sync(0);
        assert_eq!((office.firm_id(id), office.cell(&id.to_string(), "company")), (firm, name), "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_in_other_letters_than_the_firms_is_the_firms() {
    let office = Office::open(Vec::new(), "off").await;
    let (id, firm, name) = somebody(&office);
    office.sync(0);
    office.type_in(&id.to_string(), "company", &name.to_uppercase());
    office.sync(0);
    let settings = fs::read_to_string(office.folder.path().join("carnet.toml")).unwrap();
    fs::write(office.folder.path().join("carnet.toml"), settings.replace("firms = \"off\"", "firms = \"read\""))
        .unwrap();
    office.sync(0);
    assert_eq!((office.firm_id(id), office.cell(&id.to_string(), "company")), (firm, name));
    assert!(office.sync(0).contains("nothing changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_of_a_firm_is_no_contact() {
    let office = Office::open(Vec::new(), "read").await;
    let (_, _, name) = somebody(&office);
    office.sync(0);
    let org = name.to_uppercase().replace(',', "\\,");
    write_card(&office, "firm-1", &format!("FN:{org}\r\nN:;;;;\r\nORG:{org}\r\nX-ABShowAs:COMPANY\r\nTEL:01\r\n"));
    assert!(office.sync(0).contains("nothing changed"), "it is the firm's");
    write_card(&office, "firm-2", "FN:Neuf SARL\r\nKIND:org\r\nORG:Neuf SARL\r\n");
    let told = office.sync(3);
    assert!(told.contains("no firm of the CRM is called Neuf SARL"), "{told}");
    let only_sheet = office.run(&["sync", "--only", "crm,sheet"]);
    assert_eq!(only_sheet.0, 3, "it still waits: {}", only_sheet.1);
    let (_, conflicts, _) = office.run(&["conflicts"]);
    let number = conflicts.split_whitespace().find(|word| word.starts_with('q')).unwrap().to_owned();
    assert_eq!(office.run(&["conflicts", "resolve", &number, "--adopt", "999999"]).0, 2, "there is no such firm");
    assert_eq!(office.run(&["conflicts", "resolve", &number, "--create"]).0, 0);
    office.sync(0);
    assert!(office.sync(0).contains("nothing changed"));
    let store = office.crm.store();
    assert_eq!((office.firms_made(), store.asked("POST", "/contacts"), store.count().unwrap()), (1, 0, 12));
    assert!(office.folder.path().join("cards/firm-1.vcf").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_is_made_once_where_its_id_alone_is_answered() {
    let office = Office::open(vec![Quirk::PostIdOnly], "create").await;
    let id = office.crm.store().ids().unwrap().into_iter().find(|id| office.firm_id(*id).is_empty()).unwrap();
    office.sync(0);
    office.type_in(&id.to_string(), "company", "Neuf SARL");
    office.sync(0);
    assert_eq!(name_of(&office, &office.firm_id(id)), "Neuf SARL");
    assert!(office.sync(0).contains("nothing changed"));
    assert_eq!(office.firms_made(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_that_somebody_has_just_added_is_not_made_again() {
    let office = Office::open(Vec::new(), "create").await;
    let id = office.crm.store().ids().unwrap().into_iter().find(|id| office.firm_id(*id).is_empty()).unwrap();
    office.sync(0);
    let added = office.crm.store().add_firm("Neuf SARL").unwrap();
    office.type_in(&id.to_string(), "company", "neuf sarl");
    office.sync(0);
    assert_eq!((office.firms_made(), office.firm_id(id)), (0, added.to_string()));
    assert!(office.sync(0).contains("nothing changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_firm_of_all_is_made_too() {
    let office = Office::open(vec![Quirk::FirmDeleteClears], "create").await;
    let store = office.crm.store();
    store.firm_ids().unwrap().into_iter().for_each(|firm| drop(store.delete_firm(firm).unwrap()));
    let id = store.ids().unwrap()[0];
    office.sync(0);
    office.type_in(&id.to_string(), "company", "Neuf SARL");
    office.sync(0);
    assert_eq!((office.firms_made(), name_of(&office, &office.firm_id(id)).as_str()), (1, "Neuf SARL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_that_a_listing_leaves_out_is_not_made_again() {
    let office = Office::open(Vec::new(), "create").await;
    let (id, firm, name) = somebody(&office);
    let other = office.crm.store().ids().unwrap().into_iter().find(|id| office.firm_id(*id).is_empty()).unwrap();
    office.sync(0);
    for _ in 0..2 {
        office.a_day_passes();
        office.crm.store().fail_next_at("GET", "/firms.xml", Mishap::Lie);
        office.sync(0);
    }
    office.type_in(&other.to_string(), "company", &name);
    office.crm.store().fail_next_at("GET", "/firms.xml", Mishap::Lie);
    office.sync(0);
    assert_eq!((office.firms_made(), office.firm_id(other), office.firm_id(id)), (0, firm.clone(), firm));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_of_a_company_that_waits_without_its_name() {
    let office = Office::open(Vec::new(), "read").await;
    let path = office.folder.path().join("carnet.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "[notify]\non_waiting = [\"sh\", \"-c\", \"cat >> told\"]\n").unwrap();
    office.sync(0);
    write_card(&office, "new-1", "FN:Ada Neuf\r\nN:Neuf;Ada;;;\r\nORG:Neuf SARL\r\n");
    office.sync(3);
    let told = fs::read_to_string(office.folder.path().join("told")).unwrap();
    assert!(told.contains("about a company (q"), "{told}");
    assert!(!told.contains("Neuf") && !told.contains("a contact that the CRM does not have"), "{told}");
}

/// Adds a line to the settings of a book.
fn set_in_book(office: &Office, kind: &str, lines: &str) {
    let path = office.folder.path().join("carnet.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!("kind = \"{kind}\"\n"), &format!("kind = \"{kind}\"\n{lines}"))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_cards_shows_the_firms() {
    let office = Office::open(Vec::new(), "read").await;
    let file = office.folder.path().join("all.vcf");
    set_in_book(&office, "vdir", "version = \"4.0\"\nfirms = true\n");
    let path = office.folder.path().join("carnet.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"vdir\"", "\"vcard\"").replace("path = \"cards\"", "path = \"all.vcf\"")).unwrap();
    let firms = office.crm.store().firm_ids().unwrap();
    let (_, rehearsed, _) = office.run(&["sync", "--dry-run"]);
    assert!(rehearsed.contains(&format!("cards of firms: {} to create", firms.len())), "{rehearsed}");
    assert!(!file.exists());
    let told = office.sync(0);
    assert!(told.contains(&format!("cards of firms: {} created", firms.len())), "{told}");
    let cards = fs::read_to_string(&file).unwrap();
    assert_eq!(cards.matches("KIND:org").count(), firms.len(), "{cards}");
    let name = name_of(&office, &firms[0].to_string());
    let card = |cards: &str, part: &str| -> String {
        let cards = cards.replace("\r\n ", "");
        cards.split("BEGIN:VCARD").find(|card| card.contains(part)).unwrap_or_default().to_owned()
    };
    let first = card(&cards, &format!("X-CARNET-FIRM:{}\r\n", firms[0]));
    assert!(first.contains(&format!("FN:{name}")) && first.contains("ADR"), "{first}");
    assert!(first.contains("TEL") && first.contains("EMAIL"), "{first}");
    assert!(office.sync(0).contains("nothing changed"));
    assert_eq!(fs::read_to_string(&file).unwrap(), cards, "nothing is written where nothing changed");

    // A program takes all of them out but one, which it calls otherwise.
    let mark = format!("X-CARNET-FIRM:{}\r\n", firms[0]);
    let kept = cards.split_inclusive("END:VCARD\r\n").filter_map(|card| match card.contains(&mark) {
        true => Some(card.replace(&format!("ORG:{name}"), "ORG:Autre")),
        false => (!card.contains("KIND:org")).then(|| card.to_owned()),
    });
    fs::write(&file, kept.collect::<String>()).unwrap();
    let told = office.sync(0);
    assert!(told.contains("changed or removed here, which changes no firm"), "{told}");
    let again = fs::read_to_string(&file).unwrap();
    assert_eq!(again.matches("KIND:org").count(), firms.len());
    assert!(card(&again, &format!("X-CARNET-FIRM:{}\r\n", firms[0])).contains(&format!("ORG:{name}")));
    assert_eq!(office.crm.store().asked("PUT", "/"), 0);
    assert_eq!(office.run(&["list", "--json"]).1.lines().count(), 12, "no firm is a contact");
    assert!(office.sync(0).contains("nothing changed"));

    let (code, out, told) = office.run(&["export", "--format", "vcard4", "--check", "--firms"]);
    assert_eq!((code, out.matches("KIND:org").count()), (0, firms.len()), "{told}");
    assert!(told.contains(&format!("12 contacts and {} firms written", firms.len())), "{told}");
    let (code, _, told) = office.run(&["export", "--format", "csv", "--firms"]);
    assert!(code == 2 && told.contains("only vCard has company cards"), "{told}");
    // What was exported is nobody's contact where it is imported.
    let exported = office.folder.path().join("exported.vcf");
    fs::write(&exported, out).unwrap();
    office.run(&["import", "exported.vcf"]);
    assert_eq!(office.run(&["list", "--json"]).1.lines().count(), 12);
}
