//! A request on its way: who sends it, its body within bounds, the answer from the store.

use std::{future::poll_fn, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header, request::Parts},
    response::Response,
};
use chrono::Utc;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tracing::{debug, warn};

use super::{
    DavLimits,
    client_address::client_address,
    collections::{options, well_known},
    edits::Edits,
    login::{Credentials, Login, Logins},
    paths::Paths,
    reply::Reply,
    session::{Asked, Session},
    stores::{Stores, Trouble},
};
use crate::{
    books::served::{Device, DeviceStore},
    dav::Condition,
};

/// The largest body that is not a card: the addresses of 20,000 cards.
const XML_BYTES_MAX: usize = 4 << 20;
/// Logins that are looked at at a time, each of which takes 9 MiB and some hundredths of a second.
const LOOKED_AT_MAX: usize = 1;
/// A program's name of itself is kept this far.
const PROGRAM_LEN_MAX: usize = 200;

/// What requests are answered from.
pub(super) struct Site {
    pub stores: Stores,
    pub paths: Paths,
    pub proxies: Vec<IpAddr>,
    pub card_bytes_max: usize,
    pub limits: DavLimits,
    pub edits: Edits,
    pub begun: Instant,
    pub logins: Logins,
    pub looked_at: Semaphore,
}

impl Site {
    /// Room for so many logins that are looked at at a time.
    pub fn room() -> Semaphore {
        Semaphore::new(LOOKED_AT_MAX)
    }
}

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub IpAddr);

/// Every method and path is answered in one place: what a path is depends on who asks.
pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new().fallback(answer).with_state(site)
}

async fn answer(State(site): State<Arc<Site>>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let is_head = head.method == Method::HEAD;
    let method = head.method.clone();
    let reply = match site.reply(peer, head, body).await {
        Ok(reply) | Err(reply) => reply,
    };
    debug!("{method} {}", reply.status().as_u16());
    reply.into_response(is_head)
}

impl Site {
    async fn reply(self: &Arc<Self>, peer: Peer, head: Parts, body: Body) -> Result<Reply, Reply> {
        if head.method == Method::OPTIONS {
            return Ok(options());
        }
        let path = head.uri.path().to_owned();
        if self.paths.is_well_known(&path)
            && let Some(reply) = well_known(&head.method, &self.paths.root())
        {
            return Ok(reply);
        }
        let device = self.device(peer, &head.headers).await?;
        let body = self.body(&head, body).await?;
        let asked = Asked { method: head.method, path, headers: head.headers, body };
        let site = Arc::clone(self);
        let writes = matches!(asked.method, Method::PUT | Method::DELETE);
        let act = move |store: &mut DeviceStore| {
            let (paths, card_bytes_max, folder) = (&site.paths, site.card_bytes_max, site.stores.folder());
            Session { store, device: &device, paths, card_bytes_max, folder }.answer(&asked)
        };
        let answered =
            if writes { self.stores.with_turn(act).await } else { self.stores.with(act).await }.map_err(refuse)?;
        if answered.changed {
            self.edits.made();
        }
        Ok(answered.reply)
    }

