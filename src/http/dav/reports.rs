//! REPORT on an address book: which cards fit (RFC 6352, 8.6), these cards (8.7), what changed (RFC 6578, 3.2).

use std::fmt::Write;

use axum::http::StatusCode;

use super::{
    card::{is_wanted_as_served, told, with_lines},
    paths::Resource,
    properties::{Facts, Questions, Target},
    reply::Reply,
    session::{Asked, Session},
};
use crate::{
    books::served::{Card, Change, Changes, Member, StoreError},
    dav::{
        Condition, Filter, FilterError, Found, Multistatus, Name, Ns, Report, ReportError, Status, SyncToken, Wanted,
        WantedText, read_report,
    },
};

/// The reports that there are.
pub(super) const REPORTS: [Name<'static>; 3] = [
    Name::known(Ns::CardDav, "addressbook-query"),
    Name::known(Ns::CardDav, "addressbook-multiget"),
    Name::known(Ns::Dav, "sync-collection"),
];
const ADDRESS_DATA: Name<'static> = Name::known(Ns::CardDav, "address-data");

/// An answer about changes ends behind so many bytes, and the program asks on: cards with pictures are large.
const CHANGES_BYTES_MAX: usize = 32 << 20;
/// So many changes with their cards are read at a time.
const CHANGES_AT_A_TIME: usize = 500;

/// What is asked of each card.
struct Ask<'a> {
    questions: Questions<'a>,
    text: Option<WantedText>,
}

impl<'a> Ask<'a> {
    fn of(wanted: Wanted<'a>, prefers_less: bool) -> Self {
        let questions = Questions::of(wanted.properties, prefers_less);
        Self { questions, text: wanted.text }
    }

    fn answer(&self, out: &mut Multistatus<impl Write>, facts: &Facts<'_>, member: &Member, body: Option<&[u8]>) {
        let address = facts.paths.card(&facts.device.name, &member.name);
        let more = |found: &mut Found<'_>| {
            if let (Some(wanted), Some(body)) = (&self.text, body) {
                found.has_text(&ADDRESS_DATA, &told(body, wanted));
            }
        };
        self.questions.answer(out, &address, facts, Target::Card(member), more);
    }
}

