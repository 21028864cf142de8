//! Who may read: whoever has a bearer token, or a client certificate that the settings allow.

use std::{fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header};
use messages::digest::H;
use secrecy::ExposeSecret as _;
use service_kit::{
    peer::Peer,
    secret::{SecretError, SecretFile},
};
use subtle::{Choice, ConstantTimeEq as _};

use crate::{error::Error, state::AppState};

/// Hashes of the tokens that are accepted: comparing hashes takes the same time whatever was sent.
#[derive(Clone, Default)]
pub struct BearerTokens(Arc<[[u8; 32]]>);

impl BearerTokens {
    /// The tokens in a file, one a line; none when no file is named.
    pub fn read(file: &SecretFile) -> Result<Self, SecretError> {
        if file.is_unset() {
            return Ok(Self::default());
        }
        let text = file.read_text()?;
        let lines = text.expose_secret().lines().map(str::trim);
        Ok(Self(
            lines.filter(|line| !line.is_empty()).map(hash).collect(),
        ))
    }

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

/// Lets requests through that come with a certificate or carry a token.
pub(crate) async fn check(
    State(state): State<AppState>,
    peer: Peer,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if peer.name().is_some() || state.tokens.allow(request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(Error::Unauthorized)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_listed_token_is_let_through_and_none_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "first-token\n\n  second-token \n").unwrap();
        let tokens = BearerTokens::read(&SecretFile::new(path)).unwrap();
        let allow = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            tokens.allow(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
        };

        assert!(allow("Bearer first-token") && allow("Bearer second-token"));
        for wrong in [
            "Bearer third",
            "first-token",
            "Bearer ",
            "Basic first-token",
            "",
        ] {
            assert!(!allow(wrong), "{wrong}");
        }
        assert!(!tokens.allow(&HeaderMap::new()));
        assert!(!BearerTokens::default().allow(&HeaderMap::new()));
        assert_eq!(format!("{tokens:?}"), "BearerTokens(2)");
    }
}
