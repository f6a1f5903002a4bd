//! Which record of a file is which, where one file holds many and not each carries a UID.
//!
//! A record is called by its mark (its UID) where it has one, else by a name made from what it says. It keeps the name
//! that it was agreed under while its mark stays, or enough of its name, e-mail and telephone: so an edit is an edit and
//! not a deletion and a new contact, and so is a UID added or dropped by another program. What it was known by is part
//! of its revision, and so is up to date after each write. The rule for "the same" is that of pairing: a shared mailbox
//! or switchboard number alone never makes one contact of two different names; what fits two records fits neither.
//!
//! All of it is decided over hashes, 44 bytes a record: neither records nor names are held.

mod keys;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use self::keys::{Keys, Short};
use super::fs::Digest;
use crate::{
    contact::Contact,
    replica::{Baseline, RemoteId, Revision, Stopped},
};

/// Before a name that was made from what a record says.
const PREFIX: &str = "row:";

/// What a record is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordKeys {
    uid: Option<String>,
    digest: Digest,
    keys: Keys,
}

/// The hash of a name; zeros for none.
pub type NameHash = [u8; 8];

/// The hash of a record's state.
pub type StateHash = [u8; 8];

/// The hash of the state that a revision or a digest is of; zeros for what is neither.
pub fn state_hash(revision: &str) -> StateHash {
    first(revision)
}

/// What the name and the state of a record add to the seal of all.
pub fn seal(name: NameHash, state: StateHash) -> u128 {
    let bytes = blake3::hash(&[name, state].concat());
    let (seal, _) = bytes.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    u128::from_le_bytes(*seal)
}

/// The hash of a name.
pub fn name_hash(name: &str) -> NameHash {
    first(Digest::of(name.as_bytes()).as_str())
}

/// A record in hashes: its name, its state, and what it is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashed {
    /// Of its name; before it has one, of its mark.
    pub name: NameHash,
    digest: StateHash,
    keys: Keys,
    /// The number at the end of a name that was made because others had the same.
    number: u32,
}

