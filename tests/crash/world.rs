//! A practice CRM that outlives whatever happens to carnet, a folder of cards, a .vcf file and a .csv file in a folder of
//! their own, and the real program between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use assert_cmd::cargo::cargo_bin;
use carnet::sandbox::{Sandbox, SandboxSettings, Store};
use tokio::runtime::Runtime;

use super::ledger::{Ledger, is_name, tokens};

/// A run that takes longer hangs.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// Where contacts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The practice CRM.
    Crm,
    /// The folder of cards.
    Cards,
    /// The .vcf file.
    Phone,
    /// The .csv file.
    Sheet,
}

impl Place {
    /// All of them.
    pub const ALL: [Place; 4] = [Place::Crm, Place::Cards, Place::Phone, Place::Sheet];
}

/// A contact as a place holds it, as text.
#[derive(Debug, Clone)]
pub struct Held {
    /// The names in it: one, unless something is badly wrong.
    pub names: Vec<String>,
    /// Every text of the ledger in it, the name included.
    pub tokens: BTreeSet<String>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its exit code; none if it was killed.
    pub code: Option<i32>,
    /// What it printed: JSON lines.
    pub out: String,
    /// What it told a person.
    pub told: String,
}

impl Run {
    /// The line that ends the output; null if there is none.
    pub fn summary(&self) -> serde_json::Value {
        let last = self.out.lines().last().and_then(|line| serde_json::from_str(line).ok());
        last.filter(|last: &serde_json::Value| last["type"] == "summary").unwrap_or_default()
    }

    /// True when no place was changed, nothing failed and nothing waits.
    pub fn is_quiet(&self) -> bool {
        let summary = self.summary();
        let nothing = |key: &str| summary[key].as_object().is_some_and(|places| places.is_empty());
        self.code == Some(0) && ["created", "updated", "deleted"].into_iter().all(nothing)
    }
}

/// Everything there is in one history.
pub struct World {
    folder: tempfile::TempDir,
    sandbox: Option<Sandbox>,
    runtime: Runtime,
    /// What people did.
    pub ledger: Ledger,
}

/// A file's bytes and what would tell that somebody wrote it.
pub type Snapshot = BTreeMap<PathBuf, (Vec<u8>, i64, i64, u64)>;

impl World {
    /// An empty CRM, and books that do not exist yet.
    pub fn new() -> io::Result<Self> {
        Self::begin(tempfile::tempdir()?, Ledger::default())
    }

