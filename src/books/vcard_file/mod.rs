//! One .vcf file with many cards, as phones and webmail export it and some programs keep it.
//!
//! A card is known by its UID; one without keeps a name made from what it says (see `record_ids`) until carnet may write
//! its UID into it. Bytes between cards, and cards that did not change, stay as they are; all writes of a push are one
//! new version of the file. Groups are left alone.
//!
//! The file is read card by card, more than once where it changed: neither its bytes nor its cards are held.

mod draft;
mod known;
mod look;
mod scan;

use std::{
    collections::HashMap,
    io::{self, BufReader, BufWriter, Write as _},
};

use self::{
    draft::{Draft, Held},
    known::{KnownCard, KnownCards},
    look::{FreshCards, Met, Unfinished, each_some},
};
use super::{
    FILES, ObservedProperties, cards,
    fs::{Digest, Digesting},
    record_ids::{Hashed, NameHash, name_hash},
    single_file::{OpenVersion, Replaced, SingleFile, until_settled},
    vdir::BookSettings,
};
use crate::{
    contact::Contact,
    formats::vcard,
    replica::{
        Action, Baseline, Capabilities, Conduct, Diagnostic, LocalFuture, Lookup, Reading, RemoteContact, RemoteId,
        Replica, ReplicaError, Scanned, Sink, Write, Written,
    },
};

/// One .vcf file with many cards.
#[derive(Debug)]
pub struct VcardFile {
    settings: BookSettings,
    observed: ObservedProperties,
    file: SingleFile,
    /// The cards as last scanned or written.
    known: KnownCards,
    /// The digest of the file that has these cards and no others, if such a one was met.
    digest: Option<Digest>,
}

impl VcardFile {
    /// The book in this file, which need not exist yet.
    pub fn new(settings: BookSettings) -> Self {
        let file = SingleFile::new(settings.name.clone(), settings.path.clone());
        Self { settings, observed: ObservedProperties::default(), file, known: KnownCards::default(), digest: None }
    }

    fn unfinished(&self, error: Unfinished) -> ReplicaError {
        match error {
            Unfinished::Io(error) => self.file.refused("read", &error),
            Unfinished::Stopped(stopped) => stopped.into(),
            Unfinished::Flawed(flaw) => {
                let place = flaw.place(&self.file.path().display().to_string());
                ReplicaError::Unavailable(Diagnostic {
                    message: format!("read {place}: it {}", flaw.message),
                    hint: flaw.hint,
                })
            }
        }
    }

    fn look_now(&mut self, remote: &str) -> Result<Lookup, ReplicaError> {
        let Some(version) = self.file.open_to_look()? else {
            return Ok(Lookup::Unclear("the book's file is missing".into()));
        };
        let names = HashMap::from([(name_hash(remote), remote.to_owned())]);
        let looked = self.look_for(&version, &names, [Hashed::known(remote, "")].into_iter());
        let Looked { taken, broken, .. } = looked.map_err(|error| self.unfinished(error))?;
        let may_be_broken = broken.iter().any(|uid| uid.as_deref().is_none_or(|uid| uid == remote));
        Ok(match Draft::new(self.settings.style, taken, Vec::new()).remote_contact(remote) {
            Some(record) => Lookup::Found(Box::new(record)),
            None if may_be_broken => Lookup::Unclear("a card of the file cannot be read".into()),
            None => Lookup::Gone,
        })
    }

    /// Looks for the cards of these names, among them such as were asked for beside the known ones.
    fn look_for(
        &mut self,
        version: &OpenVersion,
        names: &HashMap<NameHash, RemoteId>,
        asked: impl Iterator<Item = Hashed>,
    ) -> Result<Looked, Unfinished> {
        let mut looked = Looked::default();
        let Some(file) = version.file()? else { return Ok(looked) };
        let (mut source, style) = (Digesting::new(file), self.settings.style);
        let mut wanted: Vec<(u32, NameHash)> = Vec::new();
        let mut matching = self.known.matching();
        let mut fresh = FreshCards::look(&mut source, &mut matching, style, &mut |met| {
            match met {
                Met::Same { name, piece } if names.contains_key(&name) => wanted.push((piece.place, name)),
                Met::Same { .. } => {}
                Met::Broken { piece, .. } => looked.broken.push(look::raw_uid(&piece.found.bytes)),
            }
            Ok(())
        })?;
        looked.digest = Some(source.digest());
        looked.others.extend(matching.found().filter(|(_, name)| !names.contains_key(name)));
        if !fresh.cards.is_empty() {
            let busy = matching.names();
            fresh.take_names(&self.known.hashed(asked), &busy);
        }
        let named = fresh.places.iter().zip(&fresh.cards).filter(|(_, card)| card.name != NameHash::default());
        for (place, card) in named {
            if names.contains_key(&card.name) {
                wanted.push((*place, card.name));
            } else {
                self.known.note_card(card);
                looked.others.push((card.state(), card.name));
            }
        }
        wanted.sort_unstable();
        if let Some(file) = version.file()?.filter(|_| !wanted.is_empty()) {
            each_some(file, &mut |pieces| {
                for piece in pieces {
                    let Ok(at) = wanted.binary_search_by_key(&piece.place, |(place, _)| *place) else { continue };
                    let card = cards::parse(&piece.found.bytes, piece.found.line, piece.found.problem, style);
                    if let (Ok(card), Some(name)) = (card, names.get(&wanted[at].1)) {
                        let held = Held::new(piece.found.range, piece.found.bytes, &card);
                        looked.taken.push((name.clone(), held));
                    }
                }
                Ok(looked.taken.len() < wanted.len())
            })?;
        }
        Ok(looked)
    }

