//! What can be decided about what waits, and what a decision has led to.

use crate::{
    sync::{Answer, Effect},
    views::attention::{Choice, Item, KeepChoice, Subject},
};

/// What a decision has led to.
pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Scalar { field, value } if value.is_empty() => format!("{} is nothing", field.name()),
        Effect::Scalar { field, value } => format!("{} is \"{value}\"", field.name()),
        Effect::List { field, entries } => format!("{} is \"{entries}\"", field.name()),
        Effect::ThereAgain => "the contact is in the CRM again; nothing is left to decide".to_owned(),
        Effect::Deleted => "the contact is deleted here, and kept whole in the history".to_owned(),
        Effect::Stays { created_again: true } => "the contact stays, and is created in the CRM again".to_owned(),
        Effect::Stays { created_again: false } => "the contact stays".to_owned(),
        Effect::SentAgain => "it is sent to the CRM again".to_owned(),
        Effect::NothingSent => "the contact is deleted here: nothing is sent".to_owned(),
        Effect::Adopted { crm_id } => format!("the contact is {crm_id} of the CRM"),
        Effect::SameAs { remote, name, held: None } => format!("{remote} is {name}"),
        Effect::SameAs { remote, name, held: Some(held) } => format!(
            "{remote} is {name}, as {held} is: what it says beyond that is taken, and the record itself is left alone; \
             delete it when you like"
        ),
        Effect::CopyTaken { remote, name } => format!(
            "what {remote} says beyond {name} is taken; where the two differ, the card's stands and the copy's is kept among \
             the conflicts. The next run then removes the copy, if nobody has changed it"
        ),
        Effect::CopyDropped { remote } => {
            format!("nothing of {remote} is taken; the next run removes it, if nobody has changed it")
        }
        Effect::New { remote } => format!("{remote} becomes a contact of its own"),
        Effect::ChangeSentAgain => "the next run sends it to the CRM again".to_owned(),
        Effect::AsThere { fields } => {
            let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
            format!("{} as in the CRM", names.join(", "))
        }
        Effect::FirmWanted { name } => format!("the next run makes the firm {name}"),
        Effect::FirmChosen { name, contacts } => format!("{contacts} belong to the firm {name}"),
        Effect::Dismissed => "dismissed".to_owned(),
    }
}

/// What choosing this means.
pub fn meaning(item: &Item, choice: &Choice) -> &'static str {
    let whole = matches!(&item.subject, Subject::Conflict { field: None, .. });
    let is_copy = item.is_conflict_copy();
    match (choice, whole, item.is_with_crm()) {
        (Choice::Keep(KeepChoice::Crm), true, true) => "it is deleted here, as in the CRM",
        (Choice::Keep(KeepChoice::Book), true, true) => "it stays, and is created in the CRM again",
        (Choice::Keep(KeepChoice::Crm), true, false) => "it stays",
        (Choice::Keep(KeepChoice::Book), true, false) => "it is deleted here, as in the book",
        (Choice::Keep(KeepChoice::Both), _, _) => "both",
        (Choice::Keep(KeepChoice::Crm), false, true) => "the CRM's",
        (Choice::Keep(KeepChoice::Book), false, true) => "the mirror's",
        (Choice::Keep(KeepChoice::Crm), false, false) => "the mirror's, for the CRM too",
        (Choice::Keep(KeepChoice::Book), false, false) => "this book's",
        (Choice::Keep(KeepChoice::Value(_)), _, _) => "a value of your own",
        (Choice::Answer(Answer::Adopt), _, _) if item.is_company() => "it is the CRM's firm of this id: `carnet firms`",
        (Choice::Answer(Answer::Create), _, _) if item.is_company() => "the next sync makes this firm in the CRM",
        (Choice::Answer(Answer::Dismiss), _, _) if item.is_company() => "it stays in the books alone",
        (Choice::Answer(Answer::Adopt), _, _) => "the CRM's contact of this id is it",
        (Choice::Answer(Answer::Create), _, _) => "it was not made: send it again",
        (Choice::Answer(Answer::SameAs), _, _) if is_copy => {
            "what it says beyond the card is taken, the card's stands where they differ; the copy is removed"
        }
        (Choice::Answer(Answer::Dismiss), _, _) if is_copy => "nothing of it is taken; the copy is removed",
        (Choice::Answer(Answer::SameAs), _, _) => "the record is this contact",
        (Choice::Answer(Answer::New), _, _) => "it is somebody else, a contact of its own",
        (Choice::Answer(Answer::SendAgain), _, _) => "what the mirror has is sent again",
        (Choice::Answer(Answer::KeepCrm), _, _) => "the CRM's, for the mirror and the books too",
        (Choice::Answer(Answer::Dismiss), _, _) => "it is seen; nothing is done",
    }
}
