//! Imports that could lose, double or revive somebody, and what a person is told of a damaged sheet.

use std::{fs, path::Path};

use assert_cmd::Command;
use carnet::{
    contact::{Contact, Item, ItemType},
    mirror::{Agreement, Mirror},
};

use super::csv_pile::{contacts, five, import, settings};

/// Imports texts one after another; what became of each one's records (new, updated, same, ambiguous, refused), and the
/// names and jobs that the mirror then holds.
async fn check(files: &[(&str, [u64; 5])], held: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    for (at, (text, expected)) in files.iter().enumerate() {
        let (tally, told, _) = import(&settings, "file", text.as_bytes(), false).await;
        assert_eq!(five(&tally), *expected, "file {at}: {told:#?}");
    }
    let mut now: Vec<String> = contacts(&settings)
        .into_iter()
        .map(|(_, contact)| format!("{}, {}", contact.display_name(), contact.job_title))
        .collect();
    now.sort();
    assert_eq!(now, held);
}

fn card(uid: &str, title: &str) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nN:Double;Ada;;;\r\nFN:Ada Double\r\nTITLE:{title}\r\nEND:VCARD\r\n"
    )
}

#[tokio::test]
async fn namesakes_that_a_file_tells_apart_are_two_people() {
    let cards = [card("a", "Aînée"), card("b", "Cadette"), card("c", "Benjamine")].concat();
    let held = ["Ada Double, Aînée", "Ada Double, Benjamine", "Ada Double, Cadette"];
    check(&[(&cards, [3, 0, 0, 0, 0]), (&cards, [0, 0, 3, 0, 0])], &held).await;
}

#[tokio::test]
async fn namesakes_that_a_file_does_not_tell_apart_are_left_to_a_person() {
    let sheet = "Nom;Prénom;Fonction;Ville\nDouble;Ada;Aînée;\nDouble;Ada;Cadette;\nDouble;Ada;;Belley\n";
    // Of which of the two is the town?
    check(&[(sheet, [1, 0, 0, 2, 0])], &["Ada Double, Aînée"]).await;
}

#[tokio::test]
async fn a_copied_row_does_not_turn_its_contact_into_another() {
    let sheet = "uid,last_name,first_name,job_title\nu,Double,Ada,Aînée\nu,Copie,Ada,Cadette\nu,Double,,Aînée\n";
    check(&[(sheet, [1, 0, 1, 1, 0])], &["Ada Double, Aînée"]).await;
}

#[tokio::test]
async fn a_record_without_anything_to_know_it_by_is_not_doubled_by_the_same_file() {
    let sheet = "Société;Ville;Fonction\nTuileries;Belley;\nTuileries;Belley;\nMoulins;Belley;\n";
    let files = [(sheet, [2, 0, 1, 0, 0]), (sheet, [0, 0, 3, 0, 0])];
    check(&files, &["Moulins, ", "Tuileries, "]).await;
}

#[tokio::test]
async fn an_old_file_does_not_take_back_what_was_edited_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let sheet = "Société;Ville;Fonction\nTuileries;Belley;Accueil\n";
    import(&settings, "file", sheet.as_bytes(), false).await;
    let mut mirror = Mirror::open(&settings.mirror.path).expect("the mirror");
    let (uid, contact) = contacts(&settings).remove(0);
    let id = mirror.contact_by_uid(&uid).expect("a contact").expect("there").id;
    let edited = Contact { company: "Tuileries du Bugey".into(), job_title: "Standard".into(), ..contact };
    mirror.update_contact(id, &edited, "2026-11-23T10:00:00Z").expect("an edit");
    drop(mirror);
    let (tally, ..) = import(&settings, "file", sheet.as_bytes(), false).await;
    assert_eq!(five(&tally), [0, 0, 1, 0, 0]);
    assert_eq!(contacts(&settings), [(uid, edited)]);
}

