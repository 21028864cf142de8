//! A running system, an attacker's hand, and a look at what is stored.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use blindtally::{
    attacks::{Attack, Hand, Score, Shop, Watch},
    system::{Planted, Profile, ServiceName, Settings, settlement},
};
use chrono::{DateTime, TimeDelta, Utc};
use client::transport::{Answer, Request, Transport};
use messages::{
    FundingSource,
    avro::{self, Record as _},
    vote_text::{VoteText, VoteType},
};
use service_kit::event_log::Record;
pub(crate) use test_kit::world::profile;
use test_kit::{Stores, database::Database};

/// payments' database of orders.
pub(crate) const ORDERS: &str = "payments-orders.db";
/// payments' database of votes.
pub(crate) const VOTES: &str = "payments-votes.db";
/// challenge-bypass's database.
pub(crate) const REGISTRY: &str = "challenge-bypass.db";
/// The event log.
pub(crate) const LOG: &str = "event-log.db";
/// tally's database.
pub(crate) const TALLY: &str = "tally.db";

/// Longer than any test's work takes; a test that hangs fails with what it waited for.
const PATIENCE: Duration = Duration::from_mins(10);

/// A running system on a calendar that moves when it is told to, with attackers.
pub(crate) struct World {
    pub(crate) kit: test_kit::World,
    hands: u32,
}

/// When tests begin: at a time of day that is easy to find again where it must not be stored.
pub(crate) fn beginning() -> DateTime<Utc> {
    "2026-01-02T09:17:43.251Z".parse().unwrap()
}

impl World {
    /// A sound system.
    pub(crate) async fn start() -> Self {
        Self::planted(|_| {}).await
    }

    /// A system with a fault.
    pub(crate) async fn planted(plant: impl FnOnce(&mut Planted)) -> Self {
        let mut planted = Planted::default();
        plant(&mut planted);
        Self::with(profile(), planted).await
    }

    /// A system with other settings of payments.
    pub(crate) async fn with_payments(set: impl FnOnce(&mut Settings)) -> Self {
        let mut profile = profile();
        set(&mut profile.payments);
        Self::with(profile, Planted::default()).await
    }

    pub(crate) async fn with(profile: Profile, planted: Planted) -> Self {
        let kit = test_kit::World::with(profile, planted).await.unwrap();
        let mut world = Self { kit, hands: 0 };
        // The first days' heads cover the first keys.
        world.live_until(beginning()).await;
        world
    }

    /// Lives on until `time`.
    pub(crate) async fn live_until(&mut self, time: DateTime<Utc>) {
        let lived = self.kit.run_until(time);
        tokio::time::timeout(PATIENCE, lived).await.unwrap();
    }

    /// Lives on for a while.
    pub(crate) async fn live(&mut self, time: TimeDelta) {
        let end = self.kit.clock().now() + time;
        self.live_until(end).await;
    }

