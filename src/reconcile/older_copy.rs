//! Is an edit what an older copy of the file says? A sheet that stayed open while carnet wrote, a restored folder, a
//! checkout: what was replaced there comes back, and is nobody's edit.

use super::{
    lists::{self, Entry},
    ping_pong::Flip,
    undo::{holding, says_the_same},
};
use crate::contact::{Contact, Field};

/// The run whose change an edit of a field takes back. `here` is what stands before the edit; `replaced` are the changes that
/// were carried into the book, the newest first. A list is taken back where what was taken out of it is in it again and what
/// was added is not, whatever else is edited; what has gone from here since says nothing.
pub fn taken_back<'f>(
    field: Field,
    (here, edited): (&Contact, &Contact),
    replaced: impl IntoIterator<Item = &'f Flip>,
) -> Option<i64> {
    let is_back = |change: &&Flip| {
        let (Some(old), Some(new)) = (holding(field, &change.old), holding(field, &change.new)) else { return false };
        match field {
            Field::Addresses => is_list_back((&here.addresses, &edited.addresses), &old.addresses, &new.addresses),
            Field::Items => is_list_back((&here.items, &edited.items), &old.items, &new.items),
            Field::Extra => is_list_back((&here.extra, &edited.extra), &old.extra, &new.extra),
            scalar => says_the_same(edited, &old, scalar),
        }
    };
    replaced.into_iter().find(is_back).map(|change| change.run)
}

fn is_list_back<E: Entry>((here, edited): (&[E], &[E]), old: &[E], new: &[E]) -> bool {
    let holds = |list: &[E], entry: &E| list.iter().any(|other| other.key() == entry.key());
    let mut removed = old.iter().filter(|entry| !holds(new, entry) && !holds(here, entry)).peekable();
    let mut added = new.iter().filter(|entry| !holds(old, entry) && holds(here, entry)).peekable();
    if removed.peek().is_none() && added.peek().is_none() {
        return lists::same(edited, old);
    }
    removed.all(|entry| holds(edited, entry)) && !added.any(|entry| holds(edited, entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    fn replaced(run: i64, old: &str, new: &str) -> Flip {
        Flip { side: Some("crm".into()), run, old: old.into(), new: new.into() }
    }

    #[test]
    fn a_text_that_was_replaced_comes_back() {
        let changes = [replaced(7, "CTO", "CEO"), replaced(3, "Engineer", "CTO"), replaced(2, "", "Engineer")];
        let titled = |title: &str| Contact { job_title: title.into(), ..Contact::default() };
        let run = |title: &str| taken_back(Field::JobTitle, (&titled("CEO"), &titled(title)), &changes);
        assert_eq!(run("CTO"), Some(7));
        assert_eq!(run("Engineer"), Some(3));
        assert_eq!(run(""), Some(2));
        assert_eq!(run("CFO"), None);
        assert_eq!(run("CEO"), None, "what was written is not what it replaced");
        assert_eq!(taken_back(Field::JobTitle, (&titled("CEO"), &titled("CTO")), &[]), None);
    }

    #[test]
    fn a_list_comes_back_whatever_else_was_edited_in_it() {
        let items = |values: &[&str]| -> Vec<Item> {
            values.iter().map(|value| Item::new(ItemType::ProfessionalPhone, *value)).collect()
        };
        let json = |values: &[&str]| serde_json::to_string(&items(values)).unwrap();
        let with = |values: &[&str]| Contact { items: items(values), ..Contact::default() };
        let check_at = |old: &[&str], new: &[&str], here: &[&str], edited: &[&str], expected: bool| {
            let found = taken_back(Field::Items, (&with(here), &with(edited)), &[replaced(4, &json(old), &json(new))]);
            assert_eq!(found.is_some(), expected, "{old:?} -> {new:?}, then {here:?}, now {edited:?}");
        };
        let check = |old: &[&str], new: &[&str], edited: &[&str], expected: bool| {
            check_at(old, new, new, edited, expected);
        };
        let (one, two, three, four) = ("01 99 00 00 01", "01 99 00 00 02", "01 99 00 00 03", "01 99 00 00 04");
        // What was added has been replaced here since: that it is not there is nobody's doing.
        check_at(&[one], &[one, two], &[one, three], &[one, four], false);
        check_at(&[one], &[one, two], &[one, three], &[one], true);
        check_at(&[one], &[one, two], &[one, two, three], &[one, three], true);
        check_at(&[one, two], &[two], &[one, two], &[one, two, three], false);
        check(&[one], &[two], &[one], true);
        check(&[one, three], &[two, three], &["+33 1 99 00 00 01"], true);
        check(&[one], &[two], &[one, three], true);
        check(&[one], &[one, two], &[one], true);
        check(&[one, two], &[one], &[two, one], true);
        check(&[one], &[two], &[three], false);
        check(&[one], &[two], &[one, two], false);
        check(&[one], &[two], &[], false);
        check(&[one], &[one, two], &[one, two, three], false);
    }

    #[test]
    fn what_cannot_be_read_was_not_replaced() {
        assert_eq!(
            taken_back(Field::Items, (&Contact::default(), &Contact::default()), &[replaced(1, "{", "[]")]),
            None
        );
    }
}
