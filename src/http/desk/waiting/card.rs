//! One matter as a card: what it is about, what each side says, what can be answered, what was answered. Pure: the item and its
//! rows are read elsewhere.

use super::answers::{self, Button, Typed};
use crate::{
    contact::{Contact, Field, Keep},
    http::desk::{
        figures::{field_name, named_field, value},
        people::members,
        words::{Language, Words, fill},
    },
    sync::{Ambiguity, Attention, Decision, StopReason},
    views::{
        State,
        attention::{Item, Subject},
        comparison::{Lineup, Row},
    },
};

/// Letters of a value on a button.
const VALUE_SHOWN_MAX: usize = 40;

/// A matter.
pub(in crate::http::desk) struct Card {
    /// The number: `3`, `q7`.
    pub id: String,
    pub title: String,
    pub sentence: String,
    /// What to do, where no answer here does it.
    pub todo: String,
    pub since: String,
    /// The heads of the columns: before, CRM, book.
    pub heads: [String; 3],
    pub lines: Vec<Line>,
    /// Whoever a card could be, side by side.
    pub lineup: Option<Table>,
    /// Contacts that it is about.
    pub names: Vec<String>,
    /// How many deletions wait for a user's word; 0 for anything else.
    pub held: u64,
    pub let_go: String,
    pub buttons: Vec<Button>,
    pub typed: Option<Typed>,
    pub said: Option<Said>,
    /// What the form sends back of what was shown.
    pub seen: String,
}

/// One field of both sides.
pub(in crate::http::desk) struct Line {
    pub field: String,
    pub before: String,
    pub crm: String,
    pub book: String,
    /// The CRM's value is the mirror's.
    pub crm_stands: bool,
    /// The book's is.
    pub book_stands: bool,
}

/// A table with a head of its own.
pub(in crate::http::desk) struct Table {
    pub heads: Vec<String>,
    pub rows: Vec<(&'static str, Vec<String>)>,
}

/// What was answered, and no run has carried out yet.
pub(in crate::http::desk) struct Said {
    pub sentence: String,
}

/// What is read of an item beside it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub rows: Vec<Row>,
    pub lineup: Option<Lineup>,
    /// The contacts whose deletion is held.
    pub held: Vec<String>,
    /// When it was first seen.
    pub since: String,
}

/// Names that what is noted is told with.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Who said it, if that is known.
    pub who: Option<String>,
    /// The contact that it names, if it names one.
    pub contact: Option<String>,
}

impl Card {
    /// The card of an item.
    pub fn of(language: Language, item: &Item, beside: Beside, names: &Names) -> Self {
        let Beside { rows, lineup, held: held_names, since } = beside;
        let words = language.words();
        let said = item.noted.as_ref().map(|decision| {
            let answer = in_words(words, item, decision, names);
            Said { sentence: said(words, &answer, names.who.as_deref()) }
        });
        let is_one_value = item.field().is_some_and(|field| !field.is_list());
        let stands = rows.first().map(|row| row.cells[2].clone()).unwrap_or_default();
        let lines: Vec<Line> = rows.into_iter().filter(Row::differs).map(|row| line(words, item, row)).collect();
        let mut buttons = answers::buttons(words, item);
        if let ([line], true) = (lines.as_slice(), is_one_value) {
            for button in &mut buttons {
                with_value(words, line, button);
            }
        }
        Self {
            id: item.id.to_string(),
            title: title(words, item),
            sentence: sentence(language, item),
            todo: todo(language, item),
            since: fill(words.since, &[("when", &since)]),
            heads: heads(words, item),
            lines,
            lineup: lineup.map(|lineup| table(words, lineup)).filter(|table| !table.rows.is_empty()),
            held: held(item),
            let_go: fill(words.let_go, &[("n", &language.number(held(item)))]),
            names: names_of(language, item, held_names),
            buttons,
            typed: answers::typed(words, item, &stands),
            said,
            seen: seen(item.noted.as_ref()),
        }
    }
}

/// The value that a button keeps, on the button, where it is short enough.
fn with_value(words: &Words, line: &Line, button: &mut Button) {
    let value = match button.value.as_str() {
        "crm" => &line.crm,
        "book" => &line.book,
        _ => return,
    };
    if value.is_empty() {
        button.label = fill(words.entry, &[("kind", &button.label), ("value", words.absent)]);
    } else if value.chars().count() <= VALUE_SHOWN_MAX && !value.contains('\n') {
        let quoted = fill(words.typed_value, &[("value", value)]);
        button.label = fill(words.entry, &[("kind", &button.label), ("value", &quoted)]);
    }
}