/// The number at the end of a name that was made here.
fn number_of(name: &str) -> u32 {
    let made = name.strip_prefix(PREFIX).and_then(|made| made.rsplit_once('#'));
    made.and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

/// True for a name that was made here, from what a record says.
pub fn is_made(name: &str) -> bool {
    name.starts_with(PREFIX)
}

impl RecordKeys {
    /// Those of a record with these bytes, which reads as this contact.
    pub fn new(uid: Option<&str>, digest: Digest, contact: &Contact) -> Self {
        let uid = uid.map(str::trim).filter(|uid| !uid.is_empty()).map(str::to_owned);
        let keys = Keys { mark: Short::of(uid.as_deref().unwrap_or_default()), ..Keys::of(contact) };
        Self { uid, digest, keys }
    }

    /// The record's revision: `DIGEST/NAME-EMAIL-PHONE-MARK`.
    pub fn revision(&self) -> Revision {
        let Keys { name, email, phone, mark } = &self.keys;
        format!("{}/{name}-{email}-{phone}-{mark}", self.digest)
    }

    /// The same in hashes, its mark in place of a name.
    pub fn hashed(&self) -> Hashed {
        let name = self.uid.as_deref().map(name_hash).unwrap_or_default();
        Hashed { name, digest: first(self.digest.as_str()), keys: self.keys, number: 0 }
    }

    /// The name of this record, if it is its mark or made from what the record says.
    pub fn named(&self, record: &Hashed) -> Option<RemoteId> {
        self.uid.clone().into_iter().chain([record.made_name()]).find(|name| name_hash(name) == record.name)
    }

    /// A name for a record that no other has: its mark if that is free.
    pub fn free_name(&self, taken: impl Fn(&str) -> bool) -> RemoteId {
        if let Some(uid) = self.uid.as_ref().filter(|uid| !taken(uid)) {
            return uid.clone();
        }
        let hashed = self.hashed();
        hashed.base(hashed.free_number(taken))
    }
}

/// The digest of the bytes that a revision was made from.
pub fn digest_of(revision: &str) -> &str {
    revision.split('/').next().unwrap_or_default()
}

impl Hashed {
    /// In the place of a record that is none: a blank row, or one that cannot be read.
    pub const NOTHING: Self = Self { name: [0; 8], digest: [0; 8], keys: Keys::NONE, number: 0 };

    /// What an agreed record was known by.
    pub fn known(remote: &str, revision: &str) -> Self {
        let keys = Keys::known(remote, revision);
        Self { name: name_hash(remote), digest: first(revision), keys, number: number_of(remote) }
    }

    /// A record that is called by its mark, and of which nothing else is known.
    pub fn marked(name: NameHash, digest: StateHash) -> Self {
        Self { name, digest, keys: Keys { mark: Short::of_name(name), ..Keys::NONE }, number: 0 }
    }

    /// True for [`Hashed::NOTHING`].
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// The hash of its state.
    pub fn state(&self) -> StateHash {
        self.digest
    }

    /// The same under the name of this hash, made with this number if it was made for it just now.
    #[must_use]
    pub fn under(self, name: NameHash, number: Option<u64>) -> Self {
        Self { name, number: number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default(), ..self }
    }

    /// True if it has a mark, and is called by it.
    pub fn is_called_by_mark(&self) -> bool {
        self.keys.mark.some() == Some(Short::of_name(self.name))
    }

    /// True if its name follows from what it says now.
    pub fn is_called_by_itself(&self) -> bool {
        self.is_called_by_mark() || name_hash(&self.made_name()) == self.name
    }

    /// The number at the end of its name.
    pub fn number(&self) -> u64 {
        self.number.into()
    }

    /// The name made from the record.
    pub fn made_name(&self) -> RemoteId {
        self.base(self.number.into())
    }

    /// The same under another name.
    #[must_use]
    pub fn renamed(self, name: &str) -> Self {
        Self { name: name_hash(name), number: number_of(name), ..self }
    }

    /// "row:NAME-EMAIL-PHONE", or "row:=DIGEST" for a record with none of them; with a number from the second on.
    fn base(&self, number: u64) -> RemoteId {
        let Keys { name, email, phone, mark: _ } = &self.keys;
        let base = if self.keys.says_who() {
            format!("{PREFIX}{name}-{email}-{phone}")
        } else {
            format!("{PREFIX}={:016x}", u64::from_be_bytes(self.digest))
        };
        if number > 1 { format!("{base}#{number}") } else { base }
    }

    fn free_number(&self, taken: impl Fn(&str) -> bool) -> u64 {
        if !taken(&self.base(1)) {
            return 1;
        }
        // Numbers are taken from the first on: the end of many thousands is found in few looks.
        let (mut last, mut free) = (1, 2);
        while taken(&self.base(free)) {
            (last, free) = (free, free * 2);
        }
        while free - last > 1 {
            let middle = last + (free - last) / 2;
            if taken(&self.base(middle)) {
                last = middle;
            } else {
                free = middle;
            }
        }
        free
    }
}

/// Records by the hashes of their names, sorted.
#[derive(Debug, Default)]
pub struct KnownHashes(Vec<Hashed>);

impl KnownHashes {
    /// Of these records, in any order. One that comes again counts as it came first.
    pub fn new(mut records: Vec<Hashed>) -> Self {
        records.sort_by_key(|record| record.name);
        records.dedup_by_key(|record| record.name);
        Self(records)
    }

    /// The record of this name.
    pub fn get(&self, name: NameHash) -> Option<&Hashed> {
        self.place(name).map(|place| &self.0[place])
    }

    /// True if one has this name.
    pub fn contains(&self, name: NameHash) -> bool {
        self.place(name).is_some()
    }

    fn place(&self, name: NameHash) -> Option<usize> {
        self.0.binary_search_by_key(&name, |record| record.name).ok()
    }
}

/// The names given to the records of a file.
#[derive(Debug, Default)]
pub struct Assigned {
    /// In their order; zeros for a record whose mark an earlier one has.
    pub names: Vec<NameHash>,
    /// The numbers of records whose new name ends with one.
    pub numbers: HashMap<usize, u64>,
}

/// Names for all records of a file.
///
/// `known` are the names and states agreed on so far; `is_busy` says which of them other records have already.
pub fn assign(records: &[Hashed], known: &KnownHashes, is_busy: impl Fn(&Hashed) -> bool) -> Assigned {
    assign_beside(records, known, is_busy, |_| false)
}

/// The same where names beside the known ones are in use.
pub fn assign_beside(
    records: &[Hashed],
    known: &KnownHashes,
    is_busy: impl Fn(&Hashed) -> bool,
    is_used: impl Fn(NameHash) -> bool,
) -> Assigned {
    let mut assigned = Assigned { names: vec![NameHash::default(); records.len()], numbers: HashMap::new() };
    if records.is_empty() {
        return assigned;
    }
    let busy: Vec<bool> = known.0.iter().map(is_busy).collect();
    let mut taken = busy.clone();
    // Marks that are no agreed names.
    let has_other_mark = |known: &Hashed| known.keys.mark != Short::of_name(known.name);
    let odd = known.0.iter().zip(&busy).filter(|(known, busy)| **busy && has_other_mark(known));
    let mut met: HashSet<Short> = odd.map(|(known, _)| known.keys.mark).collect();
    let (mut marked, mut bare) = (Vec::new(), Vec::new());
    for (index, record) in records.iter().enumerate() {
        if record.name == NameHash::default() {
            if !record.is_nothing() {
                bare.push(index as u32);
            }
            continue;
        }
        let mark = record.keys.mark;
        match known.place(record.name) {
            _ if met.contains(&mark) => {}
            Some(place) if !taken[place] => {
                taken[place] = true;
                assigned.names[index] = record.name;
            }
            // Its UID is an earlier one's: it stays without a name.
            Some(place) if !(busy[place] && has_other_mark(&known.0[place])) => {}
            Some(_) | None => {
                met.insert(mark);
                marked.push(index as u32);
            }
        }
    }
    if marked.is_empty() && bare.is_empty() {
        return assigned;
    }
    drop(met);
    let mut open = Open::new(&known.0, &taken);
    let mut naming = Naming { records, names: &mut assigned.names };
    let mark = |keys: &Keys| keys.mark.some();
    open.join(&mut marked, &mut naming, Fit::CardFile, |known| mark(&known.keys), |record| mark(&record.keys));
    open.settle(&mut bare, &mut naming);
    // A record that has a mark now is none of those that had another.
    open.known.retain(|known| known.keys.mark.some().is_none());
    open.settle(&mut marked, &mut naming);
    let mut fresh: HashSet<NameHash> = HashSet::new();
    for index in marked.into_iter().chain(bare).map(|index| index as usize) {
        // Names of records that went are not given to others: that would look like an edit.
        let record = &records[index];
        let is_taken = |name: &NameHash| fresh.contains(name) || known.contains(*name) || is_used(*name);
        let name = Some(record.name).filter(|name| *name != NameHash::default() && !is_taken(name));
        let name = name.unwrap_or_else(|| {
            let number = record.free_number(|name| is_taken(&name_hash(name)));
            if number > 1 {
                assigned.numbers.insert(index, number);
            }
            name_hash(&record.base(number))
        });
        fresh.insert(name);
        assigned.names[index] = name;
    }
    assigned
}

/// The agreed names with these hashes.
pub fn names_of(
    mut hashes: HashSet<NameHash>,
    baseline: &dyn Baseline,
) -> Result<HashMap<NameHash, RemoteId>, Stopped> {
    let mut names = HashMap::with_capacity(hashes.len());
    if hashes.is_empty() {
        return Ok(names);
    }
    baseline.for_each(&mut |remote, _| {
        let hash = name_hash(remote);
        if hashes.remove(&hash) {
            names.insert(hash, remote.to_owned());
        }
    })?;
    Ok(names)
}

/// Records that are being named.
struct Naming<'a> {
    records: &'a [Hashed],
    names: &'a mut [NameHash],
}

