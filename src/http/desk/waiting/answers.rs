//! What can be answered on a card, and what a form says of it. Pure but for looking up whoever was typed.

use crate::{
    contact::{Civility, ContactType, Field, Keep},
    http::desk::{
        figures::{civility, contact_type},
        form::Form,
        words::{Words, fill},
    },
    sync::{Answer, Candidate, Decision, ItemId},
    views::{
        MirrorError, Reader,
        attention::{Choice, Item, KeepChoice, Subject},
        contacts::{Meant, meant},
        firms::firms,
    },
};

/// The answer that keeps the CRM's.
const KEEP_CRM: &str = "crm";

/// A button that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::desk) struct Button {
    pub value: String,
    pub label: String,
}

/// An answer that is typed or chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::desk) struct Typed {
    /// What the form says that it is: `value`, `contact`, `firm`.
    pub kind: &'static str,
    pub label: &'static str,
    pub button: &'static str,
    /// What stands there at first.
    pub text: String,
    /// Several lines.
    pub is_long: bool,
    /// Where one of a few codes is chosen.
    pub options: Vec<Choosable>,
}

/// One of a few codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::desk) struct Choosable {
    pub code: String,
    pub label: &'static str,
    pub is_chosen: bool,
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http::desk) enum NoAnswer {
    Nobody,
    Several,
    Other,
}

fn candidates(item: &Item) -> &[Candidate] {
    match &item.subject {
        Subject::Attention { candidates, .. } => candidates,
        Subject::Conflict { .. } => &[],
    }
}

/// The buttons of an item, what is most likely first.
pub(super) fn buttons(words: &Words, item: &Item) -> Vec<Button> {
    item.choices().iter().flat_map(|choice| of_choice(words, item, choice)).collect()
}

fn of_choice(words: &Words, item: &Item, choice: &Choice) -> Vec<Button> {
    let one = |value: &str, label: String| vec![Button { value: value.to_owned(), label }];
    let said = |value: &str, label: &str| one(value, label.to_owned());
    let is_whole = matches!(&item.subject, Subject::Conflict { field: None, .. });
    match choice {
        Choice::Keep(KeepChoice::Crm) if is_whole && item.is_with_crm() => said(KEEP_CRM, words.delete_everywhere),
        Choice::Keep(KeepChoice::Book) if is_whole && item.is_with_crm() => said("book", words.keep_and_create),
        Choice::Keep(KeepChoice::Crm) if is_whole => said(KEEP_CRM, words.keep_contact),
        Choice::Keep(KeepChoice::Book) if is_whole => said("book", words.delete_everywhere),
        Choice::Keep(KeepChoice::Crm) => said(KEEP_CRM, words.keep_crm),
        Choice::Keep(KeepChoice::Book) if item.is_with_crm() => said("book", words.keep_books),
        Choice::Keep(KeepChoice::Book) => said("book", words.keep_book),
        Choice::Keep(KeepChoice::Both) => said("both", words.keep_both),
        Choice::Keep(KeepChoice::Value(_)) => Vec::new(),
        Choice::Answer(Answer::Adopt) if item.is_company() => Vec::new(),
        Choice::Answer(Answer::Adopt) => each(words, item, "adopt"),
        Choice::Answer(Answer::SameAs) if item.is_conflict_copy() => {
            candidates(item).iter().take(1).flat_map(|one| said(&format!("same:{}", one.id), words.take_copy)).collect()
        }
        Choice::Answer(Answer::SameAs) => each(words, item, "same"),
        Choice::Answer(Answer::Create) if item.is_company() => said("create", words.make_firm),
        Choice::Answer(Answer::Create) => said("create", words.not_created),
        Choice::Answer(Answer::New) => said("new", words.somebody_else),
        Choice::Answer(Answer::SendAgain) => said("again", words.send_again),
        Choice::Answer(Answer::KeepCrm) => said(KEEP_CRM, words.take_the_crms),
        Choice::Answer(Answer::Dismiss) if item.is_company() => said("dismiss", words.leave_company),
        Choice::Answer(Answer::Dismiss) if item.is_conflict_copy() => said("dismiss", words.drop_copy),
        Choice::Answer(Answer::Dismiss) => said("dismiss", words.seen),
    }
}

