//! The table `problems`: what failed and is tried again by each run, a row for each thing there is to do about it. It is
//! small whatever fails: of many that failed for one reason, one row names the first few.

use rusqlite::{
    Row, params,
    types::{FromSql, FromSqlError, FromSqlResult, ValueRef},
};
use serde::{Deserialize, Serialize};

use super::{ContactId, Mirror, Result};

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Reading a replica.
    Read,
    /// Writing to it.
    Write,
}

impl Activity {
    /// The word in the table.
    pub fn word(self) -> &'static str {
        match self {
            Activity::Read => "read",
            Activity::Write => "write",
        }
    }
}

impl FromSql for Activity {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "read" => Ok(Activity::Read),
            "write" => Ok(Activity::Write),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// What it is that failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemSubject {
    /// Where: "ada.vcf line 7". "": a contact, or else the replica as a whole.
    pub place: String,
    /// The contact that could not be written.
    pub contact: Option<ContactId>,
    /// What is wrong there; without a place it reads after "failed to".
    pub message: String,
}

/// Something that failed, or several that failed for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemRow {
    /// Its number; 0 for one that is not in the table yet.
    pub id: i64,
    /// `crm`, a book's name, or `mirror`.
    pub replica: String,
    /// What was tried.
    pub activity: Activity,
    /// The first of them.
    pub first: ProblemSubject,
    /// The next few.
    pub others: Vec<ProblemSubject>,
    /// How many there are.
    pub count: u64,
    /// What to do.
    pub hint: Option<String>,
    /// The run that met it first.
    pub first_run: i64,
    /// The last run that met it.
    pub last_run: i64,
}

/// Every method fails with SQLite's error.
impl Mirror {
    /// All problems, the oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn problems(&self) -> Result<Vec<ProblemRow>> {
        let mut select = self.sql(
            "SELECT id, replica, activity, place, contact, message, hint, count, others, first_run, last_run
             FROM problems ORDER BY id",
        )?;
        let rows = select.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_problems(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM problems", [])
    }

    /// The problems of reading, or of writing, one replica.
    ///
    /// # Errors
    /// SQLite's.
    pub fn problems_of(&self, replica: &str, activity: Activity) -> Result<Vec<ProblemRow>> {
        let mut select = self.sql(
            "SELECT id, replica, activity, place, contact, message, hint, count, others, first_run, last_run
             FROM problems WHERE replica = ?1 AND activity = ?2 ORDER BY id",
        )?;
        let rows = select.query_map([replica, activity.word()], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds a problem, or changes one that has a number.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_problem(&mut self, row: &ProblemRow) -> Result<()> {
        let ProblemRow { id, replica, activity, first, others, count, hint, first_run, last_run } = row;
        let ProblemSubject { place, contact, message } = first;
        // Texts and numbers always have a JSON form.
        let others = serde_json::to_string(others).unwrap_or_default();
        self.sql(
            "INSERT INTO problems (id, replica, activity, place, contact, message, hint, count, others, first_run, last_run)
             VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET place = excluded.place, contact = excluded.contact,
                 message = excluded.message, hint = excluded.hint, count = excluded.count, others = excluded.others,
                 first_run = excluded.first_run, last_run = excluded.last_run",
        )?
        .execute(params![
            id,
            replica,
            activity.word(),
            place,
            contact,
            message,
            hint,
            i64::try_from(*count).unwrap_or(i64::MAX),
            others,
            first_run,
            last_run
        ])?;
        Ok(())
    }

    /// Forgets a problem: it is one no more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_problem(&mut self, id: i64) -> Result<()> {
        self.sql("DELETE FROM problems WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<ProblemRow> {
    let others: String = row.get(8)?;
    Ok(ProblemRow {
        id: row.get(0)?,
        replica: row.get(1)?,
        activity: row.get(2)?,
        first: ProblemSubject { place: row.get(3)?, contact: row.get(4)?, message: row.get(5)? },
        hint: row.get(6)?,
        count: row.get::<_, i64>(7)?.unsigned_abs(),
        // A newer carnet may name them otherwise: the count and the first are told all the same.
        others: serde_json::from_str(&others).unwrap_or_default(),
        first_run: row.get(9)?,
        last_run: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(place: &str, contact: Option<ContactId>) -> ProblemSubject {
        ProblemSubject { place: place.into(), contact, message: "is empty".into() }
    }

    #[test]
    fn a_problem_is_added_changed_and_forgotten() {
        let mut mirror = Mirror::in_memory().unwrap();
        let one = ProblemRow {
            id: 0,
            replica: "team".into(),
            activity: Activity::Read,
            first: subject("ada.vcf", None),
            others: Vec::new(),
            count: 1,
            hint: Some("restore it".into()),
            first_run: 3,
            last_run: 3,
        };
        let many = ProblemRow {
            activity: Activity::Write,
            first: subject("", Some(7)),
            others: vec![subject("", Some(8)), subject("", None)],
            count: 147,
            hint: None,
            ..one.clone()
        };
        for row in [&one, &many] {
            mirror.put_problem(row).unwrap();
        }
        let (one, many) = (ProblemRow { id: 1, ..one }, ProblemRow { id: 2, ..many });
        assert_eq!(mirror.problems().unwrap(), [one.clone(), many.clone()]);
        assert_eq!(mirror.problems_of("team", Activity::Write).unwrap(), std::slice::from_ref(&many));
        assert_eq!(mirror.problems_of("crm", Activity::Write).unwrap(), []);
        let later = ProblemRow { count: 9, last_run: 5, ..many };
        mirror.put_problem(&later).unwrap();
        mirror.forget_problem(1).unwrap();
        assert_eq!((mirror.problems().unwrap(), mirror.count_problems().unwrap()), (vec![later], 1));
    }
}
