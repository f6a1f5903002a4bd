//! From pages to batches, and which pages of an earlier scan are still good.
//!
//! A page counts as known only while its seal holds: every contact on it is still agreed on under the revision that it
//! had there. A page with a record that could not be used, or with a probe's throwaway contact, is never remembered, so
//! that these are met again each time.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    crm::{Digest, FreshPage, PageRecord, Remembered, RememberedPage, Revisions, id_key, is_probe},
    replica::{Baseline, Batch, Problem, Stopped},
};

/// A page read anew.
#[derive(Debug)]
pub struct PageBatch {
    /// Its contacts and problems.
    pub batch: Batch,
    /// The throwaway contacts on it, left out of the batch.
    pub probes: Vec<String>,
    /// The page, to be remembered; none for one that is to be met again.
    pub note: Option<(String, String)>,
}

/// A listing page as last read, so that the same bytes need not be read again: a note of the cursor.
///
/// It counts only while every contact on it is still agreed on under the revision that it had (`seal`).
#[derive(Debug, Serialize, Deserialize)]
struct PageNote {
    /// The server's ETag, verbatim, if it sent one.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// Hash of the body's bytes.
    digest: String,
    /// The ids on the page, in order.
    ids: Vec<Id>,
    /// Hash over the ids and the revisions they had.
    seal: String,
    /// `total_pages` as the page said it, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_pages: Option<u32>,
}

/// An id on a page: a number; as text in the notes of earlier versions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn key(&self) -> Option<u64> {
        match self {
            Id::Number(key) => Some(*key),
            Id::Text(text) => id_key(text),
        }
    }
}

/// Before the page's number in the name of its note.
const PAGE: &str = "page/";

/// What the client may use of what the mirror knows.
pub fn remembered(baseline: &dyn Baseline, login_refused: bool) -> Result<Remembered, Stopped> {
    let mut revisions = Revisions::with_capacity(usize::try_from(baseline.count()).unwrap_or_default());
    baseline.for_each(&mut |remote, revision| {
        if let Some((key, digest)) = id_key(remote).zip(Digest::parse(revision)) {
            revisions.push(key, digest);
        }
    })?;
    let revisions = revisions.sorted();
    let (mut pages, mut pages_last) = (HashMap::new(), None);
    baseline.for_each_note(&mut |name, value| {
        let Some(number) = name.strip_prefix(PAGE).and_then(|number| number.parse().ok()) else { return };
        pages_last = pages_last.max(Some(number));
        pages.extend(still_good(value, &revisions).map(|page| (number, page)));
    })?;
    Ok(Remembered { revisions, pages, pages_last, login_refused })
}

/// The page of a note, if each contact on it is agreed on as it was there.
fn still_good(note: &str, revisions: &Revisions) -> Option<RememberedPage> {
    let note: PageNote = serde_json::from_str(note).ok()?;
    let ids = note.ids.iter().map(Id::key).collect::<Option<Vec<u64>>>()?;
    let states = ids.iter().map(|id| Some((*id, revisions.get(*id)?))).collect::<Option<Vec<_>>>()?;
    (seal(&states) == note.seal).then_some(())?;
    let PageNote { etag, digest, ids: _, seal: _, total_pages } = note;
    Some(RememberedPage { etag, digest: Digest::parse(&digest)?, ids, total_pages })
}

/// The batch of a remembered page.
pub fn same_batch(remembered: &Remembered, number: u32) -> Batch {
    let page = remembered.pages.get(&number);
    let same = page.map(|page| page.ids.iter().map(u64::to_string).collect()).unwrap_or_default();
    Batch { same, ..Batch::default() }
}

/// The batch of a page read anew. Of a contact that is on it twice, the later one counts.
pub fn page_batch(page: FreshPage) -> PageBatch {
    let FreshPage { number, etag, digest, total_pages, records } = page;
    let mut batch = Batch::default();
    let mut probes = Vec::new();
    let mut states = Vec::with_capacity(records.len());
    let later = repeated(&records);
    for (place, record) in records.into_iter().enumerate() {
        if later.contains(&place) {
            continue;
        }
        match record {
            PageRecord::Same { id, key, revision } => {
                states.push((key, revision));
                batch.same.push(id);
            }
            PageRecord::Changed(record) if is_probe(&record.contact) => probes.push(record.id),
            PageRecord::Changed(record) => {
                states.extend(id_key(&record.id).map(|key| (key, record.revision)));
                batch.changed.push(super::remote_contact(*record));
            }
            PageRecord::Faulty { id, fault } => batch.problems.push(Problem {
                place: match &id {
                    Some(id) => format!("page {number}, contact {id}"),
                    None => format!("page {number}, contact without id, number {} on the page", place + 1),
                },
                message: format!("the record holds {fault}"),
                hint: Some("correct it in the CRM; the other contacts are not concerned".to_owned()),
                remote: id,
            }),
        }
    }
    // An empty page past the end is not worth a note.
    let whole = batch.problems.is_empty() && probes.is_empty() && !states.is_empty();
    let note = whole.then(|| page_note(number, (etag, digest), total_pages, &states));
    PageBatch { batch, probes, note }
}

