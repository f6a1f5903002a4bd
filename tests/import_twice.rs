//! A pile imported again and again: nobody is made twice, and nothing goes to and fro.

use std::fmt::Write as _;

use carnet::{
    contact::Contact,
    mirror::{Agreement, Mirror},
};
use proptest::prelude::*;

use super::csv_pile::{contacts, five, import, settings};

/// Imports a file, then again. What became of its records the first and the second time, and what was told of those
/// that were left.
async fn check(text: &str, first: [u64; 5], second: [u64; 5], left: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let (tally, told, _) = import(&settings, "file", text.as_bytes(), false).await;
    assert_eq!(five(&tally), first, "{told:#?}");
    let problems: Vec<&String> = told.iter().filter(|line| line.contains("Problem")).collect();
    assert_eq!(problems.len(), left.len(), "{problems:#?}");
    for (problem, words) in problems.iter().zip(left) {
        assert!(problem.contains(words), "{problem} should say {words}");
    }
    let held = contacts(&settings);
    let (tally, told, _) = import(&settings, "file", text.as_bytes(), false).await;
    assert_eq!(five(&tally), second, "{told:#?}");
    assert_eq!(contacts(&settings), held);
}

const HEAD: &str = "last_name,first_name,job_title,professional_phone,professional_email\n";

#[tokio::test]
async fn two_rows_of_one_name_with_different_telephones_are_not_made_one() {
    let rows = format!("{HEAD}Martin,Marie,,01 99 00 00 01,\nMartin,Marie,,01 99 00 00 02,\n");
    let left = "file, line 3\", message: \"has the name of an earlier record";
    check(&rows, [1, 0, 0, 1, 0], [0, 0, 1, 1, 0], &[left]).await;
}

#[tokio::test]
async fn a_name_that_comes_again_with_more_is_the_same_person() {
    let rows = format!("{HEAD}Martin,Marie,,01 99 00 00 01,\nMartin,Marie,,,m@example.com\nMartin,Marie,Juriste,,\n");
    check(&rows, [1, 2, 0, 0, 0], [0, 0, 3, 0, 0], &[]).await;
}

#[tokio::test]
async fn a_name_typed_carelessly_is_the_same_person_and_the_better_spelling_stands() {
    let rows = format!(
        "{HEAD}DUPRE,HELENE,,01 99 00 00 01,\nDupré,Hélène,,,h@example.com\nDUPRE,H.,,,H@example.com\n\
         Hélène,Dupré,,,h@example.com\nDupré,Hélène,,01 99 00 00 01,\nDupré,Luc,,01 99 00 00 01,\n"
    );
    check(&rows, [2, 1, 3, 0, 0], [0, 0, 6, 0, 0], &[]).await;
}

#[tokio::test]
async fn of_two_records_that_contradict_each_other_the_first_stands_each_time() {
    let rows = format!(
        "{HEAD}Martin,Marie,Juriste,,m@example.com\nMARTIN,Marie,Avocate,01 99 00 00 01,m@example.com\n\
         MARTIN,Marie,JURISTE,,m@example.com\n"
    );
    let left = "file, line 3\", message: \"says otherwise than an earlier record of the same person: job_title";
    check(&rows, [1, 0, 1, 1, 0], [0, 0, 2, 1, 0], &[left]).await;
}

#[tokio::test]
async fn a_mark_or_a_name_alone_makes_nobody_somebody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let known = "uid,last_name,first_name,company,professional_phone,professional_email\n\
                 u1,Martin,Jean,Sté A,01 99 00 00 01,jm@example.com\n";
    import(&settings, "known", known.as_bytes(), false).await;
    let mut mirror = Mirror::open(&settings.mirror.path).expect("the mirror");
    let (_, contact) = contacts(&settings).remove(0);
    let id = mirror.contact_by_uid("u1").expect("a contact").expect("there").id;
    mirror
        .put_agreement("crm", &Agreement { remote: "1004".into(), ..agreement(id, &contact) })
        .expect("the CRM has it");
    drop(mirror);
    let held = contacts(&settings);
    for (row, words) in [
        ("1004,,Durand,Zoé,,,", "has the CRM id of contact 1004 and nothing else in common with it"),
        (",u1,Durand,Zoé,,01 99 00 00 02,", "has the UID of contact 1004 and nothing else in common with it"),
        (",,Martin,Jean,Sté B,01 99 00 00 02,", "has the name of contact 1004 and nothing else in common with it"),
    ] {
        let file = format!("id,uid,last_name,first_name,company,professional_phone,professional_email\n{row}\n");
        let (tally, told, code) = import(&settings, "file", file.as_bytes(), false).await;
        assert_eq!((five(&tally), code), ([0, 0, 0, 1, 0], 3), "{row}");
        assert!(told.iter().any(|line| line.contains("file, line 2") && line.contains(words)), "{told:#?}");
        assert_eq!(contacts(&settings), held, "{row}");
    }
    for (row, expected) in [
        ("1004,u1,Durand,Zoé,,,", [0, 1, 0, 0, 0]), // two marks that agree are a user's decision
        (",,Durand,Z.,,01 99 00 00 01,", [0, 0, 1, 0, 0]),
        (",,Durand,Zoé,,01 99 00 00 02,", [0, 0, 0, 1, 0]), // her name, and another telephone
        (",,Durand,Zoé,STE A,01 99 00 00 02,", [0, 1, 0, 0, 0]), // of her company
    ] {
        let file = format!("id,uid,last_name,first_name,company,professional_phone,professional_email\n{row}\n");
        let (tally, told, _) = import(&settings, "file", file.as_bytes(), false).await;
        assert_eq!(five(&tally), expected, "{row}: {told:#?}");
    }
}

