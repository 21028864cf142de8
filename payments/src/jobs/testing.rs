//! What the jobs' tests stand on: a keeper of issuers, and a database.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clock::Clock;
use messages::{
    FundingSource, KeyId,
    challenge_bypass::{Derivation, Issuer, IssuerKey, IssuerTerms},
    directory::{Directory, Entry, KeyChange, KeySequence},
    encoding::Fixed,
    problem::Slug,
};
use reqwest::StatusCode;
use service_kit::{
    event_log::{self, EventLog, TopicSettings},
    outbox::Outbox as _,
};

use crate::{
    challenge_bypass::{Error, Issuers, Unusable},
    domain::issuer::IssuerSpec,
    store::{orders::SqliteOrders, publications::SqlitePublications},
};

pub(super) const ISSUER: &str = "brave.com?sku=user-wallet-vote";

/// The topic of heads.
pub(super) const HEADS: &str = "test.payment.directory";

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
    /// How many tokens each issuer's key signed.
    pub(super) signed: Mutex<BTreeMap<&'static str, u64>>,
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
        let signed = self.signed.lock().unwrap().get(name).copied();
        let signed = signed.unwrap_or_default();
        let public_key = Fixed([u8::try_from(name.len()).unwrap(); 32]);
        let key = IssuerKey {
            key_id: KeyId::of(&public_key),
            public_key,
            sign_from: "2026-01-03T00:00:00Z".parse().unwrap(),
            sign_until: "2026-02-02T00:00:00Z".parse().unwrap(),
            redeem_until: "2026-03-04T00:00:00Z".parse().unwrap(),
            revoked: false,
            signed_total: signed,
            redeemed_total: signed.min(12),
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

    async fn change_directory_key(&self, change: &KeyChange) -> Result<Directory, Error> {
        self.up()?;
        let mut entries = self.entries.lock().unwrap().clone();
        let change = change.check().unwrap();
        let mut keys = KeySequence::of(&entries).unwrap();
        if keys.last() != Some(change.new_key()) {
            let conflict = Error::Refused(Slug::DirectoryKeyConflict);
            let index = u64::try_from(entries.len()).unwrap();
            keys.change(index, &change).map_err(|_| conflict)?;
            entries.push(Entry::from(&change).after(entries.last()));
        }
        self.entries.lock().unwrap().clone_from(&entries);
        self.directory().await
    }
}

/// A database with what is published, and a calendar that a test sets.
pub(super) struct Bench {
    pub(super) store: Arc<SqlitePublications>,
    pub(super) orders: Arc<SqliteOrders>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) log: Arc<dyn EventLog>,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("orders.db").display());
        let orders = SqliteOrders::open(&url).await.unwrap();
        let log = folder.path().join("log.db");
        let log = event_log::open(
            &format!("embedded:{}", log.display()),
            &event_log::Access::default(),
        )
        .await;
        let log = log.unwrap();
        let settings = TopicSettings {
            partitions: 3,
            retention: TimeDelta::days(400),
        };
        log.ensure_topic(HEADS, settings).await.unwrap();
        Self {
            log,
            store: Arc::new(SqlitePublications::new(orders.db().clone())),
            orders: Arc::new(orders),
            keeper: Arc::default(),
            _folder: folder,
        }
    }

    /// Lets so many votes of 0.25 have been sold in all; fewer than before is what a restore leaves.
    pub(super) async fn sold(&self, votes: u32) {
        let received = f64::from(votes) / 4.0;
        let set = "INSERT INTO funds_totals (source, value, currency, received, votes_sold)
             VALUES ('user-wallet', '0.25', 'BAT', ?1, ?2)
             ON CONFLICT (source, value) DO UPDATE SET received = ?1, votes_sold = ?2,
                 votes_published = min(votes_published, ?2)";
        let mut tx = self.orders.db().begin().await.unwrap();
        let query = sqlx::query(set).bind(received.to_string()).bind(votes);
        query.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Lets so many orders have become paid on a day.
    pub(super) async fn paid(&self, day: NaiveDate, orders: u32) {
        let set = "INSERT INTO paid_day_orders (day, orders) VALUES (?1, ?2)";
        let mut tx = self.orders.db().begin().await.unwrap();
        let query = sqlx::query(set).bind(day.to_string()).bind(orders);
        query.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
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
