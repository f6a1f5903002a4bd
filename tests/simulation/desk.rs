//! Somebody who changes contacts in the mirror itself while a run is on its way: between a write and its answer.

use carnet::contact::{Field, FieldSet};

use crate::{
    dice::Dice,
    is_plain,
    people::{Act, edit_contact, words},
    world::World,
};

/// A desk: its work on the mirror is by another connection than the run's.
pub struct Desk {
    dice: Dice,
    /// How often somebody acts when there is an occasion, in 1,000.
    share: usize,
}

impl Desk {
    /// The desk of a seed; many have none. What is known to the mirror alone goes where the mirror is restored.
    pub fn of(seed: u64, restores: bool) -> Option<Self> {
        let mut dice = Dice::new(seed ^ 0x0000_DE54);
        let share = dice.pick(&[0, 0, 100, 400]);
        (share > 0 && !restores && !is_plain(seed)).then_some(Self { dice, share })
    }
}

impl World {
    /// An occasion at the desk: a write was sent, and its answer is not noted yet.
    pub fn somebody_acts_at_the_desk(&mut self) {
        let Some(mut desk) = self.desk.take() else { return };
        if self.people_share > 0 && desk.dice.permille(desk.share) {
            self.act_at(&mut desk);
        }
        self.desk = Some(desk);
    }

    fn act_at(&mut self, desk: &mut Desk) {
        let under_way = {
            let sent = "SELECT contact FROM outbox WHERE state = 'sent' ORDER BY id";
            let mut select = self.beside.connection().prepare_cached(sent).expect("a query");
            let rows = select.query_map([], |row| row.get(0)).expect("a query");
            rows.collect::<Result<Vec<i64>, _>>().expect("rows")
        };
        if under_way.is_empty() {
            return;
        }
        let id = desk.dice.pick(&under_way);
        let stored = self.beside.contact(id).expect("a contact");
        let Some(stored) = stored.filter(|stored| !stored.deleted) else { return };
        let mut contact = stored.contact.clone();
        let act = desk.dice.pick(&[Act::Scalar, Act::Scalar, Act::AddItem]);
        let fields = FieldSet::ALL.without(Field::JobDepartment).without(Field::LastName);
        edit_contact(&mut contact, fields, act, &mut desk.dice, &mut self.ledger);
        if contact == stored.contact {
            return;
        }
        self.note(format!("a person edits {id} at the desk: {}", words(&contact).join(" ")));
        self.beside.update_contact(id, &contact, "at the desk").expect("an edit");
    }
}
