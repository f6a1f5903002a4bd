//! Firms: the CRM keeps them, contacts name them by id, cards and sheets show them by name.
//!
//! A contact's company in the mirror is its firm's name. Whatever changes a contact goes through [`Run::follow_firm`], which
//! lets the id and the name follow each other; a firm that is renamed changes the companies of its contacts, and that is
//! nobody's edit: no history, no conflict. What no firm is called waits for the user. Trouble with firms is said once and
//! leaves everything else as it is.

pub(super) mod cards;
mod listing;
mod making;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};

use super::{
    SyncError,
    events::{Note, SyncEvent},
    participant::{CRM, Participant},
    run::{Run, Step},
};
use crate::{
    contact::{Contact, FirmDetails},
    mirror::{Attention, AttentionKind, AttentionRow, ContactId, FirmCreation, FirmRow, State},
    reconcile::firms::{self, Named, Names},
    replica::{Firm, RemoteContact, ReplicaError},
};

/// How the settings want firms treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FirmPolicy {
    /// Not at all.
    #[default]
    Off,
    /// Read.
    Read,
    /// Read; companies that no firm is called are made firms.
    Create,
}

/// When the firms were last listed whole.
const LISTED_AT: &str = "firms.listed_at";
/// They were listed whole with their addresses and the like; earlier, names alone were kept.
const DETAILED: &str = "firms.detailed";
/// Pages shifted while they were listed.
const SHIFTED: &str = "firms.shifted";
/// Why they could not be read, as it was last said.
const TROUBLE: &str = "firms.trouble";
/// What the contacts were like when their firms were last settled.
const SETTLED: &str = "firms.settled";
/// The name of their cursor.
const CURSOR: &str = "firms";
/// A whole listing comes no sooner.
const LISTED_AGAIN_AFTER: TimeDelta = TimeDelta::days(1);
/// When asking for one by its id failed: that one may be the only one to fail, and all may take long to.
const UNANSWERED_AT: &str = "firms.unanswered_at";
/// Neither is one asked for again nor all for the sake of some unknown ones before this has passed.
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::hours(1);
/// More firms that nothing is known of are better listed than asked for one by one.
const ASKED_MAX: u32 = 50;
/// Contacts changed at a time.
const AT_ONCE: usize = 500;

/// What a run knows of firms.
#[derive(Debug, Clone, Default)]
pub struct FirmState {
    /// Some are known, and wanted.
    pub known: bool,
    /// Every book was read whole in this run.
    pub books_read: bool,
    /// The companies of cards without a person that no firm is called.
    of_cards: BTreeSet<String>,
    /// All were listed in this run.
    listed: bool,
    /// They cannot be read in this run.
    off: bool,
    /// Why, until it is said: a refused login is the contacts' matter first.
    trouble: Option<String>,
}

impl<'a> Run<'a> {
    /// Contacts whose firms change follow them from now on, if any are known.
    pub fn recall_firms(&mut self) -> Result<(), SyncError> {
        self.firms.known = match self.policy.firms {
            FirmPolicy::Off => false,
            FirmPolicy::Read => self.mirror.count_firms()? > 0,
            // A CRM without any is given its first.
            FirmPolicy::Create => self.mirror.count_firms()? > 0 || self.mirror.fact(LISTED_AT)?.is_some(),
        };
        Ok(())
    }

    /// A contact as it is to be, its firm's id and its company in step; `before` is what it was.
    pub fn follow_firm(&self, before: Option<&Contact>, mut now: Contact) -> Result<Contact, SyncError> {
        let nothing = Contact::default();
        let before = before.unwrap_or(&nothing);
        if !self.firms.known || (before.firm_id == now.firm_id && before.company == now.company) {
            return Ok(now);
        }
        let name = |id: &str| if id.is_empty() { Ok(None) } else { self.mirror.firm_name(id) };
        let names =
            Names { before: name(&before.firm_id)?, now: name(&now.firm_id)?, typed: self.named(&now.company)? };
        let (id, company) = firms::follow(firm_of(before), firm_of(&now), &names);
        (now.firm_id, now.company) = (id, company);
        Ok(now)
    }

