//! Copies of the mirror as a user meets them: `carnet backup` beside writers, `carnet restore` of what it made, of what is no
//! mirror and of another account's, and mirrors that other programs put there.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use assert_cmd::Command;
use carnet::mirror::Mirror;
use rusqlite::Connection;

const SETTINGS: &str = "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n\
                        [[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n";

fn carnet(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("carnet").unwrap();
    command.env_clear().env("NO_COLOR", "1").current_dir(folder);
    let output = command.args(["-c", "carnet.toml"]).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap_or(-1), text.replace(&*folder.to_string_lossy(), "HERE"))
}

fn ends(folder: &Path, arguments: &[&str], code: i32) -> String {
    let (ended, told) = carnet(folder, arguments);
    assert_eq!(ended, code, "{arguments:?}: {told}");
    told
}

/// A folder with settings and a mirror that was synced once.
fn synced() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_settings(folder.path(), SETTINGS);
    ends(folder.path(), &["sync"], 0);
    folder
}

fn write_settings(folder: &Path, text: &str) {
    fs::write(folder.join("carnet.toml"), text).unwrap();
    fs::set_permissions(folder.join("carnet.toml"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Everything that the mirror's tables hold, as text.
fn rows(path: &Path, table: &str) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut select = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = select.column_count();
    let rows = select.query_map([], |row| {
        (0..columns)
            .map(|at| Ok(format!("{:?}", row.get::<_, rusqlite::types::Value>(at)?)))
            .collect::<Result<String, _>>()
    });
    let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

#[test]
fn a_backup_is_the_mirror_as_it_stood_in_a_private_file_of_its_own() {
    let folder = synced();
    let at = folder.path();
    let told = ends(at, &["backup", "copy.db"], 0);
    assert!(told.starts_with("copy.db: 250 contacts, "), "{told}");
    for table in ["contacts", "contact_items", "agreements", "history", "runs", "facts", "cursors", "sqlite_sequence"] {
        assert_eq!(rows(&at.join("copy.db"), table), rows(&at.join("carnet.db"), table), "{table}");
    }
    assert_eq!(mode(&at.join("copy.db")), 0o600);
    let left: Vec<String> =
        names(at).into_iter().filter(|name| name.starts_with("copy") || name.contains("tmp")).collect();
    assert_eq!(left, ["copy.db"]);

    let kept = fs::read(at.join("copy.db")).unwrap();
    assert_eq!(
        ends(at, &["backup", "copy.db"], 1),
        "error: failed to write copy.db: it exists\nhint: --force replaces it\n"
    );
    assert_eq!(fs::read(at.join("copy.db")).unwrap(), kept);
    let told: serde_json::Value =
        serde_json::from_str(&ends(at, &["--json", "backup", "--force", "copy.db"], 0)).unwrap();
    assert_eq!((&told["type"], &told["contacts"]), (&"backup".into(), &250.into()));
    assert!(told["bytes"].as_u64().unwrap() > 0 && told["last_run_at"].is_string(), "{told}");
    for own in
        ["carnet.db", "carnet.db-wal", "cards", "carnet.toml", "practice-crm.db", "carnet.db.lock", "cards/copy.db"]
    {
        let told = ends(at, &["backup", "--force", own], 2);
        assert!(told.contains("choose another file") || told.contains("folder"), "{told}");
    }
    assert!(ends(at, &["backup", "nowhere/copy.db"], 1).contains("nowhere/copy.db"));
}

#[test]
fn a_backup_ends_while_another_program_writes_all_the_time_and_is_one_state() {
    let folder = synced();
    let path = folder.path().join("carnet.db");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut mirror = Mirror::open(&path).unwrap();
            let mut count = 0_u32;
            while !done.load(Ordering::Relaxed) {
                count += 1;
                let text = count.to_string();
                // Both, or neither.
                mirror
                    .transact::<_, carnet::views::MirrorError>(|mirror| {
                        mirror.set_fact("one", &text)?;
                        mirror.set_fact("two", &text)
                    })
                    .unwrap();
            }
            count
        });
        for number in 0..5 {
            let name = format!("copy-{number}.db");
            ends(folder.path(), &["backup", &name], 0);
            let copy = Mirror::open_read_only(&folder.path().join(&name)).unwrap();
            assert_eq!(copy.fact("one").unwrap(), copy.fact("two").unwrap());
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 5, "it wrote meanwhile");
    });
}

