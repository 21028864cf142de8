//! What a browser does with tokens.

use challenge_bypass_ristretto::voprf::{
    BatchDLEQProof, BlindedToken as BlindedPoint, PublicKey as PublicPoint,
    SignedToken as SignedPoint, Token, UnblindedToken,
};
use hmac::Hmac;
use messages::{
    BlindedToken, PublicKey,
    challenge_bypass::{RedemptionToken, SigningResponse},
    encoding::Fixed,
};
use rand::rngs::OsRng;
use sha2::Sha512;

/// Tokens that wait for signatures.
pub(crate) struct Blinded {
    tokens: Vec<Token>,
    points: Vec<BlindedPoint>,
}

impl Blinded {
    pub(crate) fn new(count: usize) -> Self {
        let tokens: Vec<Token> = std::iter::repeat_with(|| Token::random::<Sha512, _>(&mut OsRng))
            .take(count)
            .collect();
        let points = tokens
            .iter()
            .map(|token| token.blind_rfc::<Sha512>().unwrap())
            .collect();
        Self { tokens, points }
    }

    /// What is sent for signing.
    pub(crate) fn points(&self) -> Vec<BlindedToken> {
        self.points
            .iter()
            .map(|point| Fixed(point.to_bytes()))
            .collect()
    }

    /// Checks the proof, and takes the blinding off.
    pub(crate) fn unblind(&self, signed: &SigningResponse) -> Option<Vec<Held>> {
        let key = PublicPoint::from_bytes(signed.public_key.as_bytes()).unwrap();
        let proof = BatchDLEQProof::from_bytes(signed.batch_proof.as_bytes()).unwrap();
        let points: Vec<_> = signed
            .signed_tokens
            .iter()
            .map(|token| SignedPoint::from_bytes(token.as_bytes()).unwrap())
            .collect();
        let unblinded = proof
            .verify_and_unblind::<Sha512, _>(&self.tokens, &self.points, &points, &key)
            .ok()?;
        let held = |token| Held {
            key: signed.public_key,
            token,
        };
        Some(unblinded.into_iter().map(held).collect())
    }
}

/// A token that can be spent.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) key: PublicKey,
    pub(crate) token: UnblindedToken,
}

impl Held {
    /// The token on a payload.
    pub(crate) fn on(&self, payload: &str) -> RedemptionToken {
        let signature = self
            .token
            .derive_verification_key_rfc::<Sha512>()
            .sign::<Hmac<Sha512>>(payload.as_bytes());
        RedemptionToken {
            public_key: self.key,
            t: Fixed(self.token.t.to_bytes()),
            signature: signature.encode_base64().parse().unwrap(),
        }
    }
}
