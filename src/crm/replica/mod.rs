//! The CRM as a replica: plugs the API client into the port.
//!
//! What it adds to the client: pages that need not be read again (the seal), the check of a record just before it is
//! written, the reading back just after, and how lists are put into a PUT for this server. What it deliberately does
//! not do: decide. A stale, refused or unsettled write is said to be so and left to the run.

mod apply;
mod scan;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Serialize, Serializer};

use super::{
    Client, ClientSettings, Content, CrmError, ErrorKind, Listing, ListsSetting, Record, is_probe, lists::ListBehaviour,
};
use crate::{
    contact::{Field, FieldSet},
    replica::{
        Absence, Action, Baseline, Capabilities, Conduct, Coverage, Cursor, Diagnostic, Ids, LocalFuture, Lookup,
        Progress, RemoteContact, Replica, ReplicaError, Scanned, Sink, Write, Writes, Written,
    },
};

/// The name under which the server's treatment of lists is kept for the next run.
const LIST_MODE_KEY: &str = "crm.lists";
/// The name under which it is kept that the login was refused last time.
const LOGIN_REFUSED_KEY: &str = "crm.login_refused";
/// The name under which it is counted how often a server turned out to treat lists otherwise than was believed.
const LIST_MISMATCHES_KEY: &str = "crm.lists_doubted";
/// So often the server is asked anew: a colleague's edit in the instant of a write looks the same.
const DOUBTS_MAX: u32 = 3;

/// The CRM. Its remotes are its ids, its revisions digests of what the records say.
///
/// To be used on a multi-threaded runtime: pages are read on its threads while the scan's sink works on the caller's.
pub struct CrmReplica {
    client: Client,
    lists: ListsSetting,
    learnt: Option<ListBehaviour>,
    list_mode_invalid: Arc<AtomicBool>,
    /// How often that was so in earlier runs.
    list_mode_mismatches: u32,
    /// Throwaway contacts of earlier probes, to be used again or removed at the next write.
    probes_left: BTreeSet<String>,
    /// The login was refused last time: it is tried on one request before the others follow.
    login_refused: bool,
    /// Why the probe failed. It is not repeated before a listing has shown what it left behind.
    probe_failed: Option<Diagnostic>,
}

impl CrmReplica {
    /// The CRM of these settings. Nothing is sent yet; the error is one of the settings.
    pub fn new(settings: &ClientSettings) -> Result<Self, Diagnostic> {
        Ok(Self::over(Client::new(settings).map_err(diagnostic)?, settings.lists))
    }

    /// What is known of its lists by trying, to be kept for the next run: nothing where it turned out wrong, so that it is
    /// tried anew, and `Unknown` where that happened too often.
    fn list_mode(&self) -> Option<ListBehaviour> {
        match (self.is_refuted(), self.list_mode_mismatches + 1 >= DOUBTS_MAX) {
            (false, _) => self.learnt,
            (true, false) => None,
            (true, true) => Some(ListBehaviour::Unknown),
        }
    }

    fn is_refuted(&self) -> bool {
        self.list_mode_invalid.load(Ordering::Relaxed)
    }

    /// Tries the login by reading the first page: how many pages there are, if the server tells it.
    pub async fn check_login(&self) -> Result<Option<u32>, ReplicaError> {
        self.client.page_count().await.map_err(replica_error)
    }

    /// The CRM that this client speaks to.
    pub fn over(client: Client, lists: ListsSetting) -> Self {
        Self {
            client,
            lists,
            learnt: None,
            list_mode_invalid: Arc::default(),
            list_mode_mismatches: 0,
            probes_left: BTreeSet::new(),
            login_refused: false,
            probe_failed: None,
        }
    }

    async fn scan_all(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        let remembered = Arc::new(scan::remembered(baseline, self.login_refused)?);
        let mut listing = Listing::start(self.client.clone(), remembered.clone(), scan::page_batch);
        let mut cursor = Cursor::new();
        while let Some(page) = listing.next().await.map_err(replica_error)? {
            let mut batch = match page.content {
                Content::Fresh(scan::PageBatch { batch, probes, note }) => {
                    self.probes_left.extend(probes);
                    cursor.extend(note);
                    batch
                }
                Content::Same => scan::same_batch(&remembered, page.number),
                Content::Missing => continue,
            };
            batch.progress = Progress { steps: 1, expected: page.pages_expected };
            sink(batch)?;
        }
        self.probe_failed = None;
        Ok(Scanned { coverage: Coverage::Complete, cursor })
    }

    async fn apply_all(&mut self, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
        let lists = match self.prepare(&writes).await {
            Ok(lists) => lists,
            Err(error) => return writes.iter().map(|_| Err(error.clone())).collect(),
        };
        let pen =
            apply::CrmWriter { client: self.client.clone(), lists, list_mode_invalid: self.list_mode_invalid.clone() };
        apply::carry_out_all(pen, writes).await
    }

