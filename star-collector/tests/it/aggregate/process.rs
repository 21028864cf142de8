//! The real program: its flags, what it prints, and how much memory it takes.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
};

use clock::Clock;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use service_kit::event_log::{self, Access, NewRecord, TopicSettings};
use sqlx::{Connection as _, SqliteConnection};
use star_collector::{
    aggregate::{Config, memory::MEMORY_BYTES_MIN},
    domain::wire::Message,
    factory::{Factory, parts::Part},
};

const TOPIC: &str = "p3a-star-enc";

/// The channel's layers and threshold.
const LAYERS: usize = 2;
const K: usize = 50;

/// How many groups open at once where memory is short: with their messages in it, it would not do.
const GROUPS: usize = 11 * MEMORY_BYTES_MIN / 10 / (K * 7_400);

/// Flags of a run that everything else is added to.
fn run(folder: &Path, more: &[&str]) -> Output {
    let file = |scheme: &str, name: &str| format!("{scheme}:{}", folder.join(name).display());
    let mut program = Command::new(env!("CARGO_BIN_EXE_star-collector"));
    program
        .args(["aggregate", "--channel-layers", &LAYERS.to_string()])
        .args(["--database-url", &file("sqlite", "aggregate.db")])
        .args(["--event-log-url", &file("embedded", "log.db")])
        .args(["--event-log-partitions", "1"])
        .args(more);
    program.output().unwrap()
}

/// What a run that went well said of itself.
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Has messages appended, as collect does.
async fn append(folder: &Path, messages: Vec<Vec<u8>>) {
    let url = format!("embedded:{}", folder.join("log.db").display());
    let log = event_log::open(&url, &Access::default()).await.unwrap();
    let settings = TopicSettings {
        partitions: 1,
        retention: chrono::TimeDelta::days(400),
    };
    log.ensure_topic(TOPIC, settings).await.unwrap();
    let timestamp = Clock::system().now();
    let mut appender = log.appender().await.unwrap();
    let mut messages = messages.into_iter().peekable();
    while messages.peek().is_some() {
        let some = messages.by_ref().take(500).map(|value| NewRecord {
            topic: TOPIC.to_owned(),
            key: Message::read(&value, LAYERS).unwrap().outer.tag.to_vec(),
            value,
            headers: Vec::new(),
            timestamp,
        });
        appender.append(&some.collect::<Vec<_>>()).await.unwrap();
    }
    log.close().await;
}

/// Makes messages of the epoch that it is now.
fn factory() -> Factory {
    let config: Config = Config::sources().load().unwrap();
    let channel = config.channel.channel().unwrap();
    let epoch = channel.epochs.at(Clock::system().now()).unwrap();
    Factory::new(epoch.to_le_bytes()[0], channel.k)
}

/// So many messages of clients that agree.
fn agreeing(count: usize) -> Vec<Vec<u8>> {
    let (mut factory, mut random) = (factory(), StdRng::seed_from_u64(7));
    let message = |_| factory.message(&["q|yes", "platform|linux"], &mut random);
    (0..count).map(message).collect()
}

#[tokio::test]
async fn the_short_flags_say_which_channel_and_how_much_is_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    append(folder, agreeing(K + 3)).await;

    let other = run(folder, &["--channel", "express"]);
    assert!(!other.status.success());
    assert!(said(&other).contains("express"), "{other:?}");
    let both = run(folder, &["--once", "--every", "1h"]);
    assert!(!both.status.success());
    assert!(said(&both).contains("--every"), "{both:?}");

    let few = [
        "--channel",
        "typical",
        "--once",
        "--json",
        "--lag-min",
        "54",
    ];
    let left = json(&run(folder, &few));
    assert_eq!(
        (&left["left_unread"], &left["consumed"]),
        (&53.into(), &0.into())
    );

    let once = [
        "--channel",
        "typical",
        "--once",
        "--json",
        "--lag-min",
        "53",
        "--batch-messages",
        "1",
    ];
    let output = run(folder, &once);
    assert!(
        said(&output).contains("1 messages in a batch"),
        "{output:?}"
    );
    let did = json(&output);
    assert_eq!(
        (&did["consumed"], &did["reported_in_full"]),
        (&53.into(), &50.into())
    );
    let peak = did["peak_memory_bytes"].as_u64().unwrap();
    assert!((1 << 20..1 << 30).contains(&peak), "{peak}");
}

/// The rows of a table: what, and how many messages.
fn rows(table: &str) -> BTreeMap<&str, u64> {
    let rows = table.lines().filter_map(|line| {
        let (what, count) = line.trim().rsplit_once(' ')?;
        Some((what.trim(), count.parse().ok()?))
    });
    rows.collect()
}

