//! The storages of the replicas that need no server: files, memory, the practice CRM.

use std::{fmt::Write as _, fs, path::PathBuf, time::Duration};

use carnet::{
    books::{
        fs as files,
        served::{Condition, DeviceId, DeviceStore, NewDevice, Served},
        vdir::BookSettings,
    },
    crm::{Answer, Client, ClientSettings, Exchange, ListsSetting, Request, Wire, replica::CrmReplica},
    formats::vcard::WriteStyle,
    replica::{Replica, memory::Memory},
    sandbox::{Direct, DirectAnswer, Lists, Record, SandboxSettings},
};

use crate::subject::Subject;

/// The settings of a book in a test.
pub fn settings(path: PathBuf) -> BookSettings {
    BookSettings { name: "team".into(), path, style: WriteStyle::default() }
}

/// Books in files.
pub struct Files {
    dir: tempfile::TempDir,
    make: Box<dyn Fn(PathBuf) -> Box<dyn Replica>>,
    name: &'static str,
    open: Option<Box<dyn Replica>>,
}

impl Files {
    /// A book at `name` in a fresh folder.
    pub fn new<R: Replica + 'static>(name: &'static str, make: impl Fn(PathBuf) -> R + 'static) -> Self {
        let make = Box::new(move |path| Box::new(make(path)) as Box<dyn Replica>);
        Self { dir: tempfile::tempdir().unwrap(), make, name, open: None }
    }

    fn all(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

impl Subject for Files {
    fn open(&mut self) -> &mut dyn Replica {
        let fresh = (self.make)(self.dir.path().join(self.name));
        self.open.insert(fresh).as_mut()
    }

    fn edit(&mut self, from: &str, to: &str) {
        for path in self.all() {
            let text = fs::read_to_string(&path).unwrap();
            if text.contains(from) {
                fs::write(&path, text.replace(from, to)).unwrap();
            }
        }
    }

    fn print(&self) -> String {
        use std::os::unix::fs::MetadataExt;
        self.all().iter().fold(String::new(), |mut out, path| {
            let data = fs::metadata(path).unwrap();
            let (bytes, name) = (fs::read(path).unwrap(), path.strip_prefix(self.dir.path()).unwrap());
            let stamp = (data.ino(), data.mtime(), data.mtime_nsec(), data.mode());
            writeln!(out, "{} {stamp:?} {}", name.display(), files::Digest::of(&bytes)).unwrap();
            out
        })
    }

    fn spoil(&mut self, title: &str, good: bool) -> bool {
        // Only where each record has a file of its own.
        let (from, to) = if good { ("begin of a card", "BEGIN:VCARD") } else { ("BEGIN:VCARD", "begin of a card") };
        let all = self.all();
        let of_one = |path: &&PathBuf| {
            fs::read_to_string(path).is_ok_and(|text| text.contains(title) && text.matches(from).count() == 1)
        };
        let Some(path) = all.iter().find(of_one) else { return false };
        fs::write(path, fs::read_to_string(path).unwrap().replace(from, to)).unwrap();
        true
    }
}

/// A device's book, which the device writes to as well.
pub struct OnDevice {
    dir: tempfile::TempDir,
    device: DeviceId,
    open: Option<Served>,
}

impl OnDevice {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = DeviceStore::open(&dir.path().join("devices.db")).unwrap();
        let device = store.add(&NewDevice::of("phone"), 0).unwrap();
        Self { dir, device, open: None }
    }

    fn store(&self) -> DeviceStore {
        DeviceStore::open(&self.dir.path().join("devices.db")).unwrap()
    }

    /// The names of its cards, in order.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.store().members(self.device, |member| names.push(member.name)).unwrap();
        names
    }

    /// The device fetches the cards with this text and writes them with another; true if there was one.
    fn rewrite(&self, having: &str, from: &str, to: &str) -> bool {
        let mut store = self.store();
        let mut was_there = false;
        for name in self.names() {
            let card = store.card(self.device, &name).unwrap().unwrap();
            let text = String::from_utf8(card.body).unwrap();
            if text.contains(having) {
                was_there = true;
                let text = text.replace(from, to);
                store.put(self.device, &name, &card.member.uid, text.as_bytes(), &Condition::None).unwrap();
            }
        }
        was_there
    }
}

