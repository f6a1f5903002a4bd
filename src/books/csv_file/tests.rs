//! What is only true of a table; the port's contract is tested on every replica, in `tests/replicas`.

use crate::replica::{Batch, Coverage, memory::Known};
use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    books::testing::{Seen, apply, create, delete, put, scan, try_scan, update},
    contact::{Field, Item, ItemType},
};

const GOOGLE: &str = "First Name,Last Name,Mood,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Notes\r\n\
                      Ada,Lovelace,good,Work,ada@x.example,Work,+33 1 23 45 67 89,one\r\n\
                      Emmy,Noether,\"very, good\",Work,emmy@x.example,Work,+33 1 98 76 54 32,two\r\n";
const CARNET: &str = "id,uid,last_name,first_name,professional_phone,shoe_size\n\
                      812,u1,Lovelace,Ada,+33123456789,38\n\
                      813,u2,Noether,Emmy,+33198765432,39\n";

fn book(text: &str) -> (tempfile::TempDir, PathBuf, CsvFile) {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "all.csv", text);
    let path = dir.path().join("all.csv");
    let file = open(&path);
    (dir, path, file)
}

fn open(path: &Path) -> CsvFile {
    CsvFile::new("team".into(), path.to_owned(), None)
}

/// A sheet without its quotation marks.
fn cells(sheet: &str) -> String {
    sheet.replace('"', "")
}

fn fresh(path: &Path, known: &Known) -> Seen {
    scan(&mut open(path), known)
}

fn agreed(path: &Path) -> Known {
    fresh(path, &Known::default()).known(&Known::default())
}

fn rewrite(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn only_the_changed_cells_change() {
    let (_dir, path, mut file) = book(GOOGLE);
    let seen = scan(&mut file, &Known::default()).changed;
    let emmy = seen.iter().find(|seen| seen.contact.first_name == "Emmy").unwrap();
    assert!(!emmy.fields.contains(Field::FirmId) && emmy.fields.contains(Field::Items));
    let answer =
        apply(&mut file, vec![update(emmy, "u", |contact| contact.comment = "three".into())]).remove(0).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), GOOGLE.replace("two", "three"));
    assert_eq!(answer.unwrap().remote, emmy.remote);

    // A column that is not read is not carnet's business.
    let known = agreed(&path);
    rewrite(&path, "very, good", "tired");
    assert_eq!(fresh(&path, &known).same.len(), 2);
}

#[test]
fn a_row_without_marks_is_known_again_after_a_push_that_changed_all_of_it() {
    let (_dir, path, mut file) = book(GOOGLE);
    let before = scan(&mut file, &Known::default());
    let ada = before.changed.iter().find(|seen| seen.contact.first_name == "Ada").unwrap();
    let write = update(ada, "u", |contact| {
        contact.first_name = "Augusta".into();
        contact.last_name = "King".into();
        contact.items = vec![Item::new(ItemType::ProfessionalEmail, "king@y.example")];
    });
    let written = apply(&mut file, vec![write]).remove(0).unwrap().unwrap();
    assert_eq!(written.remote, ada.remote);
    let mut known = before.known(&Known::default());
    known.revisions.insert(written.remote, written.revision);
    assert_eq!(fresh(&path, &known).same.len(), 2);
    // A user's edits are edits, of what was pushed too.
    rewrite(&path, "Emmy,Noether", "Emmy,N.");
    rewrite(&path, "king@y.example", "augusta@y.example");
    let seen = fresh(&path, &known);
    assert_eq!(seen.changed.len(), 2);
    assert!(seen.changed.iter().all(|seen| known.revisions.contains_key(&seen.remote)));
}

#[test]
fn a_spreadsheet_that_drops_the_marks_makes_no_new_contacts() {
    let (_dir, path, _) = book(CARNET);
    let known = agreed(&path);
    put(path.parent().unwrap(), "all.csv", "last_name,first_name,professional_phone\nNoether,Emmy,1\nLovelace,Ada,2\n");
    let names: Vec<_> =
        fresh(&path, &known).changed.into_iter().map(|seen| (seen.remote, seen.contact.first_name)).collect();
    assert_eq!(names, [("u1".to_owned(), "Ada".to_owned()), ("u2".to_owned(), "Emmy".to_owned())]);
}

