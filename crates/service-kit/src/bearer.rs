//! Bearer tokens, for callers without client certificates.

use std::{fmt, sync::Arc};

use http::{HeaderMap, header};
use messages::digest::H;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use subtle::{Choice, ConstantTimeEq as _};

use crate::secret::{SecretError, SecretFile};

/// The section `[auth]` of a service's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BearerSettings {
    /// Bearer tokens, one a line.
    pub bearer_tokens_file: SecretFile,
}

/// Hashes of the tokens that are accepted: comparing hashes takes the same time whatever was sent.
#[derive(Clone, Default)]
pub struct BearerTokens(Arc<[[u8; 32]]>);

impl BearerTokens {
    /// The tokens of the settings; none when no file is named. An empty file is refused.
    pub fn read(settings: &BearerSettings) -> Result<Self, SecretError> {
        let file = &settings.bearer_tokens_file;
        if file.is_unset() {
            return Ok(Self::default());
        }
        let text = file.read_text()?;
        let lines = text.expose_secret().lines().map(str::trim);
        Ok(Self(
            lines.filter(|line| !line.is_empty()).map(hash).collect(),
        ))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request with these headers carries one of the tokens.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn tokens(text: &str) -> Result<BearerTokens, SecretError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, text).unwrap();
        BearerTokens::read(&BearerSettings {
            bearer_tokens_file: SecretFile::new(path),
        })
    }

    #[test]
    fn only_a_listed_token_is_let_through_and_none_is_shown() {
        let tokens = tokens("first-token\n\n  second-token \n").unwrap();
        let allow = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            tokens.allow(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
        };

        assert!(allow("Bearer first-token") && allow("Bearer second-token"));
        for wrong in [
            "Bearer third-token",
            "first-token",
            "Bearer ",
            "Basic first-token",
            "",
        ] {
            assert!(!allow(wrong), "{wrong}");
        }
        assert!(!tokens.allow(&HeaderMap::new()));
        assert_eq!(format!("{tokens:?}"), "BearerTokens(2)");
    }

    #[test]
    fn no_file_means_no_tokens_and_an_empty_file_is_refused() {
        let none = BearerTokens::read(&BearerSettings {
            bearer_tokens_file: SecretFile::new(""),
        })
        .unwrap();

        assert!(none.is_empty() && !none.allow(&HeaderMap::new()));
        assert!(tokens("\n").is_err());
    }
}
