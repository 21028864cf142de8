//! The server's side.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use serde::Deserialize;

use super::{TlsError, certificates, private_key, provider, refused, roots};

/// The section `[http.tls]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// A PEM file with the certificate and what leads from it to the root. Empty: no TLS, which is
    /// refused on any address but loopback.
    pub certificate_file: PathBuf,
    /// A PEM file with the certificate's private key.
    pub key_file: PathBuf,
    /// A PEM file with the roots of client certificates. Empty: clients show none.
    pub client_ca_file: PathBuf,
    /// Whether a client without a certificate is refused.
    pub client_certificate_required: bool,
    /// The DNS names whose client certificates are taken. Others are refused although they verify.
    pub client_names: Vec<String>,
}

impl ServerTls {
    /// Whether there is TLS at all.
    pub fn is_on(&self) -> bool {
        !self.certificate_file.as_os_str().is_empty()
    }
}

/// What rustls needs to serve with these settings.
pub fn server_config(tls: &ServerTls) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    let builder = if tls.client_ca_file.as_os_str().is_empty() {
        if tls.client_certificate_required {
            return Err(refused(
                "client certificates are required, but no root is named",
            ));
        }
        builder.with_no_client_auth()
    } else {
        let roots = Arc::new(roots(&tls.client_ca_file)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
        let verifier = if tls.client_certificate_required {
            verifier.build()
        } else {
            verifier.allow_unauthenticated().build()
        };
        builder.with_client_cert_verifier(verifier.map_err(refused)?)
    };
    let mut config = builder
        .with_single_cert(
            certificates(&tls.certificate_file)?,
            private_key(&tls.key_file)?,
        )
        .map_err(refused)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
