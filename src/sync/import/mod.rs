//! A file into the mirror, once: matched with known contacts, never deleting. An empty cell or an absent property never
//! clears a field.

mod enrich;
mod pile;
pub(super) mod source;
pub(super) mod tally;

use self::{
    enrich::{contradictions, enriched},
    pile::{Again, Pile},
    source::{ImportSource, Imported, Record},
    tally::{Column, Tally},
};
use crate::{
    config::Settings,
    contact::{Contact, FieldSet},
    mirror::{ContactId, Stored},
    reconcile::{Pairing, pairing::By},
    replicas::{Problem, Sighting, Trouble},
    sync::{
        assemble::IMPORT,
        engine::{Engine, bump, label},
        error::SyncError,
        events::{ChangeAction, Events, Label, Summary, SyncEvent},
        host::Machine,
        options::{Mode, RunOptions, Stop},
        peer::MIRROR,
        run::run_with,
    },
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
    let read = source::read(source, options.format.as_deref(), settings)?;
    let mode = if options.push { Mode::Sync } else { Mode::MirrorOnly };
    let run = RunOptions {
        mode,
        only: Vec::new(),
        dry_run: options.dry_run,
        max_delete: None,
        force: false,
        trigger: "import".to_owned(),
    };
    run_with(settings, &run, (&Machine, stop), events, Some(read)).await
}

/// Records taken in one transaction.
const TAKEN_AT_ONCE: usize = 1_000;

