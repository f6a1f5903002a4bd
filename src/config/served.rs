//! `[carddav]`: where devices find the address books that carnet serves itself.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use toml::de::DeTable;
use url::Url;

use super::{
    Environment,
    fault::Fault,
    section::{Faults, Section},
    values::Wrong,
};

pub(super) const CARDDAV_KEYS: [&str; 6] =
    ["listen", "certificate", "certificate_key", "url", "proxies", "max_card_size"];

/// The largest card that is taken unless set, in MiB: a telephone's photograph has 4 as base64.
const MAX_CARD_SIZE: u32 = 10;
/// More than this no book reads, in MiB.
const MAX_CARD_SIZE_MAX: u32 = 16;

/// `[carddav]`: address books for devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The certificate's chain and its key, both PEM; none where a proxy in front has them, or on the loopback.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// How devices reach it, if not at that address: http or https.
    pub url: Option<String>,
    /// Proxies in front: plain HTTP is taken from them, and their word on whose request it is.
    pub proxies: Vec<IpAddr>,
    /// The largest card that is taken, in bytes.
    pub card_bytes_max: usize,
}

impl ServingSettings {
    /// How devices reach it, without a slash at the end.
    pub fn address(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("{scheme}://{}", self.listen),
        }
    }
}

/// Reads `[carddav]`; none where nothing is served. `path` makes a path of a text.
pub(super) fn read<'f>(
    root: &'f DeTable<'f>,
    environment: Environment<'f>,
    faults: &'f Faults,
    path: impl Fn(&str) -> PathBuf,
) -> Option<ServingSettings> {
    let section = Section::top("carddav", root, &CARDDAV_KEYS, environment, faults);
    let file = |key: &str| section.path(key).map(|text| path(&text));
    let certificate = match (file("certificate"), file("certificate_key")) {
        (Some(chain), Some(key)) => Some((chain, key)),
        (None, None) => None,
        (Some(_), None) => {
            section.missing("certificate_key", "the file with the certificate's private key, PEM");
            None
        }
        (None, Some(_)) => {
            section.missing("certificate", "the file with the certificate and those that it rests on, PEM");
            None
        }
    };
    let url = section.parsed("url", address);
    let proxies = proxies(&section);
    let size = section.count("max_card_size", 1, MAX_CARD_SIZE_MAX).unwrap_or(MAX_CARD_SIZE);
    let is_guarded = certificate.is_some() || !proxies.is_empty();
    let listen = section.parsed("listen", |text| listen(text, is_guarded))?;
    Some(ServingSettings { listen, certificate, url, proxies, card_bytes_max: (size as usize) << 20 })
}

/// `is_guarded`: no password comes here in clear from elsewhere.
fn listen(text: &str, is_guarded: bool) -> Result<SocketAddr, Wrong> {
    let example = || Some("such as \"127.0.0.1:8008\"".to_owned());
    let listen: SocketAddr =
        text.trim().parse().map_err(|_| ("expected an IP address and a port".to_owned(), example()))?;
    if !is_guarded && !listen.ip().is_loopback() {
        let hint = "name a certificate and its certificate_key, or the proxies in front that speak https";
        return Err(("passwords would come here in clear".to_owned(), Some(hint.to_owned())));
    }
    Ok(listen)
}

fn address(text: &str) -> Result<String, Wrong> {
    let wrong = |what: &str| (what.to_owned(), Some("such as \"https://cards.example.com\"".to_owned()));
    let url = Url::parse(text).map_err(|_| wrong("expected an address"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("expected an http or https address"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("expected an address without login, ? and #"));
    }
    Ok(text.to_owned())
}

fn proxies(section: &Section<'_>) -> Vec<IpAddr> {
    let Some(given) = section.given("proxies") else { return Vec::new() };
    let words = section.texts(&given).unwrap_or_default();
    let parsed = words.iter().map(|word| word.parse().map_err(|_| word));
    let wrong = |word: &String| -> Fault {
        let hint = "the proxy's own, such as \"127.0.0.1\"".to_owned();
        given.wrong((format!("\"{word}\" is no IP address"), Some(hint)))
    };
    parsed.filter_map(|address| address.map_err(|word| section.note(wrong(word))).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Settings, SettingsError};

    fn read(lines: &str) -> Result<Option<ServingSettings>, Vec<String>> {
        let text = format!("[crm]\nurl = \"sandbox\"\n[carddav]\n{lines}\n");
        let nothing = |_: &str| None;
        match Settings::parse(Path::new("/x/carnet.toml"), &text, Environment::from_fn(&nothing)) {
            Ok(settings) => Ok(settings.carddav),
            Err(SettingsError::Invalid { faults, .. }) => Err(faults.into_iter().map(|fault| fault.message).collect()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn an_address_is_told_as_devices_reach_it() {
        let check = |lines: &str, expected: Option<&str>| {
            let address = read(lines).unwrap().map(|serving| serving.address());
            assert_eq!(address.as_deref(), expected, "{lines}");
        };
        check("", None);
        check("url = \"https://cards.example.com\"", None);
        check("listen = \"127.0.0.1:8008\"", Some("http://127.0.0.1:8008"));
        check("listen = \"[::1]:8008\"", Some("http://[::1]:8008"));
        let certificate = "certificate = \"c.pem\"\ncertificate_key = \"k.pem\"\nlisten = \"192.0.2.1:8443\"";
        check(certificate, Some("https://192.0.2.1:8443"));
        check(
            &format!("{certificate}\nurl = \"https://cards.example.com/office/\""),
            Some("https://cards.example.com/office"),
        );
        check("listen = \"192.0.2.1:8008\"\nproxies = [\"192.0.2.9\"]", Some("http://192.0.2.1:8008"));
    }

    #[test]
    fn what_would_send_passwords_in_clear_is_refused_and_so_is_what_means_nothing() {
        let check = |lines: &str, expected: &[&str]| {
            let said = read(lines).unwrap_err();
            assert_eq!(said.len(), expected.len(), "{lines}: {said:?}");
            for (said, expected) in said.iter().zip(expected) {
                assert!(said.contains(expected), "{lines}: {said}");
            }
        };
        check("listen = \"0.0.0.0:8008\"", &["passwords would come here in clear"]);
        check("listen = \"everywhere\"", &["expected an IP address and a port"]);
        check("listen = \"127.0.0.1:1\"\ncertificate = \"c.pem\"", &["`carddav.certificate_key` is missing"]);
        check("listen = \"127.0.0.1:1\"\ncertificate_key = \"k.pem\"", &["`carddav.certificate` is missing"]);
        check("listen = \"127.0.0.1:1\"\nurl = \"cards\"", &["expected an address"]);
        check("listen = \"127.0.0.1:1\"\nurl = \"ftp://cards/\"", &["expected an http or https address"]);
        check("listen = \"127.0.0.1:1\"\nurl = \"https://me@cards/\"", &["without login"]);
        check("listen = \"127.0.0.1:1\"\nproxies = [\"nginx\"]", &["\"nginx\" is no IP address"]);
        check("listen = \"127.0.0.1:1\"\nmax_card_size = 17", &["from 1 to 16"]);
        check("listn = \"127.0.0.1:1\"", &["unknown key `listn`"]);
    }
}