#[tokio::test]
async fn a_contact_that_was_deleted_here_and_lives_in_the_crm_comes_back_as_itself() {
    for sheet in ["id,last_name,first_name\n1042,Durand,Marie\n", "uid,last_name,first_name\nu-1,Durand,Marie\n"] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        let mut mirror = Mirror::open(&settings.mirror.path).expect("the mirror");
        let items = vec![Item::new(ItemType::ProfessionalPhone, "01 99 00 31 01")];
        let contact = Contact { last_name: "Durand".into(), comment: "kept".into(), items, ..Contact::default() };
        let at = "2026-11-23T10:00:00Z";
        let run = mirror.begin_run("test", at).expect("a run");
        let id = mirror.insert_contact("u-1", &contact, "crm", run, at).expect("a contact");
        let agreement = Agreement {
            contact: id,
            remote: "1042".into(),
            revision: "r".into(),
            theirs: contact.clone(),
            ours: contact.clone(),
            version: 1,
            detail: None,
            detached: true,
            marks: String::new(),
        };
        mirror.put_agreement("crm", &agreement).expect("an agreement");
        mirror.delete_contact(id, at).expect("a deletion");
        drop(mirror);

        let (tally, ..) = import(&settings, "file", sheet.as_bytes(), false).await;
        assert_eq!(five(&tally), [1, 0, 0, 0, 0], "{sheet}");
        let back = Contact { first_name: "Marie".into(), ..contact };
        assert_eq!(contacts(&settings), [("u-1".to_owned(), back)], "{sheet}");
        let mirror = Mirror::open_read_only(&settings.mirror.path).expect("the mirror");
        let pending = mirror.pending("crm").expect("what is pending");
        assert_eq!(
            pending,
            [(id, carnet::mirror::Pending::Update)],
            "its edits reach the CRM again, as the same contact"
        );
    }
}

#[tokio::test]
async fn a_row_that_says_nothing_makes_nobody() {
    let sheet = "Nom;Prénom;E-mail;Taille\n;;;170\nDurand;Marie;;\n";
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let (tally, told, code) = import(&settings, "file", sheet.as_bytes(), false).await;
    assert_eq!((five(&tally), code), ([1, 0, 0, 0, 1], 3));
    assert!(
        told.iter().any(|line| line.contains("file, line 2") && line.contains("nothing in it is read")),
        "{told:#?}"
    );
}

