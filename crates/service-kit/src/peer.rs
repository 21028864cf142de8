//! Who is at the other end of a connection.

use std::{convert::Infallible, fmt, net::IpAddr, net::Ipv4Addr, sync::Arc, time::Duration};

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::limits::Units;

/// What every request of a service has among its extensions: one value, since each is allocated.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    pub(crate) units: Units,
    /// How long the body may take to arrive.
    pub(crate) body_timeout: Duration,
}

/// The other end of a connection. An extractor.
///
/// Its address serves the limits of this process alone: it is not shown, logged or kept.
#[derive(Clone)]
pub struct Peer {
    address: IpAddr,
    name: Option<Arc<str>>,
    is_edge: bool,
}

impl Peer {
    pub(crate) fn new(address: IpAddr, name: Option<Arc<str>>, is_edge: bool) -> Self {
        Self {
            address,
            name,
            is_edge,
        }
    }

    /// The DNS name in the peer's verified client certificate that may call: one of
    /// `http.tls.client_names`. An edge has none by being an edge, for it speaks for everybody.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it is believed about its clients' buckets, and about nothing else.
    pub(crate) fn is_edge(&self) -> bool {
        self.is_edge
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }
}

/// Shows the name, which belongs to a machine of ours, and never the address.
impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>();
        let peer = caller.map(|caller| caller.peer.clone());
        Ok(peer.unwrap_or_else(|| Self::new(Ipv4Addr::UNSPECIFIED.into(), None, false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_shows_its_name_and_never_its_address() {
        let address = "192.0.2.77".parse().unwrap();
        let peer = Peer::new(address, Some("payments".into()), false);

        let shown = format!("{peer:?}");

        assert!(shown.contains("payments"));
        assert!(!shown.contains("192") && !shown.contains("77"), "{shown}");
    }
}
