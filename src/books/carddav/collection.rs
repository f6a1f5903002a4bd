//! One address book on a server: what is asked of it, each answer read strictly.
//!
//! The rules are those that five real servers taught: list by PROPFIND and by type, never by a query; ask for cards by
//! multiget, and for one that it left out once more by GET, whose word alone means that it is gone.

use std::collections::BTreeMap;

use reqwest::header;

use super::{
    client::DavClient,
    error::{self, Asked},
    fetched::Fetched,
    wire::DavRequest,
};
use crate::{
    dav::{self, COLLECTION_CTAG, COLLECTION_LOOK, Href, MEMBERS, Ns, Response, encode_segment, read_multistatus},
    replica::ReplicaError,
    transport::WholeAnswer,
};

/// An address book on a server. Clones share the connection.
#[derive(Clone)]
pub struct Collection {
    /// The connection.
    pub client: DavClient,
    /// Its path, as the server spells it, with a slash at its end.
    pub path: String,
    href: Href,
}

/// What a collection says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// What people call it.
    pub display_name: Option<String>,
    /// Where changes are counted from.
    pub sync_token: Option<String>,
    /// Changes with every change in it; only where it is asked for.
    pub ctag: Option<String>,
    /// It answers sync-collection.
    pub syncs: bool,
    /// It answers addressbook-multiget.
    pub multigets: bool,
    /// The vCard versions that it says it takes; none told.
    pub versions: Vec<String>,
    /// The largest card that it takes, if it says so.
    pub card_len_max: Option<u64>,
    /// False where this login may only read.
    pub writable: bool,
}

/// A card in a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its name in the collection, decoded.
    pub name: String,
    /// Its ETag, if one is told.
    pub etag: Option<String>,
}

/// What changed since a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Cards that are new or changed.
    pub changed: Vec<Member>,
    /// Names of what is said to be gone; some were never known.
    pub gone: Vec<String>,
    /// The token for the next time.
    pub token: String,
    /// The answer was cut: there is more behind its token.
    pub is_cut: bool,
}

impl Collection {
    /// The address book at this path.
    pub fn new(client: DavClient, path: &str) -> Self {
        let slash = if path.ends_with('/') { "" } else { "/" };
        let path = format!("{path}{slash}");
        Self { client, href: Href::of_path(&path), path }
    }

    /// The path of a card in it.
    pub fn path_of(&self, name: &str) -> String {
        format!("{}{}", self.path, encode_segment(name))
    }

    /// What it says of itself; an error where it is no address book that can be believed.
    pub async fn look(&self) -> Result<Look, ReplicaError> {
        self.look_for(COLLECTION_LOOK).await
    }

    /// What changes with every change in it, if it has that.
    pub async fn ctag(&self) -> Result<Option<String>, ReplicaError> {
        Ok(self.look_for(COLLECTION_CTAG).await?.ctag)
    }

    /// True if it is there and an address book; an error otherwise.
    pub async fn is_well(&self) -> Result<(), ReplicaError> {
        self.look_for(&["D:resourcetype"]).await.map(|_| ())
    }

    async fn look_for(&self, properties: &[&str]) -> Result<Look, ReplicaError> {
        let what = "look at the address book";
        let answer = self.client.read(what, propfind(&self.path, "0", properties)).await?;
        let mut look = None;
        let mut denied = matches!(answer.status, 404 | 410);
        if !denied {
            responses(what, &answer, &mut |response| {
                // Asked at depth 0, it answers for itself alone, in whatever spelling.
                denied |= response.is_gone();
                look.get_or_insert_with(|| response.is_address_book().then(|| Look::of(&response)));
            })?;
        }
        match look {
            Some(Some(look)) if !denied => Ok(look),
            Some(None) if !denied => Err(error::distrusted(
                format!("use the address book at {}: what is there is no address book", self.path),
                "nothing was changed; check the book's url",
            )),
            _ => Err(error::distrusted(
                format!("use the address book at {}: the server does not have it", self.path),
                "nothing was changed, and no card is taken for deleted; if it was moved, set the book's url to its new place",
            )),
        }
    }

    /// Every card in it.
    pub async fn members(&self) -> Result<Vec<Member>, ReplicaError> {
        let what = "list the cards";
        let answer = self.client.read(what, propfind(&self.path, "1", MEMBERS)).await?;
        let (mut members, mut is_cut) = (BTreeMap::new(), false);
        responses(what, &answer, &mut |response| {
            let href = Href::parse(&response.href, &self.href);
            let Some(name) = self.href.name_of(&href) else {
                is_cut |= response.status == Some(507);
                return;
            };
            if response.status.is_none_or(|status| status < 300) && !response.is_collection() {
                members.insert(name.to_owned(), etag_of(&response));
            }
        })?;
        if is_cut {
            return Err(ReplicaError::Unavailable(
                crate::replica::Diagnostic::new("list the cards: the server lists only a part of them")
                    .hint("ask who runs the server to allow longer listings; no card is taken for deleted"),
            ));
        }
        Ok(members.into_iter().map(|(name, etag)| Member { name, etag }).collect())
    }

