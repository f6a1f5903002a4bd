//! Who may see the desk: one-time logins and sessions, each a small file beside the mirror whose name is a digest of its
//! secret. The secrets themselves are kept by the browser alone.
//!
//! `carnet desk` makes a login while the daemon runs, so the two share files and no memory. Removing a file is what uses a login
//! up: of two who try at once one removes it.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A login that is not used is void after this long.
const LOGIN_FOR: TimeDelta = TimeDelta::minutes(15);
/// A session ends after this long, a working day.
const SESSION_FOR: TimeDelta = TimeDelta::hours(12);
/// What a file of this folder holds is shorter.
const BYTES_MAX: u64 = 4096;
/// Letters of a secret: two random UUIDs.
const SECRET_LETTERS: usize = 64;

/// What somebody may do at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look and decide.
    Decides,
    /// Look.
    Views,
}

/// Somebody at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// What others are told that they are called; "" for nothing.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    visitor: Visitor,
    until: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Login,
    Session,
}

/// The logins and sessions of one mirror's desk.
#[derive(Debug, Clone)]
pub struct Access {
    folder: PathBuf,
}

impl Access {
    /// Those of this mirror: in `carnet.desk` beside `carnet.db`.
    pub fn of(mirror: &Path) -> Self {
        Self { folder: mirror.with_extension("desk") }
    }

    /// A new login for somebody: its secret, to be shown once.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn invite(&self, visitor: &Visitor, now: DateTime<Utc>) -> io::Result<String> {
        self.forget_old(now);
        self.keep(Kind::Login, visitor, now + LOGIN_FOR)
    }

    /// A page that leads to an address, in a file of its owner alone.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn leading_to(&self, url: &str) -> io::Result<PathBuf> {
        let page = self.folder.join("open.html");
        let text =
            format!("<!doctype html><meta http-equiv=\"refresh\" content=\"0;url={url}\"><title>carnet</title>\n");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&page)?;
        file.write_all(text.as_bytes())?;
        Ok(page)
    }

    /// Uses a login up: the secret of a new session; none where there is no such login any more.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn enter(&self, login: &str, now: DateTime<Utc>) -> io::Result<Option<String>> {
        let Some(visitor) = self.visitor(Kind::Login, login, now) else { return Ok(None) };
        match fs::remove_file(self.path(Kind::Login, login)) {
            Ok(()) => self.keep(Kind::Session, &visitor, now + SESSION_FOR).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whose session this is, while it lasts.
    pub(super) fn session(&self, secret: &str, now: DateTime<Utc>) -> Option<Visitor> {
        self.visitor(Kind::Session, secret, now)
    }

    /// Ends a session.
    pub(super) fn leave(&self, secret: &str) {
        // One that is gone has ended.
        let _ = fs::remove_file(self.path(Kind::Session, secret));
    }

    fn path(&self, kind: Kind, secret: &str) -> PathBuf {
        let word = match kind {
            Kind::Login => "login",
            Kind::Session => "session",
        };
        self.folder.join(format!("{word}-{}", blake3::hash(secret.as_bytes()).to_hex()))
    }

    fn keep(&self, kind: Kind, visitor: &Visitor, until: DateTime<Utc>) -> io::Result<String> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let secret = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|half| half.simple().to_string()).concat();
        let text = serde_json::to_string(&Kept { visitor: visitor.clone(), until })?;
        let path = self.path(kind, &secret);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        Ok(secret)
    }

    fn visitor(&self, kind: Kind, secret: &str, now: DateTime<Utc>) -> Option<Visitor> {
        let is_one = secret.len() == SECRET_LETTERS && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_one {
            return None;
        }
        let kept = read(&self.path(kind, secret))?;
        (now < kept.until).then_some(kept.visitor)
    }

    /// Removes what is void. Nothing depends on it.
    fn forget_old(&self, now: DateTime<Utc>) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if read(&entry.path()).is_some_and(|kept| kept.until <= now) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn read(path: &Path) -> Option<Kept> {
    let is_short = fs::metadata(path).ok()?.len() <= BYTES_MAX;
    serde_json::from_str(&is_short.then(|| fs::read_to_string(path).ok())??).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_login_is_used_once_and_a_session_ends() {
        let folder = tempfile::tempdir().unwrap();
        let access = Access::of(&folder.path().join("carnet.db"));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let marie = Visitor { name: "Marie".to_owned(), role: Role::Views };
        let login = access.invite(&marie, now).unwrap();
        assert_eq!(access.session(&login, now), None, "a login is no session");
        let session = access.enter(&login, now).unwrap().unwrap();
        assert_eq!(access.enter(&login, now).unwrap(), None, "used up");
        assert_eq!(access.session(&session, now), Some(marie.clone()));
        assert_eq!(access.session(&session, now + SESSION_FOR), None);
        for wrong in ["", "..", &session[1..], &"0".repeat(SECRET_LETTERS)] {
            assert_eq!(access.session(wrong, now), None, "{wrong}");
        }
        let kept: Vec<_> = fs::read_dir(folder.path().join("carnet.desk")).unwrap().map(Result::unwrap).collect();
        for entry in &kept {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let text = format!("{:?} {}", entry.path(), fs::read_to_string(entry.path()).unwrap());
            assert!(!text.contains(&session) && !text.contains(&login), "no secret is written down");
        }
        access.leave(&session);
        assert_eq!(access.session(&session, now), None);

        let late = access.invite(&marie, now).unwrap();
        assert_eq!(access.enter(&late, now + LOGIN_FOR).unwrap(), None);
        access.invite(&marie, now + LOGIN_FOR).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("carnet.desk")).unwrap().count(), 1, "what is void is removed");
    }
}
