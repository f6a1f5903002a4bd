//! What was told, in a small file beside the mirror: keys and times, no names. A file that cannot be read is an empty one:
//! then it is told again.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{sync::exit, views::beside};

/// Network and server trouble passes by itself most of the time: it is told after so long...
const TROUBLE_FOR: TimeDelta = TimeDelta::minutes(15);
/// ...and so many tries.
const TROUBLE_TRIES: u32 = 3;

/// What was told.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// What waits, by key.
    told: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing: Option<Failing>,
}

/// Runs that fail.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Failing {
    since: DateTime<Utc>,
    tries: u32,
    /// The exit code of the last one.
    exit_code: u8,
    /// The exit code that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<u8>,
}

pub(super) fn path(mirror: &Path) -> PathBuf {
    beside(mirror, ".told")
}

impl Memory {
    pub fn read(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Replaces the file whole.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        if *self == Self::read(path) {
            return Ok(());
        }
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.persist(path)?;
        Ok(())
    }

    /// Forgets all but these: what comes back later is new.
    pub fn still_there(&mut self, keys: &[String]) {
        self.told.retain(|told| keys.contains(told));
    }

    pub fn is_told(&self, key: &str) -> bool {
        self.told.contains(key)
    }

    pub fn told(&mut self, keys: impl Iterator<Item = String>) {
        self.told.extend(keys);
    }

    /// A run failed; true where that is to be told.
    pub fn failed(&mut self, exit_code: u8, now: DateTime<Utc>) -> bool {
        let failing = self.failing.get_or_insert(Failing { since: now, tries: 0, exit_code, told: None });
        failing.tries = failing.tries.saturating_add(1);
        failing.exit_code = exit_code;
        let lasts = failing.tries >= TROUBLE_TRIES && now - failing.since >= TROUBLE_FOR;
        failing.told != Some(exit_code) && (exit_code != exit::NETWORK || lasts)
    }

    pub fn failing_since(&self) -> Option<DateTime<Utc>> {
        self.failing.as_ref().map(|failing| failing.since)
    }

    pub fn failure_is_told(&mut self) {
        if let Some(failing) = &mut self.failing {
            failing.told = Some(failing.exit_code);
        }
    }

    /// Since when runs had failed, where that was told and runs are well again.
    pub fn recovers(&self) -> Option<DateTime<Utc>> {
        self.failing.as_ref().filter(|failing| failing.told.is_some()).map(|failing| failing.since)
    }

    pub fn is_well(&mut self) {
        self.failing = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn trouble_is_told_once_it_lasts_and_the_rest_at_once() {
        let mut memory = Memory::default();
        assert!(!memory.failed(5, at(0)));
        assert!(!memory.failed(5, at(20)), "two tries");
        assert!(memory.failed(5, at(21)));
        assert!(memory.failed(5, at(22)), "it was not taken");
        memory.failure_is_told();
        assert!(!memory.failed(5, at(900)));
        assert!(memory.failed(4, at(901)), "another failure");
        memory.failure_is_told();
        assert_eq!(memory.recovers(), Some(at(0)));
        memory.is_well();
        assert_eq!(memory.recovers(), None);
        assert!(!memory.failed(5, at(1000)));
        assert_eq!(memory.recovers(), None, "what was not told is not said to be over");
        assert!(memory.failed(7, at(1001)));
    }

    #[test]
    fn what_went_away_is_new_when_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder.path().join("carnet.db"));
        let keys = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let mut memory = Memory::read(&path);
        memory.told(keys(&["3", "q7"]).into_iter());
        memory.failed(4, at(3));
        memory.write(&path).unwrap();
        let mut memory = Memory::read(&path);
        assert!(memory.is_told("3") && !memory.is_told("4") && memory.failing_since() == Some(at(3)));
        memory.still_there(&keys(&["q7"]));
        memory.still_there(&keys(&["3", "q7"]));
        assert!(!memory.is_told("3") && memory.is_told("q7"));
        std::fs::write(&path, "rubbish").unwrap();
        assert_eq!(Memory::read(&path), Memory::default());
    }
}
