//! The CRM as a replica: plugs the API client into the port.
//!
//! What it adds to the client: pages that need not be read again (the seal), the check of a record just before it is
//! written, the reading back just after, and how lists are put into a PUT for this server. What it deliberately does
//! not do: decide. A stale, refused or unsettled write is said to be so and left to the run.

mod apply;
mod firms;
mod list_modes;
mod list_writes;
mod scan;
mod trials;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Serialize, Serializer};

use self::{list_modes::ListModes, trials::Trials};
use super::{
    Client, ClientSettings, Content, CrmError, ErrorKind, Listing, ListsSetting, Record,
    lists::{ListKind, PerList},
};
use crate::{
    contact::{Field, FieldSet},
    replica::{
        Absence, Answers, Baseline, Capabilities, Conduct, Coverage, Cursor, Diagnostic, Firms, Ids, LocalFuture,
        Lookup, Progress, RemoteContact, Replica, ReplicaError, Scanned, Sink, Write, Writes, Written,
    },
};

/// The name under which it is kept that the login was refused last time.
const LOGIN_REFUSED_KEY: &str = "crm.login_refused";

/// The CRM. Its remotes are its ids, its revisions digests of what the records say.
///
/// To be used on a multi-threaded runtime: pages are read on its threads while the scan's sink works on the caller's.
pub struct CrmReplica {
    client: Client,
    lists: ListModes,
    trials: Trials,
    /// The login was refused last time: it is tried on one request before the others follow.
    login_refused: bool,
}

impl CrmReplica {
    /// The CRM of these settings. Nothing is sent yet; the error is one of the settings.
    pub fn new(settings: &ClientSettings) -> Result<Self, Diagnostic> {
        Ok(Self::over(Client::new(settings).map_err(diagnostic)?, settings.lists))
    }

    /// Tries the login by reading the first page: how many pages there are, if the server tells it.
    pub async fn check_login(&self) -> Result<Option<u32>, ReplicaError> {
        self.client.page_count().await.map_err(replica_error)
    }

    /// The CRM that this client speaks to.
    pub fn over(client: Client, lists: ListsSetting) -> Self {
        Self { client, lists: ListModes::new(lists), trials: Trials::default(), login_refused: false }
    }

    async fn scan_all(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        let remembered = Arc::new(scan::remembered(baseline, self.login_refused)?);
        let mut listing = Listing::start(self.client.clone(), remembered.clone(), scan::page_batch);
        let mut cursor = Cursor::new();
        while let Some(page) = listing.next().await.map_err(replica_error)? {
            let mut batch = match page.content {
                Content::Fresh(scan::PageBatch { batch, probes, note }) => {
                    self.trials.seen.extend(probes);
                    cursor.extend(note);
                    batch
                }
                Content::Same => scan::same_batch(&remembered, page.number),
                Content::Missing => continue,
            };
            batch.progress = Progress { steps: 1, expected: page.pages_expected };
            sink(batch)?;
        }
        self.lists.try_again();
        self.trials.listed();
        Ok(Scanned { coverage: Coverage::Complete, cursor })
    }

    async fn apply_all(&mut self, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
        if let Err(error) = self.prepare(&writes).await {
            return writes.iter().map(|_| Err(error.clone())).collect();
        }
        let lists = PerList::of(|kind| self.lists.behaviour(kind));
        let (client, setting, evidence) = (self.client.clone(), self.lists.setting(), self.lists.evidence());
        let pen = apply::CrmWriter { client, lists, setting, evidence };
        apply::carry_out_all(pen, writes).await
    }

    /// How lists are to be written is found out, if these writes need it; and no throwaway contact is left in the CRM, if
    /// it can be helped. The error is a refused login.
    async fn prepare(&mut self, writes: &[Write]) -> Result<(), ReplicaError> {
        let changed = writes.iter().map(|write| write.action.changed()).fold(FieldSet::NONE, FieldSet::or);
        let kinds = self.lists.to_be_found_out(changed);
        if !kinds.is_empty() {
            self.find_out(&kinds).await?;
        }
        self.trials.clear_up(&self.client).await
    }

    /// True where how a list of these fields is updated is not known, and its next change finds it out on a throwaway contact.
    pub fn is_to_probe(&self, fields: FieldSet) -> bool {
        !self.lists.to_be_found_out(fields).is_empty()
    }

