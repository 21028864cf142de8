//! Taking transfers, with a custodian that can be told to fail, and with a crash at every step.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use clock::Simulation;
use messages::{FundingSource, money::Amount, payments::SignedTransfer};
use service_kit::{fault::Crashed, jobs::Job as _};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    domain::{card::CardTransaction, order::Item, transfer::TransferStatus},
    jobs::transfers::TransfersJob,
    store::orders::{PlaceLimits, SqliteOrders},
};

const OURS: &str = "settlement";

/// A custodian that keeps books: what is committed has moved, once.
#[derive(Debug, Default)]
struct Bank {
    transfers: Mutex<BTreeMap<String, Answer>>,
    committed: Mutex<Vec<String>>,
    /// How many of the next calls fail before they do anything.
    failing: AtomicUsize,
    /// How many of the next commits do their work and lose their answer.
    losing: AtomicUsize,
}

impl Bank {
    fn put(&self, id: &str, change: impl FnOnce(&mut Answer)) {
        let mut answer = Answer {
            id: id.to_owned(),
            reference: None,
            destination: OURS.to_owned(),
            currency: "BAT".to_owned(),
            amount: "10".parse().unwrap(),
            status: TransferStatus::Completed,
        };
        change(&mut answer);
        self.transfers.lock().unwrap().insert(id.to_owned(), answer);
    }

    fn fails(&self) -> Result<(), CustodianError> {
        let take = |left: usize| left.checked_sub(1);
        match self
            .failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
        {
            Ok(_) => Err(CustodianError::Unavailable),
            Err(_) => Ok(()),
        }
    }

    fn moved(&self) -> Vec<String> {
        self.committed.lock().unwrap().clone()
    }
}

#[async_trait]
impl Custody for Bank {
    fn settlement_address(&self, _custodian: Custodian) -> &str {
        OURS
    }

    async fn look_up(&self, _custodian: Custodian, id: &str) -> Result<Answer, CustodianError> {
        self.fails()?;
        let transfers = self.transfers.lock().unwrap();
        transfers.get(id).cloned().ok_or(CustodianError::NotFound)
    }

    async fn quote(&self, _card: Uuid, signed: &SignedTransfer) -> Result<Answer, CustodianError> {
        self.fails()?;
        let signed: messages::payments::CardTransfer =
            serde_json::from_str(&signed.octets).unwrap();
        let id = format!("quote-{}", self.transfers.lock().unwrap().len());
        self.put(&id, |answer| {
            answer.reference = Some(signed.message);
            answer.amount = signed.denomination.amount;
            answer.status = TransferStatus::Pending;
        });
        Ok(self.transfers.lock().unwrap()[&id].clone())
    }

    async fn commit(&self, _card: Uuid, id: &str) -> Result<Answer, CustodianError> {
        self.fails()?;
        let mut transfers = self.transfers.lock().unwrap();
        let answer = transfers.get_mut(id).ok_or(CustodianError::NotFound)?;
        match answer.status {
            TransferStatus::Pending => self.committed.lock().unwrap().push(id.to_owned()),
            TransferStatus::Failed => return Err(CustodianError::Refused),
            _ => {}
        }
        answer.status = TransferStatus::Completed;
        let take = |left: usize| left.checked_sub(1);
        if self
            .losing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_ok()
        {
            return Err(CustodianError::Unavailable);
        }
        Ok(answer.clone())
    }
}

struct World {
    bank: Arc<Bank>,
    transfers: Transfers,
    simulation: Simulation,
    _folder: tempfile::TempDir,
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
            clock,
            rules: TransferRules::default(),
            fault: FaultPoints::default(),
        };
        change(&mut transfers);
        Self {
            bank,
            transfers,
            simulation,
            _folder: folder,
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

#[tokio::test]
async fn a_transfer_is_recorded_once_and_answered_again() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |_| ());

    let first = world.name(&order, id).await.unwrap();
    let again = world.name(&world.stored(&order).await, id).await.unwrap();

    assert_eq!((first.is_new, again.is_new), (true, false));
    assert_eq!(first.transfer, again.transfer);
    assert_eq!(world.status(&order).await, OrderStatus::Paid);
}

