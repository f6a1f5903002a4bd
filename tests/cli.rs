//! The program as a person or a script meets it: what it prints, and the public exit codes.

use std::{fs, path::Path};

use assert_cmd::Command;
use carnet::sandbox::{Sandbox, SandboxSettings};

/// Settings for the practice CRM inside the process, with a folder of cards.
const PRACTICE: &str = "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n\
                        [[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n";

pub fn settings(folder: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("carnet.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Runs carnet on the settings in a folder: its exit code, stdout and stderr, the folder's name cut out.
pub fn carnet(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("carnet").unwrap();
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1");
    let output = command.arg("-c").arg(folder.join("carnet.toml")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&*folder.to_string_lossy(), "HERE");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn the_first_run_and_the_second() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    let (code, out, _) = carnet(folder.path(), &["sync"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(out, @r"
    crm     250 contacts, 5 pages
    cards   0 cards
    mirror  250 created
    cards   250 created
    ");
    let (code, out, _) = carnet(folder.path(), &["sync"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(out, @r"
    crm     250 contacts, 5 pages
    cards   250 cards
    nothing changed
    ");
    let (_, out, _) = carnet(folder.path(), &["--json", "sync"]);
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["type"], &last["scanned"]["crm"], &last["failed"]), (&"summary".into(), &250.into(), &0.into()));
}

#[test]
fn a_file_that_is_no_address_book_is_named_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    let path = folder.path().join("given");
    let told = |format: &[&str]| {
        let given = path.to_string_lossy().into_owned();
        let (code, _, told) = carnet(folder.path(), &[&["-q", "import", "--no-push", &given], format].concat());
        (code, told)
    };
    fs::write(&path, b"PK\x03\x04\x14\x00[Content_Types].xml").unwrap();
    let workbook = "error: failed to read HERE/given: it is an Excel workbook\n\
                    hint: open it, save the sheet as CSV (UTF-8), and import that\n";
    assert_eq!(told(&[]), (1, workbook.to_owned()));
    assert_eq!(told(&["--format", "csv"]), (1, workbook.to_owned()), "whatever it is said to be");
    fs::write(&path, "[{\"last_name\":\"Durand\"}]").unwrap();
    let array = "error: failed to read HERE/given: it is a JSON array\n\
                 hint: give one object a line: jq -c '.[]' FILE | carnet import -\n";
    assert_eq!(told(&[]), (1, array.to_owned()));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let (code, words) = told(&[]);
    assert_eq!((code, words.lines().next()), (1, Some("error: failed to read HERE/given: it is a folder")));
}

#[test]
fn an_import_says_first_what_it_writes_to() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    fs::write(folder.path().join("in.csv"), "last_name,first_name\nDurand,Ada\n").unwrap();
    let file = folder.path().join("in.csv").to_string_lossy().into_owned();
    for (flags, words) in [
        (&["--dry-run"][..], "a dry run of the import: nothing is written"),
        (&["--no-push"], "an import into the mirror alone; the next run takes it to the CRM and the books"),
        (
            &[],
            "an import is a run: it reads the CRM and the books, and writes to them (--no-push: to the mirror alone)",
        ),
    ] {
        let (code, _, told) = carnet(folder.path(), &[&["import"], flags, &[file.as_str()]].concat());
        assert_eq!((code, told.lines().next()), (0, Some(words)));
    }
}

#[test]
fn an_export_names_what_it_has_no_room_for() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    let row = "last_name,other_city,personal_email,personal_email_2,professional_email,professional_email_2\n\
               Durand,Belley,a@example.com,b@example.com,c@example.com,d@example.com\n";
    fs::write(folder.path().join("in.csv"), row).unwrap();
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    assert_eq!(carnet(folder.path(), &["-q", "import", "--no-push", &file("in.csv")]).0, 0);
    let (code, _, told) = carnet(folder.path(), &["export", "--format", "thunderbird", &file("out.csv")]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(told, @r"
    1 contact written
    thunderbird has no room for: other address 1, personal_email 2
    hint: `--format vcard4` and `--format jsonl` carry everything
    ");
    let (_, _, told) = carnet(folder.path(), &["export", "--format", "csv", &file("whole.csv")]);
    insta::assert_snapshot!(told, @"1 contact written");
}

#[test]
fn a_book_follows_what_its_settings_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let sheet = "[[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"s.csv\"\n";
    let head = "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n";
    let ask = |extra: &str| settings(folder.path(), &format!("{head}{sheet}{extra}"));
    let rows = || csv::Reader::from_path(folder.path().join("s.csv")).unwrap().records().count();
    ask("");
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
    assert_eq!(rows(), 250);
    ask("where = { contact_type = [\"client\"] }\n");
    let (code, _, told) = carnet(folder.path(), &["sync"]);
    assert!(code == 3 && rows() == 250 && told.contains("no longer fit `where`"), "{code}: {told}");
    assert_eq!(carnet(folder.path(), &["-q", "sync", "--max-delete", "250"]).0, 0);
    let (_, listed, _) = carnet(folder.path(), &["list", "--where", "contact_type=client"]);
    assert_eq!(rows(), listed.lines().count());
    let (_, _, told) = carnet(folder.path(), &["sync"]);
    assert!(!told.contains("failed"), "{told}");
    assert_eq!(carnet(folder.path(), &["list"]).1.lines().count(), 250, "nobody is deleted");
    ask("");
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
    assert_eq!(rows(), 250);
}

#[test]
fn a_run_is_logged_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    let (code, _, told) = carnet(folder.path(), &["-vv", "--log-format", "json", "pull"]);
    assert_eq!(code, 0);
    let logged = told.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let messages: Vec<String> = logged.filter_map(|line| Some(line["message"].as_str()?.to_owned())).collect();
    assert!(["reading", "read", "changed"].iter().all(|it| messages.iter().any(|told| told == it)), "{told}");
    assert!(!carnet(folder.path(), &["-v", "pull"]).2.contains("DEBUG"));
}

#[test]
fn an_export_replaces_no_file_unasked() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    assert_eq!(carnet(folder.path(), &["-q", "pull"]).0, 0);
    let file = folder.path().join("out.vcf");
    let name = file.to_string_lossy().into_owned();
    fs::write(&file, "mine").unwrap();
    let (code, _, told) = carnet(folder.path(), &["export", &name]);
    assert!(code == 1 && told.contains("it exists") && told.contains("--force replaces it"), "{code}: {told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(carnet(folder.path(), &["export", "--force", &name]).0, 0);
    assert!(fs::read_to_string(&file).unwrap().starts_with("BEGIN:VCARD"));
    let (code, _, told) = carnet(folder.path(), &["export", &name.replace(".vcf", ".xlsx")]);
    assert!(code == 2 && told.contains("carnet writes .vcf, .csv and .jsonl"), "{code}: {told}");
}

#[test]
fn an_export_comes_back_as_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    assert_eq!(carnet(folder.path(), &["-q", "pull"]).0, 0);
    for format in ["vcard3", "vcard4", "csv", "google", "outlook", "outlook-fr", "thunderbird", "excel-fr", "jsonl"] {
        let file = folder.path().join(format);
        let name = file.to_str().unwrap();
        assert_eq!(carnet(folder.path(), &["export", "--format", format, "--check", name]).0, 0, "{format}");
        let (code, out, told) = carnet(folder.path(), &["--json", "import", "--no-push", name]);
        let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        let nothing = serde_json::json!({});
        assert_eq!((&last["created"], &last["updated"]), (&nothing, &nothing), "{format}\n{told}");
        // Files of other programs carry no UID: namesakes without an e-mail address are left to a person.
        let own = ["vcard3", "vcard4", "csv", "jsonl"].contains(&format);
        assert_eq!(code, if own { 0 } else { i32::from(last["failed"] != 0) * 3 }, "{format}\n{told}");
    }
}

#[test]
fn a_filter_means_the_same_to_a_book_a_list_and_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let cards = folder.path().join("cards");
    settings(folder.path(), &(PRACTICE.to_owned() + "where = { last_name = [\"durand\", \"MARTIN\"] }\n"));
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
    let is_card = |path: &Path| path.extension().is_some_and(|extension| extension == "vcf");
    let in_book = fs::read_dir(cards).unwrap().filter(|entry| is_card(&entry.as_ref().unwrap().path())).count();
    let where_ = ["--where", "last_name=durand", "--where", "last_name=MARTIN"];
    let (_, exported, _) = carnet(folder.path(), &[["export", "--format", "jsonl"].as_slice(), &where_].concat());
    let (_, listed, _) = carnet(folder.path(), &[["list"].as_slice(), &where_].concat());
    assert_eq!((in_book, exported.lines().count(), listed.lines().count()), (3, 3, 3), "{exported}");
    for (condition, told) in [
        ("last_nam=x", "error: failed to filter by last_nam: there is no such field\nhint: known: id, uid, q, civil"),
        ("contact_type=clients", "there is no such value\nhint: known: client, prospect, supplier, press"),
    ] {
        for command in ["list", "export"] {
            let (code, _, words) = carnet(folder.path(), &[command, "--where", condition]);
            assert_eq!((code, words.contains(told)), (2, true), "{command}: {words}");
        }
    }
}

#[test]
fn a_typo_in_the_settings_is_shown_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), &PRACTICE.replace("kind", "knid"));
    let (code, _, told) = carnet(folder.path(), &["sync"]);
    assert_eq!(code, 2);
    assert!(told.contains("did you mean `kind`") && told.contains("carnet.toml:7"), "{told}");
}