/// The note of a page that held these records in these states.
pub fn page_note(
    number: u32,
    (etag, digest): (Option<String>, Digest),
    total_pages: Option<u32>,
    states: &[(u64, Digest)],
) -> (String, String) {
    let ids = states.iter().map(|(key, _)| Id::Number(*key)).collect();
    let note = PageNote { etag, digest: digest.to_string(), ids, seal: seal(states), total_pages };
    // Numbers and texts always have a JSON form.
    (format!("{PAGE}{number}"), serde_json::to_string(&note).unwrap_or_default())
}

/// Places of records that come again further down.
pub fn repeated(records: &[PageRecord]) -> HashSet<usize> {
    let mut seen = HashSet::with_capacity(records.len());
    let places = records.iter().enumerate().rev();
    places.filter(|(_, record)| record.key().is_some_and(|key| !seen.insert(key))).map(|(place, _)| place).collect()
}

/// A digest of the ids and the revisions that they had.
fn seal(states: &[(u64, Digest)]) -> String {
    let mut bytes = Vec::with_capacity(states.len() * 24);
    for (id, revision) in states {
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.extend_from_slice(revision.bytes());
    }
    Digest::of(&bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::replica::tests::replica;
    use crate::{
        crm::stub::{Reply, Stub},
        replica::{Coverage, Progress, Replica, ReplicaError, Scanned, memory::Known},
    };

    const PAGE_1: &str = "<contacts><pagination><total_pages>2</total_pages></pagination>\
        <contact><id>1</id><last_name>old</last_name></contact><contact><id>2</id></contact>\
        <contact><id>1</id><last_name>new</last_name></contact></contacts>";
    const PAGE_2: &str = "<contacts><pagination><total_pages>2</total_pages></pagination>\
        <contact><id>3</id></contact></contacts>";
    const POISON: &str = "<contacts><contact><id>1</id></contact><contact><id>2</id><comment>&x;</comment></contact>\
        <contact><id>3</id><last_name>carnet probe</last_name><comment>carnet probe x — may be deleted</comment>\
        </contact><contact/></contacts>";

    /// Page by page: the login was refused last time, so that page 1 is asked for alone.
    async fn one_by_one(stub: &Stub, known: &Known) -> (Vec<Batch>, Result<Scanned, ReplicaError>) {
        scan_with(stub, known, true).await
    }

    async fn scan(stub: &Stub, known: &Known) -> (Vec<Batch>, Result<Scanned, ReplicaError>) {
        scan_with(stub, known, false).await
    }

    async fn scan_with(stub: &Stub, known: &Known, login_refused: bool) -> (Vec<Batch>, Result<Scanned, ReplicaError>) {
        let mut batches = Vec::new();
        let mut crm = replica(stub);
        crm.recall(&|name| (name == "crm.login_refused" && login_refused).then(|| "yes".to_owned()));
        let result = crm
            .scan(known, &mut |batch| {
                batches.push(batch);
                Ok(())
            })
            .await;
        let first = |batch: &Batch| {
            let changed = batch.changed.iter().map(|record| record.remote.clone());
            batch
                .same
                .iter()
                .cloned()
                .chain(changed)
                .chain(batch.problems.iter().filter_map(|it| it.remote.clone()))
                .min()
        };
        batches.sort_by_key(first);
        (batches, result)
    }

    /// What the mirror knows after it took these batches.
    fn agree(batches: &[Batch], scanned: Scanned) -> Known {
        let mut known = Known::default();
        for batch in batches {
            let agreed = batch.changed.iter().map(|record| (record.remote.clone(), record.revision.clone()));
            known.revisions.extend(agreed);
        }
        known.keep(scanned.cursor);
        known
    }

    async fn two_pages() -> Stub {
        Stub::start(|request, _| match (request.page(), request.header("if-none-match")) {
            (1, Some("\"one\"")) => Reply::status(304),
            (1, _) => Reply::xml(PAGE_1).header("etag", "\"one\""),
            _ => Reply::xml(PAGE_2),
        })
        .await
    }

    #[tokio::test]
    async fn a_second_scan_finds_everything_the_same() {
        let stub = two_pages().await;
        let (first, result) = one_by_one(&stub, &Known::default()).await;
        let scanned = result.unwrap();
        assert_eq!(scanned.coverage, Coverage::Complete);
        let names: Vec<(&str, &str)> =
            first[0].changed.iter().map(|found| (found.remote.as_str(), found.contact.last_name.as_str())).collect();
        assert_eq!(names, [("2", ""), ("1", "new")]);
        assert_eq!(first[0].progress, Progress { steps: 1, expected: Some(2) });
        let known = agree(&first, scanned);
        let (second, result) = scan(&stub, &known).await;
        assert_eq!(result.unwrap().cursor, [], "an unchanged page needs no new note");
        assert!(second.iter().all(|batch| batch.changed.is_empty()), "{second:?}");
        assert_eq!((&second[0].same, &second[1].same), (&vec!["2".to_owned(), "1".into()], &vec!["3".to_owned()]));
        let conditional: Vec<bool> =
            stub.seen().iter().map(|request| request.header("if-none-match").is_some()).collect();
        assert_eq!(conditional, [false, false, true, false]);
    }

    #[tokio::test]
    async fn a_page_is_read_again_once_an_agreement_moved_on() {
        let stub = two_pages().await;
        let (batches, scanned) = one_by_one(&stub, &Known::default()).await;
        let mut known = agree(&batches, scanned.unwrap());
        known.revisions.insert("2".into(), Digest::of(b"after our own write").to_string());
        known.revisions.remove("3");
        let (batches, _) = scan(&stub, &known).await;
        let changed: Vec<&str> =
            batches.iter().flat_map(|batch| &batch.changed).map(|found| found.remote.as_str()).collect();
        assert_eq!(changed, ["2", "3"]);
        assert_eq!(batches[0].same, ["1"]);
        assert!(stub.seen()[2..].iter().all(|request| request.header("if-none-match").is_none()));
    }

    #[tokio::test]
    async fn poisoned_records_are_set_aside_and_probes_kept_out() {
        let stub = Stub::start(|request, _| match (request.method.as_str(), request.page(), request.id()) {
            ("GET", 1, _) => Reply::xml(POISON),
            ("GET", 0, Some("3")) => Reply::xml(&POISON[POISON.find("<contact><id>3").unwrap()..POISON.len() - 21]),
            ("GET", _, None) => Reply::status(404),
            _ => Reply::status(200),
        })
        .await;
        let mut crm = replica(&stub);
        let mut batches = Vec::new();
        crm.recall(&|name| (name == "crm.login_refused").then(|| "yes".to_owned()));
        let known = Known::default();
        let result = crm
            .scan(&known, &mut |batch| {
                batches.push(batch);
                Ok(())
            })
            .await;
        assert_eq!(result, Ok(Scanned::complete()), "such a page is not remembered");
        let batch = &batches[0];
        assert_eq!((batch.changed.len(), &batch.changed[0].remote), (1, &"1".to_owned()));
        let problems: Vec<(&str, Option<&str>)> =
            batch.problems.iter().map(|problem| (problem.place.as_str(), problem.remote.as_deref())).collect();
        assert_eq!(
            problems,
            [("page 1, contact 2", Some("2")), ("page 1, contact without id, number 4 on the page", None)]
        );
        // The next writing removes what an interrupted probe left.
        assert_eq!(crm.apply(Vec::new()).await, []);
        assert_eq!(stub.lines().iter().filter(|line| *line == "DELETE /1/contacts/3.xml").count(), 1);
        assert_eq!(crm.apply(Vec::new()).await, []);
        assert_eq!(stub.lines().iter().filter(|line| line.starts_with("DELETE")).count(), 1);
    }

    #[tokio::test]
    async fn an_error_of_the_sink_ends_the_scan() {
        let stub = two_pages().await;
        let known = Known::default();
        let result = replica(&stub).scan(&known, &mut |_| Err(Stopped)).await;
        assert_eq!(result, Err(ReplicaError::Stopped(Stopped)));
    }
}
