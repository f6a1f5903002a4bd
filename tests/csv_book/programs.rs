//! What programs make of a sheet that they open and save, without anybody typing a letter: the CRM hears nothing of it, and
//! the sheet is put right.

use super::*;

/// Values that spreadsheets take for something else, each in a contact of its own.
async fn office(dialect: &str) -> Office {
    let office = Office::new(12, dialect).await;
    let ids = office.sandbox.store().ids().expect("ids");
    let fields = [
        ("comment", "=1+1"),
        ("job_title", "007"),
        ("job_department", "1E5"),
        ("comment", "1/2"),
        ("comment", "29/11/2026"),
        ("job_title", "VRAI"),
        ("comment", "100 %"),
        ("comment", "12345678901234567890"),
        ("firm_id", "331"),
    ];
    for (id, (field, value)) in ids.iter().zip(fields) {
        office.sandbox.store().edit(*id, field, value).expect("an edit");
    }
    let street =
        "<street_address>=A1</street_address><zip_code>00186</zip_code><city>Roma</city><country>Italie</country>";
    let address = format!("<contact_address><type_id>21</type_id>{street}</contact_address>");
    let phone = |value: &str| format!("<contact_item><type_id>24</type_id><value>{value}</value></contact_item>");
    for (id, xml) in [
        (ids[9], format!("<contact_addresses>{address}</contact_addresses>")),
        (ids[10], format!("<contact_items>{}</contact_items>", phone("0199003401"))),
        (ids[11], format!("<contact_items>{}</contact_items>", phone("+33199003402"))),
    ] {
        office.sandbox.store().put(id, &format!("<contact>{xml}</contact>")).expect("an edit");
    }
    office.run(false).await;
    office.rests("before any program").await;
    office
}

/// A cell as a program writes it that has read it.
type Habit = fn(&str, header: &str) -> Option<&'static str>;

/// LibreOffice with its defaults: it takes numbers and formulas for what they are, and leaves the rest.
fn libreoffice(cell: &str, header: &str) -> Option<&'static str> {
    let first_header =
        ["id", "Identifiant CRM", "First Name", "Titre", "Prénom"].into_iter().find(|name| *name == header);
    Some(match cell {
        "=1+1" => "2",
        "=A1" => first_header?,
        "007" => "7",
        "1E5" => "100000",
        "00186" => "186",
        "0199003401" => "199003401",
        "+33199003402" => "33199003402",
        "12345678901234567890" => "1.23456789012346E+019",
        _ => return None,
    })
}

/// The same, told to look for dates and other special numbers.
fn special_numbers(cell: &str, header: &str) -> Option<&'static str> {
    Some(match cell {
        "1/2" => "02/01/26",
        "29/11/2026" => "11/29/26",
        "VRAI" => "TRUE",
        "100 %" => "100.00%",
        other => return libreoffice(other, header),
    })
}

/// gnumeric: it keeps the guard of a formula to itself, and writes days in its own way.
fn gnumeric(cell: &str, header: &str) -> Option<&'static str> {
    Some(match cell {
        "'=1+1" => "=1+1",
        "'=A1" => "=A1",
        "29/11/2026" => "2026/11/29",
        "100 %" => "1",
        "12345678901234567890" => return None,
        other => return libreoffice(other, header),
    })
}

/// A French Excel.
fn excel(cell: &str, header: &str) -> Option<&'static str> {
    Some(match cell {
        "1/2" => "01-févr",
        "1E5" => "1,00E+05",
        "0199003401" => "199003401",
        "+33199003402" => "3,32E+10",
        "100 %" => "100%",
        "12345678901234567890" => "1,23457E+19",
        other => return libreoffice(other, header),
    })
}

/// pandas, of a column that has an empty cell.
fn pandas(cell: &str, header: &str) -> Option<&'static str> {
    Some(match cell {
        "331" => "331.0",
        "00186" => "186.0",
        other => return libreoffice(other, header).filter(|_| other == "007"),
    })
}

/// The cells but for what is understood as it stands: a zero or a plus sign that a telephone number lost, and the decimal
/// part of an id.
fn values(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let value = |cell: &String| cell.trim_start_matches(['\'', '0', '+']).trim_end_matches(".0").replace(' ', "");
    rows.iter().map(|row| row.iter().map(value).collect()).collect()
}

