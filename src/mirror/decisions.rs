//! The table `decisions`: what a user said. A decision is noted until a run has carried it out; what it then says of a
//! record stands until a scan has met the record, or for as long as the record is there.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{
    ContactId, Mirror, Result,
    kinds::{Detail, columns, value},
};
use crate::contact::Keep;

/// What a user decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum ItemId {
    /// A row of `conflicts`.
    Conflict(i64),
    /// A row of `attention`.
    Attention(i64),
}

/// What a user says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// Of a conflict: this is kept. Of what the CRM did not take: the CRM's is.
    Keep {
        /// What.
        keep: Keep,
    },
    /// Of a creation whose answer was lost: the CRM's contact of this id is it.
    Adopt {
        /// Digits.
        crm_id: String,
    },
    /// Of a creation whose answer was lost: it was never made, and is sent again.
    Create,
    /// Of a record: it is this contact.
    SameAs {
        /// By its row.
        contact: ContactId,
    },
    /// Of a record: it is nobody we know.
    New,
    /// Of what a replica did not take: it is sent again.
    SendAgain,
    /// Of anything else: it is seen, and nothing is done.
    Dismiss,
}

/// A decision that no run has carried out yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedDecision {
    /// Its row.
    pub id: i64,
    /// When it was said: RFC 3339, UTC.
    pub at: String,
    /// What it is on.
    pub item: ItemId,
    /// Whether that waited when it was said; a settled conflict can be decided anew.
    pub was_open: bool,
    /// What was said; none where a newer carnet noted what this one does not know.
    pub decision: Option<Decision>,
}

/// What decisions have said of a record. One of each kind can stand for a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Standing {
    /// It is this contact; until a scan meets it.
    SameAs {
        /// By its row.
        contact: ContactId,
    },
    /// It is nobody we know; until a scan meets it.
    New,
    /// It is a second record of a contact that has another one in the replica.
    Copy {
        /// By its row.
        contact: ContactId,
        /// A digest of what the record said then.
        digest: String,
    },
    /// No newcomer of the CRM is the contact whose UID stands in the record's place.
    Apart,
}

/// The kinds of [`Standing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingKind {
    /// [`Standing::SameAs`].
    SameAs,
    /// [`Standing::New`].
    New,
    /// [`Standing::Copy`].
    Copy,
    /// [`Standing::Apart`].
    Apart,
}

impl std::fmt::Display for ItemId {
    /// The number as it is typed: `3`, `q7`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ItemId::Conflict(id) => write!(f, "{id}"),
            ItemId::Attention(id) => write!(f, "q{id}"),
        }
    }
}

impl StandingKind {
    fn word(self) -> &'static str {
        match self {
            StandingKind::SameAs => "same_as",
            StandingKind::New => "new",
            StandingKind::Copy => "copy",
            StandingKind::Apart => "apart",
        }
    }
}

impl ItemId {
    /// The columns `conflict` and `attention`.
    fn columns(self) -> (Option<i64>, Option<i64>) {
        match self {
            ItemId::Conflict(id) => (Some(id), None),
            ItemId::Attention(id) => (None, Some(id)),
        }
    }
}

/// Every method fails with SQLite's error.
impl Mirror {
    /// Notes a decision for the next run, in place of an earlier one on the same.
    ///
    /// # Errors
    /// SQLite's.
    pub fn note_decision(&mut self, item: ItemId, was_open: bool, decision: &Decision, at: &str) -> Result<()> {
        let (kind, detail) = columns(decision);
        let (conflict, attention) = item.columns();
        self.transact(|mirror| {
            mirror.forget_decision(item)?;
            mirror
                .sql(
                    "INSERT INTO decisions (at, conflict, attention, was_open, kind, detail)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![at, conflict, attention, was_open, kind, detail])?;
            Ok(())
        })
    }

    /// The decisions that no run has carried out yet, in the order in which they were said.
    ///
    /// # Errors
    /// SQLite's.
    pub fn noted_decisions(&self) -> Result<Vec<NotedDecision>> {
        let mut select = self.sql(
            "SELECT id, at, conflict, attention, was_open, kind, detail
             FROM decisions INDEXED BY decisions_noted WHERE run IS NULL ORDER BY id",
        )?;
        let rows = select.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Forgets the decision that is noted on an item, if there is one.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_decision(&mut self, item: ItemId) -> Result<()> {
        let (conflict, attention) = item.columns();
        self.sql(
            "DELETE FROM decisions INDEXED BY decisions_noted
             WHERE run IS NULL AND conflict IS ?1 AND attention IS ?2",
        )?
        .execute([conflict, attention])?;
        Ok(())
    }

    /// Forgets what is noted and was not carried out; how many that were.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_noted(&mut self) -> Result<usize> {
        Ok(self.sql("DELETE FROM decisions INDEXED BY decisions_noted WHERE run IS NULL")?.execute([])?)
    }

    /// Keeps what is said of a record, in place of what was said in the same way.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_standing(
        &mut self,
        replica: &str,
        remote: &str,
        standing: &Standing,
        (run, at): (i64, &str),
    ) -> Result<()> {
        let (kind, detail) = columns(standing);
        self.sql(
            "INSERT INTO decisions (at, run, replica, remote, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (replica, remote, kind) WHERE run IS NOT NULL
             DO UPDATE SET at = excluded.at, run = excluded.run, detail = excluded.detail",
        )?
        .execute(params![at, run, replica, remote, kind, detail])?;
        Ok(())
    }

