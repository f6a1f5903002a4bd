//! What a file that is imported or synced does to the practice CRM's contacts.
//!
//! - `known FILE.EXT`: who was there before, in place of those of `known.csv`.
//! - `import FILE.EXT`: the file is imported. That a second import changes nobody is looked at, too.
//! - `sync FILE.EXT`: the file is a book and is synced. That a second sync changes nothing is looked at, too.
//! - `edit OLD -> NEW`: that text of the book is replaced, and it is synced again.
//! - `crm LAST OLD -> NEW`: that text of the contact is replaced in the CRM, and all is synced again.
//! - `becomes`: what that came to, in full: the records by what became of them, who is new or has changed, what was told.
//! - `notice`: a text that the import says of the file as a whole. `holds`, `lacks`: a text of the book afterwards.
//!
//! `CARNET_REWRITE=1` puts what came out in place of what `becomes` says, for review.

use std::{collections::BTreeMap, fmt::Write as _, fs, io::Write as _, os::unix::fs::OpenOptionsExt, path::PathBuf};

use carnet::{
    app::{self, ImportOptions},
    cli::messages::Language,
    config::{Environment, Settings},
    contact::{Address, Contact, Field, Item},
    mirror::{Mirror, Search},
    sandbox::{Sandbox, SandboxSettings},
    sync::{ImportCounts, Mode, RunOptions, Stop, Summary, SyncEvent, events::Note},
    transfer::ImportSource,
};

use super::{Case, Part};

/// Who is known where a case names nobody.
const KNOWN: &str = include_str!("known.csv");

/// Tells a case; the error says what came out wrong.
pub async fn tell(case: &Case) -> Result<(), String> {
    let mut world = World::new();
    let known = case.parts.iter().find(|part| part.verb == "known");
    let (name, text) = known.map_or(("known.csv", KNOWN), |part| (&part.argument, &part.text));
    if case.parts.iter().any(|part| part.verb == "sync") {
        world.start_crm().await;
    }
    world.import(name, text).await?;
    for part in &case.parts {
        match part.verb.as_str() {
            "known" => {}
            "import" => world.tell_import(part).await?,
            "sync" => world.tell_sync(part).await?,
            "crm" => {
                let (last, edit) = part.argument.split_once(' ').ok_or("expected LAST OLD -> NEW")?;
                let (old, new) = edit.split_once(" -> ").ok_or("expected OLD -> NEW")?;
                world.edit_in_crm(last, old, new)?;
                let text = world.book();
                world.tell_sync(&Part { verb: String::new(), argument: String::new(), text }).await?;
            }
            "edit" => {
                let (old, new) = part.argument.split_once(" -> ").ok_or("expected OLD -> NEW")?;
                contains(&world.book(), old, true)?;
                let text = world.book().replace(old, new);
                world.tell_sync(&Part { verb: String::new(), argument: String::new(), text }).await?;
            }
            "becomes" => world.compare(case, part)?,
            "notice" => contains(&world.notices, part.text.trim(), true)?,
            "holds" | "lacks" => contains(&world.book(), part.text.trim(), part.verb == "holds")?,
            other => return Err(format!("no such verb: {other}")),
        }
    }
    Ok(())
}

fn contains(text: &str, part: &str, wanted: bool) -> Result<(), String> {
    if text.contains(part) == wanted { Ok(()) } else { Err(format!("wanted {part:?}: {wanted}, in:\n{text}")) }
}

