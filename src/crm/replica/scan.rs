//! From pages to batches, and which pages of an earlier scan are still good.
//!
//! A page counts as known only while its seal holds: every contact on it is still agreed on under the revision that it
//! had there. A page with a record that could not be used, or with a probe's throwaway contact, is never remembered, so
//! that these are met again each time.

use std::collections::{HashMap, HashSet};

use crate::{
    crm::{Digest, FreshPage, PageRecord, Remembered, RememberedPage, id_key, is_probe},
    replica::{Batch, Known, PageNote, Problem},
};

/// A page read anew.
#[derive(Debug)]
pub struct PageBatch {
    /// Its contacts, problems and note.
    pub batch: Batch,
    /// The throwaway contacts on it, left out of the batch.
    pub probes: Vec<String>,
}

/// What the client may use of what the mirror knows.
pub fn remembered(known: &Known) -> Remembered {
    // Sized beforehand: growing it would hold it twice.
    let mut revisions: HashMap<u64, Digest> = HashMap::with_capacity(known.revisions.len());
    let states = known.revisions.iter();
    revisions.extend(states.filter_map(|(remote, revision)| Some((id_key(remote)?, Digest::parse(revision)?))));
    let pages = known
        .pages
        .iter()
        .filter_map(|(number, note)| {
            let ids: Vec<u64> = note.remotes.iter().map(|remote| id_key(remote)).collect::<Option<_>>()?;
            let states = ids.iter().map(|id| Some((*id, *revisions.get(id)?))).collect::<Option<Vec<_>>>()?;
            (seal(&states) == note.seal).then_some(())?;
            let PageNote { page: _, etag, digest, remotes: _, seal: _, total_pages } = note;
            let digest = Digest::parse(digest)?;
            Some((*number, RememberedPage { etag: etag.clone(), digest, ids, total_pages: *total_pages }))
        })
        .collect();
    Remembered { revisions, pages, pages_last: known.pages.keys().copied().max(), login_refused: known.login_refused }
}

/// The batch of a remembered page.
pub fn same_batch(known: &Known, number: u32) -> Batch {
    let note = known.pages.get(&number).cloned();
    let same = note.as_ref().map(|note| note.remotes.clone()).unwrap_or_default();
    Batch { same, page: note, ..Batch::default() }
}

/// The batch of a page read anew. Of a contact that is on it twice, the later one counts.
pub fn page_batch(page: FreshPage) -> PageBatch {
    let FreshPage { number, etag, digest, total_pages, records } = page;
    let mut batch = Batch::default();
    let mut probes = Vec::new();
    let mut states = Vec::with_capacity(records.len());
    let mut remotes = Vec::with_capacity(records.len());
    let later = repeated(&records);
    for (place, record) in records.into_iter().enumerate() {
        if later.contains(&place) {
            continue;
        }
        match record {
            PageRecord::Same { id, key, revision } => {
                states.push((key, revision));
                remotes.push(id.clone());
                batch.same.push(id);
            }
            PageRecord::Changed(record) if is_probe(&record.contact) => probes.push(record.id),
            PageRecord::Changed(record) => {
                states.extend(id_key(&record.id).map(|key| (key, record.revision)));
                remotes.push(record.id.clone());
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
    if batch.problems.is_empty() && probes.is_empty() {
        let (digest, seal) = (digest.to_string(), seal(&states));
        batch.page = Some(PageNote { page: number, etag, digest, remotes, seal, total_pages });
    }
    PageBatch { batch, probes }
}

/// Places of records that come again further down.
fn repeated(records: &[PageRecord]) -> HashSet<usize> {
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
        replica::{Replica, ReplicaError, Scan},
    };

    const PAGE_1: &str = "<contacts><pagination><total_pages>2</total_pages></pagination>\
        <contact><id>1</id><last_name>old</last_name></contact><contact><id>2</id></contact>\
        <contact><id>1</id><last_name>new</last_name></contact></contacts>";
    const PAGE_2: &str = "<contacts><pagination><total_pages>2</total_pages></pagination>\
        <contact><id>3</id></contact></contacts>";
    const POISON: &str = "<contacts><contact><id>1</id></contact><contact><id>2</id><comment>&x;</comment></contact>\
        <contact><id>3</id><last_name>carnet probe</last_name><comment>carnet probe x — may be deleted</comment>\
        </contact><contact/></contacts>";

    async fn scan(stub: &Stub, known: &Known) -> (Vec<Batch>, Result<Scan, ReplicaError>) {
        let mut batches = Vec::new();
        let mut crm = replica(stub);
        let result = crm
            .scan(known, &mut |batch| {
                batches.push(batch);
                Ok(())
            })
            .await;
        batches.sort_by_key(|batch| batch.page.as_ref().map(|note| note.page));
        (batches, result)
    }

    /// What the mirror knows after it took these batches.
    fn agree(batches: &[Batch]) -> Known {
        let mut known = Known::default();
        for batch in batches {
            known.pages.extend(batch.page.clone().map(|note| (note.page, note)));
            let agreed = batch.changed.iter().map(|record| (record.remote.clone(), record.revision.clone()));
            known.revisions.extend(agreed);
        }
        known
    }

    /// Page 1 is asked for alone, so that the pages come in their order.
    fn one_by_one() -> Known {
        Known { login_refused: true, ..Known::default() }
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
        let (first, result) = scan(&stub, &one_by_one()).await;
        assert_eq!(result, Ok(Scan::Everything));
        let names: Vec<(&str, &str)> =
            first[0].changed.iter().map(|found| (found.remote.as_str(), found.contact.last_name.as_str())).collect();
        assert_eq!(names, [("2", ""), ("1", "new")]);
        assert_eq!(first[0].pages_expected, Some(2));
        let known = agree(&first);
        let (second, result) = scan(&stub, &known).await;
        assert_eq!(result, Ok(Scan::Everything));
        assert!(second.iter().all(|batch| batch.changed.is_empty()), "{second:?}");
        assert_eq!((&second[0].same, &second[1].same), (&vec!["2".to_owned(), "1".into()], &vec!["3".to_owned()]));
        assert_eq!(second[0].page, first[0].page);
        let conditional: Vec<bool> =
            stub.seen().iter().map(|request| request.header("if-none-match").is_some()).collect();
        assert_eq!(conditional, [false, false, true, false]);
    }

    #[tokio::test]
    async fn a_page_is_read_again_once_an_agreement_moved_on() {
        let stub = two_pages().await;
        let mut known = agree(&scan(&stub, &one_by_one()).await.0);
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
        let known = one_by_one();
        let result = crm
            .scan(&known, &mut |batch| {
                batches.push(batch);
                Ok(())
            })
            .await;
        assert_eq!(result, Ok(Scan::Everything));
        let batch = &batches[0];
        assert_eq!((batch.changed.len(), &batch.changed[0].remote, batch.page.clone()), (1, &"1".to_owned(), None));
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
        let stop = ReplicaError::Rejected(crate::replica::Diagnostic::new("stop"));
        let known = Known::default();
        let result = replica(&stub).scan(&known, &mut |_| Err(stop.clone())).await;
        assert_eq!(result, Err(stop));
    }
}