/// What a form sends back of what was noted when its page was made.
pub(super) fn seen(noted: Option<&Decision>) -> String {
    noted.and_then(|decision| serde_json::to_string(decision).ok()).unwrap_or_default()
}

/// "Marie answered: keep both."
pub(super) fn said(words: &Words, answer: &str, who: Option<&str>) -> String {
    match who {
        Some(who) => fill(words.they_said, &[("who", who), ("answer", answer)]),
        None => fill(words.you_said, &[("answer", answer)]),
    }
}

fn heads(words: &Words, item: &Item) -> [String; 3] {
    let book = if item.is_with_crm() { words.your_books.to_owned() } else { item.replica.clone() };
    [words.before.to_owned(), words.crm.to_owned(), book]
}

fn line(words: &Words, item: &Item, row: Row) -> Line {
    let [base, replica, mirror, _] = row.cells;
    let field = Field::from_name(&row.name).or_else(|| item.field());
    let shown = |text: &str| value(words, field, text);
    // Of a whole contact there is nothing to choose field by field.
    let is_whole = matches!(&item.subject, Subject::Conflict { field: None, .. });
    let (crm, book) = if item.is_with_crm() { (&replica, &mirror) } else { (&mirror, &replica) };
    Line {
        field: named_field(words, &row.name).to_owned(),
        before: shown(&base),
        crm: shown(crm),
        book: shown(book),
        crm_stands: !is_whole && !item.is_with_crm() && !crm.is_empty(),
        book_stands: !is_whole && item.is_with_crm() && !book.is_empty(),
    }
}

/// How many deletions of an item are held.
fn held(item: &Item) -> u64 {
    match &item.subject {
        Subject::Attention { attention: Attention::HeldDeletions { missing, .. }, .. } => *missing,
        Subject::Attention { .. } | Subject::Conflict { .. } => 0,
    }
}

/// The names of those whose deletion is held, and how many more there are.
fn names_of(language: Language, item: &Item, mut names: Vec<String>) -> Vec<String> {
    let more = held(item).saturating_sub(names.len() as u64);
    if more > 0 && !names.is_empty() {
        names.push(fill(language.words().and_more, &[("n", &language.number(more))]));
    }
    names
}