/// Runs carnet in a folder: its exit code, stdout and stderr, the folder's name cut out.
fn carnet(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("carnet").expect("the program");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1");
    let output = command.arg("-c").arg(folder.join("carnet.toml")).args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a text").replace(&*folder.to_string_lossy(), "HERE");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_damaged_sheet_is_told_row_by_row_and_the_rehearsal_says_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n";
    fs::write(folder.path().join("carnet.toml"), text).expect("settings");
    let sheet = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/csv/excel-damage.csv");
    fs::copy(sheet, folder.path().join("sheet.csv")).expect("a sheet");
    let file = folder.path().join("sheet.csv");
    let file = file.to_str().expect("a path");

    let (code, out, told) = carnet(folder.path(), &["import", "--no-push", "--dry-run", file]);
    assert_eq!(code, 3);
    let totals: Vec<&str> = out.lines().filter(|line| !line.contains("  create  ")).take(3).collect();
    insta::assert_snapshot!(totals.join("\n"), @r"
    import  11 contacts
    import  11 new, 0 updated, 0 same, 0 ambiguous, 0 refused; 5 cells left out; 9 cells put right
    mirror  11 to create
    ");
    insta::assert_snapshot!(told, @r#"
    a dry run of the import: nothing is written
    warning: import: read as Excel (French): utf-8, delimiter ";", header on line 1; columns: Nom as last_name, Prénom as first_name, Société as company, Téléphone as professional_phone, Mobile as professional_cell_phone, Fax as professional_fax, E-mail as professional_email, CP as professional zip_code, Ville as professional city, Pays as country
    warning: import: HERE/sheet.csv, line 4, column Téléphone: a spreadsheet replaced the number by a rounded one or a date, its digits are lost
    warning: import: HERE/sheet.csv, line 5, column Téléphone: a spreadsheet replaced the number by a rounded one or a date, its digits are lost
    warning: import: HERE/sheet.csv, line 5, column Fax: a spreadsheet replaced the number by a rounded one or a date, its digits are lost
    warning: import: HERE/sheet.csv, line 6, column Téléphone: a spreadsheet replaced the number by a rounded one or a date, its digits are lost
    warning: import: HERE/sheet.csv, line 8, column Téléphone: a spreadsheet replaced the number by a rounded one or a date, its digits are lost
    "#);

    let (_, out, _) = carnet(folder.path(), &["--json", "import", "--no-push", "--dry-run", file]);
    let last: serde_json::Value = serde_json::from_str(out.lines().last().expect("a summary")).expect("JSON");
    let tally = &last["import"];
    let five = ["new", "updated", "same", "ambiguous", "refused"].map(|word| tally[word].as_u64());
    assert_eq!(five, [Some(11), Some(0), Some(0), Some(0), Some(0)]);
    assert_eq!((&tally["cells_refused"], &tally["cells_repaired"]), (&5.into(), &9.into()));
    assert_eq!(tally["columns"][7].to_string(), r#"{"name":"CP","read_as":"professional zip_code","rows":6}"#);

    let (code, _, again) = carnet(folder.path(), &["import", "--no-push", file]);
    let cut = |told: &str| told.lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((code, cut(&again)), (3, cut(&told)), "all but what it is and the line about the columns");
}

#[test]
fn a_profile_of_ones_own_reads_a_sheet_and_a_mistake_in_it_has_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    let settings = |more: &str| write("carnet.toml", &format!("[crm]\nurl = \"sandbox\"\n{more}"));
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/csv");
    let (sheet, profile) = (corpus.join("own.csv"), corpus.join("own.toml"));
    let (sheet, profile) = (sheet.to_str().expect("a path"), profile.to_str().expect("a path"));
    let import = |more: &[&str]| carnet(folder.path(), &[&["import", "--no-push", "--dry-run", sheet], more].concat());

    settings("");
    let (code, _, told) = import(&[]);
    assert!(code == 1 && told.contains("no header line was recognised"), "{code} {told}");
    let (code, out, told) = import(&["--format", profile]);
    assert!(code == 0 && out.contains("import  2 new, 0 updated"), "{code} {out} {told}");
    let own = fs::read_to_string(profile).expect("a profile");
    settings(&format!("[csv.garage]\n{own}"));
    let (code, out, told) = import(&[]);
    assert!(code == 0 && out.contains("import  2 new, 0 updated"), "{code} {out} {told}");
    assert!(told.contains("read as Garage list: utf-8"), "{told}");

    let book =
        |dialect: &str| format!("[[book]]\nname = \"s\"\nkind = \"csv\"\npath = \"s.csv\"\ndialect = \"{dialect}\"\n");
    write("bad.toml", &own.replace("\"comment\"", "\"remark\""));
    for (dialect, words) in [
        ("exel-fr", &["there is no dialect \"exel-fr\"", "carnet.toml:7", "did you mean \"excel-fr\"?"][..]),
        ("bad.toml", &["bad.toml, line 13: unknown field \"remark\"", "carnet.toml:7"]),
    ] {
        settings(&book(dialect));
        for command in ["check", "sync"] {
            let (code, _, told) = carnet(folder.path(), &[command]);
            assert_eq!(code, 2, "{command} {told}");
            assert!(words.iter().all(|word| told.contains(word)), "{command} {told}");
        }
    }
}

/// Imports what is known, then another file: what became of its records, and what the mirror then holds as JSON.
async fn check_known(known: &str, file: &str, expected: [u64; 5], told: &str, held: &[&str], lacking: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    if !known.is_empty() {
        import(&settings, "known", known.as_bytes(), false).await;
    }
    for turn in 0..2 {
        let (tally, heard, _) = import(&settings, "file", file.as_bytes(), false).await;
        // The second time nothing is new.
        let again = [0, 0, expected[0] + expected[1] + expected[2], expected[3], expected[4]];
        assert_eq!(five(&tally), if turn == 0 { expected } else { again }, "{file}: {heard:#?}");
        assert!(turn > 0 || heard.iter().any(|line| line.contains(told)), "{file}: {heard:#?}");
    }
    let now = serde_json::to_string(&contacts(&settings)).expect("JSON");
    assert!(held.iter().all(|text| now.contains(text)), "{file}: {now}");
    assert!(lacking.iter().all(|text| !now.contains(text)), "{file}: {now}");
}

const KNOWN: &str = "last_name,first_name,professional_email,professional_phone,professional_street,\
                     professional_zip_code,professional_city,professional_country\n\
                     Aubert,Joël,joel@example.com,01 99 00 41 01,\"17, rue de la République\",45000,Orléans,France\n";

#[tokio::test]
async fn a_namesake_with_another_telephone_is_left_to_a_person() {
    let left = "has the name of contact";
    check_known(KNOWN, "Nom;Prénom;Téléphone\nAubert;Joël;0199004102\n", [0, 0, 0, 1, 0], left, &[], &["4102"]).await;
    check_known(KNOWN, "Nom;Prénom;Ville\nAubert;Joël;Lyon\n", [0, 0, 0, 1, 0], left, &[], &["Lyon"]).await;
    // Nothing speaks against it, or something else for it.
    check_known(KNOWN, "Nom;Prénom;Fonction\nAubert;Joël;Juriste\n", [0, 1, 0, 0, 0], "", &["Juriste"], &[]).await;
    let rows = "Nom;Prénom;E-mail;Mobile\nAubert;Joël;joel@example.com;0639984103\n";
    check_known(KNOWN, rows, [0, 1, 0, 0, 0], "", &["4103"], &[]).await;
}

#[tokio::test]
async fn a_company_is_not_taken_for_one_of_its_people() {
    let left = "one of the two is a company";
    let sheet = "First Name,Last Name,Email,Phone,Company\n,,,+33 1 99 00 41 01,Garage du Pont\n";
    check_known(KNOWN, sheet, [0, 0, 0, 1, 0], left, &[], &["Garage"]).await;
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;;;;\r\nFN:Garage du Pont\r\nORG:Garage du Pont\r\n\
                X-ABShowAs:COMPANY\r\nTEL;TYPE=WORK,MAIN:0199004101\r\nEMAIL;TYPE=WORK:contact@garage.example\r\n\
                END:VCARD\r\n";
    check_known(KNOWN, card, [0, 0, 0, 1, 0], left, &[], &["garage.example", "Garage"]).await;
    // Its next one is somebody new.
    let employee = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Noiret;Max;;;\r\nFN:Max Noiret\r\nTEL;TYPE=WORK:0199004101\r\n\
                    END:VCARD\r\n";
    check_known(KNOWN, &[card, employee].concat(), [1, 0, 0, 1, 0], left, &["Noiret"], &["Garage"]).await;
}

fn aubert(suffix: &str, born: &str, email: &str) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Aubert;Joël;;;{suffix}\r\nFN:Joël Aubert {suffix}\r\nTEL;TYPE=HOME:0199004101\r\n\
         BDAY:{born}\r\nEMAIL:{email}\r\nEND:VCARD\r\n"
    )
}