#[test]
fn a_backup_needs_no_lock_and_a_restore_does() {
    let folder = synced();
    ends(folder.path(), &["backup", "copy.db"], 0);
    let lock = fs::OpenOptions::new().write(true).open(folder.path().join("carnet.db.lock")).unwrap();
    let mut lock = fd_lock::RwLock::new(lock);
    let held = lock.write().unwrap();
    ends(folder.path(), &["backup", "another.db"], 0);
    ends(folder.path(), &["restore", "copy.db"], 11);
    drop(held);
    // Whoever only reads keeps its file from being replaced, too.
    let reader = Connection::open(folder.path().join("carnet.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM contacts;").unwrap();
    let told = ends(folder.path(), &["restore", "copy.db"], 1);
    assert!(told.contains("another program has it open") && told.contains("Litestream"), "{told}");
    drop(reader);
    ends(folder.path(), &["restore", "copy.db"], 0);
}

#[test]
fn a_restore_keeps_the_present_mirror_beside_and_gives_no_number_twice() {
    let folder = synced();
    let at = folder.path();
    ends(at, &["backup", "copy.db"], 0);
    ends(at, &["sync"], 0);
    ends(at, &["sync"], 0);
    let told = ends(at, &["restore", "copy.db"], 0);
    let kept = names(at).into_iter().find(|name| name.starts_with("carnet.db.before-restore-")).unwrap();
    assert!(told.starts_with("the mirror is 250 contacts again, of 20") && told.contains(&kept), "{told}");
    let of = told.lines().next().unwrap().rsplit(", of ").next().unwrap();
    assert_eq!((of.len(), of.find(' '), of.find(['T', 'Z'])), (19, Some(10), None), "as people read times: {told}");
    assert_eq!((mode(&at.join(&kept)), mode(&at.join("carnet.db"))), (0o600, 0o600));
    assert_eq!(rows(&at.join(&kept), "runs").len(), 3, "with all that was written to it");
    let beside =
        |name: &String| name.starts_with("carnet.db") && (name.contains("-wal") || name.contains(".restoring"));
    assert!(!names(at).iter().any(beside), "{:?}", names(at));
    let runs = rows(&at.join("carnet.db"), "runs");
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().any(|run| run.starts_with("Integer(4)Text(\"restore\")")), "{runs:?}");
    // The one that was there is a copy like any other.
    ends(at, &["restore", &kept], 0);
    assert_eq!(rows(&at.join("carnet.db"), "runs").len(), 4);
    let (_, out) = carnet(at, &["sync"]);
    assert!(out.contains("nothing changed"), "{out}");
}