#[tokio::test]
async fn a_table_says_what_became_of_messages_where_the_time_went_and_how_much_memory_there_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut messages = agreeing(K + 3);
    messages.extend_from_within(..2);
    let (mut factory, mut random) = (factory(), StdRng::seed_from_u64(8));
    // Too few agree: on the second layer, and on both.
    for texts in [["q|yes", "platform|mac"], ["q|no", "platform|linux"]] {
        messages.extend((0..4).map(|_| factory.message(&texts, &mut random)));
    }
    let mut forged = factory.message(&["q|yes", "platform|linux"], &mut random);
    Part::Y.of_message(&mut forged).unwrap()[0] ^= 1;
    messages.push(forged);
    append(dir.path(), messages).await;

    let output = run(dir.path(), &[]);

    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let (table, rest) = shown.split_once("\nepochs closed: 0, ").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    let (times, memory) = rest.split_once("; peak memory ").unwrap();
    let expected = [
        ("consumed", 64),
        ("left unread", 0),
        ("pending", 8),
        ("opened", 57),
        ("opened to the last layer", 53),
        ("reported in full", 53),
        ("reported in part", 0),
        ("below the threshold by label", 0),
        ("never opened", 0),
        ("rejected: duplicate", 2),
        ("rejected: forged", 1),
    ];
    assert_eq!(rows(table), expected.into(), "{shown}");
    let seconds = |text| {
        let (stage, time) = str::strip_suffix(text, " s")?.rsplit_once(' ')?;
        time.parse::<f64>().is_ok().then_some(stage)
    };
    let stages: Vec<_> = times.split(", ").filter_map(seconds).collect();
    assert_eq!(
        stages,
        ["reading", "opening", "storing", "in all"],
        "{shown}"
    );
    assert!(memory.ends_with(" MiB of at most 1.00 GiB\n"), "{shown}");
}

/// Changes the database behind the aggregator's back.
async fn sql(folder: &Path, statement: &'static str) {
    let url = format!("sqlite:{}", folder.join("aggregate.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let changed = sqlx::raw_sql(statement).execute(&mut connection).await;
    changed.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_run_that_fails_on_an_old_epoch_publishes_what_it_reported_and_says_why_it_failed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    json(&run(folder, &["--json"]));
    sql(
        folder,
        r#"INSERT INTO star_group (id, slot, epoch, waiting, waiting_bytes, tried)
           VALUES (randomblob(16), 1, 1, 0, 0, 0);
           INSERT INTO star_label (id, slot, epoch, threshold, path, opened, deeper, reported)
           VALUES (randomblob(16), 1, 1, 50, '["q|a","platform|b"]', 60, 0, 0)"#,
    )
    .await;
    append(folder, agreeing(K)).await;

    let failed = run(folder, &["--json"]);

    assert!(!failed.status.success(), "{failed:?}");
    assert!(
        said(&failed).contains("epoch 1 does not close"),
        "{failed:?}"
    );
    let url = format!("embedded:{}", folder.join("log.db").display());
    let log = event_log::open(&url, &Access::default()).await.unwrap();
    let mut consumer = log.consumer("p3a-star-out", vec![(0, 0)]).await.unwrap();
    let batch = consumer.next().await.unwrap().unwrap();
    let published: Value = serde_json::from_slice(&batch.records[0].value).unwrap();
    assert_eq!((batch.records.len(), &published["total"]), (1, &K.into()));
}

/// Groups that nearly open, of messages nearly as large as may be.
fn nearly_open(groups: usize) -> [Vec<Vec<u8>>; 2] {
    let (mut factory, mut random) = (factory(), StdRng::seed_from_u64(7));
    let long = "x".repeat(3_400);
    let (mut waiting, mut opening) = (Vec::new(), Vec::new());
    for group in 0..groups {
        let texts = [format!("q|{group}{long}"), format!("platform|{long}")];
        let texts = [texts[0].as_str(), texts[1].as_str()];
        let message = |_| factory.message(&texts, &mut random);
        waiting.extend((1..K).map(message));
        opening.push(factory.message(&texts, &mut random));
    }
    [waiting, opening]
}

#[tokio::test]
async fn a_run_says_first_how_much_memory_it_takes_and_takes_no_more_when_all_opens_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let [waiting, opening] = nearly_open(GROUPS);
    let groups = opening.len();
    let bound = MEMORY_BYTES_MIN.to_string();
    let flags = ["--json", "--limits-memory-bytes-max", &bound];
    append(folder, waiting).await;
    let waited = run(folder, &flags);
    append(folder, opening).await;

    let opened = run(folder, &flags);

    assert_eq!(json(&opened)["reported_in_full"], groups * K);
    for output in [waited, opened] {
        assert!(
            said(&output).starts_with("at most 256.00 MiB of memory"),
            "{output:?}"
        );
        let peak = json(&output)["peak_memory_bytes"].as_u64().unwrap();
        println!("peak memory: {peak} bytes");
        assert!(peak < MEMORY_BYTES_MIN as u64, "{peak}");
    }
}
