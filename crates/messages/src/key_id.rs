//! The name of an issuer key.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};

use crate::{PublicKey, digest::H};

/// The first 16 bytes of `H("bt/key/1", public key)`, in lower-case hex.
///
/// Made from the key itself, so it cannot change by import or restore.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 16]);

impl KeyId {
    /// The id of a public key.
    pub fn of(public_key: &PublicKey) -> Self {
        let digest = H::new("bt/key/1").part(public_key.as_bytes()).finish();
        let (head, _) = digest.split_first_chunk::<16>().expect("32 bytes hold 16");
        Self(*head)
    }

    /// An id that was stored.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A text that names no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key id is 32 lower-case hexadecimal digits")]
pub struct InvalidKeyId;

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let mut bytes = [0; 16];
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(InvalidKeyId);
        }
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidKeyId)?;
        Ok(Self(bytes))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for KeyId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9a-f]{32}$"))
            .into()
    }
}

impl utoipa::ToSchema for KeyId {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Fixed;

    #[test]
    fn an_id_is_read_only_as_it_is_written() {
        let id = KeyId::of(&Fixed([7; 32]));
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        for wrong in [
            text.to_uppercase(),
            text.replace('0', " "),
            format!("{text}0"),
        ] {
            if wrong != text {
                assert_eq!(wrong.parse::<KeyId>(), Err(InvalidKeyId));
            }
        }
        assert_ne!(id, KeyId::of(&Fixed([8; 32])));
    }
}
