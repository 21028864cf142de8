//! What whoever uses a system must know: pins, keys, tokens that are sold.

use std::{fs, sync::Arc, time::Duration};

use anyhow::Context as _;
use client::{
    Pin,
    transport::{PinnedHttps, Request, Transport},
};
use messages::{FundingSource, directory::Directory};
use payments::domain::{macaroons::RootKey, sku::Sku};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Layout, ServiceName};
use crate::pki::Identity;

/// How often the directory is looked at before the first key stands in it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Half a minute: a first start takes two or three seconds.
const LOOKS_MAX: u32 = 300;

/// The pin of a certificate's key.
pub(super) fn pin_of(identity: &Identity) -> anyhow::Result<Pin> {
    let pem = fs::read(&identity.certificate).context("a certificate cannot be read")?;
    let certificate = CertificateDer::from_pem_slice(&pem).context("a file is no certificate")?;
    Ok(Pin::of_certificate(&certificate)?)
}

impl Layout {
    /// Waits, in real time, until the first keys stand in the directory: before, payments takes no
    /// order.
    pub async fn until_it_sells(&self) -> anyhow::Result<()> {
        let payments = self.transport(ServiceName::Payments)?;
        for _look in 0..LOOKS_MAX {
            let answer = payments.send(&Request::get("/v1/key-directory")).await?;
            let directory = serde_json::from_slice::<Directory>(&answer.body);
            if directory.is_ok_and(|directory| !directory.heads.is_empty()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        anyhow::bail!("the key directory has no head; see the log")
    }

    /// The pin of a service's key.
    pub fn pin(&self, service: ServiceName) -> anyhow::Result<Pin> {
        pin_of(&self.pki().identity(service.as_str()))
    }

    /// A transport to a service, pinned, with a connection for each request.
    pub fn transport(&self, service: ServiceName) -> anyhow::Result<Arc<dyn Transport>> {
        let pins = [self.pin(service)?];
        Ok(Arc::new(PinnedHttps::new(self.url(service), &pins)?))
    }

    /// The SKU token that sells votes to money of `source`.
    pub fn sku_token(&self, source: FundingSource) -> anyhow::Result<String> {
        let name = ServiceName::Payments;
        let config: payments::Config = self.settings(name).load(name)?;
        let sku = config.skus.iter().find(|sku| sku.funding_source == source);
        let sku = Sku::from(sku.context("no SKU for this funding source is configured")?);
        let root = self.pki().secret("payments-sku-root").read_text()?;
        let root = RootKey::from_secret(root.expose_secret().as_bytes());
        sku.mint(&root).context("the SKU does not fit a macaroon")
    }

    /// The topic of votes.
    pub fn vote_topic(&self) -> anyhow::Result<String> {
        let name = ServiceName::Payments;
        let config: payments::Config = self.settings(name).load(name)?;
        Ok(format!("{}.payment.vote", config.environment))
    }

    /// The bearer token of tally's API.
    pub fn tally_token(&self) -> anyhow::Result<SecretString> {
        Ok(self.pki().secret("tally-token").read_text()?)
    }

    /// The settings of a browser of this system: it pins payments, and tally is its witness.
    pub fn browser(
        &self,
        name: &str,
        seed: u64,
        profile: client::Profile,
        clock: clock::Clock,
    ) -> anyhow::Result<client::Settings> {
        Ok(client::Settings {
            name: name.to_owned(),
            seed,
            profile,
            server: self.transport(ServiceName::Payments)?,
            witnesses: vec![self.transport(ServiceName::Tally)?],
            directory_key: self.directory_key(),
            clock,
            crash_points: client::crash::CrashPoints::default(),
        })
    }
}
