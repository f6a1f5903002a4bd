//! Reads the firms that the CRM lists into the mirror; contacts of renamed ones follow.
//!
//! Pages shift where a firm is added or removed while they are read: one is then shown twice, maybe as it was and as it is, or
//! left out. Such firms are asked for by id, and all are listed again soon: whoever is new may have been left out too.

use std::{cell::RefCell, collections::BTreeSet};

use super::{ASKED_MAX, CURSOR, DETAILED, LISTED_AT, SHIFTED, TROUBLE, row_of};
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
    pub(in crate::sync) async fn list_firms(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if self.mirror.fact(DETAILED)?.is_none() {
            self.transact(|run| {
                run.mirror.forget_firm_revisions()?;
                Ok(run.mirror.forget_cursor(CURSOR)?)
            })?;
        }
        let mut known = KnownRecords::with_capacity(self.mirror.count_firms()?);
        self.mirror.for_each_firm(&mut |id, _, _| known.add(id))?;
        let (count, failure) = (known.count(), RefCell::new(None));
        let (known, twice, renamed) = (known.sorted(), BTreeSet::new(), (0, 0));
        let listing = RefCell::new(Listing { run: &mut *self, known, twice, renamed });
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
        let Listing { known, twice, mut renamed, .. } = listing.into_inner();
        match ended {
            Err(error) => {
                self.leave_out(&error);
                return Ok(());
            }
            Ok(cursor) => {
                let missing = self.not_shown(&known)?;
                let asked = missing.len();
                let denied = self.ask_for_firms(participant, missing, &mut renamed).await?;
                let has_shifted = !twice.is_empty() || denied.len() < asked;
                denied.iter().try_for_each(|id| self.mirror.firm_is_gone(id))?;
                // What was listed and is denied, the next listing decides.
                self.ask_for_firms(participant, twice, &mut renamed).await?;
                self.transact(|run| {
                    for (name, value) in cursor {
                        run.mirror.put_cursor_note(CURSOR, &name, &value)?;
                    }
                    run.mirror.forget_fact(TROUBLE)?;
                    run.mirror.set_fact(DETAILED, "1")?;
                    run.keep_facts(vec![(SHIFTED.to_owned(), if has_shifted { "1" } else { "" }.to_owned())])?;
                    let at = run.host.stamp();
                    Ok(run.mirror.set_fact(LISTED_AT, &at)?)
                })?;
            }
        }
        self.firms.listed = true;
        self.recall_firms()?;
        let (firms, contacts) = renamed;
        if firms > 0 {
            self.tell_firms(Note::FirmsRenamed { firms, contacts });
        }
        Ok(())
    }

    /// Known firms that a listing did not show, as many as are asked for at a time.
    fn not_shown(&self, known: &KnownRecords) -> Result<BTreeSet<String>, SyncError> {
        let mut missing = BTreeSet::new();
        self.mirror.for_each_firm(&mut |id, _, _| {
            if missing.len() < ASKED_MAX as usize && known.contains(id) && !known.was_shown(id) {
                missing.insert(id.to_owned());
            }
        })?;
        Ok(missing)
    }

    /// Asks for firms; those that the CRM says it does not have. Firms that a listing did not show are gone only where it says
    /// so of each: of a listing that left one out, another would be made. What cannot be asked now is asked after the next.
    async fn ask_for_firms(
        &mut self,
        participant: &mut Participant,
        ids: BTreeSet<String>,
        renamed: &mut (u64, u64),
    ) -> Result<Vec<String>, SyncError> {
        let mut denied = Vec::new();
        for id in ids {
            self.check_stop()?;
            let Some(firms) = participant.replica.firms() else { return Ok(denied) };
            match firms.firm(&id).await {
                Ok(Some(firm)) => self.transact(|run| run.take_firm(firm, renamed))?,
                Ok(None) => denied.push(id),
                Err(error) => {
                    tracing::debug!(%error, "a firm that was not listed cannot be asked for");
                    break;
                }
            }
        }
        Ok(denied)
    }

    /// Keeps a firm as it was read; the contacts whose company it names follow. `renamed`: firms, and contacts.
    fn take_firm(&mut self, firm: Firm, renamed: &mut (u64, u64)) -> Result<(), SyncError> {
        let before = self.mirror.firm_name(&firm.id)?;
        let details = self.mirror.firm_details(&firm.id)?;
        let row = row_of(firm, (before.clone().unwrap_or_default(), &details));
        let members = match &before {
            Some(name) if *name != row.name && !name.is_empty() => self.mirror.members_shown(&row.id, name)?,
            _ => Vec::new(),
        };
        self.mirror.put_firm(&row)?;
        renamed.0 += u64::from(!members.is_empty());
        renamed.1 += members.len() as u64;
        members.into_iter().try_for_each(|id| self.show_name(id))
    }
}