/// Agreed names that no record has yet.
struct Open<'a> {
    known: Vec<&'a Hashed>,
}

impl<'a> Open<'a> {
    fn new(known: &'a [Hashed], taken: &[bool]) -> Self {
        let mut known: Vec<&Hashed> =
            known.iter().zip(taken).filter(|(_, taken)| !**taken).map(|(known, _)| known).collect();
        // Of records that are alike, the first in the file has the lowest number.
        known.sort_by_key(|known| known.number);
        Self { known }
    }

    /// Gives agreed names to the records that they fit, the surest fits first.
    fn settle(&mut self, nameless: &mut Vec<u32>, naming: &mut Naming<'_>) {
        // Records that are the same in all may change places among themselves.
        self.pass(nameless, naming, Fit::Any, |record| Some(record.digest));
        self.pass(nameless, naming, Fit::Any, |Hashed { keys, .. }| {
            keys.says_who().then_some([keys.name, keys.email, keys.phone])
        });
        self.pass(nameless, naming, Fit::CardFile, |record| record.keys.name.some());
        self.pass(nameless, naming, Fit::CardFile, |Hashed { keys, .. }| {
            Some([keys.email.some()?, keys.phone.some()?])
        });
        // One side without a name: the rest has to do.
        for part in [|keys: &Keys| keys.email, |keys: &Keys| keys.phone] {
            for known_is_nameless in [true, false] {
                self.nameless_pass(nameless, naming, part, known_is_nameless);
            }
        }
    }

