//! The mirror's contacts into a file, once. Reads only the mirror.

use std::{cell::Cell, collections::BTreeMap, io::Write};

use super::error::SyncError;
use crate::{
    config::Settings,
    contact::Contact,
    formats::{
        csv::{self, Profile, Widths},
        identity::Identity,
        jsonl,
        vcard::{self, Manner, Revised, Version},
    },
    mirror::{ContactId, Filter, Mirror, MirrorError, Stored},
    replicas::Trouble,
};

/// What an export is asked for.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// `vcard3`, `vcard4`, `jsonl`, or a CSV profile's name (`csv` is carnet's own).
    pub format: String,
    /// Fields and the values they must have.
    pub where_: Vec<(String, String)>,
    /// Have each 4.0 card checked by an independent reader before it is written.
    pub check: bool,
}

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// How many contacts.
    pub contacts: u64,
    /// The values that the format has no room for, by what they are, and how many of each.
    pub missed: BTreeMap<String, usize>,
}

/// A format that contacts are exported in.
enum Format {
    Cards(Version),
    Lines,
    Table(Box<Profile>),
}

impl Format {
    fn named(name: &str, settings: &Settings) -> Result<Self, SyncError> {
        Ok(match name {
            "vcard" | "vcard3" => Format::Cards(Version::V30),
            "vcard4" => Format::Cards(Version::V40),
            "jsonl" => Format::Lines,
            "csv" => Format::Table(Box::new(Profile::carnet().clone())),
            other => {
                let profile = super::assemble::profile(settings, other)?;
                if !profile.exports() {
                    return Err(SyncError::Settings(Trouble::new(format!("write {other}: carnet only reads it"))));
                }
                Format::Table(Box::new(profile))
            }
        })
    }
}

/// Writes the contacts that the mirror holds. `progress` is told how many of how many are done.
///
/// # Errors
/// The format or a field is not known (2); the mirror or the output fails; a card does not pass the check.
pub fn export(
    settings: &Settings,
    options: &ExportOptions,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Written, SyncError> {
    let format = Format::named(&options.format, settings)?;
    let mirror = Mirror::open_read_only(&settings.mirror.path)?;
    let filter = Filter { where_: options.where_.clone(), ..Filter::default() };
    let ids = mirror.matching(&filter).map_err(|error| match error {
        MirrorError::UnknownField { .. } => {
            SyncError::Settings(Trouble { message: error.to_string(), hint: error.hint() })
        }
        other => other.into(),
    })?;
    let failure = Cell::new(None);
    let contacts = Contacts { mirror: &mirror, ids: &ids, failure: &failure };
    let total = ids.len() as u64;
    let (mut done, mut missed) = (0, BTreeMap::new());
    let contacts_told = contacts.clone().inspect(|_| {
        done += 1;
        progress(done, total);
    });
    match format {
        Format::Cards(version) => {
            let manner = Manner { version, ..settings.vcard };
            cards(contacts_told, manner, options.check, out)?;
        }
        Format::Lines => {
            for (contact, identity) in contacts_told.map(parted) {
                out.write_all(jsonl::line(&contact, &identity).as_bytes()).map_err(SyncError::Output)?;
            }
        }
        Format::Table(profile) => {
            // Two passes: how many columns the widest contact needs, then the rows.
            let mut widths = Widths::new(&profile);
            contacts.for_each(|stored| widths.measure(&stored.contact));
            let exported = csv::export(contacts_told.map(parted), &widths, &mut { out }).map_err(|error| {
                SyncError::Failed(Trouble { message: format!("write the export: {error}"), hint: error.hint() })
            })?;
            missed = exported.missed;
        }
    }
    match failure.take() {
        Some(error) => Err(error.into()),
        None => Ok(Written { contacts: total, missed }),
    }
}

/// The mirror's contacts one by one; ends at the first that cannot be read, and says why.
#[derive(Clone)]
struct Contacts<'m> {
    mirror: &'m Mirror,
    ids: &'m [ContactId],
    failure: &'m Cell<Option<MirrorError>>,
}

impl Iterator for Contacts<'_> {
    type Item = Stored;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (id, rest) = self.ids.split_first()?;
            self.ids = rest;
            match self.mirror.contact(*id) {
                Ok(Some(stored)) => return Some(stored),
                // Forgotten by a run that went on meanwhile.
                Ok(None) => {}
                Err(error) => {
                    self.failure.set(Some(error));
                    return None;
                }
            }
        }
    }
}

fn parted(stored: Stored) -> (Contact, Identity) {
    (stored.contact, Identity { uid: Some(stored.uid), crm_id: stored.crm_id })
}

fn cards(
    contacts: impl Iterator<Item = Stored>,
    manner: Manner,
    check: bool,
    out: &mut dyn Write,
) -> Result<(), SyncError> {
    for stored in contacts {
        // When the contact changed, not when it is written out: two exports of the same are the same.
        let manner = Manner { revised: Revised::parse(&stored.updated_at), ..manner };
        let (contact, identity) = parted(stored);
        let bytes = vcard::new_card(manner, &contact, &identity).to_bytes();
        if check && manner.version == Version::V40 {
            vcard::check::strict(&bytes).map_err(|why| failed_check(&identity, &why))?;
        }
        out.write_all(&bytes).map_err(SyncError::Output)?;
    }
    Ok(())
}

fn failed_check(identity: &Identity, why: &str) -> SyncError {
    let uid = identity.uid.as_deref().unwrap_or_default();
    let hint = "the contact is in the mirror, whole; please report the kind of contact it is";
    SyncError::Failed(Trouble::new(format!("write contact {uid} as vCard 4.0: {why}")).hint(hint))
}