    /// Does some work, and lives on while it sleeps on the calendar.
    pub(crate) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let driven = self.kit.live(work);
        tokio::time::timeout(PATIENCE, driven).await.unwrap()
    }

    /// Stops services, in this order.
    pub(crate) async fn stop(&mut self, services: &[ServiceName]) {
        for service in services {
            let stopped = self.kit.system_mut().stop_service(*service);
            stopped.await.unwrap();
        }
    }

    /// Starts services, in this order.
    pub(crate) async fn run(&mut self, services: &[ServiceName]) {
        for service in services {
            let started = self.kit.system_mut().start_service(*service);
            started.await.unwrap();
        }
    }

    /// Keeps a copy of the database of services, which are stopped meanwhile.
    pub(crate) async fn back_up(&mut self, services: &[ServiceName], database: &str) {
        self.stop(services).await;
        self.kit.stores().back_up(database).await.unwrap();
        self.run(services).await;
    }

    /// Stops services, and puts the copy of their database in its place.
    pub(crate) async fn stop_and_set_back(&mut self, services: &[ServiceName], database: &str) {
        self.stop(services).await;
        self.kit.stores().restore(database).await.unwrap();
    }

    /// Another attacker, or an honest buyer.
    pub(crate) fn hand(&mut self) -> Hand {
        self.hands += 1;
        let name = format!("hand-{}", self.hands);
        Hand::new(self.shop(), name, self.kit.clock().busy())
    }

    pub(crate) fn shop(&self) -> Shop {
        let layout = self.kit.layout();
        let sources = [FundingSource::UserWallet, FundingSource::AnonymousCard];
        let sku = |source| (source, layout.sku_token(source).unwrap());
        Shop {
            server: self.payments(),
            custodian: layout.transport(ServiceName::SandboxCustodian).unwrap(),
            skus: sources.into_iter().map(sku).collect::<BTreeMap<_, _>>(),
            price: "0.25".parse().unwrap(),
            currency: "BAT".to_owned(),
            uphold_address: settlement::UPHOLD.to_owned(),
            gemini_address: settlement::GEMINI.to_owned(),
            card_address: settlement::ANONYMOUS_CARD.to_owned(),
        }
    }

    /// payments, pinned.
    pub(crate) fn payments(&self) -> Arc<dyn Transport> {
        self.kit.payments().unwrap()
    }

    /// Sends one request to payments.
    pub(crate) async fn send(&self, request: &Request) -> Answer {
        self.payments().send(request).await.unwrap()
    }

    /// Makes one of the common attacks.
    pub(crate) async fn attack(&mut self, attack: Attack) -> anyhow::Result<Score> {
        let watch: Arc<dyn Watch> = Arc::new(Counted(self.kit.stores()));
        let mut hand = self.hand();
        self.drive(async { attack.run(&mut hand, &watch).await })
            .await
    }

    /// Tokens of recorded votes, by payments' count.
    pub(crate) async fn tokens_counted(&self) -> u64 {
        let counted = Counted(self.kit.stores());
        counted.tokens_counted().await.unwrap()
    }

    /// Tokens that challenge-bypass has redeemed.
    pub(crate) async fn tokens_redeemed(&self) -> u64 {
        let sum = "SELECT SUM(redeemed_total) FROM issuer_keys";
        self.number(REGISTRY, sum).await
    }

    /// The events on the vote topic.
    pub(crate) async fn events(&self) -> Vec<avro::Vote> {
        let records = self.kit.stores().records("payment.vote").await.unwrap();
        let decode = |record: &Record| avro::Vote::decode(&record.value).unwrap();
        records.iter().map(|(_, record)| decode(record)).collect()
    }

    /// A file of the system.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.kit.data().join(name)
    }

    /// Opens a database beside the service that owns it.
    pub(crate) async fn open(&self, database: &str) -> Database {
        self.kit.stores().open(database).await.unwrap()
    }

    /// Changes a database behind its service's back.
    pub(crate) async fn tamper(&self, database: &str, statement: &str) {
        self.open(database).await.run(statement).await.unwrap();
    }

    /// Changes a database behind its service's back, again after each change of the service's own.
    pub(crate) async fn tamper_after_each(&self, database: &str, change: &str, statement: &str) {
        let mut database = self.open(database).await;
        database.after_each(change, statement).await.unwrap();
    }

    /// Makes an outbox forget which life of its database it is of.
    pub(crate) async fn forget_generation(&self, database: &str) {
        let mut database = self.open(database).await;
        let forget = format!(
            "UPDATE outbox_state SET generation = {}",
            database.random_id()
        );
        database.run(&forget).await.unwrap();
    }

    /// One number out of a database.
    pub(crate) async fn number(&self, database: &str, select: &str) -> u64 {
        self.open(database).await.number(select).await.unwrap()
    }

    /// Whether a service says that it is ready.
    pub(crate) async fn is_ready(&self, service: ServiceName) -> bool {
        let url = self.kit.layout().ready_url(service);
        let client = service_kit::tls::probe_client(PATIENCE).unwrap();
        let answer = client.get(url).send().await.unwrap();
        answer.status().is_success()
    }
}

/// What payments counted, read from its database.
struct Counted(Stores);

#[async_trait]
impl Watch for Counted {
    async fn tokens_counted(&self) -> anyhow::Result<u64> {
        let mut votes = self.0.open(VOTES).await?;
        votes
            .number("SELECT SUM(tokens_counted) FROM key_count")
            .await
    }
}

/// A vote for a publisher.
pub(crate) fn vote_for(channel: &str) -> VoteText {
    VoteText {
        publisher: channel.parse().unwrap(),
        kind: VoteType::AutoContribute,
    }
}

/// Whether an attack got nothing at all.
#[track_caller]
pub(crate) fn assert_refused(score: &anyhow::Result<Score>) {
    let score = score.as_ref().unwrap();
    assert!(score.tried > 0, "nothing was tried");
    assert_eq!(score.tried, score.refused);
}

/// Whether an attack got something.
#[track_caller]
pub(crate) fn assert_succeeded(score: &anyhow::Result<Score>) {
    let score = score.as_ref().unwrap();
    assert!(
        score.refused < score.tried,
        "the control's attack got nothing"
    );
}