impl Engine<'_> {
    /// Takes in what a file gives; none for a run without a file.
    pub fn import(&mut self, imported: Option<Imported>) -> Result<(), SyncError> {
        let Some(Imported { mut records, recognised, columns }) = imported else { return Ok(()) };
        if let Some(mut words) = recognised {
            if self.care.dry_run {
                words += &columns_in_words(&columns);
            }
            self.notice(IMPORT, Trouble::new(words));
        }
        self.summary.import = Some(Tally { columns, ..Tally::default() });
        self.emit(SyncEvent::ScanStarted { replica: IMPORT.to_owned() });
        let mut pile = Pile::of(self.index_for(IMPORT)?, self.index_of_let_go()?);
        self.mirror.for_each_other_uid(&mut |uid, id| pile.index.add_other_uid(id, uid))?;
        let (mut contacts, mut groups, mut is_done) = (0, 0, false);
        while !is_done {
            self.check_stop()?;
            self.transact(|engine| {
                for _ in 0..TAKEN_AT_ONCE {
                    match records.next() {
                        None => {
                            is_done = true;
                            break;
                        }
                        Some(Record::Group) => groups += 1,
                        Some(Record::Refused(problem)) => engine.refuse(problem),
                        Some(Record::Contact { sighting, refused, repaired }) => {
                            contacts += 1;
                            engine.tally().cells_refused += refused.len() as u64;
                            engine.tally().cells_repaired += repaired;
                            refused.into_iter().for_each(|cell| engine.problem(IMPORT, cell));
                            engine.import_one(&mut pile, *sighting)?;
                        }
                    }
                }
                Ok(())
            })?;
            let replica = IMPORT.to_owned();
            self.emit(SyncEvent::ScanProgress { replica, contacts, pages: 0, pages_expected: None });
        }
        if groups > 0 {
            self.notice(IMPORT, Trouble::new(source::groups_left(groups)));
        }
        if contacts > 0 {
            bump(&mut self.summary.scanned, IMPORT, contacts);
        }
        self.emit(SyncEvent::ScanFinished { replica: IMPORT.to_owned(), contacts });
        Ok(())
    }

    /// Tells of a record that is not taken, and why.
    fn refuse(&mut self, problem: Problem) {
        self.tally().refuse(&problem.message);
        self.problem(IMPORT, problem);
    }

    fn import_one(&mut self, pile: &mut Pile, sighting: Sighting) -> Result<(), SyncError> {
        match pile.index.find(sighting.uid.as_deref(), sighting.crm_id.as_deref(), &sighting.contact) {
            Pairing::One(id, by) => {
                let stored = self.stored(id)?;
                match pile.again(&stored, by, &sighting) {
                    Again::Stranger(mark) => self.leave_stranger(pile, &stored, mark, &sighting),
                    Again::No => self.import_into(pile, &stored, by, &sighting),
                    Again::Another => self.import_new(pile, sighting),
                    Again::Namesake => {
                        let message = "has the name of an earlier record and says otherwise".to_owned();
                        let hint = "add a UID, or an e-mail address of its own, or make the two one";
                        self.leave(pile, &sighting, message, hint)
                    }
                    Again::Copy => {
                        let message = "has the UID or CRM id of an earlier record and says otherwise".to_owned();
                        self.leave(pile, &sighting, message, "take the mark out of one of them, or delete it")
                    }
                }
            }
            Pairing::None => {
                if let Some(id) = pile.index.contradicted(sighting.crm_id.as_deref(), &sighting.contact) {
                    let stored = self.stored(id)?;
                    return self.leave_stranger(pile, &stored, "CRM id", &sighting);
                }
                match pile.left_before(&sighting) {
                    None => self.import_new(pile, sighting),
                    Some(earlier) => {
                        let message = format!("may be the same as {earlier}, which was left alone");
                        self.leave(pile, &sighting, message, "make the two one, or settle the earlier one first")
                    }
                }
            }
            Pairing::Ambiguous(candidates) if pile.are_others(&candidates, &sighting) => {
                self.import_new(pile, sighting)
            }
            Pairing::Ambiguous(candidates) => {
                let message = self.candidates_in_words(&candidates)?;
                let hint = "add the contact's UID or CRM id to the file, or an e-mail address of its own";
                self.leave(pile, &sighting, message, hint)
            }
        }
    }

    /// It has a contact's mark, and nothing else of it.
    fn leave_stranger(
        &mut self,
        pile: &mut Pile,
        stored: &Stored,
        mark: &str,
        sighting: &Sighting,
    ) -> Result<(), SyncError> {
        let known = stored.crm_id.as_ref().unwrap_or(&stored.uid);
        let message = format!("has the {mark} of contact {known} and nothing else in common with it");
        let hint =
            "if it is that contact, change it with `carnet` or in the CRM; if not, take the mark out, or add an e-mail";
        self.leave(pile, sighting, message, hint)
    }

    /// Several known contacts could be meant.
    fn candidates_in_words(&self, candidates: &[ContactId]) -> Result<String, SyncError> {
        let mut names = Vec::new();
        for id in candidates.iter().take(5) {
            let Stored { crm_id, uid, .. } = self.stored(*id)?;
            names.push(crm_id.unwrap_or(uid));
        }
        Ok(format!("could be any of {} known contacts ({})", candidates.len(), names.join(", ")))
    }

    /// Leaves a record to a person.
    fn leave(&mut self, pile: &mut Pile, sighting: &Sighting, message: String, hint: &str) -> Result<(), SyncError> {
        pile.leave(sighting);
        self.tell_left(sighting, message, hint);
        Ok(())
    }

    fn tell_left(&mut self, sighting: &Sighting, message: String, hint: &str) {
        let (place, hint) = (sighting.remote.clone(), Some(hint.to_owned()));
        self.problem(IMPORT, Problem { place, message, hint, remote: None });
        self.tally().ambiguous += 1;
    }

    fn import_new(&mut self, pile: &mut Pile, sighting: Sighting) -> Result<(), SyncError> {
        let uid = sighting.uid.clone().unwrap_or_else(|| uid_of(&sighting.contact));
        let by_crm_id = sighting.crm_id.as_deref().map(|id| self.mirror.contact_by_crm_id(id)).transpose()?.flatten();
        let let_go = match pile.let_go.find(None, sighting.crm_id.as_deref(), &sighting.contact) {
            Pairing::One(id, _) => Some(self.stored(id)?).filter(|stored| stored.deleted),
            Pairing::None | Pairing::Ambiguous(_) => None,
        };
        let known =
            self.mirror.contact_by_uid(&uid)?.or(self.mirror.contact_by_other_uid(&uid)?).or(by_crm_id).or(let_go);
        match known {
            Some(stored) if stored.deleted => self.import_again(pile, &stored, &sighting),
            Some(_) => {
                // Made from this very record once and edited since: an old file does not take the edits back.
                self.tally().same += 1;
                Ok(())
            }
            None if sighting.contact == Contact::default() => {
                self.refuse(empty(sighting.remote));
                Ok(())
            }
            None => {
                let at = self.host.stamp();
                let id = self.mirror.insert_contact(&uid, &sighting.contact, IMPORT, self.run, &at)?;
                pile.index.add(id, &uid, None, &sighting.contact);
                pile.take(id, &sighting);
                self.tally().new += 1;
                self.created_here(Label { uid, crm_id: None, name: sighting.contact.display_name() });
                Ok(())
            }
        }
    }

    /// The contact was deleted here once and a person brings it back: to every replica that still holds it, too.
    fn import_again(&mut self, pile: &mut Pile, stored: &Stored, sighting: &Sighting) -> Result<(), SyncError> {
        let new = enriched(&stored.contact, &sighting.contact, sighting.fields, (By::Uid, FieldSet::NONE));
        pile.take(stored.id, sighting);
        self.remember(stored, &new, IMPORT)?;
        self.mirror.update_contact(stored.id, &new, &self.host.stamp())?;
        self.follow_again(stored.id)?;
        pile.index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &new);
        self.tally().new += 1;
        self.changed(MIRROR, ChangeAction::Create, label(stored), Vec::new());
        Ok(())
    }

    /// A known contact gets what the record says beyond it. What it says otherwise than an earlier record of the file is
    /// left to a person.
    fn import_into(&mut self, pile: &mut Pile, stored: &Stored, by: By, sighting: &Sighting) -> Result<(), SyncError> {
        let said = sighting.fields.and(pile.said(stored.id));
        let otherwise = contradictions(&stored.contact, &sighting.contact, said, by);
        let new = pile.enriched(stored, by, sighting);
        pile.take(stored.id, sighting);
        self.remember_uid(pile, stored, sighting)?;
        let is_news = new != stored.contact;
        if is_news {
            let fields = self.remember(stored, &new, IMPORT)?;
            self.mirror.update_contact(stored.id, &new, &self.host.stamp())?;
            pile.index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &new);
            if otherwise.is_empty() {
                self.tally().update(&fields);
            }
            self.changed(MIRROR, ChangeAction::Update, label(stored), fields);
        }
        if !otherwise.is_empty() {
            let message = format!("says otherwise than an earlier record of the same person: {}", otherwise.join(", "));
            let hint = "the earlier one stands; take what is wrong out of the file, or edit the contact";
            self.tell_left(sighting, message, hint);
        } else if !is_news {
            self.tally().same += 1;
        }
        Ok(())
    }

    /// The next time this very record is the same contact, whatever either of them is called by then.
    fn remember_uid(&mut self, pile: &mut Pile, stored: &Stored, sighting: &Sighting) -> Result<(), SyncError> {
        let uid = sighting.uid.clone().unwrap_or_else(|| uid_of(&sighting.contact));
        if uid != stored.uid {
            self.mirror.add_other_uid(&uid, stored.id, self.run)?;
            pile.index.add_other_uid(stored.id, &uid);
        }
        Ok(())
    }

    fn tally(&mut self) -> &mut Tally {
        self.summary.import.get_or_insert_default()
    }
}

