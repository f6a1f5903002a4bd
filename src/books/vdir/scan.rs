//! Looking over a vdir: every file's stamp, and the bytes of those whose stamp is new.
//!
//! Looking and reading use more than one core where that pays. What is handed on keeps one order: agreed files first,
//! then new ones, by name; so the first file with a UID is the agreed one, and a copy of it is reported, not synced.

use std::{collections::HashSet, sync::mpsc, thread, time::Duration, time::SystemTime};

use super::{
    FILE_MAX, LARGE, LARGE_AT_ONCE, Trust, Vdir, is_card_name,
    read::{self, Reading},
    state::{State, uid_key},
};
use crate::{
    books::{
        Revisions,
        cards::{self, Flaw},
        fs::{Folder, Recovered, SAVED, StagedFile, reason, remedy},
        parallel::{chunked_map, cores},
        revisions,
    },
    formats::vcard::WriteStyle,
    replica::{Baseline, Batch, Distrust, Problem, ReplicaError, Scanned, Sink, Stopped},
};

/// Files read before they are handed on.
const CHUNK: usize = 256;
/// With fewer files, a second thread costs more than it gives.
const THREAD_MIN: usize = 512;

impl Vdir {
    pub(super) fn scan_now(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        let known = &revisions(baseline)?;
        let agreed = !known.is_empty();
        let Some(folder) = self.open().map_err(|error| self.refused("open", &error))? else {
            if agreed {
                return Err(self.distrusted(|book, path, marker| Distrust::NoFolder { book, path, marker }));
            }
            self.trust = Trust::FirstUse;
            return Ok(Scanned::complete());
        };
        let marked = self.is_marked(&folder)?;
        if !marked && agreed {
            return Err(self.distrusted(|book, path, marker| Distrust::NoMarker { book, path, marker }));
        }
        if !marked {
            self.mark(&folder)?;
        }
        self.trust = Trust::Marked;

        let listing = self.list(&folder, known)?;
        let Sorted { batch, to_read, patience } = sort(&folder, known, listing);
        let mut uids = Uids::new(known, &batch, !to_read.is_empty());
        sink(batch)?;
        // A file changed just now is read when its stamp will prove it, so that the next run need not read it again.
        thread::sleep(patience);
        let (observed, style) = (&mut self.observed, self.settings.style);
        read_all(&folder, &to_read, style, &mut |readings| {
            let batch = assemble(known, &mut uids, readings);
            batch.changed.iter().for_each(|record| cards::learn(observed, style, record));
            sink(batch)
        })?;

        if agreed && !self.is_marked(&folder)? {
            return Err(self.distrusted(|book, path, marker| Distrust::MarkerWentAway { book, path, marker }));
        }
        Ok(Scanned::complete())
    }

    /// The names in the folder, after finishing or undoing what a killed run left.
    fn list(&self, folder: &Folder, known: &Revisions) -> Result<Listing, ReplicaError> {
        let wanted = |name: &[u8]| is_card_name(name) || StagedFile::may_be(name) || is_saved(name);
        let list = || folder.names(wanted).map_err(|error| self.refused("list", &error));
        let mut names = list()?;
        let mut problems = Vec::new();
        // Another carnet at work keeps its files.
        if names.iter().any(|name| StagedFile::may_be(name)) && folder.lock() {
            for name in names.iter().filter_map(|name| std::str::from_utf8(name).ok()) {
                problems.extend(recover(folder, name, &names, known));
            }
            names = list()?;
        }
        let mut listing = Listing { names: Vec::with_capacity(names.len()), problems };
        for name in names {
            match String::from_utf8(name) {
                Ok(name) if is_card_name(name.as_bytes()) => listing.names.push(name),
                Ok(name) if is_saved(name.as_bytes()) => listing.problems.push(Problem {
                    place: name,
                    message: "was saved by another program in the instant that carnet wrote this contact".into(),
                    hint: Some("take over what is missing from it, then delete it".into()),
                    remote: None,
                }),
                Ok(_) => {}
                Err(name) => listing.problems.push(Problem {
                    place: String::from_utf8_lossy(name.as_bytes()).escape_default().to_string(),
                    message: "has a name that is not UTF-8 and is left alone".into(),
                    hint: Some("rename it".into()),
                    remote: None,
                }),
            }
        }
        // A listing made while others rename may miss a name: ask for each one that is missed.
        let missed = known.keys().filter(|remote| is_card_name(remote.as_bytes()));
        let missed: Vec<String> = missed
            .filter(|remote| listing.names.binary_search(remote).is_err())
            .filter(|remote| !matches!(folder.fetch(remote), Ok(None)))
            .cloned()
            .collect();
        listing.names.extend(missed);
        Ok(listing)
    }
}