#[test]
fn marks_are_filled_in_and_name_the_row() {
    let (_dir, path, mut file) = book("id,uid,last_name,first_name\n,,Lovelace,Ada\n,u2,Noether,Emmy\n");
    assert!(file.capabilities().identity);
    let seen = scan(&mut file, &Known::default()).changed;
    let ada = seen.iter().find(|seen| seen.contact.first_name == "Ada").unwrap();
    let mut write = update(ada, "u1", |_| {});
    write.crm_id = Some("812".into());
    let written = apply(&mut file, vec![write]).remove(0).unwrap().unwrap();
    assert_eq!((written.remote.as_str(), written.crm_id.as_deref()), ("u1", Some("812")));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "id,uid,last_name,first_name\n\"812\",\"u1\",\"Lovelace\",\"Ada\"\n,u2,Noether,Emmy\n"
    );

    // A UID that another row has is not given twice.
    rewrite(&path, "\"812\",\"u1\",", ",,");
    let ada = scan(&mut file, &Known::default()).changed.into_iter().find(|seen| seen.uid.is_none()).unwrap();
    let written = apply(&mut file, vec![update(&ada, "u2", |_| {})]).remove(0).unwrap().unwrap();
    assert_eq!((written.uid, written.remote), (None, ada.remote));
}

#[test]
fn a_row_that_cannot_be_read_is_never_taken_for_a_removed_one() {
    let (_dir, path, _) = book(CARNET);
    let known = agreed(&path);
    rewrite(&path, "813,u2,Noether,Emmy", "813,u2,Noether");
    let seen = fresh(&path, &known);
    assert_eq!((seen.everything, seen.same.as_slice()), (false, ["u1".to_owned()].as_slice()));
    assert_eq!(seen.problem_lines(), ["all.csv line 3: has 5 cells, the header 6"]);

    rewrite(&path, "813,u2,Noether", "812,u1,Noether,Emmy");
    let seen = fresh(&path, &known);
    let line = "all.csv line 3: is marked as the same contact as an earlier row and is left alone";
    assert_eq!((seen.everything, seen.problem_lines()), (true, vec![line.to_owned()]));
}

#[test]
fn a_quotation_mark_that_takes_in_the_rows_behind_it_removes_nobody() {
    let (_dir, path, _) = book(&CARNET.lines().fold(String::new(), |text, line| {
        let row = format!("\"{}\"\n", line.replace(',', "\",\""));
        text + &row
    }));
    let known = agreed(&path);
    // The row before the last is cut off within a cell; the last one follows.
    rewrite(&path, "\"Ada\",\"+33123456789\",\"38\"", "\"Ada");
    let seen = fresh(&path, &known);
    assert_eq!((seen.everything, seen.changed.len(), seen.same.len()), (false, 0, 0));
    assert_eq!(seen.problem_lines(), ["all.csv line 2: has text behind the closing quotation mark of cell 4"]);
}

#[test]
fn a_number_that_a_spreadsheet_destroyed_says_nothing() {
    let (_dir, path, mut file) = book(CARNET);
    let known = agreed(&path);
    rewrite(&path, "+33123456789", "3.31E+10");
    let seen = scan(&mut file, &known);
    assert_eq!(seen.changed.len(), 1);
    let ada = &seen.changed[0];
    assert!(!ada.fields.contains(Field::Items) && ada.fields.contains(Field::LastName));
    assert!(ada.contact.items.is_empty());
    assert_eq!(seen.problems.len(), 1);
    assert_eq!(
        (seen.problems[0].place.as_str(), seen.problems[0].remote.as_deref()),
        ("all.csv line 2, column professional_phone", Some("u1"))
    );
    // It is said again until it is mended, though nothing changes any more.
    let again = fresh(&path, &seen.known(&known));
    assert_eq!((again.same.len(), again.problems.len()), (2, 1));

    // The good value can be put back.
    let write =
        update(ada, "u1", |contact| contact.items = vec![Item::new(ItemType::ProfessionalPhone, "+33123456789")]);
    let written = apply(&mut file, vec![write]).remove(0).unwrap().unwrap();
    assert!(written.fields.contains(Field::Items));
    assert_eq!(cells(&fs::read_to_string(&path).unwrap()), cells(CARNET));
}

