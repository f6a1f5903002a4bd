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
