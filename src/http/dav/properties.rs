//! The properties of the root, a device's principal, its address book and its cards: RFC 4918, 3744, 5397, 6352, 6578, and
//! Apple's ctag.

use std::fmt::Write;

use super::{paths::Paths, reports::REPORTS};
use crate::{
    books::served::{Device, Look, Member},
    dav::{Condition, Found, Multistatus, Name, Ns, Properties, SyncToken, href},
};

/// A property that something here has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    ResourceType,
    DisplayName,
    Etag,
    ContentType,
    ContentLength,
    Ctag,
    SyncToken,
    SupportedReportSet,
    SupportedAddressData,
    SupportedCollationSet,
    MaxResourceSize,
    CurrentUserPrincipal,
    PrincipalUrl,
    HomeSet,
    PrincipalCollectionSet,
    PrivilegeSet,
    Owner,
}

/// Each with its name, and whether `allprop` asks for it: what costs a computation is asked for by name alone.
static ALL: [(Property, Name<'static>, bool); 17] = [
    (Property::ResourceType, Name::known(Ns::Dav, "resourcetype"), true),
    (Property::DisplayName, Name::known(Ns::Dav, "displayname"), true),
    (Property::Etag, Name::known(Ns::Dav, "getetag"), true),
    (Property::ContentType, Name::known(Ns::Dav, "getcontenttype"), true),
    (Property::ContentLength, Name::known(Ns::Dav, "getcontentlength"), true),
    (Property::Ctag, Name::known(Ns::CalendarServer, "getctag"), false),
    (Property::SyncToken, Name::known(Ns::Dav, "sync-token"), false),
    (Property::SupportedReportSet, Name::known(Ns::Dav, "supported-report-set"), false),
    (Property::SupportedAddressData, Name::known(Ns::CardDav, "supported-address-data"), false),
    (Property::SupportedCollationSet, Name::known(Ns::CardDav, "supported-collation-set"), false),
    (Property::MaxResourceSize, Name::known(Ns::CardDav, "max-resource-size"), false),
    (Property::CurrentUserPrincipal, Name::known(Ns::Dav, "current-user-principal"), false),
    (Property::PrincipalUrl, Name::known(Ns::Dav, "principal-URL"), false),
    (Property::HomeSet, Name::known(Ns::CardDav, "addressbook-home-set"), false),
    (Property::PrincipalCollectionSet, Name::known(Ns::Dav, "principal-collection-set"), false),
    (Property::PrivilegeSet, Name::known(Ns::Dav, "current-user-privilege-set"), false),
    (Property::Owner, Name::known(Ns::Dav, "owner"), false),
];

/// What has properties.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    Root,
    Principal,
    Book(&'a Look),
    Card(&'a Member),
}

/// What a request asks of each resource, found out once.
#[derive(Debug)]
pub(super) struct Questions<'a> {
    names: Vec<(Name<'a>, Option<Property>)>,
    /// What a resource has not is worth a word.
    lacking: bool,
    /// Only names are asked for.
    names_only: bool,
}

impl<'a> Questions<'a> {
    pub fn of(properties: Properties<'a>, prefers_less: bool) -> Self {
        let known = |name: &Name<'_>| ALL.iter().find(|(_, other, _)| other == name).map(|(property, ..)| *property);
        let all = |included: bool| {
            let some = ALL.iter().filter(move |(_, _, is_common)| included || *is_common);
            some.map(|(property, name, _)| (name.clone(), Some(*property)))
        };
        let (mut names, asked, lacking, names_only) = match properties {
            Properties::Names => (all(true).collect(), Vec::new(), false, true),
            Properties::All(more) => (all(false).collect::<Vec<_>>(), more, false, false),
            Properties::Named(asked) => (Vec::with_capacity(asked.len()), asked, !prefers_less, false),
        };
        for name in asked {
            let property = known(&name);
            if !names.iter().any(|(other, _)| *other == name) {
                names.push((name, property));
            }
        }
        Self { names, lacking, names_only }
    }

    /// What one resource has of it, with more that was found out elsewhere.
    pub fn answer(
        &self,
        out: &mut Multistatus<impl Write>,
        address: &str,
        facts: &Facts<'_>,
        target: Target<'_>,
        more: impl FnOnce(&mut Found<'_>),
    ) {
        let mut found = Found::default();
        for (name, property) in &self.names {
            match property.and_then(|property| facts.value(property, target)) {
                Some(_) if self.names_only => found.has(name, ""),
                Some(inside) => found.has(name, &inside),
                None => found.lacks(name),
            }
        }
        more(&mut found);
        out.properties(address, &found, self.lacking);
    }
}

/// What the values are made of.
pub(super) struct Facts<'a> {
    pub paths: &'a Paths,
    pub device: &'a Device,
    pub card_bytes_max: usize,
}

impl Facts<'_> {
    /// The value as XML; none where the target has no such property.
    fn value(&self, property: Property, target: Target<'_>) -> Option<String> {
        let principal = || href(&self.paths.principal(&self.device.name));
        let value = match (property, target) {
            (Property::ResourceType, Target::Root) => "<D:collection/>".to_owned(),
            (Property::ResourceType, Target::Principal) => "<D:collection/><D:principal/>".to_owned(),
            (Property::ResourceType, Target::Book(_)) => "<D:collection/><C:addressbook/>".to_owned(),
            (Property::ResourceType, Target::Card(_)) => String::new(),
            (Property::DisplayName, Target::Root) => "carnet".to_owned(),
            (Property::DisplayName, Target::Principal) => escaped(&self.device.name),
            (Property::DisplayName, Target::Book(_)) => escaped(self.device.book.as_deref().unwrap_or("Contacts")),
            (Property::Etag, Target::Card(member)) => escaped(&format!("\"{}\"", member.etag)),
            (Property::ContentType, Target::Card(_)) => "text/vcard; charset=utf-8".to_owned(),
            (Property::ContentLength, Target::Card(member)) => member.size.to_string(),
            (Property::Ctag | Property::SyncToken, Target::Book(look)) => escaped(&sync_token(look)),
            (Property::SupportedReportSet, Target::Book(_)) => REPORTS
                .iter()
                .map(|name| {
                    let mut inside = String::new();
                    name.write(&mut inside, "");
                    format!("<D:supported-report><D:report>{inside}</D:report></D:supported-report>")
                })
                .collect(),
            (Property::SupportedAddressData, Target::Book(_)) => {
                "<C:address-data-type content-type=\"text/vcard\" version=\"3.0\"/>".to_owned()
            }
            (Property::SupportedCollationSet, Target::Book(_)) => {
                "<C:supported-collation>i;ascii-casemap</C:supported-collation>\
                 <C:supported-collation>i;unicode-casemap</C:supported-collation>"
                    .to_owned()
            }
            (Property::MaxResourceSize, Target::Book(_)) => self.card_bytes_max.to_string(),
            (Property::CurrentUserPrincipal, _) => principal(),
            (Property::PrincipalUrl | Property::HomeSet, Target::Principal) => principal(),
            (Property::PrincipalCollectionSet, _) => href(&self.paths.root()),
            (Property::Owner, Target::Principal | Target::Book(_) | Target::Card(_)) => principal(),
            (Property::PrivilegeSet, target) => self.privileges(target),
            // Empty: there are no reports on them.
            (Property::SupportedReportSet, Target::Root | Target::Principal) => String::new(),
            _ => return None,
        };
        Some(value)
    }

    /// The device may read all that is its own, and change cards unless it is there to read.
    fn privileges(&self, target: Target<'_>) -> String {
        let granted: &[&str] = match target {
            Target::Book(_) if !self.device.read_only => {
                &["read", "read-current-user-privilege-set", "write", "write-content", "bind", "unbind"]
            }
            Target::Card(_) if !self.device.read_only => {
                &["read", "read-current-user-privilege-set", "write", "write-content"]
            }
            _ => &["read", "read-current-user-privilege-set"],
        };
        granted.iter().map(|name| format!("<D:privilege><D:{name}/></D:privilege>")).collect()
    }
}

/// The state of a book, as its sync token and its ctag.
pub(super) fn sync_token(look: &Look) -> String {
    SyncToken { book_id: look.book_id.clone(), counter: look.counter }.to_uri()
}

/// What a privilege is lacking for.
pub(super) fn lacking_privilege(path: &str, privilege: &str) -> String {
    format!("<D:resource>{}<D:privilege><D:{privilege}/></D:privilege></D:resource>", href(path))
}

/// Why a property is not changed.
pub(super) const PROTECTED: (Condition, &str) =
    (Condition::ProtectedProperty, "carnet keeps no properties of programs, and sets its own itself");

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    crate::dav::escape_into(&mut out, text);
    out
}
