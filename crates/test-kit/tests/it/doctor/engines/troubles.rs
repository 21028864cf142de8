//! Running services whose broker or database server is lost, or whose certificates, or the other side's, are no good: what is
//! wrong is told, and when it is right again all goes on without a restart. Each test has an engine of its own.

mod broker;
mod measured;
mod server;

use std::{fs, time::Duration};

use blindtally::system::ServiceName;
use chrono::TimeDelta;
use client::{browser::Interest, transport::Request};
use http::StatusCode;
use messages::{FundingSource, vote_text::VoteType};
use service_kit::engines::own::Own;
use tempfile::TempDir;
use test_kit::{World, totals::Totals};
use tokio::{sync::Mutex, time::timeout};

use super::super::{
    PAYMENTS,
    running::{Watch, is_ready},
};

/// The publisher of all votes.
const PUBLISHER: &str = "example.com";

/// How many tokens those have.
const TOKENS: u32 = 8;

/// For so long jobs try in vain. The calendar stands still meanwhile, as the first that tries goes on for longer.
const IN_VAIN: Duration = Duration::from_secs(3);

/// Whatever failed is tried again, and published and counted, within so much time on the calendar.
const COUNTED_WITHIN: TimeDelta = TimeDelta::hours(2);

/// Whoever goes on with what it had before needs more: each call gives up after 20 s, and is repeated.
const GONE_ON_WITHIN: Duration = Duration::from_mins(1);

/// What a machine of its own has of somebody's certificates: others than those that are shown to it.
struct Files(TempDir);

impl Files {
    fn of(own: &Own, principals: &[&str]) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.trust(own);
        for principal in principals {
            files.show(own, principal, principal);
        }
        files
    }

    /// From now on the authority is the one that `own` has now.
    fn trust(&self, own: &Own) {
        fs::copy(own.file("ca.pem"), self.0.path().join("ca.pem")).unwrap();
    }

    /// From now on `principal` comes with the certificate that `other` has now.
    fn show(&self, own: &Own, principal: &str, other: &str) {
        for kind in ["crt", "key"] {
            let shown = self.0.path().join(format!("{principal}.{kind}"));
            fs::copy(own.file(&format!("{other}.{kind}")), shown).unwrap();
        }
    }
}

/// Requests with votes that nobody has sent yet. Their browser would send them on other days.
async fn votes(world: &mut World) -> Vec<Request> {
    let bought = world.buy("ada", FundingSource::UserWallet, TOKENS).await;
    let mut browser = bought.unwrap();
    let interest = Interest {
        publisher: PUBLISHER.parse().unwrap(),
        attention: 1,
    };
    let planned = browser
        .plan_votes(&[interest], VoteType::AutoContribute)
        .await;
    assert!(planned.unwrap().is_empty(), "no tokens are held");
    let votes = browser.wallet().state.votes.iter();
    let request = |body: &String| Request::post("/v1/votes", body.clone().into_bytes());
    votes.map(|vote| request(&vote.body)).collect()
}

/// While all is well: votes that nobody has sent yet, and whoever will look at what `users` say of the trouble.
async fn begin(
    world: &mut World,
    alone: &'static Mutex<()>,
    users: &[ServiceName],
) -> (Vec<Request>, Watch) {
    let votes = votes(world).await;
    let watch = Watch::begin(alone).await;
    are_ready(world, users).await;
    (votes, watch)
}

/// What payments answers to each of these votes.
async fn answers(world: &World, votes: &[Request]) -> Vec<StatusCode> {
    let mut answers = Vec::new();
    for vote in votes {
        answers.push(world.send(PAYMENTS, vote).await.unwrap().status);
    }
    answers
}

async fn are_accepted(world: &World, votes: &[Request]) {
    assert_eq!(
        answers(world, votes).await,
        vec![StatusCode::OK; votes.len()]
    );
}

/// Lets jobs run into what is broken.
async fn try_in_vain(world: &mut World) {
    let tried = timeout(IN_VAIN, world.run_for(COUNTED_WITHIN)).await;
    assert!(tried.is_err(), "nothing was in the way");
}

/// All tokens are published and counted, each once.
async fn are_counted(world: &mut World, votes: &[Request]) {
    let gone_on = timeout(GONE_ON_WITHIN, world.run_for(COUNTED_WITHIN)).await;
    gone_on.expect("jobs do not go on failing");
    let totals = Totals::read(world.layout(), &[PUBLISHER.to_owned()]).await;
    let totals = totals.unwrap();
    assert_eq!((totals.events, totals.repeats), (votes.len() as u64, 0));
    let tokens = u64::from(TOKENS);
    assert_eq!(
        (totals.published, totals.counted_in_all()),
        (tokens, tokens)
    );
}

async fn are_ready(world: &World, services: &[ServiceName]) {
    for service in services {
        is_ready(world, *service).await;
    }
}

/// All services say that the check fails that each has, and `what`.
async fn are_told(watch: &Watch, world: &World, checks: &[(ServiceName, &str)], what: &str) {
    for (service, check) in checks {
        watch.is_told(world, *service, (check, what)).await;
    }
}
