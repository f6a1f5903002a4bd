//! The listener for devices: one address, TLS or plain, connections that are kept and bounded.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info};

use super::{
    DavLimits, DavServerError, DavSettings,
    certificate::Certificate,
    edits::{AskForRun, Edits},
    login::Logins,
    paths::Paths,
    patient::Patient,
    routes::{Peer, Site, router},
    stores::Stores,
};
use crate::http::listening::{PAUSE, accept, bind};

/// Bytes of a head.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Serves the device store's address books.
pub struct DavServer {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    site: Arc<Site>,
}

/// Asks things of a server that is serving.
#[derive(Clone)]
pub struct DavHandle {
    certificate: Option<Arc<Certificate>>,
}

impl DavHandle {
    /// Reads the certificate's files again, for connections from now on.
    ///
    /// # Errors
    /// They cannot be used; the old certificate stays.
    pub fn reload_certificate(&self) -> Result<(), DavServerError> {
        self.certificate.as_ref().map_or(Ok(()), |certificate| certificate.reload())
    }
}

impl DavServer {
    /// Listens from now on, and answers once it [serves](Self::serve). Needs a runtime. `ask_for_run` is called some moments
    /// after a device changed something, once for many changes; it must not block.
    ///
    /// # Errors
    /// The address, the certificate or the store cannot be used; passwords would go over a network in the clear.
    pub fn open(settings: DavSettings, store: PathBuf, ask_for_run: AskForRun) -> Result<Self, DavServerError> {
        let DavSettings { listen, public_url, certificate, proxies, card_bytes_max, limits } = settings;
        let is_bare = certificate.is_none() && !listen.ip().is_loopback() && proxies.is_empty();
        if is_bare {
            return Err(DavServerError::Plain { listen });
        }
        let paths = Paths::of(public_url.as_deref())?;
        let certificate = certificate.map(Certificate::read).transpose()?.map(Arc::new);
        let stores = Stores::open(store)?;
        let listener = bind(listen).map_err(|source| DavServerError::Bind { listen, source })?;
        let address = listener.local_addr().unwrap_or(listen);
        let begun = Instant::now();
        let proxies = proxies.iter().map(std::net::IpAddr::to_canonical).collect();
        let site = Site {
            stores,
            paths,
            proxies,
            card_bytes_max,
            limits,
            edits: Edits::new(ask_for_run, begun),
            begun,
            logins: Logins::new(),
            looked_at: Site::room(),
        };
        let scheme = if certificate.is_some() { "https" } else { "http" };
        info!("address books for devices are at {scheme}://{address}{}", site.paths.root());
        Ok(Self { listener, address, certificate, site: Arc::new(site) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What can be asked of it while it serves.
    pub fn handle(&self) -> DavHandle {
        DavHandle { certificate: self.certificate.clone() }
    }

    /// Answers, for ever. Connections end with the future.
    pub async fn serve(self) {
        let places = Arc::new(Semaphore::new(self.site.limits.connections_max.max(1)));
        let routes = router(Arc::clone(&self.site));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = connections.join_next() => {}
                (accepted, place) = accept(&self.listener, &places) => match accepted {
                    Ok((stream, peer)) if self.may_speak(peer) => {
                        let certificate = self.certificate.clone();
                        let routes = routes.clone().layer(Extension(Peer(peer.ip())));
                        connections.spawn(converse(stream, certificate, routes, (self.site.limits, place)));
                    }
                    Ok(_) => debug!("a connection that is neither of this machine nor of a proxy was closed"),
                    Err(error) => {
                        debug!("a connection was not accepted: {error}");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// Passwords go over plain HTTP inside this machine, and from a proxy that took them over TLS.
    fn may_speak(&self, peer: SocketAddr) -> bool {
        let peer = peer.ip().to_canonical();
        self.certificate.is_some() || peer.is_loopback() || self.site.proxies.contains(&peer)
    }
}

/// Answers the requests of a connection, until it ends.
async fn converse(
    stream: TcpStream,
    certificate: Option<Arc<Certificate>>,
    routes: Router,
    (limits, place): (DavLimits, Option<OwnedSemaphorePermit>),
) {
    // Answers are small and come in one piece.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, limits.stall_max);
    match certificate {
        None => requests(stream, routes, &limits).await,
        Some(certificate) => match timeout(limits.head_max, certificate.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => requests(stream, routes, &limits).await,
            Ok(Err(error)) => debug!("a connection did not come to TLS: {error}"),
            Err(_) => debug!("a connection took too long to come to TLS"),
        },
    }
    drop(place);
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, routes: Router, limits: &DavLimits) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_max).max_buf_size(HEAD_BYTES_MAX);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await {
        debug!("a connection broke off: {error}");
    }
}
