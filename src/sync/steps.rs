//! A whole run: the steps in order, and the run log.

use std::{cell::Cell, collections::HashSet};

use super::{
    attention::attention_counts,
    error::SyncError,
    events::{Events, Summary, SyncEvent},
    host::{FailPoint, Host},
    options::{Mode, RunOptions, Stop},
    outbox::Outbox,
    participant::{CRM, Participant},
    push::{Pusher, leaving::filter_fact},
    review::noted,
    run::{Run, RunPolicy},
    scan::Scanner,
};
use crate::{
    contact::Filter,
    mirror::{Activity, Mirror},
};

/// Contacts that come into the mirror from somewhere else than a replica: a file to import.
pub(crate) trait Source {
    /// Takes them in, after the replicas were scanned and before any is pushed to.
    fn take_in(&mut self, run: &mut Run<'_>) -> Result<(), SyncError>;
}

/// The fact that names the account of which the mirror is a copy.
pub const ACCOUNT: &str = "crm.account";

/// What a run works on.
pub struct RunInputs<'m, 's> {
    /// The mirror, open for writing. Where the future of a run is dropped before its end, or its host panics, what the run
    /// had not committed is left open there: [`Mirror::recover`] undoes it.
    pub mirror: &'m mut Mirror,
    /// The replicas, the CRM first.
    pub participants: Vec<Participant>,
    /// The account that the mirror is a copy of: host, path and user.
    pub account: String,
    /// What else comes in.
    pub(crate) source: Option<&'s mut (dyn Source + 's)>,
}

impl<'m> RunInputs<'m, '_> {
    /// Replicas alone.
    pub fn new(mirror: &'m mut Mirror, participants: Vec<Participant>, account: String) -> Self {
        Self { mirror, participants, account, source: None }
    }
}

/// One run on a mirror and replicas put together by the caller, who sees to it that nobody else works on the mirror.
///
/// # Errors
/// Why the run ended early; whatever was committed before stays, and the next run goes on from there.
pub async fn run_on(
    inputs: RunInputs<'_, '_>,
    policy: RunPolicy,
    options: &RunOptions,
    (host, stop): (&dyn Host, &Stop),
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    let RunInputs { mirror, mut participants, account, source } = inputs;
    let mut copy = if options.dry_run { Some(mirror.private_copy()?) } else { None };
    let mirror = copy.as_mut().unwrap_or(mirror);
    let decided = noted::carry_out(mirror, &policy, host)?;
    let mut run = Run::new(&mut *mirror, policy, host, stop, events);
    let ran = match run.begin(options, decided) {
        Ok(()) => run.carry_out(&mut participants, &account, options, source).await,
        Err(error) => Err(error),
    };
    if ran.is_err() {
        // Why the run ended says more than whatever undoing what is left of it may say.
        let _ = mirror.recover();
    }
    ran
}

