//! A whole run: lock, mirror, replicas, the steps in order, and the run log.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use fd_lock::RwLock;

use super::{
    assemble::{Assembled, assemble, care},
    engine::{Care, Engine},
    error::SyncError,
    events::{Events, Summary},
    host::{Host, Machine, Moment},
    import::source::Imported,
    options::{RunOptions, Stop},
    peer::{CRM, Peer},
    waits::waits,
};
use crate::{config::Settings, mirror::Mirror, replicas::Trouble};

/// What a run works on.
pub struct Ground {
    /// The mirror, open for writing.
    pub mirror: Mirror,
    /// The replicas, the CRM first.
    pub peers: Vec<Peer>,
    /// The account that the mirror is a copy of: host, path and user.
    pub account: String,
}

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
    run_with(settings, options, (&Machine, stop), events, None).await
}

/// A run that also takes in contacts read from a file.
pub(super) async fn run_with(
    settings: &Settings,
    options: &RunOptions,
    (host, stop): (&dyn Host, &Stop),
    events: &mut Events<'_>,
    imported: Option<Imported>,
) -> Result<Summary, SyncError> {
    let path = &settings.mirror.path;
    let mut lock = lock_file(path)?;
    let _held = lock.try_write().map_err(|_| locked(path))?;
    let ran = async {
        let mirror = Mirror::open(path)?;
        let Assembled { peers, account, _sandbox } = assemble(settings, options, &mirror).await?;
        let ground = Ground { mirror, peers, account };
        steps_on(ground, care(settings, options), options, (host, stop), events, imported).await
    };
    ran.await.map_err(|error| error.examined(path))
}

/// One run on a mirror and replicas put together by the caller, who sees to it that nobody else works on the mirror.
///
/// # Errors
/// Those of [`run`].
pub async fn run_on(
    ground: Ground,
    care: Care,
    options: &RunOptions,
    (host, stop): (&dyn Host, &Stop),
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    steps_on(ground, care, options, (host, stop), events, None).await
}

async fn steps_on(
    ground: Ground,
    care: Care,
    options: &RunOptions,
    (host, stop): (&dyn Host, &Stop),
    events: &mut Events<'_>,
    imported: Option<Imported>,
) -> Result<Summary, SyncError> {
    let Ground { mirror, mut peers, account } = ground;
    let mut engine = Engine::new(mirror, care, host, stop, events);
    if options.dry_run {
        engine.mirror.rehearse()?;
    }
    engine.run = engine.mirror.begin_run(&options.trigger, &host.stamp())?;
    engine.reached(Moment::Begun)?;
    let outcome = engine.steps(&mut peers, &account, options, imported).await;
    engine.reached(Moment::Finishing)?;
    engine.finish(&peers, outcome)
}

pub(super) fn lock_file(mirror: &Path) -> Result<RwLock<File>, SyncError> {
    let path = lock_path(mirror);
    let failed = |error: std::io::Error| {
        SyncError::Failed(
            Trouble::new(format!("open {}: {error}", path.display())).hint("the mirror's folder must be writable"),
        )
    };
    if let Some(folder) = path.parent() {
        // The mirror's folder, made here first: for its owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
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

pub(super) fn locked(mirror: &Path) -> SyncError {
    SyncError::Locked(
        Trouble::new(format!("start: another carnet works on {}", mirror.display()))
            .hint("wait until it is done, or stop it; `carnet status` reads without the lock"),
    )
}

impl Engine<'_> {
    async fn steps(
        &mut self,
        peers: &mut [Peer],
        account: &str,
        options: &RunOptions,
        imported: Option<Imported>,
    ) -> Result<(), SyncError> {
        self.same_account(account)?;
        for peer in peers.iter() {
            self.recover_outbox(&peer.name)?;
        }
        self.reached(Moment::Recovered)?;
        for peer in peers.iter_mut().filter(|peer| options.mode.reads_crm() || !peer.is_crm()) {
            self.check_stop()?;
            self.scan(peer).await?;
        }
        self.import(imported)?;
        self.settle_overtaken()?;
        self.reached(Moment::TakenIn)?;
        for peer in peers.iter_mut().filter(|peer| options.mode.writes_crm() || !peer.is_crm()) {
            self.push(peer).await?;
        }
        self.close_forgotten(CRM)?;
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

    /// Gives the summary, or why the run ended; either way it is in the run log, if that can be written.
    fn finish(mut self, peers: &[Peer], outcome: Result<(), SyncError>) -> Result<Summary, SyncError> {
        let logged = self.log_run(peers, &outcome);
        // On a full disk both fail; why the run ended is what a person needs.
        outcome?;
        logged?;
        Ok(self.summary)
    }

    fn log_run(&mut self, peers: &[Peer], outcome: &Result<(), SyncError>) -> Result<(), SyncError> {
        for peer in peers {
            self.summary.requests.extend(peer.replica.requests());
        }
        self.keep_guards(peers, outcome)?;
        self.summary.waiting = waits(&self.mirror)?.total();
        if self.care.dry_run {
            return Ok(self.mirror.end_rehearsal()?);
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
