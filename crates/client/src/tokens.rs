//! Tokens: blinded, signed, unblinded, and put on a vote.
//!
//! Privacy Pass over ristretto255 as `challenge-bypass-ristretto` speaks it, with the derivation of
//! RFC 9497 (`*_rfc`). This is the only file that touches that crate.

use std::fmt;

use challenge_bypass_ristretto::voprf::{
    self, BatchDLEQProof, Token, UnblindedToken, VerificationKey,
};
use hmac::Hmac;
use messages::{
    BatchProof, BlindedToken, PublicKey, SignedToken, encoding::Fixed, payments::VoteCredential,
};
use rand::{CryptoRng, Rng};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha512;
use zeroize::Zeroizing;

/// The tokens of one order item before they are signed: preimages and blinding factors.
#[derive(Clone)]
pub struct Blinding(Vec<Token>);

/// What came back is not what was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofError {
    /// Another number of signatures than of points.
    #[error("{found} signatures came back for {expected} points")]
    Count {
        /// How many points were sent.
        expected: usize,
        /// How many signatures came back.
        found: usize,
    },
    /// Some bytes are no point, or no proof.
    #[error("the signatures or the proof are malformed")]
    Malformed,
    /// The proof does not hold over the points that were sent.
    #[error("the proof does not show that the key signed the points that were sent")]
    Proof,
}

impl Blinding {
    /// Draws `count` tokens. The randomness must be the operating system's: a token that others can
    /// draw too is theirs to spend.
    pub fn random<R: Rng + CryptoRng>(count: usize, rng: &mut R) -> Self {
        Self(
            (0..count)
                .map(|_| Token::random::<Sha512, _>(rng))
                .collect(),
        )
    }

    /// The points to have signed.
    pub fn points(&self) -> Result<Vec<BlindedToken>, ProofError> {
        let points = self.blinded()?;
        Ok(points.iter().map(|point| Fixed(point.to_bytes())).collect())
    }

    /// Checks that `key` signed these tokens' own points, each once and in order, and unblinds.
    pub fn unblind(
        &self,
        signed: &[SignedToken],
        proof: &BatchProof,
        key: &PublicKey,
    ) -> Result<Vec<Unspent>, ProofError> {
        if signed.len() != self.0.len() {
            return Err(ProofError::Count {
                expected: self.0.len(),
                found: signed.len(),
            });
        }
        let malformed = |_| ProofError::Malformed;
        let signed = signed
            .iter()
            .map(|point| voprf::SignedToken::from_bytes(point.as_bytes()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(malformed)?;
        let proof = BatchDLEQProof::from_bytes(proof.as_bytes()).map_err(malformed)?;
        let public = voprf::PublicKey::from_bytes(key.as_bytes()).map_err(malformed)?;
        let unblinded = proof
            .verify_and_unblind::<Sha512, _>(&self.0, &self.blinded()?, &signed, &public)
            .map_err(|_| ProofError::Proof)?;
        let unspent = unblinded.into_iter().map(|token| Unspent {
            key: *key,
            token: Secret(token),
        });
        Ok(unspent.collect())
    }

    fn blinded(&self) -> Result<Vec<voprf::BlindedToken>, ProofError> {
        let blind = |token: &Token| token.blind_rfc::<Sha512>();
        let points: Result<_, _> = self.0.iter().map(blind).collect();
        points.map_err(|_| ProofError::Malformed)
    }
}

/// Shows the count only.
impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blinding")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}

impl Serialize for Blinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|token| Fixed(token.to_bytes())))
    }
}

impl<'de> Deserialize<'de> for Blinding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tokens = Vec::<Fixed<96>>::deserialize(deserializer)?;
        let tokens: Result<_, _> = tokens
            .iter()
            .map(|bytes| Token::from_bytes(bytes.as_bytes()))
            .collect();
        tokens
            .map(Self)
            .map_err(|_| de::Error::custom("not a token"))
    }
}

/// A signed token that was not put on a vote yet.
#[derive(Clone, Serialize, Deserialize)]
pub struct Unspent {
    key: PublicKey,
    token: Secret,
}

impl Unspent {
    /// The key that signed it.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Puts the token on a vote: a MAC over `payload` under the key that only its holder and the
    /// issuer can derive.
    pub fn sign(&self, payload: &str) -> VoteCredential {
        let key: VerificationKey = self.token.0.derive_verification_key_rfc::<Sha512>();
        let signature = key.sign::<Hmac<Sha512>>(payload.as_bytes());
        VoteCredential {
            public_key: self.key,
            t: Fixed(self.token.0.t.to_bytes()),
            signature: signature
                .encode_base64()
                .parse()
                .expect("the crate writes 64 bytes as standard base64"),
        }
    }
}

/// Shows nothing.
impl fmt::Debug for Unspent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unspent(..)")
    }
}

#[derive(Clone)]
struct Secret(UnblindedToken);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = Zeroizing::new(self.0.to_bytes());
        Fixed(*bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Fixed::<96>::deserialize(deserializer)?;
        UnblindedToken::from_bytes(bytes.as_bytes())
            .map(Self)
            .map_err(|_| de::Error::custom("not a token"))
    }
}

#[cfg(test)]
mod tests;
