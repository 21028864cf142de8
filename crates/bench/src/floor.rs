//! The arithmetic alone: what the server cannot avoid, on one thread, with nothing around it.

use std::{thread, time::Duration};

use anyhow::Context as _;
use challenge_bypass_ristretto::voprf::{
    BatchDLEQProof, BlindedToken, SigningKey, Token, TokenPreimage, VerificationSignature,
};
use hmac::Hmac;
use rand::rngs::OsRng;
use sha2::Sha512;

use crate::cpu;

/// The CPU time of `work`, which is given each of `parts` on a thread of its own.
///
/// On as many threads as there are cores, as in the server's pool: what cores share, such as a cache
/// or the clock that they may be driven at, is then shared here too.
pub async fn measure<T: Send + 'static>(
    parts: Vec<T>,
    work: fn(T) -> anyhow::Result<()>,
) -> anyhow::Result<Duration> {
    let threads: Vec<_> = parts
        .into_iter()
        .map(|part| {
            tokio::task::spawn_blocking(move || {
                let before = cpu::of_this_thread()?;
                work(part)?;
                anyhow::Ok(cpu::of_this_thread()?.saturating_sub(before))
            })
        })
        .collect();
    let mut used = Duration::ZERO;
    for thread in threads {
        used += thread.await??;
    }
    Ok(used)
}

/// `items` in as many parts as there are cores.
pub fn parts<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let each = items.len().div_ceil(cores).max(1);
    items.chunks(each).map(<[T]>::to_vec).collect()
}

/// Signs batches: each token, and a proof over all of a batch.
pub fn sign(key: &SigningKey, batches: &[Vec<BlindedToken>]) -> anyhow::Result<()> {
    for batch in batches {
        let signed: Result<Vec<_>, _> = batch.iter().map(|token| key.sign(token)).collect();
        let signed = signed.ok().context("a token cannot be signed")?;
        BatchDLEQProof::new::<Sha512, _>(&mut OsRng, batch, &signed, key)
            .ok()
            .context("a batch cannot be proved")?;
    }
    Ok(())
}

/// A token as it is redeemed: its preimage, what was signed, and the signature.
#[derive(Clone)]
pub struct Redemption {
    preimage: TokenPreimage,
    payload: Vec<u8>,
    signature: VerificationSignature,
}

impl Redemption {
    /// A redemption of a fresh token of `key`.
    pub fn of(key: &SigningKey, payload: &[u8]) -> anyhow::Result<Self> {
        let token = Token::random::<Sha512, _>(&mut OsRng);
        let bytes = token.to_bytes();
        let preimage = bytes
            .get(..64)
            .and_then(|bytes| TokenPreimage::from_bytes(bytes).ok());
        let preimage = preimage.context("a token begins with its preimage")?;
        let unblinded = key.rederive_unblinded_token_rfc::<Sha512>(&preimage);
        let unblinded = unblinded.ok().context("a token cannot be derived")?;
        let shared = unblinded.derive_verification_key_rfc::<Sha512>();
        Ok(Self {
            preimage,
            payload: payload.to_vec(),
            signature: shared.sign::<Hmac<Sha512>>(payload),
        })
    }
}

/// Shows nothing of the token.
impl std::fmt::Debug for Redemption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redemption(..)")
    }
}

/// Checks redemptions: derives each token's key again, and the signature under it.
pub fn redeem(key: &SigningKey, redemptions: &[Redemption]) -> anyhow::Result<()> {
    for redemption in redemptions {
        let unblinded = key.rederive_unblinded_token_rfc::<Sha512>(&redemption.preimage);
        let unblinded = unblinded.ok().context("a token cannot be derived")?;
        let shared = unblinded.derive_verification_key_rfc::<Sha512>();
        let fits = shared.verify::<Hmac<Sha512>>(&redemption.signature, &redemption.payload);
        anyhow::ensure!(fits, "a signature does not fit");
    }
    Ok(())
}
