//! Why a decision is not carried out, where it takes more than a sentence.

use crate::{
    cli::messages::{Said, typed_keep},
    contact::{ContactType, Field, Keep},
    sync::{NoCandidate, Refusal, keep_choices},
};

/// The CRM's contact of this id cannot be the one that was created.
pub fn no_candidate(crm_id: &str, reason: NoCandidate, candidates: &[String]) -> Said {
    let why = match reason {
        NoCandidate::Older => "the CRM had it before this contact was sent",
        NoCandidate::Known => "it is another contact of the mirror's already",
        NoCandidate::Unlisted => "the CRM's last listing does not show it",
        NoCandidate::NoFirm => "the CRM has no firm of this id, or it has no name",
    };
    let hint = match candidates {
        _ if reason == NoCandidate::NoFirm => "`carnet firms` lists them; --create makes a new one".to_owned(),
        [] => "nothing new is in the CRM: type --create, and it is sent again".to_owned(),
        ids => format!("type --adopt with one of {}, or --create if it is none of them", ids.join(", ")),
    };
    Said::new(format!("adopt {crm_id}: {why}"), hint)
}

/// This cannot be kept of a conflict.
pub fn not_kept(this: &str, field: Option<Field>, keep: &Keep, refusal: Refusal) -> Said {
    let name = field.map_or("the contact", Field::name);
    let typed = match keep {
        Keep::Value { field, .. } => field.as_str(),
        Keep::Crm => "crm",
        Keep::Book => "book",
        Keep::Both => "both",
    };
    let message = match refusal {
        Refusal::OneOnly if matches!(keep, Keep::Value { .. }) => {
            format!("set {typed}: the whole contact is in question")
        }
        Refusal::OneOnly => format!("keep both: there is one {name} only"),
        Refusal::OtherField => format!("set {typed}: {this} is about {name}"),
        Refusal::List => format!("set {name}: it is a list"),
        Refusal::Code => format!("set {name}: there is no such value"),
        Refusal::Digits => format!("set {name}: it is the digits of a CRM id"),
    };
    let hint = match (refusal, field) {
        (Refusal::Code, Some(Field::ContactType)) => known_types(),
        (Refusal::Code, _) => "one of mr, madam, miss".to_owned(),
        _ => {
            let choices: Vec<String> = keep_choices(field).into_iter().map(typed_keep).collect();
            format!("--keep takes one of: {}", choices.join(", "))
        }
    };
    Said::new(message, hint)
}

fn known_types() -> String {
    let words = [
        ContactType::Client,
        ContactType::Prospect,
        ContactType::Supplier,
        ContactType::Press,
        ContactType::Partner,
        ContactType::Staff,
        ContactType::Personal,
        ContactType::Other,
    ];
    let words: Vec<&str> = words.iter().map(ContactType::word).collect();
    format!("one of {}", words.join(", "))
}
