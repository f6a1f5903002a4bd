//! The CRM's firms: the same listing, page rules and ETags as its contacts have. Source: the vendor's reference for the
//! object "Firms", which has the form of the one for contacts.

use std::sync::Arc;

use super::{CrmReplica, replica_error, scan};
use crate::{
    contact::{Contact, Field},
    crm::{
        Client, Content, CrmError, ErrorKind, FreshPage, Listing, PageRecord, Record, id_key,
        xml::{Resource, firm_body},
    },
    replica::{Baseline, Cursor, Diagnostic, Firm, FirmBatch, FirmSink, Firms, LocalFuture, ReplicaError},
};

/// The element of a firm's name.
const NAME: &str = "name";

impl CrmReplica {
    fn firms_client(&self) -> Client {
        self.client.of(Resource::Firms)
    }

    async fn list_firms(&self, baseline: &dyn Baseline, sink: &mut FirmSink<'_>) -> Result<Cursor, ReplicaError> {
        // Until the server has taken the login, or where it may refuse these, one request tries it.
        let remembered = Arc::new(scan::remembered(baseline, !self.client.is_welcome() || baseline.count() == 0)?);
        let mut listing = Listing::start(self.firms_client(), remembered.clone(), firm_page);
        let mut cursor = Cursor::new();
        while let Some(page) = listing.next().await.map_err(replica_error)? {
            match page.content {
                Content::Fresh((batch, note)) => {
                    cursor.extend(note);
                    sink(batch)?;
                }
                Content::Same => {
                    let same = scan::same_batch(&remembered, page.number).same;
                    sink(FirmBatch { same, changed: Vec::new() })?;
                }
                Content::Missing => {}
            }
        }
        Ok(cursor)
    }
}

impl Firms for CrmReplica {
    fn are_expected(&self) -> bool {
        !self.login_refused
    }

    fn firms<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut FirmSink<'_>,
    ) -> LocalFuture<'a, Result<Cursor, ReplicaError>> {
        Box::pin(async move {
            let listed = self.list_firms(baseline, sink).await;
            // It may be the login's matter: one request for contacts tries that.
            self.login_refused |= matches!(listed, Err(ReplicaError::Login(_)));
            listed
        })
    }

    fn firm<'a>(&'a mut self, id: &'a str) -> LocalFuture<'a, Result<Option<Firm>, ReplicaError>> {
        Box::pin(async move {
            if id_key(id).is_none() {
                return Ok(None);
            }
            let record = self.firms_client().one(id).await.map_err(replica_error)?;
            Ok(record.map(firm))
        })
    }

    fn create_firm<'a>(&'a mut self, name: &'a str) -> LocalFuture<'a, Result<Firm, ReplicaError>> {
        Box::pin(async move {
            let body = firm_body(name)
                .map_err(|error| ReplicaError::Rejected(Diagnostic::new(error.to_string()).hint(error.hint())))?;
            let made = self.firms_client().create(body).await.map_err(not_made)?;
            Ok(match made.answer {
                Some(record) => firm(record),
                // The next listing reads it.
                None => Firm {
                    id: made.id,
                    name: Some(name.to_owned()),
                    addresses: None,
                    items: None,
                    revision: String::new(),
                },
            })
        })
    }
}

/// Why a firm is not made. They were listed with this login, at this address: what refuses the one or does not know the
/// other only takes no new firms.
fn not_made(error: CrmError) -> ReplicaError {
    match error.kind {
        ErrorKind::Login | ErrorKind::Gone => ReplicaError::Rejected(Diagnostic::new(error.to_string())),
        ErrorKind::Settings
        | ErrorKind::Forbidden
        | ErrorKind::Unavailable
        | ErrorKind::Rejected
        | ErrorKind::OutcomeUnknown => replica_error(error),
    }
}

