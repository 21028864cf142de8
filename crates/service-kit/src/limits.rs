//! Rate limits that know no addresses.
//!
//! The key of a limit is a keyed hash, under a key that the process makes when it starts: of the
//! peer's address (IPv6 by /64), or of the bucket that an edge assigned. Hashes stay in memory, and
//! leave it when their quota is full again.

use std::{
    convert::Infallible,
    fmt,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    body::Body, extract::FromRequestParts, response::IntoResponse as _, response::Response,
};
use governor::{
    NotUntil,
    clock::{Clock as _, DefaultClock, QuantaInstant},
    middleware::NoOpMiddleware,
};
use http::{HeaderMap, Request, request::Parts};
use serde::Deserialize;
use tower::{
    Layer as _,
    util::{Either, option_layer},
};
use tower_governor::{
    GovernorError, GovernorLayer,
    governor::{Governor, GovernorConfig, GovernorConfigBuilder, SharedRateLimiter},
    key_extractor::KeyExtractor,
};

mod route;

pub use route::RouteLimit;

use crate::{
    peer::{Caller, Peer},
    problem::{Problem, RetryAfter, Slug},
    telemetry::SlowCounter,
};

/// The header in which an edge says which of its buckets a client is in.
pub const BUCKET_HEADER: &str = "client-bucket";

/// An edge's buckets are numbers below this: enough to be fair, too few to name a client.
const BUCKETS: u16 = 4096;

/// How often keys whose quota is full are forgotten.
pub(crate) const FORGET_INTERVAL: Duration = Duration::from_mins(1);

/// The section `[http.rate_limit]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// What a client may use in a minute, in units: items, tokens or points. Zero: no limit.
    pub units_per_minute: u32,
    /// What a client may use at once.
    pub burst: u32,
}

type Limiter = SharedRateLimiter<u64, NoOpMiddleware<QuantaInstant>>;
type Config = GovernorConfig<Key, NoOpMiddleware<QuantaInstant>>;

/// What is behind the limit, if there is one.
pub(crate) type RateLimited<S> = Either<Governor<Key, NoOpMiddleware<QuantaInstant>, S, Body>, S>;

/// The limiter of one service.
#[derive(Clone)]
pub(crate) struct Limits {
    config: Option<Arc<Config>>,
    burst: u32,
    secret: RandomState,
}

impl Limits {
    /// A limiter that has seen nobody yet.
    pub(crate) fn new(limit: RateLimit) -> Self {
        let period = Duration::from_mins(1).checked_div(limit.units_per_minute);
        let config = period.and_then(|period| {
            GovernorConfigBuilder::default()
                .period(period)
                .burst_size(limit.burst.max(1))
                .key_extractor(Key)
                .finish()
        });
        Self {
            config: config.map(Arc::new),
            burst: limit.burst.max(1),
            secret: RandomState::new(),
        }
    }

    /// Takes one unit of each request on its way to `inner`, if there is a limit.
    pub(crate) fn around<S>(&self, inner: S) -> RateLimited<S> {
        let config = self.config.clone();
        let layer =
            config.map(|config| GovernorLayer::new(config).error_handler(|error| refuse(&error)));
        option_layer(layer).layer(inner)
    }

    /// What a request's handler charges its further units to.
    pub(crate) fn units(&self, peer: &Peer, headers: &HeaderMap) -> Units {
        let account = self.config.as_ref().map(|config| Account {
            limiter: Arc::clone(config.limiter()),
            burst: self.burst,
        });
        Units {
            client: self.key(peer, headers),
            account,
        }
    }

    /// Forgets the keys whose quota is full.
    pub(crate) fn forget(&self) {
        if let Some(config) = &self.config {
            config.limiter().retain_recent();
            config.limiter().shrink_to_fit();
        }
    }

    fn key(&self, peer: &Peer, headers: &HeaderMap) -> u64 {
        match bucket(headers).filter(|_| peer.is_edge()) {
            Some(bucket) => self.secret.hash_one(("bucket", bucket)),
            None => self.secret.hash_one(("address", network(peer.address()))),
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

/// The number in the header, when there is one header and it holds one.
fn bucket(headers: &HeaderMap) -> Option<u16> {
    let mut values = headers.get_all(BUCKET_HEADER).iter();
    let value = values.next()?.to_str().ok()?;
    let number = value.parse().ok().filter(|number| *number < BUCKETS);
    number.filter(|_| values.next().is_none())
}

/// What one client can be assumed to have: an IPv4 address, or a /64.
pub(crate) fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_bits().into(),
        // Never equal to an IPv4 address: no /64 in use has zeros in its upper 96 bits.
        IpAddr::V6(address) => (address.to_bits() >> 64) << 64,
    }
}

/// Takes the key that the service has put into the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key;

impl KeyExtractor for Key {
    type Key = u64;