/// Opened and saved.
async fn check(dialect: &str, delimiter: u8, habit: Habit, rewritten_min: usize) {
    let office = office(&format!("dialect = \"{dialect}\"")).await;
    let (before, contacts) = (cells(&office.read(), delimiter), office.contacts());
    let mut rows = before.clone();
    let header = before[0][0].clone();
    let mut rewritten = 0;
    for cell in rows.iter_mut().skip(1).flatten() {
        if let Some(now) = habit(cell, &header) {
            *cell = now.to_owned();
            rewritten += 1;
        }
    }
    assert!(rewritten >= rewritten_min, "{dialect}: {rewritten} cells are rewritten");
    office.write(&text(&rows, delimiter, csv::QuoteStyle::Necessary, false));
    let (summary, told) = office.run(false).await;
    assert_eq!(office.contacts(), contacts, "{dialect}: {told:#?}");
    assert_eq!((summary.updated.get("crm"), summary.updated.get("mirror")), (None, None), "{dialect}: {told:#?}");
    let writes = ["PUT", "POST", "DELETE"].map(|verb| summary.requests.get(verb).copied().unwrap_or(0));
    assert_eq!(writes, [0, 0, 0], "{dialect}: {told:#?}");
    assert_eq!(values(&cells(&office.read(), delimiter)), values(&before), "{dialect}: the sheet is put right");
    office.rests(dialect).await;
}

#[tokio::test]
async fn what_libreoffice_makes_of_a_sheet_is_put_right() {
    for (dialect, delimiter) in [("carnet", b','), ("google", b','), ("thunderbird", b','), ("outlook-fr", b',')] {
        check(dialect, delimiter, libreoffice, 5).await;
    }
    check("excel-fr", b';', libreoffice, 3).await;
    check("carnet", b',', special_numbers, 9).await;
}

#[tokio::test]
async fn what_other_programs_make_of_a_sheet_is_put_right() {
    check("carnet", b',', gnumeric, 6).await;
    check("excel-fr", b';', gnumeric, 5).await;
    check("carnet", b',', pandas, 2).await;
}

#[tokio::test]
async fn a_number_that_excel_rounded_is_put_right() {
    let office = office("").await;
    let (before, contacts) = (cells(&office.read(), b','), office.contacts());
    let mut rows = before.clone();
    for cell in rows.iter_mut().skip(1).flatten() {
        if let Some(now) = excel(cell, "id") {
            *cell = now.to_owned();
        }
    }
    office.write(&text(&rows, b';', csv::QuoteStyle::Necessary, true));
    let (summary, told) = office.run(false).await;
    assert_eq!(office.contacts(), contacts, "{told:#?}");
    assert!(!told.iter().any(|line| line.contains("its digits are lost")), "{told:#?}");
    assert_eq!((summary.requests.get("PUT"), summary.exit_code()), (None, 0), "{told:#?}");
    assert_eq!(values(&cells(&office.read(), b';')), values(&before));
    office.rests("put right").await;
}

#[tokio::test]
async fn what_a_person_types_beside_it_is_an_edit() {
    let office = office("").await;
    let mut rows = cells(&office.read(), b',');
    let (comment, title) = (column(&rows, "comment"), column(&rows, "job_title"));
    let formula = rows.iter().position(|row| row[comment] == "'=1+1").expect("the guarded formula");
    rows[formula][comment] = "2".to_owned();
    rows[formula][title] = "Vigneronne".to_owned();
    let spy = rows.iter().position(|row| row[title] == "007").expect("the spy");
    rows[spy][title] = "008".to_owned();
    office.write(&text(&rows, b',', csv::QuoteStyle::Necessary, false));
    let (summary, told) = office.run(false).await;
    assert_eq!((summary.updated.get("crm"), summary.updated.get("mirror")), (Some(&2), Some(&2)), "{told:#?}");
    let after = cells(&office.read(), b',');
    assert_eq!((after[formula][comment].as_str(), after[formula][title].as_str()), ("'=1+1", "Vigneronne"));
    assert!(office.contacts().iter().any(|contact| contact.job_title == "008"));
    office.rests("afterwards").await;
}

/// A file from before all cells were quoted: it is as good as it was, until something is written.
#[tokio::test]
async fn a_sheet_without_quotation_marks_is_quoted_when_it_is_written() {
    let office = office("").await;
    let quoted = office.read();
    let rows = cells(&quoted, b',');
    assert_eq!(quoted, text(&rows, b',', csv::QuoteStyle::Always, false), "a new one is quoted whole");
    let bare: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.strip_prefix('\'').unwrap_or(cell).to_owned()).collect())
        .collect();
    office.write(&text(&bare, b',', csv::QuoteStyle::Necessary, false));
    office.rests("as older versions wrote it").await;
    let id = office.contacts_id(&rows);
    office.sandbox.store().edit(id, "job_title", "Vigneronne").expect("an edit");
    let (summary, told) = office.run(false).await;
    assert_eq!(summary.updated.get("sheet"), Some(&1), "{told:#?}");
    let written = office.read();
    let line = written.lines().find(|line| line.contains("Vigneronne")).expect("the row");
    let expected = cells(&written, b',').pop().expect("a row");
    assert_eq!(line, text(&[expected], b',', csv::QuoteStyle::Always, false).trim_end());
    office.rests("afterwards").await;
}
