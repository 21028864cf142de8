//! Makes our issuers at challenge-bypass, once, when the service starts.
//!
//! challenge-bypass may be down then, so this is a job: it is repeated until it is done. Dying half-way is harmless:
//! making an issuer that exists with the same terms changes nothing.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use service_kit::jobs::{Job, Next};

use crate::{challenge_bypass::Issuers, domain::issuer::IssuerSpec};

/// The job.
#[derive(Debug)]
pub struct IssuersJob {
    /// Who keeps issuers.
    pub keeper: Arc<dyn Issuers>,
    /// Which there must be.
    pub issuers: Vec<IssuerSpec>,
}

#[async_trait]
impl Job for IssuersJob {
    fn name(&self) -> &'static str {
        "issuers"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        for issuer in &self.issuers {
            self.keeper
                .put(&issuer.name, &issuer.terms)
                .await
                .with_context(|| format!("issuer {} cannot be made", issuer.name))?;
        }
        Ok(Next::Never)
    }
}
