//! The certificate that devices see: read from its files when listening begins, and again when asked.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use super::DavServerError;

/// A certificate in use.
pub(super) struct Certificate {
    files: (PathBuf, PathBuf),
    now: RwLock<Arc<ServerConfig>>,
}

impl Certificate {
    pub fn read(files: (PathBuf, PathBuf)) -> Result<Self, DavServerError> {
        let now = RwLock::new(Arc::new(config(&files.0, &files.1)?));
        Ok(Self { files, now })
    }

    /// Reads the files again, for connections from now on. The old certificate stays where they cannot be used.
    pub fn reload(&self) -> Result<(), DavServerError> {
        let new = Arc::new(config(&self.files.0, &self.files.1)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn config(chain: &Path, key: &Path) -> Result<ServerConfig, DavServerError> {
    let wrong = |file: &Path, why: String| DavServerError::Certificate { file: file.to_owned(), why };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(chain, error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong(chain, "it holds no PEM certificate".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, secret))
        .map_err(|error| wrong(chain, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
