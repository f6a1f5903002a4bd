//! Contacts that fitted a book when its `where` asked for others, and fit it no longer: they leave the book. That is no
//! deletion; the contacts stay in the mirror and everywhere else.

use super::{Delivery, PLANNED_AT_ONCE, Pusher, delivery};
use crate::{
    contact::Filter,
    mirror::{Activity, Agreement, ContactId, Stored},
    replica::{Action, Diagnostic},
    sync::{SyncError, participant::Trust, run::Step},
};

impl Pusher<'_, '_> {
    /// Takes them out. What the settings ask for is remembered once nobody is left who should have gone.
    pub(super) async fn let_leave(&mut self) -> Result<(), SyncError> {
        let Some(before) = self.participant.filter_before.take() else { return Ok(()) };
        if !self.participant.gives() || self.participant.trust != Trust::Full {
            return Ok(());
        }
        let leaving = self.leaving(&before)?;
        let (count, known) = (leaving.len() as u64, self.run.mirror.count_known(&self.participant.name)?);
        if !self.run.policy.force && count > self.run.policy.max_delete.allowed(known) {
            let message =
                format!("take out {count} of {known} contacts, which no longer fit `where`: so many do not go at once");
            let hint = format!("`carnet sync --max-delete {count}` takes them out; they stay in the mirror");
            let diagnostic = Diagnostic::new(message).hint(hint);
            self.run.replica_failed(&self.participant.name, Activity::Write, diagnostic, 1);
            return Ok(());
        }
        for (turn, some) in leaving.chunks(PLANNED_AT_ONCE).enumerate() {
            let deliveries = self.transact(|part| part.plan_leaving(some))?;
            self.deliver(deliveries, ((turn * PLANNED_AT_ONCE) as u64, count)).await?;
        }
        if self.leaving(&before)?.is_empty() {
            let fact = (filter_fact(&self.participant.name), self.participant.filter.to_text());
            self.transact(|part| part.run.keep_facts(vec![fact]))?;
        }
        Ok(())
    }

    /// Contacts of the book that fitted before and do not fit now.
    fn leaving(&self, before: &Filter) -> Result<Vec<ContactId>, SyncError> {
        let (mut leaving, name) = (Vec::new(), &self.participant.name);
        let mut remotes = Vec::new();
        self.run.mirror.for_each_known(name, &mut |remote, _| remotes.push(remote.to_owned()))?;
        for remote in remotes {
            let Some(agreement) = self.run.mirror.agreement_by_remote(name, &remote)? else { continue };
            let stored = self.run.stored(agreement.contact)?;
            let fits = stored.deleted || agreement.detached || self.participant.wants(&stored.contact);
            if !fits && before.matches(&agreement.ours) {
                leaving.push(stored.id);
            }
        }
        Ok(leaving)
    }

    fn plan_leaving(&mut self, leaving: &[ContactId]) -> Result<Vec<Delivery>, SyncError> {
        let mut deliveries = Vec::with_capacity(leaving.len());
        for id in leaving {
            if let Some(agreement) = self.run.mirror.agreement(&self.participant.name, *id)? {
                deliveries.extend(self.plan_leave(self.run.stored(*id)?, agreement)?);
            }
        }
        Ok(deliveries)
    }

    /// One contact out of the book, also where deletions do not follow.
    pub(super) fn plan_leave(&mut self, stored: Stored, agreement: Agreement) -> Result<Option<Delivery>, SyncError> {
        if self.participant.trust == Trust::NoDeletions
            || self.run.mirror.absence(&self.participant.name, &agreement.remote)?.is_some()
        {
            // It seems to be gone there already: the second look decides, not another deletion.
            return Ok(None);
        }
        let action = Action::Delete {
            remote: agreement.remote.clone(),
            revision: agreement.revision.clone(),
            theirs: agreement.theirs.clone(),
        };
        Ok(Some(delivery(stored, Some(agreement), action, Vec::new())))
    }
}

/// Where the mirror keeps what a book's settings asked for the last time.
pub(in crate::sync) fn filter_fact(book: &str) -> String {
    format!("where.{book}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::Contact,
        reconcile::Limit,
        replica::memory::Memory,
        sync::testing::{ada, participant, with_fixture},
    };

    fn filter(title: &str) -> Filter {
        Filter::parse([("job_title", title)]).unwrap()
    }

    /// A book of so many with the title CTO and one CEO, that asked for everybody before: how many cards are left, and
    /// whether the new `where` is remembered.
    fn check(ctos: usize, prepare: fn(&mut crate::sync::run::RunPolicy), expected: (usize, bool)) {
        with_fixture(|mut fixture| {
            prepare(&mut fixture.run.policy);
            let mut memory = Memory::default();
            for number in 0..=ctos {
                let title = if number == 0 { "CEO" } else { "CTO" };
                memory.put(&format!("{number}.vcf"), Contact { last_name: format!("N{number}"), ..ada(title) });
            }
            let mut book = participant("cards", memory);
            fixture.scan(&mut book).unwrap();
            book.filter = filter("ceo");
            book.filter_before = Some(Filter::default());
            fixture.push(&mut book).unwrap();
            let left = fixture.run.mirror.count_known("cards").unwrap() as usize;
            let remembered = fixture.run.mirror.fact(&filter_fact("cards")).unwrap();
            assert_eq!((left, remembered == Some(filter("CEO").to_text())), expected);
            assert_eq!(fixture.run.mirror.count_contacts().unwrap() as usize, ctos + 1);
        });
    }

    #[test]
    fn who_fits_no_longer_leaves_the_book_and_nothing_else() {
        check(2, |_| {}, (1, true));
        check(30, |_| {}, (31, false));
        check(30, |policy| policy.max_delete = Limit::Count(30), (1, true));
        check(30, |policy| policy.force = true, (1, true));
    }
}
