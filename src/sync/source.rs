//! A file to import, read: vCard, CSV or JSON lines, recognised by its content.

use super::{
    error::SyncError,
    import::{ImportSource, Imported},
    tally::Column,
};
use crate::{
    config::Settings,
    contact::{Contact, FieldSet},
    formats::{
        csv::{self, Candidates, Filled, NoteSort, Ragged, Recognised},
        identity::Identity,
        jsonl,
        recognise::{Format, recognise},
        vcard::{
            self, Card,
            split::Kind,
            stream::{Cards, Found},
        },
    },
    replicas::{Problem, Sighting, Trouble},
};

/// Reads the whole file. Records that cannot be read are problems; a file that is not recognised is an error.
pub(super) fn read(source: &ImportSource, format: Option<&str>, settings: &Settings) -> Result<Imported, SyncError> {
    let failed = |trouble: Trouble| {
        SyncError::Failed(Trouble { message: format!("read {}: {}", source.name, trouble.message), ..trouble })
    };
    match format {
        Some("vcard" | "vcard3" | "vcard4") => return Ok(cards(source)),
        Some("jsonl") => return Ok(lines(source)),
        Some(name) => {
            let profile = super::assemble::profile(settings, name)?;
            return rows(source, Candidates::Given(&profile)).map_err(failed);
        }
        None => {}
    }
    match recognise(&source.bytes) {
        Some(Format::Vcard) => Ok(cards(source)),
        Some(Format::Jsonl) => Ok(lines(source)),
        Some(Format::Csv) => rows(source, Candidates::Among(&settings.csv)).map_err(failed),
        None => {
            let trouble = Trouble::new("it is neither vCard, nor CSV, nor JSON lines");
            Err(failed(trouble.hint("say what it is with --format")))
        }
    }
}

fn lines(source: &ImportSource) -> Imported {
    let mut imported = Imported::default();
    let text = String::from_utf8_lossy(&source.bytes);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}, line {}", source.name, number + 1);
        match jsonl::read(line) {
            Ok((contact, identity)) => imported.sightings.push(sighting(place, contact, identity)),
            Err(message) => imported.refuse(problem(place, Trouble::new(message))),
        }
    }
    imported
}

fn rows(source: &ImportSource, candidates: Candidates<'_>) -> Result<Imported, Trouble> {
    let import = csv::import(&source.bytes, candidates)
        .map_err(|error| Trouble { message: error.to_string(), hint: error.hint() })?;
    let recognised = Some(words(&import.recognised, &import.filled));
    let mut imported = Imported { recognised, ..Imported::default() };
    imported.tally.columns = import
        .filled
        .into_iter()
        .map(|Filled { name, read_as, rows }| Column { name, read_as, rows: rows as u64 })
        .collect();
    for row in import.rows {
        let place = format!("{}, line {}", source.name, row.line);
        if let Some(Ragged { found, expected }) = row.ragged {
            let message = format!("the row has {found} cells, the header {expected}");
            let hint = "a cell that holds the delimiter must be in quotation marks; the row was left out";
            imported.refuse(problem(place, Trouble::new(message).hint(hint)));
            continue;
        }
        for note in row.notes.iter().filter(|note| note.sort == NoteSort::Refused) {
            let place = format!("{place}, column {}", note.column);
            imported.problems.push(problem(place, Trouble::new(note.message)));
            imported.tally.cells_refused += 1;
        }
        imported.tally.cells_repaired += row.notes.iter().filter(|note| note.sort == NoteSort::Repaired).count() as u64;
        // A list of which one cell was refused still says what its other cells say: an import adds, it takes nothing away.
        let refused = row.keep.less(row.contact.set_fields());
        let fields = import.fields.less(refused);
        let identity = Identity { uid: row.uid, crm_id: row.crm_id };
        imported.sightings.push(Sighting { fields, ..sighting(place, row.contact, identity) });
    }
    Ok(imported)
}

/// How a table was read, for a person to check.
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

