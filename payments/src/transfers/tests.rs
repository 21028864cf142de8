//! Taking transfers, with a custodian that can be told to fail, and with a crash at every step.

mod bank;
mod canceled;
mod cards;
mod polling;
mod retention;
mod second_cards;
mod users;

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use clock::Simulation;
use messages::{FundingSource, money::Amount};
use service_kit::{fault::Crashed, jobs::Job as _};
use sha2::{Digest as _, Sha256};

use self::bank::Bank;
use super::*;
use crate::{
    domain::{card::CardTransaction, order::Item, transfer::TransferStatus},
    jobs::transfers::TransfersJob,
    store::orders::{PlaceLimits, SqliteOrders, Surplus},
};

const OURS: &str = "settlement";

struct World {
    bank: Arc<Bank>,
    transfers: Transfers,
    simulation: Simulation,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Transfers)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("orders.db").display());
        let start = "2026-01-10T05:30:00Z".parse().unwrap();
        let (clock, simulation) = Clock::simulated(start);
        let bank = Arc::new(Bank::default());
        let mut transfers = Transfers {
            store: Arc::new(SqliteOrders::open(&url).await.unwrap()),
            custody: bank.clone(),
            secret: OrderSecret::new([5; 32]),
            require_reference: true,
            order_transfers_max: 3,
            clock,
            rules: TransferRules::default(),
            fault: FaultPoints::default(),
        };
        change(&mut transfers);
        Self {
            bank,
            transfers,
            simulation,
            folder,
        }
    }

    async fn order(&self, n: u128, funding_source: FundingSource) -> Order {
        let now = order::hour(self.transfers.clock.now());
        let item = Item {
            id: Uuid::from_u128(n + 1000),
            sku: "vote".to_owned(),
            quantity: 40,
            price: "0.25".parse().unwrap(),
            subtotal: "10".parse().unwrap(),
            location: String::new(),
            description: String::new(),
        };
        let order = Order {
            id: Uuid::from_u128(n),
            created_at: now,
            updated_at: now,
            kept_from: now,
            currency: "BAT".to_owned(),
            total: "10".parse().unwrap(),
            funding_source,
            status: OrderStatus::Pending,
            references_used: 0,
            has_transfers: false,
            items: vec![item],
        };
        let limits = PlaceLimits {
            unpaid_max: 1000,
            idempotency_max: 0,
        };
        self.transfers
            .store
            .place(&order, None, limits)
            .await
            .unwrap()
    }

    async fn wallet_order(&self, n: u128) -> Order {
        self.order(n, FundingSource::UserWallet).await
    }

    async fn card_order(&self, n: u128) -> Order {
        self.order(n, FundingSource::AnonymousCard).await
    }

    async fn stored(&self, order: &Order) -> Order {
        self.transfers.store.order(order.id).await.unwrap().unwrap()
    }

    async fn status(&self, order: &Order) -> OrderStatus {
        self.stored(order).await.status
    }

    fn reference(&self, order: &Order, number: u32) -> String {
        self.transfers
            .secret
            .reference(order.id, number)
            .to_string()
    }

    /// A transfer at the bank that pays `order`, but for `change`.
    fn transfer(&self, order: &Order, change: impl FnOnce(&mut Answer)) -> Uuid {
        let id = Uuid::new_v4();
        let reference = self.reference(order, 0);
        self.bank.put(&id.to_string(), |answer| {
            answer.reference = Some(reference);
            change(answer);
        });
        id
    }

    async fn name(&self, order: &Order, id: Uuid) -> Result<Named, Error> {
        self.transfers.name(order, Custodian::Uphold, id).await
    }

    fn card(&self, order: &Order, units: &str) -> CardTransaction {
        card(
            &self.reference(order, order.references_used),
            units,
            OURS,
            "BAT",
        )
    }

    async fn run_job(&self) {
        let (often, ever) = (TimeDelta::hours(72), TimeDelta::days(30));
        let job = TransfersJob::new(self.transfers.clone(), often, ever);
        job.run_once().await.unwrap();
    }

    /// Lives on, and cancels orders as the job of retention does.
    async fn cancel_after(&mut self, days: i64) {
        self.simulation.run_for(TimeDelta::days(days)).await;
        let before = self.transfers.clock.now() - TimeDelta::days(30);
        self.transfers.cancel_overdue(before).await.unwrap();
    }

    /// Reasons and amounts of what pays for nothing.
    async fn surplus(&self) -> Vec<(String, String)> {
        let report = self.transfers.store.report().await.unwrap();
        let shown = |one: Surplus| (one.reason, one.amount.to_string());
        report.surplus.into_iter().map(shown).collect()
    }

    /// How many open transfers wait for nobody.
    async fn unresolved(&self) -> usize {
        self.transfers
            .store
            .report()
            .await
            .unwrap()
            .unresolved
            .len()
    }

    async fn received(&self) -> Amount {
        let report = self.transfers.store.report().await.unwrap();
        let sums = report.funds.iter().map(|total| total.received);
        sums.fold(Amount::ZERO, |sum, one| sum.checked_add(one).unwrap())
    }
}

fn card(message: &str, units: &str, destination: &str, currency: &str) -> CardTransaction {
    let octets = serde_json::json!({
        "denomination": {"amount": units, "currency": currency},
        "destination": destination, "message": message,
    })
    .to_string();
    let digest = format!("SHA-256={}", STANDARD.encode(Sha256::digest(&octets)));
    let signature = STANDARD.encode([1; 64]);
    let signature =
        format!(r#"keyId="primary",algorithm="ed25519",headers="digest",signature="{signature}""#);
    let signed = serde_json::json!({
        "headers": {"digest": digest, "signature": signature}, "octets": octets,
    });
    let signed = STANDARD.encode(signed.to_string());
    CardTransaction::read(Uuid::from_u128(77), &signed).unwrap()
}

fn slug(result: Result<Named, Error>) -> &'static str {
    let problem = result.unwrap_err().problem();
    let kind = problem.body().slug().unwrap();
    kind.as_str()
}

/// An order whose card's transfer has an id and was not carried out, because the process died.
async fn quoted(world: &World) -> (Order, CardTransaction) {
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");
    let plan = |name| match name {
        "card-stored" => Err(Crashed(name)),
        _ => Ok(()),
    };
    let crashing = Transfers {
        fault: FaultPoints::planned(plan),
        ..world.transfers.clone()
    };
    assert!(crashing.name_card(&order, &card).await.is_err());
    (order, card)
}
