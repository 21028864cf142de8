//! What can go wrong, and what a caller is told about it.

use axum::response::{IntoResponse, Response};
use service_kit::{Problem, problem::Slug};

use crate::store::StoreError;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member of the query is not what the route takes.
    #[error("a member of the query is not what the route takes")]
    InvalidQuery(&'static str),
    /// A part of the path is not what the route takes.
    #[error("a part of the path is not what the route takes")]
    InvalidPath,
    /// There is no such month, publisher or head.
    #[error("there is nothing here")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client has used up the route's own limit.
    #[error("the client asks too often")]
    TooManyRequests(Problem),
    /// Neither a token nor a certificate.
    #[error("the caller shows neither a token nor a certificate")]
    Unauthorized,
}

impl Error {
    /// The public face of the error. It never includes the source.
    pub fn problem(&self) -> Problem {
        match self {
            Self::InvalidPath => Problem::new(Slug::InvalidPath),
            Self::InvalidQuery(member) => Problem::new(Slug::InvalidQuery)
                .invalid(format!("/{member}"), "is not what this route takes"),
            Self::NotFound => Problem::new(Slug::NotFound),
            // The caller may try again: a database that fails may come back.
            Self::Store(_) => Problem::new(Slug::NotReady),
            Self::TooManyRequests(problem) => problem.clone(),
            Self::Unauthorized => Problem::new(Slug::Unauthorized),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Store(error) = &self {
            tracing::error!(error = error as &dyn std::error::Error, "a request failed");
        }
        self.problem().into_response()
    }
}
