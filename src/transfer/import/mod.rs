//! A file into the mirror, once: matched with known contacts, never deleting. An empty cell or an absent property never
//! clears a field.

mod duplicates;
mod merge;
mod source;
mod told;
mod values;

pub use self::source::{FormatHint, ImportSource, Imported, Record, read};
use std::collections::BTreeMap;

use self::{
    duplicates::{BatchDuplicates, Repeat},
    merge::{contradictions, enriched},
};
use crate::{
    contact::{
        Contact, FieldSet,
        ids::{IMPORT, MIRROR},
    },
    mirror::{ContactId, Stored},
    reconcile::{
        Match,
        identify::{Evidence, Verdict, identify},
        matching::MatchedBy,
        strangers::Stranger,
    },
    replica::{Diagnostic, Problem, RemoteContact},
    sync::{
        Column, ImportCounts, Source, SyncError,
        events::{ChangeAction, Label, SyncEvent},
        record::label,
        run::{Run, Step, bump},
    },
};

/// Records taken in one transaction.
const TAKEN_AT_ONCE: usize = 1_000;

impl Source for Imported {
    fn take_in(&mut self, run: &mut Run<'_>) -> Result<(), SyncError> {
        let duplicates = BatchDuplicates::of(run.index_for(IMPORT)?, run.index_of_locally_deleted()?);
        Importer { run, duplicates }.import(self)
    }
}

/// The import of one file.
struct Importer<'r, 'a> {
    run: &'r mut Run<'a>,
    /// What the file's earlier records have said.
    duplicates: BatchDuplicates,
}

impl<'a> Step<'a> for Importer<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl Importer<'_, '_> {
    /// Takes in what a file gives.
    fn import(&mut self, imported: &mut Imported) -> Result<(), SyncError> {
        let Imported { records, recognised, columns } = imported;
        let (recognised, columns) = (recognised.take(), std::mem::take(columns));
        if let Some(mut words) = recognised {
            if self.run.policy.dry_run {
                words += &columns_in_words(&columns);
            }
            self.run.notice(IMPORT, Diagnostic::new(words));
        }
        self.run.summary.import = Some(ImportCounts { columns, ..ImportCounts::default() });
        self.run.emit(SyncEvent::ScanStarted { replica: IMPORT.to_owned() });
        let (index, mirror) = (&mut self.duplicates.index, &*self.run.mirror);
        mirror.for_each_other_uid(&mut |uid, id| index.add_other_uid(mirror, id, uid))?;
        let (mut contacts, mut groups, mut is_done) = (0, 0, false);
        let mut left_out: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        let (mut guesses, mut things) = (Vec::new(), 0);
        while !is_done {
            self.run.check_stop()?;
            self.transact(|part| {
                for _ in 0..TAKEN_AT_ONCE {
                    match records.next() {
                        None => {
                            is_done = true;
                            break;
                        }
                        Some(Record::Group) => groups += 1,
                        Some(Record::Thing) => things += 1,
                        Some(Record::Refused(problem)) => part.refuse(problem),
                        Some(Record::Contact { record, refused, left_out: (parts, line), repaired, guessed }) => {
                            guesses.extend(guessed);
                            contacts += 1;
                            parts.into_iter().for_each(|part| left_out.entry(part).or_default().push(line));
                            part.counts().cells_refused += refused.len() as u64;
                            part.counts().cells_repaired += repaired;
                            refused.into_iter().for_each(|cell| part.run.problem(IMPORT, cell));
                            part.import_one(*record)?;
                        }
                    }
                }
                Ok(())
            })?;
            let replica = IMPORT.to_owned();
            self.run.emit(SyncEvent::ScanProgress { replica, contacts, pages: 0, pages_expected: None });
        }
        if groups > 0 {
            self.run.notice(IMPORT, Diagnostic::new(told::groups_left(groups)));
        }
        if things > 0 {
            self.run.notice(IMPORT, Diagnostic::new(told::things_left(things)));
        }
        if !left_out.is_empty() {
            let hint = "the comment of the contact has room for it";
            self.run.notice(IMPORT, Diagnostic::new(told::left_in_file(&left_out)).hint(hint));
        }
        if !guesses.is_empty() {
            let hint = "the last word, with the particles before it, was taken for the family name, or the first one where \
                        the column is called so; write \"Roux, Ada\" or \"ROUX Ada\" to say which it is";
            self.run.notice(IMPORT, Diagnostic::new(told::names_guessed(&guesses)).hint(hint));
        }
        if contacts > 0 {
            bump(&mut self.run.summary.scanned, IMPORT, contacts);
        }
        self.run.emit(SyncEvent::ScanFinished { replica: IMPORT.to_owned(), contacts, whole: true });
        Ok(())
    }

