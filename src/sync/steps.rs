//! A whole run: the steps in order, and the run log.

use std::{cell::Cell, collections::HashSet};

use super::{
    attention::attention_counts,
    error::SyncError,
    events::{Events, Summary},
    host::{FailPoint, Host},
    options::{RunOptions, Stop},
    outbox::Outbox,
    participant::{CRM, Participant},
    push::Pusher,
    run::{Run, RunPolicy},
    scan::Scanner,
};
use crate::mirror::Mirror;

/// Contacts that come into the mirror from somewhere else than a replica: a file to import.
pub(crate) trait Source {
    /// Takes them in, after the replicas were scanned and before any is pushed to.
    fn take_in(&mut self, run: &mut Run<'_>) -> Result<(), SyncError>;
}

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
    let run = Run::new(&mut *mirror, policy, host, stop, events);
    let ran = run.carry_out(&mut participants, &account, options, source).await;
    if ran.is_err() {
        // A dry run that fails is still open. Why the run ended says more than whatever undoing it may say.
        let _ = mirror.recover();
    }
    ran
}

impl Run<'_> {
    async fn carry_out(
        mut self,
        participants: &mut [Participant],
        account: &str,
        options: &RunOptions,
        source: Option<&mut dyn Source>,
    ) -> Result<Summary, SyncError> {
        if options.dry_run {
            self.mirror.begin_dry_run()?;
        }
        self.id = self.mirror.begin_run(&options.trigger, &self.host.stamp())?;
        self.reached(FailPoint::Begun)?;
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
        }
        self.reached(FailPoint::Recovered)?;
        for participant in participants.iter_mut().filter(|participant| options.mode.reads(&participant.name)) {
            self.check_stop()?;
            Scanner::new(self, participant).scan().await?;
        }
        if let Some(source) = source {
            source.take_in(self)?;
        }
        self.close_obsolete()?;
        self.reached(FailPoint::TakenIn)?;
        let (mut trouble, mut planned) = (None, HashSet::new());
        for participant in participants.iter_mut().filter(|participant| options.mode.writes(&participant.name)) {
            let pushed = Pusher::new(self, participant, &mut planned).push().await?;
            trouble = trouble.or(pushed);
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

    /// The mirror remembers which account it is the copy of.
    fn same_account(&mut self, account: &str) -> Result<(), SyncError> {
        const ACCOUNT: &str = "crm.account";
        match self.mirror.fact(ACCOUNT)? {
            Some(known) if known == account => Ok(()),
            Some(mirror) if !self.policy.force => Err(SyncError::OtherAccount { mirror, settings: account.to_owned() }),
            _ => Ok(self.mirror.set_fact(ACCOUNT, account)?),
        }
    }

    /// Gives the summary, or why the run ended; either way it is in the run log, if that can be written.
    fn finish(mut self, participants: &[Participant], outcome: Result<(), SyncError>) -> Result<Summary, SyncError> {
        let logged = self.log_run(participants, &outcome);
        // On a full disk both fail; why the run ended is what a person needs.
        outcome?;
        logged?;
        Ok(self.summary)
    }

    fn log_run(&mut self, participants: &[Participant], outcome: &Result<(), SyncError>) -> Result<(), SyncError> {
        for participant in participants {
            self.summary.requests.extend(participant.replica.requests());
        }
        self.keep_guards(participants, outcome)?;
        self.summary.waiting = attention_counts(self.mirror)?.total();
        if self.policy.dry_run {
            return Ok(self.mirror.end_dry_run()?);
        }
        self.summary.run = self.id;
        let exit_code = match outcome {
            Ok(()) => i32::from(self.summary.exit_code()),
            Err(error) => i32::from(error.exit_code()),
        };
        let words = match outcome {
            Ok(()) => "done".to_owned(),
            Err(error) => error.to_string(),
        };
        let summary = serde_json::to_string(&self.summary).unwrap_or_default();
        let at = self.host.stamp();
        self.mirror.finish_run(self.id, &at, &words, exit_code, &summary)?;
        Ok(self.mirror.checkpoint()?)
    }
}
