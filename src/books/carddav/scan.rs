//! Looks over an address book on a server: what changed since the last look where the server counts that, all of it in a first
//! run, once a day, and whenever the count may have been lost.
//!
//! Deletions are believed by nobody here: the run asks for each card that is named gone, or is not listed any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Carddav,
    collection::{Changes, Collection, Look, Member},
    cursor::{Notes, TOKEN},
    fetched::Kind,
    reading::{Outcome, Read, read_all},
    state::State,
    trial::THROWAWAY,
};
use crate::{
    books::{
        card_uids::{Uids, uid_number},
        cards::{self, Flaw},
    },
    replica::{Baseline, Batch, Coverage, RemoteContact, ReplicaError, Revision, Scanned, Sink, Stopped, Unanswered},
};

/// Unchanged cards handed over at a time.
const SAME_AT_ONCE: usize = 1_000;
/// A server that never comes to the end of its changes is not followed for ever.
const ANSWERS_MAX: usize = 1_000;

/// What a scan reads and where it hands it.
struct Taking<'t, 's> {
    baseline: &'t dyn Baseline,
    sink: &'t mut Sink<'s>,
    uids: Uids,
    notes: Notes,
    /// What was listed and denied before.
    denied: BTreeMap<String, u32>,
    /// It passes over what is as it was.
    is_delta: bool,
    unanswered: Vec<Unanswered>,
    unproved: BTreeSet<String>,
}

impl Carddav {
    pub(super) async fn scan_now(
        &mut self,
        baseline: &dyn Baseline,
        sink: &mut Sink<'_>,
    ) -> Result<Scanned, ReplicaError> {
        let collection = self.collection().await?;
        let notes = Notes::read(baseline, &collection.path)?;
        let counted_from = notes.token.clone();
        let scanned = self.scan_from(&collection, notes, (baseline, sink)).await?;
        // Its cursor may not be kept: then the next scan goes on from where this one did.
        self.made_since.retain(|token| Some(token) == counted_from.as_ref());
        let next = scanned.cursor.iter().find(|(name, _)| name == TOKEN).map(|(_, token)| token.clone());
        self.counted_from = counted_from.into_iter().chain(next).filter(|token| !token.is_empty()).collect();
        Ok(scanned)
    }

