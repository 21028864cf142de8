//! The decisions that the threat model plants faults in.
//!
//! Everything here is a plain function, and the service runs with [`Rules::default`]. A control of
//! the threat model replaces one of them, to show that the attack would then succeed and be seen.

use std::sync::Arc;

use challenge_bypass_ristretto::voprf::SigningKey;
use messages::{BlindedToken, KeyId, Preimage, Signature, challenge_bypass::RedemptionToken};
use service_kit::fault::FaultPoints;

use crate::domain::{self, Binding, Claim, Judgement};

/// The decisions of the issuer that everything else rests on.
#[derive(Clone)]
pub struct Rules {
    /// Whether a blinded token may be signed.
    pub accepts_point: fn(&BlindedToken) -> bool,
    /// Whether a token's signature fits key and payload.
    pub check_token: fn(&SigningKey, &Preimage, &[u8], &Signature) -> bool,
    /// Where a test makes requests fail, after the steps `sign`, `count`, `verify` and `spend`.
    pub fault: FaultPoints,
    /// What follows from what is known about a claim's tokens.
    pub judge: fn(&Claim, &[Option<Binding>]) -> Judgement,
    /// Whether a registry that counts the first number is not older than the second.
    pub knows_enough: fn(u64, u64) -> bool,
    /// The digest R of a whole redemption.
    pub request_digest: fn(KeyId, &str, &[RedemptionToken]) -> [u8; 32],
    /// The secret that signs: that of the one key of the day, for everybody.
    pub signing_key: fn(&Arc<SigningKey>) -> Arc<SigningKey>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            accepts_point: domain::accepts_point,
            check_token: domain::check_token,
            fault: FaultPoints::default(),
            judge: domain::judge,
            knows_enough: domain::knows_enough,
            request_digest: domain::request_digest,
            signing_key: Arc::clone,
        }
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules(..)")
    }
}
