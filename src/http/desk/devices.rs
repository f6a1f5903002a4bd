//! Devices: who may log in to the address books that carnet serves; adding one, taking one away.

use std::time::Duration;

use askama::Template;
use axum::{
    Extension,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::DateTime;
use qrcode::{Color, EcLevel, QrCode};
use serde::Deserialize;

use super::{
    form::Form,
    visit::{Frame, Here, Trouble, Visit, message, moment, render, see},
    words::{Language, fill},
};
use crate::{
    app::{DeviceShown, NewDevice, add_device, devices, revoke_device},
    config::Settings,
    http::dav::{Setup, hash_password},
    sync::{SyncError, stamp},
    views::{Reader, attention::unanswered},
};

/// A run at work is waited for so long.
const WAIT: Duration = Duration::from_secs(5);
/// The light border that readers of QR codes need, in modules.
const BORDER: usize = 4;

#[derive(Template)]
#[template(path = "devices.html", config = "src/http/desk/askama.toml")]
pub(super) struct Devices {
    frame: Frame,
    told: Option<&'static str>,
    is_served: bool,
    devices: Vec<Line>,
    books: Vec<String>,
}

/// A device on a line.
struct Line {
    name: String,
    book: String,
    cards: String,
    seen: String,
}

#[derive(Template)]
#[template(path = "device_added.html", config = "src/http/desk/askama.toml")]
struct Added {
    frame: Frame,
    title: String,
    server: String,
    user: String,
    password: String,
    code: Option<Code>,
}

/// A QR code: its width, and its dark modules as a path.
struct Code {
    width: usize,
    path: String,
}

#[derive(Template)]
#[template(path = "device_revoke.html", config = "src/http/desk/askama.toml")]
struct Revoke {
    frame: Frame,
    title: String,
    name: String,
    loses: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    name: String,
    #[serde(default)]
    refused: bool,
}

pub(super) async fn show(Extension(visit): Extension<Visit>, Query(asked): Query<Asked>) -> Response {
    let (reading, settings) = (visit.clone(), visit.settings());
    let page = visit.work(move || page(&reading, &settings, asked.refused)).await;
    visit.answer(page)
}

fn page(visit: &Visit, settings: &Settings, refused: bool) -> Result<Devices, Trouble> {
    let shown = devices(settings)?;
    Ok(Devices {
        told: refused.then_some(visit.words().device_refused),
        is_served: settings.carddav.is_some(),
        devices: shown.iter().map(|device| line(visit.language, device)).collect(),
        books: settings.device_books.iter().map(|book| book.name.clone()).collect(),
        frame: visit.frame(Here::Devices, open(settings)),
    })
}

/// What waits, where there is a mirror already.
fn open(settings: &Settings) -> u64 {
    let counts = Reader::open(&settings.mirror.path).and_then(|reader| unanswered(&reader));
    counts.map_or(0, |(open, _)| open)
}

fn line(language: Language, DeviceShown { device, counts }: &DeviceShown) -> Line {
    let words = language.words();
    let book = device.book.clone().unwrap_or_else(|| words.all_contacts.to_owned());
    let book = if device.read_only { format!("{book} ({})", words.read_only) } else { book };
    let seen = device.last_seen_at.and_then(|at| DateTime::from_timestamp(at, 0));
    let seen = seen.map_or_else(|| words.never_seen.to_owned(), |at| moment(language, &stamp(at)));
    let program = device.program.as_ref().map_or_else(String::new, |program| format!(", {program}"));
    Line { name: device.name.clone(), book, cards: language.number(counts.cards), seen: format!("{seen}{program}") }
}

/// Adds a device, and shows its login this once: it is not kept.
pub(super) async fn add(Extension(visit): Extension<Visit>, Extension(form): Extension<Form>) -> Response {
    let settings = visit.settings();
    let added = visit
        .work(move || {
            let book = Some(form.get("book").to_owned()).filter(|book| !book.is_empty());
            let setup = Setup::new(&settings, form.get("name").trim());
            let password_hash = hash_password(&setup.password).map_err(|_| Trouble::Unreadable)?;
            let read_only = !form.get("read_only").is_empty();
            let device = NewDevice { name: setup.user.clone(), book, read_only, password_hash };
            match add_device(&settings, &device, WAIT, &mut |_| {}) {
                Ok(()) => Ok(Some((setup, open(&settings)))),
                Err(SyncError::Usage(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await;
    match added {
        Ok(Some((setup, open))) => {
            let page = Added {
                title: fill(visit.words().device_added, &[("name", &setup.user)]),
                server: setup.address.clone().unwrap_or_default(),
                code: setup.link().and_then(|link| code(&link)),
                user: setup.user,
                password: setup.password,
                frame: visit.frame(Here::Devices, open),
            };
            render(&page, StatusCode::OK)
        }
        Ok(None) => see("/desk/devices?refused=true#told"),
        Err(trouble) => visit.trouble(&trouble),
    }
}

fn code(link: &str) -> Option<Code> {
    let code = QrCode::with_error_correction_level(link, EcLevel::L).ok()?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + BORDER, at / width + BORDER)).collect();
    Some(Code { width: width + 2 * BORDER, path })
}

/// What revoking would do.
pub(super) async fn show_revoke(Extension(visit): Extension<Visit>, Query(asked): Query<Asked>) -> Response {
    let (reading, settings) = (visit.clone(), visit.settings());
    let page = visit
        .work(move || {
            let shown = devices(&settings)?.into_iter().find(|shown| shown.device.name == asked.name);
            let waiting = shown.ok_or(Trouble::NotFound)?.counts.waiting;
            let words = reading.words();
            let number = reading.language.number(waiting);
            Ok(Revoke {
                title: fill(words.revoke_title, &[("name", &asked.name)]),
                loses: (waiting > 0).then(|| fill(words.revoke_loses, &[("n", &number)])),
                name: asked.name,
                frame: reading.frame(Here::Devices, open(&settings)),
            })
        })
        .await;
    visit.answer(page)
}

/// Takes a device away.
pub(super) async fn revoke(Extension(visit): Extension<Visit>, Extension(form): Extension<Form>) -> Response {
    let settings = visit.settings();
    let name = form.get("name").to_owned();
    let gone = visit
        .work(move || match revoke_device(&settings, &name, WAIT, &mut |_| {}) {
            // The login is gone; what the mirror knows of it goes with a later device of the name.
            Ok(_) | Err(SyncError::Locked(_)) => Ok(()),
            Err(error) => Err(error.into()),
        })
        .await;
    match gone {
        Ok(()) => see("/desk/devices"),
        Err(Trouble::NotFound) => message(visit.language, StatusCode::NOT_FOUND, visit.words().not_found.to_owned()),
        Err(trouble) => visit.trouble(&trouble).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_squares_within_its_border() {
        let code = code("carddavs://a:b@example.com/").unwrap();
        assert!(code.width > 21 + 2 * BORDER - 1, "{}", code.width);
        assert!(code.path.starts_with("M4 4h1v1h-1zM5 4"), "{}", &code.path[..40]);
    }
}
