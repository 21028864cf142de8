//! What every implementation of [`Store`] must do: one suite, run on each engine.
//!
//! The engine's own tests give each function an empty database.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use messages::{FundingSource, encoding::Fixed, payments::OrderStatus};

use super::*;
use crate::{domain::order::Item, store::figures::Figures};

/// A store with the sums over it, as the suite uses them.
pub(super) trait Whole: Store + Figures {}
impl<T: Store + Figures> Whole for T {}

/// All tests of the suite: each takes an empty store.
macro_rules! suite {
    ($($name:ident)*) => {
        /// Calls a macro with the names of all tests.
        macro_rules! for_each_test {
            ($with:ident) => { $( $with! { $name } )* };
        }
        pub(super) use for_each_test;
    };
}

suite! {
    a_placed_order_is_found_as_it_was
    the_same_idempotency_key_gives_the_same_order
    idempotency_keys_are_bounded_and_forgotten
    the_oldest_unpaid_orders_give_way
    a_transfer_pays_an_order_and_is_counted_once
    parts_add_up_and_what_is_too_much_is_surplus
    of_many_claims_on_one_transfer_one_wins
    an_order_that_was_deleted_is_made_again_by_its_transfer
    a_pending_transfer_moves_on_once
    only_one_of_two_cards_can_pay_what_is_owed
    a_failed_quote_makes_its_debt_owed_again
    money_for_a_canceled_order_is_late
    points_are_taken_once_and_only_when_paid
    signatures_are_stored_once_and_fulfil_the_order
    an_order_of_two_items_is_fulfilled_by_both
    unpaid_and_half_paid_orders_end
    what_nobody_claims_is_listed_for_refund
    what_is_erased_is_not_signed_again
    ids_of_transfers_are_erased_and_stay_used
    closed_orders_are_forgotten_and_their_transfers_stay_used
}

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn start() -> DateTime<Utc> {
    at("2026-01-10T05:00:00Z")
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn order(n: u128) -> Order {
    order_of(n, 1)
}

fn order_of(n: u128, items: usize) -> Order {
    let item = |index: usize| Item {
        id: Uuid::from_u128(n * 100 + index as u128),
        sku: "vote".to_owned(),
        quantity: 2,
        price: amount("0.25"),
        subtotal: amount("0.5"),
        location: "brave.com".to_owned(),
        description: String::new(),
    };
    Order {
        id: Uuid::from_u128(n),
        created_at: start(),
        updated_at: start(),
        kept_from: start(),
        currency: "BAT".to_owned(),
        total: amount("0.5").times(items as u64).unwrap(),
        funding_source: FundingSource::UserWallet,
        status: OrderStatus::Pending,
        references_used: 0,
        has_transfers: false,
        items: (0..items).map(item).collect(),
    }
}

const LIMITS: PlaceLimits = PlaceLimits {
    unpaid_max: 100,
    idempotency_max: 2,
};

async fn place(store: &dyn Whole, order: &Order) {
    assert_eq!(store.place(order, None, LIMITS).await.unwrap(), *order);
}

/// A transfer with the reference number `reference`, whose name and id come from `n`.
fn transfer(order: &Order, n: u8, units: &str, reference: Option<u32>) -> NewTransfer {
    NewTransfer {
        transfer: Transfer {
            id: Uuid::from_u128(order.id.as_u128() * 1000 + u128::from(n)),
            order_id: order.id,
            custodian: Custodian::Uphold,
            external_id: Some(format!("external-{n}")),
            payment_id: None,
            status: TransferStatus::Completed,
            currency: "BAT".to_owned(),
            amount: amount(units),
            created_at: start(),
            updated_at: start(),
        },
        names: vec![[n; 32]],
        reference,
        card_amount: None,
    }
}

fn with_status(mut new: NewTransfer, status: TransferStatus) -> NewTransfer {
    new.transfer.status = status;
    new
}

fn card(order: &Order, n: u8, units: &str, reference: u32) -> NewTransfer {
    let mut new = with_status(
        transfer(order, n, units, Some(reference)),
        TransferStatus::Quoted,
    );
    new.transfer.custodian = Custodian::AnonymousCard;
    new.transfer.payment_id = Some(Uuid::from_u128(9));
    new.names.push([n ^ 0x80; 32]);
    new.card_amount = Some(|signed, owed| signed == owed);
    new
}

async fn record(store: &dyn Whole, order: &Order, new: &NewTransfer) -> Recording {
    store.record(order, new, start()).await.unwrap()
}

async fn status(store: &dyn Whole, order: &Order) -> OrderStatus {
    store.order(order.id).await.unwrap().unwrap().status
}

async fn paid(store: &dyn Whole, order: &Order) {
    place(store, order).await;
    let n = u8::try_from(order.id.as_u128()).unwrap();
    let new = transfer(order, n, &order.total.to_string(), Some(0));
    assert!(matches!(
        record(store, order, &new).await,
        Recording::First(_)
    ));
    assert_eq!(status(store, order).await, OrderStatus::Paid);
}

async fn surplus(store: &dyn Whole) -> Vec<(String, String)> {
    let report = store.report().await.unwrap();
    let shown = |one: Surplus| (one.reason, one.amount.to_string());
    report.surplus.into_iter().map(shown).collect()
}

fn points(n: u8) -> Points {
    Points::stored(vec![Fixed([n; 32]), Fixed([n + 100; 32])])
}

fn signed(key: u8) -> Signed {
    Signed {
        tokens: vec![Fixed([1; 32]), Fixed([2; 32])],
        proof: Fixed([3; 64]),
        public_key: Fixed([key; 32]),
    }
}

pub(super) async fn a_placed_order_is_found_as_it_was(store: Arc<dyn Whole>) {
    place(&*store, &order_of(1, 3)).await;

    assert_eq!(
        store.order(Uuid::from_u128(1)).await.unwrap(),
        Some(order_of(1, 3))
    );
    assert_eq!(store.order(Uuid::from_u128(2)).await.unwrap(), None);
    assert_eq!(store.transfers(Uuid::from_u128(1)).await.unwrap(), []);
    assert_eq!(store.credentials(Uuid::from_u128(1)).await.unwrap(), []);
}

pub(super) async fn the_same_idempotency_key_gives_the_same_order(store: Arc<dyn Whole>) {
    let key = |n: u8| {
        let until = start() + TimeDelta::hours(24);
        Some(Idempotency {
            hash: [n; 32],
            until,
        })
    };
    let orders: Vec<_> = (1..=8).map(order).collect();
    let placed = orders
        .iter()
        .map(|order| store.place(order, key(1), LIMITS));
    let placed: Vec<_> = join_all(placed)
        .await
        .into_iter()
        .map(|one| one.unwrap().id)
        .collect();

    assert!(placed.iter().all(|id| *id == placed[0]), "{placed:?}");
    let other = store.place(&order(9), key(2), LIMITS).await.unwrap();
    assert_eq!(other.id, Uuid::from_u128(9));
    let without = store.place(&order(10), None, LIMITS).await.unwrap();
    assert_eq!(without.id, Uuid::from_u128(10));
    assert_eq!(
        store.report().await.unwrap().orders,
        [("pending".to_owned(), 3)]
    );
}

pub(super) async fn idempotency_keys_are_bounded_and_forgotten(store: Arc<dyn Whole>) {
    let place = |n: u8, hours: i64| {
        let (store, until) = (&store, start() + TimeDelta::hours(hours));
        let key = Idempotency {
            hash: [n / 10; 32],
            until,
        };
        async move {
            store
                .place(&order(n.into()), Some(key), LIMITS)
                .await
                .unwrap()
                .id
        }
    };
    // Two are remembered at most: the third drives out the one that ends first.
    for (n, hours) in [(10, 24), (20, 25), (30, 26)] {
        assert_eq!(place(n, hours).await, Uuid::from_u128(n.into()));
    }
    assert_eq!(place(21, 25).await, Uuid::from_u128(20));
    assert_eq!(place(31, 26).await, Uuid::from_u128(30));
    assert_eq!(place(11, 27).await, Uuid::from_u128(11));

    assert_eq!(
        store
            .forget_idempotency(start() + TimeDelta::hours(26))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        store
            .forget_idempotency(start() + TimeDelta::hours(28))
            .await
            .unwrap(),
        2
    );
    assert_eq!(place(32, 26).await, Uuid::from_u128(32));
}

pub(super) async fn the_oldest_unpaid_orders_give_way(store: Arc<dyn Whole>) {
    let limits = PlaceLimits {
        unpaid_max: 2,
        ..LIMITS
    };
    for n in 1..=4_u8 {
        let mut order = order(n.into());
        order.kept_from = start() + TimeDelta::hours(n.into());
        store.place(&order, None, limits).await.unwrap();
        if n == 1 {
            // One that has a transfer is not one of them.
            let new = with_status(transfer(&order, 1, "0.1", Some(0)), TransferStatus::Pending);
            assert!(matches!(
                record(&*store, &order, &new).await,
                Recording::First(_)
            ));
        }
    }

    let mut left = Vec::new();
    for n in 1..=4 {
        if store.order(Uuid::from_u128(n)).await.unwrap().is_some() {
            left.push(n);
        }
    }
    assert_eq!(left, [1, 3, 4]);
}

pub(super) async fn a_transfer_pays_an_order_and_is_counted_once(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    let new = transfer(&order, 1, "0.5", Some(0));
    assert_eq!(store.claim(order.id, &[1; 32]).await.unwrap(), Claim::Free);

    let first = record(&*store, &order, &new).await;
    let again = record(&*store, &order, &new).await;

    assert_eq!(first, Recording::First(new.transfer.clone()));
    assert_eq!(again, Recording::Before(new.transfer.clone()));
    let own = Claim::Own(new.transfer);
    assert_eq!(store.claim(order.id, &[1; 32]).await.unwrap(), own);
    assert_eq!(
        store.claim(Uuid::from_u128(2), &[1; 32]).await.unwrap(),
        Claim::Used
    );
    let stored = store.order(order.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.status, stored.references_used),
        (OrderStatus::Paid, 1)
    );
    let totals = store.funds_totals().await.unwrap();
    let [total] = totals.as_slice() else {
        panic!("{totals:?}")
    };
    assert_eq!((total.received, total.votes_sold), (amount("0.5"), 2));
    let day = start().date_naive();
    assert_eq!(
        store.orders_paid_by_day(day, day).await.unwrap(),
        [(day, 1)]
    );
    assert_eq!(surplus(&*store).await, []);
}

