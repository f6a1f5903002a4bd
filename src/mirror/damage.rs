//! What is behind a mirror that SQLite calls malformed: SQLite says the same of a disk that cannot be read (its
//! `IOERR_CORRUPTFS` reaches nobody as such), and the two call for opposite things. So the file is read once more, whole,
//! and checked. Nothing is written.

use std::{fs, io, path::Path};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{beside, error::MirrorError};

/// What a second look at the files found.
#[derive(Debug)]
enum Found {
    /// The disk does not give the bytes.
    Unreadable(io::Error),
    /// The bytes are there, and make sense.
    Sound,
    /// The bytes are there, and make no sense.
    Malformed,
}

impl MirrorError {
    /// The same failure, named by its cause where SQLite takes a disk's failure for a malformed file.
    #[must_use]
    pub fn examined(self, path: &Path) -> Self {
        let malformed = match &self {
            Self::Open { source, .. } | Self::Sql(source) => {
                source.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
            }
            _ => false,
        };
        if malformed { self.judged(path, look(path)) } else { self }
    }

    fn judged(self, path: &Path, found: Found) -> Self {
        match found {
            Found::Unreadable(source) => Self::Disk { path: path.to_owned(), source: Some(source) },
            Found::Sound => Self::Disk { path: path.to_owned(), source: None },
            Found::Malformed => self,
        }
    }
}

fn look(path: &Path) -> Found {
    for file in [path.to_owned(), beside(path, "-wal")] {
        // The log is there only while a program works on the mirror.
        match fs::File::open(&file).and_then(|mut file| io::copy(&mut file, &mut io::sink())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Found::Unreadable(error),
            Err(_) | Ok(_) => {}
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let checked = Connection::open_with_flags(path, flags)
        .and_then(|conn| conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
    match checked {
        Ok(word) if word == "ok" => Found::Sound,
        Ok(_) | Err(_) => Found::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::Mirror;

    fn malformed() -> MirrorError {
        let code = rusqlite::ffi::Error { code: ErrorCode::DatabaseCorrupt, extended_code: 11 };
        MirrorError::Sql(rusqlite::Error::SqliteFailure(code, Some("database disk image is malformed".to_owned())))
    }

    fn check(found: Found, message: &str, hints: &[&str]) {
        let error = malformed().judged(Path::new("/x/carnet.db"), found);
        assert_eq!(error.to_string(), message);
        let hint = error.hint().unwrap();
        assert!(hints.iter().all(|words| hint.contains(words)), "{hint}");
    }

    #[test]
    fn a_failing_disk_is_not_a_malformed_file() {
        let fails = io::Error::from_raw_os_error(5);
        let disk = ["nothing was changed", "copy the file to another disk", "check the disk"];
        check(
            Found::Unreadable(fails),
            "read the mirror /x/carnet.db: the disk could not read it (Input/output error (os error 5))",
            &disk,
        );
        check(Found::Sound, "read the mirror /x/carnet.db: the disk could not read it (a second try could)", &disk);
        let lost = ["keep a copy", "backup", "move it away", "matched anew", "nothing is deleted"];
        check(Found::Malformed, "use the mirror: database disk image is malformed", &lost);
    }

    #[test]
    fn the_file_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let mut mirror = Mirror::open(&path).unwrap();
        mirror.set_fact("key", &"x".repeat(100_000)).unwrap();
        mirror.checkpoint().unwrap();
        drop(mirror);
        assert!(matches!(malformed().examined(&path), MirrorError::Disk { source: None, .. }));
        let mut bytes = fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        bytes[half..].fill(0xee);
        fs::write(&path, bytes).unwrap();
        assert!(matches!(malformed().examined(&path), MirrorError::Sql(_)));
        // A folder opens and gives no bytes: as near to a failing disk as a test comes without one.
        assert!(matches!(malformed().examined(folder.path()), MirrorError::Disk { source: Some(_), .. }));
        assert!(matches!(MirrorError::Aborted.examined(folder.path()), MirrorError::Aborted));
    }
}
