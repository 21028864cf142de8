//! A browser against a server in memory that loses answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Mutex,
};

use async_trait::async_trait;
use chrono::{TimeDelta, TimeZone as _};
use clock::Simulation;
use http::StatusCode;
use messages::{FundingSource, money::Amount, vote_text::VoteType};
use uuid::Uuid;

use super::*;
use crate::{
    crash::Step,
    directory::rules::Refusal,
    payer::{Draft, Method, PayError},
    transport::TransportError,
    wallet::{Outcome, Stage},
};

mod fake;
mod times;
use fake::{Fake, Fault};

/// How many tokens the tests buy.
const QUANTITY: u32 = 40;

fn begin() -> (Clock, Simulation) {
    Clock::simulated(Utc.with_ymd_and_hms(2026, 1, 3, 12, 0, 0).unwrap())
}

fn settings(fake: &Arc<Fake>, clock: &Clock, crash_points: CrashPoints) -> Settings {
    Settings {
        name: "a browser".to_owned(),
        seed: 1,
        profile: Profile {
            anonymity_set_min: 0,
            ..Profile::default()
        },
        server: Arc::clone(fake) as Arc<dyn Transport>,
        witnesses: vec![Arc::clone(fake) as Arc<dyn Transport>],
        directory_key: Fake::directory_key(),
        clock: clock.clone(),
        crash_points,
    }
}

fn interests() -> Vec<Interest> {
    let publishers = ["example.com", "example.org", "github#user:someone"];
    let interest = |name: &&str| Interest {
        publisher: name.parse().unwrap(),
        attention: 3,
    };
    publishers.iter().map(interest).collect()
}

/// An account whose transfers arrive at once.
#[derive(Default)]
struct Purse(Mutex<Vec<Amount>>);

#[async_trait]
impl Payer for Purse {
    fn draft(&self, reference: Uuid, amount: Amount, currency: &str) -> Draft {
        Draft {
            reference,
            amount,
            currency: currency.to_owned(),
            method: Method::Gemini,
            recorded: false,
        }
    }

    async fn send(&self, draft: &Draft) -> Result<(), PayError> {
        self.0.lock().unwrap().push(draft.amount);
        Ok(())
    }
}

fn basket() -> Basket {
    Basket {
        source: FundingSource::AnonymousCard,
        sku: crate::sku::tests::token(&["sku=anon-card-vote", "price=0.25", "currency=BAT"]),
        quantity: QUANTITY,
        parts: 2,
    }
}

/// One life of a browser: it goes on with whatever its wallet holds.
async fn live(settings: Settings, path: &Path) -> Result<(), Error> {
    let mut browser = Browser::start(settings, Wallet::open(path).unwrap());
    if browser.wallet().state.purchases.is_empty() {
        browser.begin(basket())?;
    }
    browser.buy(0, &Purse::default()).await?;
    // What it is told of purchases that are held changes nothing: it keeps their tokens.
    let kind = VoteType::AutoContribute;
    while !browser.vote(&interests(), kind).await?.is_empty() {}
    Ok(())
}

/// Lives through a year, or until the browser is done.
async fn through<T>(mut simulation: Simulation, life: impl Future<Output = T>) -> T {
    let end = simulation.now() + TimeDelta::days(365);
    tokio::pin!(life);
    tokio::select! {
        // First the life, so that it counts as running before the calendar may move.
        biased;
        done = &mut life => done,
        () = simulation.run_until(end) => panic!("not done within a year"),
    }
}

fn counted(path: &Path) -> usize {
    let state = Wallet::read(path).unwrap();
    let votes = state.votes.iter();
    votes
        .filter(|vote| vote.outcome == Some(Outcome::Counted))
        .map(|vote| vote.tokens)
        .sum()
}

#[tokio::test]
async fn every_token_that_was_paid_for_is_counted_once() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");

    let life = live(settings(&fake, &clock, CrashPoints::default()), &path);
    through(simulation, life).await.unwrap();

    assert_eq!(counted(&path), 40);
    assert_eq!(fake.counted(), 40);
    assert_eq!(fake.paid("0.25").len(), 2, "in two parts");
}

#[tokio::test]
async fn lost_answers_change_no_count_and_repeats_are_the_same_bytes() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    fake.plant(Fault::LoseEveryThirdAnswer);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");

    let life = live(settings(&fake, &clock, CrashPoints::default()), &path);
    through(simulation, life).await.unwrap();

    assert_eq!((counted(&path), fake.counted()), (40, 40));
    assert_eq!(fake.orders(), 1);
    assert!(fake.repeats() > 0, "the test loses answers of votes");
}

