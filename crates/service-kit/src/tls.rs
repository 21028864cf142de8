//! TLS, with rustls and ring: 1.3 and 1.2, no session resumption on either side.
//!
//! A resumed session would tell a server that two connections come from one client.

mod client;
pub mod probe;
mod server;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
pub use client::{ClientTls, client_config, http_client, probe_client};
use rustls::{RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
pub use server::{ServerTls, server_config};

/// The cryptography under TLS, given explicitly everywhere. Nothing is installed for the process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificates and the key do not fit, or a root is not one.
    #[error("TLS refuses the certificates: {0}")]
    Refused(String),
    /// A PEM file cannot be read, or holds nothing of the kind.
    #[error("{} holds no {what}, or cannot be read", .file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = || TlsError::Pem {
        file: file.to_owned(),
        what: "certificate",
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|_| unreadable())?
        .collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(unreadable)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|_| TlsError::Pem {
        file: file.to_owned(),
        what: "private key",
    })
}

fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(refused)?;
    }
    Ok(roots)
}

fn refused(error: impl std::fmt::Display) -> TlsError {
    TlsError::Refused(error.to_string())
}

/// When a certificate is good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// Its first moment.
    pub from: DateTime<Utc>,
    /// Its last one.
    pub until: DateTime<Utc>,
}

impl Validity {
    /// Whether it is good at `time`.
    pub fn holds_at(&self, time: DateTime<Utc>) -> bool {
        self.from <= time && time <= self.until
    }
}

/// When the first certificate in a PEM file is good: the owner's own, before what leads from it to the root.
pub fn validity(file: &Path) -> Result<Validity, TlsError> {
    let found = certificates(file)?;
    let found = found.first().and_then(validity_of);
    found.ok_or_else(|| refused(format!("{} holds no X.509 certificate", file.display())))
}

fn validity_of(certificate: &CertificateDer<'_>) -> Option<Validity> {
    use x509_parser::prelude::{FromDer as _, X509Certificate};
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let time = |time: x509_parser::time::ASN1Time| DateTime::from_timestamp(time.timestamp(), 0);
    let validity = certificate.validity();
    Some(Validity {
        from: time(validity.not_before)?,
        until: time(validity.not_after)?,
    })
}

/// The DNS names that a certificate is for.
pub(crate) fn dns_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}