impl Session<'_> {
    pub(super) fn report(&mut self, asked: &Asked, resource: &Resource) -> Result<Reply, StoreError> {
        match resource {
            Resource::Book => {}
            Resource::Card(_) | Resource::Nothing | Resource::Foreign => return Ok(Reply::not_found()),
            Resource::Root | Resource::Principal => return Ok(no_report()),
        }
        // Programs send none, 0 or 1 and mean the same: an address book has no folders.
        if asked.custom("depth").is_some_and(|depth| !matches!(depth, "0" | "1")) {
            return Ok(Reply::bad("Depth is neither 0 nor 1"));
        }
        let text = match asked.text() {
            Ok(text) => text,
            Err(reply) => return Ok(reply),
        };
        let report = match read_report(&text) {
            Ok(report) => report,
            Err(error) => return Ok(misunderstood(error)),
        };
        let less = asked.prefers_less();
        if let Report::Query { wanted, .. } | Report::Multiget { wanted, .. } | Report::Sync { wanted, .. } = &report
            && wanted.text.as_ref().is_some_and(|text| !is_wanted_as_served(text))
        {
            let why = "cards are served as text/vcard, version 3.0";
            return Ok(Reply::refused(StatusCode::FORBIDDEN, Condition::SupportedData, "", why));
        }
        let reply = match report {
            Report::Query { wanted, filter, limit } => self.query(&Ask::of(wanted, less), &filter, limit)?,
            Report::Multiget { wanted, hrefs } => self.multiget(&Ask::of(wanted, less), &hrefs)?,
            Report::Sync { wanted, token, limit } => {
                match self.sync(&Ask::of(wanted, less), token.as_deref(), limit)? {
                    Some(reply) => reply,
                    None => return Ok(unknown_token(asked)),
                }
            }
            Report::Other => return Ok(no_report()),
        };
        Ok(reply.abridged(less))
    }

    /// The cards are looked through first and handed out then: the device has not seen those that do not fit.
    fn query(&mut self, ask: &Ask<'_>, filter: &Filter, limit: Option<usize>) -> Result<Reply, StoreError> {
        let mut fitting: Vec<Member> = Vec::new();
        if filter.takes_all() {
            self.store.members(self.device.id, |member| fitting.push(member))?;
        } else {
            self.store.look_through(self.device.id, |member, body| {
                if with_lines(body, |lines| filter.takes(lines)) {
                    fitting.push(member);
                }
            })?;
        }
        let is_cut = limit.is_some_and(|limit| fitting.len() > limit);
        fitting.truncate(limit.unwrap_or(usize::MAX));
        let mut out = self.multistatus();
        if is_cut {
            out.status(&self.book(), Status::Cut);
        }
        let facts = self.facts();
        if ask.text.is_none() {
            fitting.iter().for_each(|member| ask.answer(&mut out, &facts, member, None));
            return Ok(Reply::multistatus(out.finish(None)));
        }
        let names: Vec<&str> = fitting.iter().map(|member| member.name.as_str()).collect();
        self.store.cards(self.device.id, &names, |_, card| {
            // One that went in between is not there.
            if let Some(Card { member, body }) = card {
                ask.answer(&mut out, &facts, &member, Some(&body));
            }
        })?;
        Ok(Reply::multistatus(out.finish(None)))
    }

    /// One answer for each address, in their order.
    fn multiget(&mut self, ask: &Ask<'_>, hrefs: &[String]) -> Result<Reply, StoreError> {
        let facts = self.facts();
        let places: Vec<Resource> = hrefs.iter().map(|href| self.paths.resource_in(href, &self.device.name)).collect();
        let mut out = self.multistatus();
        if ask.text.is_none() {
            for (href, place) in hrefs.iter().zip(&places) {
                let member = match place {
                    Resource::Card(name) => self.store.member(self.device.id, name)?,
                    _ => None,
                };
                match member {
                    Some(member) => ask.answer(&mut out, &facts, &member, None),
                    None => out.status(href, Status::NotFound),
                }
            }
            return Ok(Reply::multistatus(out.finish(None)));
        }
        let names: Vec<&str> = places.iter().filter_map(Resource::card_name).collect();
        let mut rest = hrefs.iter().zip(&places);
        self.store.cards(self.device.id, &names, |_, card| {
            // What is no card's address stands between those that are.
            for (href, place) in rest.by_ref() {
                match (&card, place.card_name()) {
                    (_, None) => out.status(href, Status::NotFound),
                    (None, Some(_)) => return out.status(href, Status::NotFound),
                    (Some(Card { member, body }), Some(_)) => return ask.answer(&mut out, &facts, member, Some(body)),
                }
            }
        })?;
        rest.for_each(|(href, _)| out.status(href, Status::NotFound));
        Ok(Reply::multistatus(out.finish(None)))
    }

    /// What changed since the token; none for a token that is not of this book as it is.
    fn sync(&mut self, ask: &Ask<'_>, token: Option<&str>, limit: Option<usize>) -> Result<Option<Reply>, StoreError> {
        let book_id = self.store.look(self.device.id)?.book_id;
        let mut since = None;
        if let Some(token) = token {
            let Some(token) = SyncToken::read(token).filter(|token| token.book_id == book_id) else { return Ok(None) };
            since = Some(token.counter);
        }
        let facts = self.facts();
        let (mut out, mut left) = (self.multistatus(), limit.unwrap_or(usize::MAX));
        let end = loop {
            let at_a_time = if ask.text.is_some() { left.min(CHANGES_AT_A_TIME) } else { left };
            let at_most = Some(at_a_time).filter(|count| *count < usize::MAX);
            let end = self.store.changes_since(self.device.id, since, at_most, ask.text.is_some(), |change| {
                left = left.saturating_sub(1);
                match change {
                    Change::Changed { member, body } => ask.answer(&mut out, &facts, &member, body.as_deref()),
                    Change::Gone { name } => out.status(&facts.paths.card(&facts.device.name, &name), Status::NotFound),
                }
            })?;
            let Some(end) = end else { return Ok(None) };
            if !end.is_cut || left == 0 || out.byte_count() > CHANGES_BYTES_MAX {
                break end;
            }
            since = Some(end.counter);
        };
        let Changes { counter, is_cut } = end;
        if is_cut {
            out.status(&self.book(), Status::Cut);
        }
        let token = SyncToken { book_id, counter }.to_uri();
        Ok(Some(Reply::multistatus(out.finish(Some(&token)))))
    }
}

impl Resource {
    fn card_name(&self) -> Option<&str> {
        match self {
            Resource::Card(name) => Some(name),
            _ => None,
        }
    }
}

/// Thunderbird begins anew at a 400 and is stuck for ever at a 403, which all others expect.
fn unknown_token(asked: &Asked) -> Reply {
    let status = if asked.is_of_thunderbird() { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
    Reply::refused(
        status,
        Condition::ValidSyncToken,
        "",
        "this sync token is not of this address book; begin without one",
    )
}

fn no_report() -> Reply {
    Reply::refused(StatusCode::FORBIDDEN, Condition::SupportedReport, "", "there is no such report here")
}

fn misunderstood(error: ReportError) -> Reply {
    let (condition, why) = match error {
        ReportError::Body(error) => return Reply::bad(error),
        ReportError::Filter(FilterError::Unsupported) => {
            (Condition::SupportedFilter, "the filter asks for something that is not known here")
        }
        ReportError::Filter(FilterError::Collation) => {
            (Condition::SupportedCollation, "i;ascii-casemap and i;unicode-casemap are known here")
        }
    };
    Reply::refused(StatusCode::FORBIDDEN, condition, "", why)
}