    /// Tells of a record that is not taken, and why.
    fn refuse(&mut self, problem: Problem) {
        self.counts().refuse(&problem.message);
        self.run.problem(IMPORT, problem);
    }

    fn import_one(&mut self, record: RemoteContact) -> Result<(), SyncError> {
        let (index, mirror) = (&self.duplicates.index, &*self.run.mirror);
        let found = index.find(mirror, record.uid.as_deref(), record.crm_id.as_deref(), &record.contact)?;
        let contradicted = index.contradicted(mirror, record.crm_id.as_deref(), &record.contact)?;
        match identify(Evidence { found: Some(found), contradicted, ..Evidence::default() }) {
            Verdict::Known(id, by) => self.import_known(id, by, record),
            Verdict::Stranger(id, why) => {
                let stored = self.run.stored(id)?;
                self.leave_stranger(&stored, why, &record)
            }
            Verdict::Contradicts(id) => {
                let stored = self.run.stored(id)?;
                self.leave_stranger(&stored, Stranger::Mark("CRM id"), &record)
            }
            Verdict::Ambiguous(candidates) if self.duplicates.are_others(&candidates, &record) => {
                self.import_new(record)
            }
            Verdict::Ambiguous(candidates) => {
                let message = self.candidates_in_words(&candidates)?;
                let hint = "add the contact's UID or CRM id to the file, or an e-mail address of its own";
                self.leave(&record, message, hint)
            }
            Verdict::New | Verdict::Returning(_) => match self.duplicates.left_before(self.run.mirror, &record)? {
                None => self.import_new(record),
                Some(earlier) => {
                    let message = format!("may be the same as {earlier}, which was left alone");
                    self.leave(&record, message, "make the two one, or settle the earlier one first")
                }
            },
        }
    }

    fn import_known(&mut self, id: ContactId, by: MatchedBy, record: RemoteContact) -> Result<(), SyncError> {
        let stored = self.run.stored(id)?;
        match self.duplicates.repeat(self.run.mirror, &stored, by, &record)? {
            Repeat::Stranger(why) => self.leave_stranger(&stored, why, &record),
            Repeat::No => self.import_into(&stored, by, &record),
            Repeat::Another => self.import_new(record),
            Repeat::Namesake => {
                let message = "has the name of an earlier record and says otherwise".to_owned();
                let hint = "add a UID, or an e-mail address of its own, or make the two one";
                self.leave(&record, message, hint)
            }
            Repeat::Copy => {
                let message = "has the UID or CRM id of an earlier record and says otherwise".to_owned();
                self.leave(&record, message, "take the mark out of one of them, or delete it")
            }
        }
    }