pub(super) async fn parts_add_up_and_what_is_too_much_is_surplus(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    // An earlier reference may be used again; only a new one makes the next visible.
    for (n, units, reference, used) in [
        (1, "0.2", Some(0), 1),
        (2, "0.1", Some(0), 1),
        (3, "0.1", None, 1),
        (4, "0.4", Some(1), 2),
    ] {
        assert_eq!(status(&*store, &order).await, OrderStatus::Pending);
        let new = transfer(&order, n, units, reference);
        assert!(matches!(
            record(&*store, &order, &new).await,
            Recording::First(_)
        ));
        let stored = store.order(order.id).await.unwrap().unwrap();
        assert_eq!(stored.references_used, used);
    }
    assert_eq!(status(&*store, &order).await, OrderStatus::Paid);
    assert_eq!(
        surplus(&*store).await,
        [("overpaid".to_owned(), "0.3".to_owned())]
    );

    let more = transfer(&order, 5, "1", None);
    assert!(matches!(
        record(&*store, &order, &more).await,
        Recording::First(_)
    ));

    let mut found = surplus(&*store).await;
    found.sort();
    let overpaid = |units: &str| ("overpaid".to_owned(), units.to_owned());
    assert_eq!(found, [overpaid("0.3"), overpaid("1")]);
    let totals = store.funds_totals().await.unwrap();
    assert_eq!(
        totals[0].received,
        amount("0.5"),
        "surplus is not received for votes"
    );
}