/// Namespace of the UIDs of imported contacts that bring none (version 5, RFC 9562).
const UID_NAMESPACE: uuid::Uuid = uuid::uuid!("b4f8e0a2-6d0e-5c53-8d57-2f6a9b1c7e35");

/// A UID that the same record gets each time it is imported: one that nothing else tells apart from others (a company
/// without telephone or e-mail address) must not be doubled by the same file, nor differ between rehearsal and run.
fn uid_of(contact: &Contact) -> String {
    // Our own type of texts and lists always has a JSON form.
    let content = serde_json::to_string(contact).unwrap_or_default();
    uuid::Uuid::new_v5(&UID_NAMESPACE, content.as_bytes()).to_string()
}

fn empty(place: String) -> Problem {
    let hint = "columns that are not read may hold its values; a profile of one's own can name them";
    let message = "nothing in it is read: it would be a contact without any value".to_owned();
    Problem { place, message, hint: Some(hint.to_owned()), remote: None }
}

/// "; columns: Nom as last_name, CP as professional zip_code".
fn columns_in_words(columns: &[Column]) -> String {
    let read: Vec<String> = columns
        .iter()
        .filter_map(|column| Some(format!("{} as {}", column.name, column.read_as.as_deref()?)))
        .collect();
    if read.is_empty() { String::new() } else { format!("; columns: {}", read.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Environment,
        contact::{Item, ItemType},
    };

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
        let file = ImportSource::of_bytes("file", text);
        let text = "[crm]\nurl = \"sandbox\"\n";
        let settings = Settings::parse("/x/carnet.toml".as_ref(), text, Environment::from_fn(&|_| None)).unwrap();
        let Some(Record::Contact { sighting, .. }) = source::read(file, None, &settings).unwrap().records.last() else {
            panic!("a row")
        };
        let types: Vec<_> = sighting.contact.items.iter().map(|item| item.item_type.clone()).collect();
        assert!(
            known.items.iter().all(|item| !types.contains(&item.item_type)),
            "all are guessed otherwise: {types:?}"
        );
        let new = enriched(&known, &sighting.contact, sighting.fields, (By::Email, FieldSet::NONE));
        assert_eq!(new, Contact { company: "ACME".into(), ..known });
    }
}
