//! Signing blinded tokens.

use std::{collections::HashSet, fmt};

use challenge_bypass_ristretto::voprf::{
    BatchDLEQProof, BlindedToken as BlindedPoint, SignedToken as SignedPoint, SigningKey,
};
use messages::{
    BatchProof, BlindedToken, PublicKey, SignedToken, SigningRequestId, digest::H, encoding::Fixed,
};
use rand::{CryptoRng, RngCore};
use sha2::Sha512;

use super::IssuerName;

/// Names a signing request in the registry: `H("bt/signing/1", issuer, request id, points…)`.
///
/// The points are in it, so nobody gets other points signed uncounted under a known request id. The
/// request id itself is not kept: payments could join it to an order.
pub type SigningId = Fixed<32>;

/// The blinded tokens of one signing request: at least one, no more than the limit, all different.
#[derive(Clone)]
pub struct BlindedBatch(Vec<BlindedToken>);

/// Why blinded tokens are refused before they are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidBatch {
    /// There are none, or too many.
    #[error("a request has 1 to {max} blinded tokens")]
    Count {
        /// The most that there may be.
        max: usize,
    },
    /// A token stands in the request twice.
    #[error("a blinded token stands in the request more than once")]
    Duplicate {
        /// The place of the second one.
        index: usize,
    },
}

impl BlindedBatch {
    /// Takes up to `tokens_max` different tokens.
    pub fn new(tokens: Vec<BlindedToken>, tokens_max: usize) -> Result<Self, InvalidBatch> {
        if !(1..=tokens_max).contains(&tokens.len()) {
            return Err(InvalidBatch::Count { max: tokens_max });
        }
        let mut seen = HashSet::with_capacity(tokens.len());
        match tokens.iter().position(|token| !seen.insert(token)) {
            Some(index) => Err(InvalidBatch::Duplicate { index }),
            None => Ok(Self(tokens)),
        }
    }

    /// How many there are: never none.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The name of a request for these tokens.
    pub fn signing_id(&self, issuer: &IssuerName, request: &SigningRequestId) -> SigningId {
        let id = H::new("bt/signing/1")
            .part(issuer.as_str().as_bytes())
            .part(request.as_bytes())
            .parts(self.0.iter().map(Fixed::as_bytes));
        Fixed(id.finish())
    }

    /// Signs every token and proves that one key did.
    ///
    /// `accepts` says which points may be signed; the crate itself refuses what is no canonical
    /// encoding of a point.
    pub fn sign(
        &self,
        key: &SigningKey,
        accepts: fn(&BlindedToken) -> bool,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<SignedBatch, InvalidPoint> {
        let mut blinded = Vec::with_capacity(self.0.len());
        let mut signed = Vec::with_capacity(self.0.len());
        for (index, token) in self.0.iter().enumerate() {
            let refused = InvalidPoint { index };
            if !accepts(token) {
                return Err(refused);
            }
            let point = BlindedPoint::from_bytes(token.as_bytes()).map_err(|_| refused)?;
            signed.push(key.sign(&point).map_err(|_| refused)?);
            blinded.push(point);
        }
        let proof = BatchDLEQProof::new::<Sha512, _>(rng, &blinded, &signed, key)
            .expect("every point was decoded above, and there are as many of both");
        Ok(SignedBatch {
            public_key: Fixed(key.public_key.to_bytes()),
            tokens: signed.iter().map(bytes).collect(),
            proof: Fixed(proof.to_bytes()),
        })
    }
}

fn bytes(point: &SignedPoint) -> SignedToken {
    Fixed(point.to_bytes())
}

/// Whether a point may be signed: anything but the identity, whose only encoding is all zeros.
///
/// Signed, the identity would be a token of every key.
pub fn accepts_point(token: &BlindedToken) -> bool {
    token.as_bytes() != &[0; 32]
}

/// Shows the number and never the tokens: they would link this request to the order it serves.
impl fmt::Debug for BlindedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlindedBatch")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// A blinded token that is no canonical encoding of a point other than the identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a blinded token is not a canonical, non-identity ristretto255 encoding")]
pub struct InvalidPoint {
    /// Its place in the request.
    pub index: usize,
}

/// Signed tokens, and the proof that one key signed them.
#[derive(Clone)]
pub struct SignedBatch {
    /// The key that signed.
    pub public_key: PublicKey,
    /// In the order of the request.
    pub tokens: Vec<SignedToken>,
    /// The proof over all of them.
    pub proof: BatchProof,
}

