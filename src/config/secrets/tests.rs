//! Which source is the one, what it gives, and that nothing of it shows.

use secrecy::ExposeSecret;

use super::*;

const FILE_SOURCES: &str = "password_command = [\"pass\"]\npassword_file = \"pw\"\npassword = \"inline\"\n";

fn settings(folder: &Path, password_keys: &str) -> Settings {
    let text = format!("[crm]\nurl = \"https://crm.example.com/1\"\nusername = \"me\"\n{password_keys}");
    let nothing = |_: &str| None;
    Settings::parse(&folder.join("carnet.toml"), &text, Environment::from_fn(&nothing)).unwrap()
}

#[test]
fn the_first_configured_source_is_the_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crm-password"), "x").unwrap();
    let credentials = folder.path().to_string_lossy().into_owned();
    let check = |keys: &str, variables: &[(&str, &str)], expected: &str| {
        let owned: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let lookup = move |name: &str| owned.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let found = source(&settings(Path::new("/x"), keys), Environment::from_fn(&lookup)).describe();
        assert!(found.starts_with(expected), "{found} is not {expected}");
    };
    let every = [
        ("CREDENTIALS_DIRECTORY", credentials.as_str()),
        ("CARNET_CRM_PASSWORD_FILE", "/run/pw"),
        ("CARNET_CRM_PASSWORD", "env"),
    ];
    check(FILE_SOURCES, &every, "the credential ");
    check(FILE_SOURCES, &every[1..], "$CARNET_CRM_PASSWORD_FILE, /run/pw");
    check(FILE_SOURCES, &every[2..], "$CARNET_CRM_PASSWORD");
    check(FILE_SOURCES, &[("CARNET_CRM_PASSWORD", "")], "password_command, `pass`");
    check(FILE_SOURCES, &[("CREDENTIALS_DIRECTORY", "/nowhere")], "password_command, `pass`");
    check("password_file = \"pw\"\npassword = \"inline\"\n", &[], "password_file, /x/pw");
    check("password = \"inline\"\n", &[], "the settings file");
    check("", &[], "a prompt on the terminal");
}

#[test]
fn the_sandbox_needs_none_and_an_answer_once_given_comes_first() {
    let nothing = |_: &str| None;
    let environment = Environment::from_fn(&nothing);
    let mut settings = settings(Path::new("/x"), FILE_SOURCES);
    settings.crm.password.given = Some(SecretString::from("typed"));
    assert!(matches!(source(&settings, environment), Source::Given(_)));
    settings.crm.url = CrmUrl::Sandbox;
    assert!(matches!(source(&settings, environment), Source::Sandbox));
}

#[tokio::test]
async fn files_are_cut_at_the_newline_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), "");
    let check = async |bytes: &[u8], expected: Result<&str, &str>| {
        let file = folder.path().join("pw");
        std::fs::write(&file, bytes).unwrap();
        let got = read(&settings, Source::File(file)).await;
        match (got, expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret.expose_secret(), expected),
            (Err(SecretError::Unusable { reason, .. }), Err(expected)) => assert_eq!(reason, expected),
            (other, _) => panic!("{expected:?}: {:?}", other.map(|_| "a password")),
        }
    };
    check(b"hunter2\n", Ok("hunter2")).await;
    check(b"hunter2\r\n", Ok("hunter2")).await;
    check(b" hunter 2 ", Ok(" hunter 2 ")).await;
    check(b"", Err("it is empty")).await;
    check(b"\n", Err("it is empty")).await;
    check(b"a\nb\n", Err("it has several lines")).await;
    check(b"\xff", Err("it is not UTF-8 text")).await;
    check(&[b'a'; 5000], Err("it is too long for a password")).await;
    let missing = read(&settings, Source::File(folder.path().join("none"))).await;
    assert!(matches!(missing, Err(SecretError::File { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn an_inline_password_counts_only_in_a_private_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), "password = \"inline\"\n");
    std::fs::write(&settings.file, "").unwrap();
    for (mode, allowed) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o644, false)] {
        std::fs::set_permissions(&settings.file, std::fs::Permissions::from_mode(mode)).unwrap();
        let got = read(&settings, Source::Inline(SecretString::from("inline"))).await;
        assert_eq!(got.is_ok(), allowed, "{mode:o}");
        assert!(allowed || matches!(got, Err(SecretError::Exposed { .. })));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_is_run_without_a_shell_in_the_settings_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "hunter2\n").unwrap();
    let settings = settings(folder.path(), "");
    let command = |words: &[&str]| Source::Command(words.iter().map(|word| (*word).to_owned()).collect());
    let got = read(&settings, command(&["cat", "secret"])).await.unwrap();
    assert_eq!(got.expose_secret(), "hunter2");
    let got = read(&settings, command(&["echo", "$HOME; rm"])).await.unwrap();
    assert_eq!(got.expose_secret(), "$HOME; rm");
    let failed = async |words: &[&str], reason: &str| {
        let error = read(&settings, command(words)).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        // Arguments may hold secrets.
        assert!(!error.contains("CANARY"), "{error}");
    };
    failed(&["false", "CANARY"], "exit status: 1").await;
    failed(&["no-such-program-here", "CANARY"], "run the password command `no-such-program-here`").await;
    failed(&["true", "CANARY"], "it is empty").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_never_ends_is_given_up() {
    let argv = ["tail", "-f", "/dev/null"].map(str::to_owned);
    let error = run(&argv, None, Duration::from_millis(5)).await.unwrap_err().to_string();
    assert!(error.contains("no answer within"), "{error}");
}

#[test]
fn no_debug_text_holds_a_secret() {
    let secret = || SecretString::from("hunter2");
    for source in [Source::Given(secret()), Source::Environment(secret()), Source::Inline(secret())] {
        assert!(!format!("{source:?} {}", source.describe()).contains("hunter2"));
    }
}
