//! SIGKILL of any service at random instants, under load: the services' own programs, with their settings in
//! files, on the real clock. Then all books are laid next to each other and next to what the browsers did,
//! and the month is closed on what is left.

use std::{path::Path, time::Duration};

use blindtally::system::{Engines, Layout, ServiceName, System, settlement};
use chrono::{Datelike as _, Months, TimeDelta};
use client::transport::Request;
use clock::Clock;
use messages::money::Amount;
use rand::{rngs::StdRng, seq::SliceRandom as _};
use serde_json::Value;
use test_kit::{Stores, books::Books, fleet::Setup, world};

use super::{
    figures::Figures,
    scene::{Scene, Settled, asked, say_what_browsers_did, several, verify_ledger},
};

/// How many kills there are; `./test long` asks for more.
const KILLS: u64 = 30;

/// See [`KILLS`].
pub(super) const KILLS_VARIABLE: &str = "BLINDTALLY_KILLS";

/// A kill comes at a random instant within so many milliseconds after the restart before it.
const PAUSE_MILLIS_MAX: u64 = 900;

/// What is lost stays lost: the controls wait no longer than this, in which the next minute publishes what waits.
const SHOWN_WITHIN: Duration = Duration::from_secs(100);

/// Where a fault is planted, browsers buy and vote so often. The first purchases take them a moment.
const UNHURT: Duration = Duration::from_secs(4);

/// All services, in an order that nobody chose.
fn victims(random: &mut StdRng) -> [ServiceName; 4] {
    let mut victims = ServiceName::ALL;
    victims.shuffle(random);
    victims
}

/// All the money that arrived at payments' addresses.
async fn arrived(layout: &Layout) -> Amount {
    let custodian = layout.transport(ServiceName::SandboxCustodian).unwrap();
    let request = Request::get("/sandbox/balances");
    let answer = custodian.send(&request).await.unwrap();
    let all: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(all["conserved"], true);
    let addresses = [
        settlement::UPHOLD,
        settlement::GEMINI,
        settlement::ANONYMOUS_CARD,
    ];
    let amounts = addresses.iter().map(|address| {
        let amount = all["balances"][address]["BAT"].as_str().unwrap_or("0");
        amount.parse::<Amount>().unwrap()
    });
    amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap())
}

/// Starts the system again on what the fleet left, on a calendar that goes on from now, until the month is
/// closed and its last funds are known.
async fn close_the_month(dir: &Path, engines: Option<&Engines>) {
    let mut profile = world::profile();
    if let Some(engines) = engines {
        profile = engines.serve(profile).unwrap();
    }
    let now = Clock::system().now();
    let (clock, mut simulation) = Clock::simulated(now);
    let system = System::start(dir, profile, clock).await.unwrap();
    let next_month = now.with_day(1).unwrap() + Months::new(1);
    simulation.run_until(next_month + TimeDelta::days(5)).await;
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_any_service_at_any_instant_loses_nothing_and_counts_nothing_twice() {
    let mut scene = Scene::start(several()).await;
    while scene.figures.kills < asked(KILLS_VARIABLE, KILLS) {
        for victim in victims(&mut scene.random) {
            scene.pause(PAUSE_MILLIS_MAX).await;
            scene.kill(victim).await;
        }
    }

    let mut settled = scene.settle().await;
    assert_eq!(arrived(settled.fleet.layout()).await, settled.done.paid);
    settled.fleet.stop().await.unwrap();
    let data = settled.fleet.layout().dir().to_owned();
    close_the_month(&data, settled.fleet.engines()).await;
    verify_ledger(&settled.fleet).await;
    compare_all(&data, &settled).await;
}

/// Lays all books next to each other.
async fn compare_all(data: &Path, settled: &Settled) {
    let stores = Stores::of(data, settled.fleet.engines());
    let books = Books::read(&stores).await.unwrap();
    say_what_browsers_did(&books, &settled.done);
    let closed = &books.closed;
    let accepted = settled.figures.accepted;
    assert_eq!((closed.votes, closed.left_waiting), (accepted, 0));
    assert_eq!(closed.amount, settled.done.paid);
    let paid_out = closed.payouts.checked_add(closed.fees);
    assert_eq!(paid_out, Some(closed.amount));
}

/// The balance of a fleet that nobody hurts, with a fault planted in one of its files.
async fn figures_with(database: &str, fault: &'static str) -> Figures {
    let setup = Setup {
        on_files: true,
        ..Setup::default()
    };
    let scene = Scene::start(setup).await;
    let stores = Stores::of(scene.fleet.layout().dir(), None);
    let mut tampered = stores.open(database).await.unwrap();
    tampered.run(fault).await.unwrap();
    drop(tampered);
    tokio::time::sleep(UNHURT).await;
    scene.balance(SHOWN_WITHIN).await.figures
}

#[tokio::test(flavor = "multi_thread")]
async fn control_votes_that_are_accepted_and_not_published_are_missed() {
    let lose =
        "CREATE TRIGGER lose AFTER INSERT ON outbox WHEN substr(hex(NEW.id), 1, 1) < '8' BEGIN
        DELETE FROM outbox WHERE id = NEW.id; END";

    let figures = figures_with("payments-votes.db", lose).await;

    assert!(figures.counted > 0, "{figures}");
    assert!(figures.lost > 0, "{figures}");
    assert_eq!(figures.double, 0, "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_votes_that_are_counted_twice_are_seen() {
    let double = "CREATE TRIGGER double_first AFTER INSERT ON vote_pile BEGIN
            UPDATE vote_pile SET votes = votes + 1, waiting = waiting + 1
            WHERE (source, value, month, channel) = (NEW.source, NEW.value, NEW.month, NEW.channel); END";

    let figures = figures_with("tally.db", double).await;

    assert!(figures.double > 0, "{figures}");
    assert_eq!(figures.lost, 0, "{figures}");
}