    /// What there is to find in a file that is as it was left, where none of these names is in it; none otherwise.
    fn look_for_none(&self, version: &OpenVersion, names: &HashMap<NameHash, RemoteId>) -> io::Result<Option<Looked>> {
        if self.digest.is_none() || self.known.all().iter().any(|(_, name)| names.contains_key(name)) {
            return Ok(None);
        }
        let digest = version.digest()?;
        let others = || self.known.all().to_vec();
        Ok((digest == self.digest).then(|| Looked { digest, others: others(), ..Looked::default() }))
    }

    fn apply_now(&mut self, writes: &[Write]) -> Vec<Result<Written, ReplicaError>> {
        let restless = self.file.restless();
        until_settled(writes, &restless, || self.try_apply(writes))
    }

    /// One new version of the file; `None` if another program wrote it meanwhile.
    fn try_apply(&mut self, writes: &[Write]) -> Result<Option<Vec<Result<Written, ReplicaError>>>, ReplicaError> {
        let version = self.file.open_to_write()?;
        let names = writes.iter().flat_map(names_in).map(|name| (name_hash(name), name.to_owned())).collect();
        let unmet = self.look_for_none(&version, &names).map_err(|error| self.file.refused("read", &error))?;
        let looked = match unmet {
            Some(looked) => looked,
            None => self.look_for(&version, &names, named_by(writes)).map_err(|error| self.unfinished(error))?,
        };
        let Looked { digest, taken, others, .. } = looked;
        let mut draft = Draft::new(self.settings.style, taken, others);
        let answers: Vec<_> = writes.iter().map(|write| draft.write(write)).collect();
        let digest = if draft.changed {
            let Some(put) = self.put(&version, digest.as_ref(), &draft)? else { return Ok(None) };
            Some(put)
        } else {
            digest
        };
        self.digest = digest;
        let (cards, held) = draft.end();
        held.iter().for_each(|(remote, revision)| self.known.note_made(remote, revision));
        self.known.replace(cards);
        Ok(Some(answers))
    }

    /// Puts the draft in the place of the file of this digest. The digest of what is there now; none if another program wrote
    /// it meanwhile.
    fn put(
        &mut self,
        version: &OpenVersion,
        digest: Option<&Digest>,
        draft: &Draft,
    ) -> Result<Option<Digest>, ReplicaError> {
        let failed = |error: io::Error| self.file.refused("write", &error);
        let mut source = version.file().map_err(failed)?.map(|file| Digesting::new(BufReader::new(file)));
        let staged = self.file.stage::<io::Error>(version, |out| {
            let mut out = BufWriter::with_capacity(1 << 16, out);
            draft.copy(source.as_mut(), &mut out)?;
            out.flush()
        });
        let staged = staged.map_err(failed)?;
        if source.map(|source| source.digest()).as_ref() != digest {
            self.file.discard(version, staged);
            return Ok(None);
        }
        let now = staged.digest().clone();
        Ok(match self.file.put(version, staged, digest)? {
            Replaced::Done => Some(now),
            Replaced::Again => None,
        })
    }
}

/// What was found of the cards that were looked for.
#[derive(Debug, Default)]
struct Looked {
    /// The digest of the file; none where there is none.
    digest: Option<Digest>,
    /// Those that were looked for, in the file's order.
    taken: Vec<(RemoteId, Held)>,
    others: Vec<KnownCard>,
    /// The UIDs of cards that cannot be read, as far as they can be made out.
    broken: Vec<Option<String>>,
}

/// The names that a write is about: its record, and the one that the contact would have by its UID.
fn names_in(write: &Write) -> impl Iterator<Item = &str> {
    let remote = match &write.action {
        Action::Update { remote, .. } | Action::Delete { remote, .. } => Some(remote.as_str()),
        Action::Create { .. } => None,
    };
    remote.into_iter().chain([write.uid.as_str()])
}

/// The records that writes name, in the state that they are to have.
fn named_by(writes: &[Write]) -> impl Iterator<Item = Hashed> {
    writes.iter().filter_map(|write| match &write.action {
        Action::Update { remote, revision, .. } | Action::Delete { remote, revision, .. } => {
            Some(Hashed::known(remote, revision))
        }
        Action::Create { .. } => None,
    })
}

impl Replica for VcardFile {
    fn capabilities(&self) -> Capabilities {
        Capabilities { fields: vcard::CARRIED, weak: vcard::WEAK, identity: true }
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        cards::interpret(record.source.as_deref()?, self.settings.style, &self.observed, known)
    }

    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        let observed = known(&ObservedProperties::fact(&self.settings.name)).unwrap_or_default();
        self.observed = ObservedProperties::parse(&observed);
    }

    fn learned(&self) -> Vec<(String, String)> {
        vec![(ObservedProperties::fact(&self.settings.name), self.observed.to_text())]
    }

    fn conduct(&self) -> Conduct {
        FILES
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move { self.scan_now(baseline, sink) })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async move { self.look_now(remote) })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move { self.apply_now(&writes) })
    }
}

#[cfg(test)]
mod tests;
