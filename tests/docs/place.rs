//! Where a page's commands run: a folder that looks like a fresh clone, with the program on the path.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rusqlite::{Connection, types::ValueRef};

use super::page::Block;

/// What stands for `cargo`: `cargo run` is the program under test.
const CARGO: &str = "#!/bin/sh\n\
                     [ \"$1 $2 $3\" = 'run --release --' ] || { echo \"cargo $*: not in a test\" >&2; exit 99; }\n\
                     shift 3\n\
                     exec carnet \"$@\"\n";

/// What clap ends its errors with.
const WRONG_USAGE: &str = "For more information, try '--help'";

/// What stands for `curl` where there is none: enough for the pages, and nothing else.
const CURL: &str = include_str!("curl.sh");

/// The address that the pages serve at; a free port stands in for it.
const SERVED_AT: &str = "127.0.0.1:8080";

/// A folder, and the program.
pub struct Place {
    folder: tempfile::TempDir,
    served: Option<Served>,
}

/// A practice CRM, at work until the page ends.
struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Place {
    /// A fresh clone; `settled`: the README's first command ran there, and its settings are found without `-c`.
    pub fn new(settled: bool) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), served: None };
        let program = assert_cmd::cargo::cargo_bin("carnet");
        fs::create_dir_all(place.path("bin")).unwrap();
        symlink(program, place.path("bin/carnet")).unwrap();
        place.script("cargo", CARGO);
        if Command::new("curl").arg("--version").output().is_err() {
            place.script("curl", CURL);
        }
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config"), &place.path("config"));
        if settled {
            let settings = fs::read_to_string(place.path("config/demo.toml")).unwrap().replace("../demo", "demo");
            fs::write(place.path("carnet.toml"), settings).unwrap();
            assert_eq!(place.code(&["-q", "sync"]), 0);
        }
        place
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A file of this folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command in this folder, in an environment that says nothing but where the programs are.
    fn command(&self, program: &str) -> Command {
        let mut path = OsString::from(self.path("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env_clear().env("PATH", path).env("HOME", self.folder.path());
        command.env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let program = self.path("bin/carnet");
        self.command(&program.to_string_lossy()).args(arguments).output().unwrap()
    }

    /// The program's exit code.
    pub fn code(&self, arguments: &[&str]) -> i32 {
        self.output(arguments).status.code().unwrap_or(-1)
    }

    /// What the program prints.
    pub fn carnet(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.output(arguments).stdout).unwrap()
    }

    /// Runs a block; answers what it printed on both streams, the folder's name cut out.
    pub fn run(&self, at: &str, block: &Block, code: i32) -> String {
        if let Some(query) = block.text.trim().strip_prefix("sqlite3 ") {
            return self.query(at, query);
        }
        let address = self.served.as_ref().map_or(SERVED_AT, |served| &served.address);
        let script = format!("exec 2>&1\n{}", block.text.replace(SERVED_AT, address));
        let output = self.command("sh").args(["-eu", "-c", &script]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).replace(&*self.folder.path().to_string_lossy(), "HERE");
        assert_eq!(output.status.code(), Some(code), "{at}: exit code, after printing:\n{printed}");
        printed
    }

    /// Starts what a block starts, on a free port, and waits until it serves.
    pub fn serve(&mut self, at: &str, text: &str) {
        let words = text.trim().replace("--port 8080", "--port 0");
        let words = words.strip_prefix("carnet ").unwrap_or_else(|| panic!("{at}: expected one carnet command"));
        let program = self.path("bin/carnet");
        let mut command = self.command(&program.to_string_lossy());
        let mut child = command.args(words.split_whitespace()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped")).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("{at}: it does not say where it serves: {line}")).to_owned();
        self.served = Some(Served { child, address });
    }

    /// `FILE "SQL"`, as the program sqlite3 would print it: that need not be there, the library is.
    fn query(&self, at: &str, words: &str) -> String {
        let (file, sql) = words.split_once(' ').unwrap_or_else(|| panic!("{at}: expected sqlite3 FILE \"SQL\""));
        let sql = sql.trim().strip_prefix('"').and_then(|sql| sql.strip_suffix('"'));
        let sql = sql.unwrap_or_else(|| panic!("{at}: expected one statement in quotes"));
        let db = Connection::open(self.path(file)).unwrap();
        let mut statement = db.prepare(sql).unwrap_or_else(|error| panic!("{at}: {error}"));
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut printed = String::new();
        while let Some(row) = rows.next().unwrap() {
            let cell = |index| match row.get_ref(index).unwrap() {
                ValueRef::Null => String::new(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Real(number) => number.to_string(),
                ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
            };
            printed += &(0..columns).map(cell).collect::<Vec<_>>().join("|");
            printed.push('\n');
        }
        assert!(!printed.is_empty(), "{at}: no row is found");
        printed
    }

    /// Lets the program's own parser read the carnet commands of a block.
    pub fn parse_all(&self, at: &str, text: &str) {
        for line in text.lines() {
            let line = line.trim_start().trim_start_matches("sudo ").trim_start_matches("-u carnet ");
            if line.starts_with("carnet ") {
                self.parse(at, line.split(" #").next().unwrap_or_default().trim_end());
            }
        }
    }

    /// Lets the program's own parser read a command. It is not carried out: there are no settings where it looks.
    pub fn parse(&self, at: &str, command: &str) {
        let mut words: Vec<&str> = command.split(' ').collect();
        if let Some(at) = words.iter().position(|word| *word == "-c") {
            words.drain(at..(at + 2).min(words.len()));
        }
        let command = words.join(" ").replace("COMMAND", "sync");
        let script = command.replacen("carnet ", "carnet -c /dev/null/carnet.toml ", 1);
        let output = self.command("sh").args(["-c", &script]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        let is_named_only = told.contains("required arguments were not provided");
        assert!(!told.contains(WRONG_USAGE) || is_named_only, "{at}: `{command}`: {told}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
