//! `carnet init` by flags alone: from nothing to a synced folder, and nothing half written.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use assert_cmd::Command;
use carnet::sandbox::{Sandbox, SandboxSettings};

/// Runs carnet in a folder: exit code, stdout and stderr.
fn carnet(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("carnet").unwrap();
    command.env_clear().env("NO_COLOR", "1").env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn from_nothing_to_a_synced_folder_in_two_commands() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, told) =
        carnet(folder.path(), &["init", "--url", "sandbox", "--book", "vdir", "--book", "csv:people.csv"]);
    assert_eq!(code, 0, "{out}{told}");
    assert!(out.contains("carnet sync --dry-run"), "{out}");
    let mode = folder.path().join("carnet.toml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(carnet(folder.path(), &["sync"]).0, 0);
    let cards = fs::read_dir(folder.path().join("contacts")).unwrap();
    assert_eq!(
        cards.filter(|card| card.as_ref().unwrap().path().extension().is_some_and(|ext| ext == "vcf")).count(),
        250
    );
    assert!(folder.path().join("people.csv").is_file());
    let (code, _, told) = carnet(folder.path(), &["init", "--url", "sandbox"]);
    assert_eq!((code, told.contains("it exists, and is never replaced")), (1, true), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_leaves_nothing_behind_and_one_that_works_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(SandboxSettings { contacts: 3, ..SandboxSettings::default() }).await.unwrap();
    let url = sandbox.url();
    fs::write(folder.path().join("pw"), "wrong").unwrap();
    fs::set_permissions(folder.path().join("pw"), fs::Permissions::from_mode(0o600)).unwrap();
    let account = ["init", "--url", &url, "--username", "demo", "--password-file", "pw"];
    let with = |more: &[&str]| tokio::task::block_in_place(|| carnet(folder.path(), &[&account, more].concat()));
    let (code, out, told) = with(&[]);
    assert_eq!((code, told.contains("nothing was written")), (4, true), "{out}{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the password file is all there is");
    fs::write(folder.path().join("pw"), "demo").unwrap();
    let (code, out, told) = with(&[]);
    assert_eq!((code, out.contains("login accepted")), (0, true), "{out}{told}");
    let (code, _, _) = tokio::task::block_in_place(|| carnet(folder.path(), &["pull"]));
    assert_eq!(code, 0);
    sandbox.stop().await;
    let (code, _, told) = with(&["later.toml"]);
    assert_eq!((code, told.contains("--offline")), (5, true), "{told}");
    assert!(!folder.path().join("later.toml").exists());
    assert_eq!(with(&["--offline", "later.toml"]).0, 0);
    assert!(folder.path().join("later.toml").exists());
}

#[test]
fn the_address_of_a_web_page_is_refused_with_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let check = |url: &str, words: &str| {
        let (code, _, told) = carnet(folder.path(), &["init", "--offline", "--url", url]);
        assert_eq!((code, told.contains(words)), (2, true), "{told}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    };
    check("https://www.incwo.com", "lacks your account's number");
    check("https://www.incwo.com/123456/contacts/index", "https://www.incwo.com/123456");
    check("https://www.incwo.com/iframe/main/index", "a web page's address");
    check("www.incwo.com/123456", "this is not an address");
}