    /// What changed since a token; none where the server does not know it any more.
    pub async fn changes(&self, token: &str) -> Result<Option<Changes>, ReplicaError> {
        let what = "ask for changed cards";
        let request =
            DavRequest::new("REPORT", self.path.as_str()).header("depth", "0").xml(dav::sync_collection(token));
        let answer = self.client.read(what, request).await?;
        if matches!(answer.status, 400..=499) && !matches!(answer.status, 401 | 404 | 410 | 429) {
            // 403, 409, 412 and 400 have all been seen for a token that is not known: a whole listing tells either way.
            return Ok(None);
        }
        let mut changes = Changes::default();
        let (mut changed, mut gone) = (BTreeMap::new(), BTreeMap::new());
        let tail = responses(what, &answer, &mut |response| {
            let href = Href::parse(&response.href, &self.href);
            let Some(name) = self.href.name_of(&href) else {
                changes.is_cut |= response.status == Some(507);
                return;
            };
            if response.is_gone() {
                gone.insert(name.to_owned(), ());
            } else if !name.is_empty() && !response.is_collection() {
                changed.insert(name.to_owned(), etag_of(&response));
            }
        })?;
        let Some(token) = tail else { return Ok(None) };
        changes.token = settled(&token);
        // Named both ways, it is asked for.
        changes.gone = gone.into_keys().filter(|name| !changed.contains_key(name)).collect();
        changes.changed = changed.into_iter().map(|(name, etag)| Member { name, etag }).collect();
        Ok(Some(changes))
    }

    /// Cards by name. What is not in the answer was not given, whatever the reason.
    pub async fn multiget(&self, names: &[String]) -> Result<BTreeMap<String, Fetched>, ReplicaError> {
        let what = "read cards";
        let paths: Vec<String> = names.iter().map(|name| self.path_of(name)).collect();
        let request = DavRequest::new("REPORT", self.path.as_str()).header("depth", "1").xml(dav::multiget(&paths));
        let answer = self.client.read(what, request).await?;
        let mut cards = BTreeMap::new();
        responses(what, &answer, &mut |response| {
            let href = Href::parse(&response.href, &self.href);
            if let Some(name) = self.href.name_of(&href)
                && let Some(text) = response.property(Ns::CardDav, "address-data")
                && !text.text.trim().is_empty()
            {
                let etag = etag_of(&response);
                cards.insert(name.to_owned(), Fetched::new(etag.as_deref(), text.text.as_bytes()));
            }
        })?;
        Ok(cards)
    }

    /// One card; none where the server says that it is not there.
    pub async fn get(&self, name: &str) -> Result<Option<Fetched>, ReplicaError> {
        let what = "read a card";
        let request = DavRequest::new("GET", self.path_of(name)).header("accept", "text/vcard");
        let answer = self.client.read(what, request).await?;
        match answer.status {
            200 => Ok(Some(Fetched::new(answer.header(header::ETAG), &answer.body))),
            404 | 410 => Ok(None),
            _ => Err(error::of_status(&Asked::reading(what), &answer)),
        }
    }
}

impl Look {
    fn of(response: &Response<'_>) -> Self {
        let text = |ns, local| response.text(ns, local);
        let reports = response.property(Ns::Dav, "supported-report-set");
        let offers = |ns, local| reports.is_none_or(|reports| reports.holds(ns, local));
        let privileges = response.property(Ns::Dav, "current-user-privilege-set");
        let may = |local| privileges.is_none_or(|privileges| privileges.holds(Ns::Dav, local));
        let versions = response.property(Ns::CardDav, "supported-address-data").map(|data| {
            let version =
                |child: &dav::Element<'_>| crate::xml::attribute(child.attributes, "version").map(str::to_owned);
            data.children.iter().filter_map(version).collect()
        });
        Self {
            display_name: text(Ns::Dav, "displayname"),
            sync_token: text(Ns::Dav, "sync-token").map(|token| settled(&token)),
            ctag: text(Ns::CalendarServer, "getctag"),
            syncs: reports.is_some_and(|reports| reports.holds(Ns::Dav, "sync-collection")),
            multigets: offers(Ns::CardDav, "addressbook-multiget"),
            versions: versions.unwrap_or_default(),
            card_len_max: text(Ns::CardDav, "max-resource-size").and_then(|size| size.parse().ok()),
            writable: may("write") || may("write-content") || may("all") || may("bind"),
        }
    }
}

/// The token to go on from. One server's is its clock, in seconds: what changes later in the second that it names is never
/// told. The second before is asked from, and a few cards are read twice.
fn settled(token: &str) -> String {
    let is_clock = token.len() == 10 && token.bytes().all(|byte| byte.is_ascii_digit());
    match token.parse::<u64>() {
        Ok(seconds) if is_clock => (seconds - 1).to_string(),
        _ => token.to_owned(),
    }
}

/// Hands over the responses of a multistatus, once it is known to be whole; the sync token behind them.
pub fn responses(
    what: &str,
    answer: &WholeAnswer,
    take: &mut dyn FnMut(Response<'_>),
) -> Result<Option<String>, ReplicaError> {
    if answer.status != 207 {
        return Err(error::of_status(&Asked::reading(what), answer));
    }
    let text = crate::xml::decode(&answer.body, answer.header(header::CONTENT_TYPE))
        .map_err(|error| error::unreadable(what, &error.into()))?;
    let mut responses = Vec::new();
    let tail = read_multistatus(&text, &mut |response| responses.push(response))
        .map_err(|error| error::unreadable(what, &error))?;
    responses.into_iter().for_each(take);
    Ok(tail.sync_token)
}

/// PROPFIND of a path.
pub fn propfind(path: &str, depth: &'static str, properties: &[&str]) -> DavRequest {
    DavRequest::new("PROPFIND", path).header("depth", depth).xml(dav::propfind(properties))
}

fn etag_of(response: &Response<'_>) -> Option<String> {
    response.text(Ns::Dav, "getetag")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_a_clock_is_put_back() {
        for (token, expected) in [
            ("1796039020", "1796039019"),
            ("-1", "-1"),
            ("0", "0"),
            ("data:,7", "data:,7"),
            ("17960390201", "17960390201"),
        ] {
            assert_eq!(settled(token), expected);
        }
    }
}
