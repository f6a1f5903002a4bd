//! What is only true of a folder of cards; the port's contract is tested on every replica, in `tests/replicas`.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::{
    books::{
        fs::{Digest, SAVED},
        testing::{Seen, apply, contact, create, delete, put, scan, settings, try_scan, update},
    },
    replica::{Action, RemoteContact, ReplicaError, memory::Known},
};

const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ada\r\nFN:Ada Lovelace\r\nN:Lovelace;Ada;;;\r\nEND:VCARD\r\n";

fn card(uid: &str) -> String {
    CARD.replace("UID:ada", &format!("UID:{uid}"))
}

fn book() -> (tempfile::TempDir, PathBuf, Vdir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("team");
    fs::create_dir(&path).unwrap();
    let vdir = Vdir::new(settings(path.clone()));
    (dir, path, vdir)
}

fn fresh(path: &Path, known: &Known) -> Seen {
    scan(&mut Vdir::new(settings(path.to_owned())), known)
}

fn agreed(path: &Path) -> Known {
    fresh(path, &Known::default()).known(&Known::default())
}

fn uid(record: &RemoteContact) -> String {
    record.uid.clone().unwrap_or_default()
}

#[test]
fn what_cannot_be_used_is_reported_and_counts_as_seen() {
    let (_dir, path, mut vdir) = book();
    let two = format!("{CARD}{}", card("bob"));
    let group = CARD.replace("FN:", "KIND:group\r\nFN:").replace("3.0", "4.0");
    put(&path, "0-good.vcf", CARD);
    put(&path, "1-two.vcf", two);
    put(&path, "2-empty.vcf", "");
    put(&path, "3-cut.vcf", &CARD[..40]);
    put(&path, "4-text.VCF", "hello");
    put(&path, "5-large.vcf", CARD.replace("ada", &"x".repeat(FILE_MAX as usize)));
    symlink("0-good.vcf", path.join("6-link.vcf")).unwrap();
    mknodat(CWD, path.join("7-pipe.vcf"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::create_dir(path.join("8-folder.vcf")).unwrap();
    put(&path, "9-same-uid.vcf", CARD);
    put(&path, "group.vcf", group);
    put(&path, ".hidden.vcf", CARD);
    put(&path, "notes.txt", "hello");
    fs::write(path.join(std::ffi::OsStr::from_bytes(b"\xff.vcf")), CARD).unwrap();

    let seen = scan(&mut vdir, &Known::default());
    assert_eq!(seen.changed.iter().map(|seen| seen.remote.as_str()).collect::<Vec<_>>(), ["0-good.vcf"]);
    assert!(!seen.everything, "a card that is missing may stand in one that cannot be read");
    assert_eq!(
        seen.problem_lines(),
        [
            "1-two.vcf: holds 2 cards; one a file is expected",
            "2-empty.vcf: is empty",
            "3-cut.vcf line 1: card has no END:VCARD",
            "4-text.VCF: holds no card",
            "5-large.vcf: is too large and is left alone",
            "6-link.vcf: is no ordinary file and is left alone",
            "7-pipe.vcf: is no ordinary file and is left alone",
            "8-folder.vcf: is no ordinary file and is left alone",
            "9-same-uid.vcf: has the same UID as another file and is left alone",
            "\\u{fffd}.vcf: has a name that is not UTF-8 and is left alone",
        ]
    );
    let named = seen.problems.iter().filter(|problem| problem.remote.is_some()).count();
    assert_eq!(named, 9, "all but the one without a name in text");

    // None of them is written to or removed, whatever the revision says.
    let revision = seen.changed[0].revision.clone();
    for remote in ["1-two.vcf", "6-link.vcf", "8-folder.vcf", "../team/0-good.vcf", ".carnet-book"] {
        let record = RemoteContact { remote: remote.into(), revision: revision.clone(), ..seen.changed[0].clone() };
        let writes = vec![update(&record, "ada", |contact| contact.comment = "x".into()), delete(&record, "ada")];
        for answer in apply(&mut vdir, writes) {
            assert!(answer.is_err(), "{remote}");
        }
    }
    assert_eq!(fs::read_to_string(path.join("0-good.vcf")).unwrap(), CARD);
    assert!(fs::symlink_metadata(path.join("6-link.vcf")).unwrap().is_symlink());
}

#[test]
fn what_may_hold_a_missing_card_makes_no_absence() {
    let check = |name: &str, text: &str, problem: &str, everything: bool| {
        let (_dir, path, _) = book();
        put(&path, "a.vcf", CARD);
        put(&path, "b.vcf", card("bob"));
        let known = agreed(&path);
        fs::remove_file(path.join("b.vcf")).unwrap();
        put(&path, name, text);
        let seen = fresh(&path, &known);
        assert_eq!(
            seen.problem_lines(),
            [problem].into_iter().filter(|problem| !problem.is_empty()).collect::<Vec<_>>()
        );
        assert_eq!(seen.everything, everything, "{name}");
    };
    let two = format!("{CARD}{}", card("bob"));
    let merged = format!("<<<<<<< HEAD\r\n{CARD}=======\r\n{}>>>>>>> theirs\r\n", card("bob"));
    let inside = CARD.replace("FN:", "<<<<<<< HEAD\r\nTITLE:a\r\n=======\r\nTITLE:b\r\n>>>>>>> theirs\r\nFN:");
    check("a.vcf", &two, "a.vcf: holds 2 cards; one a file is expected", false);
    check("c.vcf", &card("bob")[..60], "c.vcf line 1: card has no END:VCARD", false);
    check("a.vcf", &merged, "a.vcf line 1: has the marks of an unfinished merge (<<<<<<<)", false);
    check("a.vcf", &inside, "a.vcf line 4: has the marks of an unfinished merge (<<<<<<<)", false);
    let away = "b.vcf: is in the cloud and not on this machine";
    check(".b.vcf.icloud", "bplist00", away, false);
    check("b.vcf.nextcloud", "", away, false);
    check(".b.txt.icloud", "", "", true);
    check("c.vcf", CARD, "c.vcf: has the same UID as another file and is left alone", true);
    check("c.vcf", &CARD.replace("ada", "eve").replace("TITLE", "=======\r\nTITLE"), "", true);
}

#[test]
fn a_copy_of_an_agreed_file_is_the_copy_wherever_it_sorts() {
    let (_dir, path, _) = book();
    put(&path, "m.vcf", CARD);
    let known = agreed(&path);
    put(&path, "a.vcf", CARD);
    let seen = fresh(&path, &known);
    assert_eq!(seen.same, ["m.vcf"]);
    assert_eq!(seen.problem_lines(), ["a.vcf: has the same UID as another file and is left alone"]);
}

#[test]
fn an_unchanged_file_is_not_read_and_a_changed_one_always_is() {
    let (_dir, path, _) = book();
    put(&path, "a.vcf", CARD);
    let mut known = agreed(&path);
    // Were it read, it would not be the same: its agreed digest is another.
    let revision = known.revisions["a.vcf"].replace(Digest::of(CARD.as_bytes()).as_str(), &"0".repeat(32));
    known.revisions.insert("a.vcf".into(), revision);
    assert_eq!(fresh(&path, &known).same, ["a.vcf"]);

    // As many bytes, and the time of writing put back.
    let modified = fs::metadata(path.join("a.vcf")).unwrap().modified().unwrap();
    fs::write(path.join("a.vcf"), CARD.replace("Ada", "Eda")).unwrap();
    fs::File::options().write(true).open(path.join("a.vcf")).unwrap().set_modified(modified).unwrap();
    let seen = fresh(&path, &known);
    assert_eq!(seen.changed.len(), 1);
    assert_eq!(seen.changed[0].contact.first_name, "Eda");
}

#[test]
fn without_its_marker_a_folder_is_not_believed() {
    let (_dir, path, mut vdir) = book();
    let add = || vec![create(1)];
    let is_unsafe = |result: Result<(), ReplicaError>| matches!(result, Err(ReplicaError::Untrusted(_)));
    assert!(is_unsafe(apply(&mut vdir, add()).remove(0).map(drop)), "written to before it was looked at");

    put(&path, "a.vcf", CARD);
    let known = scan(&mut vdir, &Known::default()).known(&Known::default());
    assert!(fs::read_to_string(path.join(MARKER)).unwrap().contains("team"));
    let seen = fresh(&path, &Known::default()).changed;

    // It goes between the scan and the deletion.
    fs::remove_file(path.join(MARKER)).unwrap();
    assert!(is_unsafe(apply(&mut vdir, vec![delete(&seen[0], &uid(&seen[0]))]).remove(0).map(drop)));
    assert!(path.join("a.vcf").exists());
    let error = try_scan(&mut vdir, &known).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("use book \"team\": there is no marker file at"), "{error}");

    // An empty mount point; no folder at all.
    fs::rename(&path, path.with_extension("away")).unwrap();
    assert!(is_unsafe(try_scan(&mut Vdir::new(settings(path.clone())), &known).map(drop)));
    fs::create_dir(&path).unwrap();
    assert!(is_unsafe(try_scan(&mut Vdir::new(settings(path.clone())), &known).map(drop)));
    assert!(is_unsafe(apply(&mut vdir, add()).remove(0).map(drop)));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "nothing is written there");

    // A user's decision.
    put(&path, MARKER, "");
    assert!(try_scan(&mut Vdir::new(settings(path)), &known).is_ok());
}