pub(super) async fn of_many_claims_on_one_transfer_one_wins(store: Arc<dyn Whole>) {
    let orders: Vec<_> = (1..=100).map(order).collect();
    for order in &orders {
        place(&*store, order).await;
    }

    let claims = orders.iter().map(|order| {
        let (store, new) = (&store, transfer(order, 7, "0.5", Some(0)));
        async move { record(&**store, order, &new).await }
    });
    let claims = join_all(claims).await;

    let won = claims
        .iter()
        .filter(|one| matches!(one, Recording::First(_)))
        .count();
    let lost = claims
        .iter()
        .filter(|one| matches!(one, Recording::Used))
        .count();
    assert_eq!((won, lost), (1, 99));
    let report = store.report().await.unwrap();
    assert_eq!(
        report.orders,
        [("paid".to_owned(), 1), ("pending".to_owned(), 99)]
    );
    assert_eq!(store.funds_totals().await.unwrap()[0].votes_sold, 2);
}

pub(super) async fn an_order_that_was_deleted_is_made_again_by_its_transfer(store: Arc<dyn Whole>) {
    let order = order_of(1, 2);
    place(&*store, &order).await;
    assert_eq!(
        store
            .forget_unpaid(start() + TimeDelta::hours(1), 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.order(order.id).await.unwrap(), None);

    let new = transfer(&order, 1, "1", Some(0));
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));

    let made = store.order(order.id).await.unwrap().unwrap();
    assert_eq!(
        (made.status, &made.items),
        (OrderStatus::Paid, &order.items)
    );
    assert_eq!(
        store
            .forget_unpaid(start() + TimeDelta::hours(1), 10)
            .await
            .unwrap(),
        0
    );
}

