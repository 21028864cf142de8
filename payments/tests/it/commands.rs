//! What an operator asks for on the command line.

use std::process::{Command, Output};

use ed25519_dalek::VerifyingKey;
use messages::{FundingSource, directory::Directory, encoding::Fixed};
use serde_json::Value;

use crate::{
    house::Wish,
    shop::{Shop, amount},
};

pub(crate) fn run(shop: &Shop, words: &[&str]) -> Output {
    let file = |name: &str| shop.house.layout.file(name).display().to_string();
    let secrets = &shop.config.secrets;
    let root = &secrets.sku_root_files[0];
    Command::new(env!("CARGO_BIN_EXE_payments"))
        .args(words)
        .env(
            "PAYMENTS__ORDERS_DATABASE__URL",
            format!("sqlite:{}", file("payments-orders.db")),
        )
        .env(
            "PAYMENTS__VOTES_DATABASE__URL",
            format!("sqlite:{}", file("payments-votes.db")),
        )
        .env("PAYMENTS__EVENT_LOG__URL", shop.house.layout.event_log())
        .arg("--secrets-sku-root-files")
        .arg(format!("[\"{}\"]", root.path().display()))
        .arg("--secrets-directory-key-file")
        .arg(secrets.directory_key_file.path())
        .output()
        .unwrap()
}

pub(crate) fn printed(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_minted_sku_token_sells() {
    let shop = Shop::open().await;

    let minted = printed(run(&shop, &["sku", "mint", "user-wallet-vote"]));

    assert_eq!(minted.trim_end(), shop.sku(FundingSource::UserWallet));
    assert!(!run(&shop, &["sku", "mint", "nothing"]).status.success());
}

#[tokio::test]
async fn the_directory_key_that_is_printed_has_signed_the_heads() {
    let shop = Shop::open().await;

    let printed = printed(run(&shop, &["directory-key"]));

    let key: Fixed<32> = printed.trim_end().parse().unwrap();
    let key = VerifyingKey::from_bytes(key.as_bytes()).unwrap();
    let directory: Directory = shop.house.get("/v1/key-directory").await.read(200);
    assert!(!directory.heads.is_empty());
    assert!(directory.heads.iter().all(|head| head.is_signed_by(&key)));
}

#[tokio::test]
async fn the_report_lists_what_pays_for_nothing() {
    let shop = Shop::open().await;
    let (bought, ..) = shop.buy_all(40).await;
    let more = shop
        .transfer("uphold", &bought, |body| body["amount"] = "3".into())
        .await;
    assert_eq!(shop.name("uphold", &bought, more).await.status, 201);

    let report: Value = serde_json::from_str(&printed(run(&shop, &["report", "--json"]))).unwrap();
    let text = printed(run(&shop, &["report"]));

    assert_eq!(report["orders"]["fulfilled"], 1);
    assert_eq!(report["transfers"]["completed"], 2);
    assert_eq!(report["funds"][0]["received"], "10");
    assert_eq!(report["funds"][0]["votesSold"], 40);
    let surplus = &report["surplus"][0];
    assert_eq!(surplus["amount"].as_str().map(amount), Some(amount("3")));
    assert_eq!(
        (&surplus["reason"], &surplus["orderId"]),
        (&"overpaid".into(), &bought.order.id.to_string().into())
    );
    assert_eq!(surplus["externalId"], more.to_string());
    assert!(
        text.contains(&more.to_string()) && text.contains("1 rows, 3 in all"),
        "{text}"
    );

    assert_eq!(report["unresolved"], serde_json::json!([]));
    let row = surplus["id"].as_str().unwrap();
    assert!(text.contains(row), "{text}");
    let order = bought.order.id.to_string();
    let whole = run(&shop, &["surplus", "returned", &order]);
    assert!(!whole.status.success(), "an order may have several rows");
    let settled = printed(run(&shop, &["surplus", "returned", row]));
    assert_eq!(settled, "The row is settled.\n");
    let again = run(&shop, &["surplus", "returned", row]);
    assert!(!again.status.success());
}

#[tokio::test]
async fn the_report_lists_what_may_still_arrive_for_orders_that_wait_for_nothing() {
    let shop = Shop::open().await;
    let (bought, ..) = shop.buy_all(40).await;
    let never = shop.house.clock.now() + chrono::TimeDelta::days(900);
    let more = shop
        .transfer("uphold", &bought, |body| {
            body["completesAt"] = serde_json::json!(never);
        })
        .await;
    assert_eq!(shop.name("uphold", &bought, more).await.status, 201);

    let report: Value = serde_json::from_str(&printed(run(&shop, &["report", "--json"]))).unwrap();
    let text = printed(run(&shop, &["report"]));

    let unresolved = &report["unresolved"][0];
    assert_eq!(
        (&unresolved["status"], &unresolved["externalId"]),
        (&"pending".into(), &more.to_string().into())
    );
    assert_eq!(unresolved["orderId"], bought.order.id.to_string());
    assert!(text.contains("1 open transfers"), "{text}");
    assert!(text.contains(&more.to_string()), "{text}");
}

#[tokio::test]
async fn an_operator_has_it_asked_what_became_of_open_transfers() {
    let mut wish = Wish::default();
    wish.settings
        .push(("retention.partly_paid_order_days", "3".to_owned()));
    let mut shop = Shop::with(wish).await;
    let (bought, ..) = shop.buy_all(40).await;
    let mut later = Vec::new();
    for days in [5, 900] {
        let arrives = shop.house.clock.now() + chrono::TimeDelta::days(days);
        let more = shop.transfer("uphold", &bought, |body| {
            body["completesAt"] = serde_json::json!(arrives);
        });
        later.push(more.await);
    }
    for id in later {
        assert_eq!(shop.name("uphold", &bought, id).await.status, 201);
    }
    shop.house
        .simulation
        .run_for(chrono::TimeDelta::days(6))
        .await;
    let listed = || -> Value {
        let report = printed(run(&shop, &["report", "--json"]));
        serde_json::from_str(&report).unwrap()
    };
    let report = listed();
    assert_eq!(report["unresolved"].as_array().unwrap().len(), 2);

    let config = shop.config.clone();
    payments::commands::ask(&config, shop.house.clock.clone())
        .await
        .unwrap();

    let report = listed();
    assert_eq!(report["unresolved"].as_array().unwrap().len(), 1);
    assert_eq!(report["surplus"].as_array().unwrap().len(), 1);
    assert_eq!(report["surplus"][0]["reason"], "overpaid");
}
