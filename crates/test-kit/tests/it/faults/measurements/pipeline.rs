//! Collect and aggregate as operators run them, two of each, killed at random instants under load: every message that was
//! answered 204 is in the totals once.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clock::Clock;
use rand::Rng as _;
use reqwest::{Client, StatusCode};
use test_kit::measurements::{
    crowd::{Crowd, Sent},
    site::DEFAULT_CHANNEL,
};
use tokio::{task::JoinSet, time::sleep};

use super::{FIRST_EPOCH, Stage, after, begun_before_now, during, terms};
use crate::faults::{
    kills::KILLS_VARIABLE,
    scene::{asked, random},
};

/// How many kills there are; `./test long` asks for more.
const KILLS: u64 = 12;

/// A kill comes within so many milliseconds after the restart before it.
const PAUSE_MILLIS_MAX: u64 = 900;

/// So many clients send one message after the other.
const CLIENTS: usize = 12;

/// What a client waits before its next message, or before it repeats one.
const PAUSE: Duration = Duration::from_millis(15);

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// Clients that send until they are told to stop, each message until it is kept.
#[derive(Clone)]
struct Clients {
    crowd: Arc<Mutex<Crowd>>,
    collectors: [SocketAddr; 2],
    http: Client,
    stop: Arc<AtomicBool>,
}

impl Clients {
    async fn live(self) -> u64 {
        let mut kept = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let now = Clock::system().now();
            let sent = self.crowd.lock().unwrap().message(now).unwrap();
            let mut tries = kept;
            while !self
                .is_kept(&sent, self.collectors[usize::try_from(tries % 2).unwrap()])
                .await
            {
                sleep(PAUSE).await;
                tries += 1;
            }
            kept += 1;
            sleep(PAUSE).await;
        }
        kept
    }

    async fn is_kept(&self, sent: &Sent, collector: SocketAddr) -> bool {
        match sent.post(&self.http, collector, DEFAULT_CHANNEL).await {
            Ok(status) => {
                let is_later = status.is_server_error();
                assert!(is_later || status == StatusCode::NO_CONTENT, "{status}");
                !is_later
            }
            // Whoever was killed may have kept it: it is sent again, and counts once.
            Err(_cut) => false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_collect_and_aggregate_loses_no_message_that_was_answered_and_counts_none_twice() {
    let mut stage = Stage::set().await;
    let lane = stage
        .site
        .lane(DEFAULT_CHANNEL, &terms(&begun_before_now()))
        .await
        .unwrap();
    let (one, other) = (
        stage.site.collector(&lane, 0).await.unwrap(),
        stage.site.collector(&lane, 1).await.unwrap(),
    );
    let clients = Clients {
        crowd: Arc::new(Mutex::new(Crowd::new(&lane.channel, 0))),
        collectors: [one.1, other.1],
        http: service_kit::tls::probe_client(ANSWERED_WITHIN).unwrap(),
        stop: Arc::default(),
    };
    let mut victims = [
        one.0,
        other.0,
        stage.site.aggregator(&lane, 0).await.unwrap(),
        stage.site.aggregator(&lane, 1).await.unwrap(),
    ];
    let mut sending = JoinSet::new();
    for _client in 0..CLIENTS {
        sending.spawn(clients.clone().live());
    }

    let mut random = random();
    while stage.figures.kills < asked(KILLS_VARIABLE, KILLS) {
        sleep(Duration::from_millis(random.gen_range(0..PAUSE_MILLIS_MAX))).await;
        let victim = random.gen_range(0..victims.len());
        victims[victim].kill_and_restart(None).await.unwrap();
        stage.figures.kills += 1;
    }
    clients.stop.store(true, Ordering::Relaxed);
    let kept: u64 = sending.join_all().await.into_iter().sum();
    for victim in &mut victims {
        let status = victim.stop("TERM").await.unwrap();
        assert!(status.success(), "{status}");
    }

    let end = during(&lane.channel, after(&lane.channel, FIRST_EPOCH));
    stage.site.finish(&lane, end).await.unwrap();
    let truth = clients.crowd.lock().unwrap().truth().unwrap();
    println!("{kept} messages were answered 204");
    stage.compare(&lane, &truth).await;
    stage.settle();
}
