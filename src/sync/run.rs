//! A whole run: the steps in order, and the run log.

use super::{
    engine::{Engine, RunPolicy},
    error::SyncError,
    events::{Events, Summary},
    host::{FailPoint, Host},
    options::{RunOptions, Stop},
    participant::{CRM, Participant},
    waits::waits,
};
use crate::{mirror::Mirror, replica::Diagnostic};

/// Contacts that come into the mirror from somewhere else than a replica: a file to import.
pub(crate) trait Source {
    /// Takes them in, after the replicas were scanned and before any is pushed to.
    fn take_in(&mut self, engine: &mut Engine<'_>) -> Result<(), SyncError>;
}

/// What a run works on.
pub struct RunInputs<'s> {
    /// The mirror, open for writing.
    pub mirror: Mirror,
    /// The replicas, the CRM first.
    pub participants: Vec<Participant>,
    /// The account that the mirror is a copy of: host, path and user.
    pub account: String,
    /// What else comes in.
    pub(crate) source: Option<&'s mut dyn Source>,
}

impl RunInputs<'_> {
    /// Replicas alone.
    pub fn new(mirror: Mirror, participants: Vec<Participant>, account: String) -> Self {
        Self { mirror, participants, account, source: None }
    }
}

/// One run on a mirror and replicas put together by the caller, who sees to it that nobody else works on the mirror.
///
/// # Errors
/// Why the run ended early; whatever was committed before stays, and the next run goes on from there.
pub async fn run_on(
    inputs: RunInputs<'_>,
    policy: RunPolicy,
    options: &RunOptions,
    (host, stop): (&dyn Host, &Stop),
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    let RunInputs { mirror, mut participants, account, source } = inputs;
    let mut engine = Engine::new(mirror, policy, host, stop, events);
    if options.dry_run {
        engine.mirror.begin_dry_run()?;
    }
    engine.run = engine.mirror.begin_run(&options.trigger, &host.stamp())?;
    engine.reached(FailPoint::Begun)?;
    let outcome = engine.steps(&mut participants, &account, options, source).await;
    engine.reached(FailPoint::Finishing)?;
    engine.finish(&participants, outcome)
}

impl Engine<'_> {
    async fn steps(
        &mut self,
        participants: &mut [Participant],
        account: &str,
        options: &RunOptions,
        source: Option<&mut dyn Source>,
    ) -> Result<(), SyncError> {
        self.same_account(account)?;
        for participant in participants.iter() {
            self.recover_outbox(&participant.name)?;
        }
        self.reached(FailPoint::Recovered)?;
        for participant in
            participants.iter_mut().filter(|participant| options.mode.reads_crm() || !participant.is_crm())
        {
            self.check_stop()?;
            self.scan(participant).await?;
        }
        if let Some(source) = source {
            source.take_in(self)?;
        }
        self.settle_overtaken()?;
        self.reached(FailPoint::TakenIn)?;
        for participant in
            participants.iter_mut().filter(|participant| options.mode.writes_crm() || !participant.is_crm())
        {
            self.push(participant).await?;
        }
        self.close_forgotten(CRM)?;
        self.mirror.purge_forgotten()?;
        self.diagnostic.take().map_or(Ok(()), Err)
    }

    /// The mirror remembers which account it is the copy of.
    fn same_account(&mut self, account: &str) -> Result<(), SyncError> {
        const ACCOUNT: &str = "crm.account";
        match self.mirror.fact(ACCOUNT)? {
            Some(known) if known == account => Ok(()),
            Some(known) if !self.policy.force => Err(SyncError::Safety(
                Diagnostic::new(format!("go on: this mirror is a copy of {known}, and the settings name {account}"))
                    .hint(
                        "use another mirror.path for another account; if it is the same one, run `carnet sync --force`",
                    ),
            )),
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
        self.summary.waiting = waits(&self.mirror)?.total();
        if self.policy.dry_run {
            return Ok(self.mirror.end_dry_run()?);
        }
        self.summary.run = self.run;
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
        self.mirror.finish_run(self.run, &at, &words, exit_code, &summary)?;
        Ok(self.mirror.checkpoint()?)
    }
}
