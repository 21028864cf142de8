//! A ledger of somebody else, in another language, reads the topic of votes on a real broker.

use std::{collections::BTreeMap, path::Path};

use blindtally::system::ServiceName;
use chrono::TimeDelta;
use client::transport::Request;
use messages::FundingSource;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use service_kit::engines;
use test_kit::World;
use tokio::process::Command;

const CHANNELS: [&str; 3] = ["example.com", "example.org", "github#user:someone"];

/// Tokens by channel and funding source.
type Votes = BTreeMap<String, BTreeMap<String, u64>>;

/// What `deploy/eyeshade/totals.mjs` prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Totals {
    events: u64,
    repeats: u64,
    votes: Votes,
}

/// Runs the foreign program as `principal`.
async fn foreign(world: &World, principal: &str) -> std::process::Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let certificates = engines::folder().join("certificates");
    let used = world.engines().unwrap();
    let environment = used.environment();
    let mut program = Command::new("node");
    program
        .arg(root.join("deploy/eyeshade/totals.mjs"))
        .args(["--brokers", used.brokers()])
        .arg("--ca")
        .arg(certificates.join("ca.pem"))
        .arg("--certificate")
        .arg(certificates.join(format!("{principal}.crt")))
        .arg("--key")
        .arg(certificates.join(format!("{principal}.key")))
        .args(["--topic", &format!("{environment}.payment.vote")])
        .arg("--schema")
        .arg(root.join("crates/messages/schemas/vote.avsc"))
        .args(["--group", &format!("{environment}.eyeshade")]);
    program.output().await.unwrap()
}

/// What tally counted.
async fn counted(world: &World) -> Votes {
    let mut votes = Votes::new();
    for channel in CHANNELS {
        let path = format!(
            "/v1/publishers/{}",
            channel.replace('#', "%23").replace(':', "%3A")
        );
        let mut request = Request::get(path);
        let token = world.layout().tally_token().unwrap();
        request.authorization = Some(format!("Bearer {}", token.expose_secret()));
        let answer = world.send(ServiceName::Tally, &request).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let of_channel = votes.entry(channel.to_owned()).or_default();
        for pending in body["pending"].as_array().unwrap() {
            let source = pending["fundingSource"].as_str().unwrap().to_owned();
            *of_channel.entry(source).or_default() += pending["votes"].as_u64().unwrap();
        }
    }
    votes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_ledger_adds_up_the_same_totals_as_tally() {
    let mut world = World::start().await.unwrap();
    for (name, source, quantity) in [
        ("ada", FundingSource::UserWallet, 40),
        ("bob", FundingSource::AnonymousCard, 20),
        ("eve", FundingSource::UserWallet, 8),
    ] {
        let mut browser = world.buy(name, source, quantity).await.unwrap();
        let interests = CHANNELS.map(|channel| (channel, 1));
        world.vote(&mut browser, &interests).await.unwrap();
    }
    world.run_for(TimeDelta::hours(3)).await;

    let output = foreign(&world, "eyeshade").await;

    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{shown}");
    let totals: Totals = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(totals.votes, counted(&world).await);
    let all = totals.votes.values().flat_map(BTreeMap::values);
    assert_eq!(all.sum::<u64>(), 68);
    assert!(totals.events >= 9 && totals.repeats == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_access_list_does_not_name_reads_no_votes() {
    let world = World::start().await.unwrap();

    for principal in ["stranger", "rogue"] {
        let output = foreign(&world, principal).await;
        assert_eq!(output.status.code(), Some(1), "{principal}");
        assert!(output.stdout.is_empty(), "{principal}");
    }
}
