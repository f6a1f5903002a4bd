//! Finds out how a server's PUT treats each list: on a throwaway contact, which is removed again.
//!
//! A crash in between leaves that contact behind; it is recognised by [`is_probe`], kept out of everybody's address book
//! and removed later. A refusal is no answer: what was not found out is asked for again another time.

#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeSet;

use self::trial::{Numbered, entry_id, numbers, probe_on, trial_contact};
use super::{
    client::Client,
    error::{CrmError, ErrorKind},
    lists::{ListBehaviour, ListKind, Outgoing, PerList},
    pagination::PAGES_MAX,
    xml::{self, Record, Unwritable},
};
use crate::contact::{Address, Contact, Item};

pub use self::trial::{PROBE_NAME, is_probe};

/// What a trial found, and what it left behind.
#[derive(Debug)]
pub struct Probed {
    /// The behaviour of each kind of list that was asked for; an error where it could not be found out.
    pub behaviours: PerList<Option<Result<ListBehaviour, CrmError>>>,
    /// The throwaway contact, if it could not be removed, and why.
    pub left_behind: Option<(String, CrmError)>,
}

impl Client {
    /// Tries these kinds of lists. `left`: throwaway contacts that are there already; one of them is used, for there is
    /// never to be more than one.
    pub async fn probe_lists(&self, kinds: &[ListKind], left: &BTreeSet<String>) -> Probed {
        let mut behaviours = PerList::default();
        let (id, trial) = match self.subject(left).await {
            Ok(found) => found,
            Err(error) => {
                for kind in kinds {
                    *behaviours.get_mut(*kind) = Some(Err(error.clone()));
                }
                return Probed { behaviours, left_behind: None };
            }
        };
        for kind in kinds {
            let found = match kind {
                ListKind::Addresses => self.ask::<Address>(&id).await,
                ListKind::Items => self.ask::<Item>(&id).await,
            };
            let found = found.map_err(|error| not_found_out(error, "a change of the trial contact", &trial));
            *behaviours.get_mut(*kind) = Some(found);
        }
        let left_behind = self.delete(&id).await.err().map(|error| (id, error.in_words(&[&trial])));
        Probed { behaviours, left_behind }
    }

    /// The throwaway contact by its id: one that is there, else a new one.
    async fn subject(&self, left: &BTreeSet<String>) -> Result<(String, Contact), CrmError> {
        for id in left {
            let record = self
                .contact(id)
                .await
                .map_err(|error| not_found_out(error, "the trial contact", &Contact::default()))?;
            if let Some(record) = record.filter(|record| is_probe(&record.contact)) {
                return Ok((id.clone(), record.contact));
            }
        }
        let token = uuid::Uuid::new_v4().simple().to_string();
        // Where nobody can be read, it is tried with what any contact needs.
        let mut trial = match self.page(1).await {
            Ok(page) => trial_contact(&token, Some(&page)),
            Err(error) if error.kind == ErrorKind::Login => return Err(error),
            Err(_) => trial_contact(&token, None),
        };
        let mut made = self.create(xml::create_body(&trial).map_err(unwritable)?).await;
        if !trial.firm_id.is_empty() && made.as_ref().is_err_and(|error| error.kind == ErrorKind::Rejected) {
            // Contacts name firms that are no more, and nobody is put into such a one again.
            trial.firm_id.clear();
            made = self.create(xml::create_body(&trial).map_err(unwritable)?).await;
        }
        let id = match made {
            Ok(created) => created.id,
            Err(error) if error.kind == ErrorKind::OutcomeUnknown => match self.find(&token).await {
                Ok(Some(id)) => id,
                Err(refused) if refused.kind == ErrorKind::Login => return Err(refused),
                Ok(None) | Err(_) => return Err(not_found_out(error, "the trial contact", &trial)),
            },
            Err(error) => return Err(not_found_out(error, "the trial contact", &trial)),
        };
        Ok((id, trial))
    }

    /// Looks for the throwaway contact that was just made where listings put new ones: on the first page or the last.
    async fn find(&self, token: &str) -> Result<Option<String>, CrmError> {
        let first = self.page(1).await?;
        let last = first.total_pages.filter(|last| (2..=PAGES_MAX).contains(last));
        if let Some(id) = probe_on(&first, token) {
            return Ok(Some(id));
        }
        let Some(last) = last else { return Ok(None) };
        Ok(probe_on(&self.page(last).await?, token))
    }

