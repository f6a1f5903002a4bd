//! A folder with settings, and programs at work in it whose words are read as they come.

use std::{
    cell::RefCell,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use carnet::sandbox::{Sandbox, SandboxSettings};

/// Far longer than anything here takes: what hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn program() -> PathBuf {
    assert_cmd::cargo::cargo_bin("carnet")
}

/// A practice CRM and the threads it lives on. Its contacts lie in a file.
pub struct Practice {
    sandbox: RefCell<Option<Sandbox>>,
    settings: SandboxSettings,
    url: String,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Practice {
    pub fn new(contacts: u32) -> Self {
        let (runtime, folder) = (tokio::runtime::Runtime::new().unwrap(), tempfile::tempdir().unwrap());
        let state = Some(folder.path().join("crm.db"));
        let mut settings = SandboxSettings { contacts, state, ..SandboxSettings::default() };
        let sandbox = runtime.block_on(Sandbox::start(settings.clone())).unwrap();
        let url = sandbox.url();
        settings.port = url.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        Self { sandbox: RefCell::new(Some(sandbox)), settings, url, runtime, _folder: folder }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn contacts(&self) -> usize {
        self.sandbox.borrow().as_ref().unwrap().store().count().unwrap()
    }

    /// Nobody listens there any more.
    pub fn pause(&self) {
        self.runtime.block_on(self.sandbox.take().unwrap().stop());
    }

    /// Under the same address.
    pub fn resume(&self) {
        let sandbox = self.runtime.block_on(Sandbox::start(self.settings.clone())).unwrap();
        *self.sandbox.borrow_mut() = Some(sandbox);
    }
}

/// A folder with settings in it.
pub struct Desk(tempfile::TempDir);

/// How a program ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub told: String,
}

impl Desk {
    pub fn with(text: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.settings(text);
        desk
    }

    /// The practice CRM inside the process, and a folder of cards; `sync` are lines of that section.
    pub fn practice(sync: &str) -> Self {
        Self::with(&format!(
            "[crm]\nurl = \"sandbox\"\n[sync]\n{sync}\n[[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n"
        ))
    }

    pub fn settings(&self, text: &str) {
        let path = self.path("carnet.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1");
        command.current_dir(self.0.path()).arg("-c").arg(self.path("carnet.toml")).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = assert_cmd::Command::from_std(self.command(arguments)).timeout(PATIENCE).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*self.0.path().to_string_lossy(), "HERE");
        Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), told: text(&output.stderr) }
    }
}

/// A program at work. It is killed when this is dropped.
pub struct Running {
    child: RefCell<Child>,
    lines: Receiver<String>,
}

impl Running {
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child: RefCell::new(child), lines }
    }

    /// `carnet daemon`, in this environment too.
    pub fn daemon(desk: &Desk, environment: &[(&str, &Path)]) -> Self {
        let mut command = desk.command(&["daemon"]);
        command.envs(environment.iter().copied());
        Self::of(command)
    }

    pub fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    /// What it says up to a line with these words, that line included.
    #[track_caller]
    pub fn wait_for(&self, words: &str) -> String {
        let (until, mut told) = (Instant::now() + PATIENCE, String::new());
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => told += &format!("{line}\n"),
                Err(error) => panic!("{error} before \"{words}\":\n{told}"),
            }
            if told.lines().last().is_some_and(|line| line.contains(words)) {
                return told;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Its exit code, once it has ended.
    pub fn ends(&self) -> Option<i32> {
        // Its output ends with it.
        let until = Instant::now() + PATIENCE;
        while self.lines.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
        assert!(Instant::now() < until, "it does not end");
        self.child.borrow_mut().wait().unwrap().code()
    }

    pub fn ends_after(&self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.ends()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        // It may be at an end already.
        let _ = child.kill();
        let _ = child.wait();
    }
}
