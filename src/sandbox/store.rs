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
    object::{Change, Record, SCALARS, violations},
    settings::SandboxSettings,
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
    /// There is no such contact.
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
    planned: Vec<(String, Mishap)>,
    /// How often each was made: its own chance depends on it.
    visits: HashMap<String, u32>,
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
        let record = self.get(id)?;
        Ok(record.map(|record| {
            let bytes = xml_write::contact_document(&record, self.settings());
            String::from_utf8(bytes)
                .unwrap_or_else(|error| encoding_rs::mem::decode_latin1(error.as_bytes()).into_owned())
        }))
    }

    /// The value of one of the contact's own elements; `None` when it is nil, unknown, or there is no such contact.
    pub fn value(&self, id: i64, element: &str) -> Result<Option<String>, SandboxError> {
        let record = self.get(id)?;
        Ok(record.and_then(|mut record| {
            SCALARS.iter().position(|name| *name == element).and_then(|at| record.scalars[at].take())
        }))
    }

    /// The numbers of all contacts, ascending.
    pub fn ids(&self) -> Result<Vec<i64>, SandboxError> {
        Ok(self.state().ids()?)
    }

    /// How many contacts there are.
    pub fn count(&self) -> Result<usize, SandboxError> {
        Ok(self.state().count()?)
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
        let Some(at) = SCALARS.iter().position(|name| *name == element) else { return Ok(false) };
        let changed = self.state().change::<()>(id, |record| {
            record.scalars[at] = Some(value.to_owned());
            Ok(())
        })?;
        Ok(changed.is_some())
    }

    /// Changes a contact as a user at the CRM's own screen does; false when there is none. Entries of number 0 are new
    /// ones. Nothing is checked.
    pub fn revise(&self, id: i64, edit: impl FnOnce(&mut Record)) -> Result<bool, SandboxError> {
        let changed = self.state().change::<()>(id, |record| {
            edit(record);
            Ok(())
        })?;
        Ok(changed.is_some())
    }

    /// Adds a contact as a user at the CRM's own screen does; its number. Nothing is checked.
    pub fn add(&self, record: Record) -> Result<i64, SandboxError> {
        Ok(self.state().insert(&record)?)
    }

    /// A contact as it is stored.
    pub fn record(&self, id: i64) -> Result<Option<Record>, SandboxError> {
        self.get(id)
    }

    /// What a PUT of this XML does, without HTTP: another user's change.
    pub fn put(&self, id: i64, xml: &str) -> Result<Outcome<Record>, SandboxError> {
        let change = match xml_read::read_change(xml.as_bytes()) {
            Ok(change) => change,
            Err(error) => return Ok(Outcome::Refused(vec![error.to_string()])),
        };
        self.change(id, &change)
    }

    /// What a POST of this XML does, without HTTP: another user's new contact.
    pub fn post(&self, xml: &str) -> Result<Outcome<Record>, SandboxError> {
        match xml_read::read_change(xml.as_bytes()) {
            Ok(change) => self.create(&change),
            Err(error) => Ok(Outcome::Refused(vec![error.to_string()])),
        }
    }

    /// Removes a contact, as a user at the CRM does; false when there was none.
    pub fn delete(&self, id: i64) -> Result<bool, SandboxError> {
        Ok(self.state().delete(id)?)
    }

    /// From now on these faults, instead of those before.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.requests().faults = faults;
    }

    /// Lets this happen to the next request of that method, once; several wait for one request each, in order.
    pub fn fail_next(&self, method: &str, mishap: Mishap) {
        self.requests().planned.push((method.to_owned(), mishap));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // SQLite undoes what a panic left half done; the connection stays usable.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        // A log and counters have no half-done state that could harm.
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: i64) -> Result<Option<Record>, SandboxError> {
        Ok(self.state().get(id)?)
    }

    pub(super) fn page(
        &self,
        newest_first: bool,
        window: impl FnOnce(usize) -> (usize, usize),
    ) -> Result<(usize, Vec<Record>), SandboxError> {
        Ok(self.state().page(newest_first, window)?)
    }

    pub(super) fn create(&self, change: &Change) -> Result<Outcome<Record>, SandboxError> {
        let mut record = change::post(change, self.settings());
        let errors = change::faults(&record, self.settings());
        if !errors.is_empty() {
            return Ok(Outcome::Refused(errors));
        }
        record.created_at = chrono::Local::now().format("%d-%m-%Y-%H-%M").to_string();
        record.language = Some("fr".to_owned());
        let mut state = self.state();
        let id = state.insert(&record)?;
        Ok(state.get(id)?.map_or(Outcome::Missing, Outcome::Done))
    }

    pub(super) fn change(&self, id: i64, change: &Change) -> Result<Outcome<Record>, SandboxError> {
        let changed = self.state().change(id, |record| {
            change::put(record, change, self.settings())?;
            let errors = violations(record);
            if errors.is_empty() { Ok(()) } else { Err(Refusal::Rules(errors)) }
        })?;
        Ok(match changed {
            None => Outcome::Missing,
            Some(Ok(record)) => Outcome::Done(record),
            Some(Err(Refusal::Missing)) => Outcome::Missing,
            Some(Err(Refusal::Rules(errors))) => Outcome::Refused(errors),
        })
    }

    /// Notes a request and returns what is to happen to it: the faults in force that hold for all, the mishap, and the
    /// chance that decides its particulars.
    pub(super) fn note(&self, request: LoggedRequest) -> (Vec<Fault>, Option<Mishap>, Chance) {
        let mut requests = self.requests();
        let name = format!("{} {}", request.method, request.path);
        let visits = requests.visits.entry(name.clone()).or_default();
        *visits += 1;
        let mut chance = Chance::for_occasion(self.settings().seed, &name, *visits);
        let planned = requests.planned.iter().position(|(method, _)| *method == request.method);
        let struck = strike(&requests.faults, &mut chance);
        let mishap = planned.map(|at| requests.planned.remove(at).1).or(struck);
        if requests.log.len() >= LOG_MAX {
            requests.log.pop_front();
        }
        requests.log.push_back(request);
        (requests.faults.clone(), mishap, chance)
    }
}
