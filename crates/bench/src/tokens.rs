//! Tokens to redeem, signed by the server that is measured.

use anyhow::Context as _;
use challenge_bypass_ristretto::voprf::{self, BatchDLEQProof, Token, UnblindedToken};
use hmac::Hmac;
use messages::{
    PublicKey,
    challenge_bypass::{RedemptionToken, SigningRequest, SigningResponse},
    encoding::Fixed,
};
use rand::{RngCore as _, rngs::OsRng};
use sha2::Sha512;

use crate::load::Connections;

/// The most tokens of one request, as challenge-bypass takes them by default.
const BATCH: usize = 400;

/// A token that can be redeemed.
pub struct Spendable {
    token: UnblindedToken,
    public_key: PublicKey,
}

impl Spendable {
    /// Signs `payload` with the token.
    pub fn redeem(&self, payload: &str) -> anyhow::Result<RedemptionToken> {
        let key = self.token.derive_verification_key_rfc::<Sha512>();
        let signature = key.sign::<Hmac<Sha512>>(payload.as_bytes());
        let bytes = self.token.to_bytes();
        let preimage = bytes
            .get(..64)
            .context("a token begins with its preimage")?;
        Ok(RedemptionToken {
            public_key: self.public_key,
            t: Fixed(preimage.try_into()?),
            signature: signature.encode_base64().parse()?,
        })
    }
}

/// Shows nothing of the token.
impl std::fmt::Debug for Spendable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spendable(..)")
    }
}

/// Fresh tokens, and what is sent to have them signed.
pub fn blinded(count: usize) -> anyhow::Result<Vec<(Token, voprf::BlindedToken)>> {
    let blind = || {
        let token = Token::random::<Sha512, _>(&mut OsRng);
        let blinded = token.blind_rfc::<Sha512>().ok()?;
        Some((token, blinded))
    };
    (0..count)
        .map(|_| blind().context("a token cannot be blinded"))
        .collect()
}

/// The body of a signing request with an id of its own.
pub fn signing_request(blinded: &[voprf::BlindedToken]) -> anyhow::Result<Vec<u8>> {
    let mut id = [0_u8; 32];
    OsRng.fill_bytes(&mut id);
    Ok(serde_json::to_vec(&SigningRequest {
        request_id: Fixed(id),
        blinded_tokens: blinded
            .iter()
            .map(|token| Fixed(token.to_bytes()))
            .collect(),
    })?)
}

/// Has `count` tokens signed at `path`, and unblinds them.
pub async fn mint(
    connections: &Connections,
    path: &str,
    count: usize,
) -> anyhow::Result<Vec<Spendable>> {
    let mut minted = Vec::with_capacity(count);
    while minted.len() < count {
        let (tokens, points): (Vec<_>, Vec<_>) = blinded(BATCH.min(count - minted.len()))?
            .into_iter()
            .unzip();
        let answer = connections.post(path, signing_request(&points)?).await?;
        minted.extend(unblind(
            &tokens,
            &points,
            &serde_json::from_slice(&answer)?,
        )?);
    }
    Ok(minted)
}

fn unblind(
    tokens: &[Token],
    blinded: &[voprf::BlindedToken],
    answer: &SigningResponse,
) -> anyhow::Result<Vec<Spendable>> {
    let signed = answer
        .signed_tokens
        .iter()
        .map(|token| voprf::SignedToken::from_bytes(token.as_bytes()));
    let signed: Vec<_> = signed
        .collect::<Result<_, _>>()
        .ok()
        .context("no signed token")?;
    let proof = BatchDLEQProof::from_bytes(answer.batch_proof.as_bytes())
        .ok()
        .context("no proof")?;
    let key = voprf::PublicKey::from_bytes(answer.public_key.as_bytes())
        .ok()
        .context("no key")?;
    let unblinded = proof
        .verify_and_unblind::<Sha512, _>(tokens, blinded, &signed, &key)
        .ok()
        .context("the proof does not fit")?;
    let spendable = |token| Spendable {
        token,
        public_key: answer.public_key,
    };
    Ok(unblinded.into_iter().map(spendable).collect())
}