#[tokio::test]
async fn a_transfer_that_does_not_fit_is_refused_and_nothing_is_recorded() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let other = world.wallet_order(2).await;
    let others = world.reference(&other, 0);
    let later = world.reference(&order, 1);
    let cards = world.card_order(3).await;

    for (id, slug_of) in [
        (
            world.transfer(&order, |a| a.reference = Some(others)),
            "transfer-not-for-this-order",
        ),
        (
            world.transfer(&order, |a| a.reference = Some(later)),
            "transfer-not-for-this-order",
        ),
        (
            world.transfer(&order, |a| a.reference = None),
            "transfer-not-for-this-order",
        ),
        (
            world.transfer(&order, |a| a.id = "x".to_owned()),
            "custodian-answer-invalid",
        ),
        (
            world.transfer(&order, |a| a.destination = "payer".to_owned()),
            "wrong-destination",
        ),
        (
            world.transfer(&order, |a| a.currency = "USD".to_owned()),
            "wrong-currency",
        ),
        (
            world.transfer(&order, |a| a.amount = Amount::ZERO),
            "wrong-amount",
        ),
        (Uuid::new_v4(), "transfer-not-found"),
    ] {
        assert_eq!(slug(world.name(&order, id).await), slug_of);
        assert_eq!(
            slug(world.name(&order, id).await),
            slug_of,
            "nothing was recorded"
        );
    }
    let id = world.transfer(&cards, |_| ());
    assert_eq!(slug(world.name(&cards, id).await), "wrong-funding-source");
    assert_eq!(world.transfers.store.transfers(order.id).await.unwrap(), []);
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
}

#[tokio::test]
async fn each_planted_fault_in_a_check_is_seen() {
    let planted: [fn(&mut TransferRules); 3] = [
        |rules| rules.reference = |_, _| true,
        |rules| rules.destination = |_, _| true,
        |rules| rules.currency = |_, _| true,
    ];
    let wrong: [fn(&mut Answer); 3] = [
        |answer| answer.reference = Some(Uuid::nil().to_string()),
        |answer| answer.destination = "payer".to_owned(),
        |answer| answer.currency = "USD".to_owned(),
    ];
    for (plant, change) in planted.into_iter().zip(wrong) {
        let world = World::with(|transfers| plant(&mut transfers.rules)).await;
        let order = world.wallet_order(1).await;
        let id = world.transfer(&order, change);
        assert!(world.name(&order, id).await.unwrap().is_new);
        assert_eq!(world.status(&order).await, OrderStatus::Paid);
    }
}

/// 100 orders at once claim one transfer. Without the rule on references, whoever is first has it.
async fn claimed_by(world: &World) -> (usize, usize) {
    let mut orders = Vec::new();
    for n in 1..=100 {
        orders.push(world.wallet_order(n).await);
    }
    let id = world.transfer(&orders[0], |_| ());
    let claims = orders.iter().map(|order| world.name(order, id));
    let claims = futures_util::future::join_all(claims).await;
    let won = claims.iter().filter(|one| one.is_ok()).count();
    let used = claims
        .iter()
        .filter(|one| matches!(one, Err(Error::TransferUsed)))
        .count();
    (won, used)
}

#[tokio::test]
async fn of_100_orders_that_claim_one_transfer_one_wins() {
    let world = World::with(|transfers| transfers.require_reference = false).await;
    assert_eq!(claimed_by(&world).await, (1, 99));
    assert_eq!(world.received().await, "10".parse().unwrap());
}

#[tokio::test]
async fn a_transfer_that_is_only_unique_within_its_order_is_seen() {
    let planted = |transfers: &mut Transfers| {
        transfers.require_reference = false;
        transfers.rules.unique_within = Some;
    };
    let world = World::with(planted).await;
    assert_eq!(claimed_by(&world).await, (100, 0));
}

#[tokio::test]
async fn a_pending_transfer_completes_without_its_client() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Processing);
    let named = world.name(&order, id).await.unwrap();
    assert_eq!(named.transfer.status, TransferStatus::Processing);
    world.run_job().await;
    assert_eq!(world.status(&order).await, OrderStatus::Pending);

    let complete = |answer: &mut Answer| answer.status = TransferStatus::Completed;
    complete(
        world
            .bank
            .transfers
            .lock()
            .unwrap()
            .get_mut(&id.to_string())
            .unwrap(),
    );
    world.run_job().await;

    assert_eq!(world.status(&order).await, OrderStatus::Paid);
}

