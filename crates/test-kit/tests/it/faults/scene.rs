//! What all faults have in common: a fleet under load, and the balance at the end.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::Path,
    str::FromStr,
    time::{Duration, Instant},
};

use blindtally::system::ServiceName;
use chrono::NaiveTime;
use clock::Clock;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;
use test_kit::{
    Stores,
    books::Books,
    engines,
    fleet::{Fleet, Setup},
    load::{Done, Load, QUANTITY},
    totals::Totals,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{sleep, timeout},
};

use super::figures::Figures;

/// Three ways to pay, three times.
const BROWSERS: usize = 9;

/// Every other kill is followed by one within so many milliseconds after the start of the next process.
const AGAIN_MILLIS_MAX: u64 = 400;

/// What browsers have begun when they are told to stop, they finish within this time, whatever happened before.
const FINISHED_WITHIN: Duration = Duration::from_mins(3);

/// What was accepted must be published and counted so soon after the last fault: slots are a minute apart.
const COUNTED_WITHIN: Duration = Duration::from_secs(100);

/// Tally reads the topic each second: what would count twice has done so after this time.
const QUIET: Duration = Duration::from_secs(3);

/// Chooses the instants and victims of a run; the one of a run that failed repeats them.
const SEED_VARIABLE: &str = "BLINDTALLY_SEED";

/// So many faults on files at a time: most of their time is waiting. On engines there is one: it hurts what others stand on.
const AT_ONCE: u32 = 4;

/// The room for faults.
static ROOM: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// Waits for a place for one more fault.
pub(super) async fn room(on_engines: bool) -> SemaphorePermit<'static> {
    let room = ROOM.acquire_many(if on_engines { AT_ONCE } else { 1 });
    room.await.unwrap()
}

/// What chooses the instants and victims of a run.
pub(super) fn random() -> StdRng {
    let seed = asked(SEED_VARIABLE, rand::random());
    println!("{SEED_VARIABLE}={seed}");
    StdRng::seed_from_u64(seed)
}

/// The number that a variable asks for.
pub(super) fn asked<T: FromStr<Err: Debug>>(variable: &str, otherwise: T) -> T {
    let asked = std::env::var_os(variable);
    asked.map_or(otherwise, |text| text.to_str().unwrap().parse().unwrap())
}

/// On real engines there are two of each service; SQLite is meant for one.
pub(super) fn several() -> Setup {
    Setup {
        copies: if engines::are_given() { 2 } else { 1 },
        ..Setup::default()
    }
}

/// A fleet under load, to be hurt.
pub(super) struct Scene {
    pub(super) fleet: Fleet,
    pub(super) figures: Figures,
    pub(super) random: StdRng,
    load: Load,
    dir: Option<TempDir>,
    room: SemaphorePermit<'static>,
}

/// What is left when all is quiet.
pub(super) struct Settled {
    pub(super) fleet: Fleet,
    pub(super) done: Done,
    pub(super) totals: Totals,
    pub(super) figures: Figures,
    _dir: Option<TempDir>,
    _room: SemaphorePermit<'static>,
}

impl Scene {
    /// A fleet in a new folder.
    pub(super) async fn start(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut scene = Self::start_in(dir.path(), setup).await;
        scene.dir = Some(dir);
        scene
    }

    /// A fleet in the folder `data` of `dir`.
    pub(super) async fn start_in(dir: &Path, setup: Setup) -> Self {
        let on_engines = engines::are_given() && !setup.on_files;
        let room = room(on_engines).await;
        let fleet = Fleet::start(&dir.join("data"), setup).await.unwrap();
        Self {
            load: Load::start(fleet.layout(), dir, BROWSERS, &Clock::system()),
            fleet,
            figures: Figures::default(),
            random: random(),
            dir: None,
            room,
        }
    }

    /// Lets a random time pass, of so many milliseconds at most.
    pub(super) async fn pause(&mut self, millis_max: u64) {
        sleep(Duration::from_millis(self.random.gen_range(0..millis_max))).await;
    }

    /// Kills a process of the service and starts it again, every other time twice.
    pub(super) async fn kill(&mut self, service: ServiceName) {
        let copy = self.random.gen_range(0..self.fleet.copies(service));
        let again = self.random.gen_range(0..2 * AGAIN_MILLIS_MAX);
        let again = (again < AGAIN_MILLIS_MAX).then(|| Duration::from_millis(again));
        let process = self.fleet.process(service, copy).unwrap();
        process.kill_and_restart(again).await.unwrap();
        self.figures.kills += 1 + u64::from(again.is_some());
    }