/// A button for each contact that it could be.
fn each(words: &Words, item: &Item, verb: &str) -> Vec<Button> {
    let button = |candidate: &Candidate| {
        let has_number = candidate.id.bytes().all(|byte| byte.is_ascii_digit());
        let sentence = match (&candidate.name, has_number) {
            (None, _) => words.is_numbered,
            (Some(_), true) => words.is_this_one_id,
            (Some(_), false) => words.is_this_one,
        };
        let name = candidate.name.as_deref().unwrap_or_default();
        let label = fill(sentence, &[("name", name), ("id", &candidate.id)]);
        Button { value: format!("{verb}:{}", candidate.id), label }
    };
    candidates(item).iter().map(button).collect()
}

/// The answer that is typed or chosen, where there is one. `stands` is the mirror's value.
pub(super) fn typed(words: &Words, item: &Item, stands: &str) -> Option<Typed> {
    let plain = |kind, label, button, text: &str| Typed {
        kind,
        label,
        button,
        text: text.to_owned(),
        is_long: false,
        options: Vec::new(),
    };
    let choice = item.choices().into_iter().find_map(|choice| match choice {
        Choice::Keep(KeepChoice::Value(field)) => Some(of_value(words, field, stands)),
        Choice::Answer(Answer::Adopt) if item.is_company() => {
            Some(plain("firm", words.firm_name_or_number, words.is_that_firm, ""))
        }
        Choice::Answer(Answer::SameAs) if !item.is_conflict_copy() => {
            Some(plain("contact", words.contact_name_or_mail, words.somebody_known, ""))
        }
        Choice::Keep(_) | Choice::Answer(_) => None,
    })?;
    Some(choice)
}

fn of_value(words: &Words, field: Field, stands: &str) -> Typed {
    let option = |code: &str, label: Option<&'static str>| {
        let is_chosen = code == stands;
        label.map(|label| Choosable { code: code.to_owned(), label, is_chosen })
    };
    let options: Vec<Choosable> = match field {
        Field::Civility => Civility::LISTED.iter().filter_map(|one| option(one.code(), civility(words, one))).collect(),
        Field::ContactType => {
            ContactType::LISTED.iter().filter_map(|one| option(one.code(), contact_type(words, one))).collect()
        }
        _ => Vec::new(),
    };
    let (label, button) = match options.is_empty() {
        true => (words.type_another, words.keep_typed),
        false => (words.choose_another, words.keep_chosen),
    };
    Typed { kind: "value", label, button, text: stands.to_owned(), is_long: field == Field::Comment, options }
}

/// The value of the button that makes this decision.
pub(super) fn value_of(decision: &Decision) -> String {
    match decision {
        Decision::Keep { keep: Keep::Crm } => KEEP_CRM.to_owned(),
        Decision::Keep { keep: Keep::Book } => "book".to_owned(),
        Decision::Keep { keep: Keep::Both } => "both".to_owned(),
        Decision::Keep { keep: Keep::Value { .. } } => "value".to_owned(),
        Decision::Adopt { crm_id } => format!("adopt:{crm_id}"),
        Decision::Create => "create".to_owned(),
        // A contact is named by what people see of it, and here by its row.
        Decision::SameAs { .. } => "same".to_owned(),
        Decision::New => "new".to_owned(),
        Decision::SendAgain => "again".to_owned(),
        Decision::Dismiss => "dismiss".to_owned(),
    }
}

/// The item that a form is about.
pub(in crate::http::desk) fn item_id(text: &str) -> Option<ItemId> {
    let (digits, of) = match text.strip_prefix('q') {
        Some(digits) => (digits, ItemId::Attention as fn(i64) -> ItemId),
        None => (text, ItemId::Conflict as fn(i64) -> ItemId),
    };
    digits.parse().ok().filter(|id| *id > 0).map(of)
}