    /// The same state once more, with a CRM of its own.
    pub fn copy(&self) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        copy_folder(self.folder.path(), folder.path())?;
        Self::begin(folder, self.ledger.clone())
    }

    fn begin(folder: tempfile::TempDir, ledger: Ledger) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let settings = SandboxSettings {
            state: Some(folder.path().join("crm/practice.db")),
            contacts: 0,
            per_page: 5,
            ..SandboxSettings::default()
        };
        let sandbox = runtime.block_on(Sandbox::start(settings)).map_err(io::Error::other)?;
        let world = Self { folder, sandbox: Some(sandbox), runtime, ledger };
        world.point_at(&world.sandbox().url())?;
        Ok(world)
    }

    /// Makes carnet's settings name this address of the CRM.
    pub fn point_at(&self, url: &str) -> io::Result<()> {
        let text = format!(
            "[crm]\nurl = \"{url}\"\nusername = \"demo\"\npassword = \"demo\"\ntimeout = \"1s\"\nconfirm_after = \"0s\"\n\
             concurrency = 1\ndeletes = \"allow\"\n[mirror]\npath = \"state/carnet.db\"\n[sync]\nmax_delete = \"60%\"\n\
             [[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n\
             [[book]]\nname = \"phone\"\nkind = \"vcard\"\npath = \"phone/phone.vcf\"\n\
             [[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"sheet/sheet.csv\"\n"
        );
        let path = self.path("carnet.toml");
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
    }

    /// Something in the world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The CRM's insides.
    pub fn crm(&self) -> Store {
        self.sandbox().store()
    }

    /// The CRM's address.
    pub fn url(&self) -> String {
        self.sandbox().url()
    }

    /// What serves the CRM.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("it is taken when the world ends")
    }

    /// Starts one `carnet --json sync`, by way of `starter` if there is one.
    pub fn start_sync_under(&self, starter: &[String]) -> io::Result<Child> {
        let mut words = starter.iter().map(OsString::from).chain([cargo_bin("carnet").into_os_string()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("-c").arg(self.path("carnet.toml")).args(["--json", "sync"]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1");
        // One thread beside the main one: system calls come in an order that can be counted.
        command.env("TOKIO_WORKER_THREADS", "1").env("HOME", self.folder.path());
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// Waits for a sync that was started. One that hangs is killed, and has no exit code.
    pub fn finish_sync(running: Child) -> io::Result<Run> {
        let group = format!("-{}", running.id());
        let (ended, end) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            if end.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout) {
                // With strace in between there are two processes to end. If this fails, they have ended by themselves.
                let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            }
        });
        let output = running.wait_with_output();
        drop(ended);
        // It only waits and calls: there is nothing in it to fail.
        let _ = watch.join();
        let Output { status, stdout, stderr } = output?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Run { code: status.code(), out: text(stdout), told: text(stderr) })
    }

    /// One sync, started by way of `starter`.
    pub fn sync_under(&self, starter: &[String]) -> io::Result<Run> {
        Self::finish_sync(self.start_sync_under(starter)?)
    }

    /// One `carnet sync`.
    pub fn sync(&self) -> io::Result<Run> {
        self.sync_under(&[])
    }

    /// Every contact that a place holds.
    pub fn held(&self, place: Place) -> io::Result<Vec<Held>> {
        Ok(self.texts(place)?.into_iter().map(|text| held(&text)).collect())
    }

    /// What a place shows of one contact; none if it does not hold it.
    pub fn seen(&self, place: Place, name: &str) -> io::Result<Option<BTreeSet<String>>> {
        let found = self.held(place)?.into_iter().find(|held| held.names.iter().any(|held| held == name));
        Ok(found.map(|held| held.tokens))
    }

    fn texts(&self, place: Place) -> io::Result<Vec<String>> {
        match place {
            Place::Crm => {
                let (crm, mut texts) = (self.crm(), Vec::new());
                for id in crm.ids().map_err(io::Error::other)? {
                    texts.extend(crm.contact_xml(id).map_err(io::Error::other)?);
                }
                Ok(texts)
            }
            Place::Cards => self.card_files()?.iter().map(|path| Ok(unfolded(&fs::read_to_string(path)?))).collect(),
            Place::Phone => {
                let text = unfolded(&read_or_empty(&self.path("phone/phone.vcf"))?);
                Ok(text
                    .split_inclusive("END:VCARD")
                    .filter(|card| card.contains("BEGIN:"))
                    .map(str::to_owned)
                    .collect())
            }
            Place::Sheet => {
                let text = read_or_empty(&self.path("sheet/sheet.csv"))?;
                let mut reader = csv::Reader::from_reader(text.as_bytes());
                let rows: Result<Vec<csv::StringRecord>, csv::Error> = reader.records().collect();
                Ok(rows?.iter().map(|row| row.iter().collect::<Vec<_>>().join("\n")).collect())
            }
        }
    }

    /// The files of cards.
    pub fn card_files(&self) -> io::Result<Vec<PathBuf>> {
        let is_card = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "vcf")
                && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        };
        Ok(files(&self.path("cards"))?.into_iter().filter(is_card).collect())
    }

    /// Every file of every book as it is now.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        let mut snapshot = Snapshot::new();
        for folder in ["cards", "phone", "sheet"] {
            for path in files(&self.path(folder))? {
                let about = fs::metadata(&path)?;
                snapshot.insert(path.clone(), (fs::read(&path)?, about.mtime(), about.mtime_nsec(), about.ino()));
            }
        }
        Ok(snapshot)
    }

    /// The mirror, to be looked into.
    pub fn mirror(&self) -> rusqlite::Result<rusqlite::Connection> {
        rusqlite::Connection::open(self.path("state/carnet.db"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }
}

fn held(text: &str) -> Held {
    let tokens = tokens(text);
    Held { names: tokens.iter().filter(|token| is_name(token)).cloned().collect(), tokens }
}

/// The files in a folder, sorted; none where there is no folder.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

fn read_or_empty(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// A card without the breaks that long lines get (RFC 6350, 3.2).
fn unfolded(text: &str) -> String {
    text.replace("\r\n ", "").replace("\n ", "")
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for path in files(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}