    /// It names a contact, and is somebody else.
    fn leave_stranger(&mut self, stored: &Stored, why: Stranger, record: &RemoteContact) -> Result<(), SyncError> {
        let known = stored.crm_id.as_ref().unwrap_or(&stored.uid);
        let message = match why {
            Stranger::Mark(mark) => format!("has the {mark} of contact {known} and nothing else in common with it"),
            Stranger::Company => {
                format!(
                    "has the telephone number or e-mail address of contact {known}, and one of the two is a company"
                )
            }
            Stranger::Generation => {
                format!("has the name of contact {known}, and another birthday or generation (Jr., Sr.)")
            }
            Stranger::Mailbox => {
                format!("has the name and the landline of contact {known}, and an e-mail address of its own")
            }
        };
        match why {
            Stranger::Mark(_) | Stranger::Generation | Stranger::Mailbox => self.leave(
                record,
                message,
                "if it is that contact, change it with `carnet` or in the CRM; if not, take the mark out, or add an e-mail",
            ),
            Stranger::Company => {
                // Whoever of its people comes after it is not the company.
                self.tell_left(record, message, "enter the company in the CRM, or change the contact there");
                Ok(())
            }
        }
    }

    /// Several known contacts could be meant.
    fn candidates_in_words(&self, candidates: &[ContactId]) -> Result<String, SyncError> {
        let mut names = Vec::new();
        for id in candidates.iter().take(5) {
            let Stored { crm_id, uid, .. } = self.run.stored(*id)?;
            names.push(crm_id.unwrap_or(uid));
        }
        let names = names.join(", ");
        Ok(match candidates.len() {
            1 => format!("could be contact {names}: it has the e-mail address, and another name"),
            several => format!("could be any of {several} known contacts ({names})"),
        })
    }

    /// Leaves a record to a user.
    fn leave(&mut self, record: &RemoteContact, message: String, hint: &str) -> Result<(), SyncError> {
        self.duplicates.leave(self.run.mirror, record)?;
        self.tell_left(record, message, hint);
        Ok(())
    }

    fn tell_left(&mut self, record: &RemoteContact, message: String, hint: &str) {
        let (place, hint) = (record.remote.clone(), Some(hint.to_owned()));
        self.run.problem(IMPORT, Problem { place, message, hint, remote: None });
        self.counts().ambiguous += 1;
    }

    fn import_new(&mut self, record: RemoteContact) -> Result<(), SyncError> {
        let uid = record.uid.clone().unwrap_or_else(|| uid_of(&record.contact));
        let by_crm_id = record.crm_id.as_deref().map(|id| self.run.mirror.contact_by_crm_id(id)).transpose()?.flatten();
        let (index, crm_id) = (&self.duplicates.locally_deleted, record.crm_id.as_deref());
        let locally_deleted = match index.find(self.run.mirror, None, crm_id, &record.contact)? {
            Match::One(id, _) => Some(self.run.stored(id)?).filter(|stored| stored.deleted),
            Match::None | Match::Ambiguous(_) => None,
        };
        let known = self
            .run
            .mirror
            .contact_by_uid(&uid)?
            .or(self.run.mirror.contact_by_other_uid(&uid)?)
            .or(by_crm_id)
            .or(locally_deleted);
        match known {
            Some(stored) if stored.deleted => self.import_again(&stored, &record),
            Some(_) => {
                // Made from this very record once and edited since: an old file does not take the edits back.
                self.counts().same += 1;
                Ok(())
            }
            None if record.contact == Contact::default() => {
                self.refuse(empty(record.remote));
                Ok(())
            }
            None => {
                let at = self.run.host.stamp();
                let new = self.run.follow_firm(None, record.contact.clone())?;
                let id = self.run.mirror.insert_contact(&uid, &new, IMPORT, self.run.id, &at)?;
                self.duplicates.index.add(self.run.mirror, id, &uid, None, &record.contact)?;
                self.duplicates.take(id, &record);
                self.counts().new += 1;
                self.run.created_here(Label { uid, crm_id: None, name: record.contact.display_name() });
                Ok(())
            }
        }
    }