fn count(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

fn cards(source: &ImportSource) -> Imported {
    let mut imported = Imported::default();
    let mut groups = 0;
    for piece in Cards::new(source.bytes.as_slice()) {
        let piece = match piece {
            Ok(piece) if piece.kind == Kind::Card => piece,
            Ok(_) => continue,
            Err(error) => {
                imported.refuse(problem(source.name.clone(), Trouble::new(error.to_string())));
                break;
            }
        };
        match card(&piece) {
            Ok(Some((contact, identity))) => {
                let place = format!("{}, line {}", source.name, piece.line);
                imported.sightings.push(sighting(place, contact, identity));
            }
            Ok(None) => groups += 1,
            Err((line, trouble)) => imported.refuse(problem(format!("{}, line {line}", source.name), trouble)),
        }
    }
    if groups > 0 {
        imported.recognised = Some(format!("read as vCard; {} left alone", count(groups, "group card")));
    }
    imported
}

/// The contact of a card; none for a card that describes a group. Or the line of the file that is wrong, and why.
fn card(piece: &Found) -> Result<Option<(Contact, Identity)>, (usize, Trouble)> {
    if let Some(flaw) = piece.problem {
        let hint = "end the card with END:VCARD, or export it again from where it came";
        return Err((piece.line, Trouble::new(flaw).hint(hint)));
    }
    let card = Card::parse(&piece.bytes).map_err(|error| {
        let hint = error.hint.unwrap_or("export it again from where it came");
        (piece.line + error.line.saturating_sub(1), Trouble::new(error.message).hint(hint))
    })?;
    if card.is_group() {
        return Ok(None);
    }
    let identity = Identity { uid: card.uid(), crm_id: card.crm_id() };
    Ok(Some((vcard::read(&card, None), identity)))
}

fn sighting(place: String, contact: Contact, identity: Identity) -> Sighting {
    Sighting {
        remote: place,
        revision: String::new(),
        uid: identity.uid,
        crm_id: identity.crm_id,
        contact,
        fields: FieldSet::ALL,
        detail: None,
        source: None,
    }
}

fn problem(place: String, trouble: Trouble) -> Problem {
    Problem { place, message: trouble.message, hint: trouble.hint, remote: None }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{config::Environment, contact::Field};

    #[test]
    fn a_persons_own_profile_is_recognised_like_a_built_in_one() {
        check(
            "Kunde;Rufnummer\nDurand;01 99 00 32 01\n",
            Some("read as garage: utf-8, delimiter \";\", header on line 1"),
            &[("file, line 2", "Durand")],
            &[],
        );
        let format = |word: &str| read(&source("Kunde;Rufnummer\nDurand;1\n"), Some(word), &settings()).err();
        assert!(format("garage").is_none());
        let wrong = format("garag").unwrap();
        assert!(wrong.hint().unwrap().contains("did you mean \"garage\"?"), "{wrong}");
    }

    fn source(text: &str) -> ImportSource {
        ImportSource { name: "file".into(), bytes: text.as_bytes().to_vec() }
    }

    fn settings() -> Settings {
        let text = "[crm]\nurl = \"sandbox\"\n[csv.garage]\ncolumns = [\n\
                    { header = \"Kunde\", field = \"last_name\" }, { header = \"Rufnummer\", field = \"professional_phone\" }]";
        Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&|_| None)).unwrap()
    }

    fn check(text: &str, notice: Option<&str>, sightings: &[(&str, &str)], problems: &[(&str, &str)]) {
        let imported = read(&source(text), None, &settings()).unwrap();
        let read: Vec<(&str, &str)> = imported
            .sightings
            .iter()
            .map(|sighting| (sighting.remote.as_str(), sighting.contact.last_name.as_str()))
            .collect();
        let met: Vec<(&str, &str)> =
            imported.problems.iter().map(|problem| (problem.place.as_str(), problem.message.as_str())).collect();
        assert_eq!((imported.recognised.as_deref(), read.as_slice(), met.as_slice()), (notice, sightings, problems));
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
            let sighting = read(&source(text), None, &settings()).unwrap().sightings.pop().unwrap();
            [Field::Civility, Field::Comment, Field::Items].map(|field| sighting.fields.contains(field))
        };
        assert_eq!(fields("Civilité;Nom;Téléphone\nMme;Durand;01 23 45 67 89\n"), [true, false, true]);
        assert_eq!(fields("Civilité;Nom;Téléphone\nPapesse;Durand;3,36E+10\n"), [false, false, false]);
        // The e-mail address is told although the number is lost.
        assert_eq!(fields("Nom;Téléphone;E-mail\nDurand;3,36E+10;d@example.com\n"), [false, false, true]);
    }
}
