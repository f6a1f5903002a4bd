//! Why an answer is refused, as a word of an address and in words.

use crate::{
    http::desk::words::Words,
    sync::{Refusal, Why},
};

pub(super) const NOBODY: &str = "nobody";
pub(super) const SEVERAL: &str = "several";
pub(super) const OTHER: &str = "other";

/// The word of an address.
pub(super) fn of(why: &Why) -> &'static str {
    match why {
        Why::Keep { refusal: Refusal::OneOnly, .. } => "one_only",
        Why::Keep { refusal: Refusal::Code, .. } => "code",
        Why::Keep { refusal: Refusal::Digits, .. } => "digits",
        Why::NoCandidate { .. } => NOBODY,
        Why::ContactDeleted | Why::SameAsDeleted => "deleted",
        Why::Keep { refusal: Refusal::OtherField | Refusal::List, .. }
        | Why::NotFound
        | Why::NoValue
        | Why::NoConflict
        | Why::Settled
        | Why::UnknownField
        | Why::EntryLost
        | Why::OtherKind(_)
        | Why::NoCreation
        | Why::UnreadableCreation
        | Why::UnknownDecision => OTHER,
    }
}

/// The same in words; none for what is no such word.
pub(super) fn why(words: &Words, word: &str) -> Option<&'static str> {
    Some(match word {
        "one_only" => words.why_one_only,
        "code" => words.why_code,
        "digits" => words.why_digits,
        "deleted" => words.why_deleted,
        NOBODY => words.why_nobody,
        SEVERAL => words.why_several,
        OTHER => words.why_other,
        _ => return None,
    })
}
