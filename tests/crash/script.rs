//! The state from which every kill starts: books and CRM agree, and then everybody edits something, both ways.

use std::io;

use super::{
    ledger::Field,
    world::{Place, World},
};

/// Twelve contacts that every place agrees on, and then one of every kind of change, pending.
pub fn everybody_edits() -> Result<World, String> {
    let io = |error: io::Error| error.to_string();
    let mut world = World::new().map_err(io)?;
    let names = agreed(&mut world, 12)?;
    edit_everything(&mut world, &names).map_err(io)?;
    Ok(world)
}

/// Nothing but a CRM with some contacts and a folder with a card, before carnet was ever run.
pub fn before_the_first_sync() -> Result<World, String> {
    let io = |error: io::Error| error.to_string();
    let mut world = World::new().map_err(io)?;
    for place in [Place::Crm, Place::Crm, Place::Crm, Place::Crm, Place::Crm, Place::Crm, Place::Cards] {
        world.make(place).map_err(io)?;
    }
    Ok(world)
}

/// Makes contacts in the CRM and syncs until every place holds them; their names.
pub fn agreed(world: &mut World, count: usize) -> Result<Vec<String>, String> {
    let made: io::Result<Vec<String>> = (0..count).map(|_| world.make(Place::Crm)).collect();
    let names = made.map_err(|error| error.to_string())?;
    for _ in 0..5 {
        let run = world.sync().map_err(|error| error.to_string())?;
        if run.is_quiet() {
            return Ok(names);
        }
    }
    Err("the first contacts never came to rest".to_owned())
}

fn edit_everything(world: &mut World, names: &[String]) -> io::Result<()> {
    for place in Place::ALL {
        world.make(place)?;
    }
    let done = [
        world.write(Place::Cards, &names[0], Field::JobTitle)?,
        world.write(Place::Sheet, &names[1], Field::Comment)?,
        world.write(Place::Phone, &names[2], Field::JobTitle)?,
        world.write(Place::Crm, &names[3], Field::Comment)?,
        // Both sides, another field each, and the same field.
        world.write(Place::Crm, &names[4], Field::JobTitle)? && world.write(Place::Cards, &names[4], Field::Comment)?,
        world.write(Place::Crm, &names[5], Field::JobTitle)?
            && world.write(Place::Sheet, &names[5], Field::JobTitle)?,
        world.add_item(Place::Cards, &names[6])?,
        world.correct_item(Place::Phone, &names[7])?,
        world.add_item(Place::Crm, &names[8])?,
        world.remove(Place::Cards, &names[9])?,
        world.remove(Place::Sheet, &names[10])?,
        world.remove(Place::Crm, &names[11])?,
    ];
    if done.contains(&false) { Err(io::Error::other(format!("an edit was not possible: {done:?}"))) } else { Ok(()) }
}

#[test]
fn without_any_fault_everything_arrives() {
    let world = everybody_edits().and_then(|world| super::checker::check(&world, Default::default()));
    assert_eq!(world, Ok(()));
}
