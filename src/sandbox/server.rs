//! Answers requests: faults, login, action, and back to HTTP.
//!
//! What an action does is decided in the state and the pure modules; this file turns outcomes into status codes and
//! makes mishaps happen at their place in the course of a request.

use std::time::Duration;

use axum::{
    body::{Bytes, to_bytes},
    extract::{ConnectInfo, Request, State as Shared},
    http::{HeaderMap, header},
    response::Response,
};

use super::{
    SandboxError,
    answer::Answer,
    chance::Chance,
    faults::{Fault, Mishap},
    listener::ConnectionCutter,
    object::{Kind, Shape},
    route::{Action, Route, route},
    rows::{CONTACTS, FIRMS, Table},
    settings::{PastEnd, Quirk, SandboxSettings},
    state::FIRST_ID,
    store::{LoggedRequest, Outcome, Store},
    xml_read, xml_write,
};

/// A request's body may be this long, in bytes.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// A listing page holds at most so many, whatever was asked.
const PER_PAGE_MAX: usize = 250;
/// How much later a late commit comes.
const LATE: Duration = Duration::from_millis(500);

/// What the server of one sandbox needs.
#[derive(Debug, Clone)]
pub struct Server {
    store: Store,
    /// What follows `Basic ` in the header that opens the door.
    credentials: String,
}

impl Server {
    /// A server for this store.
    pub fn new(store: Store) -> Self {
        let login = format!("{}:{}", store.settings().user, store.settings().password);
        Self { store, credentials: base64(login.as_bytes()) }
    }

    /// What it serves.
    pub fn store(&self) -> Store {
        self.store.clone()
    }
}

/// Takes any request.
pub async fn handle(
    Shared(server): Shared<Server>,
    ConnectInfo(shears): ConnectInfo<ConnectionCutter>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let store = server.store.clone();
    let settings = store.settings();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return Answer::errors(413, &["the body is too long"], settings).into_response(false);
    };
    let asked = Asked {
        route: route(parts.method.as_str(), parts.uri.path(), parts.uri.query().unwrap_or_default(), &settings.account),
        headers: parts.headers,
        body,
    };
    let (faults, mishap, mut chance) = server.store.note(LoggedRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default(),
        body: String::from_utf8_lossy(&asked.body).into_owned(),
    });
    for fault in &faults {
        if let Fault::Slow(milliseconds) = fault {
            tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
        }
    }
    if let Some(answer) = instead(mishap, &shears, settings) {
        if mishap == Some(Mishap::Late) {
            tokio::spawn(async move {
                tokio::time::sleep(LATE).await;
                // Nobody waits for this answer, nor for its failure.
                let _ = server.act(asked, &faults, None, chance).await;
            });
        }
        return answer.into_response(false);
    }
    let answer = server.act(asked, &faults, mishap, chance.clone()).await;
    spoilt(answer, mishap, &shears, &mut chance, settings)
}

/// What is answered instead of doing anything, if the mishap is of that kind.
fn instead(mishap: Option<Mishap>, shears: &ConnectionCutter, settings: &SandboxSettings) -> Option<Answer> {
    match mishap? {
        Mishap::Error500 => Some(Answer::errors(500, &["internal server error"], settings)),
        Mishap::TooMany => {
            let answer = Answer::errors(429, &["too many requests"], settings);
            Some(answer.with(header::RETRY_AFTER, "1"))
        }
        Mishap::Html => Some(Answer::web_page()),
        Mishap::Drop | Mishap::Late => {
            shears.cut_now();
            Some(Answer::empty(500))
        }
        Mishap::Error500After | Mishap::DropAfter | Mishap::Truncate | Mishap::Shift | Mishap::Lie | Mishap::Thin => {
            None
        }
    }
}

/// The answer after what was done, as the mishap leaves it.
fn spoilt(
    answer: Answer,
    mishap: Option<Mishap>,
    shears: &ConnectionCutter,
    chance: &mut Chance,
    settings: &SandboxSettings,
) -> Response {
    match mishap {
        Some(Mishap::Error500After) => Answer::errors(500, &["internal server error"], settings).into_response(false),
        Some(Mishap::Truncate) if !answer.body.is_empty() => {
            shears.cut_body_after(chance.below(answer.body.len()));
            answer.into_response(chance.percent(50))
        }
        // An answer without a body cannot be cut in it: it is lost whole.
        Some(Mishap::DropAfter | Mishap::Truncate) => {
            shears.cut_now();
            answer.into_response(false)
        }
        Some(
            Mishap::Error500
            | Mishap::TooMany
            | Mishap::Drop
            | Mishap::Late
            | Mishap::Html
            | Mishap::Shift
            | Mishap::Lie
            | Mishap::Thin,
        )
        | None => answer.into_response(false),
    }
}

