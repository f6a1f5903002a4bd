//! Devices that carnet serves: each is a book of its own, whose name is the device's, and whose kind of contents the settings'
//! book of kind `devices` says that it was added to.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{compose::style, lock};
use crate::{
    books::served::{Counts, Device, DeviceStore, Served, StoreError},
    config::{Book, BookPlace, Direction, Settings, check_book_name},
    contact::Filter,
    mirror::Mirror,
    replica::{Diagnostic, Replica},
    sync::{Events, Host, Stop, SyncError, SystemClock},
};

pub use crate::books::served::NewDevice;

/// The command that names these locks.
const COMMAND: &str = "devices";

/// The store of what devices are served and what they write: `carnet.devices.db` beside `carnet.db`.
pub fn device_store(mirror: &Path) -> PathBuf {
    mirror.with_extension("devices.db")
}

/// The settings with a book for each device that there is now.
///
/// # Errors
/// The store cannot be read.
pub fn with_devices(settings: &Settings) -> Result<Settings, SyncError> {
    let mut settings = settings.clone();
    settings.books.retain(|book| !is_device(book));
    if let Some(store) = present_store(&settings)? {
        let devices = store.devices().map_err(|error| failed(&error))?;
        let books: Vec<Book> = devices.iter().map(|device| book_of(&settings, device)).collect();
        settings.books.extend(books);
    }
    Ok(settings)
}

/// The store, if there is one: none is made where there is no device.
fn present_store(settings: &Settings) -> Result<Option<DeviceStore>, SyncError> {
    let path = device_store(&settings.mirror.path);
    let store = path.exists().then(|| DeviceStore::open(&path)).transpose();
    store.map_err(|error| failed(&error))
}

/// True for the book of a device.
fn is_device(book: &Book) -> bool {
    matches!(book.place, BookPlace::Devices)
}

/// A device's book: like the settings' one that it was added to; all contacts, both ways, where it was added to none.
fn book_of(settings: &Settings, device: &Device) -> Book {
    let like = device.book.as_ref().and_then(|name| settings.device_books.iter().find(|book| book.name == *name));
    let mut book = match (like, &device.book) {
        (Some(like), _) => Book { name: device.name.clone(), ..like.clone() },
        // The book is not in the settings any more: what belongs on the device is not known, so that nothing is changed there.
        (None, Some(_)) => Book { direction: Direction::FromBook, ..plain(&device.name) },
        (None, None) => plain(&device.name),
    };
    if device.read_only {
        book.direction = Direction::ToBook;
    }
    book
}

fn plain(name: &str) -> Book {
    Book {
        name: name.to_owned(),
        place: BookPlace::Devices,
        direction: Direction::TwoWay,
        where_: Filter::default(),
        version: "3.0".to_owned(),
        dialect: None,
        firms: false,
    }
}

/// The replica of a device's book.
pub(super) fn replica(settings: &Settings, book: &Book, clock: &dyn Host) -> Result<Box<dyn Replica>, Diagnostic> {
    let open = || {
        let store = DeviceStore::open(&device_store(&settings.mirror.path))?;
        let device = store.device(&book.name)?.ok_or(StoreError::NoDevice)?;
        Ok(Served::new(&book.name, device.id, style(settings, book, clock), store))
    };
    open().map(|served| Box::new(served) as Box<dyn Replica>).map_err(|error: StoreError| diagnostic(&error))
}

/// A device to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceShown {
    /// The device.
    pub device: Device,
    /// How much is on it.
    pub counts: Counts,
}

/// All devices, by name.
///
/// # Errors
/// The store cannot be read.
pub fn devices(settings: &Settings) -> Result<Vec<DeviceShown>, SyncError> {
    let Some(store) = present_store(settings)? else { return Ok(Vec::new()) };
    let shown = |device: Device| Ok(DeviceShown { counts: store.counts(device.id)?, device });
    let all = store.devices().and_then(|devices| devices.into_iter().map(shown).collect());
    all.map_err(|error| failed(&error))
}

