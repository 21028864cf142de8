//! What the jobs' tests stand on: a keeper of issuers, sums over orders, and a database.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use clock::Clock;
use messages::{
    FundingSource, KeyId,
    challenge_bypass::{Derivation, Issuer, IssuerKey, IssuerTerms},
    directory::{Directory, Entry},
    encoding::Fixed,
    problem::Slug,
};
use reqwest::StatusCode;
use service_kit::{db::Sqlite, outbox::Outbox as _};
use sqlx::migrate::Migrator;

use crate::{
    challenge_bypass::{Error, Issuers, Unusable},
    domain::{funds::FundsTotal, issuer::IssuerSpec},
    store::{figures::Figures, publications::SqlitePublications},
};

static MIGRATOR: Migrator = sqlx::migrate!("../migrations/payments-orders/sqlite");

pub(super) const ISSUER: &str = "brave.com?sku=user-wallet-vote";

pub(super) fn spec(name: &str, source: FundingSource, price: &str) -> IssuerSpec {
    IssuerSpec {
        name: name.to_owned(),
        terms: IssuerTerms {
            funding_source: source,
            sku: name.to_owned(),
            price: price.parse().unwrap(),
            currency: "BAT".to_owned(),
            key_period: "P30D".to_owned(),
            redeemable_periods: 2,
            derivation: Derivation::Rfc9497,
        },
    }
}

/// Keeps issuers in memory.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    pub(super) down: AtomicBool,
    pub(super) issuers: Mutex<Vec<IssuerSpec>>,
    pub(super) entries: Mutex<Vec<Entry>>,
}

impl Keeper {
    fn up(&self) -> Result<(), Error> {
        let down = self.down.load(Ordering::SeqCst);
        if down {
            Err(Unusable::Status(StatusCode::BAD_GATEWAY).into())
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Issuers for Keeper {
    async fn put(&self, name: &str, terms: &IssuerTerms) -> Result<Issuer, Error> {
        self.up()?;
        let mut issuers = self.issuers.lock().unwrap();
        if let Some(issuer) = issuers.iter().find(|issuer| issuer.name == name) {
            if issuer.terms != *terms {
                return Err(Error::Refused(Slug::IssuerExists));
            }
        } else {
            issuers.push(IssuerSpec {
                name: name.to_owned(),
                terms: terms.clone(),
            });
        }
        Ok(Issuer {
            name: name.to_owned(),
            terms: terms.clone(),
            keys: Vec::new(),
        })
    }

    async fn get(&self, name: &str) -> Result<Issuer, Error> {
        self.up()?;
        let issuers = self.issuers.lock().unwrap();
        let issuer = issuers.iter().find(|issuer| issuer.name == name);
        let issuer = issuer.ok_or(Error::Refused(Slug::UnknownIssuer))?;
        let public_key = Fixed([u8::try_from(name.len()).unwrap(); 32]);
        let key = IssuerKey {
            key_id: KeyId::of(&public_key),
            public_key,
            sign_from: "2026-01-03T00:00:00Z".parse().unwrap(),
            sign_until: "2026-02-02T00:00:00Z".parse().unwrap(),
            redeem_until: "2026-03-04T00:00:00Z".parse().unwrap(),
            revoked: false,
            signed_total: 40,
            redeemed_total: 12,
        };
        Ok(Issuer {
            name: name.to_owned(),
            terms: issuer.terms.clone(),
            keys: vec![key],
        })
    }

    async fn directory(&self) -> Result<Directory, Error> {
        self.up()?;
        Ok(Directory {
            entries: self.entries.lock().unwrap().clone(),
            heads: Vec::new(),
        })
    }
}

/// Sums that a test sets.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) totals: Mutex<Vec<FundsTotal>>,
    pub(super) paid: Mutex<Vec<(NaiveDate, u64)>>,
}

#[async_trait]
impl Figures for Sums {
    async fn orders_signed_by_day(&self) -> sqlx::Result<Vec<(KeyId, NaiveDate, u64)>> {
        Ok(Vec::new())
    }

    async fn funds_totals(&self) -> sqlx::Result<Vec<FundsTotal>> {
        Ok(self.totals.lock().unwrap().clone())
    }

    async fn orders_paid_by_day(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> sqlx::Result<Vec<(NaiveDate, u64)>> {
        let paid = self.paid.lock().unwrap();
        Ok(paid
            .iter()
            .copied()
            .filter(|(day, _)| (from..=to).contains(day))
            .collect())
    }
}

/// A database with what is published, and a calendar that a test sets.
pub(super) struct Bench {
    pub(super) store: Arc<SqlitePublications>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) sums: Arc<Sums>,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("orders.db").display());
        let db = Sqlite::open(&url, &MIGRATOR).await.unwrap();
        Self {
            store: Arc::new(SqlitePublications::new(db)),
            keeper: Arc::default(),
            sums: Arc::default(),
            _folder: folder,
        }
    }

    /// How many rows wait to be published.
    pub(super) async fn waiting(&self) -> u64 {
        self.store.outbox().state().await.unwrap().waiting
    }
}

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(super) fn clock(text: &str) -> Clock {
    Clock::simulated(at(text)).0
}
