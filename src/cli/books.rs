//! `carnet books`: the books of the settings, and what address books there are on the server of one.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{context::Context, errors::CliError, exit, output::plain};
use crate::{
    app::{self, Found, Step},
    config::{Book, BookPlace, Settings},
};

/// `books` and what follows.
#[derive(Debug, Args)]
pub struct BooksArgs {
    #[command(subcommand)]
    command: Option<BooksCommand>,
}

#[derive(Debug, Subcommand)]
enum BooksCommand {
    /// List the settings' books: name, kind, direction, where
    List,
    /// Ask the server of a carddav book which address books there are; -v shows each step
    Discover {
        /// The book's name
        name: String,
    },
}

/// `carnet books`.
pub fn run(args: &BooksArgs, context: &mut Context) -> Result<u8, CliError> {
    context.start_logging("warn");
    match &args.command {
        None | Some(BooksCommand::List) => list(context),
        Some(BooksCommand::Discover { name }) => discover(name, context),
    }
}

fn list(context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings_with_devices()?;
    if context.out.json {
        for book in &settings.books {
            let mut object = json!({
                "type": "book", "name": book.name, "kind": book.kind().word(), "direction": book.direction.word()
            });
            let (key, place) = place(book);
            object[key] = place.into();
            context.out.object(&object)?;
        }
        return Ok(exit::DONE);
    }
    let row = |book: &Book| {
        let words = [&book.name, book.kind().word(), book.direction.word()];
        words.map(str::to_owned).into_iter().chain([place(book).1]).collect()
    };
    let rows: Vec<Vec<String>> = settings.books.iter().map(row).collect();
    if rows.is_empty() {
        context.talk("the settings name no book; `man carnet.toml` shows how: [[book]]");
    } else {
        context.out.rows(&["name", "kind", "direction", "where"], &rows)?;
    }
    Ok(exit::DONE)
}

/// Where a book is, under the key of the settings that says so.
fn place(book: &Book) -> (&'static str, String) {
    match &book.place {
        BookPlace::Vdir(path) | BookPlace::Vcard(path) | BookPlace::Csv(path) => ("path", path.display().to_string()),
        BookPlace::Carddav(server) => ("url", server.url.clone()),
        BookPlace::Devices => ("path", String::new()),
    }
}

fn discover(name: &str, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let runtime = context.runtime()?;
    let tells = context.global.verbose > 0;
    let mut tell = |Step { what, outcome }: Step| {
        if tells {
            // Talk is not worth failing for.
            let _ = writeln!(anstream::stderr(), "{}: {}", plain(&what), plain(&outcome));
        }
    };
    let found = runtime.block_on(app::discover(&settings, name, &mut tell));
    runtime.shutdown_background();
    let found = found?;
    if context.out.json {
        for Found { url, name: shown } in &found {
            let is_set = is_set(&settings, name, url);
            context.out.object(&json!({ "type": "address_book", "url": url, "name": shown, "is_set": is_set }))?;
        }
    } else if !found.is_empty() {
        let row = |Found { url, name }: &Found| vec![url.clone(), name.clone().unwrap_or_default()];
        context.out.rows(&["url", "name"], &found.iter().map(row).collect::<Vec<_>>())?;
    }
    let is_there = found.iter().any(|found| is_set(&settings, name, &found.url));
    match found.as_slice() {
        [] => {
            let message = format!("find an address book on the server of book {name}: there is none");
            return Err(CliError::failed(message, "make one there, or check the book's url and login"));
        }
        _ if is_there => context.talk(&format!("the url of book {name} is right")),
        [Found { url, .. }] => {
            context.talk(&format!("to name it for good: set url = \"{}\" of book {name}", plain(url)));
        }
        _ => context.talk(&format!("set the url of book {name} to that of one of them")),
    }
    Ok(exit::DONE)
}

/// True where this is the address that the settings have.
fn is_set(settings: &Settings, name: &str, url: &str) -> bool {
    let server = settings.book(name).and_then(Book::server);
    server.is_some_and(|server| server.url.trim_end_matches('/') == url.trim_end_matches('/'))
}
