//! The values of single settings: durations, addresses, names. Pure; an error is a message and perhaps a hint.

use std::{net::IpAddr, time::Duration};

use super::CrmUrl;

/// Why a value is wrong: message and hint.
pub(super) type Wrong = (String, Option<String>);

/// A duration such as `60s`, `2m`, `1h30m`, `500ms`.
///
/// # Errors
/// A lowercase fragment that says what is expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a duration such as \"60s\", \"2m\" or \"1h30m\"".to_owned();
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let tail = &rest[digits..];
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(tail.len());
        let part = match &tail[..letters] {
            "ms" => Some(Duration::from_millis(count)),
            "s" => Some(Duration::from_secs(count)),
            "m" | "min" => count.checked_mul(60).map(Duration::from_secs),
            "h" => count.checked_mul(3600).map(Duration::from_secs),
            "d" => count.checked_mul(86_400).map(Duration::from_secs),
            _ => None,
        };
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = tail[letters..].trim_start();
    }
    Ok(total)
}

/// The CRM's address: `sandbox`, or http(s) with the account's path; the slash at its end is cut.
pub(super) fn parse_crm_url(text: &str, insecure_http: bool) -> Result<CrmUrl, Wrong> {
    if text == "sandbox" {
        return Ok(CrmUrl::Sandbox);
    }
    let example = "it looks like https://www.incwo.com/123456, or \"sandbox\" to practise";
    let login = "give the user in crm.username and the password in crm.password_command";
    let url = checked_url(text, insecure_http, example, login)?;
    let example = || Some(example.to_owned());
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("the address must end with the account, without ? or #".to_owned(), example()));
    }
    let trimmed = url.as_str().trim_end_matches('/');
    if trimmed.ends_with("/contacts.xml") {
        return Err(("the address must end with the account, without /contacts.xml".to_owned(), example()));
    }
    if let Some(wrong) = not_an_account(&url) {
        return Err(wrong);
    }
    Ok(CrmUrl::Http(trimmed.to_owned()))
}

/// A CardDAV server's address, a principal's or an address book's.
pub(super) fn parse_book_url(text: &str, insecure_http: bool) -> Result<String, Wrong> {
    let example = "it looks like https://dav.example.com/addressbooks/ada/contacts/; a server's own address, such as \
                   https://dav.example.com/, will do: `carnet books discover` finds what is there";
    let login = "give the user in username and the password in password_command";
    let url = checked_url(text, insecure_http, example, login)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("the address must have no ? or # in it".to_owned(), Some(example.to_owned())));
    }
    Ok(url.into())
}

