//! The messages to the letter: users read them, and scripts of theirs may too.

use super::*;
use crate::{
    contact::Keep,
    sync::{Ambiguity, Effect, NoCandidate, Refusal, StopReason, Why, answers, keep_choices},
    views::status::{OutboxAction, OutboxState},
};

fn english() -> &'static dyn Messages {
    Language::English.messages()
}

/// What is said of a record "r" of the book "book".
fn check(attention: &Attention, text: &str, hint: &str) {
    let Said { message, hint: found } = english().raised("book", "r", attention);
    assert_eq!((message.as_str(), found.unwrap_or_default().as_str()), (text, hint), "{attention:?}");
}

#[test]
fn a_record_that_could_be_somebody_is_described() {
    let check = |reason: Ambiguity, text: &str| {
        let hint = "`carnet conflicts` says how to answer; or give it the UID of the contact it is";
        let attention = Attention::Ambiguous { candidates: vec![3, 4], reason };
        check(&attention, text, hint);
        assert_eq!(english().todo(&attention), None, "it is answered");
    };
    check(Ambiguity::Several, "r could be 2 known contacts; it was left alone");
    check(Ambiguity::CopyOf { record: "a.vcf".into() }, "r looks like a copy of a.vcf; it was left alone");
    let text = "r carries the CRM id of a contact with which it has nothing in common; it was left alone";
    check(Ambiguity::ForeignId, text);
    let text = "r has the name of a contact and nothing else in common with it; it was left alone";
    check(Ambiguity::Namesake, text);
    check(Ambiguity::CopyOfDeleted, "r was a copy of a contact that is deleted; it was left alone");
}

#[test]
fn what_the_crm_did_not_answer_or_keep_is_described() {
    check(
        &Attention::LostCreation,
        "contact r may or may not have been created in the CRM: its answer was lost",
        "look for it in the CRM; `carnet conflicts` says how to answer. It is not sent again on its own",
    );
    let fields = vec![Field::JobTitle, Field::Items];
    let text = "the CRM does not show job_title, contact_items of contact r as the mirror has it";
    check(&Attention::NotPersisted { fields, tried: Vec::new() }, text, "");
}

#[test]
fn what_a_books_server_makes_of_cards_is_described() {
    let check = |words: &[&str], expected: &str| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(english().tried_writing(&words), expected);
    };
    let done = "a throwaway card was made, read back, changed and removed";
    check(&[], &format!("{done}; the server keeps what it is sent"));
    let altered = format!("{done}; the server does not keep as sent: PHOTO, company; carnet does");
    check(&["PHOTO", "company"], &altered);
}

#[test]
fn guards_say_what_was_seen_and_what_to_type() {
    let force = "look at it first; if this is meant, run `carnet sync --force`";
    let stopped = |reason: StopReason, text: &str, hint: &str| check(&Attention::Stopped { reason }, text, hint);
    stopped(StopReason::Emptied { known: 9 }, "book is empty, and held 9 contacts before", force);
    let edits = StopReason::MassEdit { edited: 30, known: 40 };
    stopped(edits, "30 of 40 contacts of book changed at once", force);
    check(
        &Attention::HeldDeletions { missing: 30, known: 100, allowed: 10 },
        "30 of 100 contacts are missing from book; 10 may go without a word",
        "nothing was deleted; if this is meant, run `carnet sync --max-delete 30`",
    );
    stopped(
        StopReason::ListingLeavesOut { count: 4 },
        "the CRM's listing leaves out 4 contacts that the books know by their CRM id; nothing is written there",
        "if the listing was not whole, run it again; `carnet sync --max-delete 4` asks for each by its id",
    );
    stopped(
        StopReason::OtherAccount { mirror: "a".into(), settings: "b".into() },
        "this mirror is a copy of a, and the settings name b",
        "use another mirror.path for another account; if it is the same one, run `carnet sync --force`",
    );
    let (path, marker) = (|| "/b".to_owned(), || "/b/.carnet-book".to_owned());
    let mounted = "is its disk mounted? if the folder is the right one, `touch /b/.carnet-book` and run again";
    let reason = StopReason::NoFolder { path: path(), marker: marker() };
    stopped(reason, "book has no folder at /b", mounted);
    let reason = StopReason::NoMarker { path: path(), marker: marker() };
    stopped(reason, "book has no marker file at /b", mounted);
    let reason = StopReason::MarkerWentAway { path: path(), marker: marker() };
    stopped(reason, "book has lost its marker file at /b", mounted);
    let anew = "is its disk mounted? if the book is to start anew, make an empty file there";
    stopped(StopReason::NoFile { path: path() }, "the file of book is missing: /b", anew);
}

