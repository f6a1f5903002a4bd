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
fn a_book_has_sources_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("my-phone-password"), "x").unwrap();
    std::fs::write(folder.path().join("crm-password"), "x").unwrap();
    let credentials = folder.path().to_string_lossy().into_owned();
    let check = |keys: &str, variables: &[(&str, &str)], expected: Option<&str>| {
        let book = format!("[[book]]\nname = \"my-phone\"\nkind = \"carddav\"\nurl = \"https://a.example/\"\n{keys}");
        let settings = settings(Path::new("/x"), &book);
        let owned: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let lookup = move |name: &str| owned.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let server = settings.books[0].server().unwrap();
        let found = book_source("my-phone", server, Environment::from_fn(&lookup)).map(|source| source.describe());
        let fits = found.as_ref().zip(expected).is_some_and(|(found, expected)| found.starts_with(expected));
        assert!(fits || (found.is_none() && expected.is_none()), "{found:?} is not {expected:?}");
    };
    let every = [
        ("CREDENTIALS_DIRECTORY", credentials.as_str()),
        ("CARNET_BOOK_MY_PHONE_PASSWORD_FILE", "/run/pw"),
        ("CARNET_BOOK_MY_PHONE_PASSWORD", "env"),
    ];
    let of_file = format!("username = \"ada\"\n{FILE_SOURCES}");
    let credential = folder.path().join("my-phone-password");
    check(&of_file, &every, Some(&format!("the credential {}", credential.display())));
    check(&of_file, &every[1..], Some("$CARNET_BOOK_MY_PHONE_PASSWORD_FILE, /run/pw"));
    check(&of_file, &every[2..], Some("$CARNET_BOOK_MY_PHONE_PASSWORD"));
    check(&of_file, &[], Some("password_command, `pass`"));
    check("username = \"ada\"\npassword_file = \"pw\"\npassword = \"inline\"\n", &[], Some("password_file, /x/pw"));
    check("username = \"ada\"\npassword = \"inline\"\n", &[], Some("the settings file"));
    check("token_command = [\"oauth\"]\n", &[], Some("token_command, `oauth`"));
    check("username = \"ada\"\n", &[("CARNET_CRM_PASSWORD", "another's")], None);
    check("", &[("CREDENTIALS_DIRECTORY", "/nowhere"), ("CARNET_BOOK_MY_PHONES_PASSWORD", "another's")], None);
}

#[cfg(unix)]
#[tokio::test]
async fn a_book_logs_in_with_a_password_a_token_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pw"), "hunter2\n").unwrap();
    let login = async |keys: &str| {
        let book = format!("[[book]]\nname = \"b\"\nkind = \"carddav\"\nurl = \"https://a.example/\"\n{keys}");
        let settings = settings(folder.path(), &book);
        let login = book_login(&settings, "b", settings.books[0].server().unwrap()).await;
        let shown = format!("{login:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        login
    };
    assert!(matches!(login("").await, Ok(BookLogin::Nobody)));
    let found = login("username = \"ada\"\npassword_file = \"pw\"\n").await.unwrap();
    assert!(
        matches!(found, BookLogin::Password { username, password } if username == "ada" && password.expose_secret() == "hunter2")
    );
    let found = login("token_command = [\"cat\", \"pw\"]\n").await.unwrap();
    assert!(matches!(found, BookLogin::Token(token) if token.expose_secret() == "hunter2"));
    let error = login("username = \"ada\"\n").await.unwrap_err();
    assert_eq!(error.to_string(), "find a password for book b");
    assert_eq!(error.hint().unwrap(), "set the book's password_command or password_file, or $CARNET_BOOK_B_PASSWORD");
    let error = login("token_command = [\"false\"]\n").await.unwrap_err();
    assert_eq!(error.to_string(), "run the token command `false`: exit status: 1");
    // The settings file was never written: nobody knows who may read it.
    let error = login("username = \"ada\"\npassword = \"hunter2\"\n").await.unwrap_err();
    assert!(matches!(error, SecretError::File { .. }));
}

#[test]
fn a_password_without_a_name_is_said() {
    let error = SecretError::NoUsername { owner: Owner::Book("b".into()), place: "$CARNET_BOOK_B_PASSWORD".into() };
    assert_eq!(error.to_string(), "use the password of book b from $CARNET_BOOK_B_PASSWORD: the book has no username");
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
    check(&[b'a'; 20_000], Err("it is too long for a password")).await;
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
    let error = run("password", &argv, None, Duration::from_millis(5)).await.unwrap_err().to_string();
    assert!(error.contains("no answer within"), "{error}");
}

#[test]
fn no_debug_text_holds_a_secret() {
    let secret = || SecretString::from("hunter2");
    let environment = Source::Environment { variable: Owner::Crm.variable(), secret: secret() };
    for source in [Source::Given(secret()), environment, Source::Inline(secret())] {
        assert!(!format!("{source:?} {}", source.describe()).contains("hunter2"));
    }
}
