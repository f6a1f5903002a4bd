//! Which path is what: `/dav/` the root, `/dav/DEVICE/` a device's principal and home, `/dav/DEVICE/contacts/` its address
//! book, `/dav/DEVICE/contacts/NAME` a card. Pure.
//!
//! Principal and address book are apart, since macOS is confused otherwise. Programs that begin at `/` or `/principals/` are
//! answered there. No path names a file: a card's name is a key of the store and nothing else.

use super::DavServerError;
use crate::dav::{Href, encode_segment};

/// The last part of an address book's path.
const BOOK: &str = "contacts";
/// The longest name of a card, in bytes.
const NAME_LEN_MAX: usize = 255;

/// What stands before all paths in answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Paths {
    /// Empty, or like `/carnet`.
    prefix: String,
}

/// What a path is, to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// The root, wherever programs begin.
    Root,
    /// The device's principal, in which its address book is.
    Principal,
    /// Its address book.
    Book,
    /// What is, or may come to be, a card of it.
    Card(String),
    /// Nothing, in the device's own place or beside all devices.
    Nothing,
    /// Another device's, if there is one.
    Foreign,
}

impl Paths {
    /// The paths as devices see them.
    pub fn of(public_url: Option<&str>) -> Result<Self, DavServerError> {
        let Some(text) = public_url else { return Ok(Self::default()) };
        let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| DavServerError::PublicUrl(text.to_owned()))?;
        let path = url.path().trim_end_matches('/');
        // The address of the root itself is as good as that of what it is in.
        Ok(Self { prefix: path.strip_suffix("/dav").unwrap_or(path).to_owned() })
    }

    /// What this path, as a request has it, is to this device. A proxy may take the prefix off or leave it.
    pub fn resource(&self, path: &str, device: &str) -> Resource {
        self.resource_of(&Href::of_path(path), device)
    }

    /// What this address, as a body has it, is to this device.
    pub fn resource_in(&self, href: &str, device: &str) -> Resource {
        let book = Href::of_path(&self.book(device));
        self.resource_of(&Href::parse(href.split(['?', '#']).next().unwrap_or_default(), &book), device)
    }

    fn resource_of(&self, href: &Href, device: &str) -> Resource {
        let prefix = Href::of_path(&self.prefix);
        let all = href.segments();
        let segments: Vec<&str> =
            all.strip_prefix(prefix.segments()).unwrap_or(all).iter().map(String::as_str).collect();
        match segments.as_slice() {
            [] | ["dav"] | ["principals"] | [".well-known", "carddav"] => Resource::Root,
            ["dav", other, ..] if *other != device => Resource::Foreign,
            ["dav", _] => Resource::Principal,
            ["dav", _, BOOK] => Resource::Book,
            ["dav", _, BOOK, name] if is_card_name(name) => Resource::Card((*name).to_owned()),
            _ => Resource::Nothing,
        }
    }

    /// True for the place where programs look first (RFC 6764, 5).
    pub fn is_well_known(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix.as_str()).unwrap_or(path).trim_end_matches('/') == "/.well-known/carddav"
    }

    pub fn root(&self) -> String {
        format!("{}/dav/", self.prefix)
    }

    pub fn principal(&self, device: &str) -> String {
        format!("{}/dav/{}/", self.prefix, encode_segment(device))
    }

    pub fn book(&self, device: &str) -> String {
        format!("{}{BOOK}/", self.principal(device))
    }

    pub fn card(&self, device: &str, name: &str) -> String {
        format!("{}{}", self.book(device), encode_segment(name))
    }
}