/// Takes in a listing of firms.
struct Listing<'l, 'a> {
    run: &'l mut Run<'a>,
    known: KnownRecords,
    /// Those that were shown twice.
    twice: BTreeSet<String>,
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
            if !self.known.show(id) && self.twice.len() < ASKED_MAX as usize {
                self.twice.insert(id.clone());
            }
        }
        self.transact(|listing| {
            changed.into_iter().try_for_each(|firm| listing.run.take_firm(firm, &mut listing.renamed))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        contact::Contact,
        replica::{
            Baseline, Capabilities, Conduct, Cursor, FirmSink, Firms, LocalFuture, Lookup, Replica, ReplicaError,
            Scanned, Sink, Write, Written, memory::Memory,
        },
        sync::{
            firms::FirmPolicy,
            testing::{ada, list_firms, participant, with_fixture},
        },
    };

    /// A CRM that lists these firms, page by page, and has those.
    #[derive(Default)]
    struct Shifting {
        memory: Memory,
        pages: Vec<FirmBatch>,
        there: BTreeMap<String, Firm>,
    }

    impl Replica for Shifting {
        fn capabilities(&self) -> Capabilities {
            self.memory.capabilities()
        }

        fn conduct(&self) -> Conduct {
            self.memory.conduct()
        }

        fn scan<'a>(
            &'a mut self,
            baseline: &'a dyn Baseline,
            sink: &'a mut Sink<'_>,
        ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
            self.memory.scan(baseline, sink)
        }

        fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
            self.memory.fetch(remote)
        }

        fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
            self.memory.apply(writes)
        }

        fn firms(&mut self) -> Option<&mut dyn Firms> {
            Some(self)
        }
    }

    impl Firms for Shifting {
        fn are_expected(&self) -> bool {
            true
        }

        fn firms<'a>(
            &'a mut self,
            _: &'a dyn Baseline,
            sink: &'a mut FirmSink<'_>,
        ) -> LocalFuture<'a, Result<Cursor, ReplicaError>> {
            Box::pin(async move {
                for page in self.pages.drain(..) {
                    sink(page)?;
                }
                Ok(Cursor::new())
            })
        }

        fn firm<'a>(&'a mut self, id: &'a str) -> LocalFuture<'a, Result<Option<Firm>, ReplicaError>> {
            Box::pin(async move { Ok(self.there.get(id).cloned()) })
        }

        fn create_firm<'a>(&'a mut self, _: &'a str) -> LocalFuture<'a, Result<Firm, ReplicaError>> {
            Box::pin(async { Err(ReplicaError::Rejected(crate::replica::Diagnostic::new("make it: no"))) })
        }
    }

    fn firm((id, name): (&str, &str)) -> Firm {
        let (id, revision) = (id.to_owned(), format!("r {name}"));
        Firm { id, name: Some(name.to_owned()), addresses: None, items: None, revision }
    }

    /// Firms 1, 2 and 3 are known as A, B and C, and Ada works for C. A listing shows these pages, and these firms are there:
    /// what Ada's company is afterwards, which firms are known, and whether all are listed again soon.
    fn check(pages: &[&[(&str, &str)]], there: &[(&str, &str)], expected: (&str, &[&str], bool)) {
        with_fixture(|mut fixture| {
            fixture.run.policy.firms = FirmPolicy::Read;
            let known = [("1", "A"), ("2", "B"), ("3", "C")];
            for one in known {
                fixture.run.mirror.put_firm(&row_of(firm(one), Default::default())).unwrap();
            }
            fixture.run.mirror.set_fact(DETAILED, "1").unwrap();
            let of_c = Contact { firm_id: "3".into(), company: "C".into(), ..ada("CEO") };
            let ada = fixture.contact("ada-1", &of_c);
            let page = |shown: &&[(&str, &str)]| {
                let (same, changed): (Vec<_>, Vec<_>) = shown.iter().partition(|one| known.contains(one));
                let same = same.into_iter().map(|(id, _)| (*id).to_owned()).collect();
                FirmBatch { same, changed: changed.into_iter().map(firm).collect() }
            };
            let there = there.iter().map(|one| (one.0.to_owned(), firm(*one))).collect();
            let crm = Shifting { pages: pages.iter().map(page).collect(), there, ..Shifting::default() };
            list_firms(&mut fixture, &mut participant("crm", crm));
            let mut names = Vec::new();
            fixture.run.mirror.for_each_firm(&mut |_, name, _| names.push(name.to_owned())).unwrap();
            let company = fixture.run.stored(ada).unwrap().contact.company;
            let is_soon = fixture.run.mirror.fact(SHIFTED).unwrap().is_some();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!((company.as_str(), &names[..], is_soon), expected, "{pages:?}");
        });
    }

    #[test]
    fn a_firm_that_pages_show_twice_or_not_at_all_is_as_it_is_by_itself() {
        let all = [("1", "A"), ("2", "B"), ("3", "C")];
        check(&[&all], &all, ("C", &["A", "B", "C"], false));
        // Firm 1 is removed and 3 renamed while the pages are read, the second one before the first.
        let there = [("2", "B"), ("3", "New")];
        check(&[&[("2", "B"), ("3", "New")], &[("3", "C")]], &there, ("New", &["B", "New"], true));
        check(&[&[("2", "B"), ("3", "New")], &[("3", "Old")]], &there, ("New", &["B", "New"], true));
        check(&[&[("3", "Old")], &[("2", "B"), ("3", "New")]], &there, ("New", &["B", "New"], true));
        // The first before the second: 3 is on neither.
        check(&[&[("1", "A"), ("2", "B")], &[]], &there, ("New", &["A", "B", "New"], true));
        check(&[&[("1", "A"), ("2", "B")], &[]], &[("1", "A"), ("2", "B")], ("C", &["A", "B"], false));
    }
}
