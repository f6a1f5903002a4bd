//! A user's desk: a practice CRM, a book `phones` on a real server and a folder of cards `team`, and the program between them.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use assert_cmd::Command;
use carnet::sandbox::{Sandbox, SandboxSettings, Store};
use tokio::runtime::{Builder, Runtime};

use crate::server::{About, Other, Server};

pub struct Desk {
    pub server: Server,
    pub other: Other,
    /// As the settings have it.
    pub about: About,
    pub crm: Store,
    pub folder: tempfile::TempDir,
    sandbox: Sandbox,
    _runtime: Runtime,
}

impl Desk {
    /// With so many contacts in the CRM, and an empty address book.
    pub fn new(name: &str, contacts: u32) -> Self {
        let server = Server::start(name, 0);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let settings = SandboxSettings { contacts, ..SandboxSettings::default() };
        let sandbox = runtime.block_on(Sandbox::start(settings)).unwrap();
        let (about, other) = (server.about.clone(), server.other());
        let folder = tempfile::tempdir().unwrap();
        Self { other, about, crm: sandbox.store(), folder, sandbox, server, _runtime: runtime }
    }

    /// Runs carnet; its exit code, and all that it printed.
    pub fn carnet(&self, arguments: &[&str]) -> (i32, String) {
        let About { url, username, password, .. } = &self.about;
        let text = format!(
            "[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"demo\"\nconfirm_after = \"0s\"\n\
             [mirror]\npath = \"carnet.db\"\n\
             [[book]]\nname = \"phones\"\nkind = \"carddav\"\nurl = \"{url}\"\nusername = \"{username}\"\n\
             password = \"{password}\"\n[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"team\"\n",
            self.sandbox.url()
        );
        let path = self.folder.path().join("carnet.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = Command::cargo_bin("carnet").unwrap();
        let output = command.env_clear().env("NO_COLOR", "1").arg("-c").arg(path).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap_or(-1), text)
    }

    /// Runs carnet; it ends with this code, and prints these words.
    pub fn says(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let (ended, told) = self.carnet(arguments);
        assert_eq!(ended, code, "{} {arguments:?}:\n{told}", self.about.name);
        for words in words {
            assert!(told.contains(words), "{} {arguments:?}: {words:?} is not in:\n{told}", self.about.name);
        }
    }

    /// A run in which nothing is to be done.
    pub fn is_quiet(&self) {
        self.crm.clear_log();
        self.says(&["sync"], 0, &["nothing changed"]);
        assert_eq!(self.crm.log().iter().filter(|request| request.method != "GET").count(), 0);
    }

    /// The file in `team` whose text holds this.
    pub fn team(&self, words: &str) -> PathBuf {
        let files = fs::read_dir(self.folder.path().join("team")).unwrap().map(|entry| entry.unwrap().path());
        let mut holding = files.filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(words)));
        holding.next().unwrap_or_else(|| panic!("{}: no card of team holds {words}", self.about.name))
    }

    /// The card on the server whose text holds this.
    pub fn phone(&self, words: &str) -> String {
        let texts = self.other.cards().into_iter().map(|card| self.other.get(&card));
        let mut holding = texts.filter(|text| text.contains(words));
        holding.next().unwrap_or_else(|| panic!("{}: no card of phones holds {words}", self.about.name))
    }

    /// Changes the CRM's first contact.
    pub fn edit_in_crm(&self, job_title: &str) {
        let first = self.crm.ids().unwrap()[0];
        self.crm.edit(first, "job_title", job_title).unwrap();
    }
}

/// A card of these lines.
pub fn card(lines: &[&str]) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{}\r\nEND:VCARD\r\n", lines.join("\r\n"))
}
