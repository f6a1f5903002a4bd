//! PUT and DELETE of a card: into the device's own book, under the request's conditions, answered at once.

use axum::http::{StatusCode, header};

use super::{
    card::{Checked, Unfit, check},
    paths::Resource,
    properties::lacking_privilege,
    read::quoted,
    reply::Reply,
    session::{Answered, Asked, Session},
};
use crate::{
    books::served::{Condition, Deleted, Member, Put, StoreError},
    dav::{Condition as Precondition, Etags, href},
};

impl Session<'_> {
    pub(super) fn put(&mut self, asked: &Asked, resource: &Resource) -> Result<Answered, StoreError> {
        let name = match self.writable(resource, "write-content", "bind") {
            Ok(name) => name,
            Err(reply) => return Ok(unchanged(reply)),
        };
        let condition = match condition(asked) {
            Ok(condition) => condition,
            Err(reply) => return Ok(unchanged(reply)),
        };
        if asked.headers.contains_key(header::CONTENT_RANGE) {
            return Ok(unchanged(Reply::bad("a card is written whole, without Content-Range")));
        }
        if asked.header(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Ok(unchanged(Reply::text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send the card without Content-Encoding",
            )));
        }
        let present = self.store.member(self.device.id, name)?;
        let uid = match present {
            Some(Member { uid, .. }) => uid,
            None => self.given_uid(name)?,
        };
        let card = match check(&asked.body, asked.header(header::CONTENT_TYPE), &uid) {
            Ok(card) => card,
            Err(unfit) => return Ok(unchanged(refused(&unfit))),
        };
        self.stored(name, &card, &condition)
    }

    fn stored(&mut self, name: &str, card: &Checked<'_>, condition: &Condition) -> Result<Answered, StoreError> {
        let put = self.store.put(self.device.id, name, &card.uid, &card.body, condition)?;
        let (status, etag) = match put {
            Put::Created { etag } => (StatusCode::CREATED, etag),
            Put::Replaced { etag } => (StatusCode::NO_CONTENT, etag),
            Put::Same { etag } => return Ok(unchanged(tagged(StatusCode::NO_CONTENT, &etag, card))),
            Put::Failed(_) => return Ok(unchanged(Reply::of(StatusCode::PRECONDITION_FAILED))),
            Put::UidHeldBy(holder) => return Ok(unchanged(uid_conflict(&self.card(&holder)))),
            Put::OtherUid => return Ok(unchanged(uid_conflict(&self.card(name)))),
        };
        Ok(Answered { reply: tagged(status, &etag, card), changed: true })
    }

    pub(super) fn delete(&mut self, asked: &Asked, resource: &Resource) -> Result<Answered, StoreError> {
        let name = match (resource, self.writable(resource, "unbind", "unbind")) {
            (Resource::Root | Resource::Principal | Resource::Book, _) => {
                let inside = lacking_privilege(&self.paths.principal(&self.device.name), "unbind");
                let why = "a device's address book goes with the device, which carnet's owner revokes";
                let reply = Reply::refused(StatusCode::FORBIDDEN, Precondition::NeedPrivileges, &inside, why);
                return Ok(unchanged(reply));
            }
            (Resource::Nothing | Resource::Foreign, _) => return Ok(unchanged(Reply::not_found())),
            (Resource::Card(_), Err(reply)) => return Ok(unchanged(reply)),
            (Resource::Card(_), Ok(name)) => name,
        };
        let condition = match condition(asked) {
            Ok(condition) => condition,
            Err(reply) => return Ok(unchanged(reply)),
        };
        Ok(match self.store.delete(self.device.id, name, &condition)? {
            Deleted::Gone => Answered { reply: Reply::of(StatusCode::NO_CONTENT), changed: true },
            Deleted::Missing => unchanged(Reply::not_found()),
            // A program that removes a card once more, since the answer was lost, wants to hear that it is gone.
            Deleted::Failed(None) if matches!(condition, Condition::Match(_)) => unchanged(Reply::not_found()),
            Deleted::Failed(_) => unchanged(Reply::of(StatusCode::PRECONDITION_FAILED)),
        })
    }

    /// The name of the card that may be written there.
    fn writable<'r>(&self, resource: &'r Resource, on_card: &str, in_book: &str) -> Result<&'r str, Reply> {
        let name = match resource {
            Resource::Card(name) => name,
            Resource::Nothing => {
                return Err(Reply::text(
                    StatusCode::CONFLICT,
                    "there is no address book to put a card of this name in",
                ));
            }
            Resource::Root | Resource::Principal | Resource::Book | Resource::Foreign => {
                return Err(Reply::not_allowed(resource.allowed()));
            }
        };
        if self.device.read_only {
            let inside = lacking_privilege(&self.card(name), on_card) + &lacking_privilege(&self.book(), in_book);
            let why = "this device may read and not write";
            return Err(Reply::refused(StatusCode::FORBIDDEN, Precondition::NeedPrivileges, &inside, why));
        }
        Ok(name)
    }

    /// The UID that a new card gets which has none: the same whenever the same card is sent again.
    fn given_uid(&mut self, name: &str) -> Result<String, StoreError> {
        let look = self.store.look(self.device.id)?;
        let seed = format!("{} {name}", look.book_id);
        Ok(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, seed.as_bytes()).to_string())
    }
}

fn unchanged(reply: Reply) -> Answered {
    Answered { reply, changed: false }
}

/// An ETag is told only where what is stored is what was sent: whoever gets one need not read the card again.
fn tagged(status: StatusCode, etag: &str, card: &Checked<'_>) -> Reply {
    let reply = Reply::of(status);
    if card.is_as_sent() { reply.with(header::ETAG, quoted(etag)) } else { reply }
}

fn uid_conflict(holder: &str) -> Reply {
    let why = "a UID is one card's for good, and a card's UID never changes";
    Reply::refused(StatusCode::CONFLICT, Precondition::NoUidConflict, &href(holder), why)
}

fn refused(unfit: &Unfit) -> Reply {
    let (condition, why) = match unfit {
        Unfit::MediaType => (Precondition::SupportedData, "a card is text/vcard".to_owned()),
        Unfit::Card(why) => (Precondition::ValidData, why.clone()),
    };
    Reply::refused(StatusCode::FORBIDDEN, condition, "", &why)
}

/// The condition of a request. Weak tags equal nothing here; a header that is no list of tags is no licence to write.
fn condition(asked: &Asked) -> Result<Condition, Reply> {
    let strong = |etags: Vec<crate::dav::Etag>| {
        etags.into_iter().filter(|etag| !etag.is_weak).map(|etag| etag.opaque).collect::<Vec<_>>()
    };
    if let Some(value) = asked.list(header::IF_MATCH) {
        return match Etags::read(&value) {
            Some(Etags::Any) => Ok(Condition::MatchAny),
            Some(Etags::Listed(etags)) => Ok(Condition::Match(strong(etags))),
            None => Err(Reply::bad("If-Match is not a list of entity tags")),
        };
    }
    let Some(value) = asked.list(header::IF_NONE_MATCH) else { return Ok(Condition::None) };
    match Etags::read(&value) {
        Some(Etags::Any) => Ok(Condition::NoneMatchAny),
        // Compared weakly (RFC 9110, 13.1.2).
        Some(Etags::Listed(etags)) => Ok(Condition::NoneMatch(etags.into_iter().map(|etag| etag.opaque).collect())),
        None => Err(Reply::bad("If-None-Match is not a list of entity tags")),
    }
}