#[test]
fn what_is_no_sound_mirror_or_another_accounts_is_not_restored() {
    let folder = synced();
    let at = folder.path();
    ends(at, &["backup", "copy.db"], 0);
    let before = fs::read(at.join("carnet.db")).unwrap();
    fs::write(at.join("text.db"), "hello").unwrap();
    Connection::open(at.join("theirs.db")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let mut bytes = fs::read(at.join("copy.db")).unwrap();
    let (from, to) = (bytes.len() / 2, bytes.len() / 2 + 20_000);
    bytes[from..to].fill(0xee);
    fs::write(at.join("damaged.db"), bytes).unwrap();
    fs::copy(at.join("copy.db"), at.join("newer.db")).unwrap();
    Connection::open(at.join("newer.db")).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    for (name, words) in [
        ("text.db", "it is not a SQLite database"),
        ("theirs.db", "it is a database of another program"),
        ("damaged.db", "it is damaged"),
        ("newer.db", "a newer carnet wrote it"),
        ("none.db", "No such file"),
    ] {
        let told = ends(at, &["restore", name], 1);
        assert!(told.contains(words) && told.contains(name), "{name}: {told}");
        assert!(!told.contains("keep a copy of the file"), "the present mirror is not damaged: {told}");
    }
    assert!(ends(at, &["restore", "carnet.db"], 2).contains("it is the mirror itself"));
    fs::copy(at.join("copy.db"), at.join("another.db")).unwrap();
    let another = "UPDATE facts SET value = 'crm.example.org/9 of eve' WHERE key = 'crm.account'";
    Connection::open(at.join("another.db")).unwrap().execute_batch(another).unwrap();
    let told = ends(at, &["restore", "another.db"], 7);
    assert!(told.contains("the copy is of crm.example.org/9 of eve, and the settings name the practice CRM"), "{told}");
    assert_eq!(fs::read(at.join("carnet.db")).unwrap(), before);
    assert!(!names(at).iter().any(|name| name.contains("before-restore") || name.contains(".restoring")));
    ends(at, &["restore", "--force", "another.db"], 0);
    ends(at, &["sync"], 7);
}

#[test]
fn a_damaged_mirror_is_replaced_and_kept_whole() {
    let folder = synced();
    let at = folder.path();
    ends(at, &["backup", "copy.db"], 0);
    let mut bytes = fs::read(at.join("carnet.db")).unwrap();
    bytes[4_096..].fill(0xee);
    fs::write(at.join("carnet.db"), &bytes).unwrap();
    fs::write(at.join("carnet.db-wal"), "what nobody can fold in").unwrap();
    assert_eq!(carnet(at, &["status"]).0, 1);
    let told = ends(at, &["backup", "useless.db"], 1);
    assert!(told.contains("damaged") && !at.join("useless.db").exists(), "{told}");
    ends(at, &["restore", "copy.db"], 0);
    let kept = names(at).into_iter().filter(|name| name.starts_with("carnet.db.before-restore-")).collect::<Vec<_>>();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(fs::read(at.join(&kept[0])).unwrap(), bytes);
    assert!(!at.join("carnet.db-wal").exists());
    assert!(carnet(at, &["sync"]).1.contains("nothing changed"));
}

#[test]
fn a_repair_saves_the_past_of_a_damaged_mirror_and_writes_to_neither_side() {
    let folder = synced();
    let at = folder.path();
    let told = ends(at, &["repair"], 0);
    assert!(told.contains("the mirror is sound (250 contacts): nothing to repair"), "{told}");
    let card = fs::read_dir(at.join("cards"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "vcf"));
    let card = card.unwrap();
    let text = fs::read_to_string(&card).unwrap().replace("END:VCARD", "NOTE:edited\r\nEND:VCARD");
    fs::write(&card, text).unwrap();
    ends(at, &["sync"], 0);
    let cards = |at: &Path| {
        let entries = fs::read_dir(at.join("cards")).unwrap().map(|entry| entry.unwrap());
        let mut cards: Vec<_> = entries
            .map(|entry| (entry.path(), fs::read(entry.path()).unwrap(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        cards.sort();
        cards
    };
    let crm = rows(&at.join("practice-crm.db"), "contacts");
    let (before, mirror) = (cards(at), fs::read(at.join("carnet.db")).unwrap());
    // The root of the table of contacts: the history can be read, the contacts cannot.
    let page: i64 = Connection::open(at.join("carnet.db"))
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'contacts'", [], |row| row.get(0))
        .unwrap();
    let page = usize::try_from(page).unwrap();
    let mut bytes = mirror;
    bytes[(page - 1) * 8_192..page * 8_192].fill(0xee);
    fs::write(at.join("carnet.db"), bytes).unwrap();
    let told = ends(at, &["repair"], 0);
    assert!(told.contains("saved of it: 2 runs, 1 change of the history, 0 conflicts"), "{told}");
    assert_eq!((cards(at), rows(&at.join("practice-crm.db"), "contacts")), (before, crm));
    assert_eq!(mode(&at.join("carnet.db")), 0o600);
    assert!(!names(at).iter().any(|name| name.contains(".repairing")), "{:?}", names(at));
    let (_, history) = carnet(at, &["history"]);
    assert!(history.contains("edited"), "{history}");
    let (_, told) = carnet(at, &["sync"]);
    assert!(told.contains("nothing changed"), "{told}");
    fs::remove_file(at.join("carnet.db")).unwrap();
    ends(at, &["repair"], 0);
    assert!(carnet(at, &["sync"]).1.contains("nothing changed"));
}

#[test]
fn a_copy_from_an_earlier_carnet_is_brought_up() {
    let folder = synced();
    let at = folder.path();
    let old = Connection::open(at.join("old.db")).unwrap();
    for sql in [
        include_str!("../migrations/mirror/0001-initial/up.sql"),
        include_str!("../migrations/mirror/0002-uptimes/up.sql"),
    ] {
        old.execute_batch(sql).unwrap();
    }
    old.pragma_update(None, "user_version", 2).unwrap();
    drop(old);
    ends(at, &["restore", "old.db"], 0);
    let (code, told) = carnet(at, &["sync"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(rows(&at.join("carnet.db"), "contacts").len(), 250);
}

#[test]
fn a_mirror_that_another_program_put_there_is_made_private_and_doubted() {
    let folder = synced();
    let at = folder.path();
    let litestream = "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);
                      CREATE TABLE _litestream_lock (id INTEGER);
                      INSERT INTO _litestream_seq VALUES (1, 7);";
    Connection::open(at.join("carnet.db")).unwrap().execute_batch(litestream).unwrap();
    fs::set_permissions(at.join("carnet.db"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(carnet(at, &["sync", "--dry-run"]).0, 0);
    assert_eq!(mode(&at.join("carnet.db")), 0o644, "a dry run changes nothing");
    let told = ends(at, &["sync"], 0);
    assert!(told.contains("HERE/carnet.db could be read by others: it is its owner's alone now"), "{told}");
    for name in names(at).into_iter().filter(|name| name.starts_with("carnet.db")) {
        assert_eq!(mode(&at.join(&name)), 0o600, "{name}");
    }
    assert!(rows(&at.join("carnet.db"), "runs").iter().any(|run| run.contains("restore")));
    assert!(!ends(at, &["sync"], 0).contains("could be read"), "it is said once");
    ends(at, &["backup", "copy.db"], 0);
    ends(at, &["restore", "copy.db"], 0);
    ends(at, &["check", "--offline"], 0);
    assert!(ends(at, &["sync"], 0).contains("nothing changed"));
}
