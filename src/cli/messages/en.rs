//! English.

mod books;
mod decisions;
mod guards;
mod refusals;

use super::{Messages, Said, typed_choice};
use crate::{
    cli::{plural::counted, report::who},
    contact::Field,
    sync::{
        Activity, Ambiguity, Answer, Applied, Attention, AttentionKind, CRM, Candidate, Guarded, ItemId, Refused,
        SyncError, Why, answers,
        events::{FailedSubject, Failure, FirmCardCounts, Label},
        guarded,
    },
    views::{
        attention::{Choice, Item},
        status::{OutboxAction, OutboxState, UnsettledWrite},
    },
};
use decisions::{effect, meaning};
use guards::{OTHER_ACCOUNT, stopped, stopped_todo};
use refusals::{no_candidate, not_kept};

/// The messages in English.
pub struct English;

impl Messages for English {
    fn attention(&self, replica: &str, remote: &str, attention: &Attention) -> String {
        match attention {
            Attention::Ambiguous { candidates, reason } => ambiguous(remote, candidates.len(), reason),
            Attention::ConflictCopy { of, beyond, .. } => conflict_copy(remote, of, beyond),
            Attention::LostCreation => {
                format!("contact {remote} may or may not have been created in the CRM: its answer was lost")
            }
            Attention::NotPersisted { fields, .. } => {
                let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
                let names = names.join(", ");
                format!("the CRM does not show {names} of contact {remote} as the mirror has it")
            }
            Attention::HeldDeletions { missing, known, allowed } => {
                format!("{missing} of {known} contacts are missing from {replica}; {allowed} may go without a word")
            }
            Attention::NoFirm { contacts } => {
                let of = match *contacts {
                    0 => "a card without a person".to_owned(),
                    1 => "a contact".to_owned(),
                    _ => format!("{contacts} contacts"),
                };
                format!(
                    "no firm of the CRM is called {remote}, the company of {of}; or several are, or it is another's"
                )
            }
            Attention::Stopped { reason } => stopped(replica, reason),
            Attention::Worded { text, .. } => text.clone(),
        }
    }

    fn todo(&self, attention: &Attention) -> Option<String> {
        match attention {
            Attention::HeldDeletions { missing, .. } => {
                Some(format!("nothing was deleted; if this is meant, run `carnet sync --max-delete {missing}`"))
            }
            Attention::Stopped { reason } => Some(stopped_todo(reason)),
            Attention::Worded { todo, .. } => todo.clone(),
            Attention::Ambiguous { .. }
            | Attention::ConflictCopy { .. }
            | Attention::LostCreation
            | Attention::NoFirm { .. }
            | Attention::NotPersisted { .. } => None,
        }
    }

    fn hint(&self, attention: &Attention) -> Option<String> {
        let hint = match attention {
            Attention::Ambiguous { .. } => {
                "`carnet conflicts` says how to answer; or give it the UID of the contact it is"
            }
            Attention::ConflictCopy { .. } => {
                "`carnet conflicts show` sets the two side by side, and says what to type; nothing of the copy is believed before"
            }
            Attention::LostCreation => {
                "look for it in the CRM; `carnet conflicts` says how to answer. It is not sent again on its own"
            }
            Attention::NoFirm { .. } => {
                "`carnet conflicts` says how to make it, to choose another, or to leave it; until then the company stays \
                 in the books that have it"
            }
            Attention::NotPersisted { .. }
            | Attention::HeldDeletions { .. }
            | Attention::Stopped { .. }
            | Attention::Worded { .. } => return self.todo(attention),
        };
        Some(hint.to_owned())
    }

    fn ping_pong(&self, replica: &str, contact: &str, field: Field, other: &str) -> Said {
        let field = field.name();
        Said::new(
            format!(
                "{field} of contact {contact} goes back and forth between {other} and {replica}; each keeps its own from \
                 now on"
            ),
            "some program rewrites it each time; find it, and say what stands: see `carnet conflicts`",
        )
    }

    fn older_copy(&self, replica: &str, contact: &str, field: Field) -> Said {
        let field = field.name();
        Said::new(
            format!(
                "{field} of contact {contact} is in {replica} what it was before carnet replaced it; it was not taken"
            ),
            "an older copy of the file may have been saved over it; say what stands: see `carnet conflicts`",
        )
    }

