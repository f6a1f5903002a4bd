//! Who said what at this desk, so that whoever comes second is told whose answer stands. It is kept as long as the daemon lives.

use std::collections::VecDeque;

use crate::sync::{Decision, ItemId};

/// So many answers are remembered.
const REMEMBERED_MAX: usize = 1000;

/// The last answers.
#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<Entry>);

#[derive(Debug)]
struct Entry {
    item: ItemId,
    decision: Decision,
    name: String,
}

impl Journal {
    /// Somebody has decided.
    pub fn note(&mut self, item: ItemId, decision: Decision, name: &str) {
        self.0.retain(|entry| entry.item != item);
        self.0.push_back(Entry { item, decision, name: name.to_owned() });
        if self.0.len() > REMEMBERED_MAX {
            self.0.pop_front();
        }
    }

    /// The name of who decided so; none where it was said elsewhere, or by somebody without a name.
    pub fn who(&self, item: ItemId, decision: &Decision) -> Option<String> {
        let entry = self.0.iter().find(|entry| entry.item == item && entry.decision == *decision)?;
        Some(entry.name.clone()).filter(|name| !name.is_empty())
    }

    /// What was said last of an item that waits no more, and the name of who said it.
    pub fn last(&self, item: ItemId) -> Option<(Decision, String)> {
        let entry = self.0.iter().find(|entry| entry.item == item)?;
        Some((entry.decision.clone(), entry.name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whose_it_is_and_the_last_one_counts() {
        let (mut journal, item) = (Journal::default(), ItemId::Attention(3));
        journal.note(item, Decision::New, "Marie");
        assert_eq!(journal.who(item, &Decision::New).as_deref(), Some("Marie"));
        assert_eq!(journal.who(item, &Decision::Create), None, "said at a terminal");
        assert_eq!(journal.who(ItemId::Conflict(3), &Decision::New), None);
        journal.note(item, Decision::Create, "");
        assert_eq!(journal.who(item, &Decision::New), None);
        assert_eq!(journal.last(item), Some((Decision::Create, String::new())));
        for id in 0..2000 {
            journal.note(ItemId::Conflict(id), Decision::Dismiss, "");
        }
        assert_eq!((journal.0.len(), journal.last(item)), (REMEMBERED_MAX, None));
    }
}
