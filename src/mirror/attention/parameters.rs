//! What can wait for the user, as parameters, and its form in the table.

use serde::{Deserialize, Serialize};

use crate::{
    contact::{Contact, Field},
    mirror::{
        ContactId,
        kinds::{Detail, columns, value},
    },
};

/// What waits for the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Attention {
    /// A new record could be a known contact.
    #[serde(rename = "ambiguous")]
    Ambiguous {
        /// The contacts it could be.
        candidates: Vec<ContactId>,
        /// Why nobody but the user can tell.
        reason: Ambiguity,
    },
    /// A sync program set a copy of a record beside it.
    #[serde(rename = "conflict_copy")]
    ConflictCopy {
        /// The record that it is a copy of.
        of: String,
        /// That record's contact.
        contact: ContactId,
        /// What it says beyond the contact, or otherwise.
        #[serde(with = "field_names")]
        beyond: Vec<Field>,
        /// What it says; of photos the beginning.
        says: Box<Contact>,
        /// A digest of what it says.
        digest: String,
    },
    /// A creation in the CRM whose answer was lost: it may or may not have been made.
    #[serde(rename = "parked")]
    LostCreation,
    /// The CRM acknowledged a change and does not show it, or has no way to be told it. It holds nothing else up.
    #[serde(rename = "untaken")]
    NotPersisted {
        /// The fields that it shows otherwise.
        #[serde(with = "field_names")]
        fields: Vec<Field>,
        /// The lists that were tried: they are not sent again as they are.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tried: Vec<TriedList>,
    },
    /// More contacts are missing from the replica than may go without the user's decision. Its deletions are neither
    /// carried out elsewhere nor undone there.
    #[serde(rename = "held_deletion")]
    HeldDeletions {
        /// How many are missing.
        missing: u64,
        /// Of how many.
        known: u64,
        /// How many may go.
        allowed: u64,
    },
    /// A company of contacts that is no firm's name in the CRM.
    #[serde(rename = "no_firm")]
    NoFirm {
        /// How many contacts.
        contacts: u64,
    },
    /// The replica is neither believed nor written.
    #[serde(rename = "stopped")]
    Stopped {
        /// Why.
        reason: StopReason,
    },
    /// What is known by its words alone: a replica says it itself, an earlier carnet kept no parameters, or a newer one
    /// keeps others.
    #[serde(rename = "worded")]
    Worded {
        /// What it is.
        #[serde(rename = "of")]
        kind: AttentionKind,
        /// In words, or the parameters that this carnet does not know.
        text: String,
        /// What the user can do, in words.
        todo: Option<String>,
        /// The contacts that a record could be.
        candidates: Vec<ContactId>,
    },
}

/// A list that a replica did not take as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedList {
    /// The list, by its field's name.
    pub list: String,
    /// A digest of the list as the mirror had it.
    pub digest: String,
    /// How the replica took lists then, in its own words.
    pub mode: String,
}

/// Why a record cannot be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ambiguity {
    /// Several contacts fit.
    Several,
    /// It fits a contact that has another record in the same replica.
    CopyOf {
        /// That record.
        record: String,
    },
    /// It carries the CRM id of a contact with which it has nothing in common.
    ForeignId,
    /// It was a copy of a contact that is deleted since.
    CopyOfDeleted,
    /// It shares a telephone or e-mail address with a contact, and one of the two is a company.
    OneIsCompany,
    /// It has the name of a contact, and another birthday or generation (Jr., Sr.).
    OtherGeneration,
    /// It has the name and the landline of a contact, and an e-mail address of its own.
    OtherMailbox,
    /// It has the name of a contact and nothing else in common with it.
    Namesake,
}

/// Why a replica is neither believed nor written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It held contacts, and now holds none.
    Emptied {
        /// How many it held.
        known: u64,
    },
    /// More than half of its contacts changed at once.
    MassEdit {
        /// How many changed.
        edited: u64,
        /// Of how many.
        known: u64,
    },
    /// The CRM's listing leaves out contacts that books know by their CRM id.
    ListingLeavesOut {
        /// How many.
        count: u64,
    },
    /// The settings name another account than the one that the mirror is a copy of.
    OtherAccount {
        /// The mirror's.
        mirror: String,
        /// The settings'.
        settings: String,
    },
    /// The folder of a book is not there.
    NoFolder {
        /// The folder.
        path: String,
        /// The file that marks it as the book's.
        marker: String,
    },
    /// The folder of a book has no marker file.
    NoMarker {
        /// The folder.
        path: String,
        /// The file that marks it as the book's.
        marker: String,
    },
    /// The marker file of a book's folder went away while it was worked on.
    MarkerWentAway {
        /// The folder.
        path: String,
        /// The file that marks it as the book's.
        marker: String,
    },
    /// The file of a book is not there.
    NoFile {
        /// The file.
        path: String,
    },
}