    fn stays_there(&self, replica: &str, contacts: u64, named: &[Label]) -> Said {
        let names: Vec<String> = named.iter().map(who).collect();
        let (verb, names) = (stay(contacts), first_of(&names, contacts));
        let hint = "`deletes = \"allow\"` in the settings lets deletions in books delete there too";
        match replica == CRM {
            true => Said::new(format!("{contacts} {verb} in the CRM (crm.deletes = never){names}"), hint),
            false => Said { message: format!("{contacts} {verb} in {replica}, which is only read{names}"), hint: None },
        }
    }

    fn staying(&self, contacts: u64) -> String {
        format!("{contacts} deleted here {} there", stay(contacts))
    }

    fn stays_out(&self, replica: &str, field: Field, contacts: u64, values: &[String]) -> Said {
        let place = if replica == CRM { "the CRM" } else { replica };
        // Several contacts may share a value.
        let (verb, values) = (stay(contacts), first_of(values, contacts));
        Said::new(
            format!("{}: {contacts} {verb} out of {place}{values}", field.name()),
            "its API has no field for it; the mirror and the books that have one keep it",
        )
    }

    fn copy_removed(&self, remote: &str) -> Said {
        Said { message: format!("the copy {remote} is done with and removed"), hint: None }
    }

    fn copy_stays(&self, remote: &str) -> Said {
        Said::new(
            format!("the copy {remote} stays"),
            "it has changed since, or may not be removed; delete it when you like",
        )
    }

    fn trial_ahead(&self) -> Said {
        Said::new(
            "a throwaway contact, \"carnet probe\", is made in the CRM and deleted again: how it updates lists of numbers and \
             addresses is not known yet",
            "`crm.lists` in the settings says it without trying",
        )
    }

    fn firms_renamed(&self, firms: u64, contacts: u64) -> Said {
        let of = counted(contacts, "contact");
        let message = match firms {
            1 => format!("a firm of {of} has another name in the CRM: cards and sheets follow"),
            _ => format!("{firms} firms of {of} have another name in the CRM: cards and sheets follow"),
        };
        Said { message, hint: None }
    }

    fn firms_unread(&self, reason: &str) -> Said {
        Said::new(
            format!("failed to {reason}: firms stay out, and companies are as they were"),
            "contacts are synchronised all the same; `crm.firms = \"off\"` asks for no firms",
        )
    }

    fn firm_made(&self, name: &str, id: Option<&str>) -> Said {
        let message = match id {
            Some(id) => format!("the firm {name} is made, under the id {id}"),
            None => format!("the firm {name} is to be made"),
        };
        Said { message, hint: None }
    }

    fn firm_cards(&self, counts: &FirmCardCounts) -> Said {
        let FirmCardCounts { made, changed, removed, put_back, ahead } = *counts;
        let word = |count: u64, verb: &str| match (count, ahead) {
            (0, _) => None,
            (count, true) => Some(format!("{count} to {verb}")),
            (count, false) => Some(format!("{count} {verb}d")),
        };
        let parts = [word(made, "create"), word(changed, "update"), word(removed, "delete")];
        let message = format!("cards of firms: {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
        let altered = match put_back {
            0 => return Said { message, hint: None },
            1 => "one of them was".to_owned(),
            count => format!("{count} of them were"),
        };
        Said::new(
            format!("{message}; {altered} changed or removed here, which changes no firm"),
            "a firm is changed in the CRM; its card shows what stands there",
        )
    }

    fn applied(&self, Applied { item, effect: done, .. }: &Applied) -> String {
        format!("{} {}: {}", self.item(*item), item, effect(done))
    }

    fn refused(&self, Refused { item, why }: &Refused) -> Said {
        let id = item.to_string();
        let this = format!("{} {id}", self.item(*item));
        match why {
            Why::NotFound => Said::new(format!("find {this}"), "`carnet conflicts` lists them"),
            Why::NoValue => Said::new(
                format!("resolve {this} without --keep"),
                format!("`carnet conflicts show {id}` says what can be kept"),
            ),
            Why::NoConflict => Said::new(
                format!("answer {this} with --keep"),
                format!("`carnet conflicts show {id}` says what can be answered"),
            ),
            Why::Settled => {
                let verb = verb(*item);
                Said::new(format!("{verb} {this}: it does not wait any more"), "`carnet conflicts` lists what waits")
            }
            Why::ContactDeleted => Said::new(
                format!("resolve {this}: its contact is deleted"),
                "`carnet history` names the run that deleted it; `carnet undo` takes that back",
            ),
            Why::UnknownField => Said::new(format!("resolve {this}: a newer carnet wrote it"), "use that carnet"),
            Why::EntryLost => Said::new(
                format!("resolve {this}: an entry of it is in no list of the contact any more"),
                "edit the contact itself: in a book, or in the CRM",
            ),
            Why::Keep { field, keep, refusal } => not_kept(&this, *field, keep, *refusal),
            Why::OtherKind(kind) => {
                let typed = |answer: &Answer| typed_choice(&Choice::Answer(*answer), &[]);
                let flags: Vec<String> = answers(kind).iter().map(typed).collect();
                Said::new(format!("answer {this} that way"), format!("answer with {}", flags.join(" or ")))
            }
            Why::NoCreation => Said::new(format!("answer {this}: no creation waits any more"), "run `carnet sync`"),
            Why::UnreadableCreation => Said::new(format!("read what was sent of {this}"), "answer with --create"),
            Why::NoCandidate { crm_id, reason, candidates } => no_candidate(crm_id, *reason, candidates),
            Why::SameAsDeleted => {
                Said::new(format!("answer {this}: that contact is deleted"), "`carnet undo` takes a deletion back")
            }
            Why::UnknownDecision => {
                Said::new(format!("{} {this}: a newer carnet noted the decision", verb(*item)), "use that carnet")
            }
        }
    }

    fn dropped(&self, refused: &Refused) -> Said {
        let Said { message, hint } = self.refused(refused);
        Said { message: format!("a decision that was noted is forgotten: failed to {message}"), hint }
    }

    fn noted(&self, item: ItemId) -> String {
        format!(
            "{} {}: noted; another carnet is at work, and that run or the next one carries it out",
            self.item(item),
            item
        )
    }

    fn noted_as(&self, typed: &str) -> String {
        format!("noted: {typed}; the next run carries it out")
    }

    fn alters(&self, words: &[String]) -> String {
        books::alters(words)
    }

    fn tried_writing(&self, alters: &[String]) -> String {
        books::tried_writing(alters)
    }

    fn to_sync(&self) -> &'static str {
        "`carnet sync` carries it to the CRM and the books"
    }

