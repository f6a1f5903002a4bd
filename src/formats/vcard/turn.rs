//! Kept lines between 3.0 and 4.0: what one version calls and writes otherwise than the other.
//!
//! An entry of `extra` has one form whatever card it came from, mostly that of 4.0, whose properties are the richer ones;
//! pictures and keys have that of 3.0. [`settle`] gives it that form, [`turn`] the form of a version. Turning an entry and
//! settling it gives the entry again, so that two books in two versions never seem to edit one another.
//!
//! A property without a form in the other version is written there with `X-` before its name, which no program takes for
//! anything else, and is read back as what it was.
//!
//! Sources: RFC 6350 appendix A.2, RFC 2426, RFC 6474, RFC 6715, RFC 9554, RFC 9555; Apple's and Evolution's own lines.

use super::{Version, turn_date, turn_related, turn_value};

/// An entry, taken apart. The value is in 3.0 escaping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// In capitals.
    pub name: String,
    /// Names and values, these with their quotes.
    pub params: Vec<(String, String)>,
    pub value: String,
    /// What its group's X-ABLabel says.
    pub label: Option<String>,
    /// The value is base64.
    pub is_base64: bool,
}

impl Entry {
    /// The first parameter of this name, without quotes.
    pub fn param(&self, name: &str) -> Option<&str> {
        let (_, value) = self.params.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value.trim_matches('"'))
    }

    /// Takes out every parameter of this name; the first one's value, without quotes.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let found = self.param(name).map(str::to_owned);
        self.params.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        found
    }

    /// Takes out VALUE where it is this one.
    pub fn drop_value_type(&mut self, kinds: &[&str]) {
        self.params.retain(|(name, value)| {
            !(name.eq_ignore_ascii_case("VALUE") && kinds.iter().any(|kind| value.eq_ignore_ascii_case(kind)))
        });
    }

    /// True where the line says that its value is of this kind.
    pub fn is_of(&self, kind: &str) -> bool {
        self.param("VALUE").is_some_and(|value| value.eq_ignore_ascii_case(kind))
    }

    /// Says the kind of the value.
    pub fn say_kind(&mut self, kind: &str) {
        self.take("VALUE");
        self.params.push(("VALUE".to_owned(), kind.to_owned()));
    }

    /// Gives the property another name.
    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// Puts `X-` before the name: the version has no form for the value.
    pub fn hide(&mut self) {
        self.name.insert_str(0, "X-");
    }
}

/// Properties that were registered after RFC 6350.
/// Sources: RFC 6474, RFC 6715, RFC 8605, RFC 9554, RFC 9555.
pub(super) const LATER: [&str; 14] = [
    "BIRTHPLACE",
    "CONTACT-URI",
    "CREATED",
    "DEATHDATE",
    "DEATHPLACE",
    "EXPERTISE",
    "GRAMGENDER",
    "HOBBY",
    "INTEREST",
    "JSPROP",
    "LANGUAGE",
    "ORG-DIRECTORY",
    "PRONOUNS",
    "SOCIALPROFILE",
];

/// Properties of RFC 6350 that 3.0 has no form for.
const ONLY_IN_40: [&str; 3] = ["CLIENTPIDMAP", "LANG", "XML"];

/// True for a property of 4.0 and its extensions that 3.0 has no form for: of the later ones, it has one for a profile.
fn is_only_new(name: &str) -> bool {
    ONLY_IN_40.contains(&name) || (name != "SOCIALPROFILE" && LATER.contains(&name))
}

/// Properties of which 3.0 has a form for some values, and `X-` for the others.
const PARTLY_NEW: [&str; 4] = ["ANNIVERSARY", "BDAY", "GEO", "RELATED"];

/// Properties of 3.0 that 4.0 has no form for.
const ONLY_OLD: [&str; 6] = ["AGENT", "CLASS", "MAILER", "NAME", "PROFILE", "SORT-STRING"];

/// Gives an entry the form that all entries have.
pub(super) fn settle(entry: &mut Entry) {
    if let Some(bare) = entry.name.strip_prefix("X-").filter(|bare| is_disguised(bare)) {
        entry.name = bare.to_owned();
    }
    match entry.name.as_str() {
        "BDAY" | "DEATHDATE" | "ANNIVERSARY" | "X-ABDATE" => turn_date::settle(entry),
        "GEO" => turn_value::settle_geo(entry),
        "TZ" => turn_value::settle_zone(entry),
        "KEY" | "PHOTO" | "LOGO" | "SOUND" => turn_value::settle_media(entry),
        "GENDER" | "X-GENDER" => turn_value::settle_gender(entry),
        "X-KIND" | "X-ADDRESSBOOKSERVER-KIND" => entry.rename("KIND"),
        "X-ADDRESSBOOKSERVER-MEMBER" => entry.rename("MEMBER"),
        "X-SOCIALPROFILE" | "SOCIALPROFILE" => turn_value::settle_profile(entry),
        "RELATED" | "AGENT" | "X-ABRELATEDNAMES" => turn_related::settle(entry),
        _ => {}
    }
}

/// Gives a settled entry the form of a version. 2.1 has those of 3.0.
pub(super) fn turn(entry: &mut Entry, version: Version) {
    let is_new = version == Version::V40;
    match entry.name.as_str() {
        "BDAY" | "DEATHDATE" | "ANNIVERSARY" | "X-ABDATE" => turn_date::turn(entry, is_new),
        "GEO" => turn_value::turn_geo(entry, is_new),
        "TZ" => turn_value::turn_zone(entry, is_new),
        "KEY" | "PHOTO" | "LOGO" | "SOUND" => turn_value::turn_media(entry, is_new),
        "GENDER" if !is_new => turn_value::turn_gender(entry),
        "KIND" if !is_new => entry.rename("X-ADDRESSBOOKSERVER-KIND"),
        "MEMBER" if !is_new => entry.rename("X-ADDRESSBOOKSERVER-MEMBER"),
        "SOCIALPROFILE" if !is_new => turn_value::turn_profile(entry),
        "RELATED" | "X-SPOUSE" | "X-EVOLUTION-SPOUSE" => turn_related::turn(entry, is_new),
        _ => {}
    }
    if has_no_form(&entry.name, version) {
        entry.hide();
    }
}

/// True for a property that is written with `X-` before its name in a card of this version.
pub(super) fn has_no_form(name: &str, version: Version) -> bool {
    match version {
        Version::V40 => ONLY_OLD.contains(&name),
        Version::V21 | Version::V30 => is_only_new(name),
    }
}

/// True for a name that may stand with `X-` before it in a card of the other version.
pub(super) fn is_disguised(bare: &str) -> bool {
    ONLY_OLD.contains(&bare) || is_only_new(bare) || PARTLY_NEW.contains(&bare)
}

/// True where turning may change a line of this name: all others are left as they are.
pub(super) fn is_turned(name: &str) -> bool {
    let bare = name.strip_prefix("X-").unwrap_or(name);
    is_disguised(bare)
        || ["GENDER", "TZ", "KEY", "PHOTO", "LOGO", "SOUND", "KIND", "MEMBER", "SOCIALPROFILE"].contains(&bare)
        || ["SPOUSE", "EVOLUTION-SPOUSE", "ABDATE", "ABRELATEDNAMES"].contains(&bare)
        || bare.starts_with("ADDRESSBOOKSERVER-")
}
