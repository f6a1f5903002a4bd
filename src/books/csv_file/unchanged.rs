//! A file that is byte for byte the one that was agreed on: a note of the cursor says so, and nothing is read for it.

use serde::{Deserialize, Serialize};

use super::{CsvFile, rows::MadeRows};
use crate::{
    books::{
        fs::Digest,
        record_ids::{Hashed, is_made, name_hash, seal, state_hash},
    },
    contact::{Field, FieldSet},
    replica::{Baseline, Capabilities, Stopped},
};

/// The note's name.
pub const NOTE: &str = "unchanged";

/// What a whole scan found. It counts while the file has this digest, is read in the same way, and each of its rows is
/// agreed on as it was then.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unchanged {
    digest: String,
    /// How it was read: the program and the dialect.
    reading: String,
    /// Over the names and states of all rows, in no order.
    seal: String,
    fields: Vec<String>,
    weak: Vec<String>,
    identity: bool,
}

impl Unchanged {
    /// What a scan of the file found.
    pub fn new(book: &CsvFile, digest: &Digest, seal: u128, columns: &Capabilities) -> Self {
        let names = |fields: FieldSet| fields.iter().map(|field| field.name().to_owned()).collect();
        let Capabilities { fields, weak, identity } = columns;
        Self {
            digest: digest.to_string(),
            reading: reading(book),
            seal: format!("{seal:x}"),
            fields: names(*fields),
            weak: names(*weak),
            identity: *identity,
        }
    }

    /// The note.
    pub fn to_note(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the file's columns hold, if nothing of it changed; and the agreed rows whose names only the mirror knows.
    pub fn recall(
        book: &CsvFile,
        digest: &Digest,
        baseline: &dyn Baseline,
    ) -> Result<Option<(Capabilities, MadeRows)>, Stopped> {
        let note = baseline.note(NOTE)?.and_then(|note| serde_json::from_str::<Self>(&note).ok());
        let Some(note) = note.filter(|note| note.digest == digest.as_str() && note.reading == reading(book)) else {
            return Ok(None);
        };
        let (mut sealed, mut made) = (0_u128, MadeRows::new());
        baseline.for_each(&mut |remote, revision| {
            let name = name_hash(remote);
            sealed = sealed.wrapping_add(seal(name, state_hash(revision)));
            if is_made(remote) {
                made.insert(name, Hashed::known(remote, revision));
            }
        })?;
        let fields = |names: &[String]| names.iter().filter_map(|name| Field::from_name(name)).collect();
        let Self { fields: carried, weak, identity, .. } = &note;
        let columns = Capabilities { fields: fields(carried), weak: fields(weak), identity: *identity };
        Ok((format!("{sealed:x}") == note.seal).then_some((columns, made)))
    }
}

fn reading(book: &CsvFile) -> String {
    let text = format!("{} {:?}", env!("CARGO_PKG_VERSION"), book.profile);
    Digest::of(text.as_bytes()).short().to_owned()
}
