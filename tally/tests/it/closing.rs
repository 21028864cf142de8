//! Closing months (threat T18).

use messages::{FundingSource, avro::Record as _};
use serde_json::Value;
use tally::Rules;

use crate::app::{App, vote};

/// What a month's closing did, for one source.
async fn closing(app: &App, month: &str, source: &str) -> Value {
    let month = app.json(&format!("/v1/months/{month}")).await;
    let totals = month.pointer("/totals").unwrap().as_array().unwrap();
    let of = totals
        .iter()
        .find(|total| total.pointer("/fundingSource").unwrap() == source);
    of.map(|total| total.pointer("/closing").unwrap().clone())
        .unwrap_or_default()
}

async fn state(app: &App, month: &str) -> Value {
    app.json(&format!("/v1/months/{month}"))
        .await
        .pointer("/state")
        .cloned()
        .unwrap()
}

#[tokio::test]
async fn a_month_closes_after_its_grace_and_is_split_to_the_last_unit() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 5).await;
    app.vote(2, "example.org", 2).await;
    app.settle().await;
    assert_eq!(state(&app, "2026-01").await, "open");
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;

    app.until("2026-02-04T01:00:00Z").await;
    assert_eq!(state(&app, "2026-01").await, "closing");
    app.until("2026-02-04T02:00:00Z").await;

    assert_eq!(state(&app, "2026-01").await, "closed");
    let closing = closing(&app, "2026-01", "user-wallet").await;
    assert_eq!(
        (&closing["amount"], &closing["fee"]),
        (&"1.75".into(), &"0.0875".into())
    );
    let payouts = app.json("/v1/months/2026-01/payouts").await;
    let amounts: Vec<_> = payouts["payouts"].as_array().unwrap().iter().collect();
    assert_eq!(amounts[0]["amount"], "1.1875");
    assert_eq!(amounts[1]["amount"], "0.475");
}

/// T18: closing on incomplete funds.
#[tokio::test]
async fn a_month_waits_for_the_funds_of_every_source() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.funds("2026-01-30", [("0", 0, 0), ("10", 40, 40)]).await;
    app.until("2026-02-05T00:00:00Z").await;
    assert_eq!(state(&app, "2026-01").await, "closing");

    // One of the two sources is not enough.
    let wallet = crate::app::funds("2026-02-04", FundingSource::UserWallet, "10", 40, 40);
    app.publish(&app.topics.funds, "user-wallet", wallet.encode())
        .await;
    app.until("2026-02-06T12:00:00Z").await;
    assert_eq!(state(&app, "2026-01").await, "closing");

    let card = crate::app::funds("2026-02-04", FundingSource::AnonymousCard, "0", 0, 0);
    app.publish(&app.topics.funds, "anonymous-card", card.encode())
        .await;
    app.until("2026-02-07T12:00:00Z").await;
    assert_eq!(state(&app, "2026-01").await, "closed");
}

/// T18, control: with the rule planted away, the month closes on what was known on an earlier day.
#[tokio::test]
async fn control_without_the_rule_a_month_closes_on_incomplete_funds() {
    let rules = Rules {
        funds_cover: |_, _| true,
        ..Rules::default()
    };
    let mut app = App::with(rules).await;
    app.vote(1, "example.com", 4).await;
    app.funds("2026-01-02", [("0", 0, 0), ("10", 40, 40)]).await;

    app.until("2026-02-05T00:00:00Z").await;

    assert_eq!(state(&app, "2026-01").await, "closed");
}

/// T18: somebody writes votes to the topic that no token stands behind, for a source without money.
async fn votes_without_tokens(rules: Rules) -> (Value, Value) {
    let mut app = App::with(rules).await;
    app.vote(1, "example.com", 8).await;
    let day = "2026-01-01".parse().unwrap();
    let forged = vote(2, day, "example.org", 400, FundingSource::UserWallet);
    app.publish(&app.topics.vote, "a", forged.encode()).await;
    let forged = vote(3, day, "example.org", 400, FundingSource::AnonymousCard);
    app.publish(&app.topics.vote, "b", forged.encode()).await;
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 8)]).await;
    app.until("2026-02-05T00:00:00Z").await;
    (
        closing(&app, "2026-01", "user-wallet").await,
        closing(&app, "2026-01", "anonymous-card").await,
    )
}

#[tokio::test]
async fn no_more_votes_are_split_than_tokens_were_redeemed_nor_from_another_sources_money() {
    let (wallet, card) = votes_without_tokens(Rules::default()).await;

    assert_eq!(
        (&wallet["votes"], &wallet["leftWaiting"]),
        (&8.into(), &400.into())
    );
    assert_eq!(wallet["amount"], "2");
    assert_eq!((&card["votes"], &card["amount"]), (&0.into(), &"0".into()));
}

/// T18, control: with the caps planted away, votes without tokens and without money are paid.
#[tokio::test]
async fn control_without_the_caps_forged_votes_are_paid() {
    let rules = Rules {
        votes_to_split: |waiting, _, _| waiting,
        ..Rules::default()
    };

    let (wallet, card) = votes_without_tokens(rules).await;

    assert_eq!(wallet["amount"], "102");
    assert_eq!(card["amount"], "100");
}

#[tokio::test]
async fn a_late_vote_counts_in_the_open_month() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;
    app.until("2026-02-04T02:00:00Z").await;

    let day = "2026-01-31".parse().unwrap();
    let late = vote(2, day, "example.com", 3, FundingSource::UserWallet);
    app.publish(&app.topics.vote, "a", late.encode()).await;
    app.settle().await;

    let february = app.json("/v1/months/2026-02").await;
    assert_eq!(february["totals"][0]["votes"], 3);
}