/// A mirror, and for a sync a practice CRM and a book beside it.
struct World {
    folder: tempfile::TempDir,
    crm: Option<Sandbox>,
    book: Option<(&'static str, PathBuf)>,
    /// What the last step came to.
    outcome: String,
    notices: String,
}

type People = BTreeMap<String, Contact>;

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, crm: None, book: None, outcome: String::new(), notices: String::new() }
    }

    async fn start_crm(&mut self) {
        let empty = SandboxSettings { contacts: 0, ..SandboxSettings::default() };
        self.crm = Some(Sandbox::start(empty).await.expect("a practice CRM"));
    }

    fn settings(&self) -> Settings {
        let url = self.crm.as_ref().map_or_else(|| "sandbox".to_owned(), Sandbox::url);
        let mut text = format!(
            "[crm]\nurl = \"{url}\"\nusername = \"demo\"\npassword = \"demo\"\nconfirm_after = \"0s\"\n\
             [mirror]\npath = \"carnet.db\"\n"
        );
        if let Some((kind, path)) = &self.book {
            let _ = write!(text, "[[book]]\nname = \"book\"\nkind = \"{kind}\"\npath = \"{}\"\n", path.display());
        }
        let path = self.folder.path().join("carnet.toml");
        // A password is read only from a file that nobody else may read.
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).write(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("settings");
        Settings::parse(&path, &text, Environment::from_fn(&|_| None)).expect("settings")
    }

    async fn import(&mut self, name: &str, text: &str) -> Result<(ImportCounts, Vec<SyncEvent>), String> {
        let options = ImportOptions { push: self.crm.is_some(), ..ImportOptions::default() };
        let mut told = Vec::new();
        let mut events = |event: SyncEvent| told.push(event);
        let source = ImportSource::of_bytes(name, text);
        let summary = app::import(&self.settings(), source, &options, &Stop::new(), &mut events).await;
        Ok((summary.map_err(|error| format!("{error:?}"))?.import.unwrap_or_default(), told))
    }

    async fn sync(&mut self) -> Result<(Summary, Vec<SyncEvent>), String> {
        let mut told = Vec::new();
        let mut events = |event: SyncEvent| told.push(event);
        let options = RunOptions::new(Mode::Sync, "sync");
        let summary = app::run(&self.settings(), &options, &Stop::new(), &mut events).await;
        Ok((summary.map_err(|error| format!("{error:?}; told:\n{told:#?}"))?, told))
    }

    async fn tell_import(&mut self, part: &Part) -> Result<(), String> {
        let before = self.people();
        let (counts, told) = self.import(&part.argument, &part.text).await?;
        let after = self.people();
        self.outcome = in_short(&counts) + &differences(&before, &after) + &words(&told, &after);
        self.notices = notices(&told);
        let (again, _) = self.import(&part.argument, &part.text).await?;
        if self.people() != after || again.new + again.updated > 0 {
            let other = differences(&after, &self.people());
            return Err(format!("a second import changes something ({}):\n{other}{}", in_short(&again), self.outcome));
        }
        Ok(())
    }

    async fn tell_sync(&mut self, part: &Part) -> Result<(), String> {
        if let Some((_, path)) = &self.book {
            fs::write(path, &part.text).expect("a book");
        } else {
            let kind = if part.argument.ends_with(".csv") { "csv" } else { "vcard" };
            let path = self.folder.path().join(&part.argument);
            fs::write(&path, &part.text).expect("a book");
            self.book = Some((kind, path));
        }
        let before = self.people();
        let (_, told) = self.sync().await?;
        let after = self.people();
        self.outcome = differences(&before, &after) + &words(&told, &after);
        self.notices = notices(&told);
        let book = self.book();
        let (again, _) = self.sync().await?;
        if !again.nothing_changed() || self.book() != book || self.people() != after {
            return Err(format!("a second sync changes something: {again:?}\nwas:\n{book}\nis:\n{}", self.book()));
        }
        Ok(())
    }

    fn edit_in_crm(&self, last: &str, old: &str, new: &str) -> Result<(), String> {
        let store = self.crm.as_ref().ok_or("no CRM is there before a sync")?.store();
        for id in store.ids().map_err(|error| error.to_string())? {
            let xml = store.contact_xml(id).map_err(|error| error.to_string())?.unwrap_or_default();
            if xml.contains(&format!("<last_name>{last}</last_name>")) {
                contains(&xml, old, true)?;
                return store.put(id, &xml.replace(old, new)).map(drop).map_err(|error| error.to_string());
            }
        }
        Err(format!("the CRM has nobody called {last}"))
    }

    fn book(&self) -> String {
        let path = self.book.as_ref().map(|(_, path)| path);
        path.map(|path| fs::read_to_string(path).expect("the book")).unwrap_or_default()
    }

    fn people(&self) -> People {
        let mut people = People::new();
        let mirror = Mirror::open_read_only(&self.folder.path().join("carnet.db")).expect("the mirror");
        let mut take = |stored: carnet::mirror::Stored| {
            people.insert(stored.uid, stored.contact);
            Ok(())
        };
        mirror.for_each_contact(&Search::default(), &mut take).expect("the contacts");
        people
    }

    /// Lines that begin with "told" need only be part of what was told.
    fn compare(&self, case: &Case, part: &Part) -> Result<(), String> {
        let lines = |text: &str| text.lines().map(str::trim_end).map(str::to_owned).collect::<Vec<String>>();
        let (wanted, found) = (lines(part.text.trim_end()), lines(self.outcome.trim_end()));
        let fits = |(wanted, found): (&String, &String)| match wanted.strip_prefix("told ") {
            Some(words) => found.starts_with("told ") && found.contains(words),
            None => wanted == found,
        };
        if wanted.len() == found.len() && wanted.iter().zip(&found).all(fits) {
            return Ok(());
        }
        if std::env::var_os("CARNET_REWRITE").is_some() {
            let path = format!("{}/tests/cases/{}.txt", env!("CARGO_MANIFEST_DIR"), case.name);
            let text = fs::read_to_string(&path).expect("the case");
            let new = text.replacen(&format!("becomes\n{}", part.text), &format!("becomes\n{}", self.outcome), 1);
            fs::write(path, new).expect("the case");
        }
        Err(format!("wanted:\n{}\n--- found:\n{}", wanted.join("\n"), found.join("\n")))
    }
}

