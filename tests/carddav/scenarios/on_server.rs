//! A story's book on a server. The folder that its steps work on is a working copy, carried there and back by a client that
//! is none of carnet's.

use std::{collections::BTreeMap, fs, path::Path};

use super::{place::Place, words::Outcome};
use crate::server::{About, Other, Server};

/// A book on a server, empty at first.
pub struct OnServer {
    about: About,
    other: Other,
    /// The cards as the working copy has them: ETag and text, by name.
    held: BTreeMap<String, (String, Vec<u8>)>,
}

impl OnServer {
    /// A new address book where the server makes one when asked; else the one there is, emptied.
    pub fn new(server: &Server, name: &str) -> Self {
        let mut about = server.about.clone();
        let other = if server.makes_books() {
            let (home, _) = about.url.trim_end_matches('/').rsplit_once('/').expect("a collection in a home");
            about.url = format!("{home}/{name}/");
            apart(|| server.book(&about.url))
        } else {
            let other = server.other();
            apart(|| other.cards().iter().for_each(|card| other.delete(card)));
            other
        };
        Self { about, other, held: BTreeMap::new() }
    }
}

/// Does what waits for a server on a thread of its own: the story's thread must not wait inside of its run time.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Place for OnServer {
    fn lines(&self) -> String {
        let About { url, username, password, .. } = &self.about;
        format!("kind = \"carddav\"\nurl = \"{url}\"\nusername = \"{username}\"\npassword = \"{password}\"\n")
    }

    fn pull(&mut self, folder: &Path) -> Outcome {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let (other, held) = (&self.other, &mut self.held);
        apart(|| {
            let listed = other.listed();
            let gone: Vec<String> =
                held.keys().filter(|name| !listed.iter().any(|(_, it, _)| it == *name)).cloned().collect();
            for name in gone {
                held.remove(&name);
                fs::remove_file(folder.join(name)).map_err(|error| error.to_string())?;
            }
            for (card, name, etag) in listed {
                if held.get(&name).is_none_or(|(known, _)| *known != etag) {
                    let text = other.get(&card).into_bytes();
                    fs::write(folder.join(&name), &text).map_err(|error| error.to_string())?;
                    held.insert(name, (etag, text));
                }
            }
            Ok(())
        })
    }

    fn push(&mut self, folder: &Path) -> Outcome {
        let mut cards = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
            let entry = entry.map_err(|error| error.to_string())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            cards.insert(name, fs::read(entry.path()).map_err(|error| error.to_string())?);
        }
        let (other, held) = (&self.other, &mut self.held);
        apart(|| {
            let gone: Vec<String> = held.keys().filter(|name| !cards.contains_key(*name)).cloned().collect();
            for name in gone {
                held.remove(&name);
                other.delete(&other.at(&name));
            }
            for (name, bytes) in cards {
                let before = held.get(&name).map(|(_, known)| known.as_slice());
                if before == Some(bytes.as_slice()) {
                    continue;
                }
                let text = with_uid(&name, &String::from_utf8_lossy(&bytes), before);
                let status = other.put(&other.at(&name), &text);
                if !status.is_success() {
                    return Err(format!("the server did not take {name}: {status}"));
                }
                // Read back by the next pull, whatever its ETag.
                held.insert(name, (String::new(), bytes));
            }
            Ok(())
        })
    }

    fn asks_twice(&self) -> bool {
        true
    }
}

/// A card with a UID, which servers ask for: the one that it had there, or any.
fn with_uid(name: &str, text: &str, before: Option<&[u8]>) -> String {
    let is_uid = |line: &&str| line.starts_with("UID:");
    let before = before.map(String::from_utf8_lossy).unwrap_or_default();
    match (before.lines().find(is_uid), text.lines().find(is_uid)) {
        (Some(held), Some(own)) => text.replacen(own, held, 1),
        (None, Some(_)) => text.to_owned(),
        (held, None) => {
            let made = format!("UID:{name}");
            text.replacen("END:VCARD", &format!("{}\r\nEND:VCARD", held.unwrap_or(&made)), 1)
        }
    }
}