    /// The device that has logged in.
    async fn device(self: &Arc<Self>, peer: Peer, headers: &HeaderMap) -> Result<Device, Reply> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| Credentials::read(value.as_bytes()));
        let shown = shown.ok_or_else(Reply::login)?;
        let forwarded = headers.get_all(HeaderName::from_static("x-forwarded-for")).iter();
        let address = client_address(peer.0, &self.proxies, forwarded.filter_map(|value| value.to_str().ok()));
        let name = shown.device.clone();
        let device = self.stores.with(move |store| store.device(&name)).await.map_err(refuse)?;
        let hash = device.as_ref().map(|device| device.password_hash.as_str());
        if !hash.is_some_and(|hash| self.logins.is_known(&shown, hash, self.begun.elapsed())) {
            self.look_at(&shown, hash, address).await?;
        }
        let device = device.ok_or_else(Reply::login)?;
        self.note(&device, headers).await;
        Ok(device)
    }

    /// Looks at a login that is not known; `hash`: the device's, if it is there.
    async fn look_at(&self, shown: &Credentials, hash: Option<&str>, address: IpAddr) -> Result<(), Reply> {
        // It is never closed. Others wait here and are not counted yet: many right logins at once are no guesses.
        let _room = self.looked_at.acquire().await.map_err(|_| Reply::login())?;
        let doubt = match self.logins.look(shown, hash, address, self.begun.elapsed()) {
            // Another connection of the device was quicker.
            Login::Known => return Ok(()),
            Login::TooOften(wait) => {
                let why = "too many wrong logins";
                return Err(Reply::later(StatusCode::TOO_MANY_REQUESTS, wait.as_secs() + 1, why));
            }
            Login::Doubted(doubt) => doubt,
        };
        let is_right = tokio::task::spawn_blocking(move || doubt.is_right()).await.unwrap_or(false);
        let Some(hash) = hash.filter(|_| is_right) else {
            warn!("a wrong login from {address}");
            return Err(Reply::login());
        };
        self.logins.is_right(shown, hash, address, self.begun.elapsed());
        Ok(())
    }

    /// Notes that the device was here; without that, it is answered all the same.
    async fn note(&self, device: &Device, headers: &HeaderMap) {
        let program = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let program = program.map(|text| text.chars().take(PROGRAM_LEN_MAX).collect::<String>());
        let (id, at) = (device.id, Utc::now().timestamp());
        // A telephone asks many things in a row: the store is gone to for what is news.
        if device.was_seen(program.as_deref(), at) {
            return;
        }
        if let Err(trouble) = self.stores.with(move |store| store.seen(id, program.as_deref(), at)).await {
            debug!("a visit was not noted: {trouble:?}");
        }
    }

    /// The body, whole; the error is what to answer to one that is too large or does not come.
    async fn body(&self, head: &Parts, mut body: Body) -> Result<Vec<u8>, Reply> {
        let is_card = head.method == Method::PUT;
        let max = if is_card { self.card_bytes_max } else { XML_BYTES_MAX };
        let too_large = || {
            let why = format!("at most {max} bytes are taken");
            if is_card {
                Reply::refused(StatusCode::FORBIDDEN, Condition::MaxSize, "", &why)
            } else {
                Reply::text(StatusCode::PAYLOAD_TOO_LARGE, &why)
            }
        };
        if body.size_hint().lower() > max as u64 {
            return Err(too_large());
        }
        let end = Instant::now() + self.limits.body_max;
        let mut whole = Vec::new();
        loop {
            let Some(data) = next_data(&mut body, self.limits.stall_max, end).await? else { return Ok(whole) };
            if whole.len() + data.len() > max {
                return Err(too_large());
            }
            whole.extend_from_slice(&data);
        }
    }
}

/// The next piece of a body; none at its end.
async fn next_data(body: &mut Body, stall_max: Duration, end: Instant) -> Result<Option<Bytes>, Reply> {
    let next = timeout_at(end, timeout(stall_max, poll_fn(|context| Pin::new(&mut *body).poll_frame(context)))).await;
    match next {
        // What is no data is a trailer, which says nothing here.
        Ok(Ok(Some(Ok(frame)))) => Ok(Some(frame.into_data().unwrap_or_default())),
        Ok(Ok(None)) => Ok(None),
        Ok(Ok(Some(Err(_)))) => Err(Reply::bad("its body breaks off")),
        Ok(Err(_)) | Err(_) => Err(Reply::text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

fn refuse(trouble: Trouble) -> Reply {
    if let Trouble::Store(error) = &trouble {
        match error.hint() {
            Some(hint) => warn!(hint, "failed to {error}"),
            None => warn!("failed to {error}"),
        }
    }
    Reply::trouble(&trouble)
}