#[test]
fn a_table_may_widen_without_its_other_rows_changing() {
    let (_dir, path, mut file) = book(CARNET);
    let known = scan(&mut file, &Known::default()).known(&Known::default());
    let ada = fresh(&path, &Known::default()).changed.remove(0);
    let write =
        update(&ada, "u1", |contact| contact.items.push(Item::new(ItemType::ProfessionalPhone, "+33900000000")));
    let written = apply(&mut file, vec![write, create(1)]);
    assert_eq!(written[0].as_ref().unwrap().as_ref().unwrap().contact.items.len(), 2);
    let seen = fresh(&path, &known);
    assert_eq!((seen.same.as_slice(), seen.changed.len()), (["u2".to_owned()].as_slice(), 2));
}

#[test]
fn rows_written_and_removed_in_one_push_are_told_apart() {
    let (_dir, path, mut file) = book(CARNET);
    let seen = scan(&mut file, &Known::default()).changed;
    let writes =
        vec![delete(&seen[0], "u1"), update(&seen[1], "u2", |contact| contact.first_name = "E.".into()), create(5)];
    let answers = apply(&mut file, writes);
    assert_eq!(answers[0], Ok(None));
    let names: Vec<_> = answers[1..]
        .iter()
        .map(|a| a.as_ref().unwrap().as_ref().unwrap())
        .map(|s| s.contact.last_name.as_str())
        .collect();
    assert_eq!(names, ["Noether", "Name5"]);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        !text.contains("Lovelace") && text.contains("\"813\",\"u2\",\"Noether\",\"E.\",\"+33198765432\",\"39\"\n"),
        "{text}"
    );
}

#[test]
fn the_file_is_made_in_the_dialect_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/all.csv");
    for (profile, begins) in [(None, "\"id\",\"uid\",\"civility\",\"last_name\""), (Some("excel-fr"), "\u{feff}")] {
        let _ = fs::remove_file(&path);
        let mut file = CsvFile::new("team".into(), path.clone(), profile.and_then(Profile::named).cloned());
        assert!(file.capabilities().fields.contains(Field::Items), "before it is there");
        scan(&mut file, &Known::default());
        assert!(apply(&mut file, vec![create(1)])[0].is_ok());
        assert!(fs::read_to_string(&path).unwrap().starts_with(begins));
    }
}