pub(super) async fn a_pending_transfer_moves_on_once(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    let new = with_status(transfer(&order, 1, "0.5", Some(0)), TransferStatus::Pending);
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));
    assert_eq!(
        store.open_transfers(None, 10).await.unwrap(),
        std::slice::from_ref(&new.transfer)
    );
    assert_eq!(
        store
            .open_transfers(Some(new.transfer.id), 10)
            .await
            .unwrap(),
        []
    );

    let id = new.transfer.id;
    let later = start() + TimeDelta::hours(2);
    let completed = TransferStatus::Completed;
    let attempts = (0..8).map(|_| store.move_on(id, completed, amount("0.6"), later));
    for moved in join_all(attempts).await {
        let moved = moved.unwrap().unwrap();
        assert_eq!((moved.status, moved.amount), (completed, amount("0.6")));
        assert_eq!(moved.updated_at, later);
    }

    assert_eq!(
        surplus(&*store).await,
        [("overpaid".to_owned(), "0.1".to_owned())]
    );
    assert_eq!(
        store.funds_totals().await.unwrap()[0].received,
        amount("0.5")
    );
    let failed = store
        .move_on(id, TransferStatus::Failed, amount("0.6"), later)
        .await
        .unwrap();
    assert_eq!(failed.unwrap().status, completed, "what has ended stays");
    assert_eq!(store.open_transfers(None, 10).await.unwrap(), []);
    let nobody = store
        .move_on(Uuid::from_u128(5), completed, amount("1"), later)
        .await;
    assert_eq!(nobody.unwrap(), None);
}

pub(super) async fn only_one_of_two_cards_can_pay_what_is_owed(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    assert_eq!(
        record(&*store, &order, &card(&order, 1, "0.4", 0)).await,
        Recording::NotOwed
    );
    assert_eq!(
        record(&*store, &order, &card(&order, 1, "0.5", 1)).await,
        Recording::Stale
    );

    let cards: Vec<_> = (1..=20).map(|n| card(&order, n, "0.5", 0)).collect();
    let done = join_all(cards.iter().map(|card| record(&*store, &order, card))).await;

    let first = done
        .iter()
        .filter(|one| matches!(one, Recording::First(_)))
        .count();
    let stale = done
        .iter()
        .filter(|one| matches!(one, Recording::Stale))
        .count();
    assert_eq!((first, stale), (1, 19));
    let next = record(&*store, &order, &card(&order, 50, "0.5", 1)).await;
    assert_eq!(next, Recording::NotOwed, "what is quoted is owed no more");
}

