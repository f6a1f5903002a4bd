//! Records that wait until a scan has been judged as a whole: the first ones in memory, the others in a temporary table,
//! so that a run stays small whatever it has to hold back.

use serde::{Deserialize, Serialize};

use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Mirror, Spilled},
    replica::{Diagnostic, Reading, RemoteContact},
    sync::{SyncError, scan::intake::Observed},
};

/// Records kept in memory.
const IN_MEMORY: usize = 1_000;
/// Or fewer, where they have so many bytes: photos.
const IN_MEMORY_BYTES: usize = 4 << 20;

/// A queue of records.
#[derive(Debug)]
pub struct Waiting {
    /// Which of the mirror's queues holds the later ones.
    queue: u8,
    first: Vec<Observed>,
    first_bytes: usize,
    spilled: u64,
}

/// A record as the temporary table holds it, beside its own bytes.
#[derive(Serialize, Deserialize)]
struct Draft {
    remote: String,
    revision: String,
    uid: Option<String>,
    crm_id: Option<String>,
    contact: Contact,
    fields: Vec<String>,
    detail: Option<String>,
    there: Option<Contact>,
    told: Option<Contact>,
    rewritten: Vec<String>,
    edited: Option<Contact>,
    edited_source: Option<Vec<u8>>,
}

impl Waiting {
    /// The queues of a scan.
    pub const EDITS: u8 = 1;
    pub const NEWCOMERS: u8 = 2;
    pub const REPEATS: u8 = 3;
    pub const OBSERVED: u8 = 4;
    pub const FIRM_CARDS: u8 = 5;

    /// An empty queue; `queue` is its own in the mirror's temporary table.
    pub fn new(queue: u8, mirror: &mut Mirror) -> Result<Self, SyncError> {
        mirror.forget_spilled(queue)?;
        Ok(Self { queue, first: Vec::new(), first_bytes: 0, spilled: 0 })
    }

