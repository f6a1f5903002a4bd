//! Who a record is that no agreement names: the one decision, for scans and imports alike. How the evidence is come by is
//! the caller's business.

use super::{
    matching::{Match, MatchedBy},
    strangers::Stranger,
};

/// What speaks for and against a newcomer's being somebody known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What its UID, CRM id and content say: [`super::matching::find`].
    pub found: Option<Match>,
    /// Why it is not the contact that was found: [`super::strangers::stranger`].
    pub stranger: Option<Stranger>,
    /// The contact whose CRM id it carries without anything else in common.
    pub contradicted: Option<i64>,
    /// The contact, deleted or not, whose UID it bears.
    pub by_uid: Option<i64>,
    /// A contact that was deleted here and lives on elsewhere, and that it resembles.
    pub locally_deleted: Option<i64>,
    /// Those who list it keep namesakes apart: what fits several known contacts is a new one.
    pub namesakes_are_apart: bool,
}

/// Who a newcomer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A living contact.
    Known(i64, MatchedBy),
    /// A contact that was deleted here, or has another content by now, and is back under its old mark.
    Returning(i64),
    /// Nobody known.
    New,
    /// Several fit; a user must say.
    Ambiguous(Vec<i64>),
    /// It was recognised as this contact, and something makes it somebody else; a user must say.
    Stranger(i64, Stranger),
    /// It carries the CRM id of this contact and is plainly somebody else; a user must say.
    Contradicts(i64),
}

/// Decides who a newcomer is.
pub fn identify(evidence: Evidence) -> Verdict {
    let Evidence { found, stranger, contradicted, by_uid, locally_deleted, namesakes_are_apart } = evidence;
    if let (Some(Match::One(id, _)), Some(why)) = (&found, stranger) {
        return Verdict::Stranger(*id, why);
    }
    match (found.unwrap_or(Match::None), contradicted) {
        (Match::One(id, by), _) => Verdict::Known(id, by),
        (Match::Ambiguous(candidates), _) if !namesakes_are_apart => Verdict::Ambiguous(candidates),
        (Match::None, Some(id)) if !namesakes_are_apart => Verdict::Contradicts(id),
        (Match::None | Match::Ambiguous(_), _) => returning(by_uid, locally_deleted),
    }
}

/// The verdict on one that is no living contact, or a namesake of one: back, or new.
pub fn returning(by_uid: Option<i64>, locally_deleted: Option<i64>) -> Verdict {
    by_uid.or(locally_deleted).map_or(Verdict::New, Verdict::Returning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_evidence_has_its_verdict() {
        let check = |evidence: Evidence, expected: Verdict| {
            assert_eq!(identify(evidence.clone()), expected, "{evidence:?}");
        };
        let one = || Some(Match::One(1, MatchedBy::Email));
        let several = || Some(Match::Ambiguous(vec![1, 2]));
        let nobody = Evidence::default();
        check(nobody.clone(), Verdict::New);
        check(Evidence { found: Some(Match::None), ..nobody.clone() }, Verdict::New);
        check(Evidence { found: one(), ..nobody.clone() }, Verdict::Known(1, MatchedBy::Email));
        let stranger = Some(Stranger::Company);
        check(Evidence { found: one(), stranger, ..nobody.clone() }, Verdict::Stranger(1, Stranger::Company));
        let contradicted = Some(5);
        check(Evidence { found: one(), contradicted, ..nobody.clone() }, Verdict::Known(1, MatchedBy::Email));
        check(Evidence { contradicted, by_uid: Some(3), ..nobody.clone() }, Verdict::Contradicts(5));
        check(Evidence { contradicted, namesakes_are_apart: true, ..nobody.clone() }, Verdict::New);
        check(Evidence { found: several(), ..nobody.clone() }, Verdict::Ambiguous(vec![1, 2]));
        check(Evidence { found: several(), namesakes_are_apart: true, ..nobody.clone() }, Verdict::New);
        check(Evidence { by_uid: Some(3), locally_deleted: Some(4), ..nobody.clone() }, Verdict::Returning(3));
        check(Evidence { locally_deleted: Some(4), ..nobody }, Verdict::Returning(4));
    }
}
