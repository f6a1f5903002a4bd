//! Scanning a file of cards: once for which cards are as they are known and what the others are recognised by, and, if
//! there are others, once more for what they say.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufRead, BufReader, Read},
    ops::Range,
};

use super::{
    VcardFile,
    known::{KnownCard, KnownCards, Matching},
    look::{FreshCards, Met, Piece, Unfinished, each_some, on_each, raw_uid, uid_in},
};
use crate::{
    books::{
        cards::{self, Flaw},
        fs::{Digest, Digesting},
        record_ids::{Hashed, KnownHashes, NameHash, RecordKeys, name_hash, names_of, state_hash},
        single_file::OpenVersion,
    },
    formats::vcard::{Card, WriteStyle, stream},
    replica::{
        Baseline, Batch, Coverage, Cursor, Problem, RemoteContact, RemoteId, ReplicaError, Scanned, Sink, Stopped,
    },
};

/// Cards handed on at a time.
const CHUNK: usize = 512;
/// Names of unchanged cards handed on at a time.
const SAME_AT_ONCE: usize = 4096;
/// Of a line of a card that is not held, so many bytes are looked at.
const LINE_MAX: u64 = 4096;

/// What a scan has found and not handed on yet.
struct Finds<'s, 'k> {
    file: String,
    baseline: &'s dyn Baseline,
    sink: &'s mut Sink<'k>,
    batch: Batch,
    coverage: Coverage,
    /// Unchanged cards whose names do not follow from what they say.
    odd: HashSet<NameHash>,
    /// Cards that are too large to be held, and where they are.
    oversized: Vec<(Flaw, Range<u64>)>,
}

impl VcardFile {
    pub(super) fn scan_now(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        (self.known, self.digest) = (KnownCards::new(baseline)?, None);
        let Some((version, problems)) = self.file.open_to_scan(!self.known.is_empty())? else {
            return Ok(Scanned::complete());
        };
        let mut finds = Finds {
            file: self.file.name().to_owned(),
            baseline,
            sink,
            batch: Batch { problems, ..Batch::default() },
            coverage: Coverage::Complete,
            odd: HashSet::new(),
            oversized: Vec::new(),
        };
        let read = self.read(&version, &mut finds);
        let is_whole = read.map_err(|error| self.unfinished(error))?;
        finds.hand_on()?;
        if !is_whole || !version.is_still().map_err(|error| self.file.refused("read", &error))? {
            return Err(self.file.restless());
        }
        Ok(Scanned { coverage: finds.coverage, cursor: Cursor::new() })
    }

    /// Reads the file; false if it was another one the second time.
    fn read(&mut self, version: &OpenVersion, finds: &mut Finds<'_, '_>) -> Result<bool, Unfinished> {
        let Some(file) = version.file()? else { return Ok(true) };
        let mut source = Digesting::new(file);
        let mut matching = self.known.matching();
        let known = &self.known;
        let mut fresh =
            FreshCards::look(&mut source, &mut matching, self.settings.style, &mut |met| Ok(finds.meet(met, known)?))?;
        let digest = source.digest();
        for (flaw, range) in std::mem::take(&mut finds.oversized) {
            let uid = version.file()?.map(|file| uid_within(file, range)).transpose()?.flatten();
            finds.broken(flaw, uid)?;
        }
        let odd = names_of(std::mem::take(&mut finds.odd), finds.baseline)?;
        finds.batch.same.extend(odd.into_values());
        let names = match fresh.cards.is_empty() {
            true => HashMap::new(),
            false => name(&mut fresh, matching.names(), finds.baseline)?,
        };
        finds.ask_about_the_end(version, known, (&matching, &fresh))?;
        if fresh.cards.is_empty() {
            self.digest = Some(digest).filter(|_| matching.found().count() == known.all().len());
            return Ok(true);
        }
        let Some(file) = version.file()? else { return Ok(false) };
        let mut source = Digesting::new(file);
        self.hand_over(&mut source, (&fresh, &names), finds)?;
        Ok(source.digest() == digest)
    }

    /// Hands over the cards that are not as they are known.
    fn hand_over(
        &mut self,
        source: &mut Digesting<File>,
        (fresh, names): (&FreshCards, &HashMap<NameHash, RemoteId>),
        finds: &mut Finds<'_, '_>,
    ) -> Result<(), Unfinished> {
        let style = self.settings.style;
        let mut changed: Vec<KnownCard> = Vec::with_capacity(fresh.cards.len());
        each_some(source, &mut |pieces| {
            let named = pieces.into_iter().filter_map(|piece| Some((*fresh.at(piece.place)?, piece))).collect();
            for (line, read) in
                on_each(named, |(hashed, piece)| (piece.found.line, read(&piece, &hashed, names, style)))
            {
                match read {
                    Some((card, Some(record))) => {
                        changed.push((state_hash(&record.revision), name_hash(&record.remote)));
                        self.known.note_made(&record.remote, &record.revision);
                        self.observed.learn(&card, &record.contact);
                        if let Some(flaw) = cards::unread_value(&record) {
                            let Flaw { message, hint, line: _ } = flaw;
                            let (place, remote) = (format!("{} line {line}", finds.file), Some(record.remote.clone()));
                            finds.batch.problems.push(Problem { place, message, hint, remote });
                        }
                        finds.batch.changed.push(record);
                    }
                    Some((card, None)) => finds.copy(line, card.uid()),
                    // Another file than a moment ago.
                    None => {}
                }
            }
            if finds.batch.changed.len() >= CHUNK {
                finds.hand_on()?;
            }
            Ok(true)
        })?;
        self.known.update(changed);
        Ok(())
    }
}

