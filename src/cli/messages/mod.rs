//! What waits for the user, what was decided, and what to type, in words: one file per language, one function per message.
//!
//! Below this folder all of it is parameters. Flags and numbers are the same in every language and stand here.

mod en;
#[cfg(test)]
mod tests;

use crate::{
    contact::Field,
    sync::{
        Activity, Answer, Applied, Attention, AttentionKind, Candidate, ItemId, Refused, SyncError,
        events::{Failure, FirmCardCounts, Label, Note, Stopped},
    },
    views::{
        attention::{Choice, Item, KeepChoice, Subject},
        status::UnsettledWrite,
    },
};

/// The languages that carnet speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
}

impl Language {
    /// Its messages.
    pub fn messages(self) -> &'static dyn Messages {
        match self {
            Language::English => &en::English,
        }
    }
}

/// A sentence and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What there is to say: a lowercase fragment.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Said {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

/// Every message of one language.
pub trait Messages {
    /// What waits, about this record of this replica.
    fn attention(&self, replica: &str, remote: &str, attention: &Attention) -> String;

    /// What to do about what waits, where it is not decided by `conflicts resolve`.
    fn todo(&self, attention: &Attention) -> Option<String>;

    /// What to do about what waits, said in the run that met it.
    fn hint(&self, attention: &Attention) -> Option<String>;

    /// A field goes back and forth.
    fn ping_pong(&self, replica: &str, contact: &str, field: Field, other: &str) -> Said;

    /// A field is back at what was replaced.
    fn older_copy(&self, replica: &str, contact: &str, field: Field) -> Said;

    /// Contacts that were deleted here stay in a replica.
    fn stays_there(&self, replica: &str, contacts: u64, named: &[Label]) -> Said;

    /// So many contacts beside those held were deleted here, and stay.
    fn staying(&self, contacts: u64) -> String;

    /// A field of contacts stays out of a replica.
    fn stays_out(&self, replica: &str, field: Field, contacts: u64, values: &[String]) -> Said;

    /// A sync program's copy is removed.
    fn copy_removed(&self, remote: &str) -> Said;

    /// A sync program's copy stays although it was answered for.
    fn copy_stays(&self, remote: &str) -> Said;

    /// A throwaway contact is about to be made.
    fn trial_ahead(&self) -> Said;

    /// Firms were renamed.
    fn firms_renamed(&self, firms: u64, contacts: u64) -> Said;

    /// Firms stay out of this run.
    fn firms_unread(&self, reason: &str) -> Said;

    /// A firm was made, under this id, or would be.
    fn firm_made(&self, name: &str, id: Option<&str>) -> Said;

    /// Cards of firms were written into a book.
    fn firm_cards(&self, counts: &FirmCardCounts) -> Said;

    /// What a decision has led to.
    fn applied(&self, applied: &Applied) -> String;

    /// Why a decision is not carried out; it reads after "failed to".
    fn refused(&self, refused: &Refused) -> Said;

    /// A noted decision is forgotten.
    fn dropped(&self, refused: &Refused) -> Said;

    /// A decision will be carried out by another run.
    fn noted(&self, item: ItemId) -> String;

    /// What a noted decision is, in a list of what waits.
    fn noted_as(&self, typed: &str) -> String;

    /// What a book's server does not keep as it is sent, after the book's name.
    fn alters(&self, words: &[String]) -> String;

    /// What came of the throwaway card that was sent to a book's server.
    fn tried_writing(&self, alters: &[String]) -> String;

    /// How what was decided reaches the replicas.
    fn to_sync(&self) -> &'static str;

    /// What choosing this means.
    fn meaning(&self, item: &Item, choice: &Choice) -> &'static str;

    /// What to type, and the other words that could stand in it.
    fn command(&self, typed: &str, others: &[&str]) -> String;

    /// "it could be", before a candidate's id.
    fn it_could_be(&self) -> &'static str;

    /// Who a candidate is, after its id.
    fn candidate(&self, candidate: &Candidate, replica: &str) -> String;

    /// "conflict" or "question".
    fn item(&self, id: ItemId) -> &'static str;

    /// What to call an item that has neither contact nor record.
    fn nameless(&self, contact: i64) -> String;

    /// "whole contact", in the place of a field.
    fn whole_contact(&self) -> &'static str;

    /// Which value of a settled conflict was kept.
    fn kept(&self, kept: &str) -> &'static str;

