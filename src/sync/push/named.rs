//! Contacts that a record of a book names by CRM id, and that the mirror does not know there: the mirror was lost, or is
//! older than the books, and the listing left them out. Before one is made in the CRM it is asked for by that id, and
//! many of them at once say that the listing was not whole.

use super::Pusher;
use crate::sync::{run::Step, scan::missing::Absences};
use std::collections::HashSet;

use crate::{
    mirror::{Activity, Agreement, Attention, ContactId, StopReason, Stored},
    reconcile::{Kept, matching::could_be},
    replica::{Diagnostic, Lookup, RemoteContact, RemoteId},
    sync::{error::SyncError, scan::intake::NEVER_READ},
};

/// A contact that waits to be made in the CRM, and the ids that records of it name.
struct Named {
    contact: ContactId,
    remotes: Vec<RemoteId>,
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

impl Pusher<'_, '_> {
    /// Asks the CRM for the contacts that are about to be made there although a book knows them by CRM id. Found ones are
    /// linked; one that was denied twice is a conflict: gone there, kept here.
    pub async fn look_for_named(&mut self) -> Result<(), SyncError> {
        self.doubtful.clear();
        self.follow_made_anew()?;
        let named = self.named_in_books()?;
        self.forget_denials(&named)?;
        if named.is_empty() || !self.participant.takes() {
            return Ok(());
        }
        let count = named.len() as u64;
        if !self.run.policy.force && count > self.run.policy.max_delete.allowed(self.run.mirror.count_contacts()?) {
            self.run.halt(self.participant, Attention::Stopped { reason: StopReason::ListingLeavesOut { count } });
            return Ok(());
        }
        let mut control = None;
        for named in named {
            match self.ask_for(&named, &mut control).await? {
                Answer::Free => {}
                Answer::Unsure => drop(self.doubtful.insert(named.contact)),
                Answer::Gone(remote) => self.transact(|part| part.named_is_gone(named.contact, remote))?,
            }
        }
        self.say_doubtful();
        Ok(())
    }

    /// Contacts that the CRM denies under the id that the mirror knows, and that a record names by another one: they were made
    /// there anew, after the mirror that this one was restored from was copied. They are followed under that id.
    fn follow_made_anew(&mut self) -> Result<(), SyncError> {
        let replica = self.participant.name.clone();
        for absence in self.run.mirror.absences(&replica)? {
            let Some(denied) = self.run.mirror.agreement_by_remote(&replica, &absence.remote)? else { continue };
            if denied.detached || !self.participant.takes() || self.run.stored(denied.contact)?.deleted {
                continue;
            }
            for remote in self.run.mirror.crm_ids_in_books(denied.contact)? {
                let Some(agreement) = self.run.mirror.agreement_by_remote(&replica, &remote)? else { continue };
                let Some(twin) = self.twin(denied.contact, &agreement)?.filter(|twin| twin.id != denied.contact) else {
                    continue;
                };
                self.transact(|part| {
                    part.run.mirror.clear_absence(&replica, &absence.remote)?;
                    part.run.mirror.delete_agreement(&replica, denied.contact)?;
                    part.join(denied.contact, &twin, agreement)
                })?;
                break;
            }
        }
        Ok(())
    }

    /// The contact that a record names, if it can be the one that the record is of and that waits to be made in the CRM: no
    /// book holds it, and the mirror has nothing of it but what was read there. Then the mirror is older than the books, and
    /// the name has changed since, so that the listing alone, read first, did not tell.
    fn twin(&self, contact: ContactId, agreement: &Agreement) -> Result<Option<Stored>, SyncError> {
        let replica = &self.participant.name;
        let (here, twin) = (self.run.stored(contact)?, self.run.stored(agreement.contact)?);
        let as_read = !twin.deleted && !agreement.detached && twin.contact == agreement.ours;
        let alone = self.run.mirror.agreements_of(twin.id)?.len() == 1;
        let waits = |id| self.run.mirror.outbox_of(id).map(|rows| rows.iter().any(|row| row.replica == *replica));
        let quiet = !waits(contact)? && !waits(twin.id)?;
        let is_one = as_read && alone && quiet && could_be(&here.contact, &twin.contact);
        Ok(is_one.then_some(twin))
    }

    fn join(&mut self, contact: ContactId, twin: &Stored, agreement: Agreement) -> Result<(), SyncError> {
        let Agreement { remote, revision, theirs, detail, .. } = agreement;
        self.run.delete_here(twin, &self.participant.name, "merge")?;
        self.run.mirror.delete_agreement(&self.participant.name, twin.id)?;
        let fields = self.participant.policy().fields;
        let record = RemoteContact {
            remote,
            revision,
            uid: None,
            crm_id: None,
            contact: theirs,
            fields,
            detail,
            source: None,
            edited: None,
        };
        self.run.link(self.participant, contact, record)
    }

