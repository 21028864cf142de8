//! Databases that were set back (T19, T7).

use blindtally::system::ServiceName;
use chrono::TimeDelta;
use client::browser::body_of_vote;
use messages::avro::{Funds, Record as _};

use payments::commands::{OutboxName, new_generation};

use super::world::{ORDERS, REGISTRY, TALLY, VOTES, World, vote_for};

/// Counts a vote, sets the registry back to before it, and spends one of its tokens again.
async fn spend_after_restore(world: &mut World) -> u16 {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let fresh = world.drive(hand.buy(4)).await.unwrap();
    let bypass = [ServiceName::ChallengeBypass];
    world.back_up(&bypass, REGISTRY).await;
    world
        .drive(hand.vote(&tokens, &vote_for("example.com")))
        .await
        .unwrap();
    world
        .drive(hand.vote(&fresh, &vote_for("example.com")))
        .await
        .unwrap();

    world.stop_and_set_back(&bypass, REGISTRY).await;
    world.run(&bypass).await;
    let part = body_of_vote(tokens.get(..2).unwrap(), &vote_for("example.org"));
    let request = client::transport::Request::post("/v1/votes", part.into_bytes());
    world.send(&request).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_t7_a_registry_that_was_set_back_takes_nothing() {
    let mut world = World::start().await;

    assert_eq!(spend_after_restore(&mut world).await, 503);
    assert_eq!(world.tokens_counted().await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_t7_control_a_registry_that_is_never_asked_spends_again() {
    let mut world = World::planted(|planted| {
        planted.challenge_bypass.knows_enough = |_, _| true;
    })
    .await;

    assert_eq!(spend_after_restore(&mut world).await, 200);
    assert_eq!(world.tokens_counted().await, 10);
}

/// Keeps a copy of the votes' outbox with a vote in it, publishes the vote, and sets the outbox back.
async fn set_outbox_back(world: &mut World) {
    let mut hand = world.hand();
    let payments = [ServiceName::Payments];
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    world
        .drive(hand.vote(&tokens, &vote_for("example.com")))
        .await
        .unwrap();
    drop(hand);
    world.back_up(&payments, VOTES).await;
    world.live(TimeDelta::days(1)).await;
    assert_eq!(world.events().await.len(), 1);
    world.stop_and_set_back(&payments, VOTES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_an_outbox_that_was_set_back_is_noticed() {
    let mut world = World::start().await;
    set_outbox_back(&mut world).await;

    world.run(&[ServiceName::Payments]).await;
    world.live(TimeDelta::days(1)).await;

    assert!(!world.is_ready(ServiceName::Payments).await);
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_control_an_outbox_that_forgot_its_life_publishes_again() {
    let mut world = World::start().await;
    set_outbox_back(&mut world).await;
    world.forget_generation(VOTES).await;

    world.run(&[ServiceName::Payments]).await;
    world.live(TimeDelta::days(1)).await;

    assert_eq!(world.events().await.len(), 2);
}

/// Sets an outbox back and puts it into service again, as docs/operations.md says. Answers how many tokens tally counted.
async fn go_on_after_restore(tally_forgets: bool) -> u64 {
    let mut world = World::start().await;
    set_outbox_back(&mut world).await;
    let name = ServiceName::Payments;
    let config: payments::Config = world.kit.layout().settings(name).load(name).unwrap();
    new_generation(&config, OutboxName::Votes).await.unwrap();
    if tally_forgets {
        world.tamper(TALLY, "DELETE FROM counted_event").await;
    }

    world.run(&[name]).await;
    world.live(TimeDelta::days(1)).await;

    assert!(world.is_ready(name).await);
    assert_eq!(world.events().await.len(), 2);
    world
        .number(TALLY, "SELECT SUM(votes) FROM vote_pile")
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_what_an_outbox_publishes_again_after_a_restore_counts_once() {
    assert_eq!(go_on_after_restore(false).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_control_a_tally_that_forgot_what_it_counted_counts_it_again() {
    assert_eq!(go_on_after_restore(true).await, 8);
}

/// Publishes a vote, then makes the event log anew.
async fn make_log_anew(world: &mut World, tally_forgets: bool) {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(8)).await.unwrap();
    let (first, second) = tokens.split_at(4);
    world
        .drive(hand.vote(first, &vote_for("example.com")))
        .await
        .unwrap();
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    let mut hand = world.hand();
    world
        .drive(hand.vote(second, &vote_for("example.com")))
        .await
        .unwrap();
    drop(hand);
    world
        .stop(&[ServiceName::Payments, ServiceName::Tally])
        .await;
    world.kit.stores().lose_log().await.unwrap();
    if tally_forgets {
        let forget = "DELETE FROM consumer_offset; DELETE FROM consumer_log;
            UPDATE outbox_state SET counter = 0";
        world.tamper(TALLY, forget).await;
        world.forget_generation(TALLY).await;
    }
    world
        .run(&[ServiceName::Tally, ServiceName::Payments])
        .await;
    world.live(TimeDelta::days(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_an_event_log_that_was_made_anew_is_noticed() {
    let mut world = World::start().await;

    make_log_anew(&mut world, false).await;

    assert!(!world.is_ready(ServiceName::Payments).await);
    assert!(!world.is_ready(ServiceName::Tally).await);
    assert_eq!(world.events().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_control_a_tally_that_forgot_what_it_read_is_content_with_the_new_log() {
    let mut world = World::start().await;

    make_log_anew(&mut world, true).await;

    assert!(world.is_ready(ServiceName::Tally).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_control_an_outbox_without_a_past_goes_on_in_the_new_log() {
    let mut world = World::start().await;
    let forget = format!(
        "UPDATE outbox_state SET generation = {}, counter = 0",
        world.open(VOTES).await.random_id()
    );
    world
        .tamper_after_each(VOTES, "UPDATE OF counter ON outbox_state", &forget)
        .await;

    make_log_anew(&mut world, false).await;

    // The second vote is there, the first is lost, and nobody was told.
    assert_eq!(world.events().await.len(), 1);
}

/// Keeps a copy of the orders' database, sells eight votes more, and sets the database back.
async fn set_orders_back(world: &mut World) {
    let payments = [ServiceName::Payments];
    let mut hand = world.hand();
    world.drive(hand.buy(4)).await.unwrap();
    drop(hand);
    world.back_up(&payments, ORDERS).await;
    let mut hand = world.hand();
    world.drive(hand.buy(8)).await.unwrap();
    drop(hand);
    world.stop_and_set_back(&payments, ORDERS).await;
    world.run(&payments).await;
    world.live(TimeDelta::days(8)).await;
}

/// How many records of funds say that more was signed than sold.
async fn impossible_funds(world: &World) -> usize {
    let records = world.kit.stores().records("payment.funds").await.unwrap();
    let records = records
        .iter()
        .map(|(_, record)| Funds::decode(&record.value).unwrap());
    let signed = |funds: &Funds| funds.keys.iter().map(|key| key.signed_total).sum::<i64>();
    records
        .filter(|funds| signed(funds) > funds.votes_sold_total)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_orders_that_were_set_back_are_noticed() {
    let mut world = World::start().await;
    assert!(world.is_ready(ServiceName::Payments).await);

    set_orders_back(&mut world).await;

    assert!(!world.is_ready(ServiceName::Payments).await);
    assert_eq!(impossible_funds(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_control_orders_that_are_not_compared_are_reported_as_they_are() {
    let mut world = World::planted(|planted| {
        planted.payments.signed_fits = |_, _| true;
    })
    .await;

    set_orders_back(&mut world).await;

    assert!(impossible_funds(&world).await > 0);
}