    /// How many wait.
    pub fn len(&self) -> u64 {
        self.first.len() as u64 + self.spilled
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many are held in memory.
    #[cfg(test)]
    pub fn in_memory(&self) -> usize {
        self.first.len()
    }

    /// Appends a record.
    pub fn push(&mut self, mirror: &mut Mirror, record: impl Into<Observed>) -> Result<(), SyncError> {
        let mut record = record.into();
        if record.reading.is_some() {
            // Its bytes have been read.
            record.record.source = None;
            record.record.edited = None;
        }
        let RemoteContact { source, edited, .. } = &record.record;
        let bytes = source.as_ref().map_or(0, Vec::len) + edited.as_ref().map_or(0, Vec::len);
        let fits = self.first.len() < IN_MEMORY && self.first_bytes + bytes <= IN_MEMORY_BYTES;
        if self.spilled == 0 && (fits || self.first.is_empty()) {
            self.first_bytes += bytes;
            self.first.push(record);
            return Ok(());
        }
        mirror.spill(self.queue, self.spilled, &spilled(record)?)?;
        self.spilled += 1;
        Ok(())
    }

    /// The records from a place on, at most so many; they stay in the queue. None at the end.
    pub fn chunk(&self, mirror: &Mirror, from: u64, limit: usize) -> Result<Vec<Observed>, SyncError> {
        let first = usize::try_from(from).unwrap_or(usize::MAX);
        if let Some(rest) = self.first.get(first..).filter(|rest| !rest.is_empty()) {
            return Ok(rest.iter().take(limit).cloned().collect());
        }
        if self.spilled == 0 {
            return Ok(Vec::new());
        }
        let rows = mirror.spilled(self.queue, from.saturating_sub(self.first.len() as u64), limit)?;
        rows.into_iter().map(unspilled).collect()
    }

    /// All of them, taken out.
    pub fn take_all(&mut self, mirror: &mut Mirror) -> Result<Vec<Observed>, SyncError> {
        let rows = if self.spilled > 0 { mirror.spilled(self.queue, 0, usize::MAX >> 1)? } else { Vec::new() };
        let mut all = std::mem::take(&mut self.first);
        for row in rows {
            all.push(unspilled(row)?);
        }
        (self.first_bytes, self.spilled) = (0, 0);
        mirror.forget_spilled(self.queue)?;
        Ok(all)
    }
}

fn spilled(Observed { record, reading }: Observed) -> Result<Spilled, SyncError> {
    let RemoteContact { remote, revision, uid, crm_id, contact, fields, detail, source, edited: edited_source } =
        record;
    let (there, told, rewritten, edited) = match reading {
        Some(Reading { there, told, rewritten, edited }) => (Some(there), told, rewritten, edited),
        None => (None, None, FieldSet::NONE, None),
    };
    let (fields, rewritten) = (names(fields), names(rewritten));
    let draft =
        Draft { remote, revision, uid, crm_id, contact, fields, detail, there, told, rewritten, edited, edited_source };
    let record = serde_json::to_string(&draft).map_err(|error| failed(&error))?;
    Ok(Spilled { record, source })
}

fn unspilled(Spilled { record, source }: Spilled) -> Result<Observed, SyncError> {
    let draft: Draft = serde_json::from_str(&record).map_err(|error| failed(&error))?;
    let record = RemoteContact {
        remote: draft.remote,
        revision: draft.revision,
        uid: draft.uid,
        crm_id: draft.crm_id,
        contact: draft.contact,
        fields: named(&draft.fields),
        detail: draft.detail,
        source,
        edited: draft.edited_source,
    };
    let (told, rewritten, edited) = (draft.told, named(&draft.rewritten), draft.edited);
    Ok(Observed { record, reading: draft.there.map(|there| Reading { there, told, rewritten, edited }) })
}

fn names(fields: FieldSet) -> Vec<String> {
    fields.iter().map(|field| field.name().to_owned()).collect()
}

fn named(names: &[String]) -> FieldSet {
    names.iter().filter_map(|name| Field::from_name(name)).collect()
}

fn failed(error: &serde_json::Error) -> SyncError {
    // serde's own words would quote the contact's data.
    SyncError::Failed(Diagnostic::new(format!("hold a record back ({:?})", error.classify())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::FieldSet;

    fn record(number: usize) -> RemoteContact {
        RemoteContact {
            remote: format!("{number}.vcf"),
            revision: "r".into(),
            uid: (number.is_multiple_of(2)).then(|| format!("u{number}")),
            crm_id: None,
            contact: Contact { last_name: format!("Durand {number}"), ..Contact::default() },
            fields: FieldSet::CRM,
            detail: Some("{}".into()),
            source: (number.is_multiple_of(3)).then(|| vec![0xff, 0, number as u8]),
            edited: (number.is_multiple_of(5)).then(|| vec![0xfe, number as u8]),
        }
    }

    #[test]
    fn what_does_not_fit_into_memory_comes_back_as_it_went() {
        for count in [0, 1, IN_MEMORY, IN_MEMORY + 1, 2 * IN_MEMORY + 7] {
            let mut mirror = Mirror::in_memory().unwrap();
            let mut waiting = Waiting::new(1, &mut mirror).unwrap();
            (0..count).for_each(|number| waiting.push(&mut mirror, record(number)).unwrap());
            assert_eq!((waiting.len(), waiting.in_memory()), (count as u64, count.min(IN_MEMORY)));
            let mut read = Vec::new();
            loop {
                let chunk = waiting.chunk(&mirror, read.len() as u64, 300).unwrap();
                if chunk.is_empty() {
                    break;
                }
                read.extend(chunk);
            }
            let expected: Vec<Observed> = (0..count).map(|number| record(number).into()).collect();
            assert_eq!(read, expected);
            assert_eq!(waiting.take_all(&mut mirror).unwrap(), expected);
            assert!(waiting.is_empty());
        }
    }

    #[test]
    fn large_photos_do_not_stay_in_memory() {
        let mut mirror = Mirror::in_memory().unwrap();
        let mut waiting = Waiting::new(1, &mut mirror).unwrap();
        for number in 0..6 {
            let source = Some(vec![number as u8; 3 << 20]);
            waiting.push(&mut mirror, RemoteContact { source, ..record(number) }).unwrap();
        }
        assert_eq!((waiting.len(), waiting.in_memory()), (6, 1));
    }
}
