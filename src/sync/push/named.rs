//! Contacts that a record of a book names by CRM id, and that the mirror does not know there: the mirror was lost, or is
//! older than the books, and the listing left them out. Before one is made in the CRM it is asked for by that id, and
//! many of them at once say that the listing was not whole.

use std::collections::HashSet;

use crate::{
    mirror::{Agreement, ContactId},
    reconcile::{Kept, matching::could_be},
    replica::{Diagnostic, Lookup, RemoteContact},
    sync::{engine::Engine, error::SyncError, participant::Participant, scan::intake::NEVER_READ},
};

/// A contact that waits to be made in the CRM, and the ids that records of it name.
struct Named {
    contact: ContactId,
    remotes: Vec<String>,
}

/// What came of asking for such a contact.
enum Answer {
    /// It was found and linked, or is plainly somebody else: nothing keeps it from being made.
    Free,
    /// It may be there although it was not found.
    Unsure,
    /// It was denied twice, under this id.
    Gone(String),
}

impl Engine<'_> {
    /// Asks the CRM for the contacts that are about to be made there although a book knows them by CRM id. Found ones are
    /// linked; one that was denied twice is a conflict: gone there, kept here.
    pub async fn look_for_named(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        self.doubtful.clear();
        let named = self.named_in_books(&participant.name)?;
        self.forget_denials(&participant.name, &named)?;
        if named.is_empty() || !participant.takes {
            return Ok(());
        }
        let count = named.len() as u64;
        if !self.policy.force && count > self.policy.max_delete.allowed(self.mirror.count_contacts()?) {
            let message = format!(
                "the CRM's listing leaves out {count} contacts that the books know by their CRM id; nothing is written there"
            );
            let hint = format!(
                "if the listing was not whole, run it again; `carnet sync --max-delete {count}` asks for each by its id"
            );
            self.halt(participant, Diagnostic::new(message).hint(hint));
            return Ok(());
        }
        let mut control = None;
        for named in named {
            match self.ask_for(participant, &named, &mut control).await? {
                Answer::Free => {}
                Answer::Unsure => drop(self.doubtful.insert(named.contact)),
                Answer::Gone(remote) => {
                    self.transact(|engine| engine.named_is_gone(participant, named.contact, remote))?
                }
            }
        }
        self.say_doubtful(participant);
        Ok(())
    }

    /// It was deleted in the CRM, and a book has it still. Whether it is made there again is for a person to say; until then
    /// a detached agreement holds the place.
    fn named_is_gone(
        &mut self,
        participant: &Participant,
        contact: ContactId,
        remote: String,
    ) -> Result<(), SyncError> {
        self.mirror.clear_absence(&participant.name, &remote)?;
        let stored = self.stored(contact)?;
        self.whole_conflict(&stored, &participant.name, Kept::Open)?;
        let agreement = Agreement {
            contact,
            remote,
            revision: NEVER_READ.to_owned(),
            theirs: stored.contact.clone(),
            ours: stored.contact,
            version: 0,
            detail: None,
            detached: true,
            marks: String::new(),
        };
        Ok(self.mirror.put_agreement(&participant.name, &agreement)?)
    }

    /// Asks for one contact by each id that it is known by.
    async fn ask_for(
        &mut self,
        participant: &mut Participant,
        Named { contact, remotes }: &Named,
        control: &mut Option<bool>,
    ) -> Result<Answer, SyncError> {
        let (mut sure, mut gone) = (true, None);
        for remote in remotes {
            self.check_stop()?;
            if self.mirror.agreement_by_remote(&participant.name, remote)?.is_some() {
                // Somebody who names it too was linked to it just now.
                continue;
            }
            match participant.replica.fetch(remote).await? {
                Lookup::Found(record) => {
                    if self.found_named(participant, *contact, *record)? {
                        return Ok(Answer::Free);
                    }
                }
                Lookup::Gone => {
                    if control.is_none() {
                        let other = self.surely_there(&participant.name)?;
                        *control = Some(self.answers_for_others(participant, other.as_deref()).await?);
                    }
                    if !self.policy.force {
                        gone = Some(remote.clone());
                        sure &= *control == Some(true) && self.denied_twice(&participant.name, remote, *contact)?;
                    }
                }
                Lookup::Unclear(_) => sure = false,
            }
        }
        Ok(match gone {
            _ if !sure => Answer::Unsure,
            Some(remote) => Answer::Gone(remote),
            None => Answer::Free,
        })
    }

    /// A contact that the CRM has if it is well: one that is followed, and not itself in question.
    fn surely_there(&self, replica: &str) -> Result<Option<String>, SyncError> {
        let mut known: Vec<String> = self.mirror.known(replica)?.into_keys().collect();
        known.sort_unstable();
        for remote in known {
            let followed = self.mirror.agreement_by_remote(replica, &remote)?.is_some_and(|it| !it.detached);
            if followed && self.mirror.absence(replica, &remote)?.is_none() {
                return Ok(Some(remote));
            }
        }
        Ok(None)
    }

    /// Denials of ids that nobody waits for any more.
    fn forget_denials(&mut self, replica: &str, named: &[Named]) -> Result<(), SyncError> {
        let asked: HashSet<&String> = named.iter().flat_map(|named| &named.remotes).collect();
        for absence in self.mirror.absences(replica)? {
            if !asked.contains(&absence.remote) && self.mirror.agreement_by_remote(replica, &absence.remote)?.is_none()
            {
                self.mirror.clear_absence(replica, &absence.remote)?;
            }
        }
        Ok(())
    }

    fn say_doubtful(&mut self, participant: &Participant) {
        let doubtful = self.doubtful.len();
        if doubtful == 0 {
            return;
        }
        self.summary.failed += doubtful as u64;
        let message = format!(
            "{doubtful} contacts that a book knows by their CRM id are neither in the CRM's listing nor surely gone; they \
             are not made there yet"
        );
        self.notice(
            &participant.name,
            Diagnostic::new(message).hint("the next run asks again; `carnet sync --force` makes them at once"),
        );
    }

    fn named_in_books(&self, replica: &str) -> Result<Vec<Named>, SyncError> {
        let mut named = Vec::new();
        for contact in self.mirror.unagreed(replica)? {
            let mut remotes = Vec::new();
            for remote in self.mirror.crm_ids_in_books(contact)? {
                // An id that is somebody else's says nothing: a copied record.
                if self.mirror.agreement_by_remote(replica, &remote)?.is_none() {
                    remotes.push(remote);
                }
            }
            if !remotes.is_empty() {
                named.push(Named { contact, remotes });
            }
        }
        Ok(named)
    }

    /// False if the one found is somebody else.
    fn found_named(
        &mut self,
        participant: &Participant,
        contact: ContactId,
        record: RemoteContact,
    ) -> Result<bool, SyncError> {
        if !could_be(&self.stored(contact)?.contact, &record.contact) {
            // An id of another account, or of a time before this one: somebody else has it here.
            return Ok(false);
        }
        self.transact(|engine| {
            engine.mirror.clear_absence(&participant.name, &record.remote)?;
            engine.link(participant, contact, record)
        })?;
        Ok(true)
    }
}
