//! Makes firms in the CRM, each once: it is written down before the request leaves, and where the answer was lost, a whole
//! listing decides.

use super::{FirmPolicy, row_of};
use crate::{
    contact::Contact,
    mirror::{AttentionKind, FirmCreation, FirmRow},
    reconcile::firms::{self, Named},
    replica::{Diagnostic, Firm, ReplicaError},
    sync::{
        SyncError,
        events::Note,
        participant::{CRM, Participant},
        run::{Run, Step},
    },
};

impl Run<'_> {
    /// Makes the firms that are wanted.
    pub(super) async fn make_firms(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if self.firms.off {
            return Ok(());
        }
        if self.policy.firms == FirmPolicy::Create && self.firms.known {
            self.want_missing()?;
        }
        if !self.firms.listed && self.would_make()? {
            // Somebody may have made it there since the last listing.
            self.list_firms(participant).await?;
            if self.firms.off {
                return Ok(());
            }
        }
        for creation in self.mirror.firm_creations()?.into_iter().filter(|creation| !creation.is_refused()) {
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

    /// True where a firm is to be made that the last listing did not show.
    fn would_make(&self) -> Result<bool, SyncError> {
        for creation in self.mirror.firm_creations()?.iter().filter(|creation| !creation.is_refused()) {
            if self.mirror.firms_named(&creation.key)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes that a firm of this name is to be made.
    pub fn want_firm(&mut self, name: &str) -> Result<(), SyncError> {
        let creation = FirmCreation { key: firms::key(name), name: name.to_owned(), sent_uptime: String::new() };
        Ok(self.mirror.put_firm_creation(&creation, self.id)?)
    }

    fn want_missing(&mut self) -> Result<(), SyncError> {
        let waiting = self.mirror.companies_without_firm()?;
        let typed = waiting.into_iter().filter(|one| !one.has_firm).map(|one| one.company);
        for company in typed.chain(self.firms.of_cards.clone()) {
            let (key, dismissed) = (firms::key(&company), self.is_dismissed(&company)?);
            if !key.is_empty() && !dismissed && self.named(&company)? == Named::Nobody {
                let known = self.mirror.firm_creations()?.iter().any(|creation| creation.key == key);
                if !known {
                    self.want_firm(&company)?;
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
                let row = made_row(firm, &creation.name);
                let id = row.id.clone();
                self.firms.known = true;
                self.transact(|run| {
                    run.mirror.put_firm(&row)?;
                    run.firm_was_made(&creation.key, &row)
                })?;
                self.tell_firms(Note::FirmMade { name: creation.name, id });
            }
            Err(ReplicaError::OutcomeUnknown(diagnostic)) => self.firm_failed(diagnostic),
            Err(ReplicaError::Rejected(diagnostic)) => {
                self.transact(|run| run.firm_was_refused(creation))?;
                self.firm_failed(
                    diagnostic.hint("make it in the CRM, or type another company; it is not sent again by itself"),
                );
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
        let Named::One { id, name } = self.named(key)? else { return Ok(()) };
        self.put_into_firm(&|company| firms::key(company) == key, (&id, &name), CRM).map(drop)
    }

    /// Whoever waits for a firm that was made belongs to it, whatever name the CRM gave it.
    fn firm_was_made(&mut self, key: &str, row: &FirmRow) -> Result<(), SyncError> {
        self.mirror.forget_firm_creation(key)?;
        self.put_into_firm(&|company| firms::key(company) == key, (&row.id, &row.name), CRM).map(drop)
    }

    /// Puts the contacts whose company waits for a firm, and is meant, into this one (id and name); how many.
    pub fn put_into_firm(
        &mut self,
        is_meant: &dyn Fn(&str) -> bool,
        (id, name): (&str, &str),
        source: &str,
    ) -> Result<u64, SyncError> {
        let mut contacts = 0;
        for one in self.mirror.companies_without_firm()?.into_iter().filter(|one| is_meant(&one.company)) {
            let stored = self.stored(one.contact)?;
            let moved = Contact { firm_id: id.to_owned(), company: name.to_owned(), ..stored.contact.clone() };
            self.edit(&stored, &moved, source)?;
            contacts += 1;
        }
        Ok(contacts)
    }

    /// The company waits for the user again, and the firm is not sent again by itself.
    fn firm_was_refused(&mut self, creation: FirmCreation) -> Result<(), SyncError> {
        let key = creation.key.clone();
        let refused = FirmCreation { sent_uptime: FirmCreation::REFUSED.to_owned(), ..creation };
        self.mirror.put_firm_creation(&refused, self.id)?;
        for row in self.mirror.attention_about(CRM)? {
            if row.attention.kind() == AttentionKind::NoFirm && firms::key(&row.remote) == key {
                let again = self.open_attention(CRM, &row.remote, row.attention);
                self.mirror.raise(&again)?;
            }
        }
        Ok(())
    }

    fn firm_failed(&mut self, diagnostic: Diagnostic) {
        self.summary.failed += 1;
        let message = format!("failed to {}", diagnostic.message);
        self.notice(CRM, Diagnostic { message, ..diagnostic });
    }
}

/// A firm that was just made. Where the answer tells no name, it is the one that was sent, until a listing tells more.
fn made_row(firm: Firm, sent: &str) -> FirmRow {
    match firm.name.as_deref() {
        None | Some("") => {
            let named = Firm { name: Some(sent.to_owned()), revision: String::new(), ..firm };
            row_of(named, Default::default())
        }
        Some(_) => row_of(firm, Default::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mirror::{Attention, State},
        sync::testing::{ada, with_fixture},
    };

    fn creation() -> FirmCreation {
        FirmCreation { key: firms::key("Neuf SARL"), name: "Neuf SARL".into(), sent_uptime: String::new() }
    }

    fn firm(name: Option<&str>) -> Firm {
        let name = name.map(str::to_owned);
        Firm { id: "9".into(), name, addresses: None, items: None, revision: "r".into() }
    }

    #[test]
    fn a_firm_that_was_refused_waits_again_and_is_not_sent_by_itself() {
        with_fixture(|mut fixture| {
            let run = &mut fixture.run;
            let asked = run.open_attention(CRM, "Neuf SARL", Attention::NoFirm { contacts: 1 });
            run.mirror.raise(&asked).unwrap();
            run.mirror.settle_attention(CRM, "Neuf SARL", &AttentionKind::NoFirm).unwrap();
            run.mirror.put_firm_creation(&creation(), run.id).unwrap();
            run.firm_was_refused(creation()).unwrap();
            let row = run.mirror.attention_to(CRM, "Neuf SARL", &AttentionKind::NoFirm).unwrap().unwrap();
            assert_eq!(row.state, State::Open);
            assert!(run.mirror.firm_creations().unwrap()[0].is_refused() && !run.would_make().unwrap());
            run.mirror.put_firm_creation(&creation(), run.id).unwrap();
            assert!(run.would_make().unwrap(), "a user said so");
        });
    }

    #[test]
    fn a_firm_that_the_crm_names_otherwise_takes_its_contacts() {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &Contact { company: "neuf sarl".into(), ..ada("CEO") });
            let run = &mut fixture.run;
            run.firms.known = true;
            let made = firm(Some("SOC NEUF"));
            let row = made_row(made, "Neuf SARL");
            run.mirror.put_firm(&row).unwrap();
            run.firm_was_made(&creation().key, &row).unwrap();
            let contact = run.stored(id).unwrap().contact;
            assert_eq!((contact.firm_id.as_str(), contact.company.as_str()), ("9", "SOC NEUF"));
        });
        let silent = made_row(firm(None), "Neuf SARL");
        assert_eq!((silent.name.as_str(), silent.revision.as_str()), ("Neuf SARL", ""), "a listing tells more");
    }
}
