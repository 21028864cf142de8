//! Refusals as problem documents (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
pub use messages::problem::{InvalidField, Slug};

/// The longest text of a request that is repeated in a JSON pointer.
const POINTER_CHARS_MAX: usize = 200;

/// A refusal: the document, and when to come back.
///
/// Answers with status 429 and 503 always say when, so that nobody has to guess.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    body: Box<messages::problem::Problem>,
    retry_after: Option<RetryAfter>,
}

impl Problem {
    /// The problem that `slug` names.
    pub fn new(slug: Slug) -> Self {
        Self {
            body: Box::new(slug.into()),
            retry_after: None,
        }
    }

    /// The service failed. Why is for the log, not for the client.
    pub fn internal() -> Self {
        Self::new(Slug::Internal)
    }

    /// Says what is particular to this occurrence. Never a text of a dependency.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.body.detail = Some(detail.into());
        self
    }

    /// Names a member that is wrong by its JSON pointer.
    #[must_use]
    pub fn invalid(mut self, pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        let mut field: String = pointer.into();
        if let Some((end, _)) = field.char_indices().nth(POINTER_CHARS_MAX) {
            field.truncate(end);
        }
        self.body.invalid.push(InvalidField {
            field,
            reason: reason.into(),
        });
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, when: RetryAfter) -> Self {
        self.retry_after = Some(when);
        self
    }

    /// The status it is sent with.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document.
    pub fn body(&self) -> &messages::problem::Problem {
        &self.body
    }
}

impl From<Slug> for Problem {
    fn from(slug: Slug) -> Self {
        Self::new(slug)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        // The members are strings and numbers, which always serialize.
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let comes_back = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        let when = self
            .retry_after
            .or(comes_back.then_some(RetryAfter::Seconds5));
        if let Some(when) = when {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(when.as_str()));
        }
        response
    }
}

/// When to try again. There are four answers, so that they tell clients apart as little as possible.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RetryAfter {
    /// In a second: a queue was full.
    Seconds1,
    /// In five seconds: something next to us did not answer.
    Seconds5,
    /// In half a minute: a limit refills.
    Seconds30,
    /// In two minutes.
    Seconds120,
}

impl RetryAfter {
    /// The first of the four that is no sooner than `seconds`.
    pub fn at_least(seconds: u64) -> Self {
        match seconds {
            0..=1 => Self::Seconds1,
            2..=5 => Self::Seconds5,
            6..=30 => Self::Seconds30,
            _ => Self::Seconds120,
        }
    }

    /// The value of the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seconds1 => "1",
            Self::Seconds5 => "5",
            Self::Seconds30 => "30",
            Self::Seconds120 => "120",
        }
    }
}
