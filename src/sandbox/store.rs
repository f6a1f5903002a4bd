//! The handle on a running sandbox's insides: what it holds, what it was asked, what is to go wrong next.
//!
//! The server works through it; a test in the same process looks through it, as a user at the CRM's own screen would.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    SandboxError,
    chance::Chance,
    change::{self, Refusal},
    faults::{Fault, Mishap, strike},
    object::{CONTACT, Change, Kind, Object, Record, Shape, violations},
    rows::{CONTACTS, FIRMS, Table},
    settings::{Quirk, SandboxSettings},
    state::State,
    xml_read, xml_write,
};

/// So many requests are remembered; the oldest go first.
pub const LOG_MAX: usize = 10_000;

/// A request as it came, whatever was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// `GET`, `PUT`...
    pub method: String,
    /// The path with its query: `/demo/contacts.xml?page=2`.
    pub path: String,
    /// The body, text that is not UTF-8 replaced.
    pub body: String,
}

/// What became of a change.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It is stored.
    Done(T),
    /// There is no such contact or firm.
    Missing,
    /// It may not be stored: a sentence for each reason.
    Refused(Vec<String>),
}

/// A handle on a sandbox's insides; clones are the same sandbox.
#[derive(Debug, Clone)]
pub struct Store(Arc<Insides>);

#[derive(Debug)]
struct Insides {
    settings: SandboxSettings,
    state: Mutex<State>,
    requests: Mutex<Requests>,
}

/// What is remembered of requests, and planned for them.
#[derive(Debug, Default)]
struct Requests {
    log: VecDeque<LoggedRequest>,
    faults: Vec<Fault>,
    planned: Vec<Planned>,
    /// How often each was made: its own chance depends on it.
    visits: HashMap<String, u32>,
}

/// A mishap that waits for its request.
#[derive(Debug)]
struct Planned {
    method: String,
    path_part: String,
    mishap: Mishap,
}

impl Store {
    pub(super) fn new(settings: SandboxSettings, state: State) -> Self {
        let requests = Requests { faults: settings.faults.clone(), ..Requests::default() };
        Self(Arc::new(Insides { settings, state: Mutex::new(state), requests: Mutex::new(requests) }))
    }

    /// The settings that it was started with.
    pub fn settings(&self) -> &SandboxSettings {
        &self.0.settings
    }

    /// The contact's XML as a GET answers it; `None` when there is none.
    pub fn contact_xml(&self, id: i64) -> Result<Option<String>, SandboxError> {
        self.xml(&CONTACTS, id)
    }

    /// The value of one of the contact's own elements; `None` when it is nil, unknown, or there is no such contact.
    pub fn value(&self, id: i64, element: &str) -> Result<Option<String>, SandboxError> {
        let record = self.record(id)?;
        Ok(record.zip(CONTACT.place(element)).and_then(|(mut record, at)| record.scalars[at].take()))
    }

    /// The numbers of all contacts, ascending.
    pub fn ids(&self) -> Result<Vec<i64>, SandboxError> {
        Ok(self.state().rows(&CONTACTS).ids()?)
    }

    /// How many contacts there are.
    pub fn count(&self) -> Result<usize, SandboxError> {
        Ok(self.state().rows(&CONTACTS).count()?)
    }

