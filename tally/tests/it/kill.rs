//! The real process, killed at any instant while it reads: no vote is lost, none counts twice.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use messages::avro::Record as _;
use service_kit::event_log::NewRecord;
use tally::{Rules, store::Store};

use crate::app::{App, directory_public_keys, vote};

const KILLS: u32 = 8;
const VOTES_PER_LIFE: u32 = 700;

/// The program in a process of its own, on the calendar of the machine.
fn serve(app: &App) -> Child {
    let path = |name| app.path(name).display().to_string();
    Command::new(env!("CARGO_BIN_EXE_tally"))
        .args(["serve", "--log-level", "off", "--environment", "test"])
        .args(["--database-url", &format!("sqlite:{}", path("tally.db"))])
        .args(["--event-log-url", &format!("embedded:{}", path("log.db"))])
        .args([
            "--event-log-poll-seconds",
            "0",
            "--event-log-lease-seconds",
            "1",
        ])
        .args(["--ledger-head-key-file", &path("head.key")])
        .args(["--directory-public-keys", &directory_public_keys()])
        .args([
            "--http-listen",
            "127.0.0.1:0",
            "--http-admin-listen",
            "127.0.0.1:0",
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Counted votes, and letters that wait or are published.
async fn counted(store: &dyn Store) -> u64 {
    let months = store.months().await.unwrap();
    months
        .iter()
        .flat_map(|month| &month.lines)
        .map(|line| line.votes)
        .sum()
}

#[tokio::test]
async fn killed_at_any_instant_it_counts_every_vote_once() {
    let mut app = App::start().await;
    app.stop().await;
    let today = clock::Clock::system().today();
    let store = tally::open(&app.config(), &app.deps(Rules::default()))
        .await
        .unwrap()
        .store;
    let mut interrupted = 0;
    for life in 0..KILLS {
        let mut records = Vec::new();
        for n in 0..VOTES_PER_LIFE {
            let event = u128::from(life * VOTES_PER_LIFE + n);
            let channel = format!("github#user:u{}", n % 50);
            let source = messages::FundingSource::UserWallet;
            records.push(NewRecord {
                headers: Vec::new(),
                topic: app.topics.vote.clone(),
                key: channel.as_bytes().to_vec(),
                value: vote(event, today, &channel, 1, source).encode(),
                timestamp: clock::Clock::system().now(),
            });
        }
        // Garbage in between: it must come to the dead letters once.
        records.push(NewRecord {
            headers: Vec::new(),
            value: life.to_be_bytes().to_vec(),
            ..records[0].clone()
        });
        app.append(&records).await;
        let before = counted(&*store).await;
        let mut process = serve(&app);
        // From before it reads to after it has read all of it.
        let lives_until = Instant::now() + Duration::from_secs(20);
        let enough = before + u64::from(life % 4) * 200;
        while counted(&*store).await < enough.max(before + 1) && Instant::now() < lives_until {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        interrupted += u32::from(counted(&*store).await < u64::from((life + 1) * VOTES_PER_LIFE));
    }
    assert!(interrupted > 0, "no kill came in the middle");

    let mut process = serve(&app);
    let expected = u64::from(KILLS * VOTES_PER_LIFE);
    let deadline = Instant::now() + Duration::from_mins(1);
    let letters = format!("{}.dead-letter", app.topics.vote);
    while Instant::now() < deadline
        && (counted(&*store).await < expected || app.records(&letters).await.len() < 8)
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();

    assert_eq!(counted(&*store).await, expected);
    assert_eq!(app.records(&letters).await.len(), 8);
}
