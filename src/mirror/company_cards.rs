//! The table `company_cards`: the cards in which books show the CRM's firms, and the company cards that somebody else made.

use rusqlite::{OptionalExtension, Row, params};

use super::{Mirror, MirrorError, Result};
use crate::contact::Contact;

/// What is known of a firm's card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// What it says.
    Known,
    /// A write to it was sent, and what came of that is not known.
    Sent,
    /// The book did not show it, and was not asked yet.
    Missing,
}

impl CardState {
    const ALL: [(Self, &str); 3] = [(Self::Known, "known"), (Self::Sent, "sent"), (Self::Missing, "missing")];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(state, _)| *state == self).map_or("known", |(_, word)| word)
    }
}

/// The card that carnet keeps of a firm in a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmCard {
    /// The firm's id in the CRM.
    pub firm: String,
    /// The card's name in the book.
    pub remote: String,
    /// Its state there, as last read.
    pub revision: String,
    /// What it was written from, as [`FirmAsWritten::text`] has it; "" while it is to be written.
    pub written: String,
    /// What it says.
    pub theirs: Contact,
    /// What is known of it.
    pub state: CardState,
}

/// A firm, as its card is written from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmAsWritten {
    /// Its id in the CRM.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its details: JSON.
    pub details: String,
}

impl FirmAsWritten {
    /// Another text once the card is to say something else.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.name, self.details)
    }
}

const COLUMNS: &str = "firm, remote, revision, written, theirs, state";

/// Every method fails with SQLite's error.
impl Mirror {
    /// Keeps what is known of a firm's card.
    ///
    /// # Errors
    /// SQLite's; the firm has another card in this book.
    pub fn put_firm_card(&mut self, book: &str, card: &FirmCard) -> Result<()> {
        let theirs = serde_json::to_string(&card.theirs).unwrap_or_default();
        self.sql(
            "INSERT INTO company_cards (book, remote, firm, revision, written, theirs, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (book, remote) DO UPDATE SET firm = excluded.firm, key = '', revision = excluded.revision,
                 written = excluded.written, theirs = excluded.theirs, state = excluded.state",
        )?
        .execute(params![
            book,
            card.remote,
            card.firm,
            card.revision,
            card.written,
            theirs,
            card.state.word()
        ])?;
        Ok(())
    }

    /// The firm's card of this name.
    ///
    /// # Errors
    /// SQLite's; a stored value makes no sense.
    pub fn firm_card(&self, book: &str, remote: &str) -> Result<Option<FirmCard>> {
        let sql = format!("SELECT {COLUMNS} FROM company_cards WHERE book = ?1 AND remote = ?2 AND firm IS NOT NULL");
        self.sql(&sql)?.query_row([book, remote], read).optional()?.transpose()
    }

    /// The card of a firm.
    ///
    /// # Errors
    /// As [`Mirror::firm_card`].
    pub fn card_of_firm(&self, book: &str, firm: &str) -> Result<Option<FirmCard>> {
        let sql = format!("SELECT {COLUMNS} FROM company_cards WHERE book = ?1 AND firm = ?2 AND firm IS NOT NULL");
        self.sql(&sql)?.query_row([book, firm], read).optional()?.transpose()
    }