/// The numbers of an import that are not 0.
fn in_short(counts: &ImportCounts) -> String {
    let numbers = [
        (counts.new, "new"),
        (counts.updated, "updated"),
        (counts.same, "same"),
        (counts.ambiguous, "left"),
        (counts.refused, "refused"),
        (counts.cells_refused, "cells left out"),
        (counts.cells_repaired, "cells put right"),
    ];
    let words: Vec<String> =
        numbers.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    words.join(", ") + "\n"
}

/// Who is new or gone, and what has changed.
fn differences(before: &People, after: &People) -> String {
    let mut blocks = Vec::new();
    for (uid, contact) in after {
        let lines = lines_of(contact).into_iter();
        blocks.push(match before.get(uid) {
            Some(old) if old == contact => continue,
            Some(old) => {
                let (old_lines, new_lines) = (lines_of(old), lines_of(contact));
                let gone =
                    old_lines.iter().filter(|line| !new_lines.contains(line)).map(|line| format!("  - {line}\n"));
                let come =
                    new_lines.iter().filter(|line| !old_lines.contains(line)).map(|line| format!("  + {line}\n"));
                let name =
                    if called(old) == called(contact) { String::new() } else { format!(" -> {}", called(contact)) };
                format!("updated {}{name}\n{}", called(old), gone.chain(come).collect::<String>())
            }
            None => format!("new {}\n{}", called(contact), lines.map(|line| format!("  {line}\n")).collect::<String>()),
        });
    }
    blocks.sort();
    let gone =
        before.iter().filter(|(uid, _)| !after.contains_key(*uid)).map(|(_, old)| format!("gone {}\n", called(old)));
    blocks.into_iter().chain(gone).collect()
}

/// `LAST / FIRST`, as the CRM has them.
fn called(contact: &Contact) -> String {
    format!("{} / {}", contact.last_name, contact.first_name)
}

/// What a contact holds beside its names, a line each; line ends are shown as `\n`.
fn lines_of(contact: &Contact) -> Vec<String> {
    let scalars = Field::ALL.into_iter().filter(|field| {
        !field.is_list() && !matches!(field, Field::LastName | Field::FirstName) && !contact.scalar(*field).is_empty()
    });
    let mut lines: Vec<String> = scalars.map(|field| format!("{} {}", field.name(), contact.scalar(field))).collect();
    for Address { address_type, street_address, street_address2, zip_code, city, country } in &contact.addresses {
        let parts = [street_address, street_address2, zip_code, city, country].map(String::as_str).join(" | ");
        lines.push(format!("{} address {parts}", address_type.word()));
    }
    lines.extend(contact.items.iter().map(|Item { item_type, value }| format!("{} {value}", item_type.word())));
    lines.extend(contact.extra.iter().map(|entry| format!("extra {entry}")));
    lines.into_iter().map(|line| line.replace('\n', "\\n")).collect()
}

/// What was told of single records, contacts by their names.
fn words(told: &[SyncEvent], people: &People) -> String {
    let mut out = String::new();
    for event in told {
        let line = match event {
            SyncEvent::Problem { problem, .. } => format!("told {}: {}\n", problem.place, problem.message),
            SyncEvent::Failed { message, .. } => format!("told {message}\n"),
            SyncEvent::Attention { replica, note: note @ Note::Raised { .. } } => {
                format!("told {:?}\n", Language::English.messages().note(replica, note))
            }
            _ => continue,
        };
        out += &people.iter().fold(line, |line, (uid, contact)| line.replace(uid.as_str(), &called(contact)));
    }
    out
}

fn notices(told: &[SyncEvent]) -> String {
    let notices = told.iter().filter_map(|event| match event {
        SyncEvent::Notice { message, .. } => Some(format!("{message}\n")),
        _ => None,
    });
    notices.collect()
}