#[derive(Debug)]
struct Listing {
    names: Vec<String>,
    problems: Vec<Problem>,
}

/// Finishes or undoes the step that a temporary file was part of; says so where a user should know.
fn recover(folder: &Folder, name: &str, names: &[Vec<u8>], known: &Revisions) -> Option<Problem> {
    let leftover = StagedFile::parse(name)?;
    let listed = names.iter().filter_map(|name| std::str::from_utf8(name).ok());
    let known_names = known.keys().map(String::as_str);
    let target =
        listed.chain(known_names).filter(|name| is_card_name(name.as_bytes())).find(|name| leftover.is_for(name));
    let agreed = target.and_then(|target| known.get(target)).and_then(|state| State::parse(state).digest());
    match folder.recover(&leftover, target, |digest| agreed.as_ref() == Some(digest)) {
        // What was set aside is reported with the listing that follows.
        Ok(Recovered::Cleared | Recovered::PutBack | Recovered::Saved(_)) => None,
        Err(error) => Some(Problem {
            place: name.to_owned(),
            message: format!("cannot be cleared away: {}", reason(&error)),
            hint: Some(remedy(&error).to_owned()),
            remote: target.filter(|target| known.contains_key(*target)).map(str::to_owned),
        }),
    }
}

/// A file to be read, and its bytes as its stamp counts them.
#[derive(Debug)]
struct ToRead {
    name: String,
    size: u64,
}

/// What follows from names and stamps alone.
#[derive(Debug, Default)]
struct Sorted {
    batch: Batch,
    to_read: Vec<ToRead>,
    patience: Duration,
}

fn sort(folder: &Folder, known: &Revisions, listing: Listing) -> Sorted {
    let Listing { names, problems } = listing;
    let parts = chunked_map(names, THREAD_MIN, |names| vec![sort_part(folder, known, names)]);
    let mut sorted = Sorted { batch: Batch { problems, ..Batch::default() }, ..Sorted::default() };
    for part in parts {
        sorted.batch.same.extend(part.batch.same);
        sorted.batch.problems.extend(part.batch.problems);
        sorted.to_read.extend(part.to_read);
        sorted.patience = sorted.patience.max(part.patience);
    }
    sorted.to_read.sort_by_cached_key(|file| (!known.contains_key(&file.name), file.name.clone()));
    put_off(&mut sorted);
    sorted
}

/// Leaves large files to the next run once this one has enough of them. They count as seen.
fn put_off(sorted: &mut Sorted) {
    let mut taken = 0;
    let Sorted { batch, to_read, .. } = sorted;
    to_read.retain(|ToRead { name, size }| {
        if !(LARGE + 1..=FILE_MAX).contains(size) {
            return true;
        }
        let fits = taken == 0 || taken + size <= LARGE_AT_ONCE;
        if fits {
            taken += size;
        } else {
            let hint = Some("run again: what was read once is not read again".into());
            let flaw = Flaw { hint, ..Flaw::whole("is large and waits for the next run") };
            batch.problems.push(read::problem(name, flaw));
        }
        fits
    });
}

fn sort_part(folder: &Folder, known: &Revisions, names: Vec<String>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut buffer = String::new();
    let now = SystemTime::now();
    for name in names {
        let entry = match folder.fetch(&name) {
            Ok(Some(entry)) if entry.regular && folder.trusts(&entry) => entry,
            Ok(Some(entry)) => {
                let what = if entry.regular { "belongs to another user" } else { "is no ordinary file" };
                sorted.batch.problems.push(read::problem(&name, Flaw::whole(format!("{what} and is left alone"))));
                continue;
            }
            Ok(None) => continue,
            Err(error) => {
                let message = format!("cannot be looked at: {}", reason(&error));
                let flaw = Flaw { hint: Some(remedy(&error).to_owned()), ..Flaw::whole(message) };
                sorted.batch.problems.push(read::problem(&name, flaw));
                continue;
            }
        };
        let state = known.get(&name).map(|revision| State::parse(revision));
        if state.is_some_and(|state| state.is_stamped(&entry.fingerprint, &mut buffer)) {
            sorted.batch.same.push(name);
        } else {
            sorted.patience = sorted.patience.max(entry.fingerprint.patience(now));
            sorted.to_read.push(ToRead { name, size: entry.fingerprint.size() });
        }
    }
    sorted
}