#[test]
fn an_error_and_what_it_leaves_waiting_say_the_same() {
    let error = SyncError::OtherAccount { mirror: "a".into(), settings: "b".into() };
    let reason = StopReason::OtherAccount { mirror: "a".into(), settings: "b".into() };
    let attention = Attention::Stopped { reason };
    assert_eq!(error.whole(), format!("failed to go on: {}", english().attention("crm", "", &attention)));
    assert_eq!(english().what_to_do(&error), english().todo(&attention));
    assert_eq!(error.exit_code(), 7);
}

#[test]
fn what_a_newer_carnet_raised_is_shown_as_it_is() {
    let kind = AttentionKind::Other("quota".into());
    let words = Attention::Worded { kind, text: "{\"left\":5}".into(), todo: None, candidates: Vec::new() };
    check(&words, "{\"left\":5}", "");
}

#[test]
fn every_kind_of_question_can_be_answered() {
    let check = |kind: AttentionKind, candidates: &[Candidate], expected: &[&str]| {
        let typed = |answer: &Answer| typed_choice(&Choice::Answer(*answer), candidates);
        assert_eq!(answers(&kind).iter().map(typed).collect::<Vec<_>>(), expected, "{kind:?}");
    };
    let one = Candidate { id: "1042".into(), name: None, held: None };
    check(AttentionKind::LostCreation, &[], &["--adopt CRM_ID", "--create"]);
    check(AttentionKind::Ambiguous, &[], &["--same-as CONTACT", "--new"]);
    check(AttentionKind::Ambiguous, std::slice::from_ref(&one), &["--same-as 1042", "--new"]);
    check(AttentionKind::Ambiguous, &[one.clone(), one], &["--same-as CONTACT", "--new"]);
    check(AttentionKind::NotPersisted, &[], &["--send-again", "--keep crm", "--dismiss"]);
    check(AttentionKind::Other("a later carnet's".into()), &[], &["--dismiss"]);
}

#[test]
fn what_can_be_typed_depends_on_the_field() {
    let typed = |field| keep_choices(field).into_iter().map(typed_keep).collect::<Vec<_>>();
    assert_eq!(typed(Some(Field::JobTitle)), ["crm", "book", "job_title=VALUE"]);
    assert_eq!(typed(Some(Field::Comment)), ["crm", "book", "both", "comment=VALUE"]);
    assert_eq!(typed(Some(Field::Items)), ["crm", "book", "both"]);
    assert_eq!(typed(None), ["book", "crm"]);
}