    async fn scan_from(
        &mut self,
        collection: &Collection,
        notes: Notes,
        (baseline, sink): (&dyn Baseline, &mut Sink<'_>),
    ) -> Result<Scanned, ReplicaError> {
        let has_made_cards = notes.token.as_ref().is_some_and(|token| self.made_since.contains(token));
        if !self.relist && !has_made_cards && !notes.is_listing_due(self.settings.now) {
            if let Some(token) = &notes.token {
                if let Some(changes) = changes_since(collection, token).await? {
                    return self.take_changes(collection, changes, notes, (baseline, sink)).await;
                }
                tracing::debug!("the server does not know the sync token any more");
            } else if notes.ctag.is_some() && notes.unread.is_empty() && collection.ctag().await? == notes.ctag {
                let cursor = notes.cursor(baseline)?;
                return Ok(Scanned { coverage: Coverage::Delta, cursor });
            }
        }
        self.take_all(collection, notes, (baseline, sink)).await
    }

    /// What changed since the token.
    async fn take_changes(
        &mut self,
        collection: &Collection,
        changes: Changes,
        notes: Notes,
        (baseline, sink): (&dyn Baseline, &mut Sink<'_>),
    ) -> Result<Scanned, ReplicaError> {
        // Servers name what was gone long ago, and what never was here. What was shown and is not known is what a user may be
        // asked about.
        let gone: BTreeSet<&str> = changes.gone.iter().map(String::as_str).collect();
        let (mut said_gone, mut shown) = (Vec::new(), BTreeSet::new());
        for name in &changes.gone {
            if notes.shown.contains(name) || baseline.revision_of(name)?.is_some() {
                said_gone.push(name.clone());
            }
        }
        for name in &notes.shown {
            if !gone.contains(name.as_str()) && baseline.revision_of(name)?.is_none() {
                shown.insert(name.clone());
            }
        }
        if !said_gone.is_empty() {
            // A collection that is being taken down may say this of every card.
            collection.is_well().await?;
        }
        let changed = changes.changed.iter().filter(|member| !member.name.starts_with(THROWAWAY));
        let mut names: BTreeSet<String> = changed.map(|member| member.name.clone()).collect();
        for member in changes.changed.iter().filter(|member| notes.is_known_group(member)) {
            names.remove(&member.name);
        }
        names.extend(notes.unread.keys().filter(|name| !gone.contains(name.as_str())).cloned());
        let names: Vec<String> = names.into_iter().collect();
        let unread_uids = if names.is_empty() { Vec::new() } else { other_uids(baseline, &names, &gone)? };
        let unread = notes.unread.clone();
        let mut notes = Notes { token: Some(changes.token), unread: BTreeMap::new(), shown, ..notes };
        notes.groups.retain(|name, _| !gone.contains(name.as_str()));
        let mut taking = self.taking((baseline, sink), unread_uids, (notes, unread), true);
        self.read(collection, true, &names, &mut taking).await?;
        let Taking { notes, sink, unproved, .. } = taking;
        self.unproved = unproved;
        sink(Batch { gone: said_gone, ..Batch::default() })?;
        Ok(Scanned { coverage: Coverage::Delta, cursor: notes.cursor(baseline)? })
    }

    /// All of it.
    async fn take_all(
        &mut self,
        collection: &Collection,
        before: Notes,
        (baseline, sink): (&dyn Baseline, &mut Sink<'_>),
    ) -> Result<Scanned, ReplicaError> {
        // The token is asked for before the listing: what changes between the two is told again.
        let look = collection.look().await?;
        let ctag = if look.syncs { None } else { collection.ctag().await? };
        let mut members = collection.members().await?;
        members.retain(|member| !member.name.starts_with(THROWAWAY));
        let mut known: HashMap<String, Revision> = HashMap::new();
        baseline.for_each(&mut |name, revision| {
            known.insert(name.to_owned(), revision.to_owned());
        })?;
        // Where the count of changes is unbroken, a card under its old ETag is as it was. Else it may have been deleted and
        // made again, which one server cannot tell.
        let is_counted = before.listed.is_some()
            && !self.relist
            && !are_versions(&members)
            && self.is_unbroken(collection, &before, &look).await?;
        let mut notes = Notes {
            collection: collection.path.clone(),
            token: look.sync_token.clone().filter(|_| look.syncs),
            ctag,
            listed: Some(self.settings.now),
            ..Notes::default()
        };
        let (mut same, mut to_read, mut new) = (Vec::new(), Vec::new(), Vec::new());
        let mut uids = Vec::new();
        for member in members {
            let state = known.get(&member.name).map(|revision| State::parse(revision));
            match state {
                Some(state) if is_counted && state.has_etag(member.etag.as_deref()) => {
                    uids.extend(state.uid().map(uid_number));
                    same.push(member.name);
                }
                Some(_) => to_read.push(member.name),
                None if before.is_known_group(&member) => {
                    notes.groups.extend(member.etag.map(|etag| (member.name, etag)));
                }
                None => new.push(member.name),
            }
        }
        for chunk in same.chunks(SAME_AT_ONCE) {
            sink(Batch { same: chunk.to_vec(), ..Batch::default() })?;
        }
        uids.sort_unstable();
        // Agreed cards first: of two with one UID, the new one is the copy.
        to_read.append(&mut new);
        let mut taking = self.taking((baseline, sink), uids, (notes, before.unread), false);
        self.read(collection, look.multigets, &to_read, &mut taking).await?;
        self.unproved = std::mem::take(&mut taking.unproved);
        self.relist = false;
        Ok(Scanned { coverage: Coverage::Complete, cursor: taking.notes.cursor(baseline)? })
    }

    /// True where every change since the last look is known to show in the ETags: the server still counts from the token of
    /// then, or never counted.
    async fn is_unbroken(&self, collection: &Collection, before: &Notes, look: &Look) -> Result<bool, ReplicaError> {
        match &before.token {
            None => Ok(!look.syncs),
            Some(token) => Ok(changes_since(collection, token).await?.is_some()),
        }
    }

    fn taking<'t, 's>(
        &self,
        (baseline, sink): (&'t dyn Baseline, &'t mut Sink<'s>),
        unread_uids: Vec<u64>,
        (notes, denied): (Notes, BTreeMap<String, u32>),
        is_delta: bool,
    ) -> Taking<'t, 's> {
        let (unanswered, unproved) = (self.unanswered.clone(), BTreeSet::new());
        Taking { baseline, sink, uids: Uids::new(unread_uids), notes, denied, is_delta, unanswered, unproved }
    }

    async fn read(
        &mut self,
        collection: &Collection,
        multigets: bool,
        names: &[String],
        taking: &mut Taking<'_, '_>,
    ) -> Result<(), ReplicaError> {
        let (observed, style) = (&mut self.observed, self.settings.style);
        read_all(collection, multigets, names, &mut |read| {
            let batch = taking.assemble(read, style)?;
            batch.changed.iter().for_each(|record| cards::learn(observed, style, record));
            (taking.sink)(batch)
        })
        .await
    }
}

impl Taking<'_, '_> {
    /// Notes a card that, as far as anybody knows, our own write left, and that was not read back.
    fn note_own(&mut self, name: &str, record: &RemoteContact, known: Option<&Revision>) {
        let is_unproved = known.is_some_and(|revision| State::parse(revision).is_unproved());
        let is_meant =
            |write: &Unanswered| write.remote.as_deref() == Some(name) || record.uid.as_ref() == Some(&write.uid);
        if is_unproved || self.unanswered.iter().any(is_meant) {
            self.unproved.insert(name.to_owned());
        }
    }

    /// The cards of a chunk as the run is to have them.
    fn assemble(&mut self, read: Read, style: crate::formats::vcard::WriteStyle) -> Result<Batch, Stopped> {
        let mut batch = Batch::default();
        for (name, outcome) in read {
            let known = self.baseline.revision_of(&name)?;
            let flaw = match outcome {
                Outcome::Missing => {
                    self.notes.deny(&name, &self.denied);
                    continue;
                }
                Outcome::Unread(diagnostic) => {
                    Flaw { hint: diagnostic.hint, ..Flaw::whole(format!("could not be read: {}", diagnostic.message)) }
                }
                Outcome::Card(card) => match card.read(&name, style) {
                    Ok(Kind::Contact(record)) => {
                        if !self.uids.is_new(record.uid.as_deref()) {
                            let hint = Some("delete one of the two, or give one another UID".into());
                            Flaw { hint, ..Flaw::whole("has the same UID as another card and is left alone") }
                        } else if known.as_ref() == Some(&record.revision) {
                            if !self.is_delta {
                                batch.same.push(name);
                            }
                            continue;
                        } else {
                            self.note_own(&name, &record, known.as_ref());
                            let unread = cards::unread_value(&record);
                            batch.problems.extend(unread.map(|flaw| flaw.problem(&name)));
                            if known.is_none() {
                                self.notes.shown.insert(name);
                            }
                            batch.changed.push(*record);
                            continue;
                        }
                    }
                    Ok(Kind::Group) => {
                        self.notes.groups.extend(card.etag.map(|etag| (name.clone(), etag)));
                        if known.is_none() {
                            continue;
                        }
                        Flaw::whole("became a group and is left alone")
                    }
                    Err(flaw) => flaw,
                },
            };
            self.notes.set_unread(&name);
            batch.problems.push(flaw.problem(&name));
        }
        Ok(batch)
    }
}

/// True where several cards have the same ETag: it counts the versions of each card, and starts again where one is deleted
/// and made again.
fn are_versions(members: &[Member]) -> bool {
    let mut seen = BTreeSet::new();
    members.iter().filter_map(|member| member.etag.as_deref()).any(|etag| !seen.insert(etag))
}

/// Everything that changed since a token, however many answers that takes; none where the token is not known.
async fn changes_since(collection: &Collection, token: &str) -> Result<Option<Changes>, ReplicaError> {
    let (mut token, mut all) = (token.to_owned(), Changes::default());
    let (mut changed, mut gone): (BTreeMap<String, Member>, BTreeSet<String>) = Default::default();
    for _ in 0..ANSWERS_MAX {
        let Some(changes) = collection.changes(&token).await? else { return Ok(None) };
        for member in changes.changed {
            gone.remove(&member.name);
            changed.insert(member.name.clone(), member);
        }
        for name in changes.gone {
            changed.remove(&name);
            gone.insert(name);
        }
        let is_last = !changes.is_cut || changes.token == token;
        token = changes.token;
        if is_last {
            all.changed = changed.into_values().collect();
            all.gone = gone.into_iter().collect();
            return Ok(Some(Changes { token, ..all }));
        }
    }
    Ok(None)
}

/// The UIDs of the known cards that are neither read nor gone, sorted.
fn other_uids(baseline: &dyn Baseline, read: &[String], gone: &BTreeSet<&str>) -> Result<Vec<u64>, Stopped> {
    let mut uids = Vec::new();
    baseline.for_each(&mut |name, revision| {
        let is_read = read.binary_search_by(|other| other.as_str().cmp(name)).is_ok();
        if !is_read && !gone.contains(name) {
            uids.extend(State::parse(revision).uid().map(uid_number));
        }
    })?;
    uids.sort_unstable();
    Ok(uids)
}