    fn pass<K: Ord>(
        &mut self,
        nameless: &mut Vec<u32>,
        naming: &mut Naming<'_>,
        fit: Fit,
        key: impl Fn(&Hashed) -> Option<K>,
    ) {
        self.join(nameless, naming, fit, &key, &key);
    }

    fn nameless_pass(
        &mut self,
        nameless: &mut Vec<u32>,
        naming: &mut Naming<'_>,
        part: fn(&Keys) -> Short,
        known_is_nameless: bool,
    ) {
        let key = |keys: &Keys, wants_nameless: bool| {
            part(keys).some().filter(|_| !wants_nameless || keys.name.some().is_none())
        };
        let (known_key, record_key) = (known_is_nameless, !known_is_nameless);
        self.join(
            nameless,
            naming,
            Fit::CardFile,
            |known| key(&known.keys, known_key),
            |record| key(&record.keys, record_key),
        );
    }

    fn join<K: Ord>(
        &mut self,
        nameless: &mut Vec<u32>,
        naming: &mut Naming<'_>,
        fit: Fit,
        known_key: impl Fn(&Hashed) -> Option<K>,
        record_key: impl Fn(&Hashed) -> Option<K>,
    ) {
        if self.known.is_empty() || nameless.is_empty() {
            return;
        }
        let known = self.known.iter().enumerate().filter_map(|(at, known)| Some((known_key(known)?, at as u32)));
        let mut there: Vec<(K, u32)> = known.collect();
        let keyed = |index: &u32| Some((record_key(&naming.records[*index as usize])?, *index));
        let mut here: Vec<(K, u32)> = nameless.iter().filter_map(keyed).collect();
        there.sort_unstable();
        here.sort_unstable();
        let mut used = vec![false; self.known.len()];
        let (mut there, mut here) = (groups(&there).peekable(), groups(&here).peekable());
        while let (Some(one), Some(other)) = (there.peek(), here.peek()) {
            match one[0].0.cmp(&other[0].0) {
                std::cmp::Ordering::Less => drop(there.next()),
                std::cmp::Ordering::Greater => drop(here.next()),
                std::cmp::Ordering::Equal => {
                    if fit == Fit::Any || (one.len(), other.len()) == (1, 1) {
                        for ((_, at), (_, index)) in one.iter().zip(other.iter()) {
                            naming.names[*index as usize] = self.known[*at as usize].name;
                            used[*at as usize] = true;
                        }
                    }
                    there.next();
                    here.next();
                }
            }
        }
        nameless.retain(|index| naming.names[*index as usize] == NameHash::default());
        let mut used = used.into_iter();
        self.known.retain(|_| !used.next().unwrap_or_default());
    }
}

/// The stretches of one key.
fn groups<K: Eq>(sorted: &[(K, u32)]) -> impl Iterator<Item = &[(K, u32)]> {
    sorted.chunk_by(|one, other| one.0 == other.0)
}

/// When a key joins two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// In order, however many have it.
    Any,
    /// Only if one on each side has it.
    CardFile,
}

/// The first eight bytes of a digest in hexadecimal digits; zeros for what is none.
fn first(hex: &str) -> [u8; 8] {
    hex.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or_default().to_be_bytes()
}