/// An address that a password may go to: https, or http on the loopback unless more is allowed, and no login in it.
fn checked_url(text: &str, insecure_http: bool, example: &str, login: &str) -> Result<url::Url, Wrong> {
    let example = || Some(example.to_owned());
    let url = url::Url::parse(text.trim()).map_err(|_| ("this is not an address".to_owned(), example()))?;
    match url.scheme() {
        "https" => {}
        "http" if insecure_http || is_loopback(&url) => {}
        "http" => {
            let hint = "write https://; plain http is for a loopback address such as http://127.0.0.1:8080, \
                        or set insecure_http = true";
            return Err(("plain http would send the password in clear".to_owned(), Some(hint.to_owned())));
        }
        _ => return Err(("expected an address that begins with https://".to_owned(), example())),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(("the address names no server".to_owned(), example()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(("the address must not hold a login".to_owned(), Some(login.to_owned())));
    }
    Ok(url)
}

/// The hosts whose API has the account, and nothing else, behind the server's name. Source: wire-facts, the base address.
const ACCOUNT_HOSTS: [&str; 2] = ["incwo.com", "entreprise-facile.com"];

/// Why an address of the known service is not that of its API: no account, or the address of a web page.
fn not_an_account(url: &url::Url) -> Option<Wrong> {
    let host = url.host_str().unwrap_or_default();
    ACCOUNT_HOSTS.iter().find(|known| host == **known || host.ends_with(&format!(".{known}")))?;
    let parts: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
    let (words, account) = match parts.as_slice() {
        [] => ("the address lacks your account's number at its end", "123456"),
        [_] => return None,
        [account, ..] if account.bytes().all(|byte| byte.is_ascii_digit()) => {
            ("this is a web page's address", *account)
        }
        _ => ("this is a web page's address", "123456, with your account's number"),
    };
    Some((words.to_owned(), Some(format!("the API's is https://{host}/{account}"))))
}

/// True for a literal loopback address (127.0.0.0/8, ::1); a name could be pointed elsewhere.
pub(super) fn is_loopback(url: &url::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A path may begin with `~/`; another user's home folder, as in `~ada/books`, is not looked up.
pub(super) fn own_path(text: &str) -> Result<(), Wrong> {
    let first = text.split('/').next().unwrap_or_default();
    if first.len() < 2 || !first.starts_with('~') {
        return Ok(());
    }
    let hint = format!("write the whole path, or ./{first} for a folder of that name");
    Err((format!("another user's home folder, {first}, is not looked up"), Some(hint)))
}

/// A book's name: it names rows in the mirror and words on screens.
pub fn check_book_name(name: &str) -> Result<(), Wrong> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if name.is_empty() || name.len() > 40 || !plain {
        return Err(("a book's name is 1 to 40 letters, digits, - or _".to_owned(), None));
    }
    if matches!(name, "crm" | "mirror") {
        return Err((format!("`{name}` is carnet's own word, no book can have it as its name"), None));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(parse_duration(text).ok(), millis.map(Duration::from_millis), "{text:?}");
        };
        check("60s", Some(60_000));
        check("2m", Some(120_000));
        check("1h30m", Some(5_400_000));
        check(" 1h 30min ", Some(5_400_000));
        check("500ms", Some(500));
        check("1d", Some(86_400_000));
        check("60", None);
        check("", None);
        check("-1s", None);
        check("1w", None);
        check("s", None);
        check("99999999999999999999s", None);
        check("18446744073709551615h", None);
    }

    #[test]
    fn addresses_are_https_or_loopback() {
        let check = |text: &str, insecure: bool, expected: Result<CrmUrl, &str>| {
            let got = parse_crm_url(text, insecure).map_err(|(message, _)| message);
            assert_eq!(got, expected.map_err(str::to_owned), "{text}");
        };
        let http = |text: &str| Ok(CrmUrl::Http(text.to_owned()));
        check("sandbox", false, Ok(CrmUrl::Sandbox));
        check("https://www.incwo.com/123456/", false, http("https://www.incwo.com/123456"));
        check("http://127.0.0.1:8080/demo", false, http("http://127.0.0.1:8080/demo"));
        check("http://[::1]:8080/demo", false, http("http://[::1]:8080/demo"));
        check("http://localhost/demo", false, Err("plain http would send the password in clear"));
        check("http://127.0.0.1.example.com/1", false, Err("plain http would send the password in clear"));
        check("http://crm.example.com/1", true, http("http://crm.example.com/1"));
        check("https://me:pw@crm.example.com/1", false, Err("the address must not hold a login"));
        check("https://x/1?page=2", false, Err("the address must end with the account, without ? or #"));
        check("https://x/1/contacts.xml", false, Err("the address must end with the account, without /contacts.xml"));
        check("ftp://x/1", false, Err("expected an address that begins with https://"));
        check("www.incwo.com/1", false, Err("this is not an address"));
    }

    #[test]
    fn addresses_of_books_are_servers_principals_or_collections() {
        let check = |text: &str, insecure: bool, expected: Result<&str, &str>| {
            let got = parse_book_url(text, insecure).map_err(|(message, _)| message);
            assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        };
        check("https://DAV.example.com", false, Ok("https://dav.example.com/"));
        check(" https://dav.example.com/ada/a%20b/ ", false, Ok("https://dav.example.com/ada/a%20b/"));
        check("http://127.0.0.1:5232/ada/book", false, Ok("http://127.0.0.1:5232/ada/book"));
        check("http://nas.local/dav/", true, Ok("http://nas.local/dav/"));
        check("http://nas.local/dav/", false, Err("plain http would send the password in clear"));
        check("https://ada:pw@dav.example.com/", false, Err("the address must not hold a login"));
        check("https://dav.example.com/?a=1", false, Err("the address must have no ? or # in it"));
        check("carddavs://dav.example.com/", false, Err("expected an address that begins with https://"));
        check("dav.example.com", false, Err("this is not an address"));
        check("sandbox", false, Err("this is not an address"));
    }
}
