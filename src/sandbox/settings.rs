//! How a sandbox is set up: what it holds, how it answers, what goes wrong.
//!
//! The reference leaves much of a server's conduct open; each open point is a choice here, so that a client can be
//! tried against all of them.

use std::{fmt, path::PathBuf, str::FromStr};

use super::{
    faults::Fault,
    object::{ADDRESSES, ListShape},
};

/// Everything that may be chosen; the default is a well-behaved server with 250 contacts in memory.
#[derive(Clone)]
pub struct SandboxSettings {
    /// The SQLite file that holds the state; `None` keeps it in memory. Seeded only when it is new.
    pub state: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// How many contacts a new state begins with.
    pub contacts: u32,
    /// How many firms a new state begins with at least: those that its contacts belong to, then some that nobody does.
    pub firms: u32,
    /// What chance starts from: the same seed gives the same contacts and the same faults.
    pub seed: u64,
    /// Contacts on a listing page when the client does not say; at most 250 count.
    pub per_page: u32,
    /// Login.
    pub user: String,
    /// Password.
    pub password: String,
    /// The path's first part, as the live service has the account's number; empty accepts any.
    pub account: String,
    /// What a list in a PUT means.
    pub lists: Lists,
    /// What a list of addresses means, where that is something else.
    pub addresses: Option<Lists>,
    /// What a page after the last answers.
    pub past_end: PastEnd,
    /// Oddities switched on.
    pub quirks: Vec<Quirk>,
    /// Faults switched on.
    pub faults: Vec<Fault>,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            state: None,
            port: 0,
            contacts: 250,
            firms: 0,
            seed: 1,
            per_page: 50,
            user: "demo".to_owned(),
            password: "demo".to_owned(),
            account: "demo".to_owned(),
            lists: Lists::Replace,
            addresses: None,
            past_end: PastEnd::Empty,
            quirks: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl SandboxSettings {
    /// Whether an oddity is switched on.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// What a list of this shape in a PUT means.
    pub fn lists_of(&self, shape: &ListShape) -> Lists {
        self.addresses.filter(|_| shape.list == ADDRESSES.list).unwrap_or(self.lists)
    }
}

impl fmt::Debug for SandboxSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, port, contacts, firms, seed, per_page, user, password: _, account, .. } = self;
        let Self { lists, addresses, past_end, quirks, faults, .. } = self;
        f.debug_struct("SandboxSettings")
            .field("state", state)
            .field("port", port)
            .field("contacts", contacts)
            .field("firms", firms)
            .field("seed", seed)
            .field("per_page", per_page)
            .field("user", user)
            .field("password", &"[hidden]")
            .field("account", account)
            .field("lists", lists)
            .field("addresses", addresses)
            .field("past_end", past_end)
            .field("quirks", quirks)
            .field("faults", faults)
            .finish()
    }
}

/// A name that means nothing here, with those that do. Reads after "invalid value for --fault:", where it is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} \"{given}\" (known: {known})")]
pub struct UnknownName {
    what: &'static str,
    given: String,
    known: String,
}

impl UnknownName {
    /// `what` is the kind of name, `known` the list to show.
    pub fn new(what: &'static str, given: &str, known: impl Into<String>) -> Self {
        Self { what, given: given.to_owned(), known: known.into() }
    }
}

/// What a list in a PUT means. The reference does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lists {
    /// The list is the new list; entries with a known id keep it.
    #[default]
    Replace,
    /// The entries are added to those there.
    Append,
    /// Entries with an id change that one, `_destroy` removes it, entries without are added, the others stay.
    Ids,
    /// The same, and the others go.
    Sync,
}

impl FromStr for Lists {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "replace" => Ok(Self::Replace),
            "append" => Ok(Self::Append),
            "ids" => Ok(Self::Ids),
            "sync" => Ok(Self::Sync),
            _ => Err(UnknownName::new("list behaviour", text, "replace, append, ids, sync")),
        }
    }
}

/// What a listing answers to a page after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PastEnd {
    /// A page without contacts.
    #[default]
    Empty,
    /// The last page once more.
    Repeat,
    /// 404.
    NotFound,
}

impl FromStr for PastEnd {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "empty" => Ok(Self::Empty),
            "repeat" => Ok(Self::Repeat),
            "404" => Ok(Self::NotFound),
            _ => Err(UnknownName::new("conduct past the end", text, "empty, repeat, 404")),
        }
    }
}

