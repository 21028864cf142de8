//! What `/readyz` and the metrics of a running service say, and that it is over by itself.

use std::time::{Duration, Instant};

use blindtally::system::ServiceName;
use test_kit::{World, engines};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::sleep,
};

use super::{PAYMENTS, execute};

/// Metrics are of the process, and so of all worlds in it: whoever breaks a database is alone with its alarm meanwhile.
pub(super) static DATABASES: Mutex<()> = Mutex::const_new(());

/// The same of the event log.
pub(super) static LOG: Mutex<()> = Mutex::const_new(());

/// A machine that is busy with tests may let a check wait; it is then asked again.
const SAID_WITHIN: Duration = Duration::from_secs(20);

/// See [`SAID_WITHIN`].
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What the admin listener of a service answers.
async fn admin(world: &World, service: ServiceName, path: &str) -> String {
    let client = service_kit::tls::probe_client(Duration::from_secs(10)).unwrap();
    let admin = world.layout().listen(service).admin;
    let answer = client.get(format!("http://{admin}{path}")).send().await;
    answer.unwrap().text().await.unwrap()
}

/// Whether `/readyz` says that `check` fails, and `what` in that line.
pub(super) fn tells(said: &str, check: &str, what: &str) -> bool {
    let begin = format!("failing: {check}: ");
    let mut lines = said.lines();
    lines.any(|line| line.starts_with(&begin) && line.contains(what))
}

/// Waits until `/readyz` says what it should.
async fn says(world: &World, service: ServiceName, is_right: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + SAID_WITHIN;
    loop {
        let said = admin(world, service, "/readyz").await;
        if is_right(&said) {
            return;
        }
        assert!(Instant::now() < deadline, "{service} says: {said}");
        sleep(ASK_AGAIN).await;
    }
}

/// The service is ready.
pub(super) async fn is_ready(world: &World, service: ServiceName) {
    says(world, service, |said| said == "ready\n").await;
}

/// Whoever breaks something, and looks at what running services say of it.
pub(super) struct Watch {
    pages: std::array::IntoIter<ServiceName, { ServiceName::ALL.len() }>,
    _alone: MutexGuard<'static, ()>,
}

impl Watch {
    /// Waits for its turn with what it breaks.
    pub(super) async fn begin(what: &'static Mutex<()>) -> Self {
        Self {
            pages: ServiceName::ALL.into_iter(),
            _alone: what.lock().await,
        }
    }

    /// The service says that `check` fails, and `what` in that line. Whoever has it say so must be alone.
    pub(super) async fn is_told(
        &self,
        world: &World,
        service: ServiceName,
        (check, what): (&str, &str),
    ) {
        says(world, service, |said| tells(said, check, what)).await;
    }

    /// The metrics show the alarm of a check, or that it is over. Each service has a page of its own, which stays as it is for a
    /// minute: so every look is at another one's, of those that are in this process.
    pub(super) async fn shows(&mut self, world: &World, check: &str, is_raised: bool) {
        let page = self.pages.next().unwrap();
        let metrics = admin(world, page, "/metrics").await;
        let alarm = format!(
            "blindtally_alarm{{name=\"{check}\"}} {}",
            u8::from(is_raised)
        );
        assert!(metrics.lines().any(|line| line == alarm), "{metrics}");
    }
}

/// Takes the topic of votes away, without which payments is not ready.
async fn lose_votes(world: &World, vote: &str) {
    match world.engines() {
        None => rename_topic(world, (vote, "gone")).await,
        Some(engines) => engines::delete_topics(engines, &[vote.to_owned()].into())
            .await
            .unwrap(),
    }
}

/// Puts it there again.
async fn make_votes(world: &World, vote: &str) {
    match world.engines() {
        None => rename_topic(world, ("gone", vote)).await,
        Some(engines) => engines::make_missing_topics(engines).await.unwrap(),
    }
}

/// Renames a topic of the embedded log.
async fn rename_topic(world: &World, (from, to): (&str, &str)) {
    let log = format!("sqlite:{}", world.layout().file("event-log.db").display());
    let rename =
        format!("PRAGMA foreign_keys = OFF; UPDATE topic SET name = '{to}' WHERE name = '{from}'");
    execute(&log, &rename).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_service_says_that_a_topic_is_missing_and_is_ready_again_by_itself() {
    let world = World::start().await.unwrap();
    let vote = world.layout().vote_topic().unwrap();
    let mut watch = Watch::begin(&LOG).await;
    is_ready(&world, PAYMENTS).await;

    lose_votes(&world, &vote).await;
    let says = format!("no topic {vote}");
    watch.is_told(&world, PAYMENTS, ("event-log", &says)).await;
    watch.shows(&world, "event-log", true).await;

    make_votes(&world, &vote).await;
    is_ready(&world, PAYMENTS).await;
    watch.shows(&world, "event-log", false).await;
}