    /// The agreed states (theirs, ours) as if a firm's new name were agreed on already, where another company was typed there
    /// meanwhile: the new name is nobody's edit, and must not stand against one.
    pub fn less_rename(
        &self,
        here: &Contact,
        (theirs, there): (&Contact, &Contact),
        ours: &Contact,
    ) -> Result<Option<(Contact, Contact)>, SyncError> {
        let typed = theirs.company != there.company && there.company != here.company;
        let followed = ours.company != here.company && ours.firm_id == here.firm_id && !here.firm_id.is_empty();
        if !self.firms.known
            || !typed
            || !followed
            || self.mirror.firm_name(&here.firm_id)?.as_ref() != Some(&here.company)
        {
            return Ok(None);
        }
        let agreed = |known: &Contact| Contact { company: here.company.clone(), ..known.clone() };
        Ok(Some((agreed(theirs), agreed(ours))))
    }

    /// The firms of this name.
    fn named(&self, company: &str) -> Result<Named, SyncError> {
        let key = firms::key(company);
        if key.is_empty() {
            return Ok(Named::Nobody);
        }
        let mut found = self.mirror.firms_named(&key)?.into_iter();
        Ok(match (found.next(), found.next()) {
            (None, _) => Named::Nobody,
            (Some((id, name)), None) => Named::One { id, name },
            (Some(_), Some(_)) => Named::Several,
        })
    }

    /// True for a record of a company without a person, where firms are known: it is no contact. It is a firm's, or its company
    /// waits for one.
    pub fn is_card_of_firm(&mut self, record: &RemoteContact) -> Result<bool, SyncError> {
        if self.firm_of_card(record).is_some() {
            return Ok(true);
        }
        let Contact { last_name, first_name, company, .. } = &record.contact;
        let is_person = [last_name, first_name].into_iter().any(|name| !name.trim().is_empty());
        if !self.firms.known || is_person || firms::key(company).is_empty() || record.crm_id.is_some() {
            return Ok(false);
        }
        // It was a contact before firms were known.
        let uid = record.uid.as_deref();
        if uid.map(|uid| self.mirror.contact_by_uid(uid)).transpose()?.flatten().is_some() {
            return Ok(false);
        }
        if self.named(company)? == Named::Nobody {
            self.firms.of_cards.insert(company.clone());
        }
        Ok(true)
    }

    /// Reads the firms before contacts are read, where it is time: newcomers then come with their company.
    pub async fn read_firms_before(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        let wanted = self.policy.firms != FirmPolicy::Off && participant.shares_ids() && !participant.is_halted();
        let expected = wanted && participant.replica.firms().is_some_and(|firms| firms.are_expected());
        if expected && self.listing_is_due()? {
            self.list_firms(participant).await?;
        }
        Ok(())
    }

    fn listing_is_due(&self) -> Result<bool, SyncError> {
        if self.mirror.firm_creations()?.iter().any(FirmCreation::is_unsettled) {
            return Ok(true);
        }
        let has_shifted = self.mirror.fact(SHIFTED)?.is_some();
        self.is_long_ago(LISTED_AT, if has_shifted { ASKED_AGAIN_AFTER } else { LISTED_AGAIN_AFTER })
    }

    /// True unless the time that this fact keeps is less than that ago.
    fn is_long_ago(&self, fact: &str, least: TimeDelta) -> Result<bool, SyncError> {
        let time = |text: &str| DateTime::parse_from_rfc3339(text).ok();
        let then = self.mirror.fact(fact)?.and_then(|at| time(&at));
        let age = then.zip(time(&self.host.stamp())).map(|(then, now)| now - then);
        // A clock that was set back is no reason to wait for years.
        Ok(age.is_none_or(|age| age >= least || age < TimeDelta::zero()))
    }

    /// Firms stay out of this run.
    fn leave_out(&mut self, error: &ReplicaError) {
        self.firms.off = true;
        self.firms.trouble = Some(error.to_string());
    }

    /// Tells why firms stay out, once for each reason.
    fn say_left_out(&mut self) -> Result<(), SyncError> {
        let Some(reason) = self.firms.trouble.take() else { return Ok(()) };
        if self.mirror.fact(TROUBLE)?.as_ref() != Some(&reason) {
            self.mirror.set_fact(TROUBLE, &reason)?;
            self.tell_firms(Note::FirmsUnread { reason });
        }
        Ok(())
    }

