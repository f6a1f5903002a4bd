//! What the daemon's listeners share: an address that is listened to, and connections taken while there is a place.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Where the system gives no more sockets.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Listens from now on. Needs a runtime.
pub(super) fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// The next connection and its place.
pub(super) async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (io::Result<(TcpStream, SocketAddr)>, Option<OwnedSemaphorePermit>) {
    // It is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (listener.accept().await, place)
}