/// The decision that a form says.
pub(super) fn decision(reader: &Reader, item: &Item, form: &Form) -> Result<Result<Decision, NoAnswer>, MirrorError> {
    let (answer, typed) = (form.get("answer"), form.get("typed"));
    let keep = |keep| Ok(Ok(Decision::Keep { keep }));
    match answer.split_once(':').unwrap_or((answer, "")) {
        (KEEP_CRM, "") => keep(Keep::Crm),
        ("book", "") => keep(Keep::Book),
        ("both", "") => keep(Keep::Both),
        ("value", "") => match item.field() {
            // A browser sends lines of a text as mail does.
            Some(field) => keep(Keep::Value { field: field.name().to_owned(), value: typed.replace("\r\n", "\n") }),
            None => Ok(Err(NoAnswer::Other)),
        },
        ("adopt", id) => Ok(Ok(Decision::Adopt { crm_id: id.to_owned() })),
        ("firm", "") => Ok(firm(reader, typed)?.map(|crm_id| Decision::Adopt { crm_id })),
        ("create", "") => Ok(Ok(Decision::Create)),
        ("same", id) if !id.is_empty() => same_as(reader, id),
        ("contact", "") => same_as(reader, typed),
        ("new", "") => Ok(Ok(Decision::New)),
        ("again", "") => Ok(Ok(Decision::SendAgain)),
        ("dismiss", "") => Ok(Ok(Decision::Dismiss)),
        _ => Ok(Err(NoAnswer::Other)),
    }
}

fn same_as(reader: &Reader, text: &str) -> Result<Result<Decision, NoAnswer>, MirrorError> {
    Ok(match meant(reader, text)? {
        Meant::One(stored) => Ok(Decision::SameAs { contact: stored.id }),
        Meant::Nobody => Err(NoAnswer::Nobody),
        Meant::Several(_) => Err(NoAnswer::Several),
    })
}