/// What was asked.
#[derive(Debug)]
pub struct Asked {
    /// The action.
    pub route: Route,
    /// The request's headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

impl Asked {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Server {
    async fn act(&self, asked: Asked, faults: &[Fault], mishap: Option<Mishap>, chance: Chance) -> Answer {
        let settings = self.store.settings();
        if faults.contains(&Fault::Unauthorized) || !self.lets_in(asked.header(header::AUTHORIZATION)) {
            return unauthorized(settings);
        }
        let media = asked.header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/xml") {
            return Answer::errors(415, &["the Content-Type is not application/xml"], settings);
        }
        let server = self.clone();
        let done = tokio::task::spawn_blocking(move || server.action(&asked, mishap, chance)).await;
        match done {
            Ok(Ok(answer)) => answer,
            // The state could not be read or written; the words stay here, as a real server's would.
            Ok(Err(_)) | Err(_) => Answer::errors(500, &["internal server error"], settings),
        }
    }

    fn lets_in(&self, authorization: &str) -> bool {
        let (scheme, credentials) = authorization.split_once(' ').unwrap_or_default();
        scheme.eq_ignore_ascii_case("basic") && credentials.trim() == self.credentials
    }

    /// Does what is asked, at once. Of the mishaps only those of listings and a lie are made here.
    pub fn action(&self, asked: &Asked, mishap: Option<Mishap>, chance: Chance) -> Result<Answer, SandboxError> {
        let Route::To(kind, action) = asked.route else {
            return Ok(nothing_here(self.store.settings()));
        };
        if let Some(refusal) = self.refusal(kind, action) {
            return Ok(refusal);
        }
        match kind {
            Kind::Contact => self.carry_out(&CONTACTS, action, asked, mishap, chance),
            Kind::Firm => self.carry_out(&FIRMS, action, asked, mishap, chance),
        }
    }

    fn carry_out<const N: usize>(
        &self,
        table: &'static Table<N>,
        action: Action,
        asked: &Asked,
        mishap: Option<Mishap>,
        mut chance: Chance,
    ) -> Result<Answer, SandboxError> {
        let (settings, shape) = (self.store.settings(), table.shape);
        let lies = mishap == Some(Mishap::Lie);
        let known = asked.header(header::IF_NONE_MATCH);
        match action {
            Action::List { page, per_page } => {
                let too_early = mishap == Some(Mishap::Shift) && chance.percent(50);
                Ok(self.list(table, (page, per_page), mishap, too_early)?.revalidated(known, settings))
            }
            Action::Read(id) => match self.store.get(table, id)?.filter(|_| !lies) {
                Some(object) => Ok(Answer::object(200, shape, &object, settings).revalidated(known, settings)),
                None => Ok(missing(shape, settings)),
            },
            Action::Create => self.write(table, None, &asked.body),
            Action::Update(id) => self.write(table, Some(id), &asked.body),
            Action::Delete(id) => Ok(match self.store.remove(shape.kind, id)? {
                Outcome::Done(()) => Answer::empty(200),
                Outcome::Missing => missing(shape, settings),
                Outcome::Refused(ties) => Answer::errors(422, &ties, settings),
            }),
        }
    }

    /// What is answered where the user may not do what is asked, or this server has no such thing.
    fn refusal(&self, kind: Kind, action: Action) -> Option<Answer> {
        let settings = self.store.settings();
        if kind == Kind::Firm
            && let Some(answer) = instead_of_firms(settings)
        {
            return Some(answer);
        }
        let guarded = |id: i64| settings.has(Quirk::Guarded) && id == FIRST_ID + 1;
        let words = match (kind, action) {
            (Kind::Contact, Action::Delete(_)) if settings.has(Quirk::NoDeletion) => "You may not delete contacts",
            (Kind::Firm, Action::Delete(_)) if settings.has(Quirk::NoDeletion) => "You may not delete firms",
            (Kind::Contact, Action::Update(id) | Action::Delete(id)) if guarded(id) => {
                "You may not change this contact"
            }
            (
                Kind::Contact | Kind::Firm,
                Action::List { .. } | Action::Read(_) | Action::Create | Action::Update(_) | Action::Delete(_),
            ) => return None,
        };
        Some(Answer::errors(403, &[words], settings))
    }

