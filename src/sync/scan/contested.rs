//! Fields of an edit that are not taken: two sides carry them back and forth, or an older copy of a file brings back what
//! was replaced there. Each side keeps its own, and a user decides. The decisions are [`crate::reconcile::ping_pong`]'s and
//! [`crate::reconcile::older_copy`]'s; here is where the history is looked up and the conflict written down.

use crate::{
    contact::{
        Contact, Field, FieldSet,
        ids::{IMPORT, PERSON, UNDO},
    },
    mirror::{Agreement, HistoryRow, Stored},
    reconcile::{
        FieldConflict, Incoming, Kept,
        older_copy::taken_back,
        ping_pong::{Flip, other_side},
    },
    sync::{
        SyncError,
        events::{Note, SyncEvent},
        participant::MergeSide,
        record::value,
        scan::intake::Intake,
    },
};

/// So many of a field's last changes are looked at.
const CHANGES_LOOKED_AT: usize = 20;

impl Intake<'_, '_> {
    /// The fields of a change at hand that must not be taken. Each becomes an open conflict.
    pub fn stop_contested(
        &mut self,
        side: &MergeSide<'_>,
        stored: &Stored,
        agreement: &Agreement,
        there: &Contact,
        taken: &Incoming,
    ) -> Result<FieldSet, SyncError> {
        let mut stopped = FieldSet::NONE;
        let Incoming::Take { contact, revived: false, .. } = taken else { return Ok(stopped) };
        for field in stored.contact.differing(contact).iter() {
            let before = self.flips(stored, side.name, field)?;
            let Some(note) = self.contest(side, (stored, contact), field, &before) else { continue };
            stopped = stopped.with(field);
            let conflict = FieldConflict {
                field,
                base: agreement.theirs.describe(field),
                here: stored.contact.describe(field),
                there: there.describe(field),
                kept: Kept::Open,
            };
            self.run.conflict(stored, side.name, &conflict)?;
            self.run.emit(SyncEvent::Attention { replica: side.name.to_owned(), note });
        }
        Ok(stopped)
    }

    /// Why a field is not taken, if it is not. `before` are its last changes, the newest first.
    fn contest(
        &mut self,
        side: &MergeSide<'_>,
        (stored, edited): (&Stored, &Contact),
        field: Field,
        before: &[Flip],
    ) -> Option<Note> {
        let who = || stored.crm_id.as_ref().unwrap_or(&stored.uid).clone();
        let now = Flip {
            side: Some(side.name.to_owned()),
            run: self.run.id,
            old: value(&stored.contact, field),
            new: value(edited, field),
        };
        if let Some(other) = other_side(&now, before) {
            return Some(Note::PingPong { contact: who(), field, other: other.to_owned() });
        }
        if !side.conduct.restorable {
            return None;
        }
        let replaced = before.iter().filter(|change| change.side != now.side && change.run < now.run);
        let run = taken_back(field, (&stored.contact, edited), replaced)?;
        self.older_than = Some(self.older_than.map_or(run, |earlier| earlier.min(run)));
        Some(Note::OlderCopy { contact: who(), field })
    }

