//! A world does what tests need of it.

use std::fs;

use chrono::TimeDelta;
use client::wallet::Outcome;
use messages::FundingSource;
use test_kit::World;

#[tokio::test]
async fn a_browser_buys_votes_and_everything_survives_a_restart() {
    let mut world = World::start().await.unwrap();
    let mut browser = world
        .buy("ada", FundingSource::UserWallet, 20)
        .await
        .unwrap();
    world.restart().await.unwrap();

    world
        .vote(&mut browser, &[("example.com", 3), ("example.org", 1)])
        .await
        .unwrap();

    let votes = &browser.wallet().state.votes;
    assert_eq!(votes.iter().map(|vote| vote.tokens).sum::<usize>(), 20);
    assert!(
        votes
            .iter()
            .all(|vote| vote.outcome == Some(Outcome::Counted))
    );
    assert!(world.sandbox().is_conserved());
}

#[tokio::test]
async fn a_card_buys_too_and_what_was_stored_can_be_read() {
    let mut world = World::start().await.unwrap();
    let browser = world
        .buy("bob", FundingSource::AnonymousCard, 4)
        .await
        .unwrap();
    drop(browser);
    world.run_for(TimeDelta::hours(1)).await;
    world.stop().await.unwrap();

    let stored = world.stored().await.unwrap();

    for database in [
        "payments-orders.db",
        "challenge-bypass.db",
        "event-log.db",
        "tally.db",
    ] {
        assert!(
            stored.iter().any(|value| value.database == database),
            "{database}"
        );
    }
    let files = world.files().await.unwrap();
    assert!(
        files
            .keys()
            .any(|name| name.starts_with("payments-votes.db"))
    );
}

#[tokio::test]
async fn every_script_in_a_folder_of_migrations_is_run() {
    let world = World::start().await.unwrap();
    let engine = if world.engines().is_some() {
        "postgres"
    } else {
        "sqlite"
    };

    for name in [
        "challenge-bypass",
        "payments-orders",
        "payments-votes",
        "tally",
    ] {
        let folder = format!("../../migrations/{name}/{engine}");
        let scripts = fs::read_dir(folder).unwrap().count();
        let mut database = world.stores().open(&format!("{name}.db")).await.unwrap();
        let run = database
            .number("SELECT COUNT(*) FROM _sqlx_migrations")
            .await
            .unwrap();
        assert_eq!(run, scripts as u64, "{name}");
    }
}
