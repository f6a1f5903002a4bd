//! The mirror's locks: one carnet works on a mirror at a time, and one daemon watches over it. Beside the lock stands who
//! holds it.
//!
//! The locks are the kernel's, on files that stay: what is written in one counts only while it is held, so a killed
//! holder leaves nothing behind.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{fs::FlockOperation, io::Errno};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    mirror::beside,
    replica::Diagnostic,
    sync::{Events, Host, Stop, SyncError, SyncEvent, SystemClock},
    views::clock::local,
};

/// A lock that is waited for is asked for again this often.
const AGAIN: Duration = Duration::from_millis(100);
/// Whoever waits longer is told what for.
const LONG: Duration = Duration::from_secs(5);
/// Who only asks whether there is a daemon holds its lock for an instant: a daemon that begins waits this long.
const ASKED_FOR: Duration = Duration::from_secs(1);
/// More is not what a holder writes.
const NOTE_MAX: u64 = 16 * 1024;

/// A lock, held until this is dropped.
#[derive(Debug)]
pub struct Held {
    file: File,
}

/// Who holds the mirror.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    /// The command's name.
    command: String,
    /// RFC 3339, UTC.
    since: String,
}

/// What a daemon tells of itself beside its lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonNote {
    /// Its process.
    pub pid: u32,
    /// Since when it lives: RFC 3339, UTC.
    pub started: String,
    /// When its next run is expected: RFC 3339, UTC; none while one is at work, or while it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Runs that failed in a row.
    #[serde(default)]
    pub failures: u32,
    /// The books in trouble that it does not try again by itself before this time: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resting: BTreeMap<String, String>,
    /// Since when a user has its runs wait: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
}

/// Takes the mirror for `command`; where another carnet is at work on it, waits so long for it to end.
///
/// # Errors
/// The mirror is in use still; a stop was asked for; the lock cannot be made.
pub(crate) fn take(
    mirror: &Path,
    command: &str,
    wait: Duration,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Result<Held, SyncError> {
    let path = beside(mirror, ".lock");
    let mut held = Held { file: open(&path)? };
    let mut is_held = held.lock(Duration::ZERO, stop).map_err(|error| unusable(&path, &error))?;
    if !is_held && !wait.is_zero() {
        if wait >= LONG {
            let message = format!("{} and is waited for", in_use(mirror, read(&mut held.file).as_ref()));
            events(SyncEvent::Notice { replica: "mirror".to_owned(), message, hint: None });
        }
        is_held = held.lock(wait, stop).map_err(|error| unusable(&path, &error))?;
    }
    if stop.requested() {
        return Err(SyncError::Interrupted);
    }
    if !is_held {
        let diagnostic = Diagnostic::new(format!("start: {}", in_use(mirror, read(&mut held.file).as_ref())));
        let hint = "wait until it is done (--wait does), or stop it; `carnet status` reads without the lock";
        return Err(SyncError::Locked(diagnostic.hint(hint)));
    }
    let command = command.to_owned();
    held.write(&Holder { pid: std::process::id(), command, since: SystemClock.stamp() });
    Ok(held)
}

/// The lock that one daemon holds for its whole life.
#[derive(Debug)]
pub struct DaemonLock {
    held: Held,
    written: Option<DaemonNote>,
}

impl DaemonLock {
    /// Takes it.
    ///
    /// # Errors
    /// Another daemon holds it (exit 11); it cannot be made.
    pub fn take(mirror: &Path) -> Result<Self, SyncError> {
        let path = beside(mirror, ".daemon.lock");
        let mut held = Held { file: open(&path)? };
        if !held.lock(ASKED_FOR, &Stop::new()).map_err(|error| unusable(&path, &error))? {
            return Err(second_daemon(mirror, read(&mut held.file).as_ref()));
        }
        Ok(Self { held, written: None })
    }

    /// Tells of itself.
    pub fn tell(&mut self, note: DaemonNote) {
        if self.written.as_ref() != Some(&note) {
            self.held.write(&note);
            self.written = Some(note);
        }
    }
}

/// What the daemon of this mirror tells of itself; none where there is no daemon.
pub fn daemon_of(mirror: &Path) -> Option<DaemonNote> {
    let mut file = File::open(beside(mirror, ".daemon.lock")).ok()?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => read(&mut file),
        Ok(()) => {
            unlock(&file);
            None
        }
        Err(_) => None,
    }
}

/// Refuses to put another file in the mirror's place while a daemon looks after it: its next run would write to the CRM
/// and the books before a user had a look.
///
/// # Errors
/// There is a daemon (exit 11).
pub(super) fn no_daemon(mirror: &Path) -> Result<(), SyncError> {
    let Some(DaemonNote { pid, .. }) = daemon_of(mirror) else { return Ok(()) };
    let message = format!("start: a daemon looks after {} (process {pid})", mirror.display());
    let hint = "stop it (`systemctl stop carnet`), do this again, look at `carnet sync --dry-run`, then start it";
    Err(SyncError::Locked(Diagnostic::new(message).hint(hint)))
}

impl Drop for Held {
    fn drop(&mut self) {
        unlock(&self.file);
    }
}

impl Held {
    /// True once it is held, false if it is still another's after so long.
    fn lock(&self, wait: Duration, stop: &Stop) -> Result<bool, std::io::Error> {
        let begun = Instant::now();
        loop {
            match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(true),
                Err(Errno::WOULDBLOCK) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() || stop.requested() {
                return Ok(false);
            }
            thread::sleep(AGAIN.min(left));
        }
    }

