//! The tagged hash that every identifier is made with, and UUIDs made from it.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// SHA-256 over a tag and parts, each with its length in front (u32, big endian).
///
/// The tag keeps the uses apart, the lengths keep the parts apart: two different lists of parts
/// never hash the same bytes. Contracts, "`H(tag, a, b…)`".
///
/// ```
/// use messages::digest::H;
/// let id = H::new("bt/example/1").part(b"a").part(b"bc").finish();
/// assert_ne!(id, H::new("bt/example/1").part(b"ab").part(b"c").finish());
/// ```
#[derive(Clone)]
pub struct H(Sha256);

impl H {
    /// Starts with the tag.
    pub fn new(tag: &str) -> Self {
        Self(Sha256::new()).part(tag.as_bytes())
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).expect("a part is bounded far below 4 GiB");
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds each of `parts` in order.
    #[must_use]
    pub fn parts<T: AsRef<[u8]>>(self, parts: impl IntoIterator<Item = T>) -> Self {
        parts
            .into_iter()
            .fold(self, |hash, part| hash.part(part.as_ref()))
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Shows nothing: what is hashed is often secret.
impl std::fmt::Debug for H {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("H(..)")
    }
}

/// A UUID of version 8 (RFC 9562 §5.8) from the first 16 bytes of a digest.
pub fn uuid_v8(digest: [u8; 32]) -> Uuid {
    let (head, _) = digest.split_first_chunk::<16>().expect("32 bytes hold 16");
    uuid::Builder::from_custom_bytes(*head).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_over_the_tag_and_every_part_with_its_length_in_front() {
        let expected: [u8; 32] = Sha256::digest(b"\0\0\0\x01t\0\0\0\0\0\0\0\x02ab").into();
        assert_eq!(H::new("t").part(b"").part(b"ab").finish(), expected);
        assert_eq!(H::new("t").parts(["", "ab"]).finish(), expected);
    }

    #[test]
    fn a_digest_becomes_a_uuid_of_version_8() {
        let id = uuid_v8([0xFF; 32]);
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id.to_string(), "ffffffff-ffff-8fff-bfff-ffffffffffff");
    }
}
