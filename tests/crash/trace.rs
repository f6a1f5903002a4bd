//! The program under `strace`, which kills it or lets the disk fail at a chosen system call.
//!
//! `strace` counts the calls of each thread for itself; carnet has one thread beside the main one here, and what
//! matters (SQLite, the books) is done by the main one.

use std::{collections::BTreeMap, fmt, fs, io, process::Command, str::FromStr};

use super::world::{Run, World};

/// Where strace writes what it sees, in the world's folder.
const LOG: &str = "strace.log";

/// What happens at a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The process is killed before the call is carried out.
    Kill,
    /// The disk is full, from that call on.
    Full,
    /// The disk fails, once.
    Fails,
}

impl Blow {
    const ALL: [(Blow, &'static str); 3] = [(Blow::Kill, "kill"), (Blow::Full, "full"), (Blow::Fails, "fails")];

    fn injection(self, call: &str, at: usize) -> String {
        match self {
            Blow::Kill => format!("signal=KILL:when={at}"),
            // A disk stays full; but what else is written to (pipes, counters) never is.
            Blow::Full if call == "write" => format!("error=ENOSPC:when={at}"),
            Blow::Full => format!("error=ENOSPC:when={at}+"),
            Blow::Fails => format!("error=EIO:when={at}"),
        }
    }
}

/// A place in the course of the program where something happens: `kill:pwrite64:17`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// What.
    pub blow: Blow,
    /// At which system call.
    pub call: String,
    /// At the how manyeth of a thread, from 1.
    pub at: usize,
}

impl fmt::Display for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Blow::ALL.iter().find(|(blow, _)| *blow == self.blow).map(|(_, word)| *word).unwrap_or_default();
        write!(out, "{word}:{}:{}", self.call, self.at)
    }
}

impl FromStr for Stop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: expected something like kill:pwrite64:17");
        let [word, call, at] = text.split(':').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let (blow, _) = Blow::ALL.iter().find(|(_, known)| *known == word).ok_or_else(wrong)?;
        Ok(Self { blow: *blow, call: call.to_owned(), at: at.parse().map_err(|_| wrong())? })
    }
}

/// A run and what strace saw of it.
#[derive(Debug)]
pub struct Traced {
    /// How it ended.
    pub run: Run,
    log: String,
}

impl Traced {
    /// True when the blow fell.
    pub fn was_struck(&self) -> bool {
        self.run.code.is_none() || self.log.contains("(INJECTED)")
    }

    /// True when a call on a file of the world was struck, not one on a pipe, a socket or a library.
    pub fn was_struck_within(&self, world: &World) -> bool {
        let folder = world.path("").to_string_lossy().into_owned();
        self.struck().contains(folder.trim_end_matches('/'))
    }

    /// The calls that were refused, as strace shows them.
    pub fn struck(&self) -> String {
        self.log.lines().filter(|line| line.contains("(INJECTED)")).collect::<Vec<_>>().join("\n")
    }

    /// The calls made, each with its place among its thread's calls of that kind, and whether it was on a file of the
    /// world.
    pub fn calls(&self, world: &World) -> BTreeMap<(String, usize), bool> {
        let folder = world.path("").to_string_lossy().into_owned();
        let mut threads: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut calls = BTreeMap::new();
        for line in self.log.lines().filter(|line| !line.contains("resumed>")) {
            let Some((thread, call)) = line.split_once(' ') else { continue };
            let Some((call, _)) = call.trim_start().split_once('(') else { continue };
            let place = threads.entry((call, thread)).or_default();
            *place += 1;
            *calls.entry((call.to_owned(), *place)).or_default() |= line.contains(folder.trim_end_matches('/'));
        }
        calls
    }
}

/// Why programs cannot be traced here, if they cannot.
pub fn missing() -> Option<String> {
    let tried = Command::new("strace").args(["-f", "-qq", "-e", "trace=fsync", "true"]).output();
    match tried {
        Err(error) => Some(format!("strace does not start: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("strace may not trace: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Ok(_) => None,
    }
}

/// The words that start a program with these calls watched, and something done at one of them:
/// `fsync:signal=KILL:when=3`.
pub fn words(world: &World, calls: &[&str], injection: Option<&str>) -> Vec<String> {
    let log = world.path(LOG).to_string_lossy().into_owned();
    let mut words: Vec<String> = ["strace", "-f", "-q", "-y", "-s0", "-o", &log, "-e"].map(str::to_owned).into();
    words.push(format!("trace={}", calls.join(",")));
    if let Some(injection) = injection {
        words.extend(["-e".to_owned(), format!("inject={injection}")]);
    }
    words.push("--".to_owned());
    words
}

/// One sync with these calls watched, and something done at one of them.
pub fn sync(world: &World, calls: &[&str], injection: Option<&str>) -> io::Result<Traced> {
    let run = world.sync_under(&words(world, calls, injection))?;
    let log = world.path(LOG);
    let seen = fs::read_to_string(&log)?;
    fs::remove_file(&log)?;
    Ok(Traced { run, log: seen })
}

/// One sync that is struck at this place, if it comes so far.
pub fn sync_struck(world: &World, stop: &Stop) -> io::Result<Traced> {
    sync(world, &[&stop.call], Some(&format!("{}:{}", stop.call, stop.blow.injection(&stop.call, stop.at))))
}

#[test]
fn stops_are_read_back() {
    for text in ["kill:pwrite64:17", "full:write:1", "fails:fsync:2"] {
        assert_eq!(text.parse::<Stop>().unwrap().to_string(), text);
    }
    for bad in ["", "kill", "kill:fsync", "kill:fsync:x", "burn:fsync:1"] {
        assert!(bad.parse::<Stop>().is_err(), "{bad}");
    }
}
