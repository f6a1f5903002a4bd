//! The table `questions`: what waits for a person's word beside conflicts: ambiguous pairs, deletions held back.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{ContactId, Mirror, MirrorError, Result, State};

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

/// What belongs to a question beyond its words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuestionDetail {
    /// The contacts that the record could be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ContactId>,
    /// What a person can do, where that is no answer of `carnet conflicts resolve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
    /// A digest of what the record said when a person said whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Mirror {
    /// Asks a question; one that waits in the same words already is left as it is. True when something was written.
    ///
    /// # Errors
    /// SQLite's.
    pub fn ask(&mut self, row: &QuestionRow) -> Result<bool> {
        self.ask_with(row, &QuestionDetail::default())
    }

    /// The same, with what belongs to the question.
    ///
    /// # Errors
    /// SQLite's.
    pub fn ask_with(&mut self, row: &QuestionRow, detail: &QuestionDetail) -> Result<bool> {
        let QuestionRow { id: _, run, replica, remote, kind, contact, text, state } = row;
        // Numbers and texts always have a JSON form.
        let json = serde_json::to_string(detail).ok().filter(|_| *detail != QuestionDetail::default());
        let written = self
            .sql(
                "INSERT INTO questions (run, replica, remote, kind, contact, text, state, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (replica, remote, kind) DO UPDATE SET run = excluded.run, contact = excluded.contact,
                     text = excluded.text, state = excluded.state, detail = excluded.detail
                 WHERE contact IS NOT excluded.contact OR text <> excluded.text OR state <> excluded.state
                     OR detail IS NOT excluded.detail",
            )?
            .execute(params![run, replica, remote, kind, contact, text, state.word(), json])?;
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

    /// What belongs to a question beyond its words; nothing for a number that is no question's.
    ///
    /// # Errors
    /// SQLite's; the text makes no sense.
    pub fn question_detail(&self, id: i64) -> Result<QuestionDetail> {
        let json = self
            .sql("SELECT detail FROM questions WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, Option<String>>(0))
            .optional()?
            .flatten();
        let Some(json) = json else { return Ok(QuestionDetail::default()) };
        serde_json::from_str(&json).map_err(|_| MirrorError::Corrupt {
            table: "questions",
            row: id.to_string(),
            column: "detail",
        })
    }

    /// How many questions wait.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_questions(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM questions INDEXED BY questions_open WHERE state = 'open'", [])
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
        assert_eq!(mirror.count_questions().unwrap(), 1);

        mirror.answer_question("cards", "ada.vcf", "ambiguous").unwrap();
        assert_eq!(mirror.questions().unwrap(), []);
        let settled = mirror.question("cards", "ada.vcf", "ambiguous").unwrap().unwrap();
        assert_eq!((settled.run, settled.state), (3, State::Settled));
        assert!(mirror.ask(&row(4, "which of three?")).unwrap(), "asked again, it waits again");
        assert_eq!(mirror.questions().unwrap().len(), 1);

        let detail = QuestionDetail { candidates: vec![3, 4], todo: Some("look".into()), digest: None };
        assert!(mirror.ask_with(&row(5, "which of three?"), &detail).unwrap(), "more is known of it");
        assert!(!mirror.ask_with(&row(6, "which of three?"), &detail).unwrap());
        assert_eq!(mirror.question_detail(1).unwrap(), detail);
        assert!(mirror.ask(&row(7, "which of three?")).unwrap());
        assert_eq!(mirror.question_detail(1).unwrap(), QuestionDetail::default());
        assert_eq!(mirror.question_detail(9).unwrap(), QuestionDetail::default());
        mirror.clear_question("cards", "ada.vcf", "ambiguous").unwrap();
        assert_eq!(mirror.question("cards", "ada.vcf", "ambiguous").unwrap(), None);
    }
}
