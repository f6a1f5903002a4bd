//! `carnet restore`, killed at every system call that changes a file: afterwards the mirror is the one that was there, with all
//! that was committed to it, or the restored one; a second restore and a sync go well.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use carnet::mirror::Mirror;

use super::{budget, trace};

const CALLS: [&str; 11] =
    ["pwrite64", "write", "fsync", "fdatasync", "ftruncate", "rename", "link", "linkat", "unlink", "unlinkat", "chmod"];
const SETTINGS: &str = "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n\
                        [[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n";
/// Told to the mirror after it was copied; in its log alone.
const LATER: &str = "told.later";

fn carnet(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("carnet"));
    command.env_clear().arg("-c").arg(folder.join("carnet.toml")).arg("-q").args(arguments);
    command
}

fn ends_well(folder: &Path, arguments: &[&str]) {
    let output = carnet(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A mirror with a log that was never folded in, as a killed run leaves it, and an older copy of it.
fn start(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(folder.join("carnet.toml"), SETTINGS).unwrap();
    fs::set_permissions(folder.join("carnet.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    ends_well(folder, &["sync"]);
    ends_well(folder, &["backup", &folder.join("copy.db").to_string_lossy()]);
    let mut mirror = Mirror::open(&folder.join("carnet.db")).unwrap();
    mirror.set_fact(LATER, "yes").unwrap();
    // Never closed: closing would fold the log in.
    std::mem::forget(mirror);
    assert!(fs::metadata(folder.join("carnet.db-wal")).unwrap().len() > 0);
}

fn copied(from: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) -> io::Result<()> {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let target: PathBuf = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                fs::create_dir(&target)?;
                copy(&entry.path(), &target)?;
            } else {
                fs::copy(entry.path(), &target)?;
            }
        }
        Ok(())
    }
    let folder = tempfile::tempdir().unwrap();
    copy(from, folder.path()).unwrap();
    folder
}

/// A restore under strace; the calls that it saw, and whether the program lived.
fn restore(folder: &Path, injection: Option<&str>) -> (Vec<String>, bool) {
    let log = folder.join("strace.log");
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-y", "-s0", "-o"]).arg(&log).args(["-e", &format!("trace={}", CALLS.join(","))]);
    if let Some(injection) = injection {
        command.args(["-e", &format!("inject={injection}")]);
    }
    let traced = carnet(folder, &["restore", &folder.join("copy.db").to_string_lossy()]);
    let lived = command.arg("--").arg(traced.get_program()).args(traced.get_args()).env_clear();
    let lived = lived.env("PATH", std::env::var_os("PATH").unwrap_or_default()).output().unwrap().status.success();
    let seen = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    (seen.lines().map(str::to_owned).collect(), lived)
}

/// Every call on a file of the folder, as `fsync:3`: the third one of its kind.
fn stops(folder: &Path) -> Vec<(String, usize)> {
    let world = copied(folder);
    let (seen, lived) = restore(world.path(), None);
    assert!(lived);
    let mut counts = std::collections::BTreeMap::new();
    let mut stops = Vec::new();
    for line in seen.iter().filter(|line| !line.contains("resumed>")) {
        let Some((call, _)) = line.split_once(' ').and_then(|(_, call)| call.trim_start().split_once('(')) else {
            continue;
        };
        let at: &mut usize = counts.entry(call.to_owned()).or_default();
        *at += 1;
        if line.contains(&*world.path().to_string_lossy()) {
            stops.push((call.to_owned(), *at));
        }
    }
    stops
}

#[test]
fn a_restore_killed_at_any_moment_leaves_the_old_mirror_or_the_new_one() {
    if let Some(reason) = trace::missing() {
        println!("skipped: {reason}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    start(folder.path());
    let all = stops(folder.path());
    assert!(all.iter().any(|(call, _)| call == "rename") && all.len() > 40, "{all:?}");
    // The last steps are the ones that change what is in place.
    let (early, late) = all.split_at(all.len() - 16);
    let stops: Vec<_> = budget::sample(early.to_vec(), 9).into_iter().chain(late.to_vec()).collect();
    let (mut old, mut new) = (0, 0);
    for (call, at) in &stops {
        let world = copied(folder.path());
        let (_, lived) = restore(world.path(), Some(&format!("{call}:signal=KILL:when={at}")));
        assert!(!lived, "{call}:{at} was not reached");
        // As the next program finds it.
        ends_well(world.path(), &["status"]);
        let mirror = Mirror::open(&world.path().join("carnet.db")).unwrap();
        let is_old = mirror.fact(LATER).unwrap().is_some();
        let is_new = mirror.fact("mirror.restored").unwrap().is_some();
        assert!(is_old != is_new, "{call}:{at}: told later {is_old}, restored {is_new}");
        let sound: String = mirror.connection().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!((sound.as_str(), mirror.count_contacts().unwrap()), ("ok", 250), "{call}:{at}");
        drop(mirror);
        if is_old {
            old += 1
        } else {
            new += 1
        }
        ends_well(world.path(), &["restore", &world.path().join("copy.db").to_string_lossy()]);
        let left = fs::read_dir(world.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = left.filter(|name| name.contains(".restoring")).collect();
        assert!(left.is_empty(), "{call}:{at}: {left:?}");
        if at.is_multiple_of(4) {
            ends_well(world.path(), &["sync"]);
            let cards = fs::read_dir(world.path().join("cards"))
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "vcf"));
            assert_eq!(cards.count(), 250, "{call}:{at}");
        }
    }
    println!("{} of {} stops: {old} times the old mirror, {new} times the new one", stops.len(), all.len());
    assert!(old > 0 && new > 0, "both ends were met: {old} {new}");
}