    fn extract<T>(&self, request: &Request<T>) -> Result<u64, GovernorError> {
        let caller = request.extensions().get::<Caller>();
        caller
            .map(|caller| caller.units.client)
            .ok_or(GovernorError::UnableToExtractKey)
    }
}

/// The limiter's own refusals, as problems.
fn refuse(error: &GovernorError) -> Response {
    match error {
        GovernorError::TooManyRequests { wait_time, .. } => too_many(*wait_time),
        GovernorError::Other { .. } | GovernorError::UnableToExtractKey => Problem::internal(),
    }
    .into_response()
}

fn wait(until: &NotUntil<QuantaInstant>) -> Problem {
    too_many(
        until
            .wait_time_from(DefaultClock::default().now())
            .as_secs(),
    )
}

fn too_many(wait_seconds: u64) -> Problem {
    static REFUSED: LazyLock<SlowCounter> = LazyLock::new(|| {
        SlowCounter::new(metrics::counter!("blindtally_refused_total", "why" => "rate"))
    });
    REFUSED.increment();
    // The limiter cuts fractions off: coming back then would be a moment too early.
    Problem::new(Slug::TooManyRequests).retry_after(RetryAfter::at_least(wait_seconds + 1))
}

/// The client that a request is charged to, and what it costs beyond the unit that every request does.
/// Taken by handlers once they have parsed the body and know.
#[derive(Clone)]
pub struct Units {
    client: u64,
    account: Option<Account>,
}

#[derive(Clone)]
struct Account {
    limiter: Limiter,
    burst: u32,
}

impl Units {
    /// Charges a request that is for `items` things: one unit each, the first of which was charged
    /// when the request came in.
    pub fn charge(&self, items: usize) -> Result<(), Problem> {
        let Some(account) = &self.account else {
            return Ok(());
        };
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        // More than the burst can never be had: then all of it is the price.
        let Some(more) = NonZeroU32::new(items.min(account.burst).saturating_sub(1)) else {
            return Ok(());
        };
        match account.limiter.check_key_n(&self.client, more) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(wait(&until)),
            Err(_more_than_the_burst) => Err(too_many(u64::from(u16::MAX))),
        }
    }
}

impl fmt::Debug for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Units")
            .field("limited", &self.account.is_some())
            .finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for Units {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>();
        let units = caller.map(|caller| caller.units.clone());
        Ok(units.unwrap_or(Self {
            client: 0,
            account: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::new(address.parse().unwrap(), None, false)
    }

    fn limits(units_per_minute: u32) -> Limits {
        let limit = RateLimit {
            units_per_minute,
            burst: 2,
        };
        Limits::new(limit)
    }

    #[test]
    fn keys_are_forgotten_when_their_quota_is_full_again() {
        let limits = limits(6_000);
        let config = limits.config.clone().unwrap();
        for host in 1..=9 {
            let units = limits.units(&peer(&format!("192.0.2.{host}")), &HeaderMap::new());
            units.charge(2).unwrap();
        }
        assert_eq!(config.limiter().len(), 9);

        std::thread::sleep(Duration::from_millis(100));
        limits.forget();

        assert!(config.limiter().is_empty());
    }

    #[test]
    fn the_key_of_an_address_is_another_one_in_each_process() {
        let address = peer("192.0.2.1");

        let keys = [limits(1), limits(1)].map(|limits| limits.key(&address, &HeaderMap::new()));

        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn addresses_of_one_ipv6_network_have_one_key() {
        let limits = limits(1);
        let key = |address: &str| limits.key(&peer(address), &HeaderMap::new());

        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn a_bucket_is_one_number_below_the_bound() {
        let header = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(BUCKET_HEADER, value.parse().unwrap());
            }
            bucket(&headers)
        };

        assert_eq!(header(&["4095"]), Some(4095));
        for refused in [&[][..], &["4096"], &["-1"], &["1", "1"], &["1,2"], &["0x1"]] {
            assert_eq!(header(refused), None, "{refused:?}");
        }
    }
}
