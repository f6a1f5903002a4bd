//! The listener for devices as a daemon's settings want it, also when they change.

use std::sync::Arc;

use tracing::{info, warn};

use super::{AskForRun, DavHandle, DavLimits, DavServer, DavServerError, DavSettings, certificate::Certificate};
use crate::{
    app::device_store,
    config::{ServingSettings, Settings},
    daemon::DaemonHandle,
};

/// Address books for devices, served as long as the daemon lives.
pub struct DavService {
    daemon: DaemonHandle,
    wanted: Option<ServingSettings>,
    server: Option<DavServer>,
}

impl DavService {
    /// Listens from now on, where the settings want it. Needs a runtime.
    ///
    /// # Errors
    /// As [`DavServer::open`].
    pub fn open(mut daemon: DaemonHandle) -> Result<Self, DavServerError> {
        let settings = Arc::clone(&daemon.settings.borrow_and_update());
        let wanted = settings.carddav.clone();
        let server = open(&settings, &daemon)?;
        Ok(Self { daemon, wanted, server })
    }

    /// Answers, for ever. New settings are followed; those that cannot be are logged, and the old ones stay.
    pub async fn serve(mut self) {
        while let Some(settings) = self.answer().await {
            self.follow(&settings);
        }
    }

    /// Answers until the settings want something else; none once there is no daemon any more. The listener has ended then.
    async fn answer(&mut self) -> Option<Arc<Settings>> {
        let server = self.server.take();
        let handle = server.as_ref().map(DavServer::handle);
        let answers = async move {
            match server {
                Some(server) => server.serve().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(answers);
        loop {
            tokio::select! {
                () = &mut answers => return None,
                changed = self.daemon.settings.changed() => changed.ok()?,
            }
            let settings = Arc::clone(&self.daemon.settings.borrow_and_update());
            if settings.carddav != self.wanted {
                return Some(settings);
            }
            // The settings were read again: so are the certificate's files, which may have been renewed.
            if let Some(Err(error)) = handle.as_ref().map(DavHandle::reload_certificate) {
                warn!(hint = error.hint(), "failed to {error}; the old certificate stays");
            }
        }
    }

    /// Listens as these settings say. The old listener has ended, since the address may be the same.
    fn follow(&mut self, settings: &Settings) {
        match open(settings, &self.daemon) {
            Ok(server) => {
                if server.is_none() {
                    info!("address books are served to devices no more");
                }
                self.wanted.clone_from(&settings.carddav);
                self.server = server;
            }
            Err(error) => {
                warn!(hint = error.hint(), "failed to {error}; the old settings of [carddav] stay");
                let old = Settings { carddav: self.wanted.clone(), ..settings.clone() };
                self.server = open(&old, &self.daemon).unwrap_or_else(|error| {
                    warn!(hint = error.hint(), "failed to {error}; address books are served to devices no more");
                    None
                });
            }
        }
    }
}

/// Whether these settings can be followed: the address can be had and the certificate is good. Serves nothing.
///
/// # Errors
/// As [`DavServer::open`], of the store apart.
pub fn examine(wanted: &ServingSettings) -> Result<(), DavServerError> {
    if let Some(files) = wanted.certificate.clone() {
        Certificate::read(files)?;
    }
    let listen = wanted.listen;
    let bound = std::net::TcpListener::bind(listen);
    bound.map(drop).map_err(|source| DavServerError::Bind { listen, source })
}

fn open(settings: &Settings, daemon: &DaemonHandle) -> Result<Option<DavServer>, DavServerError> {
    let Some(serving) = settings.carddav.clone() else { return Ok(None) };
    let ServingSettings { listen, certificate, url, proxies, card_bytes_max } = serving;
    let limits = DavLimits::default();
    let settings_of_server = DavSettings { listen, public_url: url, certificate, proxies, card_bytes_max, limits };
    let nudge = daemon.nudge.clone();
    let ask: AskForRun = Arc::new(move || nudge.ask());
    DavServer::open(settings_of_server, device_store(&settings.mirror.path), ask).map(Some)
}
