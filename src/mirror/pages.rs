//! The table `pages`: the CRM's listing pages as last read, so that the same bytes need not be read again.

use std::collections::HashMap;

use rusqlite::params;

use super::{Mirror, MirrorError, Result};
use crate::replica::PageNote;

impl Mirror {
    /// Every page, by its number.
    ///
    /// # Errors
    /// SQLite's; a stored value makes no sense.
    pub fn pages(&self) -> Result<HashMap<u32, PageNote>> {
        let mut select = self.sql("SELECT page, etag, digest, remotes, seal, total_pages FROM pages")?;
        let mut rows = select.query([])?;
        let mut pages = HashMap::new();
        while let Some(row) = rows.next()? {
            let page: u32 = row.get(0)?;
            let remotes = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
            let remotes = serde_json::from_str(remotes).map_err(|_| MirrorError::Corrupt {
                table: "pages",
                row: page.to_string(),
                column: "remotes",
            })?;
            let note = PageNote {
                page,
                etag: row.get(1)?,
                digest: row.get(2)?,
                remotes,
                seal: row.get(4)?,
                total_pages: row.get(5)?,
            };
            pages.insert(page, note);
        }
        Ok(pages)
    }

    /// Keeps a page in place of the one of its number; the same again writes nothing.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_page(&mut self, note: &PageNote) -> Result<()> {
        let PageNote { page, etag, digest, remotes, seal, total_pages } = note;
        let remotes = serde_json::Value::from(remotes.clone()).to_string();
        self.sql(
            "INSERT INTO pages (page, etag, digest, remotes, seal, total_pages) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (page) DO UPDATE SET etag = excluded.etag, digest = excluded.digest,
                 remotes = excluded.remotes, seal = excluded.seal, total_pages = excluded.total_pages
             WHERE etag IS NOT excluded.etag OR digest <> excluded.digest OR remotes <> excluded.remotes
                OR seal <> excluded.seal OR total_pages IS NOT excluded.total_pages",
        )?
        .execute(params![page, etag, digest, remotes, seal, total_pages])?;
        Ok(())
    }

    /// Forgets the pages of higher numbers than `page`; all of them after 0.
    ///
    /// # Errors
    /// SQLite's.
    pub fn drop_pages_after(&mut self, page: u32) -> Result<()> {
        self.sql("DELETE FROM pages WHERE page > ?1")?.execute([page])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_kept_replaced_and_dropped() {
        let mut mirror = Mirror::in_memory().unwrap();
        let note = |page, seal: &str, etag: Option<&str>| PageNote {
            page,
            etag: etag.map(Into::into),
            digest: "d".into(),
            remotes: vec!["1".into(), "\"2\"".into()],
            seal: seal.into(),
            total_pages: Some(3),
        };
        for page in 1..=3 {
            mirror.put_page(&note(page, "old", None)).unwrap();
        }
        mirror.put_page(&note(2, "new", Some("W/\"x\""))).unwrap();
        mirror.drop_pages_after(2).unwrap();
        let expected = HashMap::from([(1, note(1, "old", None)), (2, note(2, "new", Some("W/\"x\"")))]);
        assert_eq!(mirror.pages().unwrap(), expected);
        mirror.drop_pages_after(0).unwrap();
        assert!(mirror.pages().unwrap().is_empty());
    }
}
