//! The mirror's contacts into a file, once. Reads only the mirror.

use std::{cell::Cell, collections::BTreeMap, io::Write};

use crate::{
    contact::{Contact, identity::Identity},
    formats::{
        csv::{self, Profile, Widths},
        jsonl,
        vcard::{self, Rev, Version, WriteStyle},
    },
    mirror::{ContactId, Mirror, MirrorError, Search, Stored},
    replica::Diagnostic,
    sync::{SyncError, card_of, uid_of_firm},
};

/// Firms read at a time.
const FIRMS_AT_ONCE: u32 = 500;

/// What an export is asked for.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// What is written.
    pub format: ExportFormat,
    /// Fields and the values they must have.
    pub where_: Vec<(String, String)>,
    /// The account whose firms are written too, as company cards.
    pub firms: Option<String>,
    /// Have each 4.0 card checked by an independent reader before it is written.
    pub check: bool,
}

/// A format that contacts are exported in.
#[derive(Debug, Clone)]
pub enum ExportFormat {
    /// vCard, in this version and style.
    Cards(WriteStyle),
    /// JSON lines.
    Lines,
    /// A table of this profile.
    Table(Box<Profile>),
}

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many contacts.
    pub contacts: u64,
    /// How many firms.
    pub firms: u64,
    /// The values that the format has no room for, by what they are, and how many of each.
    pub missed: BTreeMap<String, usize>,
    /// The properties that the version of the cards does not know, which are written as X- lines, and how many of each.
    pub disguised: BTreeMap<String, usize>,
    /// What the check refused, a line a card: whose card, which line, and what became of it.
    pub refused: Vec<String>,
}

