//! From the file's text to [`Settings`]: every section and key, its default and its bounds.
//!
//! The key lists here are what "known keys" means; `config/carnet.toml` documents each of them and a test compares both.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use toml::de::{DeTable, DeValue};

use super::{
    Book, BookKind, Crm, CrmUrl, Deletes, Environment, Fault, Firms, Limit, Lists, MirrorSettings, PasswordSettings,
    Prefer, Settings, SettingsDigest, SettingsError, SyncSettings, books, dialect,
    error::blotted,
    expand,
    fault::nearest,
    outside,
    schedule::Schedule,
    secrets::Owner,
    section::{Faults, Given, GivenValue, Section, note_unknown},
    served,
    values::{is_loopback, own_path, parse_crm_url},
};
use crate::formats::vcard::{CategoryLanguage, DefaultContext, Messengers, WriteStyle};

const TOP_KEYS: [&str; 9] = ["crm", "mirror", "sync", "http", "notify", "carddav", "vcard", "book", "csv"];
const CRM_KEYS: [&str; 15] = [
    "url",
    "username",
    "password_command",
    "password_file",
    "password",
    "concurrency",
    "requests_per_second",
    "per_page",
    "timeout",
    "confirm_after",
    "ca_file",
    "insecure_http",
    "lists",
    "deletes",
    "firms",
];
const MIRROR_KEYS: [&str; 1] = ["path"];
const SYNC_KEYS: [&str; 4] = ["schedule", "watch", "prefer", "max_delete"];
const VCARD_KEYS: [&str; 3] = ["default_context", "im", "categories"];

/// The tables whose keys may also be set as `CARNET_TABLE_KEY`.
const WITH_VARIABLES: [(&str, &[&str]); 7] = [
    ("crm", &CRM_KEYS),
    ("mirror", &MIRROR_KEYS),
    ("sync", &SYNC_KEYS),
    ("vcard", &VCARD_KEYS),
    ("http", &outside::HTTP_KEYS),
    ("notify", &outside::NOTIFY_KEYS),
    ("carddav", &served::CARDDAV_KEYS),
];
/// Keys that only the file may set: programs.
const IN_FILE_ALONE: [&str; 3] = ["password_command", "on_waiting", "on_failure"];
/// Variables that are no keys.
const MORE_VARIABLES: [&str; 2] = ["CARNET_CONFIG", "CARNET_LOG"];

/// Requests a second off the loopback, unless set.
const REQUESTS_PER_SECOND: u32 = 10;

impl Settings {
    /// Finds, reads and checks the settings. `named` is the `-c` flag.
    ///
    /// # Errors
    /// When there is no file, it cannot be read, or anything in it or in the environment is wrong.
    pub fn load(named: Option<&Path>) -> Result<Settings, SettingsError> {
        let environment = Environment::of_process();
        let file = super::locate(named, environment)?;
        Self::load_file(&file, environment)
    }

    /// Reads and checks this file.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_file(file: &Path, environment: Environment<'_>) -> Result<Settings, SettingsError> {
        let unreadable = |source| SettingsError::Unreadable { file: file.to_owned(), source };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        Self::parse(file, &text, environment)
    }

    /// Checks the text of a settings file; `file` is what relative paths are relative to.
    ///
    /// # Errors
    /// All that is wrong, in the file's order.
    pub fn parse(file: &Path, text: &str, environment: Environment<'_>) -> Result<Settings, SettingsError> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut found: Vec<Fault> = errors.iter().map(|e| Fault::new(e.span(), e.message())).collect();
        if found.is_empty() {
            let faults = Faults::default();
            let reading = Reading { file, text, root: root.get_ref(), environment, faults: &faults };
            let settings = reading.settings();
            found = faults.take();
            if let (Some(settings), true) = (settings, found.is_empty()) {
                return Ok(settings);
            }
        }
        found.sort_by_key(|fault| fault.span.as_ref().map_or(usize::MAX, |span| span.start));
        Err(SettingsError::Invalid { file: file.to_owned(), text: blotted(text), faults: found })
    }
}

/// Those of these names that begin with `CARNET_` and that nothing reads, sorted, each with the nearest that is read.
pub fn unknown_variables(names: impl Iterator<Item = String>, settings: &Settings) -> Vec<(String, Option<String>)> {
    let keys = WITH_VARIABLES.iter().flat_map(|(section, keys)| keys.iter().map(move |key| (section, key)));
    let keys = keys.filter(|(_, key)| !IN_FILE_ALONE.contains(key));
    let mut known: Vec<String> = keys.map(|(section, key)| format!("carnet_{section}_{key}")).collect();
    known.extend(MORE_VARIABLES.iter().map(|name| name.to_lowercase()));
    let on_servers = settings.books.iter().filter(|book| book.server().is_some());
    let owners = on_servers.map(|book| Owner::Book(book.name.clone()));
    known.extend(owners.flat_map(|owner| [owner.variable(), owner.file_variable()]).map(|name| name.to_lowercase()));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let is_unknown = |name: &String| name.starts_with("CARNET_") && !known.contains(&&*name.to_lowercase());
    let mut unknown: Vec<String> = names.filter(is_unknown).collect();
    unknown.sort();
    let meant = |name: &String| nearest(name, &known).map(str::to_uppercase);
    unknown.into_iter().map(|name| (name.clone(), meant(&name))).collect()
}