impl Finds<'_, '_> {
    fn meet(&mut self, met: Met<'_>, known: &KnownCards) -> Result<(), Stopped> {
        match met {
            Met::Same { name, piece } => {
                let uid = || raw_uid(&piece.found.bytes).filter(|uid| name_hash(uid) == name);
                match known.made_name(name).or_else(uid) {
                    Some(remote) => self.batch.same.push(remote),
                    None => drop(self.odd.insert(name)),
                }
            }
            Met::Broken { flaw, piece } if piece.found.bytes.is_empty() => {
                self.oversized.push((flaw, piece.found.range.clone()));
            }
            Met::Broken { flaw, piece } => self.broken(flaw, raw_uid(&piece.found.bytes))?,
        }
        if self.batch.same.len() >= SAME_AT_ONCE { self.hand_on() } else { Ok(()) }
    }

    /// A card that cannot be read; with its UID, if that much could be.
    fn broken(&mut self, flaw: Flaw, uid: Option<String>) -> Result<(), Stopped> {
        let known = uid.as_deref().map(|uid| self.baseline.revision_of(uid)).transpose()?.flatten();
        let remote = uid.filter(|_| known.is_some());
        // A file that was cut short ends so, and nobody can tell who stood behind the cut.
        self.coverage = Coverage::Partial;
        let place = flaw.place(&self.file);
        self.batch.problems.push(Problem { place, message: flaw.message, hint: flaw.hint, remote });
        Ok(())
    }

    /// Where cards are missing and the file does not end where a line ends, nobody can tell whether they were behind the end.
    fn ask_about_the_end(
        &mut self,
        version: &OpenVersion,
        known: &KnownCards,
        (matching, fresh): (&Matching<'_>, &FreshCards),
    ) -> io::Result<()> {
        if self.coverage == Coverage::Partial || version.ends_whole()? {
            return Ok(());
        }
        let fresh = fresh.cards.iter().map(|card| card.name);
        let there: HashSet<NameHash> = matching.found().map(|(_, name)| name).chain(fresh).collect();
        if known.all().iter().all(|(_, name)| there.contains(name)) {
            return Ok(());
        }
        self.coverage = Coverage::Partial;
        self.batch.problems.push(Problem {
            place: self.file.clone(),
            message: "lacks the end of its last line and may be cut short: no card counts as removed".into(),
            hint: Some("if it is whole, end it with a line break".into()),
            remote: None,
        });
        Ok(())
    }

    fn copy(&mut self, line: usize, uid: Option<String>) {
        self.batch.problems.push(Problem {
            place: format!("{} line {line}", self.file),
            message: "has the same UID as an earlier card and is left alone".into(),
            hint: Some("delete one of the two, or give one another UID".into()),
            remote: uid,
        });
    }

    fn hand_on(&mut self) -> Result<(), Stopped> {
        (self.sink)(std::mem::take(&mut self.batch))
    }
}

/// Gives the fresh cards their names, where `busy` are those of the others. The names that do not follow from what the cards
/// say.
fn name(
    fresh: &mut FreshCards,
    busy: Vec<NameHash>,
    baseline: &dyn Baseline,
) -> Result<HashMap<NameHash, RemoteId>, Stopped> {
    let mut known = Vec::with_capacity(usize::try_from(baseline.count()).unwrap_or_default());
    baseline.for_each(&mut |remote, revision| known.push(Hashed::known(remote, revision)))?;
    let marks: Vec<NameHash> = fresh.cards.iter().map(|card| card.name).collect();
    fresh.take_names(&KnownHashes::new(known), &busy);
    let follows = |card: &Hashed, mark: &NameHash| card.name == *mark || name_hash(&card.made_name()) == card.name;
    let others =
        fresh.cards.iter().zip(&marks).filter(|(card, mark)| card.name != NameHash::default() && !follows(card, mark));
    names_of(others.map(|(card, _)| card.name).collect(), baseline)
}

/// Reads a card under the name that it was given; without a record if it was given none.
fn read(
    Piece { found, .. }: &Piece,
    hashed: &Hashed,
    names: &HashMap<NameHash, RemoteId>,
    style: WriteStyle,
) -> Option<(Card, Option<RemoteContact>)> {
    let card = cards::parse(&found.bytes, found.line, found.problem, style).ok()?;
    if hashed.name == NameHash::default() {
        return Some((card, None));
    }
    let record = cards::remote_contact(&card, String::new(), String::new());
    let keys = RecordKeys::new(record.uid.as_deref(), Digest::of(&found.bytes), &record.contact);
    let remote = keys.named(hashed).or_else(|| names.get(&hashed.name).cloned())?;
    let revision = keys.revision();
    Some((card, Some(RemoteContact { remote, revision, ..record })))
}

/// The UID of a card that is not held, if its line can be made out.
fn uid_within(file: File, range: Range<u64>) -> io::Result<Option<String>> {
    let mut text = stream::text(file);
    io::copy(&mut text.by_ref().take(range.start), &mut io::sink())?;
    let mut lines = BufReader::new(text.take(range.end - range.start));
    let mut line = Vec::new();
    while lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? > 0 {
        if let Some(uid) = std::str::from_utf8(&line).ok().and_then(uid_in) {
            return Ok(Some(uid));
        }
        if line.last() != Some(&b'\n') {
            lines.skip_until(b'\n')?;
        }
        line.clear();
    }
    Ok(None)
}