/// A name that a card can have: one that no program takes for a path. Some programs make it of the UID, whatever is in that.
fn is_card_name(name: &str) -> bool {
    name.len() <= NAME_LEN_MAX && !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(public_url: Option<&str>, path: &str, expected: Resource) {
        let paths = Paths::of(public_url).unwrap();
        assert_eq!(paths.resource(path, "marie phone"), expected, "{path}");
    }

    fn card(name: &str) -> Resource {
        Resource::Card(name.to_owned())
    }

    #[test]
    fn paths_are_told_apart() {
        for path in ["/", "/dav", "/dav/", "//dav//", "/principals/", "/.well-known/carddav", ""] {
            check(None, path, Resource::Root);
        }
        check(None, "/dav/marie%20phone/", Resource::Principal);
        check(None, "/dav/marie phone", Resource::Principal);
        check(None, "/dav/marie%20phone/contacts", Resource::Book);
        check(None, "/dav/marie%20phone/contacts/a%20b%3B%C3%A9.vcf", card("a b;é.vcf"));
        check(None, "/dav/marie%20phone/contacts/x/", card("x"));
        check(None, "/dav/marie%20phone/other/", Resource::Nothing);
        check(None, "/dav/marie%20phone/contacts/x/y", Resource::Nothing);
        check(None, "/etc/passwd", Resource::Nothing);
        check(None, "/dav/bob/", Resource::Foreign);
        check(None, "/dav/bob/contacts/x.vcf", Resource::Foreign);
        check(None, "/dav/MARIE%20PHONE/", Resource::Foreign);
    }

    #[test]
    fn no_spelling_leads_out_of_the_book() {
        for path in [
            "/dav/marie%20phone/contacts/..",
            "/dav/marie%20phone/contacts/%2e%2e",
            "/dav/marie%20phone/contacts/.",
            "/dav/marie%20phone/contacts/..%2f..%2fbob",
            "/dav/marie%20phone/contacts/a%00b",
            "/dav/marie%20phone/contacts/../../bob/contacts/x.vcf",
            "/dav/marie%20phone/../bob/",
        ] {
            check(None, path, Resource::Nothing);
        }
        check(None, "/dav/../etc/passwd", Resource::Foreign);
        check(None, "/dav/%2e%2e/etc/passwd", Resource::Foreign);
        check(None, &format!("/dav/marie%20phone/contacts/{}", "x".repeat(256)), Resource::Nothing);
        // These are names: they are asked of the store and of nobody else.
        check(None, "/dav/marie%20phone/contacts/a%0Ab", card("a\nb"));
        check(None, "/dav/marie%20phone/contacts/..%5Cx", card("..\\x"));
    }

    #[test]
    fn a_prefix_may_be_there_or_not_and_is_always_told() {
        let url = Some("https://example.org/carnet/");
        for path in ["/carnet/dav/marie%20phone/contacts/", "/dav/marie%20phone/contacts/"] {
            check(url, path, Resource::Book);
        }
        check(url, "/carnet", Resource::Root);
        check(url, "/carnet/.well-known/carddav", Resource::Root);
        let paths = Paths::of(url).unwrap();
        assert_eq!(paths.card("marie phone", "é.vcf"), "/carnet/dav/marie%20phone/contacts/%C3%A9.vcf");
        assert!(paths.is_well_known("/.well-known/carddav") && paths.is_well_known("/carnet/.well-known/carddav/"));
        assert_eq!(Paths::of(Some("https://example.org/dav/")).unwrap(), Paths::default());
        assert!(Paths::of(Some("example.org")).is_err());
    }

    #[test]
    fn an_address_in_a_body_may_have_a_host() {
        let paths = Paths::default();
        for href in ["https://h:8/dav/d/contacts/x.vcf", "/dav/d/contacts/x.vcf", "x.vcf", "/dav/d/contacts/x.vcf?y"] {
            assert_eq!(paths.resource_in(href, "d"), card("x.vcf"), "{href}");
        }
        assert_eq!(paths.resource_in("/dav/e/contacts/x.vcf", "d"), Resource::Foreign);
    }

    proptest::proptest! {
        #[test]
        fn a_card_is_found_by_the_path_it_is_told_by(name in "[^\u{0}/]{1,20}", device in "[a-z é%/?#]{1,9}") {
            proptest::prop_assume!(!matches!(name.as_str(), "." | "..") && !device.is_empty());
            let paths = Paths::of(Some("https://h/p%20q/")).unwrap();
            let path = paths.card(&device, &name);
            proptest::prop_assert_eq!(paths.resource(&path, &device), card(&name));
            proptest::prop_assert_eq!(paths.resource_in(&path, &device), card(&name));
        }
    }
}
