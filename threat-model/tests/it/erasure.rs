//! What is kept of a transfer, where, and for how long (T5).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use messages::FundingSource;
use uuid::Uuid;

use super::{
    month::{Look, Month, needles::Needles},
    traces::forms,
    world::{ORDERS, VOTES, World, vote_for},
};

/// Where the bytes of the files, apart from the orders' database and the custodian's, hold `needle`.
async fn holding(world: &World, needle: &[u8]) -> BTreeSet<String> {
    let needles = forms(needle);
    let holds = |bytes: &[u8]| {
        needles
            .iter()
            .any(|needle| bytes.windows(needle.len()).any(|window| window == needle))
    };
    let files = world.kit.files().await.unwrap();
    let holding = files.iter().filter(|(name, bytes)| {
        !name.starts_with(ORDERS) && !name.starts_with("sandbox") && holds(bytes)
    });
    holding.map(|(name, _)| name.clone()).collect()
}

/// Pays from an account of a telling name; gives the transfer's id.
pub(crate) async fn pay_and_vote(world: &mut World) -> Uuid {
    let mut hand = world.hand();
    let open = world
        .drive(hand.order(FundingSource::UserWallet, 4))
        .await
        .unwrap();
    let draft = world.drive(hand.pay(&open)).await.unwrap();
    let tokens = world.drive(hand.tokens(&open)).await.unwrap();
    world
        .drive(hand.vote(&tokens, &vote_for("example.com")))
        .await
        .unwrap();
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    let client::payer::Method::Uphold { id } = draft.method else {
        panic!("the hand pays by Uphold");
    };
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_a_transfer_is_known_to_the_orders_database_alone() {
    let mut world = World::start().await;

    let transfer = pay_and_vote(&mut world).await;
    world.kit.stop().await.unwrap();

    assert_eq!(
        holding(&world, transfer.to_string().as_bytes()).await,
        BTreeSet::new()
    );
    // The account that paid is not even there: the order's database has no column for it.
    let orders: Vec<u8> = world
        .kit
        .files()
        .await
        .unwrap()
        .into_iter()
        .filter(|(name, _)| name.starts_with(ORDERS))
        .flat_map(|(_, bytes)| bytes)
        .collect();
    assert!(
        !orders
            .windows(15)
            .any(|window| window == b"account-of-hand")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_control_a_transfer_beside_a_vote_is_seen() {
    let mut world = World::start().await;
    let transfer = pay_and_vote(&mut world).await;
    let note = format!(
        "ALTER TABLE key_count ADD COLUMN note TEXT; UPDATE key_count SET note = '{transfer}'"
    );
    world.tamper(VOTES, &note).await;
    world.kit.stop().await.unwrap();

    let holding = holding(&world, transfer.to_string().as_bytes()).await;

    assert!(
        holding.iter().any(|name| name.starts_with(VOTES)),
        "{holding:?}"
    );
}

/// The names of transfers and cards that payments has, and the files that hold one of them; the custodian's
/// own are not ours.
fn named(of: &Look, held: &Look) -> (usize, BTreeSet<String>) {
    let names = of.stored.iter().filter(|value| {
        value.database == ORDERS
            && value.table == "transfers"
            && ["external_id", "payment_id"].contains(&&*value.column)
    });
    let mut needles = Needles::new();
    let mut count = 0;
    for name in names {
        needles.add_forms(&name.bytes, &());
        count += 1;
    }
    let ours = held.files.iter();
    let ours = ours.filter(|(name, _)| !name.starts_with("sandbox"));
    let holding = ours.filter(|(_, bytes)| !needles.find(bytes).is_empty());
    (count, holding.map(|(name, _)| name.clone()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_a_month_after_its_order_a_transfer_has_no_name_anywhere() {
    let month = Month::of_browsers().await;
    let [sold, _, end] = &*month.looks else {
        panic!("the month is looked at three times");
    };

    let (names, holding) = named(sold, sold);
    assert!(names >= month.plan.buyers, "{names}");
    assert!(
        holding.iter().all(|name| name.starts_with(ORDERS)),
        "{holding:?}"
    );
    assert!(!holding.is_empty(), "there was nothing to erase");

    let (_, holding) = named(sold, end);
    assert_eq!(holding, BTreeSet::new());
    // A keyed hash stays, so that a transfer pays once for ever.
    let hashes = end.stored.iter().filter(|value| {
        (&*value.database, &*value.table, &*value.column) == (ORDERS, "used_transfers", "hash")
    });
    assert!(hashes.count() >= month.plan.buyers);
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_control_a_transfer_that_is_kept_for_years_has_its_name() {
    let mut world = World::with_payments(|payments| {
        payments.set("retention.credential_retention_days", 3_650);
    })
    .await;
    let transfer = pay_and_vote(&mut world).await;
    world.live(TimeDelta::days(32)).await;
    world.kit.stop().await.unwrap();

    let files = world.kit.files().await.unwrap();

    let needles = forms(transfer.to_string().as_bytes());
    let holds = |bytes: &[u8]| {
        needles
            .iter()
            .any(|needle| bytes.windows(needle.len()).any(|window| window == needle))
    };
    assert!(
        files
            .iter()
            .any(|(name, bytes)| name.starts_with(ORDERS) && holds(bytes))
    );
}