/// A file while it is read.
pub(super) struct Reading<'f> {
    pub(super) file: &'f Path,
    text: &'f str,
    pub(super) root: &'f DeTable<'f>,
    pub(super) environment: Environment<'f>,
    pub(super) faults: &'f Faults,
}

impl<'f> Reading<'f> {
    /// The settings; `None` only where a fault was noted.
    fn settings(&self) -> Option<Settings> {
        note_unknown(self.root, None, &TOP_KEYS, self.faults);
        let crm = self.crm();
        let mirror = MirrorSettings { path: self.mirror() };
        let sync = self.sync();
        let csv = dialect::own_profiles(self.root, self.faults);
        let vcard = self.vcard();
        let books = books::read(self, &csv);
        let token = || mirror.path.with_file_name("nudge-token");
        let http = outside::http(self.root, self.environment, self.faults, |text| self.path(text), token);
        let notify = outside::notify(self.root, self.environment, self.faults);
        let carddav = served::read(self.root, self.environment, self.faults, |text| self.path(text));
        if crm.as_ref().is_some_and(|crm| crm.firms == Firms::Off) {
            books::note_unread_firms(self, &books);
        }
        let is_of_devices = |book: &Book| book.kind() == BookKind::Devices;
        let (device_books, books): (Vec<Book>, Vec<Book>) = books.into_iter().partition(is_of_devices);
        let (file, digest) = (self.file.to_owned(), self.digest());
        Some(Settings {
            file,
            digest,
            crm: crm?,
            mirror,
            sync: sync?,
            http,
            notify,
            carddav,
            books,
            device_books,
            csv,
            vcard,
        })
    }

