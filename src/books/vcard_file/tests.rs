//! What is only true of a file of cards; the port's contract is tested on every replica, in `tests/replicas`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    books::{
        fs::SAVED,
        testing::{Seen, apply, create, delete, put, scan, settings, try_scan, update},
    },
    replica::memory::Known,
};

const ADA: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ada\r\nFN:Ada Lovelace\r\nN:Lovelace;Ada;;;\r\nEND:VCARD\r\n";
const EMMY: &str = "BEGIN:VCARD\nVERSION:2.1\nN:Noether;Emmy\nX-ODD:kept\nTEL;WORK:01 23 45 67 89\nEND:VCARD\n";
const GROUP: &str = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:g\r\nKIND:group\r\nFN:All\r\nMEMBER:ada\r\nEND:VCARD\r\n";

fn book(text: &str) -> (tempfile::TempDir, PathBuf, VcardFile) {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "all.vcf", text);
    let path = dir.path().join("all.vcf");
    let file = VcardFile::new(settings(path.clone()));
    (dir, path, file)
}

fn fresh(path: &Path, known: &Known) -> Seen {
    scan(&mut VcardFile::new(settings(path.to_owned())), known)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn all_but_the_changed_card_stays_as_it_is() {
    let all = format!("\u{feff}{ADA}\r\n\r\n{GROUP}{EMMY}\n");
    let (_dir, path, mut file) = book(&all);
    let seen = scan(&mut file, &Known::default());
    assert_eq!((seen.changed.len(), seen.problems.len()), (2, 0), "the group is left alone");
    let ada = seen.changed.iter().find(|seen| seen.remote == "ada").unwrap();
    let writes = vec![update(ada, "ada", |contact| contact.job_title = "Countess".into()), create(1)];
    let answers = apply(&mut file, writes);
    let after = text(&path);
    let changed = ADA.replace("END:", "TITLE:Countess\r\nEND:");
    assert!(after.starts_with(&format!("\u{feff}{changed}\r\n\r\n{GROUP}{EMMY}\n")), "{after}");
    assert_eq!(after.matches("BEGIN:VCARD").count(), 4);

    let known = Known {
        revisions: answers.into_iter().map(|a| a.unwrap().unwrap()).map(|seen| (seen.remote, seen.revision)).collect(),
        ..Known::default()
    };
    let seen = fresh(&path, &known);
    assert_eq!((seen.same.len(), seen.changed.len()), (2, 1));
    assert_eq!(apply(&mut file, vec![delete(&seen.changed[0], "x")]), [Ok(None)]);
    assert!(!text(&path).contains("Noether") && text(&path).contains("TITLE:Countess"));
}

#[test]
fn a_card_without_a_uid_keeps_its_name_until_it_gets_one() {
    let (_dir, path, mut file) = book(&format!("{ADA}{EMMY}"));
    let known = scan(&mut file, &Known::default()).known(&Known::default());
    let name = known.revisions.keys().find(|name| *name != "ada").unwrap().clone();
    assert!(name.starts_with("row:"), "{name}");

    fs::write(&path, text(&path).replace("01 23", "09 99")).unwrap();
    let seen = scan(&mut file, &known);
    assert_eq!((seen.same.as_slice(), seen.changed[0].remote.as_str()), (["ada".to_owned()].as_slice(), name.as_str()));

    // A UID that another card has is not given twice.
    let mut write = update(&seen.changed[0], "ada", |_| {});
    write.crm_id = None;
    assert_eq!(apply(&mut file, vec![write]).remove(0).unwrap().unwrap().remote, name);

    let mut write = update(&seen.changed[0], "emmy", |_| {});
    write.crm_id = Some("812".into());
    let answer = apply(&mut file, vec![write]).remove(0).unwrap().unwrap();
    assert_eq!((answer.remote.as_str(), answer.crm_id.as_deref()), ("emmy", Some("812")));
    assert!(text(&path).contains("X-ODD:kept\n"));
    let seen = fresh(&path, &Known::default());
    assert_eq!(seen.changed.iter().map(|seen| seen.remote.as_str()).collect::<Vec<_>>(), ["ada", "emmy"]);
}

#[test]
fn a_card_that_cannot_be_read_is_never_taken_for_a_deleted_one() {
    let (_dir, path, _) = book(&format!("{ADA}{EMMY}"));
    let known = fresh(&path, &Known::default()).known(&Known::default());

    // Its UID can still be made out: it counts as seen. Of the others nobody can tell.
    put(path.parent().unwrap(), "all.vcf", format!("{}{EMMY}", ADA.replace("END:VCARD\r\n", "")));
    let seen = fresh(&path, &known);
    assert_eq!(seen.problem_lines(), ["all.vcf line 1: card has no END:VCARD"]);
    assert_eq!((seen.problems[0].remote.as_deref(), seen.everything, seen.same.len()), (Some("ada"), false, 1));

    // It cannot.
    put(path.parent().unwrap(), "all.vcf", format!("{ADA}{}", &EMMY[..30]));
    let seen = fresh(&path, &known);
    assert_eq!((seen.problems[0].remote.as_deref(), seen.everything, seen.same.len()), (None, false, 1));
}

#[test]
fn of_two_cards_with_one_uid_the_later_is_reported() {
    let other = ADA.replace("Ada", "Eda");
    let (_dir, path, _) = book(&format!("{ADA}{other}{EMMY}"));
    let seen = fresh(&path, &Known::default());
    assert_eq!(seen.changed.len(), 2);
    assert_eq!(seen.problem_lines(), ["all.vcf line 7: has the same UID as an earlier card and is left alone"]);
    // The same where the first is not parsed for being known.
    let again = fresh(&path, &seen.known(&Known::default()));
    assert_eq!((again.same.len(), again.changed.len(), again.problems.len()), (2, 0, 1));
}

#[test]
fn a_missing_file_is_no_empty_book() {
    let (_dir, path, mut file) = book(ADA);
    let known = scan(&mut file, &Known::default()).known(&Known::default());
    fs::remove_file(&path).unwrap();
    let is_unsafe = |result: Result<(), ReplicaError>| matches!(result, Err(ReplicaError::Untrusted(_)));
    assert!(is_unsafe(apply(&mut file, vec![create(1)]).remove(0).map(drop)), "it was there when it was scanned");
    assert!(is_unsafe(try_scan(&mut file, &known).map(drop)));
    assert!(is_unsafe(apply(&mut VcardFile::new(settings(path.clone())), vec![create(1)]).remove(0).map(drop)));
    assert!(matches!(crate::books::testing::wait(file.fetch("ada")).unwrap(), Lookup::Unclear(_)));
    assert!(!path.exists());
}

#[test]
fn a_save_by_another_program_is_never_overwritten() {
    let (dir, path, _) = book(ADA);
    let mut file = SingleFile::new("team".into(), path.clone());
    file.open_to_scan(false).unwrap();
    let put = |file: &mut SingleFile, version: &OpenVersion, expected: &str| {
        let staged = file.stage::<io::Error>(version, |out| out.write_all(b"ours")).unwrap();
        file.put(version, staged, Some(&Digest::of(expected.as_bytes()))).unwrap()
    };
    let version = file.open_to_write().unwrap();
    fs::write(&path, EMMY).unwrap();
    assert_eq!(put(&mut file, &version, ADA), Replaced::Again);
    assert_eq!(text(&path), EMMY);
    drop(version);
    let version = file.open_to_write().unwrap();
    assert_eq!(put(&mut file, &version, EMMY), Replaced::Done);
    assert_eq!(text(&path), "ours");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left over");
}

#[test]
fn what_a_killed_run_left_is_cleared_or_kept() {
    let (dir, path, mut file) = book(ADA);
    let key = Digest::of(b"all.vcf");
    let of = |text: &str| Digest::of(text.as_bytes());
    put(dir.path(), &format!(".carnet-new-{}-1.tmp", key.short()), "BEGIN");
    put(dir.path(), &format!(".carnet-swap-{}-{}-1.tmp", key.short(), of(ADA)), EMMY);
    put(dir.path(), ".carnet-new-anothersbook-1.tmp", "x");
    let seen = scan(&mut file, &Known::default());
    assert_eq!(text(&path), EMMY, "the exchange is undone");
    assert_eq!((seen.changed.len(), seen.problems.len()), (1, 0));

    put(dir.path(), &format!(".carnet-swap-{}-{}-2.tmp", key.short(), of("gone")), ADA);
    assert_eq!(scan(&mut file, &Known::default()).problems[0].place, format!("all.vcf{SAVED}"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "the book, the one set aside, another's");
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let (dir, path, _) = book(ADA);
    let link = dir.path().join("link.vcf");
    std::os::unix::fs::symlink("all.vcf", &link).unwrap();
    let mut file = VcardFile::new(settings(link.clone()));
    scan(&mut file, &Known::default());
    assert!(apply(&mut file, vec![create(1)])[0].is_ok());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(text(&path).matches("BEGIN:VCARD").count(), 2);
}

#[test]
fn a_card_that_is_too_large_to_be_held_counts_as_seen() {
    let (dir, path, _) = book(&format!("{ADA}{EMMY}"));
    let known = fresh(&path, &Known::default()).known(&Known::default());
    let photo = format!("PHOTO:{}\r\n", "x".repeat(crate::formats::vcard::split::CARD_MAX));
    let large = |before: &str, after: &str| ADA.replace("UID:ada\r\n", &format!("{before}UID:ada\r\n{after}"));
    for card in [large(&photo, ""), large("", &photo)] {
        put(dir.path(), "all.vcf", format!("\r\n{card}{EMMY}"));
        let seen = fresh(&path, &known);
        assert_eq!(seen.problem_lines(), ["all.vcf line 2: card is larger than 16 MB"]);
        assert_eq!((seen.problems[0].remote.as_deref(), seen.everything, seen.same.len()), (Some("ada"), false, 1));
    }
}

#[test]
fn a_file_that_may_be_cut_short_makes_no_absence() {
    let check = |text: &str, problems: &[&str], everything: bool| {
        let (dir, path, _) = book(&format!("{ADA}{EMMY}{}", ADA.replace("UID:ada", "UID:eve")));
        let known = fresh(&path, &Known::default()).known(&Known::default());
        put(dir.path(), "all.vcf", text);
        let seen = fresh(&path, &known);
        assert_eq!(
            (seen.problem_lines().as_slice(), seen.everything),
            (problems.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(), everything)
        );
    };
    let cut = "all.vcf: lacks the end of its last line and may be cut short: no card counts as removed";
    let unended = "card has no END:VCARD";
    check(&format!("{ADA}{EMMY}"), &[], true);
    check(format!("{ADA}{EMMY}").trim_end(), &[cut], false);
    check(&format!("{ADA}{}", &EMMY[..40]), &[&format!("all.vcf line 7: {unended}")], false);
    // All are there: there is nothing to ask about.
    let whole = format!("{ADA}{EMMY}{}", ADA.replace("UID:ada", "UID:eve"));
    check(whole.trim_end(), &[], true);
}

#[test]
fn an_unfinished_merge_is_not_believed() {
    let eve = ADA.replace("UID:ada", "UID:eve");
    let inside = ADA.replace("FN:", "<<<<<<< HEAD\r\nTITLE:a\r\n=======\r\nTITLE:b\r\n>>>>>>> theirs\r\nFN:");
    let between = format!("{EMMY}<<<<<<< HEAD\r\n{ADA}=======\r\n{eve}>>>>>>> theirs\r\n");
    for (text, line) in [(inside, 4), (between, 7)] {
        let (_dir, path, mut file) = book(&format!("{ADA}{EMMY}"));
        let known = scan(&mut file, &Known::default()).known(&Known::default());
        fs::write(&path, &text).unwrap();
        let refused =
            |error: &ReplicaError| error.to_string().contains(&format!("all.vcf line {line}: it has the marks"));
        assert!(try_scan(&mut file, &known).is_err_and(|error| refused(&error)), "{text}");
        assert!(apply(&mut file, vec![create(1)]).remove(0).is_err_and(|error| refused(&error)));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_file_in_utf_16_is_read_and_becomes_utf_8_once_it_is_written() {
    let (_dir, path, mut file) = book("");
    let wide: Vec<u8> = format!("\u{feff}{ADA}{EMMY}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&path, wide).unwrap();
    let seen = scan(&mut file, &Known::default());
    let write = update(&seen.changed[0], "ada", |contact| contact.job_title = "Countess".into());
    assert!(apply(&mut file, vec![write])[0].is_ok());
    assert_eq!(text(&path), format!("{}{EMMY}", ADA.replace("END:", "TITLE:Countess\r\nEND:")));
}

#[test]
fn a_file_that_is_written_while_it_is_read_is_not_believed() {
    let card = |number: usize| ADA.replace("UID:ada", &format!("UID:{number}"));
    let all: String = (0..3000).map(card).collect();
    for known in [Known::default(), fresh(&book(&all).1, &Known::default()).known(&Known::default())] {
        let (_dir, path, mut file) = book(&all);
        let mut batches = 0;
        let mut sink = |_| {
            batches += 1;
            fs::write(&path, format!("{all}{}", "\r\n".repeat(batches))).unwrap();
            Ok(())
        };
        let scanned = crate::books::testing::wait(file.scan(&known, &mut sink));
        assert!(matches!(scanned, Err(ReplicaError::Unavailable(_))), "{scanned:?}");
    }
}
