//! Collect and an aggregator, as operators run them.

use std::{net::SocketAddr, time::Duration};

use clock::Clock;
use reqwest::{Client, StatusCode};
use service_kit::engines::own::Own;
use tempfile::TempDir;
use test_kit::{
    engines::Instead,
    measurements::{
        crowd::{Crowd, Sent},
        site::{DEFAULT_CHANNEL, Lane, Site},
    },
    process::Process,
};

use super::Files;
use crate::{
    doctor::{measurements::until, running::tells},
    faults::measurements::{FIRST_EPOCH, after, begun_before_now, during, terms},
};

/// As whom they come to a broker.
const PRINCIPALS: [&str; 2] = ["star-collect", "star-aggregate"];

/// How many messages come before the trouble, during it, and after it: enough each time to open some values.
const MESSAGES: usize = 120;

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);

/// Running parts of star-collector, and the clients of their channel.
struct Running {
    site: Site,
    lane: Lane,
    crowd: Crowd,
    http: Client,
    door: SocketAddr,
    collect: Process,
    aggregate: Process,
    _dir: TempDir,
}

impl Running {
    async fn on(instead: Instead) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engines = instead.of_new_measurements().await.unwrap();
        let site = Site::on(dir.path(), Some(engines)).await.unwrap();
        let terms = terms(&begun_before_now());
        let lane = site.lane(DEFAULT_CHANNEL, &terms).await.unwrap();
        let (collect, door) = site.collector(&lane, 0).await.unwrap();
        Self {
            crowd: Crowd::new(&lane.channel, 0),
            http: service_kit::tls::probe_client(ANSWERED_WITHIN).unwrap(),
            door,
            collect,
            aggregate: site.aggregator(&lane, 0).await.unwrap(),
            site,
            lane,
            _dir: dir,
        }
    }

    fn messages(&mut self) -> Vec<Sent> {
        let now = Clock::system().now();
        let messages = (0..MESSAGES).map(|_| self.crowd.message(now).unwrap());
        messages.collect()
    }

    async fn answer(&self, sent: &Sent) -> StatusCode {
        let answer = sent.post(&self.http, self.door, DEFAULT_CHANNEL).await;
        answer.unwrap()
    }

    async fn are_kept(&self, messages: &[Sent]) {
        for sent in messages {
            assert_eq!(self.answer(sent).await, StatusCode::NO_CONTENT);
        }
    }

    /// Both say that a check fails, and `what` in that line.
    async fn both_tell(&self, what: &str) {
        is_told(&self.collect, "event-log", what).await;
        is_told(&self.aggregate, "event-log", what).await;
    }

    async fn both_are_ready(&self) {
        for part in [&self.collect, &self.aggregate] {
            until(part, |said| said == "ready\n").await;
        }
    }

    /// Every message that was kept is counted once.
    async fn are_counted(mut self) {
        for part in [&mut self.collect, &mut self.aggregate] {
            assert!(part.stop("TERM").await.unwrap().success());
        }
        let channel = &self.lane.channel;
        let end = during(channel, after(channel, FIRST_EPOCH));
        self.site.finish(&self.lane, end).await.unwrap();
        let reports = self.site.reports(&self.lane).await.unwrap();
        let truth = self.crowd.truth().unwrap();
        assert!(truth.len() > 1, "{truth:?}");
        assert_eq!(reports.totals, truth);
    }
}

/// Waits until a part says that `check` fails, and `what` in that line.
async fn is_told(part: &Process, check: &str, what: &str) {
    until(part, |said| tells(said, check, what)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_broker_and_refused_certificates_are_told_and_every_message_that_was_kept_is_counted()
 {
    let broker = Own::start("kafka");
    let files = Files::of(&broker, &PRINCIPALS);
    // Whoever looks at what was reported.
    files.show(&broker, "admin", "admin");
    let instead = Instead::new().unwrap();
    let mut running = Running::on(instead.broker(&broker, files.0.path()).unwrap()).await;
    let [before, after] = [running.messages(), running.messages()];
    running.are_kept(&before).await;

    broker.run("kill");
    running.both_tell("start the server").await;
    let one = after.first().unwrap();
    assert_eq!(running.answer(one).await, StatusCode::SERVICE_UNAVAILABLE);
    broker.run("start");
    running.both_are_ready().await;

    for principal in PRINCIPALS {
        files.show(&broker, principal, "rogue");
    }
    running.both_tell("refuses our certificate").await;
    for principal in PRINCIPALS {
        files.show(&broker, principal, principal);
    }
    running.both_are_ready().await;

    running.are_kept(&after).await;
    running.are_counted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_server_is_told_by_the_aggregator_and_what_was_collected_meanwhile_is_counted() {
    let server = Own::start("postgres");
    let files = Files::of(&server, &[]);
    let instead = Instead::new().unwrap();
    let instead = instead.server(&server, files.0.path()).await.unwrap();
    let mut running = Running::on(instead).await;
    let [before, meanwhile] = [running.messages(), running.messages()];
    running.are_kept(&before).await;

    server.run("kill");
    is_told(&running.aggregate, "database", "start the server").await;
    is_told(&running.aggregate, "last-run", "").await;
    running.are_kept(&meanwhile).await;

    server.run("start");
    running.both_are_ready().await;
    running.are_counted().await;
}
