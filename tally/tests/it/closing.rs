//! Closing months (threat T18).

use std::time::Duration;

use messages::{FundingSource, avro::Record as _};
use serde_json::Value;
use service_kit::lease::{Claim, Holder};
use tally::{Config, Rules, closer::NotYet, store::Place};

use crate::app::{App, funds, vote};

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

/// What is read only once a week is read before a closing, too.
#[tokio::test]
async fn a_closing_reads_to_the_end_of_the_log_first() {
    let weekly = |config: &mut Config| config.event_log.poll_seconds = 7 * 24 * 3_600;
    let mut app = App::with_settings(weekly, Rules::default()).await;
    app.until("2026-01-31T12:00:00Z").await;
    app.vote(1, "example.com", 5).await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;

    app.until("2026-02-04T02:00:00Z").await;

    assert_eq!(state(&app, "2026-01").await, "closed");
    assert_eq!(closing(&app, "2026-01", "user-wallet").await["votes"], 5);
}

#[tokio::test]
async fn no_month_closes_while_another_process_reads() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 5).await;
    app.until("2026-02-04T01:00:00Z").await;
    app.stop().await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;
    let parts = tally::open(&app.config(), &app.deps(Rules::default()))
        .await
        .unwrap();
    let mut leases = Vec::new();
    for partition in 0..3 {
        let place = Place {
            topic: app.topics.funds.clone(),
            partition,
        };
        let claim = Claim::now(Holder::random(), Duration::from_mins(1));
        let (lease, _) = parts.store.claim(&place, claim).await.unwrap().unwrap();
        leases.push(lease);
    }
    app.until("2026-02-04T02:00:00Z").await;

    let held = parts.closer.close_due().await.unwrap();
    for lease in &leases {
        parts.store.release(lease).await.unwrap();
    }
    let free = parts.closer.close_due().await.unwrap();

    assert_eq!(held, (Vec::new(), NotYet::OthersRead));
    assert_eq!(free.0, ["2026-01".parse().unwrap()]);
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
    let wallet = funds("2026-02-04", FundingSource::UserWallet, "10", 40, 40);
    app.publish(&app.topics.funds, "user-wallet", wallet.encode())
        .await;
    app.until("2026-02-06T12:00:00Z").await;
    assert_eq!(state(&app, "2026-01").await, "closing");

    let card = funds("2026-02-04", FundingSource::AnonymousCard, "0", 0, 0);
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

/// What was sold of a key that was revoked belongs to nobody yet: it is kept where it can be found.
#[tokio::test]
async fn the_rest_of_a_revoked_key_is_moved_to_an_account_with_its_name() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 8).await;
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-30", [("0", 0, 0), ("0", 0, 0)]).await;
    let mut revoked = funds("2026-01-31", FundingSource::UserWallet, "10", 40, 8);
    "2026-01-20T00:00:00Z".clone_into(&mut revoked.keys[0].redeem_until);
    revoked.keys[0].revoked = true;
    let key = revoked.keys[0].key_id.clone();
    let card = funds("2026-01-31", FundingSource::AnonymousCard, "0", 0, 0);
    for (source, record) in [("user-wallet", &revoked), ("anonymous-card", &card)] {
        app.publish(&app.topics.funds, source, record.encode())
            .await;
    }

    app.until("2026-02-04T02:00:00Z").await;

    assert_eq!(state(&app, "2026-01").await, "closed");
    let entries = app.json("/v1/ledger/entries").await;
    let entries = entries["entries"].as_array().unwrap();
    let account = format!("revoked:{key}");
    let moved: Vec<_> = entries
        .iter()
        .filter(|row| row["credit"] == *account)
        .collect();
    assert_eq!(moved.len(), 1, "{entries:?}");
    assert_eq!(
        (&moved[0]["debit"], &moved[0]["amount"]),
        (&"pool:user-wallet".into(), &"8".into())
    );
}

/// A price has changed: the old line's vote waits for a redemption that nobody will report.
#[tokio::test]
async fn a_line_that_is_reported_no_more_holds_no_month() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 0)]).await;
    app.until("2026-03-01T00:40:00Z").await;
    assert_eq!(state(&app, "2026-01").await, "closed");
    let mut wallet = funds("2026-02-28", FundingSource::UserWallet, "0", 0, 0);
    wallet.base_vote_value = "0.5".parse().unwrap();
    let card = funds("2026-02-28", FundingSource::AnonymousCard, "0", 0, 0);
    for (source, record) in [("user-wallet", &wallet), ("anonymous-card", &card)] {
        let topic = &app.topics.funds;
        app.publish(topic, source, record.encode()).await;
    }

    app.until("2026-03-04T02:00:00Z").await;

    let february = app.json("/v1/months/2026-02").await;
    assert_eq!(february["state"], "closed");
    let publisher = app.json("/v1/publishers/example.com").await;
    assert_eq!(publisher["pending"][0]["votes"], 4);
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
