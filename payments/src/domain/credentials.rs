//! Blinded tokens that are submitted for an item, and their signatures.

use std::{collections::HashSet, fmt};

use curve25519_dalek::{ristretto::CompressedRistretto, traits::IsIdentity as _};
use messages::{
    BatchProof, BlindedToken, KeyId, PublicKey, SignedToken, SigningRequestId,
    challenge_bypass::SigningResponse, digest::H,
};
use uuid::Uuid;

/// The blinded tokens of one item: as many as were paid for, each a canonical encoding of a point that
/// is not the identity, and all different.
///
/// An identity or malformed point would be found out only when challenge-bypass signs, after the
/// item's one submission; two equal points would give two equal tokens.
#[derive(Clone, Eq, PartialEq)]
pub struct Points(Vec<BlindedToken>);

/// Why points are not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidPoints {
    /// More or fewer than were paid for.
    #[error("the item is for {expected} blinded tokens")]
    Count {
        /// How many were paid for.
        expected: u32,
    },
    /// This one stands in the list before.
    #[error("blinded token {0} is there twice")]
    Duplicate(usize),
    /// This one is no canonical encoding, or the identity.
    #[error("blinded token {0} is not a canonical, non-identity point")]
    Point(usize),
}

impl Points {
    /// Checks the points that were submitted for an item of `quantity`.
    pub fn check(tokens: Vec<BlindedToken>, quantity: u32) -> Result<Self, InvalidPoints> {
        if u32::try_from(tokens.len()) != Ok(quantity) {
            return Err(InvalidPoints::Count { expected: quantity });
        }
        let mut seen = HashSet::with_capacity(tokens.len());
        for (index, token) in tokens.iter().enumerate() {
            if !is_point(token) {
                return Err(InvalidPoints::Point(index));
            }
            if !seen.insert(token.0) {
                return Err(InvalidPoints::Duplicate(index));
            }
        }
        Ok(Self(tokens))
    }

    /// Points that were stored, and therefore checked.
    pub fn stored(tokens: Vec<BlindedToken>) -> Self {
        Self(tokens)
    }

    /// The points, in the order the client sent them.
    pub fn tokens(&self) -> &[BlindedToken] {
        &self.0
    }

    /// Names their signing, so that a repeat is not counted again.
    pub fn request_id(&self, item: Uuid) -> SigningRequestId {
        let points = self.0.iter().map(BlindedToken::as_bytes);
        messages::encoding::Fixed(
            H::new("bt/signing/1")
                .part(item.as_bytes())
                .parts(points)
                .finish(),
        )
    }
}

/// Shows how many there are: the tokens would link a signing to what is spent later.
impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Points")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// Whether the bytes are the one encoding of a point other than the identity.
fn is_point(token: &BlindedToken) -> bool {
    let point = CompressedRistretto(token.0).decompress();
    point.is_some_and(|point| !point.is_identity())
}

/// What challenge-bypass signed.
#[derive(Clone, Eq, PartialEq)]
pub struct Signed {
    /// The signed tokens, in the order of the points.
    pub tokens: Vec<SignedToken>,
    /// Shows that one key signed them all.
    pub proof: BatchProof,
    /// That key.
    pub public_key: PublicKey,
}

impl Signed {
    /// The id of the key that signed.
    pub fn key(&self) -> KeyId {
        KeyId::of(&self.public_key)
    }
}

impl From<SigningResponse> for Signed {
    fn from(answer: SigningResponse) -> Self {
        Self {
            tokens: answer.signed_tokens,
            proof: answer.batch_proof,
            public_key: answer.public_key,
        }
    }
}

/// Shows which key it was, and no token.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}

/// How far an item's credentials have come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Credentials {
    /// Their retention time is over.
    Erased,
    /// Signed.
    Signed(Points, Signed),
    /// Submitted, and not signed yet.
    Signing(Points),
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::{RistrettoPoint, Scalar};
    use messages::encoding::Fixed;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn point(n: u64) -> BlindedToken {
        Fixed(RistrettoPoint::mul_base(&Scalar::from(n)).compress().0)
    }

    #[test]
    fn distinct_points_of_the_right_number_are_taken() {
        let points = Points::check(vec![point(1), point(2)], 2).unwrap();
        assert_eq!(points.tokens(), [point(1), point(2)]);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_ne!(points.request_id(a), points.request_id(b));
        assert!(!format!("{points:?}").contains('['), "{points:?}");
    }

    /// With other bytes under it, what was being signed during a release would be counted twice.
    #[test]
    fn the_name_of_a_signing_is_a_hash_over_these_bytes() {
        let points = Points::stored(vec![Fixed([5; 32]), Fixed([4; 32])]);
        let bytes = [
            b"\0\0\0\x0cbt/signing/1\0\0\0\x10".as_slice(),
            &[9; 16],
            b"\0\0\0\x20",
            &[5; 32],
            b"\0\0\0\x20",
            &[4; 32],
        ];
        let expected: [u8; 32] = Sha256::digest(bytes.concat()).into();

        assert_eq!(
            points.request_id(Uuid::from_bytes([9; 16])),
            Fixed(expected)
        );
    }

    #[test]
    fn every_other_list_is_refused() {
        let of = |points: &[BlindedToken], n| Points::check(points.to_vec(), n).err();
        // The order of the field in place of a coordinate, and a negative coordinate: not canonical.
        let mut large = [0xFF; 32];
        large[0] = 0xED;
        large[31] = 0x7F;
        let mut negative = point(1).0;
        negative[0] ^= 1;

        assert_eq!(
            of(&[point(1)], 2),
            Some(InvalidPoints::Count { expected: 2 })
        );
        assert_eq!(of(&[], 1), Some(InvalidPoints::Count { expected: 1 }));
        assert_eq!(
            of(&[point(1), point(1)], 2),
            Some(InvalidPoints::Duplicate(1))
        );
        assert_eq!(of(&[point(1), point(0)], 2), Some(InvalidPoints::Point(1)));
        for wrong in [[0; 32], [0xFF; 32], large, negative] {
            assert_eq!(of(&[Fixed(wrong)], 1), Some(InvalidPoints::Point(0)));
        }
    }
}
