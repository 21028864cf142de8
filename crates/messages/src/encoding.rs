//! Byte strings of a fixed length, as standard base64 with padding.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::ConstantTimeEq;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};

/// A compressed ristretto255 point: the public key of an issuer key, *X = kG*.
pub type PublicKey = Fixed<32>;
/// A compressed ristretto255 point: a blinded token, *P = rT*.
pub type BlindedToken = Fixed<32>;
/// A compressed ristretto255 point: a signed token, *Q = kP*.
pub type SignedToken = Fixed<32>;
/// The batch DLEQ proof: the scalars *c ‖ s*, little endian.
pub type BatchProof = Fixed<64>;
/// A token's preimage *t*: 64 bytes of the client's choice.
pub type Preimage = Fixed<64>;
/// HMAC-SHA512 over a redemption's payload under the token's verification key.
pub type Signature = Fixed<64>;
/// Names one signing request, so that a repeat is not counted again.
pub type SigningRequestId = Fixed<32>;

/// Exactly `N` bytes; in JSON, standard base64 with padding and nothing else.
///
/// Only the one canonical text is read: other alphabets, missing padding and stray trailing bits are
/// refused. Comparison takes the same time wherever the difference is, and `Debug` shows nothing,
/// because preimages and signatures travel as this type.
#[derive(Clone, Copy, Eq, Ord, PartialOrd)]
pub struct Fixed<const N: usize>(pub [u8; N]);

impl<const N: usize> Fixed<N> {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> PartialEq for Fixed<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Hash for Fixed<N> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.0.hash(state);
    }
}

impl<const N: usize> fmt::Debug for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fixed<{N}>(..)")
    }
}

/// The base64 text.
impl<const N: usize> fmt::Display for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// A text that is not the base64 of the wanted number of bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected {bytes} bytes in standard base64 with padding")]
pub struct NotBase64 {
    bytes: usize,
}

impl<const N: usize> FromStr for Fixed<N> {
    type Err = NotBase64;

    fn from_str(text: &str) -> Result<Self, NotBase64> {
        let refused = NotBase64 { bytes: N };
        // The length first: nothing longer than the right text is decoded at all.
        if text.len() != N.div_ceil(3) * 4 {
            return Err(refused);
        }
        let bytes = STANDARD.decode(text).map_err(|_| refused)?;
        Ok(Self(bytes.try_into().map_err(|_| refused)?))
    }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<const N: usize> utoipa::PartialSchema for Fixed<N> {
    fn schema() -> RefOr<Schema> {
        let length = Some(N.div_ceil(3) * 4);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("byte".to_owned())))
            .min_length(length)
            .max_length(length)
            .description(Some(format!("{N} bytes in standard base64 with padding")))
            .into()
    }
}

impl<const N: usize> utoipa::ToSchema for Fixed<N> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Base64Of{N}Bytes"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn debug_shows_no_byte() {
        let secret = Fixed([0xAB; 64]);
        assert_eq!(format!("{secret:?}"), "Fixed<64>(..)");
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        let text = Fixed([0xFF; 32]).to_string();
        assert_eq!(text.parse::<Fixed<32>>(), Ok(Fixed([0xFF; 32])));

        let unpadded = text.trim_end_matches('=');
        let url_safe = text.replace('/', "_");
        let stray_bits = text.replace("8=", "9=");
        assert_ne!(stray_bits, text);
        for wrong in [unpadded, &url_safe, &stray_bits, "", &format!("{text} ")] {
            assert!(wrong.parse::<Fixed<32>>().is_err(), "{wrong}");
        }
        assert!(text.parse::<Fixed<31>>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in any::<[u8; 32]>()) {
            let json = serde_json::to_string(&Fixed(bytes)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Fixed<32>>(&json).unwrap(), Fixed(bytes));
        }
    }
}