type Readings = Vec<(String, Result<Reading, Flaw>)>;

/// Reads files and hands them on in their order, the next ones being read meanwhile.
fn read_all(
    folder: &Folder,
    files: &[ToRead],
    style: WriteStyle,
    take: &mut dyn FnMut(Readings) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let read_chunk = |chunk: &[ToRead]| -> Readings {
        chunk.iter().map(|ToRead { name, .. }| (name.clone(), read::read(folder, name, style))).collect()
    };
    if files.len() < THREAD_MIN {
        return files.chunks(CHUNK).try_for_each(|chunk| take(read_chunk(chunk)));
    }
    let workers = cores();
    thread::scope(|scope| {
        let ends: Vec<_> = (0..workers)
            .map(|worker| {
                // One chunk ready and one in hand for each: memory stays bounded however slow the taking is.
                let (sender, receiver) = mpsc::sync_channel(1);
                scope.spawn(move || {
                    let mine = files.chunks(CHUNK).skip(worker).step_by(workers);
                    // The receiver is gone when the scan was ended.
                    for chunk in mine {
                        if sender.send(read_chunk(chunk)).is_err() {
                            break;
                        }
                    }
                });
                receiver
            })
            .collect();
        for turn in 0..files.len().div_ceil(CHUNK) {
            // A worker ends early only by a panic, which the scope passes on.
            let Ok(readings) = ends[turn % workers].recv() else { break };
            take(readings)?;
        }
        drop(ends);
        Ok(())
    })
}

/// The UIDs met so far.
struct Uids(HashSet<String>);

impl Uids {
    fn new(known: &Revisions, batch: &Batch, needed: bool) -> Self {
        let same = if needed { batch.same.as_slice() } else { &[] };
        let states = same.iter().filter_map(|remote| known.get(remote));
        Self(states.filter_map(|revision| State::parse(revision).uid()).map(str::to_owned).collect())
    }

    fn is_new(&mut self, uid: Option<&str>) -> bool {
        uid.is_none_or(|uid| self.0.insert(uid_key(uid)))
    }
}

fn assemble(known: &Revisions, uids: &mut Uids, readings: Readings) -> Batch {
    let mut batch = Batch::default();
    for (name, reading) in readings {
        let flaw = match reading {
            Ok(Reading::Card(record)) => {
                if !uids.is_new(record.uid.as_deref()) {
                    let hint = Some("delete one of the two, or give one another UID".into());
                    Flaw { hint, ..Flaw::whole("has the same UID as another file and is left alone") }
                } else if known.get(&name).is_some_and(|revision| *revision == record.revision) {
                    batch.same.push(name);
                    continue;
                } else {
                    batch.changed.push(*record);
                    continue;
                }
            }
            Ok(Reading::Group) if !known.contains_key(&name) => continue,
            Ok(Reading::Group) => Flaw::whole("became a group and is left alone"),
            // It was there an instant ago: the next scan says.
            Ok(Reading::Gone) => Flaw::whole("went away while it was read"),
            Err(flaw) => flaw,
        };
        batch.problems.push(read::problem(&name, flaw));
    }
    batch
}

fn is_saved(name: &[u8]) -> bool {
    let saved = SAVED.as_bytes();
    name.windows(saved.len()).any(|part| part == saved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes in MiB, those that are read now, those that wait.
    fn check(sizes: &[u64], now: &[u64], later: usize) {
        let file = |size: &u64| ToRead { name: format!("{size}.vcf"), size: size << 20 };
        let mut sorted = Sorted { to_read: sizes.iter().map(file).collect(), ..Sorted::default() };
        put_off(&mut sorted);
        let read: Vec<u64> = sorted.to_read.iter().map(|file| file.size >> 20).collect();
        assert_eq!((read.as_slice(), sorted.batch.problems.len()), (now, later), "{sizes:?}");
        assert!(sorted.batch.problems.iter().all(|problem| problem.remote.is_some()), "they count as seen");
    }

    #[test]
    fn many_large_files_are_read_in_turns() {
        check(&[16; 2], &[16; 2], 0);
        check(&[16; 6], &[16; 2], 4);
        check(&[16, 12, 9, 4, 1, 1], &[16, 12, 4, 1, 1], 1);
        check(&[1; 100], &[1; 100], 0);
        // Refused when it is read.
        check(&[17, 16], &[17, 16], 0);
    }
}
