//! The table `attention`: what waits for the user beside conflicts, one row of each kind about each record.
//!
//! It holds parameters, never words: each face says them in its user's language.

mod parameters;

use rusqlite::{OptionalExtension, Row, params};

use super::{ContactId, Mirror, Result, State};

pub use parameters::{Ambiguity, Attention, AttentionKind, StopReason, TriedList};

/// Something that waits for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttentionRow {
    /// Its number; not used when it is raised.
    pub id: i64,
    /// The run that raised it first, or again after it was settled.
    pub run: i64,
    /// The replica it is about.
    pub replica: String,
    /// The record there, or the contact's UID for what is about a contact; "" for the replica as a whole.
    pub remote: String,
    /// The contact it is about, if there is one.
    pub contact: Option<ContactId>,
    /// What it is.
    pub attention: Attention,
    /// Whether it waits.
    pub state: State,
}

/// Every method fails with SQLite's error.
impl Mirror {
    /// Raises something; what waits with the same parameters already is left as it is. True when something was written.
    ///
    /// # Errors
    /// SQLite's.
    pub fn raise(&mut self, row: &AttentionRow) -> Result<bool> {
        let AttentionRow { id: _, run, replica, remote, contact, attention, state } = row;
        let (kind, detail) = attention.columns();
        let written = self
            .sql(
                "INSERT INTO attention (run, replica, remote, contact, kind, detail, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (replica, remote, kind) DO UPDATE SET run = excluded.run, contact = excluded.contact,
                     detail = excluded.detail, state = excluded.state
                 WHERE contact IS NOT excluded.contact OR detail <> excluded.detail OR state <> excluded.state",
            )?
            .execute(params![run, replica, remote, contact, kind, detail, state.word()])?;
        Ok(written > 0)
    }

    /// What waits, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open_attention(&self) -> Result<Vec<AttentionRow>> {
        let mut select = self.sql(
            "SELECT id, run, replica, remote, contact, kind, detail, state
             FROM attention INDEXED BY attention_open WHERE state = 'open' ORDER BY id",
        )?;
        let rows = select.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How much waits.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_open_attention(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM attention INDEXED BY attention_open WHERE state = 'open'", [])
    }

    /// One by its number, waiting or settled.
    ///
    /// # Errors
    /// SQLite's.
    pub fn attention(&self, id: i64) -> Result<Option<AttentionRow>> {
        Ok(self
            .sql("SELECT id, run, replica, remote, contact, kind, detail, state FROM attention WHERE id = ?1")?
            .query_row([id], read)
            .optional()?)
    }

    /// One by what it is about, waiting or settled.
    ///
    /// # Errors
    /// SQLite's.
    pub fn attention_to(&self, replica: &str, remote: &str, kind: &AttentionKind) -> Result<Option<AttentionRow>> {
        Ok(self
            .sql(
                "SELECT id, run, replica, remote, contact, kind, detail, state
                 FROM attention WHERE replica = ?1 AND remote = ?2 AND kind = ?3",
            )?
            .query_row([replica, remote, kind.word()], read)
            .optional()?)
    }