    /// What is said of a record in one way.
    ///
    /// # Errors
    /// SQLite's.
    pub fn standing(&self, replica: &str, remote: &str, kind: StandingKind) -> Result<Option<Standing>> {
        let detail: Option<Detail> = self
            .sql(
                "SELECT detail FROM decisions
                 WHERE run IS NOT NULL AND replica = ?1 AND remote = ?2 AND kind = ?3",
            )?
            .query_row([replica, remote, kind.word()], |row| row.get(0))
            .optional()?;
        Ok(detail.and_then(|detail| value(kind.word(), &detail)))
    }

    /// The records of a replica of which something is said, each once.
    ///
    /// # Errors
    /// SQLite's.
    pub fn records_with_standing(&self, replica: &str) -> Result<Vec<String>> {
        let mut select =
            self.sql("SELECT DISTINCT remote FROM decisions WHERE run IS NOT NULL AND replica = ?1 ORDER BY remote")?;
        let rows = select.query_map([replica], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Forgets what is said of a record in one way.
    ///
    /// # Errors
    /// SQLite's.
    pub fn clear_standing(&mut self, replica: &str, remote: &str, kind: StandingKind) -> Result<()> {
        self.sql("DELETE FROM decisions WHERE run IS NOT NULL AND replica = ?1 AND remote = ?2 AND kind = ?3")?
            .execute([replica, remote, kind.word()])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<NotedDecision> {
    let item = match (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(3)?) {
        (Some(id), _) => ItemId::Conflict(id),
        (None, id) => ItemId::Attention(id.unwrap_or_default()),
    };
    let (kind, detail): (String, Detail) = (row.get(5)?, row.get(6)?);
    Ok(NotedDecision { id: row.get(0)?, at: row.get(1)?, item, was_open: row.get(4)?, decision: value(&kind, &detail) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-01-01T00:00:00Z";

    fn noted(mirror: &Mirror) -> Vec<(ItemId, Option<Decision>)> {
        mirror.noted_decisions().unwrap().into_iter().map(|row| (row.item, row.decision)).collect()
    }

    #[test]
    fn every_decision_is_noted_and_the_last_one_on_an_item_counts() {
        let value = Keep::Value { field: "job_title".into(), value: "CEO".into() };
        let all = [
            Decision::Keep { keep: Keep::Crm },
            Decision::Keep { keep: Keep::Book },
            Decision::Keep { keep: Keep::Both },
            Decision::Keep { keep: value },
            Decision::Adopt { crm_id: "1051".into() },
            Decision::Create,
            Decision::SameAs { contact: 3 },
            Decision::New,
            Decision::SendAgain,
            Decision::Dismiss,
        ];
        let mut mirror = Mirror::in_memory().unwrap();
        for (id, decision) in (1..).zip(&all) {
            let item = if id % 2 == 0 { ItemId::Conflict(1) } else { ItemId::Attention(id) };
            mirror.note_decision(item, true, decision, AT).unwrap();
            assert_eq!(noted(&mirror).pop(), Some((item, Some(decision.clone()))));
        }
        let items: Vec<ItemId> = noted(&mirror).into_iter().map(|(item, _)| item).collect();
        let expected = [1, 3, 5, 7, 9].map(ItemId::Attention);
        assert_eq!(items, [&expected[..], &[ItemId::Conflict(1)]].concat());
        mirror.forget_decision(ItemId::Attention(1)).unwrap();
        mirror.forget_decision(ItemId::Conflict(3)).unwrap();
        assert_eq!(noted(&mirror).len(), 5, "a conflict and a question of one number are two things");
    }

    #[test]
    fn a_newer_carnets_decision_is_there_and_unread() {
        let mirror = Mirror::in_memory().unwrap();
        let sql = "INSERT INTO decisions (at, attention, kind, detail) VALUES ('', 7, 'delegate', '{}')";
        mirror.conn.execute(sql, []).unwrap();
        assert_eq!(noted(&mirror), [(ItemId::Attention(7), None)]);
    }

    #[test]
    fn what_is_said_of_a_record_stands_until_it_is_cleared() {
        let mut mirror = Mirror::in_memory().unwrap();
        let copy = |digest: &str| Standing::Copy { contact: 3, digest: digest.to_owned() };
        let all = [
            (StandingKind::SameAs, Standing::SameAs { contact: 3 }),
            (StandingKind::New, Standing::New),
            (StandingKind::Copy, copy("a")),
            (StandingKind::Apart, Standing::Apart),
        ];
        for (kind, standing) in &all {
            mirror.put_standing("cards", "ada.vcf", standing, (1, AT)).unwrap();
            assert_eq!(mirror.standing("cards", "ada.vcf", *kind).unwrap().as_ref(), Some(standing));
            assert_eq!(mirror.standing("cards", "bob.vcf", *kind).unwrap(), None);
        }
        mirror.put_standing("cards", "ada.vcf", &copy("b"), (2, AT)).unwrap();
        assert_eq!(mirror.standing("cards", "ada.vcf", StandingKind::Copy).unwrap(), Some(copy("b")));
        assert_eq!(mirror.records_with_standing("cards").unwrap(), ["ada.vcf"]);
        assert!(mirror.noted_decisions().unwrap().is_empty(), "they have been carried out");
        for (kind, _) in &all {
            mirror.clear_standing("cards", "ada.vcf", *kind).unwrap();
            assert_eq!(mirror.standing("cards", "ada.vcf", *kind).unwrap(), None);
        }
        assert!(mirror.records_with_standing("cards").unwrap().is_empty());
    }
}
