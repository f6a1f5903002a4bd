//! Firms: the CRM keeps them, contacts name them by id, cards and sheets show them by name.
//!
//! A contact's company in the mirror is its firm's name. Whatever changes a contact goes through [`Run::follow_firm`], which
//! lets the id and the name follow each other; a firm that is renamed changes the companies of its contacts, and that is
//! nobody's edit: no history, no conflict. What no firm is called waits for the user. Trouble with firms is said once and
//! leaves everything else as it is.

use std::cell::RefCell;

use chrono::{DateTime, TimeDelta};

use super::{
    SyncError,
    events::{Note, SyncEvent},
    participant::{CRM, Participant},
    run::{Run, Step},
    scan::{
        baseline::{HasMirror, MirrorBaseline, Of},
        known::KnownRecords,
    },
};
use crate::{
    contact::Contact,
    mirror::{Attention, AttentionKind, ContactId, FirmCreation, FirmRow, Mirror, State},
    reconcile::firms::{self, Named, Names},
    replica::{Diagnostic, Firm, FirmBatch, ReplicaError},
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
/// Why they could not be read, as it was last said.
const TROUBLE: &str = "firms.trouble";
/// What the contacts were like when their firms were last settled.
const SETTLED: &str = "firms.settled";
/// The name of their cursor.
const CURSOR: &str = "firms";
/// A whole listing comes no sooner.
const LISTED_AGAIN_AFTER: TimeDelta = TimeDelta::days(1);
/// More firms that nothing is known of are better listed than asked for one by one.
const ASKED_MAX: u32 = 50;
/// Contacts changed at a time.
const AT_ONCE: usize = 500;

/// What a run knows of firms.
#[derive(Debug, Clone, Default)]
pub struct FirmState {
    /// Some are known, and wanted.
    pub known: bool,
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
        self.firms.known = self.policy.firms != FirmPolicy::Off && self.mirror.count_firms()? > 0;
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
        if self.mirror.firm_creations()?.iter().any(|creation| !creation.sent_uptime.is_empty()) {
            return Ok(true);
        }
        let time = |text: &str| DateTime::parse_from_rfc3339(text).ok();
        let listed = self.mirror.fact(LISTED_AT)?.and_then(|at| time(&at));
        let age = listed.zip(time(&self.host.stamp())).map(|(then, now)| now - then);
        // A clock that was set back is no reason to wait for years.
        Ok(age.is_none_or(|age| age >= LISTED_AGAIN_AFTER || age < TimeDelta::zero()))
    }

    async fn list_firms(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        let mut known = KnownRecords::with_capacity(self.mirror.count_firms()?);
        self.mirror.for_each_firm(&mut |id, _, _| known.add(id))?;
        let (count, failure) = (known.count(), RefCell::new(None));
        let listing = RefCell::new(Listing { run: &mut *self, known: known.sorted(), renamed: (0, 0) });
        let ended = {
            let baseline = MirrorBaseline { scan: &listing, of: Of::Firms(CURSOR), count, failure: &failure };
            let mut sink = |batch| {
                listing.borrow_mut().take(batch).map_err(|error| {
                    failure.borrow_mut().get_or_insert(error);
                    crate::replica::Stopped
                })
            };
            let Some(firms) = participant.replica.firms() else { return Ok(()) };
            firms.firms(&baseline, &mut sink).await
        };
        if let Some(error) = failure.take() {
            return Err(error);
        }
        let Listing { known, renamed: (renamed, contacts), .. } = listing.into_inner();
        match ended {
            Err(error) => {
                self.leave_out(&error);
                return Ok(());
            }
            Ok(cursor) => self.transact(|run| {
                let mut gone = Vec::new();
                run.mirror.for_each_firm(&mut |id, _, _| {
                    if known.contains(id) && !known.was_shown(id) {
                        gone.push(id.to_owned());
                    }
                })?;
                gone.iter().try_for_each(|id| run.mirror.firm_is_gone(id))?;
                for (name, value) in cursor {
                    run.mirror.put_cursor_note(CURSOR, &name, &value)?;
                }
                run.mirror.forget_fact(TROUBLE)?;
                let at = run.host.stamp();
                Ok(run.mirror.set_fact(LISTED_AT, &at)?)
            })?,
        }
        self.firms.listed = true;
        self.recall_firms()?;
        if renamed > 0 {
            self.tell_firms(Note::FirmsRenamed { firms: renamed, contacts });
        }
        Ok(())
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
        let participant = participant.filter(|participant| !participant.is_halted());
        let is_whole = participant.is_some();
        if let Some(participant) = participant {
            if !self.firms.listed && self.listing_is_due()? {
                self.list_firms(participant).await?;
            }
            self.look_up_unknown(participant).await?;
            self.settle_contacts()?;
            self.make_firms(participant).await?;
        }
        self.say_left_out()?;
        self.settle_contacts()?;
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

    /// True where a contact or a firm may have changed since all was settled.
    fn is_news_for_firms(&self) -> Result<bool, SyncError> {
        let settled = self.mirror.fact(SETTLED)?;
        Ok(self.firms.listed
            || self.listing_is_due()?
            || settled != Some(self.firms_stamp()?)
            || !self.mirror.firm_creations()?.is_empty())
    }

    async fn look_up_unknown(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if self.firms.off {
            return Ok(());
        }
        let unknown = self.mirror.unknown_firms(ASKED_MAX + 1)?;
        if unknown.len() > ASKED_MAX as usize && !self.firms.listed {
            self.list_firms(participant).await?;
        }
        for id in self.mirror.unknown_firms(ASKED_MAX)? {
            self.check_stop()?;
            let Some(firms) = participant.replica.firms() else { return Ok(()) };
            let row = match firms.firm(&id).await {
                Ok(Some(firm)) => row_of(firm),
                // Not asked for again before a listing shows it.
                Ok(None) => {
                    FirmRow { id, name: String::new(), key: String::new(), revision: String::new(), gone: true }
                }
                Err(error) => {
                    self.leave_out(&error);
                    return Ok(());
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
        let bare = waiting.iter().filter(|one| !one.has_firm).map(|one| one.contact).collect::<Vec<_>>();
        for some in bare.chunks(AT_ONCE) {
            self.transact(|run| some.iter().try_for_each(|id| run.find_firm(*id)))?;
        }
        Ok(())
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

    /// Makes the firms that are wanted, each once: it is written down before the request leaves, and where the answer was
    /// lost, a whole listing decides.
    async fn make_firms(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if self.firms.off {
            return Ok(());
        }
        if self.policy.firms == FirmPolicy::Create && self.firms.known {
            self.want_missing()?;
        }
        for creation in self.mirror.firm_creations()? {
            self.check_stop()?;
            if !self.mirror.firms_named(&creation.key)?.is_empty() {
                self.transact(|run| run.firm_is_there(&creation.key))?;
            } else if self.policy.dry_run {
                self.tell_firms(Note::FirmAhead { name: creation.name });
            } else if self.may_send(&creation)? {
                self.make_firm(participant, creation).await?;
                if self.firms.off {
                    break;
                }
            }
        }
        Ok(())
    }

    fn want_missing(&mut self) -> Result<(), SyncError> {
        let waiting = self.mirror.companies_without_firm()?;
        for one in waiting.into_iter().filter(|one| !one.has_firm) {
            let (key, dismissed) = (firms::key(&one.company), self.is_dismissed(&one.company)?);
            if !key.is_empty() && !dismissed && self.named(&one.company)? == Named::Nobody {
                let known = self.mirror.firm_creations()?.iter().any(|creation| creation.key == key);
                if !known {
                    let creation = FirmCreation { key, name: one.company, sent_uptime: String::new() };
                    self.mirror.put_firm_creation(&creation, self.id)?;
                }
            }
        }
        Ok(())
    }

    fn may_send(&mut self, creation: &FirmCreation) -> Result<bool, SyncError> {
        if creation.sent_uptime.is_empty() {
            return Ok(true);
        }
        match self.has_waited(&creation.sent_uptime, self.policy.settle_after) {
            Ok(waited) => Ok(waited && self.firms.listed),
            Err(sent_uptime) => {
                self.mirror.put_firm_creation(&FirmCreation { sent_uptime, ..creation.clone() }, self.id)?;
                Ok(false)
            }
        }
    }

    async fn make_firm(&mut self, participant: &mut Participant, creation: FirmCreation) -> Result<(), SyncError> {
        let sent = FirmCreation { sent_uptime: self.uptime().to_string(), ..creation.clone() };
        self.mirror.put_firm_creation(&sent, self.id)?;
        let Some(firms) = participant.replica.firms() else { return Ok(()) };
        match firms.create_firm(&creation.name).await {
            Ok(firm) => {
                let id = firm.id.clone();
                self.firms.known = true;
                self.transact(|run| {
                    run.mirror.put_firm(&row_of(firm))?;
                    run.firm_is_there(&creation.key)
                })?;
                self.tell_firms(Note::FirmMade { name: creation.name, id });
            }
            Err(ReplicaError::OutcomeUnknown(diagnostic)) => self.firm_failed(diagnostic),
            Err(ReplicaError::Rejected(diagnostic)) => {
                self.mirror.forget_firm_creation(&creation.key)?;
                self.firm_failed(diagnostic);
            }
            Err(error) => {
                // Nothing has happened: it is sent another time.
                self.mirror.put_firm_creation(&creation, self.id)?;
                self.leave_out(&error);
            }
        }
        Ok(())
    }

    /// A firm that was wanted exists: whoever waits for one of this name belongs to it, whatever firm that was before.
    fn firm_is_there(&mut self, key: &str) -> Result<(), SyncError> {
        self.mirror.forget_firm_creation(key)?;
        let waiting = self.mirror.companies_without_firm()?;
        let its = waiting.into_iter().filter(|one| firms::key(&one.company) == key);
        its.map(|one| one.contact).try_for_each(|contact| self.find_firm(contact))
    }

    fn firm_failed(&mut self, diagnostic: Diagnostic) {
        self.summary.failed += 1;
        let message = format!("failed to {}", diagnostic.message);
        self.notice(CRM, Diagnostic { message, ..diagnostic });
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
        for row in self.mirror.attention_about(CRM)? {
            let is_ours = row.attention.kind() == AttentionKind::NoFirm;
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

fn row_of(firm: Firm) -> FirmRow {
    let Firm { id, name, revision } = firm;
    FirmRow { id, key: firms::key(&name), name, revision, gone: false }
}

/// Takes in a listing of firms.
struct Listing<'l, 'a> {
    run: &'l mut Run<'a>,
    known: KnownRecords,
    /// How many were renamed, and how many contacts that changed.
    renamed: (u64, u64),
}

impl HasMirror for Listing<'_, '_> {
    fn mirror(&self) -> &Mirror {
        self.run.mirror
    }
}

impl<'a> Step<'a> for Listing<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl Listing<'_, '_> {
    fn take(&mut self, batch: FirmBatch) -> Result<(), SyncError> {
        self.run.check_stop()?;
        let FirmBatch { same, changed } = batch;
        for id in same.iter().chain(changed.iter().map(|firm| &firm.id)) {
            self.known.show(id);
        }
        self.transact(|listing| changed.into_iter().try_for_each(|firm| listing.take_one(firm)))
    }

    fn take_one(&mut self, firm: Firm) -> Result<(), SyncError> {
        let row = row_of(firm);
        let before = self.run.mirror.firm_name(&row.id)?;
        let members = match &before {
            Some(name) if *name != row.name && !name.is_empty() => self.run.mirror.members_shown(&row.id, name)?,
            _ => Vec::new(),
        };
        self.run.mirror.put_firm(&row)?;
        self.renamed.0 += u64::from(!members.is_empty());
        self.renamed.1 += members.len() as u64;
        members.into_iter().try_for_each(|id| self.run.show_name(id))
    }
}