#[test]
fn a_file_that_is_not_a_mirror_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    fs::write(folder.path().join("carnet.db"), "a letter, not a database").unwrap();
    let (code, _, told) = carnet(folder.path(), &["sync"]);
    assert_eq!((code, told.contains("is not a SQLite database")), (1, true), "{told}");
    assert_eq!(fs::read(folder.path().join("carnet.db")).unwrap(), b"a letter, not a database");
}

#[test]
fn a_disk_that_cannot_be_read_is_not_taken_for_a_malformed_mirror() {
    let tried = std::process::Command::new("strace").args(["-f", "-qq", "-e", "trace=fsync", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        println!("skipped: strace does not work here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    assert_eq!(carnet(folder.path(), &["-q", "pull"]).0, 0);
    let mirror = folder.path().join("carnet.db");
    let mut struck = 0;
    for at in 1..=12 {
        let mut command = std::process::Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(&mirror).args(["-e", "trace=pread64", "-e"]);
        command.arg(format!("inject=pread64:error=EIO:when={at}")).arg("--");
        command.arg(assert_cmd::cargo::cargo_bin("carnet")).arg("-c").arg(folder.path().join("carnet.toml"));
        let output = command.args(["list"]).env("NO_COLOR", "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            continue;
        }
        struck += 1;
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("hint: nothing was changed by this; copy the file to another disk first"), "{told}");
        assert!(!told.contains("move it away"), "{told}");
    }
    assert!(struck >= 3, "the reads were not struck: {struck}");
}

#[test]
fn a_mirror_that_is_malformed_is_kept_first() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    assert_eq!(carnet(folder.path(), &["-q", "pull"]).0, 0);
    let mirror = folder.path().join("carnet.db");
    let mut bytes = fs::read(&mirror).unwrap();
    bytes[8_192..].fill(0xee);
    fs::write(&mirror, &bytes).unwrap();
    let (code, _, told) = carnet(folder.path(), &["list"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("hint: keep a copy of the file first") && told.contains("nothing is deleted"), "{told}");
    bytes[..64].fill(0xee);
    fs::write(&mirror, &bytes).unwrap();
    let (code, _, told) = carnet(folder.path(), &["list"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("it is damaged: keep a copy of the file first"), "{told}");
}

#[test]
fn one_run_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    let file = fs::File::create(folder.path().join("carnet.db.lock")).unwrap();
    let mut lock = fd_lock::RwLock::new(file);
    let _held = lock.write().unwrap();
    let (code, _, told) = carnet(folder.path(), &["sync"]);
    assert_eq!((code, told.contains("another carnet works on")), (11, true), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_server_that_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(SandboxSettings { contacts: 3, ..SandboxSettings::default() }).await.unwrap();
    let url = sandbox.url();
    let text = |password: &str| {
        format!(
            "[crm]\nurl = \"{url}\"\nusername = \"demo\"\npassword = \"{password}\"\n[mirror]\npath = \"carnet.db\"\n"
        )
    };
    settings(folder.path(), &text("canary-7f3a"));
    let (code, out, told) = tokio::task::block_in_place(|| carnet(folder.path(), &["-vvv", "pull"]));
    assert_eq!((code, told.contains("login was refused")), (4, true), "{told}");
    assert!(!format!("{out}{told}").contains("canary-7f3a"), "the password is told");
    assert!(sandbox.store().log().len() <= 4, "a refused login is not tried again");
    let before = sandbox.store().log().len();
    let (code, _, _) = tokio::task::block_in_place(|| carnet(folder.path(), &["sync"]));
    assert_eq!(code, 4);
    assert_eq!(sandbox.store().log().len(), before + 1, "after a refusal one request tries it");
    sandbox.stop().await;
    settings(folder.path(), &text("demo"));
    let (code, _, told) = tokio::task::block_in_place(|| carnet(folder.path(), &["pull"]));
    assert_eq!((code, told.contains("failed to connect to")), (5, true), "{told}");
}

#[test]
fn conflicts_and_undo_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    let check = |arguments: &[&str], code: i32, words: &str| {
        let (found, out, told) = carnet(folder.path(), arguments);
        assert_eq!(found, code, "{arguments:?}: {out}{told}");
        assert!(format!("{out}{told}").contains(words), "{arguments:?}: {out}{told}");
    };
    check(&["undo", "1"], 1, "failed to find the mirror HERE/carnet.db: nothing ran yet");
    check(&["conflicts", "resolve", "1", "--keep", "crm"], 1, "nothing ran yet");
    assert!(!folder.path().join("carnet.db").exists(), "a question makes no mirror");
    check(&["-q", "pull"], 0, "");
    check(&["conflicts"], 0, "nothing waits for you");
    check(&["--json", "conflicts"], 0, "");
    check(&["conflicts", "show", "3"], 2, "failed to find conflict 3\nhint: `carnet conflicts` lists them");
    check(&["conflicts", "show", "q3"], 2, "failed to find question q3");
    check(&["conflicts", "resolve", "3", "--keep", "crm"], 2, "failed to find conflict 3");
    check(&["conflicts", "resolve", "q3", "--dismiss"], 2, "failed to find question q3");
    check(&["conflicts", "resolve", "3", "--dismiss"], 2, "failed to resolve conflict 3 without --keep");
    check(&["conflicts", "resolve", "q3", "--keep", "crm"], 2, "failed to answer question q3 with --keep");
    check(&["conflicts", "resolve", "3", "--keep", "mine"], 2, "expected crm, book, both, or FIELD=VALUE");
    // What names nothing is wrong usage, whether or not it looks like a number of ours.
    check(&["undo", "9"], 2, "failed to find run 9\nhint: `carnet runs` lists them");
    check(&["undo", "h9"], 2, "failed to find change h9\nhint: `carnet history` lists changes");
    for nonsense in ["0", "h0", "x9", "9x", "99999999999999999999"] {
        check(&["undo", nonsense], 2, "expected a run of `carnet runs`, such as 12");
    }
    check(&["runs", "9"], 2, "failed to find run 9\nhint: `carnet runs` lists them");
    for nonsense in ["0", "-1", "ada", ""] {
        let adopt = format!("--adopt={nonsense}");
        check(&["conflicts", "resolve", "q1", &adopt], 2, "expected an id of the CRM, such as 1051");
    }
    check(&["undo", "1", "--created"], 7, "250 of 250 contacts would be deleted; 25 may go without a word");
    check(&["undo", "1", "--created", "--force", "--dry-run"], 0, "dry run: nothing was written");
    check(&["runs"], 0, "pull");
    let (_, out, _) = carnet(folder.path(), &["runs"]);
    assert_eq!(out.lines().count(), 1, "what was refused or rehearsed is no run: {out}");
    let (code, out, _) = carnet(folder.path(), &["--json", "undo", "1"]);
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let made = last["created_left"].as_array().map(Vec::len);
    assert_eq!((code, &last["type"], &last["run"], made), (0, &"summary".into(), &0.into(), Some(250)));
}

#[test]
fn conflicts_and_undo_wait_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    assert_eq!(carnet(folder.path(), &["-q", "pull"]).0, 0);
    let file = fs::File::create(folder.path().join("carnet.db.lock")).unwrap();
    let mut lock = fd_lock::RwLock::new(file);
    let _held = lock.write().unwrap();
    let (code, _, told) = carnet(folder.path(), &["undo", "1"]);
    assert_eq!((code, told.contains("another carnet works on")), (11, true), "{told}");
    // A decision needs no lock; one that makes no sense is refused as ever.
    let (code, _, told) = carnet(folder.path(), &["conflicts", "resolve", "1", "--keep", "crm"]);
    assert_eq!((code, told.contains("failed to find conflict 1")), (2, true), "{told}");
    assert_eq!(carnet(folder.path(), &["conflicts"]).0, 0, "reading needs no lock");
}

/// A card without an end.
const BROKEN: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Broken\r\n";

#[test]
fn what_failed_waits_by_name_until_it_passes() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), PRACTICE);
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
    assert_eq!(carnet(folder.path(), &["status"]).0, 0);
    let broken = folder.path().join("cards/broken.vcf");
    fs::write(&broken, BROKEN).unwrap();
    let (code, out, told) = carnet(folder.path(), &["sync"]);
    assert!(
        code == 3 && out.contains("1 failed: see above") && told.contains("broken.vcf line 1"),
        "{code} {out}{told}"
    );
    let hint = "mend or restore the card";
    for arguments in [&["status"][..], &["conflicts"], &["runs", "2"]] {
        let (code, out, _) = carnet(folder.path(), arguments);
        assert!(out.contains("broken.vcf line 1: ") && out.contains(hint), "{arguments:?}: {out}");
        assert_eq!(code, if arguments == ["status"] { 3 } else { 0 }, "{arguments:?}");
    }
    let object = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(carnet(folder.path(), arguments).1.lines().next().unwrap()).unwrap()
    };
    let status = object(&["--json", "status"]);
    assert_eq!((&status["exit_code"], &status["waiting"]), (&3.into(), &1.into()));
    let run = object(&["--json", "runs", "2"]);
    for problem in [&status["problems"][0], &object(&["--json", "conflicts"]), &run["summary"]["failures"][0]] {
        assert_eq!(problem["subjects"][0]["place"], "broken.vcf line 1", "{problem}");
        assert!(problem["hint"].as_str().unwrap().contains(hint), "{problem}");
    }
    // It stays: no news, and still one thing that waits.
    let (code, out, told) = carnet(folder.path(), &["sync"]);
    assert!(code == 3 && !out.contains("failed") && out.contains("1 waits for you") && told.is_empty(), "{out}{told}");
    fs::remove_file(&broken).unwrap();
    assert_eq!(carnet(folder.path(), &["-q", "sync", "--dry-run"]).0, 0);
    assert_eq!(carnet(folder.path(), &["status"]).0, 3, "a rehearsal keeps nothing");
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
    let (code, out, _) = carnet(folder.path(), &["status"]);
    assert!(code == 0 && out.contains("nothing waits for you"), "{out}");
    assert!(carnet(folder.path(), &["runs", "2"]).1.contains("broken.vcf"));
}