    /// Kills a process of the service, starts it again, and does not wait for it.
    pub(super) async fn renew(&mut self, service: ServiceName, copy: usize) {
        let process = self.fleet.process(service, copy).unwrap();
        process.kill().await.unwrap();
        process.respawn().unwrap();
        self.figures.kills += 1;
    }

    /// Waits until all processes are ready.
    pub(super) async fn heal(&mut self) {
        for service in ServiceName::ALL {
            for copy in 0..self.fleet.copies(service) {
                let process = self.fleet.process(service, copy).unwrap();
                process.recover().await.unwrap();
            }
        }
    }

    /// Heals, lets the browsers finish, waits until all is quiet, and draws a balance that must be even.
    pub(super) async fn settle(self) -> Settled {
        let settled = self.balance(COUNTED_WITHIN).await;
        let Settled {
            figures,
            totals,
            done,
            ..
        } = &settled;
        println!("{figures}");
        println!("all faults so far: {}", figures.add_to_sum());
        assert_eq!((figures.lost, figures.double), (0, 0));
        assert_eq!(figures.counted, figures.accepted);
        assert_eq!(
            (totals.events, totals.published),
            (done.votes, figures.accepted)
        );
        assert_eq!(done.refused, []);
        assert!(figures.accepted > 0);
        verify_ledger(&settled.fleet).await;
        let fleet = &settled.fleet;
        let stores = Stores::of(fleet.layout().dir(), fleet.engines());
        let books = Books::read(&stores).await.unwrap();
        say_what_browsers_did(&books, done);
        settled
    }

    /// The same for a fault that may show, which is waited for no longer than `within`.
    pub(super) async fn balance(mut self, within: Duration) -> Settled {
        self.heal().await;
        let finished = timeout(FINISHED_WITHIN, self.load.finish()).await;
        let done = finished.expect("browsers get their answers").unwrap();
        let totals = count(&mut self.fleet, &done, within).await;
        let mut figures = self.figures;
        figures.balance(&done, &totals.counted, totals.repeats);
        Settled {
            fleet: self.fleet,
            done,
            totals,
            figures,
            _dir: self.dir,
            _room: self.room,
        }
    }
}

/// Every book says what the browsers did, no more and no less.
pub(super) fn say_what_browsers_did(books: &Books, done: &Done) {
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

/// Waits until everything is published and counted, or for as long as it may take.
async fn count(fleet: &mut Fleet, done: &Done, within: Duration) -> Totals {
    // What waits is published at the next slot, or by a payments that starts.
    let payments = fleet.process(ServiceName::Payments, 0).unwrap();
    payments.kill_and_restart(None).await.unwrap();
    let channels: Vec<_> = done.accepted.iter().map(|(name, _)| name.clone()).collect();
    let accepted: u64 = done.accepted.iter().map(|(_, tokens)| tokens).sum();
    let deadline = Instant::now() + within;
    loop {
        let totals = Totals::read(fleet.layout(), &channels).await.unwrap();
        let counted = totals.published.min(totals.counted_in_all());
        if counted >= accepted || Instant::now() > deadline {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    sleep(QUIET).await;
    Totals::read(fleet.layout(), &channels).await.unwrap()
}

/// What the ledger's own program says of it, held against its signed head.
pub(super) async fn verify_ledger(fleet: &Fleet) {
    let mut verify = vec!["verify"];
    let head = fleet.run(ServiceName::Tally, &["head"]).await.unwrap();
    let file = fleet.layout().file("kept-head.json");
    if head.status.success() {
        std::fs::write(&file, &head.stdout).unwrap();
        verify.extend(["--head", file.to_str().unwrap()]);
    } else {
        // A fleet that began after midnight has none until the head of the day is signed.
        let early = NaiveTime::from_hms_opt(1, 0, 0).unwrap();
        assert!(Clock::system().now().time() < early, "{head:?}");
    }
    let verified = fleet.run(ServiceName::Tally, &verify).await.unwrap();
    assert!(verified.status.success(), "{verified:?}");
}
