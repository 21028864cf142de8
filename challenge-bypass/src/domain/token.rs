//! Whether a token was signed by a key, and its holder signed this payload.

use challenge_bypass_ristretto::voprf::{SigningKey, TokenPreimage, VerificationSignature};
use hmac::Hmac;
use messages::{Preimage, Signature};
use sha2::Sha512;

/// Checks a token with the RFC 9497 derivation: only the crate's `*_rfc` functions.
///
/// The older derivation maps the preimage to a point without hashing it, so that from one token
/// others can be made whose points are multiples of the same point (threat T9).
pub fn check_token(
    key: &SigningKey,
    preimage: &Preimage,
    payload: &[u8],
    signature: &Signature,
) -> bool {
    let Ok(preimage) = TokenPreimage::from_bytes(preimage.as_bytes()) else {
        return false;
    };
    let Ok(token) = key.rederive_unblinded_token_rfc::<Sha512>(&preimage) else {
        // The preimage hashes to the identity; nobody can find one that does.
        return false;
    };
    // The crate reads signatures from base64 only, and compares them in constant time.
    VerificationSignature::decode_base64(&signature.to_string()).is_ok_and(|signature| {
        token
            .derive_verification_key_rfc::<Sha512>()
            .verify::<Hmac<Sha512>>(&signature, payload)
    })
}

#[cfg(test)]
mod tests;