pub(super) async fn a_failed_quote_makes_its_debt_owed_again(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    let lapsing = card(&order, 1, "0.5", 0);
    assert!(matches!(
        record(&*store, &order, &lapsing).await,
        Recording::First(_)
    ));
    let (id, failed) = (lapsing.transfer.id, TransferStatus::Failed);
    store
        .move_on(id, failed, amount("0.5"), start())
        .await
        .unwrap();

    let again = record(&*store, &order, &lapsing).await;
    assert!(matches!(again, Recording::Before(one) if one.status == failed));
    let next = card(&order, 2, "0.5", 1);
    assert!(matches!(
        record(&*store, &order, &next).await,
        Recording::First(_)
    ));
    // Either name of a card's transfer is enough to know it by.
    assert!(matches!(
        store.claim(order.id, &[2; 32]).await.unwrap(),
        Claim::Own(_)
    ));
    assert!(matches!(
        store.claim(order.id, &[2 ^ 0x80; 32]).await.unwrap(),
        Claim::Own(_)
    ));
}

pub(super) async fn money_for_a_canceled_order_is_late(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    let part = transfer(&order, 1, "0.2", Some(0));
    let pending = with_status(transfer(&order, 2, "0.3", Some(1)), TransferStatus::Pending);
    for new in [&part, &pending] {
        assert!(matches!(
            record(&*store, &order, new).await,
            Recording::First(_)
        ));
    }
    let later = start() + TimeDelta::days(31);
    assert_eq!(store.cancel_partly_paid(later, later, 10).await.unwrap(), 1);
    assert_eq!(status(&*store, &order).await, OrderStatus::Canceled);
    assert_eq!(
        surplus(&*store).await,
        [("canceled".to_owned(), "0.2".to_owned())]
    );

    let (id, completed) = (pending.transfer.id, TransferStatus::Completed);
    store
        .move_on(id, completed, amount("0.3"), later)
        .await
        .unwrap();
    let new = transfer(&order, 3, "9", Some(2));
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));

    let mut found = surplus(&*store).await;
    found.sort();
    let late = |units: &str| ("late".to_owned(), units.to_owned());
    assert_eq!(
        found,
        [
            ("canceled".to_owned(), "0.2".to_owned()),
            late("0.3"),
            late("9")
        ]
    );
    assert_eq!(status(&*store, &order).await, OrderStatus::Canceled);
    assert_eq!(store.funds_totals().await.unwrap(), []);
    assert_eq!(
        record(&*store, &order, &card(&order, 4, "0.5", 3)).await,
        Recording::NotOwed
    );
}

pub(super) async fn points_are_taken_once_and_only_when_paid(store: Arc<dyn Whole>) {
    let order = order(1);
    let item = order.items[0].id;
    let submit = |n: u8| store.submit(order.id, item, Box::leak(Box::new(points(n))));
    assert_eq!(submit(1).await.unwrap(), Submission::NotPaid);
    place(&*store, &order).await;
    assert_eq!(submit(1).await.unwrap(), Submission::NotPaid);
    let new = transfer(&order, 1, "0.5", Some(0));
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));

    let submissions = join_all((1..=10).map(submit)).await;

    let accepted = submissions
        .iter()
        .filter(|one| matches!(one, Ok(Submission::Accepted)));
    assert_eq!(accepted.count(), 1);
    let waiting = store.unsigned(None, 10).await.unwrap();
    let [waiting] = waiting.as_slice() else {
        panic!("{waiting:?}")
    };
    let won = waiting.points.tokens()[0].0[0];
    assert_eq!(submit(won).await.unwrap(), Submission::Accepted);
    assert_eq!(store.unsigned(Some(item), 10).await.unwrap().len(), 0);
}

