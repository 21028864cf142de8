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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use messages::FundingSource;

    use super::*;
    use crate::jobs::testing::{ISSUER, Keeper, spec};

    fn job(keeper: &Arc<Keeper>, price: &str) -> IssuersJob {
        IssuersJob {
            keeper: Arc::clone(keeper) as Arc<dyn Issuers>,
            issuers: vec![
                spec(ISSUER, FundingSource::UserWallet, price),
                spec("other", FundingSource::AnonymousCard, "0.25"),
            ],
        }
    }

    #[tokio::test]
    async fn issuers_are_made_as_soon_as_challenge_bypass_answers() {
        let keeper = Arc::<Keeper>::default();
        keeper.down.store(true, Ordering::SeqCst);
        job(&keeper, "0.25").run_once().await.unwrap_err();
        keeper.down.store(false, Ordering::SeqCst);

        assert_eq!(job(&keeper, "0.25").run_once().await.unwrap(), Next::Never);
        assert_eq!(job(&keeper, "0.25").run_once().await.unwrap(), Next::Never);

        assert_eq!(keeper.issuers.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_issuer_with_other_terms_stops_the_job() {
        let keeper = Arc::<Keeper>::default();
        job(&keeper, "0.25").run_once().await.unwrap();

        let error = job(&keeper, "0.50").run_once().await.unwrap_err();

        assert!(format!("{error:#}").contains("issuer-exists"), "{error:#}");
    }
}