    /// How lists are to be written, found out if these writes need it, or why that failed; and no throwaway contact is
    /// left in the CRM, if it can be helped. The error is a refused login.
    async fn prepare(&mut self, writes: &[Write]) -> Result<Result<ListBehaviour, Diagnostic>, ReplicaError> {
        let mut lists = self.behaviour().ok_or_else(unknown_lists);
        if lists.is_err() && !self.is_refuted() && writes.iter().any(changes_list) {
            lists = match self.probe_failed.clone() {
                Some(diagnostic) => Err(diagnostic),
                None => self.probe().await?,
            };
        }
        self.remove_probes().await?;
        Ok(lists)
    }

    /// True where how lists are updated is not known, and the next change of one finds it out on a throwaway contact.
    pub fn is_to_probe(&self) -> bool {
        self.behaviour().is_none() && !self.is_refuted() && self.probe_failed.is_none()
    }

    fn behaviour(&self) -> Option<ListBehaviour> {
        if self.is_refuted() { self.list_mode() } else { self.lists.behaviour().or(self.learnt) }
    }

    async fn probe(&mut self) -> Result<Result<ListBehaviour, Diagnostic>, ReplicaError> {
        let probed = self.client.probe_lists(&self.probes_left).await;
        self.probes_left.extend(probed.left_behind);
        Ok(match probed.behaviour {
            Ok(behaviour) => {
                tracing::info!(%behaviour, "found out how the CRM updates lists");
                self.learnt = Some(behaviour);
                Ok(behaviour)
            }
            Err(error) if error.kind == ErrorKind::Login => return Err(replica_error(error)),
            Err(error) => {
                let unknown = unknown_lists();
                let diagnostic = Diagnostic { message: format!("{}: could not {error}", unknown.message), ..unknown };
                self.probe_failed = Some(diagnostic.clone());
                Err(diagnostic)
            }
        })
    }

    /// Best effort: only a refused login stops the run, what cannot be removed now is tried another time.
    async fn remove_probes(&mut self) -> Result<(), ReplicaError> {
        for id in self.probes_left.clone() {
            let removed = match self.client.contact(&id).await {
                Ok(Some(record)) if is_probe(&record.contact) => self.client.delete(&id).await.map(drop),
                other => other.map(drop),
            };
            match removed {
                Ok(()) => drop(self.probes_left.remove(&id)),
                Err(error) if error.kind == ErrorKind::Login => return Err(replica_error(error)),
                Err(error) => tracing::debug!(id, %error, "the probe contact stays for now"),
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
        let number = |name| known(name).and_then(|text| text.parse().ok());
        self.learnt = known(LIST_MODE_KEY).and_then(|text| text.parse().ok());
        self.list_mode_mismatches = number(LIST_MISMATCHES_KEY).unwrap_or(0);
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
        self.is_to_probe() && changes_list(write)
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        self.client.requests()
    }

    fn clear_up<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        Box::pin(async move { drop(self.apply_all(Vec::new()).await) })
    }

    fn learned(&self) -> Vec<(String, String)> {
        let kept = |name: &str, value: Option<String>| (name.to_owned(), value.unwrap_or_default());
        let mut learned = vec![kept(LOGIN_REFUSED_KEY, self.login_refused.then(|| "yes".to_owned()))];
        if self.lists != ListsSetting::Probe {
            return learned;
        }
        let lists = self.list_mode().map(|lists| lists.to_string());
        if self.is_refuted() {
            learned.push(kept(LIST_MODE_KEY, lists));
            learned.push(kept(LIST_MISMATCHES_KEY, Some((self.list_mode_mismatches + 1).to_string())));
        } else if lists.is_some() {
            learned.push(kept(LIST_MODE_KEY, lists));
        }
        learned
    }
}

/// How the CRM behaves, as far as its reference says.
const CONDUCT: Conduct = Conduct {
    absence: Absence::AskById,
    writes: Writes::Uncertain,
    ids: Ids::Shared,
    abridges: true,
    rereads: false,
    restorable: false,
    writes_at_once: 16,
};

fn unknown_lists() -> Diagnostic {
    Diagnostic::new("find out how the CRM updates lists")
        .hint("the next run tries again; crm.lists = \"replace\", \"append\" or \"ids\" tells it without trying")
}

fn changes_list(write: &Write) -> bool {
    match &write.action {
        Action::Update { changed, .. } => changed.contains(Field::Addresses) || changed.contains(Field::Items),
        Action::Create { .. } | Action::Delete { .. } => false,
    }
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
    RemoteContact { crm_id: Some(id.clone()), remote: id, revision, uid: None, contact, fields, detail, source: None }
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
            (Reply::status(401), Err("read page 1 of the contacts: the login was refused (401 Unauthorized)")),
            (Reply::status(403), Err("read page 1 of the contacts: the login was refused (403 Forbidden)")),
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