#[test]
fn only_the_changed_lines_of_a_card_change() {
    let (_dir, path, mut vdir) = book();
    let foreign = "\r\nbegin:vcard\r\nVERSION:3.0\r\nX-ODD;a=\"b\":kept\r\nN:Lovelace;Ada;;;\r\nFN:Ada Lovelace\r\n\
                   TITLE:Analyst\r\nNOTE:fol\r\n ded\r\nend:vcard\r\n\r\n";
    put(&path, "a.vcf", foreign);
    let seen = scan(&mut vdir, &Known::default()).changed.remove(0);
    let answer = apply(&mut vdir, vec![update(&seen, "u", |contact| contact.job_title = "Countess".into())]).remove(0);
    let text = fs::read_to_string(path.join("a.vcf")).unwrap();
    assert_eq!(text, foreign.replace("Analyst", "Countess"));
    assert_eq!(answer.unwrap().unwrap().revision, fresh(&path, &Known::default()).changed[0].revision);
}

#[test]
fn fields_that_are_not_to_change_stay_as_the_file_has_them() {
    let (_dir, path, mut vdir) = book();
    put(&path, "a.vcf", CARD);
    let seen = scan(&mut vdir, &Known::default()).changed.remove(0);
    let mut write = update(&seen, "ada", |contact| contact.job_title = "Countess".into());
    if let Action::Update { contact, .. } = &mut write.action {
        contact.first_name = "never asked for".into();
    }
    apply(&mut vdir, vec![write]).remove(0).unwrap();
    let after = fresh(&path, &Known::default()).changed.remove(0).contact;
    assert_eq!((after.first_name.as_str(), after.job_title.as_str()), ("Ada", "Countess"));
}

