//! Bearer tokens, for callers without client certificates.

use std::{fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header};
use messages::digest::H;
use secrecy::ExposeSecret as _;
use service_kit::secret::{SecretError, SecretFile};
use subtle::{Choice, ConstantTimeEq as _};

use crate::{AppState, Error};

/// Hashes of the tokens that are accepted: comparing hashes takes the same time whatever was sent.
#[derive(Clone)]
pub struct BearerTokens(Arc<[[u8; 32]]>);

impl BearerTokens {
    /// The tokens in a file, one a line; `None` when no file is named.
    pub fn read(file: &SecretFile) -> Result<Option<Self>, SecretError> {
        if file.is_unset() {
            return Ok(None);
        }
        let text = file.read_text()?;
        let lines = text.expose_secret().lines().map(str::trim);
        let tokens = lines.filter(|line| !line.is_empty()).map(hash).collect();
        Ok(Some(Self(tokens)))
    }

    /// Whether the request carries one of the tokens.
    fn allow(&self, headers: &HeaderMap) -> bool {
        let sent = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(hash);
        sent.is_some_and(|sent| {
            let matches = self.0.iter().map(|token| token.ct_eq(&sent));
            matches.fold(Choice::from(0), |any, one| any | one).into()
        })
    }
}

fn hash(token: &str) -> [u8; 32] {
    H::new("bt/bearer/1").part(token.as_bytes()).finish()
}

/// Shows how many there are.
impl fmt::Debug for BearerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerTokens({})", self.0.len())
    }
}

/// Lets requests through that carry a token, where tokens are wanted.
pub(crate) async fn check(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    match &state.tokens {
        Some(tokens) if !tokens.allow(request.headers()) => Err(Error::Unauthorized),
        Some(_) | None => Ok(next.run(request).await),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(value: &'static str) -> HeaderMap {
        let value = HeaderValue::from_static(value);
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    #[test]
    fn only_a_listed_token_is_let_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "first-token\n\n  second-token \n").unwrap();
        let tokens = BearerTokens::read(&SecretFile::new(path)).unwrap().unwrap();

        assert!(tokens.allow(&headers("Bearer first-token")));
        assert!(tokens.allow(&headers("Bearer second-token")));
        for wrong in [
            "Bearer third-token",
            "first-token",
            "Bearer ",
            "Basic first-token",
        ] {
            assert!(!tokens.allow(&headers(wrong)), "{wrong}");
        }
        assert!(!tokens.allow(&HeaderMap::new()));
        assert_eq!(format!("{tokens:?}"), "BearerTokens(2)");
    }

    #[test]
    fn no_file_means_no_tokens_and_an_empty_file_is_refused() {
        assert!(BearerTokens::read(&SecretFile::new("")).unwrap().is_none());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "\n").unwrap();
        assert!(BearerTokens::read(&SecretFile::new(path)).is_err());
    }
}