    /// The contact was deleted here once and a user brings it back: to every replica that still holds it, too.
    fn import_again(&mut self, stored: &Stored, record: &RemoteContact) -> Result<(), SyncError> {
        let new = enriched(&stored.contact, &record.contact, record.fields, (MatchedBy::Uid, FieldSet::NONE));
        let new = self.run.follow_firm(Some(&stored.contact), new)?;
        self.duplicates.take(stored.id, record);
        self.run.remember(stored, &new, IMPORT)?;
        self.run.mirror.update_contact(stored.id, &new, &self.run.host.stamp())?;
        self.run.follow_again(stored.id)?;
        self.index(stored, &new)?;
        self.counts().new += 1;
        self.run.changed(MIRROR, ChangeAction::Create, label(stored), Vec::new());
        Ok(())
    }

    /// A known contact gets what the record says beyond it. Of a record that says otherwise than an earlier one of the file
    /// nothing is taken: it is left to a user.
    fn import_into(&mut self, stored: &Stored, by: MatchedBy, record: &RemoteContact) -> Result<(), SyncError> {
        if record.contact == stored.contact {
            self.duplicates.take(stored.id, record);
            self.remember_uid(stored, record)?;
            self.counts().same += 1;
            return Ok(());
        }
        let said = record.fields.and(self.duplicates.said(stored.id));
        let otherwise = contradictions(&stored.contact, &record.contact, said, by);
        if !otherwise.is_empty() {
            let message = format!("says otherwise than an earlier record of the same person: {}", otherwise.join(", "));
            let hint = "the earlier one stands; take what is wrong out of the file, or edit the contact";
            self.tell_left(record, message, hint);
            return Ok(());
        }
        let new = self.duplicates.enriched(stored, by, record);
        let new = self.run.follow_firm(Some(&stored.contact), new)?;
        self.duplicates.take(stored.id, record);
        self.remember_uid(stored, record)?;
        if new == stored.contact {
            self.counts().same += 1;
            return Ok(());
        }
        let fields = self.run.remember(stored, &new, IMPORT)?;
        self.run.mirror.update_contact(stored.id, &new, &self.run.host.stamp())?;
        self.index(stored, &new)?;
        self.counts().update(&fields);
        self.run.changed(MIRROR, ChangeAction::Update, label(stored), fields);
        Ok(())
    }

    /// The next time this very record is the same contact, whatever either of them is called by then.
    fn remember_uid(&mut self, stored: &Stored, record: &RemoteContact) -> Result<(), SyncError> {
        let uid = record.uid.clone().unwrap_or_else(|| uid_of(&record.contact));
        if uid != stored.uid {
            self.run.mirror.add_other_uid(&uid, stored.id, self.run.id)?;
            self.duplicates.index.add_other_uid(self.run.mirror, stored.id, &uid)?;
        }
        Ok(())
    }

    /// What a known contact is recognised by from now on.
    fn index(&mut self, stored: &Stored, new: &Contact) -> Result<(), SyncError> {
        let (uid, crm_id) = (&stored.uid, stored.crm_id.as_deref());
        Ok(self.duplicates.index.add(self.run.mirror, stored.id, uid, crm_id, new)?)
    }

    fn counts(&mut self) -> &mut ImportCounts {
        self.run.summary.import.get_or_insert_default()
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
        contact::{Item, ItemType},
        formats::vcard::WriteStyle,
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
        let imported = read(file, FormatHint::Recognise(&[]), WriteStyle::default()).unwrap();
        let Some(Record::Contact { record, .. }) = imported.records.last() else { panic!("a row") };
        let types: Vec<_> = record.contact.items.iter().map(|item| item.item_type.clone()).collect();
        assert!(
            known.items.iter().all(|item| !types.contains(&item.item_type)),
            "all are guessed otherwise: {types:?}"
        );
        let new = enriched(&known, &record.contact, record.fields, (MatchedBy::Email, FieldSet::NONE));
        assert_eq!(new, Contact { company: "ACME".into(), ..known });
    }
}