/// The firm's id, by its id or its whole name.
fn firm(reader: &Reader, text: &str) -> Result<Result<String, NoAnswer>, MirrorError> {
    let text = text.trim();
    let found = firms(reader, text)?;
    let named: Vec<_> = found.iter().filter(|firm| firm.name.eq_ignore_ascii_case(text)).collect();
    Ok(match (named.as_slice(), found.as_slice()) {
        _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(text.to_owned()),
        _ if text.is_empty() => Err(NoAnswer::Nobody),
        ([one], _) => Ok(one.id.clone()),
        ([], [one]) => Ok(one.id.clone()),
        ([], []) => Err(NoAnswer::Nobody),
        _ => Err(NoAnswer::Several),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::Contact,
        http::desk::words::Language,
        mirror::Mirror,
        sync::{Attention, AttentionKind},
        views::State,
    };

    fn item(subject: Subject) -> Item {
        let (id, replica, since) = (ItemId::Conflict(1), "cards".to_owned(), String::new());
        Item { id, run: 1, replica, contact: None, since, state: State::Open, subject, noted: None }
    }

    fn conflict(field: Option<&str>) -> Item {
        let (field, kept) = (field.map(str::to_owned), "open".to_owned());
        item(Subject::Conflict { contact: 1, field, base: None, here: None, there: None, kept })
    }

    fn reader() -> Reader {
        let mut mirror = Mirror::in_memory().unwrap();
        for name in ["Durand", "Petit", "Petit"] {
            let contact = Contact { last_name: name.into(), ..Contact::default() };
            mirror
                .insert_contact(&format!("{name}-{}", mirror.count_contacts().unwrap()), &contact, "crm", 1, "")
                .unwrap();
        }
        mirror.into()
    }

    #[test]
    fn what_a_form_says_is_a_decision_or_none() {
        let reader = reader();
        let check = |sent: &str, expected: Result<Decision, NoAnswer>| {
            let found = decision(&reader, &conflict(Some("comment")), &Form::parse(sent.as_bytes())).unwrap();
            assert_eq!(found, expected, "{sent}");
        };
        let keep = |keep| Ok(Decision::Keep { keep });
        check("answer=crm", keep(Keep::Crm));
        check("answer=both&typed=x", keep(Keep::Both));
        check("answer=value&typed=a%0D%0Ab", keep(Keep::Value { field: "comment".into(), value: "a\nb".into() }));
        check("answer=adopt%3A1051", Ok(Decision::Adopt { crm_id: "1051".into() }));
        check("answer=same%3ADurand-0", Ok(Decision::SameAs { contact: 1 }));
        check("answer=contact&typed=durand", Ok(Decision::SameAs { contact: 1 }));
        check("answer=contact&typed=petit", Err(NoAnswer::Several));
        check("answer=contact&typed=zoe", Err(NoAnswer::Nobody));
        check("answer=firm&typed=none", Err(NoAnswer::Nobody));
        check("answer=firm&typed=42", Ok(Decision::Adopt { crm_id: "42".into() }));
        for nonsense in ["answer=", "", "answer=crm:x", "answer=same", "answer=same:", "answer=drop"] {
            check(nonsense, Err(NoAnswer::Other));
        }
    }

    #[test]
    fn numbers_of_items_are_as_the_command_line_has_them() {
        let check = |text: &str, expected: Option<ItemId>| assert_eq!(item_id(text), expected, "{text}");
        check("3", Some(ItemId::Conflict(3)));
        check("q7", Some(ItemId::Attention(7)));
        for nonsense in ["", "q", "0", "q0", "-1", "Q7", "h3"] {
            check(nonsense, None);
        }
    }

    #[test]
    fn every_choice_of_every_kind_has_a_way_to_take_it() {
        let values = |item: &Item| buttons(Language::English.words(), item).into_iter().map(|one| one.value).collect();
        let check = |item: Item, expected: &[&str], kind: Option<&str>| {
            let found: Vec<String> = values(&item);
            assert_eq!(found, expected);
            assert_eq!(typed(Language::English.words(), &item, "").map(|typed| typed.kind), kind);
        };
        check(conflict(Some("job_title")), &["crm", "book"], Some("value"));
        check(conflict(Some("comment")), &["crm", "book", "both"], Some("value"));
        check(conflict(Some("contact_items")), &["crm", "book", "both"], None);
        check(conflict(None), &["book", "crm"], None);
        let question = |attention: Attention| {
            let candidate = |id: &str| Candidate { id: id.to_owned(), name: Some("Ada".to_owned()), held: None };
            let (remote, candidates) = ("x".to_owned(), vec![candidate("1051"), candidate("ada-1")]);
            item(Subject::Attention { remote, attention, candidates })
        };
        check(question(Attention::LostCreation), &["adopt:1051", "adopt:ada-1", "create"], None);
        check(question(Attention::NoFirm { contacts: 2 }), &["create", "dismiss"], Some("firm"));
        let (kind, text) = (AttentionKind::Ambiguous, String::new());
        let ambiguous = Attention::Worded { kind, text, todo: None, candidates: Vec::new() };
        check(question(ambiguous), &["same:1051", "same:ada-1", "new"], Some("contact"));
        let not_taken = Attention::NotPersisted { fields: Vec::new(), tried: Vec::new() };
        check(question(not_taken), &["again", "crm", "dismiss"], None);
    }

    #[test]
    fn codes_are_chosen_and_the_one_that_stands_is_the_first_to_see() {
        let chosen = of_value(Language::French.words(), Field::ContactType, "press");
        let labels: Vec<&str> = chosen.options.iter().filter(|one| one.is_chosen).map(|one| one.label).collect();
        assert_eq!((labels, chosen.options.len()), (vec!["Presse"], 8));
        assert!(of_value(Language::French.words(), Field::Comment, "x").is_long);
    }
}
