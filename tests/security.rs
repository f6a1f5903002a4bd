//! What carnet promises of its safety, each line with the test that fails when it no longer holds. Those marked `unit`
//! stand beside the code; the others drive the real program from here, against the practice CRM or a server that lies.
//!
//! | the promise | its test |
//! |---|---|
//! | document types, entities, depth, size: refused | `answers::documents_that_are_weapons_are_refused`; unit `crm::xml::tape` |
//! | a body cut at any byte is no page | unit `crm::xml::page::a_page_cut_at_any_byte_is_no_page` |
//! | gzip bombs: refused | unit `crm::client::a_small_answer_that_unpacks_to_a_large_one_is_refused` |
//! | memory stays bounded | `answers::a_record_of_millions_of_elements_costs_little_memory` |
//! | no redirect is followed, whatever the verb | `network::no_redirect_is_followed` |
//! | plain http to a literal loopback address alone | `network::plain_http_goes_to_the_loopback_alone`, `odd_spellings_...` |
//! | no proxy of the environment | `network::proxies_of_the_environment_are_not_used` |
//! | TLS is always checked, an authority of one's own allowed | `network::certificates_are_always_checked` |
//! | no switch turns that off | `network::no_setting_turns_certificates_off` |
//! | ids are digits before they enter a path | `answers::ids_of_a_listing_...`, `answers::ids_of_an_answer_to_a_post_...` |
//! | the password: not in logs, errors, JSON, exports, mirror | `secrets::the_password_is_told_to_the_server_alone`, `a_login_that_fails_...`, `a_source_that_fails_...` |
//! | a book's login: to its own server alone, to no other program | `books::the_login_goes_to_the_books_own_server_alone`, `sources_of_a_books_password_...` |
//! | not in panics and Debug | unit `config::secrets::no_debug_text_holds_a_secret`, `crm::settings` |
//! | not in the list of processes | `secrets::the_process_list_does_not_show_the_password` |
//! | people: not in logs, at any level | `secrets::logs_name_people_by_id_alone`; unit `daemon::log`, `crm::discreet` |
//! | nor on stderr, unless it is a terminal | `secrets::stderr_names_people_by_id_alone_...`; unit `cli::report` |
//! | files 0600, folders 0700, whatever the umask | `files::what_is_made_is_for_its_owner_alone`, `so_are_new_settings_and_the_practice_crm` |
//! | SQLite's log and its index too | `files::the_log_beside_an_open_mirror_is_its_owners_too` |
//! | names of cards are carnet's own | `files::names_of_files_are_carnets_own`; unit `replicas::vdir::apply` |
//! | links, pipes, strangers' and large files: left alone, said, nobody deleted | `files::what_stands_in_for_a_card_...`, `files::what_stands_in_for_a_whole_book_...` |
//! | strangers' files, where no test may give files away | unit `replicas::files::files_of_a_third_user_are_not_trusted` |
//! | nothing listens: no page is served, so that there is no Host, Origin or GET to guard | `network::no_page_is_served` |
//! | an account that is suddenly not there deletes nobody | `answers::an_account_that_is_suddenly_not_there_...` |
//! | nothing is smuggled into a header | `network::no_header_is_smuggled_in` |
//! | nor into a card, a sheet, XML | `values::hostile_values_stay_values`; unit `formats::vcard::laws`, `crm::xml::write` |
//! | nor onto the terminal | `values::a_file_name_moves_no_cursor`; unit `cli::output` |
//! | formulas: guarded for spreadsheets alone, reversibly | `values::formulas_are_guarded_...`; unit `formats::csv::values` |
//! | enormous values break nothing | `values::enormous_values_are_taken_or_named_and_break_nothing` |
//! | one poisoned record of 10,000 stops nobody | `answers::a_poisoned_record_of_ten_thousand_stops_nobody` |
//! | 10,000 equal names: few are compared | unit `reconcile::pairing::of_ten_thousand_namesakes_few_are_looked_at` |
//! | devices: nobody is told anything without a right login, nor of another device | `dav::login` |
//! | wrong logins are slowed, by address and by device, in bounded memory | `dav::login::wrong_logins_...`; unit `http::dav::throttle` |
//! | a device's password crosses no network in the clear | `dav::login::passwords_do_not_cross_...` |
//! | a device's bodies, heads and time are bounded | `dav::hostile` |
//! | a device's path names no file | `dav::hostile::paths_lead_nowhere_else`; unit `http::dav::paths` |
//! | no unsafe code | `no_unsafe_code_is_allowed` |