    async fn find_out(&mut self, kinds: &[ListKind]) -> Result<(), ReplicaError> {
        let mut probed = self.client.probe_lists(kinds, &self.trials.usable()).await;
        if let Some((id, error)) = probed.left_behind {
            self.trials.stays(id, error);
        }
        for kind in kinds {
            match probed.behaviours.get_mut(*kind).take() {
                Some(Ok(behaviour)) => self.lists.learn(*kind, Ok(behaviour)),
                Some(Err(error)) if error.kind == ErrorKind::Login => return Err(replica_error(error)),
                Some(Err(error)) => self.lists.learn(*kind, Err(not_found_out(&error))),
                None => {}
            }
        }
        Ok(())
    }
}

impl Replica for CrmReplica {
    fn capabilities(&self) -> Capabilities {
        Capabilities { fields: FieldSet::CRM, weak: FieldSet::NONE, identity: false }
    }

    fn conduct(&self) -> Conduct {
        CONDUCT
    }

    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        self.lists.recall(known);
        self.trials.recall(known);
        self.login_refused = known(LOGIN_REFUSED_KEY).is_some();
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move {
            let scanned = self.scan_all(baseline, sink).await;
            match &scanned {
                Ok(_) => self.login_refused = false,
                Err(ReplicaError::Login(_)) => self.login_refused = true,
                Err(_) => {}
            }
            scanned
        })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async move {
            match self.client.contact(remote).await {
                Ok(Some(record)) => Ok(Lookup::Found(Box::new(remote_contact(record)))),
                Ok(None) => Ok(Lookup::Gone),
                Err(error) if error.kind == ErrorKind::Login => Err(replica_error(error)),
                Err(error) => Ok(Lookup::Unclear(error.to_string())),
            }
        })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(self.apply_all(writes))
    }

    fn tries_before(&self, write: &Write) -> bool {
        self.is_to_probe(write.action.changed())
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        self.client.requests()
    }

    fn firms(&mut self) -> Option<&mut dyn Firms> {
        Some(self)
    }

    fn clear_up<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        Box::pin(async move { drop(self.apply_all(Vec::new()).await) })
    }

    fn learned(&self) -> Vec<(String, String)> {
        let login_refused = if self.login_refused { "yes" } else { "" };
        let mut learned = vec![(LOGIN_REFUSED_KEY.to_owned(), login_refused.to_owned())];
        learned.extend(self.lists.learned());
        learned.push(self.trials.learned());
        learned
    }

    fn list_mode(&self, list: Field) -> Option<String> {
        match ListKind::ALL.into_iter().find(|kind| kind.field() == list) {
            Some(kind) => self.lists.as_text(kind),
            None => Some(String::new()),
        }
    }

    fn remarks(&mut self) -> Vec<Diagnostic> {
        self.trials.remarks()
    }
}

/// How the CRM behaves, as far as its reference says.
const CONDUCT: Conduct = Conduct {
    absence: Absence::AskById,
    writes: Writes::Uncertain,
    answers: Answers::Present,
    ids: Ids::Shared,
    abridges: true,
    rereads: false,
    restorable: false,
    writes_at_once: 16,
};

/// Why it could not be found out how lists are updated: trouble, or a refusal in the server's words.
fn not_found_out(error: &CrmError) -> Diagnostic {
    let unknown = list_modes::unknown_lists();
    Diagnostic { message: format!("{}: {error}", unknown.message), ..unknown }
}

fn diagnostic(error: CrmError) -> Diagnostic {
    Diagnostic { message: error.message, hint: error.hint }
}

fn replica_error(error: CrmError) -> ReplicaError {
    match error.kind {
        ErrorKind::Login => ReplicaError::Login(diagnostic(error)),
        ErrorKind::Unavailable => ReplicaError::Unavailable(diagnostic(error)),
        ErrorKind::Rejected | ErrorKind::Forbidden | ErrorKind::Settings => ReplicaError::Rejected(diagnostic(error)),
        ErrorKind::Gone => ReplicaError::Stale(None),
        ErrorKind::OutcomeUnknown => ReplicaError::OutcomeUnknown(diagnostic(error)),
    }
}

fn remote_contact(record: Record) -> RemoteContact {
    let detail = detail(&record);
    let Record { id, contact, fields, revision, .. } = record;
    let revision = revision.to_string();
    RemoteContact {
        crm_id: Some(id.clone()),
        remote: id,
        revision,
        uid: None,
        contact,
        fields,
        detail,
        source: None,
        edited: None,
    }
}

