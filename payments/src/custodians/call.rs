//! One call to a custodian: bounded in time, in tries and in what is read.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde::de::DeserializeOwned;
use service_kit::tls::{ClientTls, client_config};

use super::{CustodianError, SetupError, breaker::Breaker};
use crate::config::Transfers;

/// The largest answer that is read, in bytes: one transfer is below 2 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long to wait before the second try, and twice as long before each later one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Bounds on calls.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    tries_max: u32,
    all_tries: Duration,
    breaker_failures: u32,
    breaker_pause: Duration,
}

impl From<&Transfers> for CallLimits {
    fn from(settings: &Transfers) -> Self {
        Self {
            tries_max: settings.tries_max.max(1),
            all_tries: Duration::from_secs(settings.tries_seconds_max),
            breaker_failures: settings.breaker_failures,
            breaker_pause: Duration::from_secs(settings.breaker_seconds),
        }
    }
}

/// The HTTP client that custodians are called with.
pub(super) fn client(tls: &ClientTls, calls: &Transfers) -> Result<reqwest::Client, SetupError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(client_config(tls)?)
        .https_only(true)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .timeout(Duration::from_secs(calls.timeout_seconds))
        .build()
        .map_err(SetupError::Client)
}

/// Calls one custodian.
#[derive(Debug)]
pub(super) struct Caller {
    limits: CallLimits,
    breaker: Breaker,
}

/// What one try brought.
enum Try<T> {
    Done(Result<T, CustodianError>),
    Again,
}

impl Caller {
    pub(super) fn new(limits: CallLimits) -> Self {
        Self {
            limits,
            breaker: Breaker::new(limits.breaker_failures, limits.breaker_pause),
        }
    }

    /// Sends what `request` makes until there is an answer, at most as often and as long as allowed.
    ///
    /// Only requests that may be repeated come here: look-ups, quotes, and commits of a given id.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder + Send + Sync,
    ) -> Result<T, CustodianError> {
        if !self.breaker.admits(Instant::now()) {
            return Err(CustodianError::Unavailable);
        }
        let tries = tokio::time::timeout(self.limits.all_tries, self.tries(&request));
        let result = tries.await.unwrap_or(Err(CustodianError::Unavailable));
        let answered = !matches!(result, Err(CustodianError::Unavailable));
        self.breaker.note(answered, Instant::now());
        result
    }

    async fn tries<T: DeserializeOwned>(
        &self,
        request: &(impl Fn() -> reqwest::RequestBuilder + Send + Sync),
    ) -> Result<T, CustodianError> {
        let mut pause = FIRST_PAUSE;
        for number in 1..=self.limits.tries_max {
            if let Try::Done(result) = attempt(request()).await {
                return result;
            }
            if number < self.limits.tries_max {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
        }
        Err(CustodianError::Unavailable)
    }
}

async fn attempt<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Try<T> {
    let Ok(response) = request.send().await else {
        return Try::Again;
    };
    let status = response.status();
    match bounded_body(response).await {
        Ok(body) => read(status, &body),
        Err(Unread::Cut) => Try::Again,
        Err(Unread::TooLong) => Try::Done(Err(CustodianError::Invalid)),
    }
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Try<T> {
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => {
            Try::Done(serde_json::from_slice(body).map_err(|_| CustodianError::Invalid))
        }
        StatusCode::NOT_FOUND => Try::Done(Err(CustodianError::NotFound)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Try::Again,
        StatusCode::UNAUTHORIZED => {
            tracing::error!("a custodian does not take our credentials");
            Try::Done(Err(CustodianError::Unavailable))
        }
        status if status.is_client_error() => Try::Done(Err(CustodianError::Refused)),
        status if status.is_server_error() => Try::Again,
        _ => Try::Done(Err(CustodianError::Invalid)),
    }
}

enum Unread {
    Cut,
    TooLong,
}

async fn bounded_body(mut response: reqwest::Response) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Unread::Cut)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Unread::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