impl Subject for OnDevice {
    fn open(&mut self) -> &mut dyn Replica {
        self.open.insert(Served::new("phone", self.device, WriteStyle::default(), self.store()))
    }

    fn edit(&mut self, from: &str, to: &str) {
        self.rewrite(from, from, to);
    }

    fn print(&self) -> String {
        let mut members = Vec::new();
        let look = self.store().members(self.device, |member| members.push(member)).unwrap();
        format!("{look:?} {members:?}")
    }

    fn spoil(&mut self, title: &str, good: bool) -> bool {
        let (from, to) = if good { ("begin of a card", "BEGIN:VCARD") } else { ("BEGIN:VCARD", "begin of a card") };
        self.rewrite(title, from, to)
    }
}

/// A replica in memory.
pub struct InMemory(Memory);

impl InMemory {
    pub fn new(memory: Memory) -> Self {
        Self(memory)
    }

    fn titled(&self, title: &str) -> Vec<String> {
        let is_it = |remote: &String| self.0.contact(remote).is_some_and(|contact| contact.job_title == title);
        self.0.remotes().into_iter().filter(is_it).collect()
    }
}

impl Subject for InMemory {
    fn open(&mut self) -> &mut dyn Replica {
        &mut self.0
    }

    fn edit(&mut self, from: &str, to: &str) {
        for remote in self.titled(from) {
            self.0.edit(&remote, |contact| contact.job_title = to.into());
        }
    }

    fn print(&self) -> String {
        format!("{:?}", self.0)
    }

    fn spoil(&mut self, title: &str, good: bool) -> bool {
        for remote in self.titled(title) {
            self.0.edit(&remote, |_| {});
            if good {
                self.0.faults.unreadable.remove(&remote)
            } else {
                self.0.faults.unreadable.insert(remote)
            };
        }
        true
    }
}

/// The practice CRM, asked without a socket.
pub struct PracticeCrm {
    server: Direct,
    open: Option<CrmReplica>,
}

impl PracticeCrm {
    pub fn new(lists: Lists) -> Self {
        let settings = SandboxSettings { contacts: 0, lists, ..SandboxSettings::default() };
        Self { server: Direct::new(settings).unwrap(), open: None }
    }

    fn records(&self) -> Vec<Record> {
        let store = self.server.store();
        store.ids().unwrap().into_iter().filter_map(|id| store.record(id).unwrap()).collect()
    }
}

/// The place of the job title among a record's scalars.
const JOB_TITLE: usize = 4;

impl Subject for PracticeCrm {
    fn open(&mut self) -> &mut dyn Replica {
        let settings = ClientSettings {
            base_url: format!("{ORIGIN}/demo"),
            username: "demo".to_owned(),
            password: "demo".to_owned().into(),
            concurrency: 4,
            requests_per_second: None,
            per_page: None,
            timeout: Duration::from_secs(10),
            ca_file: None,
            insecure_http: false,
            lists: ListsSetting::Probe,
        };
        let client = Client::over(&settings, Box::new(Line(self.server.clone()))).unwrap();
        self.open.insert(CrmReplica::over(client, settings.lists))
    }

    fn edit(&mut self, from: &str, to: &str) {
        for record in self.records().iter().filter(|record| record.scalars[JOB_TITLE].as_deref() == Some(from)) {
            self.server.store().edit(record.id, "job_title", to).unwrap();
        }
    }

    fn print(&self) -> String {
        format!("{:?}", self.records())
    }
}

const ORIGIN: &str = "http://127.0.0.1:1";

/// A line to the practice CRM on which nothing gets lost.
struct Line(Direct);

impl Wire for Line {
    fn exchange<'a>(&'a self, request: Request<'a>) -> Exchange<'a> {
        let path = request.url.strip_prefix(ORIGIN).unwrap();
        let body = request.body.unwrap_or_default();
        let answer = self.0.respond(request.verb.name(), path, request.etag, body.as_bytes(), None).unwrap();
        let DirectAnswer { status, headers, body } = answer;
        let header = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let answer = Answer {
            status,
            etag: header("etag"),
            location: header("location"),
            content_type: header("content-type"),
            retry_after: None,
            body,
        };
        Box::pin(async move { Ok(answer) })
    }

    fn chance(&self) -> f64 {
        0.5
    }
}
