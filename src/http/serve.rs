//! The listener: one address, few connections, each short.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tracing::{debug, info, warn};

use super::{
    HttpError,
    desk::{self, Desk},
    listening::{PAUSE, accept, bind},
    metrics::Seen,
    routes::{Observed, router},
    token::Token,
};
use crate::{config::HttpSettings, daemon::DaemonHandle, views::status};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 32;
/// A request's head is complete after this long.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// A connection is over after this long, whatever it does.
const CONNECTION_MAX: Duration = Duration::from_secs(20);
/// Bytes of a head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Health, metrics and nudge of a daemon, as its settings say.
pub struct HttpServer {
    observed: Observed,
    desk: Desk,
    open: Option<Open>,
}

/// What is listened to.
struct Open {
    settings: HttpSettings,
    listener: TcpListener,
    routes: Router,
}

/// Whether these settings can be followed: the token is good, or will be made, and the address can be had. Makes nothing.
///
/// # Errors
/// As [`HttpServer::open`].
pub fn examine(wanted: &HttpSettings) -> Result<(), HttpError> {
    Token::there(&wanted.nudge_token_file)?;
    let bound = std::net::TcpListener::bind(wanted.listen);
    bound.map(drop).map_err(|source| HttpError::Bind { listen: wanted.listen, source })
}

impl HttpServer {
    /// Listens from now on, where the settings want it. Needs a runtime.
    ///
    /// # Errors
    /// The address cannot be had; the token can be neither read nor made.
    pub fn open(daemon: DaemonHandle) -> Result<Self, HttpError> {
        let seen = Seen::default();
        daemon.listeners.add(seen.listener());
        let desk = Desk::new(daemon.clone());
        let mut server = Self { observed: Observed::new(daemon, seen), desk, open: None };
        let settings = server.observed.daemon.settings.borrow_and_update().clone();
        if let Some(wanted) = &settings.http {
            server.listen(wanted)?;
        }
        Ok(server)
    }

    /// Answers, for ever. New settings are followed; those that cannot be are logged, and the old ones stay.
    pub async fn serve(mut self) {
        let mut settings = self.observed.daemon.settings.clone();
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            tokio::select! {
                changed = settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let wanted = settings.borrow_and_update().http.clone();
                    self.follow(wanted.as_ref());
                }
                (accepted, place) = next(self.open.as_ref(), &places) => match accepted {
                    Ok((stream, _)) => {
                        if let Some(open) = &self.open {
                            tokio::spawn(answer(stream, open.routes.clone(), place));
                        }
                    }
                    Err(error) => {
                        debug!("a connection was not accepted: {error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn follow(&mut self, wanted: Option<&HttpSettings>) {
        let Some(wanted) = wanted else {
            if self.open.take().is_some() {
                info!("listens no more");
            }
            return;
        };
        if let Err(error) = self.listen(wanted) {
            warn!(hint = error.hint(), "failed to {error}; the old settings of [http] stay");
        }
    }

    /// Listens as these settings say; the token is read again in any case.
    fn listen(&mut self, wanted: &HttpSettings) -> Result<(), HttpError> {
        let token = Token::of(&wanted.nudge_token_file)?;
        let same = self.open.take_if(|open| open.settings.listen == wanted.listen);
        let is_same = same.is_some();
        let listener = match same {
            Some(open) => open.listener,
            None => bind(wanted.listen).map_err(|source| HttpError::Bind { listen: wanted.listen, source })?,
        };
        let address = listener.local_addr().unwrap_or(wanted.listen);
        let mut routes = router(self.observed.clone(), wanted.listen.ip().is_loopback());
        if let Some(desk) = &wanted.desk {
            routes = routes.merge(desk::router(self.desk.clone(), desk));
        }
        self.open = Some(Open { settings: wanted.clone(), listener, routes });
        if !is_same {
            info!(token_file = %wanted.nudge_token_file.display(), "health, metrics and nudge are at http://{address}/");
            // Before the first run that is heard of.
            let mirror = self.observed.daemon.settings.borrow().mirror.path.clone();
            self.observed.seen.begin(status::counts(&mirror));
        }
        *self.observed.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(token);
        Ok(())
    }
}

/// The next connection and its place; without a listener, never.
async fn next(
    open: Option<&Open>,
    places: &Arc<Semaphore>,
) -> (io::Result<(TcpStream, SocketAddr)>, Option<OwnedSemaphorePermit>) {
    match open {
        Some(open) => accept(&open.listener, places).await,
        None => std::future::pending().await,
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, routes: Router, place: Option<OwnedSemaphorePermit>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX).max_buf_size(HEAD_BYTES_MAX).keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    match timeout(CONNECTION_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("a connection broke off: {error}"),
        Err(_) => debug!("a connection took too long"),
    }
    drop(place);
}
