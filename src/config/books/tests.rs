//! What a book may say, each kind by itself, and what two of them may not share.

use secrecy::ExposeSecret;

use super::*;
use crate::config::{
    Settings,
    read::tests::{faults, parse_with},
};

const HEAD: &str = "crm.url = \"sandbox\"\n";

/// The text of a book on a server: the fourth line is the first of `lines`.
fn on_server(lines: &str) -> String {
    format!("{HEAD}[[book]]\nname = \"phones\"\nkind = \"carddav\"\n{lines}\n")
}

fn server(lines: &str) -> BookServer {
    let settings: Settings = parse_with(&on_server(lines), &[("HOME", "/home/ada")]).unwrap();
    settings.books[0].server().unwrap().clone()
}

#[test]
fn a_book_on_a_server_needs_an_address_alone() {
    let plain = server("url = \"https://DAV.example.com/ada\"");
    assert_eq!(plain.url, "https://dav.example.com/ada");
    assert!(plain.username.is_none() && plain.token_command.is_none() && plain.ca_file.is_none());
    assert!(plain.password.command.is_none() && plain.password.file.is_none() && plain.password.inline.is_none());
    assert_eq!((plain.timeout, plain.concurrency, plain.insecure_http), (Duration::from_secs(60), 4, false));
}

#[test]
fn every_key_of_a_server_is_read() {
    let whole = server(
        "url = \"http://nas.local/\"\nusername = \"ada\"\npassword_command = [\"pass\", \"x\"]\npassword_file = \"~/pw\"\n\
         password = \"inline\"\nca_file = \"ca.pem\"\ntimeout = \"2m\"\nconcurrency = 16\ninsecure_http = true\n\
         direction = \"from-book\"\nwhere = { contact_type = \"client\" }\nversion = \"4.0\"",
    );
    assert_eq!((whole.username.as_deref(), whole.url.as_str()), (Some("ada"), "http://nas.local/"));
    assert_eq!(whole.password.command.unwrap(), ["pass", "x"]);
    assert_eq!(whole.password.file.as_deref(), Some(Path::new("/home/ada/pw")));
    assert_eq!(whole.password.inline.unwrap().expose_secret(), "inline");
    assert_eq!(whole.ca_file.as_deref(), Some(Path::new("/etc/carnet/ca.pem")));
    assert_eq!((whole.timeout, whole.concurrency, whole.insecure_http), (Duration::from_secs(120), 16, true));
    let token = server("url = \"https://a.example/\"\ntoken_command = [\"oauth\"]");
    assert_eq!(token.token_command.unwrap(), ["oauth"]);
}

#[test]
fn what_is_wrong_with_a_server_is_said_with_its_line() {
    let check = |lines: &str, expected: &[&str]| assert_eq!(faults(&on_server(lines), &[]), expected, "{lines}");
    let missing = "2: `book.url` is missing | the server's address as its pages show it for CardDAV, https://...";
    check("", &[missing]);
    check("username = \"ada\"", &[missing]);
    check(
        "path = \"a\"",
        &[missing, "5: `book.path`: a carddav book has no path, it is on a server | say where in url"],
    );
    let url = "url = \"https://a.example/\"\n";
    let with = |lines: &str, expected: &[&str]| check(&format!("{url}{lines}"), expected);
    with(
        "path = \"a\"\ndialect = \"google\"",
        &[
            "6: `book.path`: a carddav book has no path, it is on a server | say where in url",
            "7: `book.dialect`: only a csv book has a dialect",
        ],
    );
    let whose =
        "2: `book.username` is missing | the login that the password is of, as the server's pages show it for CardDAV";
    with("password_file = \"pw\"", &[whose]);
    with("password_command = [\"pass\"]", &[whose]);
    with(
        "username = \"ada\"\npassword_file = \"pw\"\ntoken_command = [\"x\"]",
        &[
            "8: `book.token_command`: a book logs in with a token or with a password, and this one has password_file, too | \
          take one of the two out",
        ],
    );
    with(
        "token_command = \"x y\"",
        &["6: `book.token_command`: it is run without a shell and must be a list | a list: the program, then its \
          arguments, such as [\"oauth-token\", \"contacts\"]"],
    );
    with("concurrency = 17", &["6: `book.concurrency`: expected a whole number from 1 to 16"]);
    with("timeout = \"0s\"", &["6: `book.timeout`: must be at least 1s"]);
    with("insecure_http = \"yes\"", &["6: `book.insecure_http`: expected true or false, found a text"]);
    let said = faults(&on_server("url = \"http://nas.local/\""), &[]);
    assert!(
        said[0].starts_with("5: `book.url`: plain http would send the password in clear | write https://"),
        "{said:?}"
    );
    let said = faults(&on_server(&format!("{url}urll = 1")), &[]);
    assert!(said[0].starts_with("6: unknown key `urll` in [book] | did you mean `url`?"), "{said:?}");
}

