//! What every implementation of [`Store`] must do: one suite, run on each engine.
//!
//! The engine's own tests give each function an empty database.

use chrono::TimeDelta;
use futures_util::future::join_all;
use messages::{FundingSource, encoding::Fixed, payments::OrderStatus};

use super::*;
use crate::domain::order::Item;

mod cards;
mod credentials;
mod funds;
mod placing;
mod retention;
mod transfers;
mod write_off;

pub(super) use cards::*;
pub(super) use credentials::*;
pub(super) use funds::*;
pub(super) use placing::*;
pub(super) use retention::*;
pub(super) use transfers::*;
pub(super) use write_off::*;

pub(super) use super::OrdersDatabase as Whole;

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
    however_keys_go_those_that_end_first_make_room
    the_oldest_unpaid_orders_give_way
    a_transfer_pays_an_order_and_is_counted_once
    parts_add_up_and_what_is_too_much_is_surplus
    of_many_claims_on_one_transfer_one_wins
    an_order_that_was_deleted_is_made_again_by_its_transfer
    a_pending_transfer_moves_on_once
    only_one_of_two_cards_can_pay_what_is_owed
    what_may_still_arrive_is_owed_to_no_second_card
    a_failed_quote_makes_its_debt_owed_again
    money_for_a_canceled_order_is_late
    points_are_taken_once_and_only_when_paid
    signatures_are_stored_once_and_fulfil_the_order
    an_order_of_two_items_is_fulfilled_by_both
    unpaid_and_half_paid_orders_end
    what_nobody_claims_is_written_off_once
    of_an_order_that_is_claimed_in_part_the_rest_is_written_off
    an_item_that_waits_for_its_signatures_is_claimed
    a_day_has_one_set_of_funds_records
    totals_are_what_was_stated_last
    written_off_votes_are_set_off_against_newly_sold_ones
    a_statement_of_other_totals_is_not_recorded
    an_order_that_was_paid_meanwhile_is_not_canceled
    what_may_still_arrive_is_listed_and_keeps_its_name_and_its_order
    surplus_is_settled_row_by_row
    an_order_has_no_more_transfers_than_it_may
    every_sku_that_was_ordered_is_known
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
        transfers_max: 100,
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

/// Cancels what has waited for money since before `before`.
async fn cancel_overdue(store: &dyn Whole, before: DateTime<Utc>) -> usize {
    let overdue = store.overdue(before, None, 10).await.unwrap();
    for order in &overdue {
        assert!(store.cancel(order.id, before).await.unwrap());
    }
    overdue.len()
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