/// The kinds of what waits. Their words are the table's and the public ones of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum AttentionKind {
    /// [`Attention::Ambiguous`].
    Ambiguous,
    /// [`Attention::ConflictCopy`].
    ConflictCopy,
    /// [`Attention::LostCreation`].
    LostCreation,
    /// [`Attention::NotPersisted`].
    NotPersisted,
    /// [`Attention::HeldDeletions`].
    HeldDeletions,
    /// [`Attention::NoFirm`].
    NoFirm,
    /// [`Attention::Stopped`].
    Stopped,
    /// A newer carnet's.
    Other(String),
}

impl AttentionKind {
    /// The word in the table.
    pub fn word(&self) -> &str {
        match self {
            AttentionKind::Ambiguous => "ambiguous",
            AttentionKind::ConflictCopy => "conflict_copy",
            AttentionKind::LostCreation => "parked",
            AttentionKind::NotPersisted => "untaken",
            AttentionKind::HeldDeletions => "held_deletion",
            AttentionKind::NoFirm => "no_firm",
            AttentionKind::Stopped => "stopped",
            AttentionKind::Other(word) => word,
        }
    }

    fn from_word(word: &str) -> Self {
        use AttentionKind::{Ambiguous, ConflictCopy, HeldDeletions, LostCreation, NoFirm, NotPersisted, Stopped};
        let known = [Ambiguous, ConflictCopy, LostCreation, NotPersisted, HeldDeletions, NoFirm, Stopped];
        known.into_iter().find(|kind| kind.word() == word).unwrap_or_else(|| AttentionKind::Other(word.to_owned()))
    }
}

impl AttentionKind {
    /// True for what is about a record that no agreement names: it is met again, or forgotten, by each scan.
    pub fn is_about_a_newcomer(&self) -> bool {
        matches!(self, AttentionKind::Ambiguous | AttentionKind::ConflictCopy)
    }
}

impl From<AttentionKind> for String {
    fn from(kind: AttentionKind) -> Self {
        kind.word().to_owned()
    }
}

impl From<String> for AttentionKind {
    fn from(word: String) -> Self {
        AttentionKind::from_word(&word)
    }
}

impl Attention {
    /// Which kind it is of.
    pub fn kind(&self) -> AttentionKind {
        match self {
            Attention::Ambiguous { .. } => AttentionKind::Ambiguous,
            Attention::ConflictCopy { .. } => AttentionKind::ConflictCopy,
            Attention::LostCreation => AttentionKind::LostCreation,
            Attention::NotPersisted { .. } => AttentionKind::NotPersisted,
            Attention::HeldDeletions { .. } => AttentionKind::HeldDeletions,
            Attention::NoFirm { .. } => AttentionKind::NoFirm,
            Attention::Stopped { .. } => AttentionKind::Stopped,
            Attention::Worded { kind, .. } => kind.clone(),
        }
    }

    /// The contacts that a record could be; empty for what is about something else.
    pub fn candidates(&self) -> &[ContactId] {
        match self {
            Attention::Ambiguous { candidates, .. } | Attention::Worded { candidates, .. } => candidates,
            Attention::ConflictCopy { contact, .. } => std::slice::from_ref(contact),
            Attention::LostCreation
            | Attention::NotPersisted { .. }
            | Attention::HeldDeletions { .. }
            | Attention::NoFirm { .. }
            | Attention::Stopped { .. } => &[],
        }
    }

    /// The fields that the CRM shows otherwise, and the lists that were tried; empty for what is about something else.
    pub fn not_persisted(&self) -> (&[Field], &[TriedList]) {
        match self {
            Attention::NotPersisted { fields, tried } => (fields, tried),
            Attention::Ambiguous { .. }
            | Attention::ConflictCopy { .. }
            | Attention::LostCreation
            | Attention::HeldDeletions { .. }
            | Attention::NoFirm { .. }
            | Attention::Stopped { .. }
            | Attention::Worded { .. } => (&[], &[]),
        }
    }

    pub(super) fn columns(&self) -> (String, String) {
        let Attention::Worded { kind, text, todo, candidates } = self else { return columns(self) };
        let words = Words { text: text.clone(), todo: todo.clone(), candidates: candidates.clone() };
        // Texts and numbers always have a JSON form.
        (kind.word().to_owned(), serde_json::to_string(&words).unwrap_or_default())
    }

    pub(super) fn of_columns(word: &str, detail: Detail) -> Self {
        value(word, &detail).unwrap_or_else(|| {
            let kind = AttentionKind::from_word(word);
            let Words { text, todo, candidates } = serde_json::from_str(&detail.0).unwrap_or_else(|_| Words {
                text: detail.0,
                todo: None,
                candidates: Vec::new(),
            });
            Attention::Worded { kind, text, todo, candidates }
        })
    }
}

/// The parameters of what is known by its words alone.
#[derive(Serialize, Deserialize)]
struct Words {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<ContactId>,
}

/// Fields under the reference's names, as everywhere in the tables.
mod field_names {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::contact::Field;

    pub(super) fn serialize<S: Serializer>(fields: &[Field], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(fields.iter().map(|field| field.name()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Field>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let field = |name: &String| Field::from_name(name).ok_or_else(|| D::Error::custom("no such field"));
        names.iter().map(field).collect()
    }
}