    /// Changes one entry by its id and looks what became of the list; then removes another, if that made sense.
    async fn ask<T: Numbered>(&self, id: &str) -> Result<ListBehaviour, CrmError> {
        let Some(before) = self.two_entries::<T>(id).await? else { return Ok(ListBehaviour::Unknown) };
        let Some(numbers) = numbers::<T>(&before) else { return Ok(ListBehaviour::Unknown) };
        let [first, .., last] = numbers[..] else { return Ok(ListBehaviour::Unknown) };
        let fresh = last + 1;
        let (id_first, id_last) = (entry_id::<T>(&before, first), entry_id::<T>(&before, last));
        let changed = T::numbered(fresh);
        let after = self.put_list(id, &[Outgoing { id: id_first, ..Outgoing::new(&changed) }]).await?;
        let with_fresh = |present: &[u32]| present.iter().copied().chain([fresh]).collect::<Vec<u32>>();
        let Some(after) = trial::numbers::<T>(&after) else { return Ok(ListBehaviour::Unknown) };
        if after == [fresh] {
            return Ok(ListBehaviour::Replace);
        }
        if after == with_fresh(&numbers) {
            return Ok(ListBehaviour::Append);
        }
        if id_first.is_none() || after != with_fresh(&numbers[1..]) {
            return Ok(ListBehaviour::Unknown);
        }
        let Some(id_last) = id_last else { return Ok(ListBehaviour::Ids { destroy: false }) };
        match self.put_list::<T>(id, &[Outgoing::removal(id_last)]).await {
            Ok(left) => {
                let gone = trial::numbers::<T>(&left).is_some_and(|left| !left.contains(&last));
                Ok(ListBehaviour::Ids { destroy: gone })
            }
            Err(error) if error.kind == ErrorKind::Rejected => Ok(ListBehaviour::Ids { destroy: false }),
            Err(error) => Err(error),
        }
    }

    /// The throwaway contact as it is, with two entries at least: one that an earlier trial left may have fewer.
    async fn two_entries<T: Numbered>(&self, id: &str) -> Result<Option<Record>, CrmError> {
        let record = self.contact(id).await?.ok_or_else(gone)?;
        let Some(numbers) = numbers::<T>(&record) else { return Ok(None) };
        if numbers.len() >= 2 {
            return Ok(Some(record));
        }
        let last = numbers.last().copied().unwrap_or_default();
        let (one, two) = (T::numbered(last + 1), T::numbered(last + 2));
        self.put_list(id, &[Outgoing::new(&one), Outgoing::new(&two)]).await.map(Some)
    }

    async fn put_list<T: Numbered>(&self, id: &str, entries: &[Outgoing<'_, T>]) -> Result<Record, CrmError> {
        let body = xml::list_body(entries).map_err(unwritable)?;
        self.update(id, body).await?;
        self.contact(id).await?.ok_or_else(gone)
    }
}

/// It was there just now: nothing is learnt of a server that says otherwise.
fn gone() -> CrmError {
    CrmError::new(ErrorKind::Gone, "read the probe contact: it is gone").hint("the next run tries again")
}

fn unwritable(problem: Unwritable) -> CrmError {
    CrmError::new(ErrorKind::Rejected, problem.to_string())
}

/// Why it was not found out: the server refused `what`, in its own words, or is in trouble that may pass. What
/// became of an unsettled step does not matter: the contact is thrown away.
fn not_found_out(error: CrmError, what: &str, trial: &Contact) -> CrmError {
    match error.kind {
        ErrorKind::Rejected if error.words.is_some() => {
            CrmError { message: format!("the CRM refused {what}"), ..error }.in_words(&[trial])
        }
        ErrorKind::Login => error,
        ErrorKind::Rejected | ErrorKind::Forbidden | ErrorKind::Settings => {
            CrmError { message: format!("could not {}", error.message), ..error }
        }
        ErrorKind::Unavailable | ErrorKind::Gone | ErrorKind::OutcomeUnknown => {
            let message = format!("could not {}", error.message);
            CrmError { kind: ErrorKind::Unavailable, message, ..error }
        }
    }
}
