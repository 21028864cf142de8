//! SIGKILL of any service at random instants, under load: the services' own programs, with their settings in
//! files, on the real clock. Then all books are laid next to each other and next to what the browsers did,
//! and the month is closed on what is left.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use blindtally::system::{Layout, Profile, ServiceName, System, settlement};
use chrono::{Datelike as _, Months, TimeDelta};
use client::transport::Request;
use clock::Clock;
use messages::money::Amount;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::Value;
use test_kit::{
    Stores,
    books::Books,
    fleet::Fleet,
    load::{Done, Load, QUANTITY},
};

/// How many kills there are; `./test long` asks for more.
const KILLS: usize = 20;

/// See [`KILLS`].
const KILLS_VARIABLE: &str = "BLINDTALLY_KILLS";

/// Three ways to pay, three times.
const BROWSERS: usize = 9;

/// A kill comes at a random instant within so many milliseconds after the restart before it.
const PAUSE_MILLIS_MAX: u64 = 900;

/// Every other kill is followed by one within so many milliseconds after the start of the next process.
const AGAIN_MILLIS_MAX: u64 = 400;

/// What was accepted must be published and counted so soon after the last kill: slots are a minute apart.
const COUNTED_WITHIN: Duration = Duration::from_secs(100);

/// Where a fault is planted, browsers buy and vote so often. The first purchases take them a moment.
const UNHURT: Duration = Duration::from_secs(4);

fn kills() -> usize {
    let asked = std::env::var_os(KILLS_VARIABLE);
    asked.map_or(KILLS, |text| text.to_str().unwrap().parse().unwrap())
}

