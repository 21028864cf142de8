//! Paying orders with transfers that are not theirs (T3, T4, A2, G3).

use std::collections::BTreeMap;

use blindtally::{
    attacks::{Attack, Hand, OpenOrder},
    system::Planted,
};
use client::{
    payer::{Draft, Method, Payer as _},
    transport::Request,
};
use futures_util::future::join_all;
use messages::FundingSource;
use sandbox_custodian::domain::{AccountRequest, Address, Custodian, Lie};

use super::world::{ORDERS, World, assert_refused, assert_succeeded};

const SOURCE: FundingSource = FundingSource::UserWallet;

#[tokio::test(flavor = "multi_thread")]
async fn t3_another_currency_pays_nothing() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::OtherCurrency).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_control_a_currency_that_nobody_compares_pays() {
    let planted = |planted: &mut Planted| planted.payments.transfers.currency = |_, _| true;
    let mut world = World::planted(planted).await;

    assert_succeeded(&world.attack(Attack::OtherCurrency).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_somebody_elses_transfer_pays_nothing() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::SomebodyElsesTransfer).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_control_a_transfer_without_reference_pays_any_order() {
    let planted = |planted: &mut Planted| planted.payments.transfers.reference = |_, _| true;
    let mut world = World::planted(planted).await;

    // The victim's own claim comes too late then, which ends the attack with an error.
    let score = world.attack(Attack::SomebodyElsesTransfer).await;

    assert!(score.is_err(), "{score:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_less_than_the_price_pays_nothing() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::Underpay).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_control_an_order_whose_total_is_forgotten_is_paid_by_anything() {
    let mut world = World::start().await;
    let forget = "UPDATE orders SET total = '0.000000000000000001' WHERE id = NEW.id";
    world
        .tamper_after_each(ORDERS, "INSERT ON orders", forget)
        .await;

    assert_succeeded(&world.attack(Attack::Underpay).await);
}

/// Pays to an address of the attacker's own, with the order's reference and amount.
async fn pay_oneself(world: &mut World) -> anyhow::Result<bool> {
    let own = uuid::Uuid::new_v4().to_string();
    let address = Address::try_from(own.clone()).unwrap();
    world.kit.sandbox().open_account(AccountRequest {
        id: address,
        public_key: None,
        funds: BTreeMap::new(),
        processing_seconds: 0,
    })?;
    let hand = &mut world.hand();
    let open = world.drive(hand.order(SOURCE, 4)).await?;
    let account = hand.account(&own).await?;
    let order = &open.order;
    let draft = account.draft(order.transfer_reference, order.total_price, &order.currency);
    account.send(&draft).await?;
    world.drive(hand.claim_transfer(&open, &draft)).await?;
    Ok(!world.drive(hand.is_unpaid(&open)).await?)
}

/// Pays an order twice over; gives what is to be paid back.
async fn overpay(world: &mut World) -> Vec<String> {
    let mut hand = world.hand();
    let open = world.drive(hand.order(SOURCE, 4)).await.unwrap();
    let (total, currency) = (open.order.total_price, open.order.currency.clone());
    let twice = total.times(2).unwrap();
    let draft = world.drive(hand.transfer(&open, twice, &currency)).await;
    let draft = draft.unwrap();
    let claimed = hand.claim_transfer(&open, &draft);
    assert!(world.drive(claimed).await.unwrap().status.is_success());
    let mut orders = world.open(ORDERS).await;
    let surplus = "SELECT reason || ' ' || amount FROM surplus";
    let rows = orders.rows(surplus).await.unwrap();
    rows.iter().map(|row| row.text(0).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_what_is_paid_too_much_is_reported() {
    let mut world = World::start().await;

    assert_eq!(overpay(&mut world).await, ["overpaid 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_control_a_surplus_that_is_forgotten_is_missed() {
    let mut world = World::start().await;
    let forget = "DELETE FROM surplus WHERE id = NEW.id";
    world
        .tamper_after_each(ORDERS, "INSERT ON surplus", forget)
        .await;

    assert_eq!(overpay(&mut world).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_a_transfer_to_oneself_pays_nothing() {
    let mut world = World::start().await;

    let paid = pay_oneself(&mut world).await.unwrap();

    assert!(!paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_control_a_destination_that_nobody_compares_pays() {
    let planted = |planted: &mut Planted| planted.payments.transfers.destination = |_, _| true;
    let mut world = World::planted(planted).await;

    let paid = pay_oneself(&mut world).await.unwrap();

    assert!(paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_a_signed_card_transfer_pays_one_order() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::OneCardTransferTwoOrders).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_control_a_card_transfer_without_reference_pays_another_order() {
    let planted = |planted: &mut Planted| planted.payments.transfers.reference = |_, _| true;
    let mut world = World::planted(planted).await;

    // The second order takes it before the first: the card's own order is refused then.
    let score = world.attack(Attack::OneCardTransferTwoOrders).await;

    assert!(score.is_err(), "{score:?}");
}

/// References off in both: what is left to stop the attack is that a transfer is used once.
fn without_references(planted: &mut Planted) {
    planted.payments.transfers.reference = |_, _| true;
}

/// How many of a hundred orders one transfer pays that all claim it at once.
async fn claim_for_a_hundred_orders(hand: &mut Hand) -> anyhow::Result<usize> {
    let mut orders: Vec<OpenOrder> = Vec::new();
    for _ in 0..100 {
        orders.push(hand.order(SOURCE, 4).await?);
    }
    let first = orders.first().unwrap().clone();
    let (total, currency) = (first.order.total_price, first.order.currency.clone());
    let draft = hand.transfer(&first, total, &currency).await?;

    let server = std::sync::Arc::clone(&hand.shop.server);
    let requests: Vec<Request> = orders.iter().map(|open| claim(open, &draft)).collect();
    join_all(requests.iter().map(|request| server.send(request))).await;

    let mut paid = 0;
    for open in &orders {
        // Whoever got no answer in the crowd asks again.
        hand.claim_transfer(open, &draft).await?;
        paid += usize::from(!hand.is_unpaid(open).await?);
    }
    Ok(paid)
}

fn claim(open: &OpenOrder, draft: &Draft) -> Request {
    let capability = open.order.capability.as_deref().unwrap();
    let path = format!("/v1/orders/{}/transactions/uphold", open.order.id);
    Request::post(path, draft.body()).with_capability(capability)
}

#[tokio::test(flavor = "multi_thread")]
async fn t4_of_a_hundred_orders_one_gets_the_transfer() {
    let mut world = World::planted(without_references).await;
    let mut hand = world.hand();

    let paid = world.drive(claim_for_a_hundred_orders(&mut hand)).await;

    assert_eq!(paid.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t4_control_a_transfer_that_is_unique_per_order_pays_a_hundred() {
    let mut world = World::planted(|planted| {
        without_references(planted);
        planted.payments.transfers.unique_within = Some;
    })
    .await;
    let mut hand = world.hand();

    let paid = world.drive(claim_for_a_hundred_orders(&mut hand)).await;

    assert_eq!(paid.unwrap(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn t4_a_used_transfer_pays_no_second_order() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::UseTransferTwice).await);
}

/// Pays honestly while the custodian lies about the transfer. Whether the order counts as paid.
async fn pay_under(world: &mut World, lie: Lie) -> bool {
    let mut hand = world.hand();
    let sandbox = world.kit.sandbox().clone();
    let open = world.drive(hand.order(SOURCE, 4)).await.unwrap();
    let (total, currency) = (open.order.total_price, open.order.currency.clone());
    let draft = world
        .drive(hand.transfer(&open, total, &currency))
        .await
        .unwrap();
    let Method::Uphold { id } = draft.method else {
        panic!("the hand pays by Uphold");
    };
    sandbox.lie(Custodian::Uphold, id, Some(lie));
    let before = world.number(ORDERS, "SELECT COUNT(*) FROM transfers").await;

    let answer = world.send(&claim(&open, &draft)).await;

    let after = world.number(ORDERS, "SELECT COUNT(*) FROM transfers").await;
    let paid = !world.drive(hand.is_unpaid(&open)).await.unwrap();
    assert_eq!(answer.status.is_success(), after > before, "{answer:?}");
    assert!(answer.status != http::StatusCode::INTERNAL_SERVER_ERROR);
    paid
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_a_custodian_that_fails_or_lies_makes_no_order_paid() {
    let mut world = World::start().await;

    for lie in [
        Lie::Garbage,
        Lie::OtherDestination,
        Lie::OtherCurrency,
        Lie::WrongId,
        Lie::ServerError,
        Lie::Slow,
    ] {
        assert!(!pay_under(&mut world, lie).await, "{lie:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_control_a_lie_that_nobody_checks_pays() {
    let planted = |planted: &mut Planted| planted.payments.transfers.destination = |_, _| true;
    let mut world = World::planted(planted).await;

    assert!(pay_under(&mut world, Lie::OtherDestination).await);
}

/// Names an Uphold transfer for an order that cards pay for.
async fn pay_cards_order_from_a_wallet(hand: &mut Hand) -> anyhow::Result<bool> {
    let open = hand.order(FundingSource::AnonymousCard, 4).await?;
    let (total, currency) = (open.order.total_price, open.order.currency.clone());
    let draft = hand.transfer(&open, total, &currency).await?;
    hand.claim_transfer(&open, &draft).await?;
    Ok(!hand.is_unpaid(&open).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_money_of_one_kind_pays_no_order_of_the_other() {
    let mut world = World::start().await;
    let mut hand = world.hand();

    let paid = world.drive(pay_cards_order_from_a_wallet(&mut hand)).await;

    assert!(!paid.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_control_kinds_that_nobody_compares_mix() {
    let planted = |planted: &mut Planted| planted.payments.transfers.funding_source = |_, _| true;
    let mut world = World::planted(planted).await;
    let mut hand = world.hand();

    let paid = world.drive(pay_cards_order_from_a_wallet(&mut hand)).await;

    assert!(paid.unwrap());
}