    /// The field's last changes, the newest first; none from before the last time that it was in conflict with either side.
    fn flips(&self, stored: &Stored, replica: &str, field: Field) -> Result<Vec<Flip>, SyncError> {
        let rows = self.run.mirror.history_of_field((stored.id, field.name()), CHANGES_LOOKED_AT)?;
        let mut decided = 0;
        for side in rows.iter().map(|row| row.source.as_str()).chain([replica]) {
            let conflicts = self.run.mirror.conflicts_of(stored.id, side)?;
            let here = conflicts.iter().filter(|row| row.field.as_deref() == Some(field.name()));
            decided = here.map(|row| row.run).fold(decided, i64::max);
        }
        let by_hand = |source: &str| [PERSON, UNDO, IMPORT].contains(&source);
        let swing = |row: HistoryRow| Flip {
            side: Some(row.source).filter(|source| !by_hand(source)),
            run: row.run,
            old: row.old.unwrap_or_default(),
            new: row.new.unwrap_or_default(),
        };
        Ok(rows.into_iter().filter(|row| row.run > decided).map(swing).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        contact::{Contact, Item, ItemType, Keep},
        mirror::{ContactId, State},
        replica::Conduct,
        sync::{
            participant::{CRM, MergeSide},
            review::Review,
            scan::intake::Intake,
            testing::{RunFixture, seen, side, with_fixture},
        },
    };

    fn ada(title: &str, phone: &str) -> Contact {
        let items = vec![Item::new(ItemType::ProfessionalPhone, phone)];
        Contact { last_name: "Lovelace".into(), job_title: title.into(), items, ..Contact::default() }
    }

    /// In a run of its own one side shows this, and what the mirror then holds is pushed to both, but for fields that are
    /// held. True when the mirror took it.
    fn shows(fixture: &mut RunFixture<'_>, id: ContactId, name: &str, contact: &Contact) -> bool {
        fixture.later(900);
        let remote = if name == CRM { "1001" } else { "ada.vcf" };
        // Of two programs that go on rewriting, neither is a file that comes back as it was.
        let side = side(name);
        let side = MergeSide { conduct: Conduct { restorable: false, ..side.conduct }, ..side };
        Intake::new(&mut fixture.run).intake(&side, seen(remote, None, contact)).unwrap();
        fixture.run.close_obsolete().unwrap();
        if !fixture.run.mirror.open_conflicts().unwrap().is_empty() {
            return false;
        }
        fixture.agree(CRM, "1001", id);
        fixture.agree("cards", "ada.vcf", id);
        fixture.run.stored(id).unwrap().contact == *contact
    }

    fn check(a: &Contact, b: &Contact, field: &str, (keep, stands): (&Keep, &Contact)) {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", a);
            fixture.agree(CRM, "1001", id);
            fixture.agree("cards", "ada.vcf", id);
            assert!(shows(&mut fixture, id, "cards", b));
            assert!(shows(&mut fixture, id, CRM, a));
            assert!(!shows(&mut fixture, id, "cards", b), "{field}");
            let [row] = &fixture.run.mirror.open_conflicts().unwrap()[..] else { panic!("one conflict") };
            assert_eq!((row.field.as_deref(), row.replica.as_str()), (Some(field), "cards"));
            assert_eq!(fixture.run.stored(id).unwrap().contact, *a, "the mirror keeps its own");
            assert!(!shows(&mut fixture, id, "cards", b), "and asks once");
            assert_eq!(fixture.run.mirror.conflicts(9).unwrap().len(), 1);

            // A user's decision: it stands, and is to be pushed; the count begins anew.
            Review::new(&mut fixture.run).resolve_conflict(row.id, keep).unwrap();
            assert_eq!(fixture.run.stored(id).unwrap().contact, *stands);
            assert_eq!(fixture.run.mirror.conflict(row.id).unwrap().unwrap().state, State::Settled);
            let behind = fixture.run.mirror.agreement("cards", id).unwrap().unwrap();
            assert_eq!(
                (behind.theirs == *b, behind.ours == *b, behind.version),
                (true, true, 0),
                "known to both sides"
            );
            fixture.agree(CRM, "1001", id);
            fixture.agree("cards", "ada.vcf", id);
            let turns = if stands == b { [(CRM, a), ("cards", b)] } else { [("cards", b), (CRM, a)] };
            for (name, contact) in turns {
                assert!(shows(&mut fixture, id, name, contact), "{name}");
            }
        });
    }

    #[test]
    fn what_goes_back_and_forth_is_stopped_and_decided_by_a_person() {
        let (a, b) = (ada("a", "01 99 00 00 01"), ada("b", "01 99 00 00 01"));
        check(&a, &b, "job_title", (&Keep::Book, &b));
        check(&a, &b, "job_title", (&Keep::Crm, &a));
        let reworded = ada("a", "+33 1 99 00 00 01");
        check(&a, &reworded, "contact_items", (&Keep::Book, &reworded));
        check(&a, &reworded, "contact_items", (&Keep::Crm, &a));
    }

    /// The CRM's change was carried into the book; then the book shows this.
    fn shows_after_a_change(contact: &Contact, from: &str, expected: &Contact, run: Option<i64>) {
        with_fixture(|mut fixture| {
            let (old, new) = (ada("a", "01 99 00 00 01"), ada("b", "01 99 00 00 02"));
            let id = fixture.contact("ada-1", &old);
            fixture.agree(CRM, "1001", id);
            fixture.agree("cards", "ada.vcf", id);
            let (changer, remote) = if from == CRM { (CRM, "1001") } else { ("cards", "ada.vcf") };
            let carried = fixture.run.id;
            Intake::new(&mut fixture.run).intake(&side(changer), seen(remote, None, &new)).unwrap();
            fixture.agree(CRM, "1001", id);
            fixture.agree("cards", "ada.vcf", id);
            fixture.later(900);
            let mut intake = Intake::new(&mut fixture.run);
            intake.intake(&side("cards"), seen("ada.vcf", None, contact)).unwrap();
            assert_eq!(intake.older_than, run.map(|after| carried + after), "{contact:?}");
            assert_eq!(fixture.run.stored(id).unwrap().contact, *expected, "{contact:?}");
            let open = fixture.run.mirror.open_conflicts().unwrap();
            let differing = contact.differing(expected).iter().count();
            assert_eq!(open.len(), differing, "what is not taken waits for a user");
        });
    }

    #[test]
    fn an_older_copy_is_put_to_a_person_and_what_was_edited_in_it_is_taken() {
        let (old, new) = (ada("a", "01 99 00 00 01"), ada("b", "01 99 00 00 02"));
        shows_after_a_change(&old, CRM, &new, Some(0));
        let edited = ada("c", "01 99 00 00 01");
        shows_after_a_change(&edited, CRM, &ada("c", "01 99 00 00 02"), Some(0));
        let another = ada("c", "01 99 00 00 03");
        shows_after_a_change(&another, CRM, &another, None);
        shows_after_a_change(&old, "cards", &old, None);
    }

    #[test]
    fn the_sides_of_a_stopped_list_can_be_joined() {
        with_fixture(|mut fixture| {
            let (a, b) = (ada("a", "01 99 00 00 01"), ada("a", "01 99 00 00 02"));
            let id = fixture.contact("ada-1", &a);
            fixture.agree(CRM, "1001", id);
            fixture.agree("cards", "ada.vcf", id);
            for (name, contact) in [("cards", &b), (CRM, &a), ("cards", &b)] {
                shows(&mut fixture, id, name, contact);
            }
            let row = fixture.run.mirror.open_conflicts().unwrap().remove(0);
            assert!(
                Review::new(&mut fixture.run)
                    .resolve_conflict(row.id, &Keep::parse("contact_items=x").unwrap())
                    .is_err()
            );
            Review::new(&mut fixture.run).resolve_conflict(row.id, &Keep::Both).unwrap();
            let held: Vec<String> =
                fixture.run.stored(id).unwrap().contact.items.into_iter().map(|item| item.value).collect();
            assert_eq!(held, ["01 99 00 00 01", "01 99 00 00 02"]);
        });
    }
}