#[test]
fn many_that_fail_for_one_reason_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), &format!("{PRACTICE}[[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"s.csv\"\n"));
    fs::create_dir(folder.path().join("cards")).unwrap();
    fs::create_dir(folder.path().join("s.csv")).unwrap();
    for number in 0..30 {
        fs::write(folder.path().join(format!("cards/{number:02}.vcf")), BROKEN).unwrap();
    }
    let (code, _, told) = carnet(folder.path(), &["sync"]);
    assert_eq!(code, 3);
    assert!(
        told.contains("04.vcf") && !told.contains("05.vcf") && told.contains("25 more could not be read"),
        "{told}"
    );
    assert_eq!(told.matches("hint: mend").count(), 1, "{told}");
    let (code, out, _) = carnet(folder.path(), &["status"]);
    assert_eq!((code, out.matches("waiting").count()), (3, 2), "{out}");
    assert!(out.contains("cards: 30 records could not be read: 00.vcf line 1: "), "{out}");
    assert!(out.contains("sheet: failed to read ") && out.contains("and 25 more"), "{out}");
    assert!(carnet(folder.path(), &["runs"]).1.contains("31 failed"));
}

#[test]
fn what_stays_out_and_what_stays_there_is_said_before_in_the_run_and_after() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), &PRACTICE.replace("\"sandbox\"\n", "\"sandbox\"\nfirms = \"off\"\n"));
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
    let card = |name: &str, lines: &str| {
        let text = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\n{lines}END:VCARD\r\n");
        fs::write(folder.path().join(format!("cards/{name}.vcf")), text).unwrap();
    };
    card("nora", "FN:Nora Vidal\r\nN:Vidal;Nora;;;\r\nORG:Vidal & Fils\r\n");
    card("omar", "FN:Omar Vidal\r\nN:Vidal;Omar;;;\r\nORG:Vidal & Fils\r\n");
    let mut cards: Vec<_> = fs::read_dir(folder.path().join("cards")).unwrap().map(|it| it.unwrap().path()).collect();
    cards.sort();
    let goes = cards.iter().find(|it| fs::read_to_string(it).is_ok_and(|card| card.contains("TEL"))).unwrap();
    fs::remove_file(goes).unwrap();
    let changed = cards.iter().rev().find(|it| fs::read_to_string(it).is_ok_and(|card| card.contains("TEL"))).unwrap();
    let text = fs::read_to_string(changed).unwrap();
    fs::write(changed, text.replace("END:VCARD", "TEL;TYPE=WORK,VOICE:01 99 00 00 77\r\nEND:VCARD")).unwrap();
    assert!(carnet(folder.path(), &["check"]).1.contains("is not known yet"));

    let said = ["company: 2 stay out of the CRM: Vidal & Fils", "1 stays in the CRM (crm.deletes = never): "];
    let trial = "a throwaway contact, \"carnet probe\", is made in the CRM and deleted again";
    for (arguments, tried) in [(&["sync", "--dry-run"][..], 1), (&["sync"], 1), (&["sync"], 0)] {
        let (code, out, told) = carnet(folder.path(), arguments);
        assert_eq!((code, out.matches(trial).count()), (0, tried), "{arguments:?}: {out}{told}");
        for said in said {
            assert_eq!(out.matches(said).count(), tried, "{arguments:?} {said}: {out}");
        }
    }
    assert!(carnet(folder.path(), &["check"]).1.contains("numbers and addresses is known"));
    let (code, out, _) = carnet(folder.path(), &["status"]);
    assert_eq!(code, 0, "none of it waits for an answer");
    assert!(out.contains(said[0]) && out.contains("1 deleted here stays there"), "{out}");
    let shown = carnet(folder.path(), &["show", "Nora Vidal"]).1;
    assert!(shown.contains("(the same, without company: it has no place for that)"), "{shown}");
}

#[test]
fn a_copy_beside_a_sheet_is_not_read_and_waits() {
    let folder = tempfile::tempdir().unwrap();
    let sheet = "[[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"s.csv\"\n";
    settings(folder.path(), &format!("[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n{sheet}"));
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
    let copy = folder.path().join("s (Ada's conflicted copy 2026-11-29).csv");
    fs::copy(folder.path().join("s.csv"), &copy).unwrap();
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 3);
    let (code, out, _) = carnet(folder.path(), &["status"]);
    assert!(code == 3 && out.contains("s (Ada's conflicted copy 2026-11-29).csv: is a copy of this book"), "{out}");
    assert!(out.contains("carnet import --dry-run"), "{out}");
    fs::remove_file(&copy).unwrap();
    assert_eq!(carnet(folder.path(), &["-q", "sync"]).0, 0);
}
