//! SIGKILL of any service at random instants, under load, with real processes.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use blindtally::system::{Layout, ServiceName, settlement};
use client::transport::Request;
use clock::Clock;
use messages::money::Amount;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::Value;
use test_kit::{
    fleet::{Fleet, Plant},
    load::{Done, Load},
};

/// How many kills there are; `./test long` asks for more.
const KILLS: usize = 20;

/// See [`KILLS`].
const KILLS_VARIABLE: &str = "BLINDTALLY_KILLS";

/// Three ways to pay, three times.
const BROWSERS: usize = 9;

/// A kill comes at a random instant within so many milliseconds after the restart before it.
const PAUSE_MILLIS_MAX: u64 = 900;

/// What was accepted must be counted so soon after the last kill.
const COUNTED_WITHIN: Duration = Duration::from_secs(30);

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

async fn get(layout: &Layout, service: ServiceName, path: &str, bearer: Option<&str>) -> Value {
    let mut request = Request::get(path);
    if let Some(token) = bearer {
        request = request.with_capability(token);
    }
    let answer = layout
        .transport(service)
        .unwrap()
        .send(&request)
        .await
        .unwrap();
    assert!(
        answer.status.is_success() || answer.status.as_u16() == 404,
        "{path}: {}",
        answer.status
    );
    serde_json::from_slice(&answer.body).unwrap()
}

/// What tally has counted for each channel.
async fn counted(layout: &Layout, done: &Done) -> BTreeMap<String, u64> {
    use secrecy::ExposeSecret as _;
    let token = layout.tally_token().unwrap();
    let mut counted = BTreeMap::new();
    for (channel, _) in &done.accepted {
        let path = format!("/v1/publishers/{channel}");
        let seen = get(
            layout,
            ServiceName::Tally,
            &path,
            Some(token.expose_secret()),
        )
        .await;
        counted.insert(channel.clone(), pending_votes(&seen));
    }
    counted
}

fn pending_votes(publisher: &Value) -> u64 {
    let pending = publisher
        .get("pending")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    pending.map(|part| part["votes"].as_u64().unwrap()).sum()
}

/// Waits until as much is counted as was accepted, or for as long as it may take.
async fn settle(layout: &Layout, done: &Done, within: Duration) -> BTreeMap<String, u64> {
    let accepted: BTreeMap<_, _> = done.accepted.iter().cloned().collect();
    let deadline = Instant::now() + within;
    loop {
        let counted = counted(layout, done).await;
        if counted == accepted || Instant::now() > deadline {
            return counted;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
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
            let counted = counted[channel];
            balance.accepted += accepted;
            balance.counted += counted;
            balance.lost += accepted.saturating_sub(counted);
            balance.double += counted.saturating_sub(*accepted);
        }
        balance
    }
}

/// All the money that arrived at payments' addresses.
async fn received(layout: &Layout) -> Amount {
    let all = get(
        layout,
        ServiceName::SandboxCustodian,
        "/sandbox/balances",
        None,
    )
    .await;
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

async fn kill_under_load(dir: &Path, kills: usize, plant: Plant) -> (Fleet, Done) {
    let program = Path::new(env!("CARGO_BIN_EXE_test-service"));
    let mut fleet = Fleet::start(&dir.join("data"), program, plant)
        .await
        .unwrap();
    let load = Load::start(fleet.layout(), dir, BROWSERS, &Clock::system());
    let mut random = StdRng::from_entropy();
    for victim in victims(kills, &mut random) {
        let pause = random.gen_range(0..PAUSE_MILLIS_MAX);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        fleet.kill_and_restart(victim).await.unwrap();
    }
    let done = load.finish().await.unwrap();
    (fleet, done)
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_any_service_at_any_instant_loses_nothing_and_counts_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let kills = kills();

    let (fleet, done) = kill_under_load(dir.path(), kills, Plant::Nothing).await;
    let counted = settle(fleet.layout(), &done, COUNTED_WITHIN).await;

    let Balance {
        accepted,
        counted,
        lost,
        double,
    } = Balance::of(&done, &counted);
    println!("kills={kills} accepted={accepted} counted={counted} lost={lost} double={double}");
    assert_eq!((lost, double), (0, 0));
    assert_eq!(done.refused, []);
    assert!(accepted > 0);
    assert_eq!(
        accepted,
        done.purchases * u64::from(test_kit::load::QUANTITY)
    );
    assert_eq!(received(fleet.layout()).await, done.paid);
    fleet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn control_events_that_get_lost_are_missed() {
    let dir = tempfile::tempdir().unwrap();

    let (fleet, done) = kill_under_load(dir.path(), 0, Plant::LostEvents).await;
    let counted = settle(fleet.layout(), &done, Duration::from_secs(5)).await;

    let balance = Balance::of(&done, &counted);
    assert!(balance.counted > 0, "{balance:?}");
    assert!(balance.lost > 0, "{balance:?}");
    fleet.stop().await.unwrap();
}
