//! A file into the mirror, once: matched with known contacts, never deleting. An empty cell or an absent property never
//! clears a field.

use super::{
    assemble::IMPORT,
    engine::{Engine, bump, label},
    error::SyncError,
    events::{ChangeAction, Events, Label, Summary, SyncEvent},
    options::{Mode, RunOptions, Stop, SystemClock},
    peer::MIRROR,
    run::run_with,
    source,
};
use crate::{
    config::Settings,
    contact::{Contact, FieldSet, keys},
    mirror::{ContactId, Stored},
    reconcile::{Index, Pairing, Winner, transplant},
    replicas::{Problem, Sighting, Trouble},
};

/// What an import is asked for.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// `vcard`, a CSV profile's name or `jsonl`; recognised by content if not given.
    pub format: Option<String>,
    /// Say what would be done, write nothing.
    pub dry_run: bool,
    /// Push afterwards, to the CRM and the books.
    pub push: bool,
}

/// The file to import.
#[derive(Debug, Clone)]
pub struct ImportSource {
    /// Its name for messages: a path, or "standard input".
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Imports a file. With `push`, all replicas are scanned first, so that matching knows everybody, and pushed afterwards.
///
/// # Errors
/// Nothing at all is imported when the file is not recognised; a record that cannot be read is reported and the others go on.
pub async fn import(
    settings: &Settings,
    source: ImportSource,
    options: &ImportOptions,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    let read = source::read(&source, options.format.as_deref())?;
    let mode = if options.push { Mode::Sync } else { Mode::MirrorOnly };
    let run = RunOptions {
        mode,
        only: Vec::new(),
        dry_run: options.dry_run,
        max_delete: None,
        force: false,
        trigger: "import".to_owned(),
    };
    run_with(settings, &run, (&SystemClock, stop), events, read).await
}

/// What a file gave.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// Its contacts; a sighting's remote is its place in the file.
    pub sightings: Vec<Sighting>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// How the file was read, for a person to check.
    pub recognised: Option<String>,
}

