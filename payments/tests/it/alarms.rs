//! What an operator's machines see of trouble with the registry and with the directory key.

use messages::problem::Slug;
use sqlx::Connection as _;

use crate::house::{House, WALLET, vote};

/// A registry whose counters were set back by `statement` after four tokens of a key were spent.
async fn house_whose_registry(statement: &'static str) -> House {
    let mut house = House::start().await;
    let tokens = house.tokens(WALLET, 4).await;
    let taken = house.post("/v1/votes", &vote("example.com", &tokens)).await;
    assert_eq!(taken.status, 200);
    house.stop_challenge_bypass().await;
    let file = house.layout.file("challenge-bypass.db");
    let url = format!("sqlite:{}", file.display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(statement).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    house.start_challenge_bypass().await;
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_cannot_be_trusted_raises_an_alarm_at_payments_and_at_its_own_service() {
    for (statement, slug) in [
        (
            "UPDATE issuer_keys SET redeemed_total = 0",
            Slug::RegistryBehind,
        ),
        (
            "UPDATE issuer_keys SET signed_total = redeemed_total - 1 WHERE redeemed_total > 0",
            Slug::RegistryInconsistent,
        ),
    ] {
        let house = house_whose_registry(statement).await;
        let tokens = house.tokens(WALLET, 1).await;

        let refused = house.post("/v1/votes", &vote("example.org", &tokens)).await;

        assert_eq!(refused.slug(), Some(slug));
        assert_eq!(refused.headers["retry-after"], "120");
        let metrics = house.admin("/metrics").await;
        let metrics = String::from_utf8(metrics.body).unwrap();
        for name in [slug.as_str(), "registry"] {
            let alarm = format!(r#"blindtally_alarm{{name="{name}"}} 1"#);
            assert!(metrics.contains(&alarm), "{alarm} in {metrics}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_key_that_was_replaced_without_naming_the_old_one_raises_an_alarm() {
    let mut house = House::start().await;
    assert_eq!(house.admin("/readyz").await.status, 200);
    house.stop_payments().await;
    let key = house.layout.pki().secret("payments-directory");
    std::fs::remove_file(key.path()).unwrap();
    key.create_key().unwrap();
    house.start_payments().await;

    let minute = chrono::TimeDelta::minutes(1);
    house.simulation.run_for(minute).await;

    assert_eq!(house.admin("/readyz").await.status, 503);
    let metrics = String::from_utf8(house.admin("/metrics").await.body).unwrap();
    let alarm = r#"blindtally_alarm{name="directory-key"} 1"#;
    assert!(metrics.contains(alarm), "{metrics}");
}