    /// The text, and the variables that speak before it; without the secrets of either.
    fn digest(&self) -> SettingsDigest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(blotted(self.text).as_bytes());
        for (section, keys) in WITH_VARIABLES {
            for key in keys.iter().filter(|key| !key.starts_with("password")) {
                let variable = format!("CARNET_{section}_{key}").to_uppercase();
                if let Some(value) = self.environment.get(&variable) {
                    hasher.update(format!("\0{variable}={value}").as_bytes());
                }
            }
        }
        SettingsDigest(hasher.finalize().to_hex().to_string())
    }

    fn top(&self, name: &'static str, known: &[&str]) -> Section<'f> {
        Section::top(name, self.root, known, self.environment, self.faults)
    }

    /// A path of the settings, absolute.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        expand(text, self.file, self.environment)
    }

    /// Without a word of the settings it lies in the folder that systemd made for the service's state, else beside them.
    fn mirror(&self) -> PathBuf {
        let given = self.top("mirror", &MIRROR_KEYS).path("path").map(|text| self.path(&text));
        given.unwrap_or_else(|| match self.environment.get("STATE_DIRECTORY") {
            // Several are joined by colons.
            Some(folders) => std::env::split_paths(&folders).next().unwrap_or_default().join("carnet.db"),
            None => self.path("carnet.db"),
        })
    }

    fn crm(&self) -> Option<Crm> {
        let section = self.top("crm", &CRM_KEYS);
        let insecure_http = section.flag("insecure_http").unwrap_or(false);
        if section.given("url").is_none() {
            section.missing("url", "the CRM's address, such as https://www.incwo.com/123456, or \"sandbox\"");
        }
        let url = section.parsed("url", |text| parse_crm_url(text, insecure_http));
        let username = section
            .text("username")
            .or_else(|| (url == Some(CrmUrl::Sandbox)).then(|| super::secrets::SANDBOX_LOGIN.to_owned()));
        if section.given("username").is_none() && matches!(url, Some(CrmUrl::Http(_))) {
            section.missing("username", "the login that the CRM's web page asks for");
        }
        let on_loopback = match &url {
            Some(CrmUrl::Http(address)) => url::Url::parse(address).is_ok_and(|url| is_loopback(&url)),
            Some(CrmUrl::Sandbox) | None => true,
        };
        let lists =
            [("probe", Lists::Probe), ("replace", Lists::Replace), ("append", Lists::Append), ("ids", Lists::Ids)];
        let second = Duration::from_secs(1);
        // `url` and `username` come last so that the other keys are read, and judged, whatever is wrong with these two.
        Some(Crm {
            password: self.password(&section),
            concurrency: section.count("concurrency", 1, 32).unwrap_or(4) as usize,
            requests_per_second: section
                .count("requests_per_second", 1, 1_000_000)
                .or((!on_loopback).then_some(REQUESTS_PER_SECOND)),
            per_page: section.count("per_page", 1, 10_000),
            timeout: section.duration("timeout", second).unwrap_or(Duration::from_secs(60)),
            confirm_after: section.duration("confirm_after", Duration::ZERO).unwrap_or(Duration::from_secs(60)),
            ca_file: section.path("ca_file").map(|text| self.path(&text)),
            lists: section.word("lists", &lists).unwrap_or(Lists::Probe),
            deletes: section
                .word("deletes", &[("never", Deletes::Never), ("allow", Deletes::Allow)])
                .unwrap_or(Deletes::Never),
            firms: section
                .word("firms", &[("read", Firms::Read), ("create", Firms::Create), ("off", Firms::Off)])
                .unwrap_or(Firms::Read),
            insecure_http,
            url: url?,
            username: username?,
        })
    }

    /// The file's password sources. The environment's own ones are `secrets`' business.
    pub(super) fn password(&self, section: &Section<'_>) -> PasswordSettings {
        let text = |key: &str| {
            let given = section.in_file(key)?;
            match &given.value {
                GivenValue::File(DeValue::String(text)) if !text.is_empty() => Some(text.to_string()),
                GivenValue::File(DeValue::String(_)) => {
                    section.note(given.wrong(("must not be empty".to_owned(), None)));
                    None
                }
                GivenValue::File(other) => {
                    section.note(given.wrong_type("a text in quotes", other));
                    None
                }
                GivenValue::Environment(_) => None,
            }
        };
        let file = text("password_file");
        if let (Some(given), Some(Err(wrong))) = (section.in_file("password_file"), file.as_deref().map(own_path)) {
            section.note(given.wrong(wrong));
        }
        PasswordSettings {
            given: None,
            command: section.in_file("password_command").and_then(|given| password_command(section, &given)),
            file: file.map(|text| self.path(&text)),
            inline: text("password").map(SecretString::from),
        }
    }

    fn sync(&self) -> Option<SyncSettings> {
        let section = self.top("sync", &SYNC_KEYS);
        let prefer = [("crm", Prefer::Crm), ("book", Prefer::Book), ("ask", Prefer::Ask)];
        let schedule = match section.given("schedule") {
            Some(_) => section.parsed("schedule", |text| {
                Schedule::parse(text).map_err(|error| (error.to_string(), Some(super::schedule::EXAMPLES.to_owned())))
            }),
            None => Some(Schedule::every(Duration::from_secs(15 * 60))),
        };
        Some(SyncSettings {
            prefer: section.word("prefer", &prefer).unwrap_or(Prefer::Crm),
            max_delete: self.max_delete(&section),
            watch: section.flag("watch").unwrap_or(true),
            schedule: schedule?,
        })
    }

    fn vcard(&self) -> WriteStyle {
        let section = self.top("vcard", &VCARD_KEYS);
        let contexts = [("auto", DefaultContext::Auto), ("work", DefaultContext::Work), ("home", DefaultContext::Home)];
        WriteStyle {
            default_context: section.word("default_context", &contexts).unwrap_or_default(),
            messengers: section
                .word("im", &[("impp", Messengers::Impp), ("both", Messengers::Both)])
                .unwrap_or_default(),
            words: section
                .word("categories", &[("fr", CategoryLanguage::French), ("en", CategoryLanguage::English)])
                .unwrap_or_default(),
            ..WriteStyle::default()
        }
    }

    /// A share is a text, a count may be a bare number.
    fn max_delete(&self, section: &Section<'f>) -> Limit {
        let bare =
            matches!(section.given("max_delete"), Some(Given { value: GivenValue::File(DeValue::Integer(_)), .. }));
        let limit = if bare {
            section.count("max_delete", 0, u32::MAX).map(|count| Limit::Count(count.into()))
        } else {
            section.parsed("max_delete", |text| {
                let expected = "expected a number of contacts, or a percentage from 0% to 100%";
                Limit::parse(text).ok_or_else(|| (expected.to_owned(), None))
            })
        };
        limit.unwrap_or(Limit::Percent(10))
    }
}

fn password_command(section: &Section<'_>, given: &Given<'_>) -> Option<Vec<String>> {
    let hint = "a list: the program, then its arguments, such as [\"pass\", \"show\", \"incwo\"]";
    outside::program(section, given, hint)
}

#[cfg(test)]
pub(super) mod tests;