    fn list<const N: usize>(
        &self,
        table: &'static Table<N>,
        (page, per_page): (usize, Option<usize>),
        mishap: Option<Mishap>,
        too_early: bool,
    ) -> Result<Answer, SandboxError> {
        let settings = self.store.settings();
        if mishap == Some(Mishap::Lie) {
            return Ok(Answer::xml(200, xml_write::listing_document(table.shape, &[], 1, settings), settings));
        }
        let size = per_page.unwrap_or(settings.per_page as usize).clamp(1, PER_PAGE_MAX);
        let (total, objects) = self.store.page(table, settings.has(Quirk::NewestFirst), |total| {
            let last = total.div_ceil(size).max(1);
            let page = if settings.past_end == PastEnd::Repeat { page.min(last) } else { page };
            let skip = (page - 1).saturating_mul(size);
            match mishap {
                Some(Mishap::Thin) => (if page > 1 { total } else { 0 }, 1),
                Some(Mishap::Shift) if too_early && skip > 0 => (skip - 1, size),
                Some(Mishap::Shift) => (skip.saturating_add(1), size),
                _ => (skip, size),
            }
        })?;
        let pages = if mishap == Some(Mishap::Thin) { 1 } else { total.div_ceil(size).max(1) };
        if page > pages && settings.past_end == PastEnd::NotFound {
            return Ok(missing(table.shape, settings));
        }
        Ok(Answer::xml(200, xml_write::listing_document(table.shape, &objects, pages, settings), settings))
    }

    /// Changes the one of this number, or makes one.
    fn write<const N: usize>(
        &self,
        table: &'static Table<N>,
        known: Option<i64>,
        body: &[u8],
    ) -> Result<Answer, SandboxError> {
        let (settings, shape) = (self.store.settings(), table.shape);
        let change = match xml_read::read_change(shape, body) {
            Ok(change) => change,
            Err(error) => return Ok(Answer::errors(400, &[error.to_string()], settings)),
        };
        let created = known.is_none();
        let outcome = match known {
            Some(id) => self.store.change(table, id, &change)?,
            None => self.store.create(table, &change)?,
        };
        Ok(match outcome {
            Outcome::Done(_) if created && settings.has(Quirk::PostEmpty) => Answer::empty(201),
            Outcome::Done(object) if created && settings.has(Quirk::PostIdOnly) => {
                Answer::xml(201, xml_write::id_document(shape, object.id, settings), settings)
            }
            Outcome::Done(object) if created => {
                let slash = if settings.account.is_empty() { "" } else { "/" };
                let location = format!("{slash}{}/{}/{}.xml", settings.account, shape.many, object.id);
                Answer::object(201, shape, &object, settings).with(header::LOCATION, &location)
            }
            Outcome::Done(_) if settings.has(Quirk::PutEmpty) => Answer::empty(200),
            Outcome::Done(object) => Answer::object(200, shape, &object, settings),
            Outcome::Missing => missing(shape, settings),
            Outcome::Refused(errors) => Answer::errors(422, &errors, settings),
        })
    }
}

fn missing<const N: usize>(shape: &Shape<N>, settings: &SandboxSettings) -> Answer {
    Answer::errors(404, &[format!("Couldn't find {}", shape.title)], settings)
}

/// What is answered to whatever concerns firms, at a server that does not give them.
fn instead_of_firms(settings: &SandboxSettings) -> Option<Answer> {
    if settings.has(Quirk::FirmsUnauthorized) {
        Some(unauthorized(settings))
    } else if settings.has(Quirk::FirmsForbidden) {
        Some(Answer::errors(403, &["You may not see firms"], settings))
    } else if settings.has(Quirk::FirmsMissing) {
        Some(nothing_here(settings))
    } else if settings.has(Quirk::FirmsHtml) {
        Some(Answer::web_page())
    } else if settings.has(Quirk::FirmsOdd) {
        Some(Answer::xml(200, xml_write::odd_document(settings), settings))
    } else {
        None
    }
}

fn nothing_here(settings: &SandboxSettings) -> Answer {
    Answer::errors(404, &["there is nothing at this address"], settings)
}

fn unauthorized(settings: &SandboxSettings) -> Answer {
    let answer = Answer::errors(401, &["HTTP Basic: Access denied."], settings);
    answer.with(header::WWW_AUTHENTICATE, "Basic realm=\"practice CRM\"")
}

/// Base64 with padding (RFC 4648, section 4), for the login.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let joined = group.iter().fold(0_u32, |joined, byte| joined << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let letter = LETTERS[(joined >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_rfc() {
        let check = |text: &str, expected: &str| assert_eq!(base64(text.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
        check("demo:démo", "ZGVtbzpkw6ltbw==");
    }
}
