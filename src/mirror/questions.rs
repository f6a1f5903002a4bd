//! The table `questions`: what waits for a person's word beside conflicts: ambiguous pairs, deletions held back.

use rusqlite::{OptionalExtension, Row, params};

use super::{ContactId, Mirror, Result, State};

/// A question to a person. There is one of each kind about each record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionRow {
    /// Its number; not used when it is asked.
    pub id: i64,
    /// The run that asked it first, or again after it was settled.
    pub run: i64,
    /// The replica it is about.
    pub replica: String,
    /// The record there; "" for the replica as a whole.
    pub remote: String,
    /// `ambiguous`, `held_deletion`...
    pub kind: String,
    /// The contact it is about, if there is one.
    pub contact: Option<ContactId>,
    /// In words.
    pub text: String,
    /// Whether it waits.
    pub state: State,
}

impl Mirror {
    /// Asks a question; one that waits in the same words already is left as it is. True when something was written.
    ///
    /// # Errors
    /// SQLite's.
    pub fn ask(&mut self, row: &QuestionRow) -> Result<bool> {
        let QuestionRow { id: _, run, replica, remote, kind, contact, text, state } = row;
        let written = self
            .sql(
                "INSERT INTO questions (run, replica, remote, kind, contact, text, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (replica, remote, kind) DO UPDATE SET run = excluded.run, contact = excluded.contact,
                     text = excluded.text, state = excluded.state
                 WHERE contact IS NOT excluded.contact OR text <> excluded.text OR state <> excluded.state",
            )?
            .execute(params![run, replica, remote, kind, contact, text, state.word()])?;
        Ok(written > 0)
    }

    /// The questions that wait, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn questions(&self) -> Result<Vec<QuestionRow>> {
        let mut select = self.sql(
            "SELECT id, run, replica, remote, kind, contact, text, state
             FROM questions INDEXED BY questions_open WHERE state = 'open' ORDER BY id",
        )?;
        let rows = select.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One question by its number, waiting or settled.
    ///
    /// # Errors
    /// SQLite's.
    pub fn question_by_id(&self, id: i64) -> Result<Option<QuestionRow>> {
        Ok(self
            .sql("SELECT id, run, replica, remote, kind, contact, text, state FROM questions WHERE id = ?1")?
            .query_row([id], read)
            .optional()?)
    }

    /// Every question about a replica, waiting or settled, by its record and kind.
    ///
    /// # Errors
    /// SQLite's.
    pub fn questions_about(&self, replica: &str) -> Result<Vec<QuestionRow>> {
        let mut select = self.sql(
            "SELECT id, run, replica, remote, kind, contact, text, state
             FROM questions WHERE replica = ?1 ORDER BY remote, kind",
        )?;
        let rows = select.query_map([replica], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One question, waiting or settled.
    ///
    /// # Errors
    /// SQLite's.
    pub fn question(&self, replica: &str, remote: &str, kind: &str) -> Result<Option<QuestionRow>> {
        Ok(self
            .sql(
                "SELECT id, run, replica, remote, kind, contact, text, state
                 FROM questions WHERE replica = ?1 AND remote = ?2 AND kind = ?3",
            )?
            .query_row([replica, remote, kind], read)
            .optional()?)
    }

    /// Notes that a person has answered; the question is kept, settled, until it is asked again or cleared.
    ///
    /// # Errors
    /// SQLite's.
    pub fn answer_question(&mut self, replica: &str, remote: &str, kind: &str) -> Result<()> {
        self.sql("UPDATE questions SET state = 'settled' WHERE replica = ?1 AND remote = ?2 AND kind = ?3")?
            .execute([replica, remote, kind])?;
        Ok(())
    }

    /// Forgets a question: it does not arise any more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn clear_question(&mut self, replica: &str, remote: &str, kind: &str) -> Result<()> {
        self.sql("DELETE FROM questions WHERE replica = ?1 AND remote = ?2 AND kind = ?3")?
            .execute([replica, remote, kind])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<QuestionRow> {
    Ok(QuestionRow {
        id: row.get(0)?,
        run: row.get(1)?,
        replica: row.get(2)?,
        remote: row.get(3)?,
        kind: row.get(4)?,
        contact: row.get(5)?,
        text: row.get(6)?,
        state: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_once() {
        let mut mirror = Mirror::in_memory().unwrap();
        let row = |run, text: &str| QuestionRow {
            id: 1,
            run,
            replica: "cards".into(),
            remote: "ada.vcf".into(),
            kind: "ambiguous".into(),
            contact: None,
            text: text.into(),
            state: State::Open,
        };
        assert!(mirror.ask(&row(1, "which one?")).unwrap());
        assert!(!mirror.ask(&row(2, "which one?")).unwrap(), "the same question again changes no row");
        assert_eq!(mirror.questions().unwrap(), [row(1, "which one?")]);
        assert_eq!(mirror.question_by_id(1).unwrap(), Some(row(1, "which one?")));
        assert_eq!(mirror.question_by_id(2).unwrap(), None);
        assert_eq!(mirror.questions_about("cards").unwrap(), [row(1, "which one?")]);
        assert_eq!(mirror.questions_about("crm").unwrap(), []);
        assert!(mirror.ask(&row(3, "which of three?")).unwrap());

        mirror.answer_question("cards", "ada.vcf", "ambiguous").unwrap();
        assert_eq!(mirror.questions().unwrap(), []);
        let settled = mirror.question("cards", "ada.vcf", "ambiguous").unwrap().unwrap();
        assert_eq!((settled.run, settled.state), (3, State::Settled));
        assert!(mirror.ask(&row(4, "which of three?")).unwrap(), "asked again, it waits again");
        assert_eq!(mirror.questions().unwrap().len(), 1);
        mirror.clear_question("cards", "ada.vcf", "ambiguous").unwrap();
        assert_eq!(mirror.question("cards", "ada.vcf", "ambiguous").unwrap(), None);
    }
}
