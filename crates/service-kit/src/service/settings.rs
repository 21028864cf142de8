//! The section `[http]` that every service's settings have.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use crate::{limits::RateLimit, tls::ServerTls};

/// How a service listens, and what it bears. See `http.default.toml` in this crate for the values to
/// start from, with a comment on each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    pub admin_listen: SocketAddr,
    /// The most connections in all.
    pub connections_max: usize,
    /// The most connections from one address (IPv6: one /64).
    pub connections_per_client_max: usize,
    /// The most requests that run at once.
    pub requests_in_flight_max: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout_seconds: u64,
    /// How long the head of a request may take to arrive, and a kept connection may be quiet.
    pub header_timeout_seconds: u64,
    /// How long a body may take to arrive.
    pub body_timeout_seconds: u64,
    /// How long a request may take from its head to its answer.
    pub handler_timeout_seconds: u64,
    /// How old a connection gets before it is closed after its next answer.
    pub connection_age_max_seconds: u64,
    /// How long running requests get to finish after the order to stop.
    pub shutdown_grace_seconds: u64,
    /// Names in client certificates of edges, which are believed about their clients' buckets.
    pub edge_names: Vec<String>,
    /// The section `[http.rate_limit]`.
    pub rate_limit: RateLimit,
    /// The section `[http.tls]`.
    pub tls: ServerTls,
}

impl HttpSettings {
    /// The defaults, on free ports of loopback, without TLS.
    pub fn loopback() -> Self {
        crate::config::Sources::defaults("service", include_str!("../../http.default.toml"))
            .load::<OnlyHttp>()
            .map(|settings| settings.http)
            .expect("the defaults in this crate are complete, as a test shows")
    }

    pub(crate) fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }
}

/// A file with this section alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyHttp {
    http: HttpSettings,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::checks;

    const DEFAULTS: &str = include_str!("../../http.default.toml");

    #[test]
    fn the_defaults_are_complete() {
        checks::defaults_are_complete::<OnlyHttp>(DEFAULTS).unwrap();
        assert!(HttpSettings::loopback().listen.ip().is_loopback());
    }

    #[test]
    fn misspellings_are_refused() {
        checks::misspellings_are_refused::<OnlyHttp>(DEFAULTS).unwrap();
    }
}