/// Adds a device. One of this name that was revoked leaves nothing behind for it.
///
/// # Errors
/// The name is taken or none that a book can have, or there is no such book (exit 2); the mirror is in use while a former
/// device of the name has to be forgotten (exit 11).
pub fn add_device(
    settings: &Settings,
    device: &NewDevice,
    wait: Duration,
    events: &mut Events<'_>,
) -> Result<(), SyncError> {
    let name = &device.name;
    may_be_added(settings, device)?;
    let mut store = DeviceStore::open(&device_store(&settings.mirror.path)).map_err(|error| failed(&error))?;
    if store.device(name).map_err(|error| failed(&error))?.is_some() {
        let hint = format!("choose another name, or take it away first: `carnet devices revoke {name}`");
        return Err(refused(format!("add the device {name}: there is one of this name"), hint));
    }
    forget(settings, name, wait, events)?;
    store.add(device, SystemClock.now().timestamp()).map(drop).map_err(|error| failed(&error))
}

/// Whether the settings have room for a device of this name, and the book that it is to be like.
fn may_be_added(settings: &Settings, device: &NewDevice) -> Result<(), SyncError> {
    let name = &device.name;
    check_book_name(name).map_err(|(message, hint)| {
        SyncError::Usage(Diagnostic { message: format!("add the device {name}: {message}"), hint })
    })?;
    let mut others = settings.books.iter().filter(|book| !is_device(book)).chain(&settings.device_books);
    if others.any(|book| book.name == *name) {
        return Err(refused(format!("add the device {name}: a book has this name"), "choose another one".to_owned()));
    }
    let known: Vec<&str> = settings.device_books.iter().map(|book| book.name.as_str()).collect();
    match &device.book {
        Some(wanted) if !known.contains(&wanted.as_str()) => {
            let hint = match known.as_slice() {
                [] => "the settings name no book with kind = \"devices\"; without --book all contacts are on it"
                    .to_owned(),
                known => format!("there is: {}", known.join(", ")),
            };
            Err(refused(format!("find a book named {wanted} for devices"), hint))
        }
        _ => Ok(()),
    }
}

fn refused(message: String, hint: String) -> SyncError {
    SyncError::Usage(Diagnostic::new(message).hint(hint))
}

/// Gives a device another password. False where there is no such device.
///
/// # Errors
/// The store cannot be written.
pub fn set_device_password(settings: &Settings, name: &str, hash: &str) -> Result<bool, SyncError> {
    let Some(mut store) = present_store(settings)? else { return Ok(false) };
    store.set_password(name, hash).map_err(|error| failed(&error))
}

/// Revokes a device: it can log in no more, and its cards are gone. Contacts stay. False where there is no such device.
///
/// # Errors
/// The store cannot be written; the mirror is in use for longer than `wait` (exit 11).
pub fn revoke_device(
    settings: &Settings,
    name: &str,
    wait: Duration,
    events: &mut Events<'_>,
) -> Result<bool, SyncError> {
    let Some(mut store) = present_store(settings)? else { return Ok(false) };
    // The login goes first: whoever revokes a lost telephone must not wait for a run.
    let gone = store.revoke(name).map_err(|error| failed(&error))?;
    if gone {
        forget(settings, name, wait, events)?;
    }
    Ok(gone)
}

/// Forgets what the mirror knows of a former device.
fn forget(settings: &Settings, name: &str, wait: Duration, events: &mut Events<'_>) -> Result<(), SyncError> {
    let path = &settings.mirror.path;
    if !path.exists() || !Mirror::open_read_only(path)?.knows_replica(name)? {
        return Ok(());
    }
    let _held = lock::take(path, COMMAND, wait, &Stop::new(), events)?;
    Ok(Mirror::open(path)?.forget_replica(name)?)
}

fn diagnostic(error: &StoreError) -> Diagnostic {
    Diagnostic { message: error.to_string(), hint: error.hint().map(str::to_owned) }
}

fn failed(error: &StoreError) -> SyncError {
    SyncError::Failed(diagnostic(error))
}
