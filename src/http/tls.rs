//! TLS from certificate files, for where no proxy stands in front.

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why there can be no TLS with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of its kind.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: PemError,
    },
    /// There is no certificate in the file.
    #[error("{}: there is no certificate in it", .0.display())]
    NoCertificate(PathBuf),
    /// The key is not the certificate's, or of a kind that is not known.
    #[error("certificate and key do not make a server: {0}")]
    Unfit(rustls::Error),
}

/// Reads a certificate, with those that lead to its root behind it, and its private key, both PEM. TLS 1.2 and 1.3.
///
/// # Errors
/// If a file cannot be read, or the two do not belong together.
pub fn load(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        |error| TlsError::File { path, error }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(fault(certificate))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(fault(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(TlsError::Unfit)?;
    config.with_no_client_auth().with_single_cert(chain, key).map_err(TlsError::Unfit)
}