#[tokio::test]
async fn a_browser_that_dies_after_any_step_goes_on_from_its_wallet() {
    for step in Step::OF_VOTES {
        let (clock, simulation) = begin();
        let fake = Arc::new(Fake::new(&clock));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet.json");
        let deaths = Arc::new(Mutex::new(0));
        let dies = {
            let deaths = Arc::clone(&deaths);
            CrashPoints::new(move |at| {
                let mut deaths = deaths.lock().unwrap();
                let dies = at == step && *deaths < 2;
                *deaths += i32::from(dies);
                dies
            })
        };

        let lives = async {
            while let Err(error) = live(settings(&fake, &clock, dies.clone()), &path).await {
                assert!(matches!(error, Error::Crashed(_)), "{step:?}: {error}");
            }
        };
        through(simulation, lives).await;

        assert_eq!((counted(&path), fake.counted()), (40, 40), "{step:?}");
        assert_eq!(fake.orders(), 1, "{step:?}");
        assert!(*deaths.lock().unwrap() > 0, "{step:?} is never reached");
    }
}

#[tokio::test]
async fn tokens_under_a_key_that_only_this_browser_is_shown_are_refused() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    fake.plant(Fault::OwnKey);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");

    let life = live(settings(&fake, &clock, CrashPoints::default()), &path);
    let refused = through(simulation, life).await.unwrap_err();

    assert!(matches!(refused, Error::Key(None)), "{refused}");
    assert_eq!(fake.counted(), 0);
}

#[tokio::test]
async fn tokens_of_another_issuer_or_a_cheaper_one_are_refused_and_not_stored() {
    for fault in [Fault::OtherIssuer, Fault::CheaperKey] {
        let (clock, simulation) = begin();
        let fake = Arc::new(Fake::new(&clock));
        fake.plant(fault);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet.json");

        let life = live(settings(&fake, &clock, CrashPoints::default()), &path);
        let refused = through(simulation, life).await.unwrap_err();

        assert!(
            matches!(refused, Error::Key(Some(Refusal::NotBought))),
            "{refused}"
        );
        let state = Wallet::read(&path).unwrap();
        assert!(matches!(state.purchases[0].stage, Stage::Signing { .. }));
    }
}

#[tokio::test]
async fn no_order_is_sent_before_a_witness_has_seen_the_key() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    let mut alone = settings(&fake, &clock, CrashPoints::default());
    alone.witnesses.clear();

    let refused = through(simulation, live(alone, &path)).await;

    assert!(matches!(refused, Err(Error::Waited(_))));
    assert_eq!(fake.orders(), 0);
}

#[tokio::test]
async fn a_price_above_the_tokens_value_is_not_paid() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    fake.sell_for("0.26");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");

    let life = live(settings(&fake, &clock, CrashPoints::default()), &path);
    let refused = through(simulation, life).await;

    assert!(matches!(refused, Err(Error::Order)));
    assert!(fake.paid("0.26").is_empty());
}

#[tokio::test]
async fn a_vote_that_is_refused_for_good_is_not_sent_again() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    fake.plant(Fault::RefuseVotes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");

    let life = live(settings(&fake, &clock, CrashPoints::default()), &path);
    through(simulation, life).await.unwrap();

    let wallet = Wallet::open(&path).unwrap();
    let refused = Some(Outcome::Refused {
        status: 409,
        slug: Some("token-already-redeemed".to_owned()),
    });
    assert!(
        wallet
            .state
            .votes
            .iter()
            .all(|vote| vote.outcome == refused)
    );
    assert_eq!((counted(&path), fake.repeats()), (0, 0));
}

#[tokio::test]
async fn a_transfer_that_failed_is_made_up_for_by_the_next_one() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    fake.plant(Fault::FailFirstTransfer);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    let purse = Purse::default();
    let life = async {
        let settings = settings(&fake, &clock, CrashPoints::default());
        let mut browser = Browser::start(settings, Wallet::open(&path).unwrap());
        let purchase = browser.begin(basket())?;
        browser.buy(purchase, &purse).await
    };

    through(simulation, life).await.unwrap();

    let halves_and_all: Vec<Amount> = ["5", "10"].map(|text| text.parse().unwrap()).into();
    assert_eq!(*purse.0.lock().unwrap(), halves_and_all);
}

#[tokio::test]
async fn tokens_wait_until_the_crowd_is_large_enough() {
    let (clock, simulation) = begin();
    let fake = Arc::new(Fake::new(&clock));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    let mut patient = settings(&fake, &clock, CrashPoints::default());
    patient.profile.anonymity_set_min = 1_024;

    let life = live(patient, &path);
    through(simulation, life).await.unwrap();

    let wallet = Wallet::open(&path).unwrap();
    let stage = &wallet.state.purchases[0].stage;
    assert!(matches!(stage, Stage::Holding { .. }), "{stage:?}");
    assert_eq!(fake.counted(), 0);
}