#[test]
fn a_file_that_is_no_table_is_refused_and_left_alone() {
    let (_dir, path, mut file) = book("dear diary\ntoday\n");
    let is_rejected = |result: Result<(), ReplicaError>| matches!(result, Err(ReplicaError::Rejected(_)));
    assert!(is_rejected(try_scan(&mut file, &Known::default()).map(drop)));
    assert!(is_rejected(apply(&mut file, vec![create(1)]).remove(0).map(drop)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary\ntoday\n");
    let known = Known { revisions: [("u1".to_owned(), "r".to_owned())].into(), ..Known::default() };
    fs::remove_file(&path).unwrap();
    assert!(matches!(try_scan(&mut file, &known).map(drop), Err(ReplicaError::Untrusted(_))));
}

/// What a scan covered, and what is known once it was taken in.
fn take_in(file: &mut CsvFile, known: &Known) -> (Coverage, Seen, Known) {
    let mut seen = Seen::default();
    let mut sink = |batch: Batch| {
        seen.same.extend(batch.same);
        seen.changed.extend(batch.changed);
        Ok(())
    };
    let scanned = crate::books::testing::wait(file.scan(known, &mut sink)).unwrap();
    let mut after = if scanned.coverage == Coverage::Delta { known.clone() } else { seen.known(known) };
    after.notes = known.notes.clone();
    after.keep(scanned.cursor);
    (scanned.coverage, seen, after)
}

#[test]
fn a_file_that_is_as_it_was_agreed_on_is_not_read_for_its_rows() {
    for text in [CARNET, GOOGLE] {
        let (_dir, path, mut file) = book(text);
        let (coverage, seen, known) = take_in(&mut file, &Known::default());
        assert_eq!((coverage, seen.changed.len()), (Coverage::Complete, 2));
        let columns = file.capabilities();
        let mut file = open(&path);
        let (coverage, again, known) = take_in(&mut file, &known);
        assert_eq!((coverage, again.same.len(), again.changed.len()), (Coverage::Delta, 0, 0));
        assert_eq!(file.capabilities(), columns);

        // It can be written all the same.
        let write = update(&seen.changed[0], "u1", |contact| contact.first_name = "Augusta".into());
        let written = apply(&mut file, vec![write]).remove(0).unwrap().unwrap();
        assert_eq!(written.remote, seen.changed[0].remote);
        let mut known = known;
        known.revisions.insert(written.remote, written.revision);
        let (coverage, seen, known) = take_in(&mut open(&path), &known);
        assert_eq!((coverage, seen.same.len()), (Coverage::Complete, 2), "the file is another one");
        assert_eq!(take_in(&mut open(&path), &known).0, Coverage::Delta);

        // What was agreed on since is another thing.
        let mut moved = known.clone();
        moved.revisions.values_mut().for_each(|revision| *revision = "another".into());
        assert_eq!(take_in(&mut open(&path), &moved).0, Coverage::Complete);
        let mut fewer = known.clone();
        fewer.revisions.pop_first();
        assert_eq!(take_in(&mut open(&path), &fewer).0, Coverage::Complete);
        rewrite(&path, "Augusta", "Ada");
        assert_eq!(take_in(&mut open(&path), &known).1.changed.len(), 1);
    }
}

#[test]
fn what_has_to_be_said_each_time_is() {
    let (_dir, path, _) = book(&CARNET.replace("813,u2", "812,u1"));
    let (_, _, known) = take_in(&mut open(&path), &Known::default());
    assert_eq!(take_in(&mut open(&path), &known).0, Coverage::Complete, "a row is left alone");
}

#[test]
fn a_row_whose_id_is_no_number_is_not_believed() {
    let (_dir, path, _) = book(CARNET);
    let known = agreed(&path);
    rewrite(&path, "813,u2,", "Noether,u2,");
    let seen = fresh(&path, &known);
    assert_eq!(seen.problem_lines(), ["all.csv line 3: has a CRM id that is no number"]);
    assert_eq!((seen.everything, seen.changed.len(), seen.same.as_slice()), (false, 0, ["u1".to_owned()].as_slice()));
    // What a program makes of a column of numbers is the number.
    rewrite(&path, "Noether,u2,", "813.0,u2,");
    let seen = fresh(&path, &known);
    assert!(seen.problems.is_empty() && seen.everything);
    assert!(seen.changed.iter().all(|record| record.crm_id.as_deref() == Some("813")));
}

#[test]
fn a_dialect_that_is_named_needs_proof_as_well() {
    let named = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "all.csv", text);
        let profile = Some(Profile::carnet().clone());
        try_scan(&mut CsvFile::new("team".into(), dir.path().join("all.csv"), profile), &Known::default()).is_ok()
    };
    assert!(named("last_name,professional_phone\nNoether,1\n"));
    assert!(named("uid,comment\nu1,x\n"));
    assert!(!named("id\n812\n813\n"), "a program left one column of it");
    assert!(!named("id,comment\n812,x\n"), "nobody is named");
}