#[tokio::test]
async fn a_son_is_not_taken_for_his_father() {
    let left = "another birthday or generation";
    let son = aubert("Jr.", "1980-08-08", "junior@example.com");
    let lacking = &["junior@", "1980", "Jr."];
    check_known(KNOWN, &son, [0, 0, 0, 1, 0], left, &["joel@example.com"], lacking).await;
    let father = aubert("Sr.", "1950-05-05", "senior@example.com");
    check_known("", &[father, son].concat(), [1, 0, 0, 1, 0], left, &["senior@", "1950"], lacking).await;
}

#[tokio::test]
async fn a_part_of_an_address_is_no_second_address() {
    let head = "Email,First Name,Last Name";
    for file in [
        format!("{head},Country/Region,Lifecycle Stage\njoel@example.com,Joël,Aubert,France,customer\n"),
        format!("{head},City\njoel@example.com,Joël,Aubert,Orléans\n"),
        format!(
            "{head},Address,Zip,City,Country\njoel@example.com,Joël,Aubert,\"17, rue de la République\",45000,Orléans,FR\n"
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        import(&settings, "known", KNOWN.as_bytes(), false).await;
        let before = contacts(&settings);
        let (tally, told, _) = import(&settings, "file", file.as_bytes(), false).await;
        assert_eq!(tally.new + tally.ambiguous, 0, "{told:#?}");
        assert_eq!(contacts(&settings)[0].1.addresses, before[0].1.addresses, "{file}");
    }
}

#[tokio::test]
async fn letters_for_a_number_are_refused_where_they_are_read_and_nothing_else_is_lost() {
    let sheet = "last_name,firm_id,job_title\nDurand,12 rue,Juriste\n";
    let lines = "{\"last_name\":\"Durand\",\"firm_id\":\"abc\",\"job_title\":\"Juriste\"}\n";
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Durand;;;;\r\nFN:Durand\r\nTITLE:Juriste\r\nX-INCWO-FIRM-ID:abc\r\n\
                END:VCARD\r\n";
    for (file, place) in [
        (sheet, "file, line 2, column firm_id"),
        (lines, "file, line 1, firm_id"),
        (card, "file, line 1, X-INCWO-FIRM-ID"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        let (tally, told, _) = import(&settings, "file", file.as_bytes(), false).await;
        assert_eq!((five(&tally), tally.cells_refused), ([1, 0, 0, 0, 0], 1), "{told:#?}");
        assert!(told.iter().any(|line| line.contains(place)), "{told:#?}");
        let (_, contact) = contacts(&settings).remove(0);
        assert_eq!((contact.job_title.as_str(), contact.firm_id.as_str()), ("Juriste", ""));
    }
}