    /// It was deleted in the CRM, and a book has it still. Whether it is made there again is for a user to say; until then
    /// a detached agreement holds the place.
    fn named_is_gone(&mut self, contact: ContactId, remote: String) -> Result<(), SyncError> {
        self.run.mirror.clear_absence(&self.participant.name, &remote)?;
        let stored = self.run.stored(contact)?;
        self.run.whole_conflict(&stored, &self.participant.name, Kept::Open)?;
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
        Ok(self.run.mirror.put_agreement(&self.participant.name, &agreement)?)
    }

    /// Asks for one contact by each id that it is known by.
    async fn ask_for(
        &mut self,
        Named { contact, remotes }: &Named,
        control: &mut Option<bool>,
    ) -> Result<Answer, SyncError> {
        let (mut sure, mut gone) = (true, None);
        for remote in remotes {
            self.run.check_stop()?;
            if self.run.mirror.agreement_by_remote(&self.participant.name, remote)?.is_some() {
                // Somebody who names it too was linked to it just now.
                continue;
            }
            match self.participant.replica.fetch(remote).await? {
                Lookup::Found(record) => {
                    if self.found_named(*contact, *record)? {
                        return Ok(Answer::Free);
                    }
                }
                Lookup::Gone => {
                    if control.is_none() {
                        let other = self.run.mirror.first_followed(&self.participant.name, &|_| false)?;
                        *control =
                            Some(Absences::new(self.run, self.participant).answers_for_others(other.as_deref()).await?);
                    }
                    if !self.run.policy.force {
                        gone = Some(remote.clone());
                        sure &= *control == Some(true)
                            && Absences::new(self.run, self.participant).denied_twice(remote, *contact)?;
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

    /// Denials of ids that nobody waits for any more.
    fn forget_denials(&mut self, named: &[Named]) -> Result<(), SyncError> {
        let replica = &self.participant.name;
        let asked: HashSet<&String> = named.iter().flat_map(|named| &named.remotes).collect();
        for absence in self.run.mirror.absences(replica)? {
            if !asked.contains(&absence.remote)
                && self.run.mirror.agreement_by_remote(replica, &absence.remote)?.is_none()
            {
                self.run.mirror.clear_absence(replica, &absence.remote)?;
            }
        }
        Ok(())
    }

    fn say_doubtful(&mut self) {
        let doubtful = self.doubtful.len();
        if doubtful == 0 {
            return;
        }
        let message = format!(
            "find {doubtful} contacts that a book knows by their CRM id: they are neither in the CRM's listing nor surely \
             gone, and are not made there yet"
        );
        let hint = "the next run asks again; `carnet sync --force` makes them at once";
        let diagnostic = Diagnostic::new(message).hint(hint);
        self.run.replica_failed(&self.participant.name, Activity::Write, diagnostic, doubtful as u64);
    }

    /// The contacts that books know by ids of which nobody knows anything yet. Those whose id is somebody's who has just come
    /// from there as somebody new, and can only be they, become one with them.
    fn named_in_books(&mut self) -> Result<Vec<Named>, SyncError> {
        let mut named = Vec::new();
        for contact in self.run.mirror.unagreed(&self.participant.name)? {
            let named_so = self.ids_in_books(contact)?;
            named.extend(named_so.filter(|remotes| !remotes.is_empty()).map(|remotes| Named { contact, remotes }));
        }
        Ok(named)
    }

    /// The ids by which books know a contact that waits; none once it has turned out to be there.
    fn ids_in_books(&mut self, contact: ContactId) -> Result<Option<Vec<RemoteId>>, SyncError> {
        let mut remotes = Vec::new();
        for remote in self.run.mirror.crm_ids_in_books(contact)? {
            let Some(agreement) = self.run.mirror.agreement_by_remote(&self.participant.name, &remote)? else {
                remotes.push(remote);
                continue;
            };
            // Otherwise an id that is somebody else's says nothing: a copied record.
            if self.participant.takes()
                && let Some(twin) = self.twin(contact, &agreement)?
            {
                self.transact(|part| part.join(contact, &twin, agreement))?;
                return Ok(None);
            }
        }
        Ok(Some(remotes))
    }

    /// False if the one found is somebody else.
    fn found_named(&mut self, contact: ContactId, record: RemoteContact) -> Result<bool, SyncError> {
        if !could_be(&self.run.stored(contact)?.contact, &record.contact) {
            // An id of another account, or of a time before this one: somebody else has it here.
            return Ok(false);
        }
        self.transact(|part| {
            part.run.mirror.clear_absence(&part.participant.name, &record.remote)?;
            part.run.link(part.participant, contact, record)
        })?;
        Ok(true)
    }
}
