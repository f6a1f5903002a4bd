//! Reads the firms that the CRM lists into the mirror; contacts of renamed ones follow.

use std::cell::RefCell;

use super::{ASKED_MAX, CURSOR, DETAILED, LISTED_AT, TROUBLE, row_of};
use crate::{
    mirror::Mirror,
    replica::{Firm, FirmBatch},
    sync::{
        SyncError,
        events::Note,
        participant::Participant,
        run::{Run, Step},
        scan::{
            baseline::{HasMirror, MirrorBaseline, Of},
            known::KnownRecords,
        },
    },
};

impl Run<'_> {
    /// Lists all of them.
    pub(super) async fn list_firms(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if self.mirror.fact(DETAILED)?.is_none() {
            self.transact(|run| {
                run.mirror.forget_firm_revisions()?;
                Ok(run.mirror.forget_cursor(CURSOR)?)
            })?;
        }
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
            Ok(cursor) => {
                self.ask_for_missing(participant, &known).await?;
                self.transact(|run| {
                    for (name, value) in cursor {
                        run.mirror.put_cursor_note(CURSOR, &name, &value)?;
                    }
                    run.mirror.forget_fact(TROUBLE)?;
                    run.mirror.set_fact(DETAILED, "1")?;
                    let at = run.host.stamp();
                    Ok(run.mirror.set_fact(LISTED_AT, &at)?)
                })?;
            }
        }
        self.firms.listed = true;
        self.recall_firms()?;
        if renamed > 0 {
            self.tell_firms(Note::FirmsRenamed { firms: renamed, contacts });
        }
        Ok(())
    }

    /// Firms that a listing did not show are gone only where the CRM says so of each: of a listing that left one out, another
    /// would be made. What cannot be asked now is asked after the next listing.
    async fn ask_for_missing(&mut self, participant: &mut Participant, known: &KnownRecords) -> Result<(), SyncError> {
        let mut missing = Vec::new();
        self.mirror.for_each_firm(&mut |id, _, _| {
            if missing.len() < ASKED_MAX as usize && known.contains(id) && !known.was_shown(id) {
                missing.push(id.to_owned());
            }
        })?;
        for id in missing {
            self.check_stop()?;
            let Some(firms) = participant.replica.firms() else { return Ok(()) };
            match firms.firm(&id).await {
                Ok(Some(_)) => {}
                Ok(None) => self.mirror.firm_is_gone(&id)?,
                Err(error) => {
                    tracing::debug!(%error, "a firm that was not listed cannot be asked for");
                    return Ok(());
                }
            }
        }
        Ok(())
    }
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
        let before = self.run.mirror.firm_name(&firm.id)?;
        let details = self.run.mirror.firm_details(&firm.id)?;
        let row = row_of(firm, (before.clone().unwrap_or_default(), &details));
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