impl Run<'_> {
    /// Gives the run its number, then tells what was carried out before it.
    fn begin(&mut self, options: &RunOptions, before: Vec<SyncEvent>) -> Result<(), SyncError> {
        self.id = self.mirror.begin_run(&options.trigger, &self.host.stamp())?;
        self.reached(FailPoint::Begun)?;
        self.recall_problems()?;
        before.into_iter().for_each(|event| self.emit(event));
        Ok(())
    }

    async fn carry_out(
        mut self,
        participants: &mut [Participant],
        account: &str,
        options: &RunOptions,
        source: Option<&mut dyn Source>,
    ) -> Result<Summary, SyncError> {
        if options.only.is_empty() && options.mode == Mode::Sync {
            self.all_take_part(participants);
        }
        let outcome = self.steps(participants, account, options, source).await;
        self.reached(FailPoint::Finishing)?;
        self.finish(participants, outcome)
    }

    async fn steps(
        &mut self,
        participants: &mut [Participant],
        account: &str,
        options: &RunOptions,
        source: Option<&mut dyn Source>,
    ) -> Result<(), SyncError> {
        self.same_account(account)?;
        for participant in participants.iter_mut() {
            Outbox::new(self, &participant.name).recover()?;
            self.recall(participant)?;
            self.follow_filter(participant)?;
            self.follow_firm_cards(participant)?;
        }
        self.recall_firms()?;
        self.settling = self.settles_after_restore()?;
        self.reached(FailPoint::Recovered)?;
        for participant in participants.iter_mut().filter(|participant| options.mode.reads(&participant.name)) {
            self.check_stop()?;
            self.is_at(&participant.name, Activity::Read);
            self.read_firms_before(participant).await?;
            Scanner::new(self, participant).scan().await?;
        }
        if let Some(source) = source {
            source.take_in(self)?;
        }
        let is_read = |one: &Participant| options.mode.reads(&one.name) && !one.is_halted();
        self.firms.books_read = options.only.is_empty() && participants.iter().all(is_read);
        let crm = participants.iter_mut().find(|one| one.shares_ids() && options.mode.reads(&one.name));
        self.settle_firms(crm).await?;
        self.close_obsolete()?;
        self.reached(FailPoint::TakenIn)?;
        let (mut trouble, mut planned) = (None, HashSet::new());
        for participant in participants.iter_mut().filter(|participant| options.mode.writes(&participant.name)) {
            self.is_at(&participant.name, Activity::Write);
            let pushed = Pusher::new(self, participant, &mut planned).push().await?;
            trouble = trouble.or(pushed);
            self.push_firm_cards(participant).await?;
        }
        Outbox::new(self, CRM).close_forgotten()?;
        self.mirror.purge_forgotten()?;
        trouble.map_or(Ok(()), Err)
    }

    /// Gives a replica back what it had asked to be kept.
    fn recall(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        let failure = Cell::new(None);
        participant.replica.recall(&|name| {
            self.mirror.fact(name).unwrap_or_else(|error| {
                failure.set(Some(error));
                None
            })
        });
        failure.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Finds out whether the settings ask for others in a book than they did.
    fn follow_filter(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if participant.shares_ids() {
            return Ok(());
        }
        let (fact, now) = (filter_fact(&participant.name), participant.filter.to_text());
        match self.mirror.fact(&fact)? {
            Some(before) if before == now => {}
            Some(before) => participant.filter_before = Filter::from_text(&before),
            None => self.mirror.set_fact(&fact, &now)?,
        }
        Ok(())
    }

    /// The mirror remembers which account it is the copy of.
    fn same_account(&mut self, account: &str) -> Result<(), SyncError> {
        match self.mirror.fact(ACCOUNT)? {
            Some(known) if known == account => Ok(()),
            Some(mirror) if !self.policy.force => Err(SyncError::OtherAccount { mirror, settings: account.to_owned() }),
            _ => Ok(self.mirror.set_fact(ACCOUNT, account)?),
        }
    }

    /// Gives the summary, or why the run ended; either way it is in the run log, if that can be written.
    fn finish(mut self, participants: &[Participant], outcome: Result<(), SyncError>) -> Result<Summary, SyncError> {
        let logged = self.log_run(participants, &outcome);
        // On a full disk both fail; why the run ended is what a user needs.
        outcome?;
        logged?;
        Ok(self.summary)
    }

    fn log_run(&mut self, participants: &[Participant], outcome: &Result<(), SyncError>) -> Result<(), SyncError> {
        for participant in participants {
            for (verb, count) in participant.replica.requests() {
                *self.summary.requests.entry(verb).or_default() += count;
            }
        }
        self.sum_problems();
        self.keep_guards(participants, outcome)?;
        self.keep_problems(outcome)?;
        self.summary.waiting = attention_counts(self.mirror)?.total();
        if self.policy.dry_run {
            return Ok(());
        }
        self.summary.run = self.id;
        let exit_code = match outcome {
            Ok(()) => i32::from(self.summary.exit_code()),
            Err(error) => i32::from(error.exit_code()),
        };
        let words = match outcome {
            Ok(()) => "done".to_owned(),
            Err(error) => error.whole(),
        };
        let summary = serde_json::to_string(&self.summary).unwrap_or_default();
        let at = self.host.stamp();
        self.mirror.finish_run(self.id, &at, &words, exit_code, &summary)?;
        Ok(self.mirror.checkpoint()?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::{
        contact::{Contact, Keep},
        mirror::{ContactId, Decision, ItemId},
        replica::{
            Baseline, Batch, Capabilities, Conduct, LocalFuture, Lookup, Replica, ReplicaError, Scanned, Sink, Write,
            Written, memory::Memory,
        },
        sync::{
            Mode, SystemClock,
            events::Note,
            testing::{ScriptedReplica, ada, participant, policy, seen, title_in_conflict},
        },
    };

    /// A book that shows one card, and while it is read another program works on the mirror.
    struct Meanwhile<F> {
        book: ScriptedReplica,
        work: F,
    }

    impl<F: FnMut()> Replica for Meanwhile<F> {
        fn capabilities(&self) -> Capabilities {
            self.book.capabilities()
        }

        fn conduct(&self) -> Conduct {
            self.book.conduct()
        }

        fn scan<'a>(
            &'a mut self,
            baseline: &'a dyn Baseline,
            sink: &'a mut Sink<'_>,
        ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
            (self.work)();
            self.book.scan(baseline, sink)
        }

        fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
            self.book.fetch(remote)
        }

        fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
            self.book.apply(writes)
        }
    }

    /// A run on the mirror of this file, with a book that shows Ada; what it told.
    fn run(path: &Path, dry_run: bool, work: impl FnMut() + 'static) -> (Summary, Vec<SyncEvent>) {
        let card = Batch { changed: vec![seen("ada.vcf", Some("ada-1"), &ada("CEO"))], ..Batch::default() };
        let book = ScriptedReplica::new(vec![card]);
        let participants = vec![participant(CRM, Memory::default()), participant("cards", Meanwhile { book, work })];
        let mut mirror = Mirror::open(path).unwrap();
        let inputs = RunInputs::new(&mut mirror, participants, "a".to_owned());
        let policy = RunPolicy { dry_run, ..policy() };
        let options = RunOptions {
            mode: Mode::Sync,
            only: Vec::new(),
            dry_run,
            max_delete: None,
            force: false,
            trigger: "sync".to_owned(),
        };
        let mut told = Vec::new();
        let mut events = |event| told.push(event);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (host, stop) = (SystemClock, Stop::new());
        let ran = runtime.block_on(run_on(inputs, policy, &options, (&host, &stop), &mut events));
        (ran.unwrap(), told)
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        (folder, path)
    }

    #[test]
    fn a_dry_run_keeps_nobody_from_writing_and_writes_nothing() {
        let (_folder, path) = folder();
        drop(Mirror::open(&path).unwrap());
        let other = path.clone();
        let (summary, _) = run(&path, true, move || {
            let mut other = Mirror::open(&other).unwrap();
            other
                .insert_contact("bob-1", &Contact { last_name: "Byron".into(), ..Contact::default() }, CRM, 1, "")
                .unwrap();
        });
        assert_eq!((summary.created.get("mirror"), summary.run, summary.dry_run), (Some(&1), 0, true));
        let mirror = Mirror::open_read_only(&path).unwrap();
        let known = ["ada-1", "bob-1"].map(|uid| mirror.contact_by_uid(uid).unwrap().is_some());
        assert_eq!(known, [false, true], "only what the other program wrote is there");
        assert_eq!(mirror.last_run().unwrap(), None);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap())
                .unwrap()
                .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().contains("dry-run") })
                .count(),
            0
        );
    }

    /// Bob's job title is in conflict with a book that takes no part in the runs: "here", and "there".
    fn conflict(path: &Path) -> (ContactId, ItemId) {
        let mut mirror = Mirror::open(path).unwrap();
        let bob = mirror.insert_contact("bob-1", &ada("here"), "phone", 1, "").unwrap();
        let item = title_in_conflict(&mut mirror, bob, "phone", "bob.vcf");
        (bob, item)
    }

    fn title(path: &Path, contact: ContactId) -> String {
        Mirror::open_read_only(path).unwrap().contact(contact).unwrap().unwrap().contact.job_title
    }

    fn carried_out(told: &[SyncEvent]) -> usize {
        let is = |event: &&SyncEvent| matches!(event, SyncEvent::Attention { note: Note::CarriedOut(_), .. });
        told.iter().filter(is).count()
    }

    #[test]
    fn what_is_decided_before_a_run_is_carried_out_by_it_and_during_it_by_the_next() {
        let decide = |path: &Path, item: ItemId| {
            let mut other = Mirror::open_beside_a_run(path).unwrap();
            let decision = Decision::Keep { keep: Keep::Book };
            noted::note(&mut other, policy(), &SystemClock, (item, &decision)).unwrap();
        };
        for (during, titles) in [(false, ["there", "there"]), (true, ["here", "there"])] {
            let (_folder, path) = folder();
            let (bob, item) = conflict(&path);
            let other = path.clone();
            if !during {
                decide(&path, item);
            }
            let (_, first) = run(&path, false, move || {
                if during {
                    decide(&other, item);
                }
            });
            let first = (title(&path, bob), carried_out(&first));
            assert_eq!(first, (titles[0].to_owned(), usize::from(!during)));
            let (_, second) = run(&path, false, || {});
            assert_eq!((title(&path, bob), carried_out(&second)), (titles[1].to_owned(), usize::from(during)));
            let mirror = Mirror::open_read_only(&path).unwrap();
            assert!(mirror.open_conflicts().unwrap().is_empty() && mirror.noted_decisions().unwrap().is_empty());
            let commands: Vec<String> = mirror.runs(9).unwrap().into_iter().rev().map(|run| run.command).collect();
            let expected = if during { ["sync", "resolve", "sync"] } else { ["resolve", "sync", "sync"] };
            assert_eq!(commands, expected);
        }
    }

    #[test]
    fn a_dry_run_shows_what_a_noted_decision_comes_to_and_leaves_it_noted() {
        let (_folder, path) = folder();
        let (bob, item) = conflict(&path);
        let decision = Decision::Keep { keep: Keep::Book };
        noted::note(&mut Mirror::open(&path).unwrap(), policy(), &SystemClock, (item, &decision)).unwrap();
        let (_, told) = run(&path, true, || {});
        assert_eq!((carried_out(&told), title(&path, bob).as_str()), (1, "here"));
        assert_eq!(Mirror::open_read_only(&path).unwrap().noted_decisions().unwrap().len(), 1);
    }
}