/// What the record and the contacts say, where they do not all say the same.
fn table(words: &Words, lineup: Lineup) -> Table {
    let Lineup { record, contacts } = lineup;
    let head = |(id, contact): &(String, Contact)| match id.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("{} ({} {id})", contact.display_name(), words.crm_number),
        false => contact.display_name(),
    };
    let heads = record.iter().map(|_| words.the_card.to_owned()).chain(contacts.iter().map(head)).collect();
    let columns: Vec<Contact> = record.into_iter().chain(contacts.into_iter().map(|(_, contact)| contact)).collect();
    let said: Vec<Vec<(&'static str, String)>> = columns.iter().map(|contact| members(words, contact)).collect();
    let mut rows: Vec<(&'static str, Vec<String>)> = Vec::new();
    for field in Field::ALL {
        let name = field_name(words, field);
        let of = |members: &Vec<(&'static str, String)>| {
            members.iter().find(|(known, _)| *known == name).map_or_else(String::new, |(_, value)| value.clone())
        };
        let cells: Vec<String> = said.iter().map(of).collect();
        if cells.iter().any(|cell| *cell != cells[0]) || (cells.len() == 1 && !cells[0].is_empty()) {
            rows.push((name, cells));
        }
    }
    Table { heads, rows }
}

fn title(words: &Words, item: &Item) -> String {
    match &item.subject {
        Subject::Conflict { field: None, .. } => words.deleted_or_changed.to_owned(),
        Subject::Conflict { field: Some(field), .. } => fill(words.two_values, &[("field", named_field(words, field))]),
        Subject::Attention { attention, .. } => match attention {
            Attention::Ambiguous { .. } => words.whose_card,
            Attention::ConflictCopy { .. } => words.second_copy,
            Attention::LostCreation => words.lost_creation,
            Attention::NotPersisted { .. } => words.not_taken,
            Attention::HeldDeletions { .. } => words.held_deletions,
            Attention::NoFirm { .. } => words.no_firm,
            Attention::Stopped { .. } => words.stopped,
            Attention::Worded { .. } => words.to_look_at,
        }
        .to_owned(),
    }
}

fn sentence(language: Language, item: &Item) -> String {
    let words = language.words();
    let book = ("book", item.replica.as_str());
    match &item.subject {
        Subject::Conflict { field: None, .. } if item.is_with_crm() => words.gone_from_crm.to_owned(),
        Subject::Conflict { field: None, .. } => fill(words.gone_from_book, &[book]),
        Subject::Conflict { .. } if item.is_with_crm() => words.differs_from_crm.to_owned(),
        Subject::Conflict { .. } => fill(words.differs_from_book, &[book]),
        Subject::Attention { remote, attention, .. } => about(language, &item.replica, remote, attention),
    }
}

fn about(language: Language, replica: &str, remote: &str, attention: &Attention) -> String {
    let words = language.words();
    let number = |count: &u64| language.number(*count);
    let (book, record) = (("book", replica), ("record", remote));
    match attention {
        Attention::Ambiguous { reason, .. } => match reason {
            Ambiguity::CopyOf { record: other } => fill(words.looks_like_copy, &[record, book, ("other", other)]),
            other => fill(ambiguity(words, other), &[record, book]),
        },
        Attention::ConflictCopy { .. } => words.second_copy_is.to_owned(),
        Attention::LostCreation => words.lost_creation_is.to_owned(),
        Attention::NotPersisted { fields, .. } => {
            let names: Vec<&str> = fields.iter().map(|field| field_name(words, *field)).collect();
            fill(words.not_taken_is, &[("fields", &names.join(", "))])
        }
        Attention::HeldDeletions { missing, known, allowed, .. } => {
            let (missing, known, allowed) = (number(missing), number(known), number(allowed));
            let values = [("missing", missing.as_str()), ("known", &known), ("allowed", &allowed), book];
            fill(words.held_deletions_are, &values)
        }
        Attention::NoFirm { .. } => fill(words.no_firm_is, &[("name", remote)]),
        Attention::Stopped { reason } => match reason {
            StopReason::Emptied { known } => fill(words.stopped_emptied, &[book, ("n", &number(known))]),
            StopReason::MassEdit { edited, known } => {
                fill(words.stopped_mass_edit, &[book, ("n", &number(edited)), ("known", &number(known))])
            }
            StopReason::ListingLeavesOut { count } => fill(words.stopped_listing, &[("n", &number(count))]),
            StopReason::OtherAccount { .. } => words.stopped_account.to_owned(),
            StopReason::NoFolder { .. }
            | StopReason::NoMarker { .. }
            | StopReason::MarkerWentAway { .. }
            | StopReason::NoFile { .. } => fill(words.stopped_place, &[book]),
        },
        Attention::Worded { text, .. } => text.clone(),
    }
}

/// Why a card could be somebody's.
fn ambiguity(words: &'static Words, reason: &Ambiguity) -> &'static str {
    match reason {
        Ambiguity::Several => words.could_be_several,
        Ambiguity::CopyOf { .. } => words.looks_like_copy,
        Ambiguity::ForeignId => words.foreign_id,
        Ambiguity::CopyOfDeleted => words.copy_of_deleted,
        Ambiguity::OneIsCompany => words.one_is_company,
        Ambiguity::OtherGeneration => words.other_generation,
        Ambiguity::OtherMailbox => words.other_mailbox,
        Ambiguity::Namesake => words.namesake,
    }
}

fn todo(language: Language, item: &Item) -> String {
    let words = language.words();
    match &item.subject {
        Subject::Attention { attention: Attention::HeldDeletions { .. }, .. } => {
            fill(words.held_todo, &[("book", &item.replica)])
        }
        Subject::Attention { attention: Attention::Stopped { .. }, .. } => words.stopped_todo.to_owned(),
        Subject::Attention { attention: Attention::Worded { todo, .. }, .. } => todo.clone().unwrap_or_default(),
        Subject::Attention { .. } | Subject::Conflict { .. } => String::new(),
    }
}

/// A decision as the button says that was pressed.
pub(super) fn in_words(words: &Words, item: &Item, decision: &Decision, names: &Names) -> String {
    let chosen = answers::value_of(decision);
    if let Decision::Keep { keep: Keep::Value { field, value: typed } } = decision {
        return fill(words.typed_value, &[("value", &value(words, Field::from_name(field), typed))]);
    }
    match answers::buttons(words, item).into_iter().find(|button| button.value == chosen) {
        Some(button) => lowered(&button.label),
        None => match decision {
            Decision::SameAs { .. } => match &names.contact {
                Some(name) => lowered(&fill(words.is_this_one, &[("name", name)])),
                None => words.a_known_contact.to_owned(),
            },
            Decision::Adopt { crm_id } => fill(words.entry, &[("kind", words.crm), ("value", crm_id)]),
            _ => words.why_other.to_owned(),
        },
    }
}

/// A label inside of a sentence.
fn lowered(label: &str) -> String {
    let mut letters = label.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// True where an item still waits.
pub(super) fn waits(item: &Item) -> bool {
    item.state == State::Open
}