    /// Between a replica's name and what it waits for: what is guarded.
    fn guarded(&self, kind: &AttentionKind) -> &'static str;

    /// Nothing waits.
    fn nothing_waits(&self) -> &'static str;

    /// A write whose outcome is unknown or that was refused, of this contact.
    fn unsettled(&self, write: &UnsettledWrite, who: &str) -> String;

    /// What becomes of such a write, and what the user can do.
    fn unsettled_todo(&self, write: &UnsettledWrite) -> &'static str;

    /// What failed, and how: of many the first few, and how many there are.
    fn failure(&self, failure: &Failure) -> String;

    /// So many more failed in the way of one that was told.
    fn failed_alike(&self, activity: Activity, count: u64) -> String;

    /// What kind of thing failed, in a list of what waits.
    fn failed_to_be(&self, activity: Activity) -> &'static str;

    /// What becomes of a problem that has no hint of its own.
    fn problem_todo(&self) -> &'static str;

    /// What to do about an error that has no hint of its own.
    fn error_hint(&self, error: &SyncError) -> Option<String>;

    /// What waits from now on, and what to do about it.
    fn raised(&self, replica: &str, remote: &str, attention: &Attention) -> Said {
        Said { message: self.attention(replica, remote, attention), hint: self.hint(attention) }
    }

    /// Why a part of a run was stopped.
    fn stopped(&self, Stopped { replica, attention }: &Stopped) -> String {
        self.attention(replica, "", attention)
    }

    /// What a run tells of what waits.
    fn note(&self, replica: &str, note: &Note) -> Said {
        match note {
            Note::Raised { remote, attention } => self.raised(replica, remote, attention),
            Note::PingPong { contact, field, other } => self.ping_pong(replica, contact, *field, other),
            Note::OlderCopy { contact, field } => self.older_copy(replica, contact, *field),
            Note::StaysThere { contacts, named } => self.stays_there(replica, *contacts, named),
            Note::StaysOut { field, contacts, values } => self.stays_out(replica, *field, *contacts, values),
            Note::CopyRemoved { remote } => self.copy_removed(remote),
            Note::CopyStays { remote } => self.copy_stays(remote),
            Note::TrialAhead => self.trial_ahead(),
            Note::FirmsRenamed { firms, contacts } => self.firms_renamed(*firms, *contacts),
            Note::FirmsUnread { reason } => self.firms_unread(reason),
            Note::FirmMade { name, id } => self.firm_made(name, Some(id)),
            Note::FirmAhead { name } => self.firm_made(name, None),
            Note::FirmCards(counts) => self.firm_cards(counts),
            Note::CarriedOut(applied) => Said { message: self.applied(applied), hint: None },
            Note::Dropped(refused) => self.dropped(refused),
        }
    }

    /// What to do about an error.
    fn what_to_do(&self, error: &SyncError) -> Option<String> {
        error.hint().or_else(|| self.error_hint(error))
    }
}

/// A choice as it is typed after `carnet conflicts resolve ID`.
pub fn typed_choice(choice: &Choice, candidates: &[Candidate]) -> String {
    match choice {
        Choice::Keep(keep) => format!("--keep {}", typed_keep(*keep)),
        Choice::Answer(Answer::Adopt) => "--adopt CRM_ID".to_owned(),
        Choice::Answer(Answer::Create) => "--create".to_owned(),
        Choice::Answer(Answer::SameAs) => match candidates {
            [one] => format!("--same-as {}", one.id),
            _ => "--same-as CONTACT".to_owned(),
        },
        Choice::Answer(Answer::New) => "--new".to_owned(),
        Choice::Answer(Answer::SendAgain) => "--send-again".to_owned(),
        Choice::Answer(Answer::KeepCrm) => "--keep crm".to_owned(),
        Choice::Answer(Answer::Dismiss) => "--dismiss".to_owned(),
    }
}

fn typed_keep(keep: KeepChoice) -> String {
    match keep {
        KeepChoice::Crm => "crm".to_owned(),
        KeepChoice::Book => "book".to_owned(),
        KeepChoice::Both => "both".to_owned(),
        KeepChoice::Value(field) => format!("{}=VALUE", field.name()),
    }
}

/// The contacts that an item may be about.
pub fn candidates(item: &Item) -> &[Candidate] {
    match &item.subject {
        Subject::Conflict { .. } => &[],
        Subject::Attention { candidates, .. } => candidates,
    }
}
