//! UUIDs in the one text that is read: hyphenated, in lower case (contracts §1).
//!
//! The crate `uuid` also reads upper case, no hyphens, braces and `urn:uuid:`. Each would be another way to send the
//! same request, and a choice that tells clients apart.

use std::borrow::Cow;

use serde::{Deserialize as _, Deserializer, de};
use uuid::Uuid;

/// A text that is no UUID, or one in another form.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a hyphenated UUID in lower case")]
pub struct NotHyphenated;

/// Reads the one text of a UUID.
pub fn read(text: &str) -> Result<Uuid, NotHyphenated> {
    let id: Uuid = text.parse().map_err(|_| NotHyphenated)?;
    if id.to_string() == text {
        Ok(id)
    } else {
        Err(NotHyphenated)
    }
}

/// For `#[serde(deserialize_with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    read(&text).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_one_text() {
        let text = "0b9ac0ea-70c7-4c30-9d54-5a5f2ee6b7a5";
        let id = read(text).unwrap();

        assert_eq!(id.to_string(), text);
        for other in [
            id.to_string().to_uppercase(),
            id.simple().to_string(),
            id.braced().to_string(),
            id.urn().to_string(),
            format!("{text} "),
            text.replacen('-', "", 1),
            String::new(),
        ] {
            assert_eq!(read(&other), Err(NotHyphenated), "{other}");
        }
    }
}
