//! Having blinded tokens signed: store them first, then ask challenge-bypass, then store the result.
//!
//! The request's id comes from the item and the points, so asking twice counts once, and a crash at any
//! point is mended by the job or by the client's repetition.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use clock::Clock;
use messages::{BlindedToken, SigningRequestId, challenge_bypass::SigningResponse};
use service_kit::fault::FaultPoints;

use crate::{
    challenge_bypass::{self, Client},
    domain::{
        credentials::Signed,
        sku::{Catalogue, MERCHANT},
    },
    error::Error,
    store::orders::{Store, Unsigned},
};

/// Who signs: challenge-bypass, or what a test puts in its place.
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// Has `issuer` sign the tokens.
    async fn sign(
        &self,
        issuer: &str,
        request: SigningRequestId,
        tokens: Vec<BlindedToken>,
    ) -> Result<SigningResponse, challenge_bypass::Error>;
}

#[async_trait]
impl Signer for Client {
    async fn sign(
        &self,
        issuer: &str,
        request: SigningRequestId,
        tokens: Vec<BlindedToken>,
    ) -> Result<SigningResponse, challenge_bypass::Error> {
        Client::sign(self, issuer, request, tokens).await
    }
}

/// Finishes what was submitted.
#[derive(Clone)]
pub struct Signing {
    /// Where points and signatures are.
    pub store: Arc<dyn Store>,
    /// Who signs.
    pub signer: Arc<dyn Signer>,
    /// What is sold.
    pub catalogue: Arc<Catalogue>,
    /// The calendar.
    pub clock: Clock,
    /// Points at which a test makes it fail.
    pub fault: FaultPoints,
}

impl Signing {
    /// Has the points of an item signed and stores the signatures.
    pub async fn finish(&self, unsigned: &Unsigned) -> Result<(), Error> {
        let issuer = issuer(&self.catalogue, &unsigned.sku);
        let request = unsigned.points.request_id(unsigned.item);
        let tokens = unsigned.points.tokens().to_vec();
        let answer = self
            .signer
            .sign(&issuer, request, tokens)
            .await
            .map_err(Error::Signing)?;
        let signed = Signed::from(answer);
        self.fault.at("credentials-signed")?;
        self.store
            .store_signed(unsigned.item, &signed, self.clock.now())
            .await?;
        self.fault.at("credentials-stored")?;
        Ok(())
    }
}

/// The issuer of a SKU, also of one that is sold no more: what was paid for is signed.
pub fn issuer(catalogue: &Catalogue, sku: &str) -> String {
    let sold = catalogue.by_name(sku);
    sold.map_or_else(
        || format!("{MERCHANT}?sku={sku}"),
        crate::domain::sku::Sku::issuer,
    )
}

/// Shows nothing of what is signed.
impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing")
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
