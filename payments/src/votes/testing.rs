//! A registry to test against: it decides as challenge-bypass does, without curves, and fails on demand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use messages::{
    challenge_bypass::{RedemptionOutcome, RedemptionRequest, RedemptionResponse},
    directory::Event,
    problem::Slug,
};
use reqwest::StatusCode;
use service_kit::{Shutdown, fault::FaultPoints};

use super::{Intake, IntakeParts, Redeemer, VoteRules};
use crate::{
    challenge_bypass::{Error, Unusable},
    domain::directory::tests::directory,
    published::PublishedDirectory,
    store::votes::{SqliteVotes, Store as _, VotesDatabase as _},
};

/// Which request spent a token.
type Request = (String, BTreeSet<[u8; 64]>);

/// Keeps spent tokens in memory.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    spent: Mutex<BTreeMap<[u8; 64], Request>>,
    asked: AtomicU64,
    /// Answers nothing, and does nothing.
    pub(crate) down: AtomicBool,
    /// Does what it is asked, and loses the answer.
    pub(crate) loses_answers: AtomicBool,
    /// Refuses everything with this.
    pub(crate) refuses: Mutex<Option<Slug>>,
    /// What the last request said.
    pub(crate) last: Mutex<Option<(bool, u64)>>,
    /// How long it takes.
    pub(crate) takes: Mutex<Duration>,
}

impl Registry {
    /// How often it was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// How many tokens are spent.
    pub(crate) fn spent(&self) -> u64 {
        self.spent.lock().unwrap().len() as u64
    }

    /// Spends tokens for a request that came before.
    pub(crate) fn spend(&self, request: &RedemptionRequest) {
        self.decide(request).unwrap();
    }

    /// Forgets everything, as a registry does that was restored from an old backup.
    pub(crate) fn restore_empty(&self) {
        self.spent.lock().unwrap().clear();
    }

    fn decide(&self, request: &RedemptionRequest) -> Result<RedemptionResponse, Error> {
        let mut spent = self.spent.lock().unwrap();
        if (spent.len() as u64) < request.at_least {
            return Err(Error::Refused(Slug::RegistryBehind));
        }
        let tokens: BTreeSet<_> = request.tokens.iter().map(|token| token.t.0).collect();
        let bound = (request.payload.clone(), tokens.clone());
        let found: Vec<_> = tokens.iter().filter_map(|t| spent.get(t)).collect();
        let outcome = if found.is_empty() {
            if request.replay_only {
                return Err(Error::Refused(Slug::KeyExpired));
            }
            spent.extend(tokens.iter().map(|t| (*t, bound.clone())));
            RedemptionOutcome::First
        } else if found.len() == tokens.len() && found.iter().all(|request| **request == bound) {
            RedemptionOutcome::Replay
        } else {
            return Err(Error::Refused(Slug::TokenAlreadyRedeemed));
        };
        Ok(RedemptionResponse {
            outcome,
            issuer: "brave.com?sku=user-wallet-vote".to_owned(),
            redeemed_total: spent.len() as u64,
        })
    }
}

#[async_trait]
impl Redeemer for Registry {
    async fn redeem(&self, request: &RedemptionRequest) -> Result<RedemptionResponse, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap() = Some((request.replay_only, request.at_least));
        let takes = *self.takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        let unreachable = || Error::Unreachable(Unusable::Status(StatusCode::BAD_GATEWAY));
        if self.down.load(Ordering::SeqCst) {
            return Err(unreachable());
        }
        if let Some(slug) = *self.refuses.lock().unwrap() {
            return Err(Error::Refused(slug));
        }
        let answer = self.decide(request);
        if self.loses_answers.load(Ordering::SeqCst) {
            Err(unreachable())
        } else {
            answer
        }
    }
}

/// An intake with a database of its own, at a time at which the key made of ones redeems.
pub(crate) struct Bench {
    pub(crate) store: SqliteVotes,
    pub(crate) registry: Arc<Registry>,
    pub(crate) shutdown: Shutdown,
    pub(crate) clock: Clock,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::at("2026-01-10T12:00:00Z").await
    }

    pub(crate) async fn at(now: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("votes.db").display());
        let store = SqliteVotes::open(&url, "test.payment.vote".to_owned(), VoteRules::default());
        let now: DateTime<Utc> = now.parse().unwrap();
        Self {
            store: store.await.unwrap(),
            registry: Arc::default(),
            shutdown: Shutdown::default(),
            clock: Clock::simulated(now).0,
            folder,
        }
    }

    pub(crate) fn parts(&self) -> IntakeParts {
        let stored = directory(
            &[(1, Event::Added), (2, Event::Added)],
            &[("2026-01-01", 2)],
        );
        let directory = PublishedDirectory::new(stored.clone(), TimeDelta::zero());
        directory.replace(stored);
        IntakeParts {
            store: Arc::new(self.store.clone()),
            redeemer: Arc::clone(&self.registry) as Arc<dyn Redeemer>,
            directory: Arc::new(directory),
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
            in_work_max: 1024,
            rules: VoteRules::default(),
            faults: FaultPoints::default(),
        }
    }

    pub(crate) fn intake(&self) -> Intake {
        Intake::new(self.parts())
    }

    /// How many votes wait to be published, and how many tokens stand behind recorded ones.
    pub(crate) async fn recorded(&self) -> (u64, u64) {
        let waiting = self.store.outbox().state().await.unwrap().waiting;
        let counts = self.store.key_counts().await.unwrap();
        (
            waiting,
            counts.iter().map(|count| count.tokens_counted).sum(),
        )
    }
}