#[test]
fn a_name_taken_by_another_contact_is_not_fought_over() {
    let (_dir, path, mut vdir) = book();
    let write = create(1);
    let name = format!("{}.vcf", write.uid);
    put(&path, &name, CARD);
    scan(&mut vdir, &Known::default());
    let made = apply(&mut vdir, vec![write.clone()]).remove(0).unwrap().unwrap();
    assert_ne!(made.remote, name);
    assert_eq!(fs::read_to_string(path.join(&name)).unwrap(), CARD);
    assert!(matches!(apply(&mut vdir, vec![write]).remove(0), Err(ReplicaError::Stale(Some(_)))));
    assert_eq!(fresh(&path, &Known::default()).changed.len(), 2);
}

#[test]
fn an_interrupted_exchange_is_undone_by_the_next_scan() {
    let (_dir, path, _) = book();
    put(&path, "a.vcf", CARD);
    let known = agreed(&path);
    // Our version was put in place of one that a user had just saved; then the run was killed.
    let (ours, theirs) = (CARD.replace("Ada", "Ours"), CARD.replace("Ada", "Eda"));
    let key = Digest::of(b"a.vcf");
    let swap = |ours: &str| format!(".carnet-swap-{}-{}-0.tmp", key.short(), Digest::of(ours.as_bytes()));
    put(&path, "a.vcf", &ours);
    put(&path, &swap(&ours), &theirs);
    put(&path, &format!(".carnet-new-{}-0.tmp", key.short()), "BEGIN:VC");
    let seen = fresh(&path, &known);
    assert_eq!(seen.changed.len(), 1);
    assert_eq!(fs::read_to_string(path.join("a.vcf")).unwrap(), theirs);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "the card and the marker");

    // A user has saved yet another version since: both are kept, and it is said.
    put(&path, &swap("gone"), CARD.replace("Ada", "Older"));
    let seen = fresh(&path, &known);
    assert_eq!(fs::read_to_string(path.join("a.vcf")).unwrap(), theirs);
    assert!(fs::read_to_string(path.join(format!("a.vcf{SAVED}"))).unwrap().contains("Older"));
    assert_eq!(seen.problems.len(), 1);
}

