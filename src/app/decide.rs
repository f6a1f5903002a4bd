//! What a user decides, carried out on the settings' mirror under its lock.

use std::time::Duration;

use super::{
    compose::run_policy,
    lock,
    open::{open_mirror, something_ran},
};
use crate::{
    config::Settings,
    contact::ids::UNDO,
    mirror::Mirror,
    reconcile::firms,
    replica::Diagnostic,
    sync::{
        Applied, Decision, Events, ItemId, Mode, Noting, RunOptions, Stop, Summary, SyncError, SystemClock,
        UndoOptions, Undone,
        review::{
            Review, change_by_user,
            noted::{RESOLVE, note, note_as_seen},
        },
        run::Run,
    },
};

/// What became of a user's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It was carried out.
    Applied(Box<(Applied, Summary)>),
    /// Another carnet is at work on the mirror: it is noted, and that run, if it has only begun, or the next one carries it
    /// out.
    Noted(ItemId),
}

/// Takes a user's decision: carries it out on the mirror, as an edit that the next `sync` pushes, or notes it where another
/// carnet is at work there.
///
/// # Errors
/// The decision makes no sense for that item ([`SyncError::Refused`]); the mirror fails.
pub fn decide(
    settings: &Settings,
    item: ItemId,
    decision: &Decision,
    events: &mut Events<'_>,
) -> Result<Decided, SyncError> {
    let options = options(RESOLVE, false, false);
    let (applied, summary) = match change(settings, &options, Duration::ZERO, events, |run| {
        // Said later than whatever was noted.
        run.mirror.forget_decision(item)?;
        Ok((Review::new(run).decide(item, decision)?, true))
    }) {
        Err(SyncError::Locked(_)) => {
            let mut mirror = Mirror::open_beside_a_run(&settings.mirror.path)?;
            note(&mut mirror, run_policy(settings, &options), &SystemClock, (item, decision))?;
            return Ok(Decided::Noted(item));
        }
        done => done?,
    };
    Ok(Decided::Applied(Box::new((applied, summary))))
}

/// Notes a decision for the next run, as [`decide`] does where another carnet is at work, if what is noted on the item is still
/// `seen`; without a decision, what is noted is taken back. It waits for no run, and until one begins all of it can be taken
/// back without a trace.
///
/// # Errors
/// As [`decide`].
pub fn decide_later(
    settings: &Settings,
    (item, decision): (ItemId, Option<&Decision>),
    seen: Option<&Decision>,
) -> Result<Noting, SyncError> {
    let options = options(RESOLVE, false, false);
    let mut mirror = Mirror::open_beside_a_run(&settings.mirror.path)?;
    note_as_seen(&mut mirror, run_policy(settings, &options), &SystemClock, (item, decision), seen)
}

/// Takes back what a run or a change did. While another carnet is at work on the mirror, it is waited for so long.
///
/// # Errors
/// There is no such run or change (exit 2); it would delete too many contacts (exit 7); the mirror is locked (exit 11) or fails.
pub fn undo(
    settings: &Settings,
    undo: &UndoOptions,
    wait: Duration,
    events: &mut Events<'_>,
) -> Result<(Undone, Summary), SyncError> {
    change(settings, &options(UNDO, undo.dry_run, undo.force), wait, events, |run| {
        let undone = Review::new(run).undo(undo)?;
        let kept = !run.summary.nothing_changed();
        Ok((undone, kept))
    })
}

/// Notes that a firm of this name is to be made in the CRM; the next run makes it, once. False where there is one.
///
/// # Errors
/// The name is empty (exit 2); the mirror is locked (exit 11) or fails.
pub fn want_firm(settings: &Settings, name: &str, events: &mut Events<'_>) -> Result<bool, SyncError> {
    let key = firms::key(name);
    if key.is_empty() {
        return Err(SyncError::Usage(Diagnostic::new("make a firm without a name")));
    }
    let (wanted, _) = change(settings, &options("firms", false, false), Duration::ZERO, events, |run| {
        let is_new = run.mirror.firms_named(&key)?.is_empty();
        if is_new {
            run.want_firm(name.trim())?;
        }
        Ok((is_new, is_new))
    })?;
    Ok(wanted)
}

fn options(command: &str, dry_run: bool, force: bool) -> RunOptions {
    RunOptions { dry_run, force, ..RunOptions::new(Mode::MirrorOnly, command) }
}

fn change<T>(
    settings: &Settings,
    options: &RunOptions,
    wait: Duration,
    events: &mut Events<'_>,
    work: impl FnOnce(&mut Run<'_>) -> Result<(T, bool), SyncError>,
) -> Result<(T, Summary), SyncError> {
    let path = &settings.mirror.path;
    something_ran(path)?;
    let _held = lock::take(path, &options.trigger, wait, &Stop::new(), events)?;
    let mut mirror = open_mirror(settings, options, events)?;
    change_by_user(&mut mirror, run_policy(settings, options), &options.trigger, &SystemClock, events, work)
}
