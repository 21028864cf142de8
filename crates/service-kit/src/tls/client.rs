//! The client's side, for services that call others.

use std::{path::PathBuf, time::Duration};

use rustls::{ClientConfig, client::Resumption};
use serde::Deserialize;

use super::{TlsError, certificates, private_key, provider, refused, roots};

/// Kept connections are dropped before the server does it after its ten seconds, so that a request
/// rarely meets a connection that is being closed.
const POOL_IDLE: Duration = Duration::from_secs(5);

/// How a service that calls another one checks it and shows itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// A PEM file with the roots that the other side's certificate must lead to.
    pub ca_file: PathBuf,
    /// A PEM file with our own certificate. Empty: we show none.
    pub certificate_file: PathBuf,
    /// A PEM file with our certificate's private key.
    pub key_file: PathBuf,
}

/// What rustls needs to call with these settings.
pub fn client_config(tls: &ClientTls) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(roots(&tls.ca_file)?);
    let mut config = if tls.certificate_file.as_os_str().is_empty() {
        builder.with_no_client_auth()
    } else {
        builder
            .with_client_auth_cert(
                certificates(&tls.certificate_file)?,
                private_key(&tls.key_file)?,
            )
            .map_err(refused)?
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// An HTTP client with these settings: no redirects, no proxy, no cookies, `timeout` for each
/// request as a whole.
pub fn http_client(tls: &ClientTls, timeout: Duration) -> Result<reqwest::Client, TlsError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(client_config(tls)?)
        .https_only(true)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(POOL_IDLE)
        .timeout(timeout)
        .connect_timeout(timeout)
        .build()
        .map_err(|_| refused("the client cannot be built"))
}

/// An HTTP client without TLS, for the admin listener of a service on this machine.
pub fn probe_client(timeout: Duration) -> Result<reqwest::Client, TlsError> {
    // The TLS that it never speaks must be given all the same: nothing is installed for the process.
    let unused = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(unused)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(|_| refused("the client cannot be built"))
}
