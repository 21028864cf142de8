//! A limit of one route's own.

use std::{fmt, num::NonZeroU32, sync::Arc};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::{Units, wait};
use crate::problem::Problem;

/// How often a client may use one route, beside the limit that all routes share. Clones belong together.
///
/// It knows clients by the same keys as that limit, so nobody uses up what is another's.
#[derive(Clone)]
pub struct RouteLimit(Option<Arc<DefaultKeyedRateLimiter<u64>>>);

impl RouteLimit {
    /// So many requests of one client in a minute. Zero: no limit.
    pub fn per_minute(requests: u32) -> Self {
        let quota = NonZeroU32::new(requests).map(Quota::per_minute);
        Self(quota.map(|quota| Arc::new(RateLimiter::keyed(quota))))
    }

    /// Takes one request from the client's quota.
    pub fn check(&self, client: &Units) -> Result<(), Problem> {
        match &self.0 {
            Some(limiter) => limiter
                .check_key(&client.client)
                .map_err(|until| wait(&until)),
            None => Ok(()),
        }
    }

    /// Forgets the clients whose quota is full.
    pub(crate) fn forget(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

impl fmt::Debug for RouteLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteLimit")
            .field("limited", &self.0.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn client(client: u64) -> Units {
        Units {
            client,
            account: None,
        }
    }

    #[test]
    fn a_client_has_its_own_quota_and_is_forgotten_when_it_is_full_again() {
        let limit = RouteLimit::per_minute(1_200);
        for _ in 0..1_200 {
            limit.check(&client(1)).unwrap();
        }

        assert!(limit.check(&client(1)).is_err());
        limit.check(&client(2)).unwrap();
        std::thread::sleep(Duration::from_millis(120));
        limit.forget();

        let limiter = limit.0.as_ref().unwrap();
        assert_eq!(limiter.len(), 1, "the second has all of its quota again");
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = RouteLimit::per_minute(0);

        assert!((0..1_000).all(|_| limit.check(&client(1)).is_ok()));
    }
}