#[test]
fn a_sheet_that_is_open_in_an_office_program_is_not_written() {
    for lock in [".~lock.all.csv#", "~$all.csv"] {
        let (dir, path, mut file) = book(CARNET);
        let known = scan(&mut file, &Known::default());
        put(dir.path(), lock, ",ada,here,29.11.2026 10:00;");
        let write = || vec![update(&known.changed[0], "u1", |contact| contact.first_name = "Augusta".into())];
        let refused = apply(&mut file, write()).remove(0).unwrap_err().to_string();
        assert!(refused.contains("is open in another program") && refused.contains(lock), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), CARNET);
        assert_eq!(scan(&mut file, &known.known(&Known::default())).same.len(), 2, "it is read meanwhile");
        fs::remove_file(dir.path().join(lock)).unwrap();
        assert!(apply(&mut file, write()).remove(0).is_ok());
    }
}

#[test]
fn a_number_that_a_program_only_wrote_otherwise_is_the_agreed_one() {
    let sheet = "id,uid,last_name,professional_zip_code,professional_city,professional_phone\n\
                 812,u1,Peeters,\"1000\",Bruxelles,\"612345678\"\n813,u2,Roux,01000,Bourg,0612345678\n";
    let (_dir, path, _) = book(sheet);
    let before = fresh(&path, &Known::default());
    let known = before.known(&Known::default());
    let agreed = |remote: &str| before.changed.iter().find(|seen| seen.remote == remote).unwrap().contact.clone();
    assert_eq!(agreed("u1").addresses[0].zip_code, "1000");
    // What LibreOffice writes of it without a keystroke.
    rewrite(&path, "\"1000\"", "1000");
    rewrite(&path, "\"612345678\"", "612345678");
    rewrite(&path, "01000,Bourg,0612345678", "1000,Bourg,612345678");
    let file = CsvFile::new("team".into(), path.clone(), None);
    for record in fresh(&path, &known).changed {
        let known = agreed(&record.remote);
        assert_eq!(*file.interpret(&record, &known).unwrap().said(), known);
        let stranger = file.interpret(&record, &Contact::default()).unwrap().there;
        assert_eq!(stranger.addresses[0].zip_code, "1000", "nobody said that it is in France, and it is no newcomer's");
    }
}

#[test]
fn a_number_that_a_spreadsheet_lost_is_found_by_what_was_agreed() {
    let sheet = "id,uid,last_name,professional_phone,personal_phone\n812,u1,Roux,0612345678,\"01 99 00 00 01\"\n";
    let (_dir, path, _) = book(sheet);
    let before = fresh(&path, &Known::default());
    let agreed = before.changed[0].contact.clone();
    for (shown, is_agreed) in [("\"6,12E+08\"", true), ("6.12E+08", true), ("6.13E+08", false), ("1-Feb", false)] {
        put(path.parent().unwrap(), "all.csv", sheet.replace("0612345678", shown));
        let mut file = CsvFile::new("team".into(), path.clone(), None);
        let record = scan(&mut file, &before.known(&Known::default())).changed.remove(0);
        assert!(!record.fields.contains(Field::Items), "it says nothing by itself");
        let read = file.interpret(&record, &agreed).unwrap();
        assert_eq!((*read.said() == agreed, read.rewritten.contains(Field::Items)), (is_agreed, is_agreed), "{shown}");
    }
}

#[test]
fn what_a_formula_shows_is_found_where_it_points() {
    let sheet = "uid,last_name,professional_street,comment\n\nu1,Roux,=A1,=B5\n\nu2,Martin,,\n";
    let (_dir, path, _) = book(sheet);
    let before = fresh(&path, &Known::default());
    let agreed = before.changed[0].contact.clone();
    for (street, comment, is_agreed) in [("uid", "Martin", true), ("uid", "Roux", false), ("rue A", "Martin", false)] {
        put(path.parent().unwrap(), "all.csv", sheet.replace("=A1", street).replace("=B5", comment));
        let mut file = CsvFile::new("team".into(), path.clone(), None);
        let record = scan(&mut file, &before.known(&Known::default())).changed.remove(0);
        assert_eq!(*file.interpret(&record, &agreed).unwrap().said() == agreed, is_agreed, "{street} {comment}");
    }
}