/// The batch of a page, and what is worth remembering of it.
fn firm_page(page: FreshPage) -> (FirmBatch, Option<(String, String)>) {
    let mut batch = FirmBatch::default();
    let mut states = Vec::new();
    let mut whole = true;
    let FreshPage { number, etag, digest, total_pages, records } = page;
    let later = scan::repeated(&records);
    for (_, record) in records.into_iter().enumerate().filter(|(place, _)| !later.contains(place)) {
        match record {
            PageRecord::Same { id, key, revision } => {
                states.push((key, revision));
                batch.same.push(id);
            }
            PageRecord::Changed(record) => {
                states.extend(id_key(&record.id).map(|key| (key, record.revision)));
                batch.changed.push(firm(*record));
            }
            PageRecord::Faulty { id, fault } => {
                tracing::debug!(?id, %fault, "a firm cannot be read");
                whole = false;
                batch.same.extend(id);
            }
        }
    }
    let note = (whole && !states.is_empty()).then(|| scan::page_note(number, (etag, digest), total_pages, &states));
    (batch, note)
}

/// A firm of a record. Two names tell none: which is meant is not known.
fn firm(record: Record) -> Firm {
    let mut names = record.unknown.iter().filter(|(element, _)| element == NAME);
    let name = match (names.next(), names.next()) {
        (Some((_, name)), None) if !name.trim_start().starts_with('<') => Some(name.trim().to_owned()),
        _ => None,
    };
    let told = |field| record.fields.contains(field);
    let (has_addresses, has_items) = (told(Field::Addresses), told(Field::Items));
    let Contact { addresses, items, .. } = record.contact;
    Firm {
        id: record.id,
        name,
        addresses: has_addresses.then_some(addresses),
        items: has_items.then_some(items),
        revision: record.revision.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Item, ItemType},
        crm::{
            replica::tests::replica,
            stub::{Reply, Stub},
        },
        replica::{Replica, memory::Known},
    };

    const PAGE: &str = "<firms type=\"array\"><pagination><total_pages>1</total_pages></pagination>\
        <firm><id>344</id><name>Durand, Colin &amp; fils</name><siren>1</siren></firm>\
        <firm><id type=\"integer\">7</id><name nil=\"true\"/></firm><firm><id>8</id><name>&x;</name></firm></firms>";

    async fn list(crm: &mut CrmReplica, known: &Known) -> (Vec<FirmBatch>, Result<Cursor, ReplicaError>) {
        let mut batches = Vec::new();
        let mut sink = |batch| {
            batches.push(batch);
            Ok(())
        };
        let ended = Replica::firms(crm).unwrap().firms(known, &mut sink).await;
        (batches, ended)
    }

    #[tokio::test]
    async fn a_listing_is_read_as_contacts_are_and_a_broken_firm_is_set_aside() {
        let stub = Stub::start(|_, _| Reply::xml(PAGE)).await;
        let (batches, ended) = list(&mut replica(&stub), &Known::default()).await;
        assert_eq!(ended, Ok(Cursor::new()), "a page with a broken firm is met again");
        let names: Vec<(&str, &str)> =
            batches[0].changed.iter().map(|firm| (firm.id.as_str(), firm.name.as_deref().unwrap())).collect();
        assert_eq!(names, [("344", "Durand, Colin & fils"), ("7", "")]);
        assert_eq!(batches[0].same, ["8"]);
        assert_eq!(stub.lines(), ["GET /1/firms.xml"]);
    }

    #[tokio::test]
    async fn a_name_that_is_missing_or_told_twice_is_not_told() {
        let page = "<firms><firm><id>1</id></firm><firm><id>2</id><name>A</name><name>B</name></firm>\
            <firm><id>3</id><name><x>A</x></name></firm><firm><id>4</id><name/></firm></firms>";
        let stub = Stub::start(move |request, _| match request.path.contains("page") {
            true => Reply::status(404),
            false => Reply::xml(page),
        })
        .await;
        let (batches, _) = list(&mut replica(&stub), &Known::default()).await;
        let names: Vec<Option<&str>> = batches[0].changed.iter().map(|firm| firm.name.as_deref()).collect();
        assert_eq!(names, [None, None, None, Some("")]);
    }

    #[tokio::test]
    async fn addresses_and_telephones_are_read_where_they_are_told() {
        let page = "<firms><pagination><total_pages>1</total_pages></pagination><firm><id>1</id><name>A</name>\
            <contact_addresses><contact_address><address_type>21</address_type><city>Lyon</city></contact_address>\
            </contact_addresses><contact_items type=\"array\"><contact_item><type_id>71</type_id><value>04 78</value>\
            </contact_item></contact_items></firm><firm><id>2</id><name>B</name><contact_items/></firm></firms>";
        let stub = Stub::start(move |_, _| Reply::xml(page)).await;
        let (batches, _) = list(&mut replica(&stub), &Known::default()).await;
        let [one, other] = &batches[0].changed[..] else { panic!("{batches:?}") };
        assert_eq!(one.addresses.as_ref().unwrap()[0].city, "Lyon");
        assert_eq!(one.items, Some(vec![Item::new(ItemType::from_code("71"), "04 78")]));
        assert_eq!((&other.addresses, &other.items), (&None, &Some(Vec::new())));
    }

    #[tokio::test]
    async fn an_unchanged_listing_costs_one_conditional_request_a_page() {
        let page = PAGE.replace("&x;", "x");
        let stub = Stub::start(move |request, _| match request.header("if-none-match") {
            Some("\"one\"") => Reply::status(304),
            _ => Reply::xml(page.as_str()).header("etag", "\"one\""),
        })
        .await;
        let mut crm = replica(&stub);
        let (batches, ended) = list(&mut crm, &Known::default()).await;
        let mut known = Known::default();
        known.revisions.extend(batches[0].changed.iter().map(|firm| (firm.id.clone(), firm.revision.clone())));
        known.keep(ended.unwrap());
        let (batches, ended) = list(&mut crm, &known).await;
        assert_eq!((ended, batches.len()), (Ok(Cursor::new()), 1));
        assert_eq!((batches[0].same.len(), batches[0].changed.len()), (3, 0));
        assert_eq!(stub.lines().len(), 2);
    }

    #[tokio::test]
    async fn whatever_is_odd_leaves_firms_out() {
        for reply in [
            Reply::status(401),
            Reply::status(403),
            Reply::status(404),
            Reply::xml("<html>log in</html>"),
            Reply::xml("<contacts/>"),
        ] {
            let shown = format!("{reply:?}");
            let stub = Stub::start(move |_, _| reply.clone()).await;
            let (batches, ended) = list(&mut replica(&stub), &Known::default()).await;
            assert!(ended.is_err() && batches.is_empty(), "{shown}");
            assert_eq!(stub.lines().len(), 1, "{shown}");
        }
    }

    #[tokio::test]
    async fn a_crm_that_takes_no_new_firms_refuses_them() {
        for status in [401, 403, 404, 405, 422] {
            let stub = Stub::start(move |_, _| Reply::status(status)).await;
            let made = Replica::firms(&mut replica(&stub)).unwrap().create_firm("A").await;
            assert!(matches!(made, Err(ReplicaError::Rejected(_))), "{status}: {made:?}");
            assert_eq!(stub.lines(), ["POST /1/firms.xml"]);
        }
    }

    #[tokio::test]
    async fn a_firm_is_made_once() {
        let stub = Stub::start(|_, _| Reply::status(201).body("<firm><id>9</id><name>A &amp; B</name></firm>")).await;
        let made = Replica::firms(&mut replica(&stub)).unwrap().create_firm("A & B").await.unwrap();
        assert_eq!((made.id.as_str(), made.name.as_deref()), ("9", Some("A & B")));
        assert_eq!(stub.lines(), ["POST /1/firms.xml"]);
        assert!(stub.seen()[0].body.contains("<firm><name>A &amp; B</name></firm>"), "{}", stub.seen()[0].body);
    }
}