    /// All about a replica, waiting or settled, by its record and kind.
    ///
    /// # Errors
    /// SQLite's.
    pub fn attention_about(&self, replica: &str) -> Result<Vec<AttentionRow>> {
        let mut select = self.sql(
            "SELECT id, run, replica, remote, contact, kind, detail, state
             FROM attention WHERE replica = ?1 ORDER BY remote, kind",
        )?;
        let rows = select.query_map([replica], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes that it waits no more. It keeps its number until it is raised again or cleared.
    ///
    /// # Errors
    /// SQLite's.
    pub fn settle_attention(&mut self, replica: &str, remote: &str, kind: &AttentionKind) -> Result<()> {
        self.sql("UPDATE attention SET state = 'settled' WHERE replica = ?1 AND remote = ?2 AND kind = ?3")?
            .execute([replica, remote, kind.word()])?;
        Ok(())
    }

    /// Forgets it: it does not arise any more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn clear_attention(&mut self, replica: &str, remote: &str, kind: &AttentionKind) -> Result<()> {
        self.sql("DELETE FROM attention WHERE replica = ?1 AND remote = ?2 AND kind = ?3")?.execute([
            replica,
            remote,
            kind.word(),
        ])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<AttentionRow> {
    let kind: String = row.get(5)?;
    Ok(AttentionRow {
        id: row.get(0)?,
        run: row.get(1)?,
        replica: row.get(2)?,
        remote: row.get(3)?,
        contact: row.get(4)?,
        attention: Attention::of_columns(&kind, row.get(6)?),
        state: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Contact, Field};

    fn could_be(candidates: &[ContactId]) -> Attention {
        Attention::Ambiguous { candidates: candidates.to_vec(), reason: Ambiguity::Several, says: None }
    }

    fn row(run: i64, attention: Attention) -> AttentionRow {
        let (replica, remote) = ("cards".to_owned(), "ada.vcf".to_owned());
        AttentionRow { id: 1, run, replica, remote, contact: None, attention, state: State::Open }
    }

    #[test]
    fn the_same_is_raised_once() {
        let mut mirror = Mirror::in_memory().unwrap();
        let kind = AttentionKind::Ambiguous;
        assert!(mirror.raise(&row(1, could_be(&[3, 4]))).unwrap());
        assert!(!mirror.raise(&row(2, could_be(&[3, 4]))).unwrap(), "the same again changes no row");
        assert_eq!(mirror.open_attention().unwrap(), [row(1, could_be(&[3, 4]))]);
        assert_eq!(mirror.attention(1).unwrap(), Some(row(1, could_be(&[3, 4]))));
        assert_eq!(mirror.attention(2).unwrap(), None);
        assert_eq!(mirror.attention_about("cards").unwrap(), [row(1, could_be(&[3, 4]))]);
        assert_eq!(mirror.attention_about("crm").unwrap(), []);
        assert!(mirror.raise(&row(3, could_be(&[3, 4, 5]))).unwrap(), "more is known of it");
        assert_eq!(mirror.count_open_attention().unwrap(), 1);

        mirror.settle_attention("cards", "ada.vcf", &kind).unwrap();
        assert_eq!(mirror.open_attention().unwrap(), []);
        let settled = mirror.attention_to("cards", "ada.vcf", &kind).unwrap().unwrap();
        assert_eq!((settled.run, settled.state), (3, State::Settled));
        assert!(mirror.raise(&row(4, could_be(&[3, 4, 5]))).unwrap(), "raised again, it waits again");
        assert_eq!(mirror.open_attention().unwrap(), [row(4, could_be(&[3, 4, 5]))]);

        mirror.clear_attention("cards", "ada.vcf", &kind).unwrap();
        assert_eq!(mirror.attention_to("cards", "ada.vcf", &kind).unwrap(), None);
    }

    #[test]
    fn every_kind_is_kept_with_its_parameters() {
        let text = || "somewhere".to_owned();
        let stopped = [
            StopReason::Emptied { known: 9 },
            StopReason::MassEdit { edited: 30, known: 40 },
            StopReason::ListingLeavesOut { count: 9 },
            StopReason::OtherAccount { mirror: text(), settings: text() },
            StopReason::NoFolder { path: text(), marker: text() },
            StopReason::NoMarker { path: text(), marker: text() },
            StopReason::MarkerWentAway { path: text(), marker: text() },
            StopReason::NoFile { path: text() },
        ];
        let ambiguous = [
            Ambiguity::Several,
            Ambiguity::CopyOf { record: "a.vcf".into() },
            Ambiguity::ForeignId,
            Ambiguity::CopyOfDeleted,
        ];
        let worded = |kind: AttentionKind, todo: Option<&str>, candidates: &[ContactId]| Attention::Worded {
            kind,
            text: text(),
            todo: todo.map(str::to_owned),
            candidates: candidates.to_vec(),
        };
        let tried = TriedList { list: "contact_items".into(), digest: text(), mode: "append".into() };
        let mut all = vec![
            Attention::LostCreation,
            Attention::ConflictCopy {
                of: text(),
                contact: 3,
                beyond: vec![Field::Items],
                says: Box::new(Contact { last_name: text(), ..Contact::default() }),
                digest: text(),
            },
            Attention::NotPersisted { fields: vec![Field::Civility, Field::Items], tried: Vec::new() },
            Attention::NotPersisted { fields: vec![Field::Items], tried: vec![tried] },
            Attention::HeldDeletions { missing: 30, known: 100, allowed: 10, contacts: vec![3] },
            Attention::NoFirm { contacts: 3 },
            worded(AttentionKind::Ambiguous, None, &[3]),
            worded(AttentionKind::LostCreation, None, &[]),
            worded(AttentionKind::NotPersisted, None, &[]),
            worded(AttentionKind::HeldDeletions, Some("look"), &[]),
            worded(AttentionKind::Stopped, Some("look"), &[]),
            worded(AttentionKind::Other("quota".into()), None, &[]),
        ];
        all.extend(stopped.map(|reason| Attention::Stopped { reason }));
        all.extend(ambiguous.map(|reason| Attention::Ambiguous {
            candidates: vec![3, 4],
            reason,
            says: Some(Box::new(Contact { comment: "deux".into(), ..Contact::default() })),
        }));
        for attention in all {
            let mut mirror = Mirror::in_memory().unwrap();
            mirror.raise(&row(1, attention.clone())).unwrap();
            // The words of a kind that has no parameters are those of every other of its kind.
            let expected =
                if attention.kind() == AttentionKind::LostCreation { Attention::LostCreation } else { attention };
            assert_eq!(mirror.open_attention().unwrap(), [row(1, expected)]);
        }
    }

    #[test]
    fn what_a_newer_carnet_raised_is_shown_not_lost() {
        let mirror = Mirror::in_memory().unwrap();
        let insert = |remote: &str, kind: &str, detail: &str| {
            let sql = "INSERT INTO attention (run, replica, remote, kind, detail, state) VALUES (1, 'crm', ?1, ?2, ?3, 'open')";
            mirror.conn.execute(sql, [remote, kind, detail]).unwrap();
        };
        insert("a", "quota", r#"{"left":5}"#);
        insert("b", "stopped", r#"{"reason":"full_moon"}"#);
        insert("c", "untaken", r#"{"fields":["job_title","birthday"]}"#);
        let shown: Vec<_> = mirror.open_attention().unwrap().into_iter().map(|row| row.attention).collect();
        let worded = |kind: AttentionKind, text: &str| Attention::Worded {
            kind,
            text: text.to_owned(),
            todo: None,
            candidates: Vec::new(),
        };
        assert_eq!(
            shown,
            [
                worded(AttentionKind::Other("quota".into()), r#"{"left":5}"#),
                worded(AttentionKind::Stopped, r#"{"reason":"full_moon"}"#),
                worded(AttentionKind::NotPersisted, r#"{"fields":["job_title","birthday"]}"#),
            ]
        );
    }
}
