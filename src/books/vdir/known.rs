//! What is known of a folder before its scan, in 26 bytes a file: hashes of names, stamps and UIDs, sorted. Names and
//! revisions themselves stay in the mirror.

use std::{
    fmt::Write,
    hash::{BuildHasher, RandomState},
};

use super::state::State;
use crate::books::card_uids::uid_number;
use crate::{
    books::fs::Fingerprint,
    replica::{Baseline, RemoteId, Stopped},
};

/// The agreed files of a folder.
#[derive(Debug)]
pub struct KnownFiles {
    hasher: RandomState,
    /// Sorted by the hash of the name.
    files: Vec<KnownFile>,
    /// Which of them the listing showed, and which are under the agreed stamp.
    listed: Vec<bool>,
    same: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
struct KnownFile {
    name: u64,
    /// Zero where the stamp proves nothing.
    stamp: u64,
    /// Zero for none.
    uid: u64,
}

/// Where a file is among the known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

impl KnownFiles {
    /// All that is agreed on.
    pub fn new(baseline: &dyn Baseline) -> Result<Self, Stopped> {
        let hasher = RandomState::new();
        let mut files = Vec::with_capacity(usize::try_from(baseline.count()).unwrap_or_default());
        baseline.for_each(&mut |remote, revision| {
            let state = State::parse(revision);
            let stamp = state.fingerprint().map_or(0, |stamp| hasher.hash_one(stamp).max(1));
            files.push(KnownFile { name: hasher.hash_one(remote), stamp, uid: state.uid().map_or(0, uid_number) });
        })?;
        files.sort_unstable_by_key(|file| file.name);
        let (listed, same) = (vec![false; files.len()], vec![false; files.len()]);
        Ok(Self { hasher, files, listed, same })
    }

    /// True if nothing is agreed.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Where the file of this name is; none for one that is not known.
    pub fn place(&self, name: &str) -> Option<Place> {
        let hash = self.hasher.hash_one(name);
        self.files.binary_search_by_key(&hash, |file| file.name).ok().map(Place)
    }

    /// True if the file is known.
    pub fn contains(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// True when the agreed stamp is known and this one. `buffer` spares an allocation a file.
    pub fn is_stamped(&self, Place(place): Place, fingerprint: &Fingerprint, buffer: &mut String) -> bool {
        buffer.clear();
        // Writing into a String cannot fail.
        let _ = write!(buffer, "{fingerprint}");
        self.files[place].stamp == self.hasher.hash_one(buffer.as_str()).max(1)
    }

    /// Notes that the listing showed a file.
    pub fn list(&mut self, Place(place): Place) {
        self.listed[place] = true;
    }

    /// Notes that a file is under the agreed stamp.
    pub fn keep(&mut self, Place(place): Place) {
        self.same[place] = true;
    }

    /// The agreed files that the listing did not show.
    pub fn unlisted(&self, baseline: &dyn Baseline) -> Result<Vec<RemoteId>, Stopped> {
        let mut missed = Vec::new();
        if !self.listed.contains(&false) {
            return Ok(missed);
        }
        baseline.for_each(&mut |remote, _| {
            if self.place(remote).is_some_and(|Place(place)| !self.listed[place]) {
                missed.push(remote.to_owned());
            }
        })?;
        missed.sort_unstable();
        Ok(missed)
    }

    /// The numbers of the UIDs in the files under the agreed stamp, sorted.
    pub fn uids(&self) -> Vec<u64> {
        let same = self.files.iter().zip(&self.same).filter(|(file, same)| **same && file.uid != 0);
        let mut uids: Vec<u64> = same.map(|(file, _)| file.uid).collect();
        uids.sort_unstable();
        uids
    }
}