#[tokio::test]
async fn a_record_of_a_deleted_contact_brings_it_back_as_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let rows = format!("{HEAD}Martin,Marie,Juriste,,m@example.com\nMartin,Marie,,01 99 00 00 01,m@example.com\n");
    import(&settings, "file", rows.as_bytes(), false).await;
    let held = contacts(&settings);
    let mut mirror = Mirror::open(&settings.mirror.path).expect("the mirror");
    let id = mirror.contact_by_uid(&held[0].0).expect("a contact").expect("there").id;
    mirror.put_agreement("book", &agreement(id, &held[0].1)).expect("somebody still holds it");
    mirror.delete_contact(id, "2026-11-28T10:00:00Z").expect("a deletion");
    drop(mirror);
    let again = format!("{HEAD}Martin,Marie,,01 99 00 00 01,m@example.com\n");
    let (tally, told, _) = import(&settings, "file", again.as_bytes(), false).await;
    assert_eq!(five(&tally), [1, 0, 0, 0, 0], "{told:#?}");
    assert_eq!(contacts(&settings), held);
}

fn agreement(contact: i64, content: &Contact) -> Agreement {
    Agreement {
        contact,
        remote: "a.vcf".into(),
        revision: "1".into(),
        theirs: content.clone(),
        ours: content.clone(),
        version: 1,
        detail: None,
        detached: false,
        marks: String::new(),
    }
}

#[tokio::test]
async fn one_card_has_one_picture() {
    let card = |photo: &str| {
        format!(
            "BEGIN:VCARD\nVERSION:3.0\nN:Martin;Marie;;;\nFN:Marie Martin\nEMAIL:m@example.com\n\
             PHOTO;ENCODING=b;TYPE=JPEG:{photo}\nEND:VCARD\n"
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    for (photo, expected) in [("AAAA", [1, 0, 0, 0, 0]), ("BBBB", [0, 1, 0, 0, 0]), ("BBBB", [0, 0, 1, 0, 0])] {
        let (tally, told, _) = import(&settings, "file", card(photo).as_bytes(), false).await;
        assert_eq!(five(&tally), expected, "{told:#?}");
        let extra = contacts(&settings).remove(0).1.extra;
        assert_eq!(extra, [format!("PHOTO;ENCODING=b;TYPE=JPEG:{photo}")]);
    }
    check(
        &[card("AAAA"), card("BBBB")].concat(),
        [1, 0, 0, 1, 0],
        [0, 0, 1, 1, 0],
        &["says otherwise than an earlier record of the same person: PHOTO"],
    )
    .await;
}

/// A record of a pile in which few people come often: its name, job, telephone, e-mail and picture, each perhaps none.
fn record() -> impl Strategy<Value = String> {
    let some = |values: &'static [&'static str]| prop::sample::select(values);
    (
        some(&["", "", "a", "b", "c"]),
        some(&["", "Martin;Marie", "MARTIN;Marie", "Durand;Luc", "Durand;"]),
        some(&["", "Juriste", "JURISTE", "Avocate"]),
        some(&["", "01 99 00 00 01", "+33199000001", "01 99 00 00 02"]),
        some(&["", "m@example.com", "M@example.com", "info@example.com"]),
        some(&["", "AAAA", "BBBB"]),
        some(&["", "ACME", "Garage"]),
    )
        .prop_map(|(uid, name, job, phone, email, photo, company)| {
            let mut card = String::from("BEGIN:VCARD\nVERSION:3.0\n");
            for (head, value) in [
                ("UID", uid),
                ("N", name),
                ("TITLE", job),
                ("TEL;TYPE=WORK,VOICE", phone),
                ("EMAIL;TYPE=WORK", email),
                ("PHOTO;ENCODING=b", photo),
                ("ORG", company),
            ] {
                if !value.is_empty() {
                    let _ = writeln!(card, "{head}:{value}");
                }
            }
            card + "END:VCARD\n"
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn a_pile_imported_again_makes_nobody_twice_and_comes_to_rest(
        known in prop::collection::vec(record(), 0..4),
        pile in prop::collection::vec(record(), 0..9),
    ) {
        let (records, known, pile) = (pile.len(), known.concat(), pile.concat());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let settings = settings(folder.path());
            if !known.is_empty() {
                import(&settings, "known.vcf", known.as_bytes(), false).await;
            }
            if pile.is_empty() {
                return Ok(());
            }
            let (mut before, ..) = import(&settings, "pile.vcf", pile.as_bytes(), false).await;
            // Only who was left to a person may yet be told apart by what later records have said: a time more for each.
            for times_left in (0..=records).rev() {
                let held = contacts(&settings);
                let (tally, told, _) = import(&settings, "pile.vcf", pile.as_bytes(), false).await;
                prop_assert!(tally.new <= before.ambiguous, "{:#?}", told);
                if contacts(&settings) == held {
                    prop_assert_eq!((tally.new, tally.updated), (0, 0));
                    return Ok(());
                }
                prop_assert!(times_left > 0, "{:#?}", told);
                before = tally;
            }
            Ok(())
        })?;
    }
}