#[test]
fn keys_of_servers_are_for_books_on_servers() {
    for key in SERVER_KEYS {
        let value = match *key {
            "password_command" | "token_command" => "[\"x\"]",
            "concurrency" => "2",
            "insecure_http" => "true",
            _ => "\"x\"",
        };
        let text = format!("{HEAD}[[book]]\nname = \"a\"\nkind = \"vdir\"\npath = \"a\"\n{key} = {value}\n");
        let expected = format!("6: `book.{key}`: only a carddav book has this, not a vdir");
        assert_eq!(faults(&text, &[]), [expected]);
    }
    let text = format!("{HEAD}[[book]]\nname = \"a\"\nkind = \"cardav\"\nurl = \"https://a.example/\"\n");
    let expected = "4: `book.kind`: expected one of vdir, vcard, csv, carddav, devices | did you mean \"carddav\"?";
    assert_eq!(faults(&text, &[]), [expected]);
}

#[test]
fn books_that_are_written_cards_may_show_firms() {
    let book = |lines: &str| format!("[[book]]\nname = \"a\"\npath = \"a\"\n{lines}\n");
    let firms = |lines: &str| -> bool {
        let settings: Settings = parse_with(&format!("{HEAD}{}", book(lines)), &[]).unwrap();
        settings.books[0].firms
    };
    assert!(!firms("kind = \"vdir\"") && !firms("kind = \"csv\""));
    for kind in ["vdir", "vcard"] {
        assert!(firms(&format!("kind = \"{kind}\"\nfirms = true")));
        assert!(firms(&format!("kind = \"{kind}\"\ndirection = \"to-book\"\nfirms = true")));
    }
    let server: Settings = parse_with(&on_server("url = \"https://a.example/\"\nfirms = true"), &[]).unwrap();
    assert!(server.books[0].firms);
    let check = |head: &str, lines: &str, expected: &str| {
        assert_eq!(faults(&format!("{head}{}", book(lines)), &[]), [expected], "{lines}");
    };
    check(
        HEAD,
        "kind = \"csv\"\nfirms = true",
        "6: `book.firms`: a csv book has no company cards | a row is a person with a company; `carnet firms` lists the firms",
    );
    check(
        HEAD,
        "kind = \"vdir\"\ndirection = \"from-book\"\nfirms = true",
        "7: `book.firms`: a book that is only read shows no firms | take out this line, or direction = \"from-book\"",
    );
    check(
        "crm.url = \"sandbox\"\ncrm.firms = \"off\"\n",
        "kind = \"vdir\"\nfirms = true",
        "0: the book `a` shows firms, and `crm.firms` is \"off\" | take one of the two lines out",
    );
    check(HEAD, "kind = \"vdir\"\nfirms = \"yes\"", "6: `book.firms`: expected true or false, found a text");
}

#[test]
fn two_books_share_no_address_and_no_variable() {
    let two = |name: &str, url: &str| {
        let first = on_server("url = \"https://a.example/book\"").replace("phones", "my-phone");
        faults(&format!("{first}[[book]]\nname = \"{name}\"\nkind = \"carddav\"\nurl = \"{url}\"\n"), &[])
    };
    assert_eq!(
        two("other", "https://A.example:443/book/"),
        [
            "9: the books `my-phone` and `other` have the same url | where each login has an address book of its own there: \
          `carnet books discover` prints its url"
        ]
    );
    assert_eq!(
        two("My_Phone", "https://b.example/"),
        ["7: the books `my-phone` and `My_Phone` would have one variable for two passwords, \
          $CARNET_BOOK_MY_PHONE_PASSWORD | choose a name that differs in more than case, - and _"]
    );
    assert_eq!(two("my-phone", "https://b.example/"), ["7: there are two books named `my-phone`"]);
}