/// What the record says beside the contact, as JSON; `None` if that is nothing.
fn detail(record: &Record) -> Option<String> {
    let Record { unknown, address_ids, item_ids, .. } = record;
    let detail = Detail { unknown: Unknown(unknown), address_ids, item_ids };
    if unknown.is_empty() && no_ids(&detail.address_ids) && no_ids(&detail.item_ids) {
        return None;
    }
    serde_json::to_string(&detail).ok()
}

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(skip_serializing_if = "Unknown::is_empty")]
    unknown: Unknown<'a>,
    #[serde(skip_serializing_if = "no_ids")]
    address_ids: &'a [Option<String>],
    #[serde(skip_serializing_if = "no_ids")]
    item_ids: &'a [Option<String>],
}

/// The record's other elements, in its order; a name that comes again is numbered.
struct Unknown<'a>(&'a [(String, String)]);

impl Unknown<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Unknown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().enumerate().map(|(place, (name, text))| {
            match self.0[..place].iter().filter(|(earlier, _)| earlier == name).count() {
                0 => (std::borrow::Cow::Borrowed(name.as_str()), text),
                before => (format!("{name}#{}", before + 1).into(), text),
            }
        }))
    }
}

fn no_ids(ids: &&[Option<String>]) -> bool {
    ids.iter().all(Option::is_none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::stub::{Reply, Stub};

    /// The CRM behind a stub, without waits between tries.
    pub(super) fn replica(stub: &Stub) -> CrmReplica {
        CrmReplica::over(stub.client(), ListsSetting::Probe)
    }

    #[tokio::test]
    async fn a_look_says_found_gone_or_unclear() {
        let record = "<contact><id>1</id><tag>a</tag><last_name>Ada</last_name><tag>b</tag><contact_items>\
                      <contact_item><id>5</id><type_id>24</type_id><value>01</value></contact_item></contact_items></contact>";
        let stub = Stub::start(move |request, _| match request.id() {
            Some("1") => Reply::xml(record),
            Some("2") => Reply::status(404),
            Some("3") => Reply::status(401),
            Some("5") => Reply::status(403),
            _ => Reply::status(500),
        })
        .await;
        let mut crm = replica(&stub);
        let Ok(Lookup::Found(found)) = crm.fetch("1").await else { panic!("not found") };
        assert_eq!(found.remote, "1");
        assert_eq!(found.crm_id.as_deref(), Some("1"));
        assert_eq!(found.fields, FieldSet::NONE.with(Field::LastName).with(Field::Items));
        assert_eq!(found.detail.as_deref(), Some(r##"{"unknown":{"tag":"a","tag#2":"b"},"item_ids":["5"]}"##));
        assert!(matches!(crm.fetch("2").await, Ok(Lookup::Gone)));
        assert!(matches!(crm.fetch("3").await, Err(ReplicaError::Login(_))));
        assert!(matches!(crm.fetch("4").await, Ok(Lookup::Unclear(_))));
        assert!(matches!(crm.fetch("5").await, Ok(Lookup::Unclear(_))));
        assert!(matches!(crm.fetch("../4").await, Ok(Lookup::Unclear(_))));
        assert_eq!(crm.requests(), BTreeMap::from([("GET".to_owned(), 7)]));
    }

    #[tokio::test]
    async fn the_login_is_tried_on_the_first_page() {
        for (reply, expected) in [
            (Reply::xml("<contacts><pagination><total_pages>9</total_pages></pagination></contacts>"), Ok(Some(9))),
            (Reply::xml("<contacts type=\"array\"/>"), Ok(None)),
            (Reply::status(401), Err("log in to the CRM: the login was refused (401 Unauthorized)")),
            (Reply::status(403), Err("log in to the CRM: the login was refused (403 Forbidden)")),
            (
                Reply::status(404),
                Err("read page 1 of the contacts: there are no contacts at that address (404 Not Found)"),
            ),
        ] {
            let stub = Stub::start(move |_, _| reply.clone()).await;
            let checked = replica(&stub).check_login().await;
            assert_eq!(checked.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
            assert_eq!(stub.lines(), ["GET /1/contacts.xml"]);
        }
    }
}