    fn tell_firms(&mut self, note: Note) {
        self.emit(SyncEvent::Attention { replica: CRM.to_owned(), note });
    }

    /// After the scans: looks up firms that nothing is known of, makes those that are wanted, lets contacts follow, and
    /// keeps what waits for the user.
    pub async fn settle_firms(&mut self, participant: Option<&mut Participant>) -> Result<(), SyncError> {
        if self.policy.firms == FirmPolicy::Off || self.firms.off {
            return self.say_left_out();
        }
        if !self.is_news_for_firms()? {
            return Ok(());
        }
        let mut participant = participant.filter(|participant| !participant.is_halted());
        if let Some(participant) = &mut participant {
            if !self.firms.listed && self.listing_is_due()? {
                self.list_firms(participant).await?;
            }
            self.look_up_unknown(participant).await?;
        }
        self.settle_contacts()?;
        let is_whole = participant.is_some();
        if let Some(participant) = participant {
            let listed_before = self.firms.listed;
            self.make_firms(participant).await?;
            if self.firms.listed != listed_before {
                self.settle_contacts()?;
            }
        }
        self.say_left_out()?;
        if !self.firms.known || self.firms.off {
            return Ok(());
        }
        self.transact(|run| {
            run.keep_waiting()?;
            // Without the CRM nothing could be asked.
            let stamp = if is_whole { run.firms_stamp()? } else { String::new() };
            Ok(run.mirror.set_fact(SETTLED, &stamp)?)
        })
    }

    /// Another text once a contact has changed, or the settings want something else of firms.
    fn firms_stamp(&self) -> Result<String, SyncError> {
        Ok(format!("{:?} {}", self.policy.firms, self.mirror.contacts_stamp()?))
    }

    /// True where a contact or a firm may have changed since all was settled, or something waits.
    fn is_news_for_firms(&self) -> Result<bool, SyncError> {
        let settled = self.mirror.fact(SETTLED)?;
        let unanswered = self.mirror.fact(UNANSWERED_AT)?.is_some();
        let asks = |row: &AttentionRow| row.attention.kind() == AttentionKind::NoFirm;
        Ok(self.firms.listed
            || !self.firms.of_cards.is_empty()
            || self.listing_is_due()?
            || settled != Some(self.firms_stamp()?)
            || !self.mirror.firm_creations()?.is_empty()
            || (unanswered && self.is_long_ago(UNANSWERED_AT, ASKED_AGAIN_AFTER)?)
            || self.mirror.attention_about(CRM)?.iter().any(asks))
    }

    async fn look_up_unknown(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if self.firms.off {
            return Ok(());
        }
        let unknown = self.mirror.unknown_firms(ASKED_MAX + 1)?;
        let is_lately_listed = self.firms.listed || !self.is_long_ago(LISTED_AT, ASKED_AGAIN_AFTER)?;
        if unknown.len() > ASKED_MAX as usize && !is_lately_listed {
            self.list_firms(participant).await?;
        }
        if self.firms.off || !self.is_long_ago(UNANSWERED_AT, ASKED_AGAIN_AFTER)? {
            return Ok(());
        }
        for id in self.mirror.unknown_firms(ASKED_MAX)? {
            self.check_stop()?;
            let Some(firms) = participant.replica.firms() else { return Ok(()) };
            let row = match firms.firm(&id).await {
                Ok(Some(firm)) => row_of(firm, Default::default()),
                // Not there, or not to be told: not asked for again before a listing shows it.
                Ok(None) | Err(ReplicaError::Rejected(_)) => {
                    let (name, key, details, revision) = Default::default();
                    FirmRow { id, name, key, details, revision, gone: true }
                }
                Err(error) => {
                    tracing::debug!(%error, "a firm cannot be asked for");
                    self.mirror.set_fact(UNANSWERED_AT, &self.host.stamp())?;
                    break;
                }
            };
            self.mirror.put_firm(&row)?;
        }
        self.recall_firms()
    }