    /// The revision of the firm's card of this name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firm_card_revision(&self, book: &str, remote: &str) -> Result<Option<String>> {
        let mut select =
            self.sql("SELECT revision FROM company_cards WHERE book = ?1 AND remote = ?2 AND firm IS NOT NULL")?;
        Ok(select.query_row([book, remote], |row| row.get(0)).optional()?)
    }

    /// How many cards of firms a book is known to have.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_firm_cards(&self, book: &str) -> Result<u64> {
        self.count("SELECT count(*) FROM company_cards WHERE book = ?1 AND firm IS NOT NULL", [book])
    }

    /// Every card of a firm in a book, by name: name and revision.
    ///
    /// # Errors
    /// SQLite's.
    pub fn for_each_firm_card(&self, book: &str, take: &mut dyn FnMut(&str, &str)) -> Result<()> {
        let mut select = self
            .sql("SELECT remote, revision FROM company_cards WHERE book = ?1 AND firm IS NOT NULL ORDER BY remote")?;
        let mut rows = select.query([book])?;
        while let Some(row) = rows.next()? {
            let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or_default());
            take(text(0)?, text(1)?);
        }
        Ok(())
    }

    /// Notes whether the book showed a firm's card.
    ///
    /// # Errors
    /// SQLite's.
    pub fn set_firm_card_missing(&mut self, book: &str, remote: &str, is_missing: bool) -> Result<()> {
        let (from, to) = if is_missing { ("known", "missing") } else { ("missing", "known") };
        self.sql(
            "UPDATE company_cards SET state = ?4 WHERE book = ?1 AND remote = ?2 AND (state = ?3 OR ?4 = 'missing')",
        )?
        .execute([book, remote, from, to])?;
        Ok(())
    }

    /// The cards of firms that the book did not show, at most so many, by name.
    ///
    /// # Errors
    /// As [`Mirror::firm_card`].
    pub fn missing_firm_cards(&self, book: &str, limit: u32) -> Result<Vec<FirmCard>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM company_cards
             WHERE book = ?1 AND firm IS NOT NULL AND state = 'missing' ORDER BY remote LIMIT ?2"
        );
        let mut select = self.sql(&sql)?;
        let rows = select.query_map(params![book, limit], read)?;
        rows.map(|row| row?).collect()
    }

    /// Forgets a company card.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_company_card(&mut self, book: &str, remote: &str) -> Result<()> {
        self.sql("DELETE FROM company_cards WHERE book = ?1 AND remote = ?2")?.execute([book, remote])?;
        Ok(())
    }

    /// Notes a company card that somebody else made, under the key of its company's name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn note_own_company_card(&mut self, book: &str, remote: &str, key: &str) -> Result<()> {
        self.sql(
            "INSERT INTO company_cards (book, remote, key) VALUES (?1, ?2, ?3)
             ON CONFLICT (book, remote) DO UPDATE SET key = excluded.key WHERE firm IS NULL AND key <> excluded.key",
        )?
        .execute([book, remote, key])?;
        Ok(())
    }

    /// The names of the company cards of a book that somebody else made, by name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn own_company_cards(&self, book: &str) -> Result<Vec<String>> {
        let mut select =
            self.sql("SELECT remote FROM company_cards WHERE book = ?1 AND firm IS NULL ORDER BY remote")?;
        let rows = select.query_map([book], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Firms whose card in a book does not say what it is to say, and firms without a card of which there is no company card
    /// of somebody's own: those behind this id, by id, at most so many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firms_to_show(&self, book: &str, behind: &str, limit: u32) -> Result<Vec<FirmAsWritten>> {
        let mut select = self.sql(
            "SELECT f.id, f.name, f.details
             FROM firms f LEFT JOIN company_cards c ON c.book = ?1 AND c.firm = f.id AND c.firm IS NOT NULL
             WHERE f.id > ?2 AND f.gone = 0 AND f.name <> ''
                 AND CASE WHEN c.firm IS NOT NULL
                     THEN c.state <> 'missing' AND (c.written <> f.name || char(10) || f.details OR c.state = 'sent')
                     ELSE NOT EXISTS (SELECT 1 FROM company_cards o
                                      WHERE o.book = ?1 AND o.key = f.key AND o.firm IS NULL)
                         AND NOT EXISTS (SELECT 1 FROM contacts k INDEXED BY contacts_with_company
                                         JOIN agreements a ON a.replica = ?1 AND a.contact = k.id
                                         WHERE k.company = f.name AND k.company IS NOT NULL AND k.deleted_at IS NULL
                                             AND k.last_name IS NULL AND k.first_name IS NULL)
                     END
             ORDER BY f.id LIMIT ?3",
        )?;
        let rows = select.query_map(params![book, behind, limit], |row| {
            Ok(FirmAsWritten { id: row.get(0)?, name: row.get(1)?, details: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// A firm that has a card where firms are shown: it is not gone, and has a name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firm_as_written(&self, id: &str) -> Result<Option<FirmAsWritten>> {
        let mut select = self.sql("SELECT id, name, details FROM firms WHERE id = ?1 AND gone = 0 AND name <> ''")?;
        let read = |row: &Row<'_>| Ok(FirmAsWritten { id: row.get(0)?, name: row.get(1)?, details: row.get(2)? });
        Ok(select.query_row([id], read).optional()?)
    }

    /// The firms that have a card where firms are shown, behind this id, by id, at most so many; left out are those of whose
    /// name there is a contact without a name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firms_as_written(&self, behind: &str, limit: u32) -> Result<Vec<FirmAsWritten>> {
        let mut select = self.sql(
            "SELECT f.id, f.name, f.details FROM firms f
             WHERE f.id > ?1 AND f.gone = 0 AND f.name <> ''
                 AND NOT EXISTS (SELECT 1 FROM contacts k INDEXED BY contacts_with_company
                                 WHERE k.company = f.name AND k.company IS NOT NULL AND k.deleted_at IS NULL
                                     AND k.last_name IS NULL AND k.first_name IS NULL)
             ORDER BY f.id LIMIT ?2",
        )?;
        let rows = select.query_map(params![behind, limit], |row| {
            Ok(FirmAsWritten { id: row.get(0)?, name: row.get(1)?, details: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The cards of firms that a book is to lose, those behind this name, by name, at most so many: of firms that are gone or
    /// have no name, or of all where it shows none.
    ///
    /// # Errors
    /// As [`Mirror::firm_card`].
    pub fn firm_cards_to_remove(
        &self,
        book: &str,
        shows_firms: bool,
        (behind, limit): (&str, u32),
    ) -> Result<Vec<FirmCard>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM company_cards c
             WHERE c.book = ?1 AND c.remote > ?3 AND c.firm IS NOT NULL AND c.state <> 'missing' AND (?2 = 0
                 OR NOT EXISTS (SELECT 1 FROM firms f WHERE f.id = c.firm AND f.gone = 0 AND f.name <> ''))
             ORDER BY c.remote LIMIT ?4"
        );
        let mut select = self.sql(&sql)?;
        let rows = select.query_map(params![book, shows_firms, behind, limit], read)?;
        rows.map(|row| row?).collect()
    }
}

/// A row of [`COLUMNS`].
fn read(row: &Row<'_>) -> rusqlite::Result<Result<FirmCard>> {
    let (theirs, word): (String, String) = (row.get(4)?, row.get(5)?);
    let state = CardState::ALL.into_iter().find(|(_, known)| *known == word);
    let (firm, remote, revision, written): (String, _, _, _) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    let corrupt = |column| MirrorError::Corrupt { table: "company_cards", row: format!("of firm {firm}"), column };
    // serde's own words would quote the card's data.
    Ok(match (serde_json::from_str(&theirs), state) {
        (Ok(theirs), Some((state, _))) => Ok(FirmCard { firm, remote, revision, written, theirs, state }),
        (Err(_), _) => Err(corrupt("theirs")),
        (_, None) => Err(corrupt("state")),
    })
}
