//! A person saves a card, or a whole book, in the very instant in which carnet puts its own version in place: strace holds
//! that step up, before or after it, while the person saves. Both versions' values survive.

use std::{
    fs, io,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    checker::{Leave, check},
    ledger::{Field, tokens},
    script::agreed,
    trace,
    world::{Place, World, files},
};

/// How long the step is held up.
const HELD_UP: Duration = Duration::from_millis(300);
const WATCH_EVERY: Duration = Duration::from_millis(2);

/// When the person saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailPoint {
    /// Just before the two names are exchanged.
    Before,
    /// Just after it, while the old version is not yet removed.
    After,
}

#[test]
fn a_save_in_the_same_instant_survives() {
    if let Some(reason) = trace::missing() {
        println!("skipped: {reason}");
        return;
    }
    let mut wrong = Vec::new();
    for place in [Place::Cards, Place::Phone, Place::Sheet] {
        for moment in [FailPoint::Before, FailPoint::After] {
            for anew in [false, true] {
                if let Err(words) = save_at(place, moment, anew) {
                    wrong.push(format!("{place:?}, {moment:?}, as a new file: {anew}: {words}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The CRM's title goes into a book, whose own comment and title a person writes just then.
fn save_at(place: Place, moment: FailPoint, anew: bool) -> Result<(), String> {
    let io = |error: io::Error| error.to_string();
    let mut world = World::new().map_err(io)?;
    let name = agreed(&mut world, 4)?.swap_remove(1);
    world.write(Place::Crm, &name, Field::JobTitle).map_err(io)?;
    let new = world.ledger.typed.last().map(|typed| typed.text.clone()).unwrap_or_default();
    let book = match place {
        Place::Cards => world.card_path(&name).map_err(io)?,
        Place::Phone => world.path("phone/phone.vcf"),
        Place::Crm | Place::Sheet => world.path("sheet/sheet.csv"),
    };
    let step = if moment == FailPoint::Before { "delay_enter" } else { "delay_exit" };
    // Each book has one exchange to make, in this order.
    let which = [Place::Cards, Place::Phone, Place::Sheet].iter().position(|book| *book == place).unwrap_or(0) + 1;
    let injection = format!("renameat2:{step}={}:when={which}", HELD_UP.as_micros());
    let words = trace::words(&world, &["renameat2"], Some(&injection));
    let running = world.start_sync_under(&words).map_err(io)?;
    let reached = wait_for(&book, if moment == FailPoint::Before { None } else { Some(&new) }).map_err(io);
    if reached == Ok(true) {
        // Before the exchange the person sees the old title; after it they knowingly write over the new one.
        world.write(place, &name, Field::Comment).map_err(io)?;
        world.write(place, &name, Field::JobTitle).map_err(io)?;
        if anew {
            let bytes = fs::read(&book).map_err(io)?;
            let beside = book.with_extension("editing");
            fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &book)).map_err(io)?;
        }
    }
    let run = World::finish_sync(running).map_err(io)?;
    if reached? {
        check(&world, Leave::default()).map_err(|words| format!("{words}\nafter: exit {:?} {}", run.code, run.told))
    } else {
        Err(format!("the exchange was not seen: exit {:?}\n{}{}", run.code, run.out, run.told))
    }
}

/// Waits until the version to be exchanged lies beside the book and, where a text is given, the book shows it. False if
/// that never comes.
fn wait_for(book: &PathBuf, new: Option<&str>) -> io::Result<bool> {
    let began = Instant::now();
    let folder = book.parent().unwrap_or(book);
    let is_swap =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".carnet-swap-"));
    while began.elapsed() < Duration::from_secs(20) {
        let beside = files(folder)?.iter().any(is_swap);
        if beside && new.is_none_or(|new| fs::read_to_string(book).is_ok_and(|text| tokens(&text).contains(new))) {
            return Ok(true);
        }
        sleep(WATCH_EVERY);
    }
    Ok(false)
}