    /// Contacts whose firm has become known get its name, companies that have become a firm's name its id.
    fn settle_contacts(&mut self) -> Result<(), SyncError> {
        if !self.firms.known {
            return Ok(());
        }
        let bare = self.mirror.members_without_company()?;
        for some in bare.chunks(AT_ONCE) {
            self.transact(|run| some.iter().try_for_each(|id| run.show_name(*id)))?;
        }
        let waiting = self.mirror.companies_without_firm()?;
        for some in waiting.chunks(AT_ONCE) {
            self.transact(|run| {
                some.iter().try_for_each(|one| match one.has_firm {
                    true => run.spell_as_firm(one.contact),
                    false => run.find_firm(one.contact),
                })
            })?;
        }
        Ok(())
    }

    /// A company that only spells the name of the contact's own firm otherwise becomes that name.
    fn spell_as_firm(&mut self, id: ContactId) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        let own = self.mirror.firm_name(&stored.contact.firm_id)?.unwrap_or_default();
        if firms::key(&own) == firms::key(&stored.contact.company) { self.show_name(id) } else { Ok(()) }
    }

    /// The company of a contact becomes its firm's name: nobody's edit.
    fn show_name(&mut self, id: ContactId) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        let company = self.mirror.firm_name(&stored.contact.firm_id)?.unwrap_or_default();
        let shown = Contact { company, ..stored.contact };
        self.mirror.update_contact(id, &shown, &self.host.stamp())?;
        Ok(())
    }

    /// The firm of a company that somebody typed, where there is one.
    fn find_firm(&mut self, id: ContactId) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        if let Named::One { id, name } = self.named(&stored.contact.company)? {
            let found = Contact { firm_id: id, company: name, ..stored.contact.clone() };
            self.edit(&stored, &found, CRM)?;
        }
        Ok(())
    }

    fn is_dismissed(&self, company: &str) -> Result<bool, SyncError> {
        let row = self.mirror.attention_to(CRM, company, &AttentionKind::NoFirm)?;
        Ok(row.is_some_and(|row| row.state == State::Settled))
    }

    /// Raises each company that no firm is called, once, and forgets those that wait no more.
    fn keep_waiting(&mut self) -> Result<(), SyncError> {
        let mut waiting: Vec<(String, u64)> = Vec::new();
        for one in self.mirror.companies_without_firm()? {
            match waiting.last_mut() {
                Some((company, count)) if *company == one.company => *count += 1,
                _ => waiting.push((one.company, 1)),
            }
        }
        waiting.retain(|(company, _)| !firms::key(company).is_empty());
        for company in std::mem::take(&mut self.firms.of_cards) {
            let is_known = self.named(&company)? != Named::Nobody;
            if let (false, Err(place)) = (is_known, waiting.binary_search_by(|(other, _)| other.cmp(&company))) {
                waiting.insert(place, (company, 0));
            }
        }
        for row in self.mirror.attention_about(CRM)? {
            // A book that was not read may still have its card.
            let is_ours = match row.attention {
                Attention::NoFirm { contacts } => contacts > 0 || self.firms.books_read,
                _ => false,
            };
            if is_ours && waiting.binary_search_by(|(company, _)| company.cmp(&row.remote)).is_err() {
                self.mirror.clear_attention(CRM, &row.remote, &AttentionKind::NoFirm)?;
            }
        }
        for (company, contacts) in waiting {
            let attention = Attention::NoFirm { contacts };
            match self.mirror.attention_to(CRM, &company, &AttentionKind::NoFirm)? {
                // It was dismissed, or is known.
                Some(row) if row.state == State::Settled || row.attention == attention => {}
                Some(_) => {
                    let row = self.open_attention(CRM, &company, attention);
                    self.mirror.raise(&row)?;
                }
                None => {
                    let row = self.open_attention(CRM, &company, attention);
                    self.raise(row)?;
                }
            }
        }
        Ok(())
    }
}

fn firm_of(contact: &Contact) -> firms::Firm<'_> {
    firms::Firm { id: &contact.firm_id, company: &contact.company }
}

/// `before`: the name and the details as far as they are known; they stay where the CRM tells none.
fn row_of(firm: Firm, (name_before, details_before): (String, &str)) -> FirmRow {
    let Firm { id, name, addresses, items, revision } = firm;
    let name = name.unwrap_or(name_before);
    let before = FirmDetails::parse(details_before);
    let details =
        FirmDetails { addresses: addresses.unwrap_or(before.addresses), items: items.unwrap_or(before.items) };
    FirmRow { id, key: firms::key(&name), name, details: details.to_text(), revision, gone: false }
}