#[tokio::test]
async fn a_recorded_transfer_that_is_told_differently_later_does_not_count() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    assert!(world.name(&order, id).await.unwrap().is_new);
    {
        let mut transfers = world.bank.transfers.lock().unwrap();
        let answer = transfers.get_mut(&id.to_string()).unwrap();
        answer.status = TransferStatus::Completed;
        answer.currency = "USD".to_owned();
    }

    world.run_job().await;
    let named = world.name(&world.stored(&order).await, id).await.unwrap();

    assert_eq!(named.transfer.status, TransferStatus::Pending);
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
}

#[tokio::test]
async fn failed_transfers_never_count() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    for status in [TransferStatus::Failed, TransferStatus::Canceled] {
        let id = world.transfer(&order, |answer| answer.status = status);
        assert_eq!(
            world.name(&order, id).await.unwrap().transfer.status,
            status
        );
    }
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
}

#[tokio::test]
async fn while_the_custodian_is_down_nothing_is_recorded_and_what_is_recorded_is_answered() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    world.bank.failing.store(1, Ordering::SeqCst);
    assert_eq!(slug(world.name(&order, id).await), "custodian-unavailable");
    assert_eq!(world.transfers.store.transfers(order.id).await.unwrap(), []);

    assert!(world.name(&order, id).await.unwrap().is_new);
    world.bank.failing.store(1, Ordering::SeqCst);
    let again = world.name(&world.stored(&order).await, id).await.unwrap();

    assert_eq!(again.transfer.status, TransferStatus::Pending);
}

#[tokio::test]
async fn a_card_pays_its_order_once() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");

    let first = world.transfers.name_card(&order, &card).await.unwrap();
    let again = world
        .transfers
        .name_card(&world.stored(&order).await, &card)
        .await
        .unwrap();

    assert_eq!((first.is_new, again.is_new), (true, false));
    assert_eq!(first.transfer.status, TransferStatus::Completed);
    assert_eq!(first.transfer.custodian, Custodian::AnonymousCard);
    assert_eq!(world.status(&order).await, OrderStatus::Paid);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn a_card_transfer_that_does_not_fit_moves_no_money() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let other = world.card_order(2).await;
    let wallet = world.wallet_order(3).await;
    let mine = world.reference(&order, 0);

    for (card, slug_of) in [
        (
            card(&world.reference(&other, 0), "10", OURS, "BAT"),
            "transfer-not-for-this-order",
        ),
        (
            card(&world.reference(&order, 1), "10", OURS, "BAT"),
            "transfer-not-for-this-order",
        ),
        (card(&mine, "10", "payer", "BAT"), "wrong-destination"),
        (card(&mine, "10", OURS, "USD"), "wrong-currency"),
        (card(&mine, "9.99", OURS, "BAT"), "wrong-amount"),
        (card(&mine, "10.01", OURS, "BAT"), "wrong-amount"),
        (card(&mine, "0", OURS, "BAT"), "wrong-amount"),
    ] {
        assert_eq!(
            slug(world.transfers.name_card(&order, &card).await),
            slug_of
        );
    }
    let card = world.card(&wallet, "10");
    let refused = world.transfers.name_card(&wallet, &card).await;
    assert_eq!(slug(refused), "wrong-funding-source");
    assert_eq!(world.bank.moved(), Vec::<String>::new());
}