/// Which services die, in an order that nobody chose: each as often as the others.
fn victims(kills: usize, random: &mut StdRng) -> Vec<ServiceName> {
    let mut victims: Vec<_> = ServiceName::ALL.into_iter().cycle().take(kills).collect();
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

/// What became of the tokens of accepted votes.
#[derive(Debug, Default)]
struct Balance {
    accepted: u64,
    counted: u64,
    lost: u64,
    double: u64,
}

impl Balance {
    fn of(done: &Done, counted: &BTreeMap<String, u64>) -> Self {
        let mut balance = Self::default();
        for (channel, accepted) in &done.accepted {
            let counted = counted.get(channel).copied().unwrap_or(0);
            balance.accepted += accepted;
            balance.counted += counted;
            balance.lost += accepted.saturating_sub(counted);
            balance.double += counted.saturating_sub(*accepted);
        }
        balance
    }
}

/// Waits until everything is published and counted, or for as long as it may take.
async fn settle(fleet: &mut Fleet) -> Books {
    // What waits is published at the next slot, or by a payments that starts.
    fleet
        .kill_and_restart(ServiceName::Payments, None)
        .await
        .unwrap();
    let deadline = Instant::now() + COUNTED_WITHIN;
    loop {
        let books = Books::read(&Stores::of(fleet.layout().dir(), None))
            .await
            .unwrap();
        let settled = books.waiting == 0 && books.counted_in_all() >= books.published;
        if settled || Instant::now() > deadline {
            return books;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn kill_under_load(dir: &Path, kills: usize) -> (Fleet, Done) {
    let mut fleet = Fleet::start(&dir.join("data")).await.unwrap();
    let load = Load::start(fleet.layout(), dir, BROWSERS, &Clock::system());
    let mut random = StdRng::from_entropy();
    for victim in victims(kills, &mut random) {
        let pause = random.gen_range(0..PAUSE_MILLIS_MAX);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let again = random.gen_range(0..2 * AGAIN_MILLIS_MAX);
        let again = (again < AGAIN_MILLIS_MAX).then(|| Duration::from_millis(again));
        fleet.kill_and_restart(victim, again).await.unwrap();
    }
    let done = load.finish().await.unwrap();
    (fleet, done)
}

/// Starts the system again on what the fleet left, on a calendar that goes on from now, until the month is
/// closed and its last funds are known.
async fn close_the_month(dir: &Path) {
    let mut profile = Profile::demo();
    profile
        .payments
        .set("publication.publication_slots", r#"["06:10", "18:10"]"#)
        .set("publication.figures_interval_minutes", 240)
        .set("directory.directory_poll_minutes", 360);
    profile.tally.set("event_log.poll_seconds", 14_400);
    let now = Clock::system().now();
    let (clock, mut simulation) = Clock::simulated(now);
    let system = System::start(dir, profile, clock).await.unwrap();
    let next_month = now.with_day(1).unwrap() + Months::new(1);
    simulation.run_until(next_month + TimeDelta::days(5)).await;
    system.stop().await.unwrap();
}

/// What the ledger's own program says of it.
async fn verify_ledger(fleet: &Fleet) {
    let head = fleet.run(ServiceName::Tally, &["head"]).await.unwrap();
    assert!(head.status.success(), "{head:?}");
    let file = fleet.layout().file("kept-head.json");
    fs::write(&file, &head.stdout).unwrap();
    let command = ["verify", "--head", file.to_str().unwrap()];
    let verified = fleet.run(ServiceName::Tally, &command).await.unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

/// Whether every book says what the browsers did, no more and no less.
fn compare(books: &Books, done: &Done) {
    let tokens = done.purchases * u64::from(QUANTITY);
    // What was paid is what was sold, to the last base unit.
    assert_eq!(books.orders_paid, done.purchases);
    assert_eq!(books.received, done.paid);
    assert_eq!((books.sold, books.surplus_rows), (tokens, 0));
    // Whoever bought has its tokens: browsers outlive the services, so a crash leaves none behind.
    assert_eq!(books.signed, books.sold);
    // Every token was put on a vote, accepted, and taken once.
    let accepted: u64 = done.accepted.iter().map(|(_, tokens)| tokens).sum();
    assert_eq!(accepted, tokens);
    assert_eq!((books.redeemed, books.spent), (accepted, accepted));
    assert_eq!((books.votes, books.tokens_counted), (done.votes, accepted));
    // Every vote was published once, and counted once.
    assert_eq!((books.events, books.waiting), (books.votes, 0));
    assert_eq!((books.event_ids, books.published), (books.votes, accepted));
    let counted: BTreeMap<_, _> = done.accepted.iter().cloned().collect();
    assert_eq!(books.counted, counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_any_service_at_any_instant_loses_nothing_and_counts_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let kills = kills();

    let (mut fleet, done) = kill_under_load(dir.path(), kills).await;
    let books = settle(&mut fleet).await;

    let Balance {
        accepted,
        counted,
        lost,
        double,
    } = Balance::of(&done, &books.counted);
    println!("kills={kills} accepted={accepted} counted={counted} lost={lost} double={double}");
    assert_eq!((lost, double), (0, 0));
    assert_eq!(done.refused, []);
    assert!(accepted > 0);
    compare(&books, &done);
    assert_eq!(arrived(fleet.layout()).await, done.paid);

    let data = fleet.layout().dir().to_owned();
    fleet.stop().await.unwrap();
    close_the_month(&data).await;
    let books = Books::read(&Stores::of(&data, None)).await.unwrap();
    compare(&books, &done);
    let closed = &books.closed;
    assert_eq!((closed.votes, closed.left_waiting), (accepted, 0));
    assert_eq!(closed.amount, done.paid);
    let paid_out = closed.payouts.checked_add(closed.fees);
    assert_eq!(paid_out, Some(closed.amount));
    verify_ledger(&fleet).await;
}

/// What browsers did and tally counted, where a fault is planted in a database of a fleet that nobody hurts.
async fn count_with(database: &str, fault: &'static str) -> Balance {
    let dir = tempfile::tempdir().unwrap();
    let mut fleet = Fleet::start(&dir.path().join("data")).await.unwrap();
    let stores = Stores::of(fleet.layout().dir(), None);
    let mut tampered = stores.open(database).await.unwrap();
    tampered.run(fault).await.unwrap();
    drop(tampered);
    let load = Load::start(fleet.layout(), dir.path(), BROWSERS, &Clock::system());
    tokio::time::sleep(UNHURT).await;
    let done = load.finish().await.unwrap();
    let books = settle(&mut fleet).await;
    fleet.stop().await.unwrap();
    Balance::of(&done, &books.counted)
}

#[tokio::test(flavor = "multi_thread")]
async fn control_votes_that_are_accepted_and_not_published_are_missed() {
    let lose =
        "CREATE TRIGGER lose AFTER INSERT ON outbox WHEN substr(hex(NEW.id), 1, 1) < '8' BEGIN
        DELETE FROM outbox WHERE id = NEW.id; END";

    let balance = count_with("payments-votes.db", lose).await;

    assert!(balance.counted > 0, "{balance:?}");
    assert!(balance.lost > 0, "{balance:?}");
    assert_eq!(balance.double, 0, "{balance:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_votes_that_are_counted_twice_are_seen() {
    let double = "CREATE TRIGGER double_first AFTER INSERT ON vote_pile BEGIN
            UPDATE vote_pile SET votes = votes + 1, waiting = waiting + 1
            WHERE (source, value, month, channel) = (NEW.source, NEW.value, NEW.month, NEW.channel); END";

    let balance = count_with("tally.db", double).await;

    assert!(balance.double > 0, "{balance:?}");
    assert_eq!(balance.lost, 0, "{balance:?}");
}