#[test]
fn a_decision_says_what_it_has_led_to() {
    let check = |item: ItemId, effect: Effect, expected: &str| {
        assert_eq!(english().applied(&Applied { item, effect, to_sync: true }), expected);
    };
    let (conflict, question) = (ItemId::Conflict(3), ItemId::Attention(7));
    let scalar = |value: &str| Effect::Scalar { field: Field::JobTitle, value: value.into() };
    check(conflict, scalar("CEO"), "conflict 3: job_title is \"CEO\"");
    check(conflict, scalar(""), "conflict 3: job_title is nothing");
    let list = Effect::List { field: Field::Items, entries: String::new() };
    check(conflict, list, "conflict 3: contact_items is \"\"");
    check(conflict, Effect::Deleted, "conflict 3: the contact is deleted here, and kept whole in the history");
    let again = "conflict 3: the contact stays, and is created in the CRM again";
    check(conflict, Effect::Stays { created_again: true }, again);
    check(conflict, Effect::Stays { created_again: false }, "conflict 3: the contact stays");
    check(question, Effect::Adopted { crm_id: "1051".into() }, "question q7: the contact is 1051 of the CRM");
    check(question, Effect::Dismissed, "question q7: dismissed");
    let same = |held: Option<&str>| Effect::SameAs {
        remote: "x.vcf".into(),
        name: "Ada Durand".into(),
        held: held.map(str::to_owned),
    };
    check(question, same(None), "question q7: x.vcf is Ada Durand");
    let copy = "question q7: x.vcf is Ada Durand, as a.vcf is: what it says beyond that is taken, and the record itself is \
                left alone; delete it when you like";
    check(question, same(Some("a.vcf")), copy);
}

#[test]
fn a_refused_decision_says_why_and_what_to_type() {
    let check = |item: ItemId, why: Why, message: &str, hint: &str| {
        assert_eq!(english().refused(&Refused { item, why }), Said::new(message, hint));
    };
    let (conflict, question) = (ItemId::Conflict(3), ItemId::Attention(7));
    check(conflict, Why::NotFound, "find conflict 3", "`carnet conflicts` lists them");
    check(question, Why::NotFound, "find question q7", "`carnet conflicts` lists them");
    let shown = "`carnet conflicts show 3` says what can be kept";
    check(conflict, Why::NoValue, "resolve conflict 3 without --keep", shown);
    let shown = "`carnet conflicts show q7` says what can be answered";
    check(question, Why::NoConflict, "answer question q7 with --keep", shown);
    let settled = "answer question q7: it does not wait any more";
    check(question, Why::Settled, settled, "`carnet conflicts` lists what waits");
    let other = Why::OtherKind(AttentionKind::LostCreation);
    check(question, other, "answer question q7 that way", "answer with --adopt CRM_ID or --create");
    let keep =
        |field: Option<Field>, typed: &str, refusal| Why::Keep { field, keep: Keep::parse(typed).unwrap(), refusal };
    let title = Some(Field::JobTitle);
    let one_of = "--keep takes one of: crm, book, job_title=VALUE";
    check(conflict, keep(title, "both", Refusal::OneOnly), "keep both: there is one job_title only", one_of);
    let other = "set comment: conflict 3 is about job_title";
    check(conflict, keep(title, "comment=a", Refusal::OtherField), other, one_of);
    let whole = "set comment: the whole contact is in question";
    check(conflict, keep(None, "comment=a", Refusal::OneOnly), whole, "--keep takes one of: book, crm");
    let code = "set civility_label_id: there is no such value";
    check(conflict, keep(Some(Field::Civility), "crm", Refusal::Code), code, "one of mr, madam, miss");
    let adopt = |reason, candidates: &[&str]| Why::NoCandidate {
        crm_id: "9".into(),
        reason,
        candidates: candidates.iter().map(|id| (*id).to_owned()).collect(),
    };
    let older = "adopt 9: the CRM had it before this contact was sent";
    let hint = "type --adopt with one of 10, 11, or --create if it is none of them";
    check(question, adopt(NoCandidate::Older, &["10", "11"]), older, hint);
    let hint = "nothing new is in the CRM: type --create, and it is sent again";
    check(question, adopt(NoCandidate::Unlisted, &[]), "adopt 9: the CRM's last listing does not show it", hint);
}

#[test]
fn a_lost_write_says_the_servers_words() {
    let write = UnsettledWrite {
        action: OutboxAction::Update,
        state: OutboxState::Refused,
        sent_at: String::new(),
        error: Some("last name is too long".into()),
        contact: crate::sync::events::Label::default(),
    };
    assert_eq!(english().unsettled(&write, "Ada"), "change of Ada: refused (last name is too long)");
}