pub(super) async fn signatures_are_stored_once_and_fulfil_the_order(store: Arc<dyn Whole>) {
    let order = order(1);
    let item = order.items[0].id;
    paid(&*store, &order).await;
    assert_eq!(
        store.submit(order.id, item, &points(1)).await.unwrap(),
        Submission::Accepted
    );

    for key in [1, 2, 1] {
        store
            .store_signed(item, &signed(key), start())
            .await
            .unwrap();
    }

    let again = store.submit(order.id, item, &points(1)).await.unwrap();
    assert_eq!(again, Submission::Signed(signed(1)));
    let others = store.submit(order.id, item, &points(2)).await.unwrap();
    assert_eq!(others, Submission::Other);
    assert_eq!(status(&*store, &order).await, OrderStatus::Fulfilled);
    let stored = store.credentials(order.id).await.unwrap();
    let credentials = Credentials::Signed(points(1), signed(1));
    let sku = "vote".to_owned();
    assert_eq!(
        stored,
        [ItemCredentials {
            item,
            sku,
            credentials
        }]
    );
    let day = start().date_naive();
    let counted = store.orders_signed_by_day().await.unwrap();
    assert_eq!(counted, [(signed(1).key(), day, 1)]);
    assert_eq!(store.unsigned(None, 10).await.unwrap().len(), 0);
}

pub(super) async fn an_order_of_two_items_is_fulfilled_by_both(store: Arc<dyn Whole>) {
    let order = order_of(1, 2);
    paid(&*store, &order).await;
    for (n, item) in order.items.iter().enumerate() {
        assert_eq!(status(&*store, &order).await, OrderStatus::Paid);
        let submitted = store.submit(order.id, item.id, &points(1)).await.unwrap();
        assert_eq!(submitted, Submission::Accepted);
        assert_eq!(store.unsigned(None, 10).await.unwrap().len(), 1);
        store
            .store_signed(item.id, &signed(1), start())
            .await
            .unwrap();
        assert_eq!(store.credentials(order.id).await.unwrap().len(), n + 1);
    }

    assert_eq!(status(&*store, &order).await, OrderStatus::Fulfilled);
    let counted = store.orders_signed_by_day().await.unwrap();
    assert_eq!(
        counted.iter().map(|(.., orders)| orders).sum::<u64>(),
        1,
        "one order"
    );
}

pub(super) async fn unpaid_and_half_paid_orders_end(store: Arc<dyn Whole>) {
    let (unpaid, half, full) = (order(1), order(2), order(3));
    place(&*store, &unpaid).await;
    place(&*store, &half).await;
    paid(&*store, &full).await;
    let part = transfer(&half, 2, "0.2", Some(0));
    assert!(matches!(
        record(&*store, &half, &part).await,
        Recording::First(_)
    ));

    assert_eq!(
        store.forget_unpaid(start(), 10).await.unwrap(),
        0,
        "not yet"
    );
    let soon = start() + TimeDelta::hours(1);
    assert_eq!(store.forget_unpaid(soon, 10).await.unwrap(), 1);
    assert_eq!(
        store.cancel_partly_paid(start(), soon, 10).await.unwrap(),
        0,
        "not yet"
    );
    assert_eq!(store.cancel_partly_paid(soon, soon, 10).await.unwrap(), 1);
    assert_eq!(store.cancel_partly_paid(soon, soon, 10).await.unwrap(), 0);

    assert_eq!(store.order(unpaid.id).await.unwrap(), None);
    assert_eq!(status(&*store, &half).await, OrderStatus::Canceled);
    assert_eq!(status(&*store, &full).await, OrderStatus::Paid);
}

pub(super) async fn what_nobody_claims_is_listed_for_refund(store: Arc<dyn Whole>) {
    let (unclaimed, begun) = (order(1), order(2));
    paid(&*store, &unclaimed).await;
    paid(&*store, &begun).await;
    let item = begun.items[0].id;
    assert_eq!(
        store.submit(begun.id, item, &points(1)).await.unwrap(),
        Submission::Accepted
    );

    let day = start().date_naive();
    let later = start() + TimeDelta::days(366);
    assert_eq!(
        store.cancel_unclaimed(day, later, 10).await.unwrap(),
        0,
        "not yet"
    );
    assert_eq!(
        store
            .cancel_unclaimed(later.date_naive(), later, 10)
            .await
            .unwrap(),
        1
    );

    assert_eq!(
        surplus(&*store).await,
        [("unclaimed".to_owned(), "0.5".to_owned())]
    );
    let points = points(1);
    let claimed = store.submit(unclaimed.id, unclaimed.items[0].id, &points);
    assert_eq!(claimed.await.unwrap(), Submission::Canceled);
    assert_eq!(status(&*store, &begun).await, OrderStatus::Paid);
}