/// Shows the number and never the tokens.
impl fmt::Debug for SignedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedBatch")
            .field("count", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::{RistrettoPoint, Scalar};
    use rand::{SeedableRng as _, rngs::StdRng};
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn points(count: usize) -> Vec<BlindedToken> {
        let mut rng = StdRng::seed_from_u64(5);
        std::iter::repeat_with(|| Fixed(RistrettoPoint::random(&mut rng).compress().to_bytes()))
            .take(count)
            .collect()
    }

    fn sign(tokens: Vec<BlindedToken>) -> Result<SignedBatch, InvalidPoint> {
        let mut rng = StdRng::seed_from_u64(6);
        let key = SigningKey::random(&mut rng);
        let batch = BlindedBatch::new(tokens, 400).unwrap();
        batch.sign(&key, accepts_point, &mut rng)
    }

    #[test]
    fn a_batch_is_bounded_and_its_tokens_differ() {
        let count = |n| BlindedBatch::new(points(n), 4).map(|batch| batch.count());
        assert_eq!(count(0), Err(InvalidBatch::Count { max: 4 }));
        assert_eq!(count(5), Err(InvalidBatch::Count { max: 4 }));
        assert_eq!(count(4), Ok(4));

        let mut twice = points(3);
        twice.push(twice[1]);
        let refused = BlindedBatch::new(twice, 4).unwrap_err();
        assert_eq!(refused, InvalidBatch::Duplicate { index: 3 });
    }

    #[test]
    fn what_is_signed_verifies_under_the_proof() {
        let tokens = points(5);
        let batch = sign(tokens.clone()).unwrap();

        let blinded: Vec<_> = tokens
            .iter()
            .map(|token| BlindedPoint::from_bytes(token.as_bytes()).unwrap())
            .collect();
        let signed: Vec<_> = batch
            .tokens
            .iter()
            .map(|token| SignedPoint::from_bytes(token.as_bytes()).unwrap())
            .collect();
        let key =
            challenge_bypass_ristretto::voprf::PublicKey::from_bytes(batch.public_key.as_bytes())
                .unwrap();
        let proof = BatchDLEQProof::from_bytes(batch.proof.as_bytes()).unwrap();
        assert!(proof.verify::<Sha512>(&blinded, &signed, &key).is_ok());
        assert!(
            proof
                .verify::<Sha512>(&blinded[1..], &signed[1..], &key)
                .is_err()
        );
    }

    #[test]
    fn what_is_no_point_or_the_identity_is_refused() {
        let valid = points(2);
        // The field element must be below p, non-negative, and of a point of the group.
        let mut at_p = [0xFF; 32];
        at_p[0] = 0xED;
        at_p[31] = 0x7F;
        let mut high_bit = *valid[0].as_bytes();
        high_bit[31] |= 0x80;
        let mut negative = *valid[0].as_bytes();
        negative[0] |= 1;
        let identity = (Scalar::ZERO * RistrettoPoint::random(&mut StdRng::seed_from_u64(1)))
            .compress()
            .to_bytes();
        assert_eq!(identity, [0; 32]);

        for wrong in [identity, at_p, high_bit, negative, [0xFF; 32]] {
            let refused = sign(vec![valid[0], Fixed(wrong), valid[1]]).unwrap_err();
            assert_eq!(refused, InvalidPoint { index: 1 });
        }
    }

    #[test]
    fn a_request_is_named_by_its_issuer_its_id_and_its_points() {
        let batch = |n| BlindedBatch::new(points(n), 9).unwrap();
        let (a, b): (IssuerName, IssuerName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let id = batch(2).signing_id(&a, &Fixed([1; 32]));

        assert_eq!(batch(2).signing_id(&a, &Fixed([1; 32])), id);
        assert_ne!(batch(2).signing_id(&b, &Fixed([1; 32])), id);
        assert_ne!(batch(2).signing_id(&a, &Fixed([2; 32])), id);
        assert_ne!(batch(3).signing_id(&a, &Fixed([1; 32])), id);
    }

    /// With other bytes under it, what was signed before a release would be counted again after it.
    #[test]
    fn the_name_of_a_request_is_a_hash_over_these_bytes() {
        let batch = BlindedBatch::new(vec![Fixed([5; 32]), Fixed([4; 32])], 9).unwrap();
        let bytes = [
            b"\0\0\0\x0cbt/signing/1\0\0\0\x05a.com\0\0\0\x20".as_slice(),
            &[1; 32],
            b"\0\0\0\x20",
            &[5; 32],
            b"\0\0\0\x20",
            &[4; 32],
        ];
        let expected: [u8; 32] = Sha256::digest(bytes.concat()).into();

        let id = batch.signing_id(&"a.com".parse().unwrap(), &Fixed([1; 32]));

        assert_eq!(id, Fixed(expected));
    }

    #[test]
    fn debug_shows_no_token() {
        let batch = BlindedBatch::new(points(2), 4).unwrap();
        assert_eq!(format!("{batch:?}"), "BlindedBatch { count: 2, .. }");
        let signed = sign(points(2)).unwrap();
        assert_eq!(format!("{signed:?}"), "SignedBatch { count: 2, .. }");
    }
}