/// Writes the contacts that the mirror holds. `progress` is told how many of how many are done.
///
/// # Errors
/// The format, a field or a value is not known, or firms do not go into the format (2); the mirror or the output fails. A card that
/// does not pass the check is no error: `refused` has it.
pub fn export(
    mirror: &Mirror,
    options: &ExportOptions,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, SyncError> {
    let search = Search::by(&options.where_)
        .map_err(|error| SyncError::Settings(Diagnostic::new(error.to_string()).hint(error.hint())))?;
    if options.firms.is_some() && !matches!(options.format, ExportFormat::Cards(_)) {
        let diagnostic = Diagnostic::new("write firms: only vCard has company cards");
        return Err(SyncError::Settings(diagnostic.hint("--format vcard3 or vcard4; `carnet firms` lists them")));
    }
    let ids = mirror.matching(&search)?;
    let failure = Cell::new(None);
    let contacts = Contacts { mirror, ids: &ids, failure: &failure };
    let total = ids.len() as u64;
    let mut written = total;
    let (mut done, mut missed, mut firms) = (0, BTreeMap::new(), 0);
    let mut told = Told::default();
    let contacts_told = contacts.clone().inspect(|_| {
        done += 1;
        progress(done, total);
    });
    match &options.format {
        ExportFormat::Cards(style) => {
            written = cards(contacts_told, (*style, options.check), &mut told, out)?;
            if let Some(account) = &options.firms {
                firms = firm_cards(mirror, account, (*style, options.check), &mut told, out)?;
            }
        }
        ExportFormat::Lines => {
            for (contact, identity) in contacts_told.map(parted) {
                out.write_all(jsonl::line(&contact, &identity).as_bytes()).map_err(SyncError::Output)?;
            }
        }
        ExportFormat::Table(profile) => {
            // Two passes: how many columns the widest contact needs, then the rows.
            let mut widths = Widths::new(profile);
            contacts.for_each(|stored| widths.measure(&stored.contact));
            let exported = csv::export(contacts_told.map(parted), &widths, &mut { out }).map_err(|error| {
                SyncError::Failed(Diagnostic { message: format!("write the export: {error}"), hint: error.hint() })
            })?;
            missed = exported.missed;
        }
    }
    match failure.take() {
        Some(error) => Err(error.into()),
        None => {
            let Told { disguised, refused } = told;
            Ok(Exported { contacts: written, firms, missed, disguised, refused })
        }
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

/// What cards say otherwise than the contacts, and what the check refused.
#[derive(Default)]
struct Told {
    disguised: BTreeMap<String, usize>,
    refused: Vec<String>,
}

/// The contacts as cards; how many were written.
fn cards(
    contacts: impl Iterator<Item = Stored>,
    (style, check): (WriteStyle, bool),
    told: &mut Told,
    out: &mut dyn Write,
) -> Result<u64, SyncError> {
    let mut count = 0;
    for stored in contacts {
        // When the contact changed, not when it is written out: two exports of the same are the same.
        let style = WriteStyle { revised: Rev::parse(&stored.updated_at), ..style };
        let (contact, identity) = parted(stored);
        count += u64::from(write_card((style, check), &contact, &identity, (told, out))?);
    }
    Ok(count)
}

/// The firms as company cards; how many. REV is left out: when a firm changed is not known.
fn firm_cards(
    mirror: &Mirror,
    account: &str,
    (style, check): (WriteStyle, bool),
    told: &mut Told,
    out: &mut dyn Write,
) -> Result<u64, SyncError> {
    let style = WriteStyle { revised: None, ..style };
    let (mut count, mut behind) = (0, String::new());
    loop {
        let firms = mirror.firms_as_written(&behind, FIRMS_AT_ONCE)?;
        let Some(last) = firms.last() else { return Ok(count) };
        behind.clone_from(&last.id);
        for firm in &firms {
            let identity = Identity { uid: Some(uid_of_firm(account, &firm.id)), crm_id: None };
            count += u64::from(write_card((style, check), &card_of(firm), &identity, (told, out))?);
        }
    }
}

/// False where the check left the card out.
fn write_card(
    (style, check): (WriteStyle, bool),
    contact: &Contact,
    identity: &Identity,
    (told, out): (&mut Told, &mut dyn Write),
) -> Result<bool, SyncError> {
    for property in vcard::disguised(contact, style.version) {
        *told.disguised.entry(property).or_default() += 1;
    }
    let bytes = vcard::new_card(style, contact, identity).to_bytes();
    let checked = if check && style.version == Version::V40 { vcard::check::strict(&bytes) } else { Ok(()) };
    let bytes = match checked {
        Ok(()) => Some(bytes),
        Err(why) => {
            let (bytes, words) = without_refused(style, contact, identity, &why);
            told.refused.push(format!("{}: {words}", name_of(contact, identity)));
            bytes
        }
    };
    let Some(bytes) = bytes else { return Ok(false) };
    out.write_all(&bytes).map(|()| true).map_err(SyncError::Output)
}

/// A card that the check refused, without the kept lines that it refuses by themselves, and what was left out; no card where it
/// is refused without them, too.
fn without_refused(style: WriteStyle, contact: &Contact, identity: &Identity, why: &str) -> (Option<Vec<u8>>, String) {
    let is_refused = |entry: &String| {
        let alone = Contact { last_name: "x".to_owned(), extra: vec![entry.clone()], ..Contact::default() };
        vcard::check::strict(&vcard::new_card(style, &alone, &Identity::default()).to_bytes()).is_err()
    };
    let (refused, extra): (Vec<String>, Vec<String>) = contact.extra.iter().cloned().partition(is_refused);
    let bytes = vcard::new_card(style, &Contact { extra, ..contact.clone() }, identity).to_bytes();
    match vcard::check::strict(&bytes) {
        Ok(()) => {
            let names: Vec<&str> = refused.iter().filter_map(|entry| entry.split([';', ':']).next()).collect();
            (Some(bytes), format!("left out of the card, since RFC 6350 has it otherwise: {}", names.join(", ")))
        }
        Err(_) => (None, format!("{why}; the card is left out")),
    }
}

/// Whose card it is, for somebody who has to look it up.
fn name_of(contact: &Contact, identity: &Identity) -> String {
    let mark = identity.crm_id.as_deref().or(identity.uid.as_deref()).unwrap_or_default();
    format!("{} ({mark})", contact.display_name())
}