mod answers;
mod files;
mod network;
mod secrets;
pub mod server;
mod values;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use carnet::sandbox::{Sandbox, SandboxSettings};

/// Far longer than any of these runs takes: what hangs fails instead of waiting for ever.
const RUN_MAX: Duration = Duration::from_secs(180);

/// A folder with settings in it, and the program.
struct Desk {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// How a run of the program went.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    told: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), told: text(&output.stderr) }
    }

    /// Everything it said.
    fn said(&self) -> String {
        format!("{}\n{}", self.out, self.told)
    }

    /// The last line of `--json`.
    fn summary(&self) -> serde_json::Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", self.said()))
    }
}

impl Desk {
    /// Settings of `[crm]` beyond the address and the login, and whatever follows.
    fn new(url: &str, more: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        let text = format!(
            "[crm]\nurl = {url:?}\nusername = \"demo\"\nrequests_per_second = 1000\nconcurrency = 1\nfirms = \"off\"\n{more}\n[mirror]\npath = \"state/carnet.db\"\n"
        );
        desk.settings(&text);
        desk.with("CARNET_CRM_PASSWORD", "demo")
    }

    fn settings(&self, text: &str) {
        self.write("carnet.toml", text);
        fs::set_permissions(self.path("carnet.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(held, _)| held != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn make_private(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program under these settings, its environment being what the desk says and nothing else.
    fn prepare(&self, command: &mut Command, arguments: &[&str]) {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1");
        command.envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command.arg("-c").arg(self.path("carnet.toml")).args(arguments);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        self.prepare(&mut command, arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = assert_cmd::Command::from_std(self.command(arguments)).timeout(RUN_MAX).output().unwrap();
        Ran::of(&output)
    }

    /// Runs it as someone whose files are open to all unless a program sees to it.
    fn run_carelessly(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(program());
        self.prepare(&mut command, arguments);
        Ran::of(&assert_cmd::Command::from_std(command).timeout(RUN_MAX).output().unwrap())
    }

    /// A SQL question to the mirror that answers one number.
    fn count(&self, sql: &str) -> i64 {
        let mirror = rusqlite::Connection::open(self.path("state/carnet.db")).unwrap();
        mirror.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The bytes of every file below the folder, with its path.
    fn all_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = walk(self.folder.path()).into_iter().filter(|path| path.symlink_metadata().unwrap().is_file());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

/// Everything below a folder, folders too, links not followed.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(walk(&entry.path()));
        }
    }
    found
}

fn program() -> PathBuf {
    assert_cmd::cargo::cargo_bin("carnet")
}

/// A practice CRM and the threads it lives on.
struct Practice {
    sandbox: Sandbox,
    _runtime: tokio::runtime::Runtime,
}

impl Practice {
    fn new(settings: SandboxSettings) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(settings)).unwrap();
        Self { sandbox, _runtime: runtime }
    }

    fn with_contacts(contacts: u32) -> Self {
        Self::new(SandboxSettings { contacts, ..SandboxSettings::default() })
    }

    fn url(&self) -> String {
        self.sandbox.url()
    }
}

/// A `[[book]]` of the settings, in the folder.
fn book(name: &str, kind: &str, path: &str) -> String {
    format!("\n[[book]]\nname = {name:?}\nkind = {kind:?}\npath = {path:?}\n")
}

#[test]
fn no_unsafe_code_is_allowed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("[lints.rust]\nunsafe_code = \"forbid\"\n"), "{manifest}");
}