/// An oddity that a live server may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// Listings carry no `<pagination>`.
    NoPagination,
    /// Answers are in ISO-8859-1.
    Latin1,
    /// Elements without a value are left out.
    OmitEmpty,
    /// Values lose the white space around them.
    Trim,
    /// Values are trimmed, inner spaces made single, telephone numbers regrouped ("06 39 98 01 02").
    Normalise,
    /// Last names are stored in capitals.
    Capitals,
    /// No ETag, hence no 304.
    NoEtag,
    /// Listings begin with the newest.
    NewestFirst,
    /// A POST answers the id alone.
    PostIdOnly,
    /// A POST answers 201 with no body.
    PostEmpty,
    /// A PUT answers 200 with no body.
    PutEmpty,
    /// An empty element in a PUT leaves the value alone.
    EmptyKeeps,
    /// `_destroy` is not understood.
    NoDestroy,
    /// `job_department` is acknowledged and not taken.
    IgnoresDepartment,
    /// The user may read, create and change, and delete nothing: 403.
    NoDeletion,
    /// The user may read the second contact, and neither change nor delete it: 403.
    Guarded,
    /// The first contact has invoices, and is not deleted: 422.
    Invoiced,
    /// A new contact without a type is not stored: 422.
    RequiresType,
    /// A column of numbers takes any text and keeps the number that it begins with, or 0.
    CastsIntegers,
    /// Each time a contact is stored its last name is put in capitals, also where it was not sent.
    CapitalsAtSave,
    /// A PUT that names a list entry which is not there is answered 404, although the contact is there.
    MissingEntry404,
    /// List entries have a `label`, which a list that is replaced loses where it is not sent back.
    EntryLabels,
    /// The user may not see firms: 403.
    FirmsForbidden,
    /// There are no firms at this server: 404.
    FirmsMissing,
    /// The login does not hold for firms: 401.
    FirmsUnauthorized,
    /// Where firms should be there is a web page: 200.
    FirmsHtml,
    /// Where firms should be there is a document with another root.
    FirmsOdd,
    /// A new state has firms that are hard to tell apart: two of one name, one whose name differs in capitals and accents
    /// alone, names with signs and white space, an empty and an unset one, and one that nobody belongs to.
    OddFirms,
    /// In a new state one firm that contacts name is not there.
    FirmsDangling,
    /// A contact is not put into a firm that is not there: 422.
    ChecksFirms,
    /// `firm_id` is acknowledged and not taken.
    IgnoresFirm,
    /// With a firm its contacts' `firm_id`s go; else they stay as they are.
    FirmDeleteClears,
    /// A firm that contacts belong to is not deleted: 422.
    FirmDeleteRefused,
}

impl Quirk {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::NoPagination,
        Self::Latin1,
        Self::OmitEmpty,
        Self::Trim,
        Self::Normalise,
        Self::Capitals,
        Self::NoEtag,
        Self::NewestFirst,
        Self::PostIdOnly,
        Self::PostEmpty,
        Self::PutEmpty,
        Self::EmptyKeeps,
        Self::NoDestroy,
        Self::IgnoresDepartment,
        Self::NoDeletion,
        Self::Guarded,
        Self::Invoiced,
        Self::RequiresType,
        Self::CastsIntegers,
        Self::CapitalsAtSave,
        Self::MissingEntry404,
        Self::EntryLabels,
        Self::FirmsForbidden,
        Self::FirmsMissing,
        Self::FirmsUnauthorized,
        Self::FirmsHtml,
        Self::FirmsOdd,
        Self::OddFirms,
        Self::FirmsDangling,
        Self::ChecksFirms,
        Self::IgnoresFirm,
        Self::FirmDeleteClears,
        Self::FirmDeleteRefused,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPagination => "no-pagination",
            Self::Latin1 => "latin1",
            Self::OmitEmpty => "omit-empty",
            Self::Trim => "trim",
            Self::Normalise => "normalise",
            Self::Capitals => "capitals",
            Self::NoEtag => "no-etag",
            Self::NewestFirst => "newest-first",
            Self::PostIdOnly => "post-id-only",
            Self::PostEmpty => "post-empty",
            Self::PutEmpty => "put-empty",
            Self::EmptyKeeps => "empty-keeps",
            Self::NoDestroy => "no-destroy",
            Self::IgnoresDepartment => "ignores-department",
            Self::NoDeletion => "no-deletion",
            Self::Guarded => "guarded",
            Self::Invoiced => "invoiced",
            Self::RequiresType => "requires-type",
            Self::CastsIntegers => "casts-integers",
            Self::CapitalsAtSave => "capitals-at-save",
            Self::MissingEntry404 => "missing-entry-404",
            Self::EntryLabels => "entry-labels",
            Self::FirmsForbidden => "firms-forbidden",
            Self::FirmsMissing => "firms-missing",
            Self::FirmsUnauthorized => "firms-unauthorized",
            Self::FirmsHtml => "firms-html",
            Self::FirmsOdd => "firms-odd",
            Self::OddFirms => "odd-firms",
            Self::FirmsDangling => "firms-dangling",
            Self::ChecksFirms => "checks-firms",
            Self::IgnoresFirm => "ignores-firm",
            Self::FirmDeleteClears => "firm-delete-clears",
            Self::FirmDeleteRefused => "firm-delete-refused",
        }
    }
}

impl FromStr for Quirk {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let find = Self::ALL.into_iter().find(|quirk| quirk.name() == text);
        find.ok_or_else(|| UnknownName::new("quirk", text, Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_unknown_ones_list_the_known() {
        for quirk in Quirk::ALL {
            assert_eq!(quirk.name().parse(), Ok(quirk));
        }
        let message = "latin-1".parse::<Quirk>().unwrap_err().to_string();
        assert!(message.contains("\"latin-1\""), "{message}");
        assert!(Quirk::ALL.iter().all(|quirk| message.contains(quirk.name())), "{message}");
        assert_eq!("append".parse(), Ok(Lists::Append));
        assert_eq!("404".parse(), Ok(PastEnd::NotFound));
        assert!("".parse::<Lists>().unwrap_err().to_string().contains("replace, append, ids, sync"));
        assert!("last".parse::<PastEnd>().unwrap_err().to_string().contains("empty, repeat, 404"));
    }

    #[test]
    fn the_password_is_in_no_debug_text() {
        let settings = SandboxSettings { password: "s3cret-canary".to_owned(), ..SandboxSettings::default() };
        assert!(!format!("{settings:?}").contains("s3cret-canary"));
    }
}
