//! Closing months (T18, G2): what is split, out of which money, and when.

use blindtally::system::Planted;
use chrono::{DateTime, TimeDelta, Utc};
use messages::{
    FundingSource,
    avro::{self, Record as _},
    money::Amount,
};
use service_kit::event_log::NewRecord;

use super::world::{TALLY, World, vote_for};

/// Whose votes an attacker writes to the topic.
const ATTACKER: &str = "example.info";

/// After January's closing, which waits three days.
fn after_closing() -> DateTime<Utc> {
    "2026-02-04T12:00:00Z".parse().unwrap()
}

/// Sells four votes to a wallet and eight to a card. All of the wallet's are cast, and none of the card's. An attacker
/// who may write to the topic adds votes out of nothing, for both sources. Then the month closes.
async fn close_with_forged_votes(world: &mut World) {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let text = vote_for("example.org");
    world.drive(hand.vote(&tokens, &text)).await.unwrap();
    drop(hand);
    drop(
        world
            .kit
            .buy("carla", FundingSource::AnonymousCard, 8)
            .await
            .unwrap(),
    );
    world.live(TimeDelta::days(1)).await;
    let honest = world.events().await.into_iter().next().unwrap();

    let stores = world.kit.stores();
    let log = stores.log().await.unwrap();
    let mut appender = log.appender().await.unwrap();
    for (place, source) in ["user-wallet", "anonymous-card"].iter().enumerate() {
        let forged = avro::Vote {
            id: format!("00000000-0000-8000-8000-00000000000{place}"),
            channel: ATTACKER
                .parse::<messages::publisher::Publisher>()
                .unwrap()
                .to_string(),
            vote_tally: 300,
            funding_source: (*source).to_owned(),
            ..honest.clone()
        };
        let record = NewRecord {
            headers: Vec::new(),
            topic: stores.topic("payment.vote"),
            key: forged.channel.clone().into_bytes(),
            value: forged.encode(),
            timestamp: world.kit.clock().now(),
        };
        appender.append(&[record]).await.unwrap();
    }
    world.live_until(after_closing()).await;
}

/// The sums of what publishers got and of fees.
async fn paid_out(world: &World) -> Amount {
    let mut tally = world.open(TALLY).await;
    let select =
        "SELECT amount FROM ledger_entry WHERE credit LIKE 'publisher:%' OR credit = 'fees'";
    let rows = tally.rows(select).await.unwrap();
    let units = rows.iter().map(|row| row.units(0));
    Amount::from_base_units(units.sum()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn t18_g2_a_closing_pays_for_redeemed_votes_of_each_source_alone() {
    let mut world = World::start().await;

    close_with_forged_votes(&mut world).await;

    // Four votes were redeemed. Whoever is paid for them, it is not more, and not out of the card's money.
    assert_eq!(paid_out(&world).await, "1".parse().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn t18_g2_control_a_closing_that_splits_whatever_waits_pays_more() {
    let mut world = World::planted(|planted: &mut Planted| {
        planted.tally.votes_to_split = |waiting, _, pool_covers| waiting.min(pool_covers);
    })
    .await;

    close_with_forged_votes(&mut world).await;

    // The card's two BAT, too, although nobody voted with them.
    assert_eq!(paid_out(&world).await, "3".parse().unwrap());
}

/// Lets payments stop before the month ends, so that no record of funds covers it; gives how many months closed.
async fn close_without_funds(world: &mut World) -> u64 {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let text = vote_for("example.org");
    world.drive(hand.vote(&tokens, &text)).await.unwrap();
    drop(hand);
    world
        .live_until("2026-01-20T12:00:00Z".parse().unwrap())
        .await;
    world
        .stop(&[blindtally::system::ServiceName::Payments])
        .await;
    world.live_until(after_closing()).await;
    world
        .number(TALLY, "SELECT COUNT(*) FROM closed_month")
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn t18_a_month_waits_for_the_funds_of_its_last_day() {
    let mut world = World::start().await;

    assert_eq!(close_without_funds(&mut world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t18_control_a_month_that_does_not_wait_closes_on_old_funds() {
    let mut world = World::planted(|planted: &mut Planted| {
        planted.tally.funds_cover = |_, _| true;
    })
    .await;

    assert_eq!(close_without_funds(&mut world).await, 1);
}
