//! What a CRM refuses one contact: a right that its user does not have, a rule of its own. And a server that changes at each
//! save what was not sent.

use carnet::sandbox::{Quirk, Record};

use crate::{dice::Dice, is_plain, world::World};

/// The contacts that roles and rules are about: they are there before anybody's own.
const MARKED: usize = 2;

/// Gives some of a seed's servers roles and rules. Seeds that were kept before there were any keep their servers.
pub fn assign(seed: u64, quirks: &mut Vec<Quirk>) {
    let mut dice = Dice::new(seed ^ 0x0000_401E);
    if is_plain(seed) {
        return;
    }
    let shares = [(Quirk::Guarded, 150), (Quirk::Invoiced, 150), (Quirk::CapitalsAtSave, 150), (Quirk::NoDeletion, 60)];
    for (quirk, share) in shares {
        if dice.permille(share) {
            quirks.push(quirk);
        }
    }
}

impl World {
    /// Makes the contacts that the server's roles and rules are about.
    pub fn people_have_marked(&mut self) {
        let settings = self.crm.store().settings().clone();
        if settings.has(Quirk::Guarded) || settings.has(Quirk::Invoiced) {
            let records: Vec<Record> = (0..MARKED).map(|_| self.new_record()).collect();
            for record in records {
                self.crm.store().add(record).expect("the CRM's state");
            }
        }
    }
}
