//! Looking over a vdir: every file's stamp, and the bytes of those whose stamp is new.
//!
//! Looking and reading use more than one core where that pays. What is handed on keeps one order: agreed files first,
//! then new ones, by name; so the first file with a UID is the agreed one, and a copy of it is reported, not synced.

use std::{
    collections::BTreeSet,
    io,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use super::{
    FILE_MAX, LARGE, LARGE_AT_ONCE, Trust, Vdir,
    known::{KnownFiles, Place},
    names::{Name, is_card_name},
    read::{self, Reading},
    state::State,
};
use crate::{
    books::{
        card_uids::Uids,
        cards::{self, Flaw},
        conflict_copies::copy_of,
        fs::{Folder, Recovered, StagedFile, reason, remedy},
        parallel::{chunked_map, cores},
    },
    formats::vcard::WriteStyle,
    replica::{Baseline, Batch, Distrust, Problem, ReplicaError, Scanned, Sink, Stopped},
};

/// Files read before they are handed on.
const CHUNK: usize = 256;
/// Files looked at before they are handed on.
const LOOKED_AT_ONCE: usize = 4096;
/// New files listed at a time. Where there are more, the folder is listed again for the next ones: names of all would be the
/// largest thing in memory.
const NEW_AT_ONCE: usize = 10_000;
/// With fewer files, a second thread costs more than it gives.
const THREAD_MIN: usize = 512;

impl Vdir {
    pub(super) fn scan_now(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        let mut known = KnownFiles::new(baseline)?;
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

        let (mut changed, mut new) = self.sort(&folder, baseline, &mut known, sink)?;
        changed.to_read.sort_by(|one, other| one.name.cmp(&other.name));
        let is_quiet = changed.to_read.is_empty() && new.names.is_empty();
        let uids = Uids::new(if is_quiet { Vec::new() } else { known.uids() });
        let copies = Vec::new();
        let mut taking = Taking { folder: &folder, baseline, sink, uids, copies, large: 0, unread: changed.unread };
        self.take(changed, Batch::default(), &known, &mut taking)?;
        while !new.names.is_empty() {
            let last = new.names.last().cloned().filter(|_| new.has_more);
            let (mut sorted, mut batch) = (Sorted::default(), Batch::default());
            sorted.look(&folder, &mut known, new.names.into_iter().collect(), &mut batch);
            taking.unread |= sorted.unread;
            self.take(sorted, batch, &known, &mut taking)?;
            new = last.map(|last| self.new_behind(&folder, &known, &last)).transpose()?.unwrap_or_default();
        }
        self.take_copies(&mut taking)?;

        if agreed && !self.is_marked(&folder)? {
            return Err(self.distrusted(|book, path, marker| Distrust::MarkerWentAway { book, path, marker }));
        }
        // A file that cannot be read may be, or hold, any card that is missing.
        Ok(if taking.unread { Scanned::partial() } else { Scanned::complete() })
    }

    /// Reads files that were looked at, and hands them over; `batch` goes before them.
    fn take(
        &mut self,
        Sorted { mut to_read, patience, .. }: Sorted,
        mut batch: Batch,
        known: &KnownFiles,
        taking: &mut Taking<'_, '_>,
    ) -> Result<(), Stopped> {
        let Taking { folder, baseline, sink, uids, copies, large, unread } = taking;
        to_read.retain(|ToRead { name, .. }| match copy_of(name).filter(|_| !known.contains(name)) {
            Some(of) => {
                copies.push((name.clone(), of));
                false
            }
            None => true,
        });
        let put_off = put_off(&mut to_read, large);
        *unread |= !put_off.is_empty();
        batch.problems.extend(put_off);
        sink(batch)?;
        // A file changed just now is read when its stamp will prove it, so that the next run need not read it again.
        thread::sleep(patience);
        let (observed, style) = (&mut self.observed, self.settings.style);
        read_all(folder, &to_read, style, &mut |readings| {
            *unread |= readings.iter().any(|(_, reading)| reading.is_err());
            let batch = assemble(*baseline, known, uids, readings)?;
            batch.changed.iter().for_each(|record| cards::learn(observed, style, record));
            sink(batch)
        })
    }

    /// The first of the new files whose names come behind this one.
    fn new_behind(&self, folder: &Folder, known: &KnownFiles, last: &str) -> Result<NewFiles, ReplicaError> {
        let refused = |error: io::Error| self.refused("list", &error);
        let mut new = NewFiles::default();
        for name in folder.each_name().map_err(refused)? {
            let name = name.map_err(refused)?;
            if is_card_name(&name)
                && let Ok(name) = String::from_utf8(name)
                && name.as_str() > last
                && !known.contains(&name)
            {
                new.offer(name);
            }
        }
        Ok(new)
    }

    /// Finishes or undoes what a killed run left.
    fn tidy(&self, folder: &Folder, baseline: &dyn Baseline) -> Result<Vec<Problem>, ReplicaError> {
        let list = |wanted: fn(&[u8]) -> bool| folder.names(wanted).map_err(|error| self.refused("list", &error));
        let leftovers = list(StagedFile::may_be)?;
        let mut problems = Vec::new();
        // Another carnet at work keeps its files.
        if !leftovers.is_empty() && folder.lock() {
            let names = list(is_card_name)?;
            for name in leftovers.iter().filter_map(|name| std::str::from_utf8(name).ok()) {
                problems.extend(recover(folder, name, &names, baseline)?);
            }
        }
        Ok(problems)
    }

    /// Looks at each known file of the folder. Those under the agreed stamp are handed over, the others are to be read, and
    /// so are new ones.
    fn sort(
        &self,
        folder: &Folder,
        baseline: &dyn Baseline,
        known: &mut KnownFiles,
        sink: &mut Sink<'_>,
    ) -> Result<(Sorted, NewFiles), ReplicaError> {
        let mut batch = Batch { problems: self.tidy(folder, baseline)?, ..Batch::default() };
        let (mut sorted, mut new) = (Sorted::default(), NewFiles::default());
        let refused = |error: io::Error| self.refused("list", &error);
        let mut names = folder.each_name().map_err(refused)?;
        loop {
            let (mut chunk, mut is_end) = (Vec::new(), true);
            for name in names.by_ref() {
                let name = match Name::of(name.map_err(refused)?) {
                    Name::Card(name) => name,
                    Name::Other => continue,
                    Name::Told { problem, may_be_card } => {
                        batch.problems.push(problem);
                        sorted.unread |= may_be_card;
                        continue;
                    }
                };
                match known.place(&name) {
                    Some(place) => {
                        known.list(place);
                        chunk.push(name);
                    }
                    None => new.offer(name),
                }
                if chunk.len() == LOOKED_AT_ONCE {
                    is_end = false;
                    break;
                }
            }
            sorted.look(folder, known, chunk, &mut batch);
            sink(std::mem::take(&mut batch))?;
            if is_end {
                break;
            }
        }
        // A listing made while others rename may miss a name: ask for each one that is missed.
        let missed = known.unlisted(baseline)?.into_iter().filter(|remote| is_card_name(remote.as_bytes()));
        let missed = missed.filter(|remote| !matches!(folder.fetch(remote), Ok(None))).collect();
        sorted.look(folder, known, missed, &mut batch);
        sink(batch)?;
        Ok((sorted, new))
    }
}

/// Finishes or undoes the step that a temporary file was part of; says so where a user should know.
fn recover(
    folder: &Folder,
    name: &str,
    names: &[Vec<u8>],
    baseline: &dyn Baseline,
) -> Result<Option<Problem>, Stopped> {
    let Some(leftover) = StagedFile::parse(name) else { return Ok(None) };
    let is_target = |name: &str| is_card_name(name.as_bytes()) && leftover.is_for(name);
    let listed = names.iter().filter_map(|name| std::str::from_utf8(name).ok());
    let mut target = listed.into_iter().find(|name| is_target(name)).map(str::to_owned);
    if target.is_none() {
        baseline.for_each(&mut |remote, _| {
            if target.is_none() && is_target(remote) {
                target = Some(remote.to_owned());
            }
        })?;
    }
    let revision = target.as_deref().map(|target| baseline.revision_of(target)).transpose()?.flatten();
    let agreed = revision.as_deref().and_then(|revision| State::parse(revision).digest());
    Ok(match folder.recover(&leftover, target.as_deref(), |digest| agreed.as_ref() == Some(digest)) {
        // What was set aside is reported with the listing that follows.
        Ok(Recovered::Cleared | Recovered::PutBack | Recovered::Saved(_)) => None,
        Err(error) => Some(Problem {
            place: name.to_owned(),
            message: format!("cannot be cleared away: {}", reason(&error)),
            hint: Some(remedy(&error).to_owned()),
            remote: target.filter(|_| revision.is_some()),
        }),
    })
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
    to_read: Vec<ToRead>,
    patience: Duration,
    /// Something is there that may be a card and cannot be read.
    unread: bool,
}

impl Sorted {
    /// Looks at these files; what is the agreed one, or cannot be looked at, goes into the batch.
    fn look(&mut self, folder: &Folder, known: &mut KnownFiles, names: Vec<String>, batch: &mut Batch) {
        for part in chunked_map(names, THREAD_MIN, |names| vec![look_part(folder, known, names)]) {
            batch.problems.extend(part.batch.problems);
            for (name, place) in part.same {
                known.keep(place);
                batch.same.push(name);
            }
            self.to_read.extend(part.to_read);
            self.patience = self.patience.max(part.patience);
        }
    }
}

/// The new files of a folder, as many as are read before the others are listed: the first ones by name.
#[derive(Debug, Default)]
struct NewFiles {
    names: BTreeSet<String>,
    /// There are others behind them.
    has_more: bool,
}

impl NewFiles {
    fn offer(&mut self, name: String) {
        if self.names.len() == NEW_AT_ONCE && self.names.last().is_some_and(|last| *last < name) {
            self.has_more = true;
            return;
        }
        self.names.insert(name);
        if self.names.len() > NEW_AT_ONCE {
            self.names.pop_last();
            self.has_more = true;
        }
    }
}

/// What files are read from and handed to.
pub(super) struct Taking<'t, 's> {
    pub(super) folder: &'t Folder,
    baseline: &'t dyn Baseline,
    pub(super) sink: &'t mut Sink<'s>,
    pub(super) uids: Uids,
    /// Copies that sync programs made, each with the name of the card that it is a copy of.
    pub(super) copies: Vec<(String, String)>,
    /// The bytes of the large files that were taken.
    large: u64,
    /// Something is there that may be a card and cannot be read.
    pub(super) unread: bool,
}

/// Leaves large files to the next run once this one has enough of them, of which so many bytes were taken. They count as
/// seen.
fn put_off(to_read: &mut Vec<ToRead>, taken: &mut u64) -> Vec<Problem> {
    let mut problems = Vec::new();
    to_read.retain(|ToRead { name, size }| {
        if !(LARGE + 1..=FILE_MAX).contains(size) {
            return true;
        }
        let fits = *taken == 0 || *taken + *size <= LARGE_AT_ONCE;
        if fits {
            *taken += *size;
        } else {
            let hint = Some("run again: what was read once is not read again".into());
            let flaw = Flaw { hint, ..Flaw::whole("is large and waits for the next run") };
            problems.push(flaw.problem(name));
        }
        fits
    });
    problems
}

/// What one thread found of the files that it looked at.
#[derive(Debug, Default)]
struct Part {
    batch: Batch,
    same: Vec<(String, Place)>,
    to_read: Vec<ToRead>,
    patience: Duration,
}

fn look_part(folder: &Folder, known: &KnownFiles, names: Vec<String>) -> Part {
    let mut sorted = Part::default();
    let mut buffer = String::new();
    let now = SystemTime::now();
    for name in names {
        let entry = match folder.fetch(&name) {
            Ok(Some(entry)) if entry.regular && folder.trusts(&entry) => entry,
            Ok(Some(entry)) => {
                let what = if entry.regular { "belongs to another user" } else { "is no ordinary file" };
                sorted.batch.problems.push(Flaw::whole(format!("{what} and is left alone")).problem(&name));
                continue;
            }
            Ok(None) => continue,
            Err(error) => {
                let message = format!("cannot be looked at: {}", reason(&error));
                let flaw = Flaw { hint: Some(remedy(&error).to_owned()), ..Flaw::whole(message) };
                sorted.batch.problems.push(flaw.problem(&name));
                continue;
            }
        };
        match known.place(&name).filter(|place| known.is_stamped(*place, &entry.fingerprint, &mut buffer)) {
            Some(place) => sorted.same.push((name, place)),
            None => {
                sorted.patience = sorted.patience.max(entry.fingerprint.patience(now));
                sorted.to_read.push(ToRead { name, size: entry.fingerprint.size() });
            }
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

fn assemble(
    baseline: &dyn Baseline,
    known: &KnownFiles,
    uids: &mut Uids,
    readings: Readings,
) -> Result<Batch, Stopped> {
    let mut batch = Batch::default();
    for (name, reading) in readings {
        let flaw = match reading {
            Ok(Reading::Card(record)) => {
                if !uids.is_new(record.uid.as_deref()) {
                    let hint = Some("delete one of the two, or give one another UID".into());
                    Flaw { hint, ..Flaw::whole("has the same UID as another file and is left alone") }
                } else if known.contains(&name) && baseline.revision_of(&name)?.as_ref() == Some(&record.revision) {
                    batch.same.push(name);
                    continue;
                } else {
                    let unread = cards::unread_value(&record);
                    batch.problems.extend(unread.map(|flaw| flaw.problem(&name)));
                    batch.changed.push(*record);
                    continue;
                }
            }
            Ok(Reading::Group) if !known.contains(&name) => continue,
            Ok(Reading::Group) => Flaw::whole("became a group and is left alone"),
            // It was there an instant ago: the next scan says.
            Ok(Reading::Gone) => Flaw::whole("went away while it was read"),
            Err(flaw) => flaw,
        };
        batch.problems.push(flaw.problem(&name));
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes in MiB, those that are read now, those that wait.
    fn check(sizes: &[u64], now: &[u64], later: usize) {
        let file = |size: &u64| ToRead { name: format!("{size}.vcf"), size: size << 20 };
        let mut to_read: Vec<ToRead> = sizes.iter().map(file).collect();
        let problems = put_off(&mut to_read, &mut 0);
        let read: Vec<u64> = to_read.iter().map(|file| file.size >> 20).collect();
        assert_eq!((read.as_slice(), problems.len()), (now, later), "{sizes:?}");
        assert!(problems.iter().all(|problem| problem.remote.is_some()), "they count as seen");
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

    #[test]
    fn of_many_new_files_the_first_are_kept() {
        let names: Vec<String> = (0..NEW_AT_ONCE + 7).map(|number| format!("{number:06}.vcf")).collect();
        for turn in [0, 1, 5] {
            let mut new = NewFiles::default();
            let (later, sooner) = names.split_at(names.len() / 3 * turn % names.len());
            sooner.iter().rev().chain(later).for_each(|name| new.offer(name.clone()));
            assert!(new.has_more && new.names.iter().eq(&names[..NEW_AT_ONCE]));
        }
        let mut new = NewFiles::default();
        names[7..].iter().for_each(|name| new.offer(name.clone()));
        assert!(!new.has_more && new.names.len() == NEW_AT_ONCE);
    }
}
