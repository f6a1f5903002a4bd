//! A private copy of the mirror, for a dry run: it may take minutes of network, and must not keep others from writing.
//!
//! The copy is a file beside the mirror, because a large mirror does not fit into memory. Its pages are copied as they are:
//! to build it anew (`VACUUM INTO`) takes two to three times as long. Its name is gone as soon as it is open, so that
//! nothing of it stays, however the run ends. It is not worth a single fsync.

use std::path::PathBuf;

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
    ffi,
};

use super::{
    Mirror,
    error::{MirrorError, Result},
    forget_file,
};
use crate::sqlite::create;

impl Mirror {
    /// The mirror as it is now, in a database of its own that goes with it; one without a file has its copy in memory. It is
    /// read under a lock that keeps nobody from writing.
    ///
    /// # Errors
    /// The copy cannot be written beside the mirror; inside a transaction.
    pub fn private_copy(&self) -> Result<Self> {
        let Some(path) = self.conn.path().filter(|path| !path.is_empty()) else {
            return self.copied_to(Connection::open_in_memory()?);
        };
        let path = PathBuf::from(format!("{path}.dry-run"));
        // A run that was killed while it copied has left its own.
        forget_file(&path)?;
        // SQLite takes an empty file for a new database: this one is its owner's alone from its first instant.
        create(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let copied = Connection::open_with_flags(&path, flags).map_err(MirrorError::from);
        let copied = copied.and_then(|conn| self.copied_to(conn));
        let forgotten = forget_file(&path);
        let copy = copied?;
        forgotten?;
        Ok(copy)
    }

    fn copied_to(&self, mut conn: Connection) -> Result<Self> {
        conn.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;")?;
        let copied = Backup::new(&self.conn, &mut conn)?.step(-1)?;
        if copied != StepResult::Done {
            let busy = ffi::Error::new(ffi::SQLITE_BUSY);
            return Err(MirrorError::Sql(rusqlite::Error::SqliteFailure(busy, None)));
        }
        // Without a name there can be no journal beside it. This also opens the file, while it has one.
        conn.execute_batch(
            "PRAGMA journal_mode = MEMORY;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -16384;
             PRAGMA temp_store = MEMORY;",
        )?;
        Ok(Self { private: true, ..Self::on(conn)? })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_done_to_a_copy_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let mut mirror = Mirror::open(&path).unwrap();
        mirror.set_fact("before", "1").unwrap();
        mirror.checkpoint().unwrap();
        let (bytes, beside) = (fs::read(&path).unwrap(), names(folder.path()));
        let mut copy = mirror.private_copy().unwrap();
        assert_eq!(names(folder.path()), beside, "it has no name");
        assert_eq!(copy.fact("before").unwrap().as_deref(), Some("1"));
        copy.transact::<_, MirrorError>(|copy| copy.set_fact("rehearsed", "1")).unwrap();
        let undone = copy.transact::<(), MirrorError>(|copy| {
            copy.set_fact("rehearsed", "2")?;
            Err(MirrorError::NoContact { contact: 1 })
        });
        assert!(undone.is_err());
        copy.set_durable(true).unwrap();
        copy.checkpoint().unwrap();
        assert_eq!(copy.fact("rehearsed").unwrap().as_deref(), Some("1"));
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (bytes.clone(), beside));
        drop((copy, mirror));
        assert_eq!(fs::read(&path).unwrap(), bytes);
        let mirror = Mirror::open_read_only(&path).unwrap();
        assert_eq!((mirror.fact("rehearsed").unwrap(), mirror.fact("before").unwrap()), (None, Some("1".into())));
    }

    #[test]
    fn a_copy_keeps_nobody_from_writing_and_is_not_disturbed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let mut mirror = Mirror::open(&path).unwrap();
        mirror.set_fact("key", "then").unwrap();
        let mut copy = mirror.private_copy().unwrap();
        copy.begin().unwrap();
        copy.set_fact("key", "rehearsed").unwrap();
        let mut other = Mirror::open(&path).unwrap();
        other.set_fact("key", "meanwhile").unwrap();
        copy.commit().unwrap();
        assert_eq!(copy.fact("key").unwrap().as_deref(), Some("rehearsed"));
        assert_eq!(mirror.fact("key").unwrap().as_deref(), Some("meanwhile"));
    }

    #[cfg(unix)]
    #[test]
    fn a_copy_that_a_kill_left_is_replaced_and_a_failed_one_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let mut mirror = Mirror::open(&path).unwrap();
        fs::write(folder.path().join("carnet.db.dry-run"), "half a copy").unwrap();
        mirror.private_copy().unwrap();
        assert!(!folder.path().join("carnet.db.dry-run").exists());
        mirror.begin().unwrap();
        assert!(mirror.private_copy().is_err(), "inside a transaction");
        assert!(!folder.path().join("carnet.db.dry-run").exists());
    }

    #[test]
    fn a_mirror_without_a_file_has_copies_too() {
        let mut mirror = Mirror::in_memory().unwrap();
        mirror.set_fact("key", "1").unwrap();
        let mut copy = mirror.private_copy().unwrap();
        copy.set_fact("key", "2").unwrap();
        assert_eq!(mirror.fact("key").unwrap().as_deref(), Some("1"));
    }
}