impl Engine<'_> {
    /// Takes in what a file gave.
    pub fn import(&mut self, imported: Imported) -> Result<(), SyncError> {
        let Imported { sightings, problems, recognised } = imported;
        if let Some(words) = recognised {
            self.notice(IMPORT, Trouble::new(words));
        }
        for problem in problems {
            self.problem(IMPORT, problem);
        }
        if sightings.is_empty() {
            return Ok(());
        }
        let contacts = sightings.len() as u64;
        bump(&mut self.summary.scanned, IMPORT, contacts);
        self.emit(SyncEvent::ScanFinished { replica: IMPORT.to_owned(), contacts });
        let mut index = self.index_for(IMPORT)?;
        let mut sightings = sightings.into_iter();
        while sightings.len() > 0 {
            self.transact(|engine| {
                for sighting in sightings.by_ref().take(1_000) {
                    engine.import_one(&mut index, sighting)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn import_one(&mut self, index: &mut Index, sighting: Sighting) -> Result<(), SyncError> {
        match index.find(sighting.uid.as_deref(), sighting.crm_id.as_deref(), &sighting.contact) {
            Pairing::One(id, _) => {
                let stored = self.stored(id)?;
                self.import_into(index, &stored, &sighting)
            }
            Pairing::None => self.import_new(index, sighting),
            Pairing::Ambiguous(candidates) => self.import_left(sighting, &candidates),
        }
    }

    /// Several known contacts could be meant: left for a person.
    fn import_left(&mut self, sighting: Sighting, candidates: &[ContactId]) -> Result<(), SyncError> {
        let mut names = Vec::new();
        for id in candidates.iter().take(5) {
            let Stored { crm_id, uid, .. } = self.stored(*id)?;
            names.push(crm_id.unwrap_or(uid));
        }
        let message = format!("could be any of {} known contacts ({})", candidates.len(), names.join(", "));
        let hint = "add the contact's UID or CRM id to the file, or an e-mail address of its own".to_owned();
        self.problem(IMPORT, Problem { place: sighting.remote, message, hint: Some(hint), remote: None });
        Ok(())
    }

    fn import_new(&mut self, index: &mut Index, sighting: Sighting) -> Result<(), SyncError> {
        let uid = match sighting.uid {
            Some(uid) => uid,
            None => uuid::Uuid::new_v4().to_string(),
        };
        if let Some(stored) = self.mirror.contact_by_uid(&uid)? {
            // Deleted here once; a person brings it back.
            let back = self.mirror.update_contact(stored.id, &sighting.contact, &self.clock.stamp())?;
            tracing::debug!(version = back, "an imported contact was deleted before and is back");
            self.changed(MIRROR, ChangeAction::Create, label(&stored), Vec::new());
            return Ok(());
        }
        let id = self.mirror.insert_contact(&uid, &sighting.contact, IMPORT, self.run, &self.clock.stamp())?;
        index.add(id, &uid, None, &sighting.contact);
        self.created_here(Label { uid, crm_id: None, name: sighting.contact.display_name() });
        Ok(())
    }

    fn import_into(&mut self, index: &mut Index, stored: &Stored, sighting: &Sighting) -> Result<(), SyncError> {
        let new = enriched(&stored.contact, &sighting.contact, sighting.fields);
        if new == stored.contact {
            return Ok(());
        }
        let fields = self.remember(stored, &new, IMPORT)?;
        self.mirror.update_contact(stored.id, &new, &self.clock.stamp())?;
        index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &new);
        self.changed(MIRROR, ChangeAction::Update, label(stored), fields);
        Ok(())
    }
}

/// The contact with what the file says in the fields that it speaks of: its texts replace, its entries are added. A number
/// or address that the contact has already keeps the type it has: files are poor at telling types.
fn enriched(known: &Contact, read: &Contact, fields: FieldSet) -> Contact {
    let mut read = read.clone();
    for field in read.differing(known).iter().filter(|field| !field.is_list()) {
        if read.scalar(field).trim() == known.scalar(field).trim() {
            // Formats trim; white space alone is no news.
            read.set_scalar(field, &known.scalar(field));
        }
    }
    let held: Vec<_> = known.items.iter().map(|item| (item.item_type.kind(), keys::item_value(item))).collect();
    read.items.retain(|item| !held.contains(&(item.item_type.kind(), keys::item_value(item))));
    let held: Vec<_> = known.addresses.iter().map(keys::address).collect();
    read.addresses.retain(|address| !held.contains(&keys::address(address)));
    let nothing = Contact::default();
    let told = read.set_fields().and(fields);
    transplant((&nothing, &read), (&nothing, known), (told, FieldSet::NONE), Winner::There).contact
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    #[test]
    fn an_import_adds_and_replaces_and_never_clears() {
        let known = Contact {
            last_name: " Durand ".into(),
            job_title: "Acheteuse".into(),
            comment: "kept".into(),
            items: vec![Item::new(ItemType::ProfessionalCellPhone, "06 39 98 00 01")],
            ..Contact::default()
        };
        let read = Contact {
            last_name: "Durand".into(),
            job_title: "Directrice".into(),
            items: vec![
                Item::new(ItemType::PersonalCellPhone, "+33639980001"),
                Item::new(ItemType::ProfessionalEmail, "d@example.com"),
            ],
            ..Contact::default()
        };
        let new = enriched(&known, &read, FieldSet::ALL);
        assert_eq!(new.last_name, known.last_name);
        assert_eq!((new.job_title.as_str(), new.comment.as_str()), ("Directrice", "kept"));
        assert_eq!(new.items, [known.items[0].clone(), read.items[1].clone()]);
        assert_eq!(enriched(&new, &read, FieldSet::ALL), new);
    }

    #[test]
    fn a_number_or_address_keeps_its_type_where_the_file_does_not_say_it() {
        let known = Contact {
            last_name: "Durand".into(),
            items: vec![
                Item::new(ItemType::PersonalCellPhone, "06 39 98 00 01"),
                Item::new(ItemType::MainProfessionalPhone, "+33 1 23 45 67 89"),
                Item::new(ItemType::PersonalEmail, "D@Example.com"),
            ],
            ..Contact::default()
        };
        let text = "Nom;Société;E-mail;Téléphone;Mobile\nDurand;ACME;d@example.com;0123456789;0639980001\n";
        let file = ImportSource { name: "file".into(), bytes: text.into() };
        let sighting = source::read(&file, None).unwrap().sightings.pop().unwrap();
        let types: Vec<_> = sighting.contact.items.iter().map(|item| item.item_type.clone()).collect();
        assert!(
            known.items.iter().all(|item| !types.contains(&item.item_type)),
            "all are guessed otherwise: {types:?}"
        );
        let new = enriched(&known, &sighting.contact, sighting.fields);
        assert_eq!(new, Contact { company: "ACME".into(), ..known });
    }

    #[test]
    fn what_a_file_does_not_speak_of_stays() {
        let known = Contact { comment: "kept".into(), ..Contact::default() };
        let read = Contact { last_name: "Durand".into(), comment: "not said".into(), ..Contact::default() };
        let new = enriched(&known, &read, FieldSet::ALL.without(crate::contact::Field::Comment));
        assert_eq!(new, Contact { last_name: "Durand".into(), ..known });
    }
}
