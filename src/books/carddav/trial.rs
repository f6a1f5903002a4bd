//! Tries an address book on a server: login and listing, and, where a user agrees, a throwaway card that is made, read back,
//! changed and removed again.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    Carddav,
    collection::Look,
    read_back::{judge, words},
    reading::{Outcome, read_one},
    settings::CarddavSettings,
    state::revision,
};
use crate::{
    contact::{Contact, FieldSet, Item, ItemType},
    replica::{Action, RemoteContact, Replica, ReplicaError, Write},
};

/// What is to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Reading alone.
    Read,
    /// Writing too, with a throwaway card.
    Write,
}

/// What was learned of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// The address book's whole address.
    pub url: String,
    /// What people call it.
    pub name: Option<String>,
    /// Cards in it.
    pub cards: usize,
    /// It counts changes (sync-collection).
    pub counts_changes: bool,
    /// The vCard versions that it says it takes.
    pub versions: Vec<String>,
    /// The largest card that it takes, in bytes, if it says so.
    pub card_len_max: Option<u64>,
    /// False where this login may only read.
    pub writable: bool,
    /// What it does not keep as it is sent, by property; none where nothing was written.
    pub alters: Option<BTreeSet<String>>,
}

/// Tries an address book.
///
/// # Errors
/// What failed, named as for a run.
pub async fn try_out(settings: CarddavSettings, trial: Trial) -> Result<Learned, ReplicaError> {
    let mut book = Carddav::new(settings).map_err(|diagnostic| {
        super::error::distrusted(diagnostic.message, diagnostic.hint.as_deref().unwrap_or_default())
    })?;
    let collection = book.collection().await?;
    let look = collection.look().await?;
    let cards = collection.members().await?.len();
    let url = book.client.base().join(&collection.path).map(|url| url.to_string()).unwrap_or_default();
    let Look { display_name, syncs, versions, card_len_max, writable, .. } = look;
    let alters = match trial {
        Trial::Read => None,
        Trial::Write => {
            book.remove_throwaways().await?;
            Some(book.write_throwaway().await?)
        }
    };
    Ok(Learned { url, name: display_name, cards, counts_changes: syncs, versions, card_len_max, writable, alters })
}

/// What the names of throwaway cards begin with: a scan passes over them.
pub(super) const THROWAWAY: &str = "carnet-check-";

impl Carddav {
    /// Removes throwaway cards that an earlier trial left behind.
    async fn remove_throwaways(&mut self) -> Result<(), ReplicaError> {
        let collection = self.collection().await?;
        let left = collection.members().await?.into_iter().filter(|member| member.name.starts_with(THROWAWAY));
        for member in left {
            let Outcome::Card(card) = read_one(&collection, &member.name).await? else { continue };
            let revision = revision(card.etag.as_deref(), &card.digest(), None);
            let theirs = Contact::default();
            let action = Action::Delete { remote: member.name, revision, theirs };
            self.apply(vec![Write { uid: String::new(), crm_id: None, action }]).await.remove(0)?;
        }
        Ok(())
    }

    /// Makes a card, changes it and removes it; what the server made of it.
    async fn write_throwaway(&mut self) -> Result<BTreeSet<String>, ReplicaError> {
        let (uid, contact) = (format!("{THROWAWAY}{}", Uuid::new_v4()), throwaway());
        let write = |action| Write { uid: uid.clone(), crm_id: None, action };
        let made = self.one(write(Action::Create { contact: contact.clone() })).await?;
        let mut alters = altered(&contact, &made);
        let changed = Contact { job_title: "carnet check, changed".into(), ..made.contact.clone() };
        let update = Action::Update {
            remote: made.remote.clone(),
            revision: made.revision.clone(),
            theirs: made.contact.clone(),
            contact: changed.clone(),
            changed: made.contact.differing(&changed).and(FieldSet::ALL),
            detail: None,
        };
        let again = self.one(write(update)).await;
        // Removed whatever came of the change: as it was made where that failed.
        let last = again.as_ref().unwrap_or(&made).clone();
        let removal = Action::Delete { remote: last.remote, revision: last.revision, theirs: last.contact };
        let removed = self.apply(vec![write(removal)]).await.remove(0);
        alters.extend(altered(&changed, &again?));
        removed.map(|_| alters)
    }

    async fn one(&mut self, write: Write) -> Result<RemoteContact, ReplicaError> {
        match self.apply(vec![write]).await.remove(0)? {
            Some(record) => Ok(record),
            None => Err(ReplicaError::Stale(None)),
        }
    }
}

fn altered(sent: &Contact, made: &RemoteContact) -> BTreeSet<String> {
    let altered = judge(sent, &made.contact, true, &BTreeSet::new()).altered;
    words(&altered).split_whitespace().map(|word| if word == OWN { "X-" } else { word }.to_owned()).collect()
}

/// Stands for any property of somebody's own.
const OWN: &str = "X-CARNET-CHECK";

/// A card of all that servers are known to alter. Nobody is called so, and no telephone rings.
fn throwaway() -> Contact {
    Contact {
        last_name: "carnet check".into(),
        first_name: "Throwaway, may be deleted".into(),
        job_title: "carnet check".into(),
        company: "Check, Try; Co".into(),
        job_department: "Trials".into(),
        comment: "Made by `carnet check` to see what this server keeps, and removed again.\nSecond line".into(),
        items: vec![
            Item::new(ItemType::ProfessionalPhone, "+33 1 99 00 00 00"),
            Item::new(ItemType::ProfessionalEmail, "carnet-check@example.invalid"),
        ],
        extra: vec![
            "NICKNAME:One,Two".into(),
            "BDAY:1980-01-02".into(),
            "URL:https://example.invalid/?a=1,2".into(),
            "X-CARNET-CHECK:a,b;c".into(),
            PHOTO.into(),
        ],
        ..Contact::default()
    }
}

/// One white point.
const PHOTO: &str = "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTe2bgAAAABJRU5ErkJggg==";