    fn meaning(&self, item: &Item, choice: &Choice) -> &'static str {
        meaning(item, choice)
    }

    fn command(&self, typed: &str, others: &[&str]) -> String {
        let others = if others.is_empty() { String::new() } else { format!(" (or {})", others.join(", ")) };
        format!("carnet conflicts resolve {typed}{others}")
    }

    fn it_could_be(&self) -> &'static str {
        "it could be"
    }

    fn candidate(&self, Candidate { name, held, .. }: &Candidate, replica: &str) -> String {
        let name = name.as_deref().unwrap_or("not taken in yet, look at it in the CRM");
        let held = held.as_ref().map_or_else(String::new, |held| format!(", who is {held} of {replica} already"));
        format!("{name}{held}")
    }

    fn item(&self, id: ItemId) -> &'static str {
        match id {
            ItemId::Conflict(_) => "conflict",
            ItemId::Attention(_) => "question",
        }
    }

    fn nameless(&self, contact: i64) -> String {
        format!("contact {contact}")
    }

    fn whole_contact(&self) -> &'static str {
        "whole contact"
    }

    fn kept(&self, kept: &str) -> &'static str {
        match kept {
            "here" => "the mirror's was kept",
            "there" => "the replica's was kept",
            "both" => "both were kept",
            _ => "another value was kept",
        }
    }

    fn guarded(&self, kind: &AttentionKind) -> &'static str {
        match guarded(kind) {
            Some(Guarded::Deletions) => ": deletions are held:",
            Some(Guarded::All) => " is stopped:",
            None => "",
        }
    }

    fn nothing_waits(&self) -> &'static str {
        "nothing waits for you"
    }

    fn unsettled(&self, UnsettledWrite { action, state, error, .. }: &UnsettledWrite, who: &str) -> String {
        let action = match action {
            OutboxAction::Create => "creation",
            OutboxAction::Update => "change",
            OutboxAction::Delete => "deletion",
        };
        let state = match state {
            OutboxState::Sent => "under way, or cut off",
            OutboxState::Unknown => "the answer was lost",
            OutboxState::HeldForReview => "it may or may not have been made",
            OutboxState::Refused => "refused",
        };
        let error = error.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
        format!("{action} of {who}: {state}{error}")
    }

    fn unsettled_todo(&self, write: &UnsettledWrite) -> &'static str {
        match (write.action, write.state) {
            (_, OutboxState::Sent) => "the next `carnet sync` looks what became of it",
            (OutboxAction::Create, OutboxState::Unknown) => {
                "nothing to type: the next runs look for it, and send it again only if it is not there"
            }
            (_, OutboxState::Unknown) => {
                "nothing to type: the next runs look whether it was taken, and send it again if it was not"
            }
            (_, OutboxState::HeldForReview) => "`carnet conflicts` lists it, with what to answer",
            (OutboxAction::Delete, OutboxState::Refused) => {
                "it is tried again once an hour; you can delete it in the CRM itself"
            }
            (_, OutboxState::Refused) => {
                "change the contact; it is sent again once it has changed, and once an hour as it is"
            }
        }
    }

    fn failure(&self, Failure { activity, count, subjects, .. }: &Failure) -> String {
        let shown: Vec<String> = subjects.iter().map(failed_subject).collect();
        let Some(first) = shown.first().filter(|_| *count > 1) else { return shown.concat() };
        let what = match activity {
            Activity::Read => "records could not be read",
            Activity::Write => "contacts could not be written",
        };
        let more = |named: usize| match count.saturating_sub(named as u64) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let names: Vec<String> = subjects.iter().filter_map(|subject| subject.contact.as_ref()).map(who).collect();
        let alike = |one: &FailedSubject| one.place.is_empty() && one.message == subjects[0].message;
        if !names.is_empty() && subjects.iter().all(alike) {
            let (message, more) = (&subjects[0].message, more(names.len()));
            return format!("{count} {what}: failed to {message} ({}{more})", names.join(", "));
        }
        match shown.len() {
            1 => format!("{count} {what}: {first}"),
            named => format!("{count} {what}: {}{}", shown.join("; "), more(named)),
        }
    }

    fn failed_alike(&self, activity: Activity, count: u64) -> String {
        let what = match activity {
            Activity::Read => "could not be read",
            Activity::Write => "could not be written",
        };
        format!("{count} more {what} for the same reason; -v names each")
    }

    fn failed_to_be(&self, activity: Activity) -> &'static str {
        match activity {
            Activity::Read => "unreadable",
            Activity::Write => "unwritten",
        }
    }

    fn problem_todo(&self) -> &'static str {
        "nothing to type: each run tries again, and this goes once one succeeds"
    }

    fn error_hint(&self, error: &SyncError) -> Option<String> {
        match error {
            SyncError::OtherAccount { .. } => Some(OTHER_ACCOUNT.to_owned()),
            _ => None,
        }
    }
}