pub(super) async fn what_is_erased_is_not_signed_again(store: Arc<dyn Whole>) {
    let order = order(1);
    let item = order.items[0].id;
    paid(&*store, &order).await;
    assert_eq!(
        store.submit(order.id, item, &points(1)).await.unwrap(),
        Submission::Accepted
    );
    let tomorrow = start().date_naive() + chrono::Days::new(1);
    assert_eq!(
        store.erase_credentials(tomorrow, 10).await.unwrap(),
        0,
        "not signed yet"
    );
    store.store_signed(item, &signed(1), start()).await.unwrap();

    assert_eq!(
        store
            .erase_credentials(start().date_naive(), 10)
            .await
            .unwrap(),
        0,
        "not yet"
    );
    assert_eq!(store.erase_credentials(tomorrow, 10).await.unwrap(), 1);

    let stored = store.credentials(order.id).await.unwrap();
    assert_eq!(stored[0].credentials, Credentials::Erased);
    for n in [1, 2] {
        let submitted = store.submit(order.id, item, &points(n)).await.unwrap();
        assert_eq!(submitted, Submission::Erased);
    }
    store.store_signed(item, &signed(2), start()).await.unwrap();
    let stored = store.credentials(order.id).await.unwrap();
    assert_eq!(stored[0].credentials, Credentials::Erased);
    assert_eq!(
        store.orders_signed_by_day().await.unwrap().len(),
        1,
        "the count stays"
    );
}

/// An order whose only item is signed.
async fn fulfilled(store: &dyn Whole, order: &Order) {
    paid(store, order).await;
    let item = order.items[0].id;
    assert_eq!(
        store.submit(order.id, item, &points(1)).await.unwrap(),
        Submission::Accepted
    );
    store.store_signed(item, &signed(1), start()).await.unwrap();
}

pub(super) async fn ids_of_transfers_are_erased_and_stay_used(store: Arc<dyn Whole>) {
    let order = order(1);
    fulfilled(&*store, &order).await;
    let (day, tomorrow) = (
        start().date_naive(),
        start().date_naive() + chrono::Days::new(1),
    );

    assert_eq!(
        store.erase_transfer_ids(day, 10).await.unwrap(),
        0,
        "not yet"
    );
    assert_eq!(store.erase_transfer_ids(tomorrow, 10).await.unwrap(), 1);
    assert_eq!(store.erase_transfer_ids(tomorrow, 10).await.unwrap(), 0);

    let left = store.transfers(order.id).await.unwrap();
    assert_eq!(
        (left[0].external_id.as_deref(), left[0].payment_id),
        (None, None)
    );
    assert_eq!(left[0].amount, amount("0.5"));
    assert_eq!(
        store.claim(Uuid::from_u128(2), &[1; 32]).await.unwrap(),
        Claim::Used
    );
}

pub(super) async fn closed_orders_are_forgotten_and_their_transfers_stay_used(
    store: Arc<dyn Whole>,
) {
    let (closed, open) = (order(1), order(2));
    fulfilled(&*store, &closed).await;
    paid(&*store, &open).await;

    assert_eq!(
        store.forget_closed(start(), 10).await.unwrap(),
        0,
        "not yet"
    );
    let later = start() + TimeDelta::hours(1);
    assert_eq!(store.forget_closed(later, 10).await.unwrap(), 1);
    store.forget_deleted().await.unwrap();

    assert_eq!(store.order(closed.id).await.unwrap(), None);
    assert_eq!(store.transfers(closed.id).await.unwrap(), []);
    assert_eq!(store.credentials(closed.id).await.unwrap(), []);
    assert_eq!(store.claim(closed.id, &[1; 32]).await.unwrap(), Claim::Used);
    let again = record(&*store, &closed, &transfer(&closed, 1, "0.5", Some(0))).await;
    assert_eq!(again, Recording::Used);
    assert_eq!(status(&*store, &open).await, OrderStatus::Paid);
    assert_eq!(store.orders_signed_by_day().await.unwrap().len(), 1);
    assert_eq!(store.funds_totals().await.unwrap()[0].votes_sold, 4);
}