#[test]
fn what_was_just_written_needs_no_reading() {
    let (_dir, path, mut vdir) = book();
    scan(&mut vdir, &Known::default());
    let made = apply(&mut vdir, (0..50).map(create).collect());
    let revisions = made.into_iter().map(|made| made.unwrap().unwrap()).map(|made| (made.remote, made.revision));
    let known = Known { revisions: revisions.collect(), ..Known::default() };
    assert!(known.revisions.values().all(|revision| !revision.starts_with('/')), "all are stamped");
    let seen = fresh(&path, &known);
    assert_eq!((seen.same.len(), seen.changed.len()), (50, 0));
}

#[test]
fn a_card_that_could_not_be_read_again_is_not_written() {
    let (_dir, path, mut vdir) = book();
    scan(&mut vdir, &Known::default());
    let mut write = create(1);
    write.action =
        Action::Create { contact: crate::contact::Contact { comment: "x".repeat(FILE_MAX as usize), ..contact(1) } };
    let answer = apply(&mut vdir, vec![write, create(2)]);
    assert!(matches!(&answer[0], Err(ReplicaError::Rejected(diagnostic)) if diagnostic.hint.is_some()));
    assert!(answer[1].is_ok());
    assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "the other card and the marker");
}

#[test]
fn a_telephones_card_with_its_photo_is_a_card_like_any_other() {
    let (_dir, path, _) = book();
    let photo: String = "QUJD".repeat(14).chars().chain("\r\n ".chars()).collect::<String>().repeat(60_000);
    let text = CARD.replace("FN:", &format!("PHOTO;ENCODING=b;TYPE=JPEG:{}==\r\nFN:", photo.trim_end()));
    assert!(text.len() > 3 << 20, "of more than 3 MiB");
    put(&path, "ada.vcf", &text);
    let known = agreed(&path);
    let mut vdir = Vdir::new(settings(path.clone()));
    let seen = scan(&mut vdir, &known);
    assert_eq!((seen.same.len(), seen.problems.len()), (1, 0));
    let Ok(Lookup::Found(record)) = vdir.look_now("ada.vcf") else { panic!("it is there") };
    let write = update(&record, "ada", |contact| contact.job_title = "Engineer".into());
    assert!(apply(&mut vdir, vec![write])[0].is_ok());
    let now = fs::read_to_string(path.join("ada.vcf")).unwrap();
    assert_eq!(now, text.replace("END:", "TITLE:Engineer\r\nEND:"));
}

#[test]
fn a_path_that_is_no_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "file", "x");
    let error = try_scan(&mut Vdir::new(settings(dir.path().join("file"))), &Known::default()).map(drop).unwrap_err();
    assert!(matches!(error, ReplicaError::Rejected(_)), "{error:?}");
}

#[test]
fn of_more_new_files_than_are_listed_at_once_each_is_read_once() {
    let (_dir, path, mut vdir) = book();
    let count = 10_050;
    (0..count).for_each(|number| put(&path, &format!("{number}.vcf"), card(&number.to_string())));
    put(&path, "99999-again.vcf", card("7"));
    let seen = scan(&mut vdir, &Known::default());
    assert_eq!(seen.changed.len(), count);
    assert_eq!(seen.problem_lines(), ["99999-again.vcf: has the same UID as another file and is left alone"]);
    let seen = scan(&mut vdir, &seen.known(&Known::default()));
    assert_eq!((seen.changed.len() + seen.same.len(), seen.problems.len()), (count, 1));
}