fn stay(count: u64) -> &'static str {
    if count == 1 { "stays" } else { "stay" }
}

/// ": a, b ..." behind a number of which these are the first.
fn first_of(named: &[String], count: u64) -> String {
    let more = if (named.len() as u64) < count { " ..." } else { "" };
    if named.is_empty() { String::new() } else { format!(": {}{more}", named.join(", ")) }
}

/// One that failed, and how.
fn failed_subject(FailedSubject { place, contact, message }: &FailedSubject) -> String {
    match contact {
        Some(contact) => format!("{}: failed to {message}", who(contact)),
        None if place.is_empty() => format!("failed to {message}"),
        None => format!("{place}: {message}"),
    }
}

fn conflict_copy(record: &str, of: &str, beyond: &[Field]) -> String {
    let names: Vec<&str> = beyond.iter().map(|field| field.name()).collect();
    let says = match names.is_empty() {
        true => "it says nothing beyond the card".to_owned(),
        false => format!("it says otherwise, or more, in {}", names.join(", ")),
    };
    format!("{record} is a copy of {of} that a sync program made when two machines changed it; {says}")
}

fn ambiguous(record: &str, candidates: usize, reason: &Ambiguity) -> String {
    let reason = match reason {
        Ambiguity::Several if candidates == 1 => "could be a known contact".to_owned(),
        Ambiguity::Several => format!("could be {candidates} known contacts"),
        Ambiguity::CopyOf { record } => format!("looks like a copy of {record}"),
        Ambiguity::ForeignId => "carries the CRM id of a contact with which it has nothing in common".to_owned(),
        Ambiguity::CopyOfDeleted => "was a copy of a contact that is deleted".to_owned(),
        Ambiguity::OneIsCompany => {
            "has the telephone or e-mail address of a contact, and one of the two is a company".to_owned()
        }
        Ambiguity::OtherGeneration => "has the name of a contact, and another birthday or generation".to_owned(),
        Ambiguity::OtherMailbox => {
            "has the name and the landline of a contact, and an e-mail address of its own".to_owned()
        }
        Ambiguity::Namesake => "has the name of a contact and nothing else in common with it".to_owned(),
    };
    format!("{record} {reason}; it was left alone")
}

fn verb(item: ItemId) -> &'static str {
    match item {
        ItemId::Conflict(_) => "resolve",
        ItemId::Attention(_) => "answer",
    }
}