#[tokio::test]
async fn one_signed_card_transfer_for_two_orders_pays_one() {
    let world = World::with(|transfers| transfers.require_reference = false).await;
    let (one, two) = (world.card_order(1).await, world.card_order(2).await);
    let card = world.card(&one, "10");

    let results = futures_util::join!(
        world.transfers.name_card(&one, &card),
        world.transfers.name_card(&two, &card)
    );

    let outcomes = [results.0.is_ok(), results.1.is_ok()];
    assert_eq!(outcomes.iter().filter(|ok| **ok).count(), 1);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn a_card_transfer_survives_a_crash_at_every_step() {
    for step in [
        "card-quoted",
        "card-stored",
        "card-committed",
        "card-recorded",
    ] {
        let crashed = Arc::new(AtomicUsize::new(0));
        let counter = crashed.clone();
        let plan = move |name| match name {
            name if name == step && counter.fetch_add(1, Ordering::SeqCst) == 0 => {
                Err(Crashed(name))
            }
            _ => Ok(()),
        };
        let world = World::with(|transfers| transfers.fault = FaultPoints::planned(plan)).await;
        let order = world.card_order(1).await;
        let card = world.card(&order, "10");
        assert!(
            world.transfers.name_card(&order, &card).await.is_err(),
            "{step}"
        );

        // Either the job or the client comes back first; each alone is enough.
        if step != "card-quoted" {
            world.run_job().await;
            assert_eq!(world.status(&order).await, OrderStatus::Paid, "{step}");
        }
        let again = world
            .transfers
            .name_card(&world.stored(&order).await, &card)
            .await
            .unwrap();

        assert_eq!(again.transfer.status, TransferStatus::Completed, "{step}");
        assert_eq!(again.is_new, step == "card-quoted", "{step}");
        assert_eq!(world.status(&order).await, OrderStatus::Paid, "{step}");
        assert_eq!(world.bank.moved().len(), 1, "{step}: moved once");
        assert_eq!(
            world.received().await,
            "10".parse().unwrap(),
            "{step}: counted once"
        );
        assert_eq!(
            crashed.load(Ordering::SeqCst),
            if step == "card-quoted" { 2 } else { 1 }
        );
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_commit_is_found_again() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");
    world.bank.losing.store(1, Ordering::SeqCst);

    let lost = world.transfers.name_card(&order, &card).await;
    assert_eq!(slug(lost), "custodian-unavailable");
    world.run_job().await;

    assert_eq!(world.status(&order).await, OrderStatus::Paid);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn a_quote_that_lapsed_fails_and_its_debt_is_owed_again() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");
    world.bank.losing.store(0, Ordering::SeqCst);
    let plan = |name| match name {
        "card-stored" => Err(Crashed(name)),
        _ => Ok(()),
    };
    let crashing = Transfers {
        fault: FaultPoints::planned(plan),
        ..world.transfers.clone()
    };
    assert!(crashing.name_card(&order, &card).await.is_err());
    for answer in world.bank.transfers.lock().unwrap().values_mut() {
        answer.status = TransferStatus::Failed;
    }

    world.run_job().await;
    let stored = world.stored(&order).await;
    let again = world.transfers.name_card(&stored, &card).await.unwrap();
    assert_eq!(again.transfer.status, TransferStatus::Failed);
    let next = world.card(&stored, "10");
    let next = world.transfers.name_card(&stored, &next).await.unwrap();

    assert_eq!(next.transfer.status, TransferStatus::Completed);
    assert_eq!(world.status(&order).await, OrderStatus::Paid);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn an_unknown_quote_is_given_time_before_it_counts_as_lapsed() {
    let mut world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");
    world.bank.losing.store(1, Ordering::SeqCst);
    assert!(world.transfers.name_card(&order, &card).await.is_err());
    let forgotten = std::mem::take(&mut *world.bank.transfers.lock().unwrap());

    world.run_job().await;
    let open = world
        .transfers
        .store
        .open_transfers(None, 10)
        .await
        .unwrap();
    assert_eq!(open.len(), 1, "it may only be late");
    world.simulation.run_for(TimeDelta::hours(4)).await;
    world.run_job().await;

    assert_eq!(
        world
            .transfers
            .store
            .open_transfers(None, 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
    drop(forgotten);
}

#[tokio::test]
async fn an_order_can_be_paid_by_two_cards_in_parts_only_for_what_is_owed() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let part = world.card(&order, "4");

    // A card must pay what is owed: a part of it leaves a debt that nobody may be able to pay.
    assert_eq!(
        slug(world.transfers.name_card(&order, &part).await),
        "wrong-amount"
    );
    let whole = world.card(&order, "10");
    assert!(
        world
            .transfers
            .name_card(&order, &whole)
            .await
            .unwrap()
            .is_new
    );
    let more = world.card(&world.stored(&order).await, "10");
    let more = world
        .transfers
        .name_card(&world.stored(&order).await, &more)
        .await;
    assert_eq!(slug(more), "wrong-amount");
}

#[tokio::test]
async fn a_user_transfer_survives_a_crash_at_every_step() {
    for step in ["transfer-read", "transfer-recorded"] {
        let world = World::start().await;
        let order = world.wallet_order(1).await;
        let id = world.transfer(&order, |_| ());
        let plan = move |name| {
            if name == step {
                Err(Crashed(name))
            } else {
                Ok(())
            }
        };
        let crashing = Transfers {
            fault: FaultPoints::planned(plan),
            ..world.transfers.clone()
        };
        assert!(crashing.name(&order, Custodian::Uphold, id).await.is_err());

        let again = world.name(&world.stored(&order).await, id).await.unwrap();

        assert_eq!(again.is_new, step == "transfer-read");
        assert_eq!(world.status(&order).await, OrderStatus::Paid);
        assert_eq!(world.received().await, "10".parse().unwrap());
    }
}