    /// The last [`LOG_MAX`] requests, oldest first.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.requests().log.iter().cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.requests().log.clear();
    }

    /// Sets one of the contact's own elements, as a user at the CRM does; false when there is no such contact or
    /// element. Nothing is checked: a test may store what no client could.
    pub fn edit(&self, id: i64, element: &str, value: &str) -> Result<bool, SandboxError> {
        let Some(at) = CONTACT.place(element) else { return Ok(false) };
        self.revise(id, |record| record.scalars[at] = Some(value.to_owned()))
    }

    /// Changes a contact as a user at the CRM's own screen does; false when there is none. Entries of number 0 are new
    /// ones. Nothing is checked.
    pub fn revise(&self, id: i64, edit: impl FnOnce(&mut Record)) -> Result<bool, SandboxError> {
        self.revise_row(&CONTACTS, id, edit)
    }

    /// Adds a contact as a user at the CRM's own screen does; its number. Nothing is checked.
    pub fn add(&self, record: Record) -> Result<i64, SandboxError> {
        Ok(self.state().rows(&CONTACTS).insert(&record)?)
    }

    /// A contact as it is stored.
    pub fn record(&self, id: i64) -> Result<Option<Record>, SandboxError> {
        self.get(&CONTACTS, id)
    }

    /// What a PUT of this XML does, without HTTP: another user's change.
    pub fn put(&self, id: i64, xml: &str) -> Result<Outcome<Record>, SandboxError> {
        self.put_xml(&CONTACTS, id, xml)
    }

    /// What a POST of this XML does, without HTTP: another user's new contact.
    pub fn post(&self, xml: &str) -> Result<Outcome<Record>, SandboxError> {
        self.post_xml(&CONTACTS, xml)
    }

    /// Removes a contact, as a user at the CRM does; false when there was none.
    pub fn delete(&self, id: i64) -> Result<bool, SandboxError> {
        Ok(self.state().rows(&CONTACTS).delete(id)?)
    }

    /// How many of the requests that are remembered have this method and this in their path: `("GET", "/firms.xml")` are
    /// the pages of firms.
    pub fn asked(&self, method: &str, path_part: &str) -> usize {
        let requests = self.requests();
        requests.log.iter().filter(|request| request.method == method && request.path.contains(path_part)).count()
    }

    /// From now on these faults, instead of those before.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.requests().faults = faults;
    }

    /// Lets this happen to the next request of that method, once; several wait for one request each, in order.
    pub fn fail_next(&self, method: &str, mishap: Mishap) {
        self.fail_next_at(method, "", mishap);
    }

    /// The same, to the next of that method whose path has this in it, such as `/firms`.
    pub fn fail_next_at(&self, method: &str, path_part: &str, mishap: Mishap) {
        self.requests().planned.push(Planned { method: method.to_owned(), path_part: path_part.to_owned(), mishap });
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // SQLite undoes what a panic left half done; the connection stays usable.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        // A log and counters have no half-done state that could harm.
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get<const N: usize>(
        &self,
        table: &'static Table<N>,
        id: i64,
    ) -> Result<Option<Object<N>>, SandboxError> {
        Ok(self.state().rows(table).get(id)?)
    }

    pub(super) fn xml<const N: usize>(
        &self,
        table: &'static Table<N>,
        id: i64,
    ) -> Result<Option<String>, SandboxError> {
        let object = self.get(table, id)?;
        Ok(object.map(|object| {
            let bytes = xml_write::document(table.shape, &object, self.settings());
            String::from_utf8(bytes)
                .unwrap_or_else(|error| encoding_rs::mem::decode_latin1(error.as_bytes()).into_owned())
        }))
    }

    pub(super) fn revise_row<const N: usize>(
        &self,
        table: &'static Table<N>,
        id: i64,
        edit: impl FnOnce(&mut Object<N>),
    ) -> Result<bool, SandboxError> {
        let changed = self.state().rows(table).change::<()>(id, |object| {
            edit(object);
            Ok(())
        })?;
        Ok(changed.is_some())
    }

    pub(super) fn put_xml<const N: usize>(
        &self,
        table: &'static Table<N>,
        id: i64,
        xml: &str,
    ) -> Result<Outcome<Object<N>>, SandboxError> {
        match xml_read::read_change(table.shape, xml.as_bytes()) {
            Ok(change) => self.change(table, id, &change),
            Err(error) => Ok(Outcome::Refused(vec![error.to_string()])),
        }
    }

    pub(super) fn post_xml<const N: usize>(
        &self,
        table: &'static Table<N>,
        xml: &str,
    ) -> Result<Outcome<Object<N>>, SandboxError> {
        match xml_read::read_change(table.shape, xml.as_bytes()) {
            Ok(change) => self.create(table, &change),
            Err(error) => Ok(Outcome::Refused(vec![error.to_string()])),
        }
    }

    pub(super) fn page<const N: usize>(
        &self,
        table: &'static Table<N>,
        newest_first: bool,
        window: impl FnOnce(usize) -> (usize, usize),
    ) -> Result<(usize, Vec<Object<N>>), SandboxError> {
        Ok(self.state().rows(table).page(newest_first, window)?)
    }

    pub(super) fn create<const N: usize>(
        &self,
        table: &'static Table<N>,
        change: &Change<N>,
    ) -> Result<Outcome<Object<N>>, SandboxError> {
        let mut object = change::post(table.shape, change, self.settings());
        let mut state = self.state();
        let mut errors = change::faults(table.shape, &object, self.settings());
        errors.extend(self.unknown_firm(&mut state, table.shape, change)?);
        if !errors.is_empty() {
            return Ok(Outcome::Refused(errors));
        }
        object.created_at = chrono::Local::now().format("%d-%m-%Y-%H-%M").to_string();
        object.language = Some("fr".to_owned());
        let id = state.rows(table).insert(&object)?;
        Ok(state.rows(table).get(id)?.map_or(Outcome::Missing, Outcome::Done))
    }

    pub(super) fn change<const N: usize>(
        &self,
        table: &'static Table<N>,
        id: i64,
        change: &Change<N>,
    ) -> Result<Outcome<Object<N>>, SandboxError> {
        let mut state = self.state();
        let unknown_firm = self.unknown_firm(&mut state, table.shape, change)?;
        let changed = state.rows(table).change(id, |object| {
            change::put(table.shape, object, change, self.settings())?;
            let errors: Vec<String> = violations(table.shape, object).into_iter().chain(unknown_firm).collect();
            if errors.is_empty() { Ok(()) } else { Err(Refusal::Rules(errors)) }
        })?;
        Ok(match changed {
            None => Outcome::Missing,
            Some(Ok(object)) => Outcome::Done(object),
            Some(Err(Refusal::Missing)) => Outcome::Missing,
            Some(Err(Refusal::Rules(errors))) => Outcome::Refused(errors),
        })
    }

    /// What is said of a change that puts a contact into a firm that is not there, where that is checked.
    fn unknown_firm<const N: usize>(
        &self,
        state: &mut State,
        shape: &Shape<N>,
        change: &Change<N>,
    ) -> Result<Option<String>, SandboxError> {
        let named =
            change::firm_named(shape, change, self.settings()).filter(|_| self.settings().has(Quirk::ChecksFirms));
        let known = match named {
            // What is no number is refused for that.
            None | Some(Err(_)) => true,
            Some(Ok(firm)) => state.rows(&FIRMS).has(firm)?,
        };
        Ok((!known).then(|| "Firm does not exist".to_owned()))
    }

    /// Removes a contact or firm on request; why not, where something ties it.
    pub(super) fn remove(&self, kind: Kind, id: i64) -> Result<Outcome<()>, SandboxError> {
        let settings = self.settings();
        let mut state = self.state();
        let (there, contacts) = match kind {
            Kind::Contact => (state.rows(&CONTACTS).has(id)?, 0),
            Kind::Firm => (state.rows(&FIRMS).has(id)?, state.contacts_of_firm(id)?.len()),
        };
        let ties = change::ties(kind, id, contacts, settings);
        if there && !ties.is_empty() {
            return Ok(Outcome::Refused(ties));
        }
        let was_there = match kind {
            Kind::Contact => state.rows(&CONTACTS).delete(id)?,
            Kind::Firm => state.delete_firm(id, settings.has(Quirk::FirmDeleteClears))?,
        };
        Ok(if was_there { Outcome::Done(()) } else { Outcome::Missing })
    }

    /// Notes a request and returns what is to happen to it: the faults in force that hold for all, the mishap, and the
    /// chance that decides its particulars.
    pub(super) fn note(&self, request: LoggedRequest) -> (Vec<Fault>, Option<Mishap>, Chance) {
        let mut requests = self.requests();
        let name = format!("{} {}", request.method, request.path);
        let visits = requests.visits.entry(name.clone()).or_default();
        *visits += 1;
        let mut chance = Chance::for_occasion(self.settings().seed, &name, *visits);
        let planned = requests
            .planned
            .iter()
            .position(|plan| plan.method == request.method && request.path.contains(&plan.path_part));
        let struck = strike(&requests.faults, &mut chance);
        let mishap = planned.map(|at| requests.planned.remove(at).mishap).or(struck);
        if requests.log.len() >= LOG_MAX {
            requests.log.pop_front();
        }
        requests.log.push_back(request);
        (requests.faults.clone(), mishap, chance)
    }
}