    /// Says who holds it. A lock without that is as good: a full disk stops nobody here.
    fn write(&mut self, note: &impl Serialize) {
        let mut text = serde_json::to_string(note).unwrap_or_default();
        text.push('\n');
        let written = self.file.rewind().and_then(|()| self.file.write_all(text.as_bytes()));
        let length = if written.is_ok() { text.len() as u64 } else { 0 };
        let _ = self.file.set_len(length);
    }
}

/// Closing the file is not enough: a program that another thread is starting holds it, and its lock, for an instant more.
fn unlock(file: &File) {
    let _ = rustix::fs::flock(file, FlockOperation::Unlock);
}

fn read<T: DeserializeOwned>(file: &mut File) -> Option<T> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(NOTE_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn open(path: &Path) -> Result<File, SyncError> {
    if let Some(folder) = path.parent() {
        // The mirror's folder, made here first: for its owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| unusable(path, &error))?;
    }
    let mut open = OpenOptions::new();
    open.create(true).truncate(false).read(true).write(true).mode(0o600);
    open.open(path).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> SyncError {
    let diagnostic = Diagnostic::new(format!("open {}: {error}", path.display()));
    SyncError::Failed(diagnostic.hint("the mirror's folder must be writable"))
}

fn in_use(mirror: &Path, holder: Option<&Holder>) -> String {
    let who = holder.map_or_else(String::new, |Holder { pid, command, since }| {
        format!(" (process {pid}, `carnet {command}`, since {})", local(since))
    });
    format!("another carnet works on {}{who}", mirror.display())
}

fn second_daemon(mirror: &Path, note: Option<&DaemonNote>) -> SyncError {
    let who = note.map_or_else(String::new, |DaemonNote { pid, started, .. }| {
        format!(" (process {pid}, since {})", local(started))
    });
    let diagnostic = Diagnostic::new(format!("start: another daemon looks after {}{who}", mirror.display()));
    SyncError::Locked(diagnostic.hint("one daemon a mirror is enough; `systemctl status carnet` shows a service's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: SyncError) -> String {
        assert_eq!(error.exit_code(), 11, "{error}");
        error.to_string()
    }

    fn quickly(mirror: &Path, command: &str) -> Result<Held, SyncError> {
        take(mirror, command, Duration::ZERO, &Stop::new(), &mut |event| panic!("{event:?}"))
    }

    #[test]
    fn who_holds_the_mirror_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = folder.path().join("deep").join("carnet.db");
        let held = quickly(&mirror, "import").unwrap();
        let refused = told(quickly(&mirror, "sync").unwrap_err());
        let named = format!("(process {}, `carnet import`, since 2", std::process::id());
        assert!(refused.contains(&named), "{refused}");
        // A stop ends the wait, too.
        let stop = Stop::new();
        stop.request();
        let stopped = take(&mirror, "sync", Duration::from_secs(3600), &stop, &mut |_| {});
        assert!(matches!(stopped, Err(SyncError::Interrupted)), "{stopped:?}");
        drop(held);
        drop(quickly(&mirror, "sync").unwrap());
    }

    #[test]
    fn a_lock_is_waited_for_and_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = folder.path().join("carnet.db");
        let mut held = Some(quickly(&mirror, "import").unwrap());
        let mut heard = Vec::new();
        let taken = take(&mirror, "sync", Duration::from_secs(60), &Stop::new(), &mut |event| {
            heard.push(event);
            held = None;
        });
        assert!(taken.is_ok());
        let [SyncEvent::Notice { message, .. }] = &heard[..] else { panic!("{heard:?}") };
        assert!(message.contains("`carnet import`") && message.ends_with("and is waited for"), "{message}");
    }

    #[test]
    fn a_lock_ends_although_a_child_has_the_file_still() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = folder.path().join("carnet.db");
        let held = quickly(&mirror, "sync").unwrap();
        // What a child has of it between its start and its program.
        let childs = held.file.try_clone().unwrap();
        drop(held);
        assert!(quickly(&mirror, "sync").is_ok());
        drop(childs);
    }

    #[test]
    fn a_daemon_tells_of_itself_while_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = folder.path().join("carnet.db");
        assert_eq!(daemon_of(&mirror), None);
        let mut lock = DaemonLock::take(&mirror).unwrap();
        let long = "2026-01-01T00:00:00Z".to_owned();
        let note = DaemonNote {
            pid: 7,
            started: long.clone(),
            next: Some(long.clone()),
            failures: 3,
            resting: Default::default(),
            paused: Some(long),
        };
        lock.tell(note.clone());
        assert_eq!(daemon_of(&mirror), Some(note.clone()));
        let shorter = DaemonNote { next: None, failures: 0, paused: None, ..note };
        lock.tell(shorter.clone());
        assert_eq!(daemon_of(&mirror), Some(shorter));
        assert!(told(DaemonLock::take(&mirror).unwrap_err()).contains("(process 7, since 2"));
        // A run beside it is another lock's matter.
        assert!(quickly(&mirror, "sync").is_ok());
        drop(lock);
        assert_eq!(daemon_of(&mirror), None, "what is written counts only while the lock is held");
    }
}
