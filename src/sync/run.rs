//! A whole run: lock, mirror, replicas, the steps in order, and the run log.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use fd_lock::RwLock;

use super::{
    assemble::{Assembled, assemble, care},
    engine::Engine,
    error::SyncError,
    events::{Events, Summary},
    import::Imported,
    options::{Clock, RunOptions, Stop, SystemClock},
    peer::{CRM, Peer},
    settle::UNTAKEN,
};
use crate::{
    config::Settings,
    mirror::{Mirror, OutboxRow, OutboxState},
    replicas::Trouble,
};

/// One run on the settings' mirror, CRM and books.
///
/// # Errors
/// Why the run ended early; whatever was committed before stays, and the next run goes on from there.
pub async fn run(
    settings: &Settings,
    options: &RunOptions,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    run_with(settings, options, (&SystemClock, stop), events, Imported::default()).await
}

/// A run that also takes in contacts read from a file.
pub(super) async fn run_with(
    settings: &Settings,
    options: &RunOptions,
    (clock, stop): (&dyn Clock, &Stop),
    events: &mut Events<'_>,
    imported: Imported,
) -> Result<Summary, SyncError> {
    let mut lock = lock_file(&settings.mirror.path)?;
    let _held = lock.try_write().map_err(|_| locked(&settings.mirror.path))?;
    let mirror = Mirror::open(&settings.mirror.path)?;
    let mut assembled = assemble(settings, options, &mirror).await?;
    let mut engine = Engine::new(mirror, care(settings, options), clock, stop, events);
    if options.dry_run {
        engine.mirror.rehearse()?;
    }
    engine.run = engine.mirror.begin_run(&options.trigger, &clock.stamp())?;
    let outcome = engine.steps(&mut assembled, options, imported).await;
    engine.finish(&assembled, outcome)
}

fn lock_file(mirror: &Path) -> Result<RwLock<File>, SyncError> {
    let path = lock_path(mirror);
    let failed = |error: std::io::Error| {
        SyncError::Failed(
            Trouble::new(format!("open {}: {error}", path.display())).hint("the mirror's folder must be writable"),
        )
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut open = OpenOptions::new();
    open.create(true).truncate(false).write(true).mode(0o600);
    Ok(RwLock::new(open.open(&path).map_err(failed)?))
}

fn lock_path(mirror: &Path) -> PathBuf {
    let mut name = mirror.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn locked(mirror: &Path) -> SyncError {
    SyncError::Locked(
        Trouble::new(format!("start: another carnet works on {}", mirror.display()))
            .hint("wait until it is done, or stop it; `carnet status` reads without the lock"),
    )
}

impl Engine<'_> {
    async fn steps(
        &mut self,
        assembled: &mut Assembled,
        options: &RunOptions,
        imported: Imported,
    ) -> Result<(), SyncError> {
        self.same_account(&assembled.account)?;
        let peers = &mut assembled.peers;
        self.recover_outbox()?;
        for peer in peers.iter_mut().filter(|peer| options.mode.reads_crm() || !peer.is_crm()) {
            self.check_stop()?;
            self.scan(peer).await?;
        }
        self.import(imported)?;
        for peer in peers.iter_mut().filter(|peer| options.mode.writes_crm() || !peer.is_crm()) {
            self.push(peer).await?;
        }
        self.mirror.purge_forgotten()?;
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// The mirror remembers which account it is the copy of.
    fn same_account(&mut self, account: &str) -> Result<(), SyncError> {
        const ACCOUNT: &str = "crm.account";
        match self.mirror.fact(ACCOUNT)? {
            Some(known) if known == account => Ok(()),
            Some(known) if !self.care.force => Err(SyncError::Safety(
                Trouble::new(format!("go on: this mirror is a copy of {known}, and the settings name {account}")).hint(
                    "use another mirror.path for another account; if it is the same one, run `carnet sync --force`",
                ),
            )),
            _ => Ok(self.mirror.set_fact(ACCOUNT, account)?),
        }
    }

    /// Writes the run log and gives the summary, whichever way the run ended.
    fn finish(mut self, assembled: &Assembled, outcome: Result<(), SyncError>) -> Result<Summary, SyncError> {
        for peer in &assembled.peers {
            self.summary.requests.extend(peer.replica.requests());
        }
        let asked = self.mirror.questions()?.iter().filter(|question| question.kind != UNTAKEN).count() as u64;
        self.summary.waiting = self.mirror.count_open_conflicts()? + asked;
        if assembled.peers.iter().any(Peer::is_crm) {
            // Parked rows are among the questions.
            let unsettled = |row: &&OutboxRow| row.state != OutboxState::Parked;
            self.summary.waiting += self.mirror.outbox(CRM)?.iter().filter(unsettled).count() as u64;
        }
        if self.care.dry_run {
            self.mirror.end_rehearsal()?;
            return outcome.map(|()| self.summary);
        }
        self.summary.run = self.run;
        let exit_code = match &outcome {
            Ok(()) => i32::from(self.summary.exit_code()),
            Err(error) => i32::from(error.exit_code()),
        };
        let words = match &outcome {
            Ok(()) => "done".to_owned(),
            Err(error) => error.to_string(),
        };
        let summary = serde_json::to_string(&self.summary).unwrap_or_default();
        let at = self.clock.stamp();
        self.mirror.finish_run(self.run, &at, &words, exit_code, &summary)?;
        self.mirror.checkpoint()?;
        outcome.map(|()| self.summary)
    }
}
