//! `star-aggregate`: what the aggregator's process spends on a message, over what the bare crates spend on parsing and
//! opening all its layers, with the keys known.

use std::{collections::HashMap, path::Path, process::Command, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{
    event_log::{self, Access, EventLog, NewRecord, TopicSettings},
    fault::FaultPoints,
    shutdown::Shutdown,
};
use star_collector::{
    aggregate::{
        store,
        worker::{Limits, Parts, Worker},
    },
    domain::{channel::Channel, epochs::Epochs, wire::Message},
    factory::Factory,
};
use star_constellation::api::{NestedMessage, SerializableNestedMessage, recover};

use super::{
    median,
    population::{LAYERS, Population},
};
use crate::{
    cpu,
    curve::{Chart, Line, plot},
};

/// The threshold.
const K: u32 = 50;

/// The epoch of all messages.
const NUMBER: u8 = 7;

/// How many messages the floor opens in a turn.
const FLOOR_MESSAGES: usize = 10_000;

/// The fewest messages in a chart, and how many times as many the next point has.
const CHART_LEAST: u64 = 10_000;
const CHART_STEP: u64 = 3;

/// How many records are appended at once.
const APPEND: usize = 5_000;

/// What the measured process prints.
#[derive(Debug, Deserialize, Serialize)]
struct Ran {
    consumed: u64,
    complete: u64,
    cpu_seconds: f64,
    seconds: f64,
    peak_rss_bytes: u64,
}

/// What was measured of one number of messages: medians.
struct Measured {
    ratio: (f64, f64, f64),
    ours_us: f64,
    floor_us: f64,
    per_second: f64,
    peak_rss_bytes: u64,
    complete: u64,
}

/// Measures in `rounds` turns over one log, each with a new database.
pub async fn aggregate(messages: u64, rounds: usize, json: bool) -> anyhow::Result<Vec<String>> {
    let measured = measure(messages, rounds).await?;
    Ok(vec![line(messages, &measured, json)])
}

/// Measures several numbers of messages, and draws their CPU over the floor.
pub async fn chart(
    file: &Path,
    most: u64,
    rounds: usize,
    json: bool,
) -> anyhow::Result<Vec<String>> {
    let (mut lines, mut points) = (Vec::new(), Vec::new());
    let mut messages = most;
    while messages >= CHART_LEAST {
        let measured = measure(messages, rounds).await?;
        lines.push(line(messages, &measured, json));
        let x = Duration::from_secs(messages).as_secs_f64();
        points.push((x, measured.ratio.0));
        messages /= CHART_STEP;
    }
    let ones = points.iter().map(|(x, _)| (*x, 1.0)).collect();
    let chart = Chart {
        caption: "The aggregator's CPU for a message, over parsing and opening it with the bare crates",
        x: "messages in the log",
        y: "over the floor",
        lines: vec![
            Line {
                name: "aggregate".to_owned(),
                points,
            },
            Line {
                name: "floor".to_owned(),
                points: ones,
            },
        ],
    };
    plot(file, &chart)?;
    Ok(lines)
}

async fn measure(messages: u64, rounds: usize) -> anyhow::Result<Measured> {
    let dir = tempfile::tempdir()?;
    let sample = fill(dir.path(), messages).await?;
    let keys = keys(&sample);
    let (mut ratios, mut per_second) = (Vec::new(), Vec::new());
    let (mut peak_rss_bytes, mut complete) = (0, 0);
    let (mut ours_us, mut floors_us) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let floor = floor(&sample, &keys)?;
        let ran = run(dir.path())?;
        ensure!(
            ran.consumed == messages,
            "{} messages of {messages} were read",
            ran.consumed
        );
        let count = Duration::from_secs(messages).as_secs_f64();
        let ours = ran.cpu_seconds / count;
        ratios.push(ours / floor);
        ours_us.push(ours * 1e6);
        floors_us.push(floor * 1e6);
        per_second.push(count / ran.seconds);
        peak_rss_bytes = ran.peak_rss_bytes.max(peak_rss_bytes);
        complete = ran.complete;
    }
    Ok(Measured {
        ratio: median(ratios),
        ours_us: median(ours_us).0,
        floor_us: median(floors_us).0,
        per_second: median(per_second).0,
        peak_rss_bytes,
        complete,
    })
}

fn line(messages: u64, measured: &Measured, json: bool) -> String {
    let Measured {
        ratio: (ratio, low, high),
        ours_us,
        floor_us,
        per_second,
        peak_rss_bytes,
        complete,
    } = measured;
    if json {
        return json!({"bench": "star-aggregate", "engines": "embedded", "messages": messages,
            "cpu_per_message_over_floor": ratio, "cpu_us_per_message": ours_us, "floor_us_per_message": floor_us,
            "messages_per_second": per_second, "peak_rss_bytes": peak_rss_bytes, "opened_to_the_last_layer": complete})
        .to_string();
    }
    format!(
        "star-aggregate {messages} messages on embedded engines: {ratio:.2} × the floor [{low:.2}, {high:.2}] (asked: at most 1.2); \
         {ours_us:.1} µs of CPU a message, floor {floor_us:.1} µs; {per_second:.0} messages/s; peak {} MiB; {complete} opened to the last layer",
        peak_rss_bytes >> 20
    )
}

fn channel() -> anyhow::Result<Channel> {
    Ok(Channel {
        name: "typical".to_owned(),
        input_topic: "p3a-star-enc".to_owned(),
        output_topic: "p3a-star-out".to_owned(),
        k: K,
        thresholds: K..=K,
        layers: LAYERS,
        message_bytes_max: 8 << 10,
        epochs: Epochs {
            base: "2026-01-05T00:00:00Z".parse()?,
            length: TimeDelta::weeks(1),
            alive: 3,
        },
        date_field: "wos".to_owned(),
    })
}

fn sent_at() -> anyhow::Result<DateTime<Utc>> {
    Ok("2026-02-25T00:00:00Z".parse()?)
}

pub(super) async fn open_log(dir: &Path) -> anyhow::Result<Arc<dyn EventLog>> {
    let url = format!("embedded:{}", dir.join("log.db").display());
    Ok(event_log::open(&url, &Access::default()).await?)
}

/// A message, and what it measures.
struct Sampled {
    bytes: Vec<u8>,
    texts: Vec<String>,
}

/// Fills the log, and keeps some of the messages for the floor.
async fn fill(dir: &Path, messages: u64) -> anyhow::Result<Vec<Sampled>> {
    let log = open_log(dir).await?;
    let channel = channel()?;
    let settings = TopicSettings {
        partitions: 1,
        retention: TimeDelta::days(400),
    };
    for topic in [&channel.input_topic, &channel.output_topic] {
        log.ensure_topic(topic, settings).await?;
    }
    let (population, mut factory) = (Population::new(), Factory::new(NUMBER, K));
    let mut random = StdRng::seed_from_u64(1);
    let mut appender = log.appender().await?;
    let (mut sample, mut records) = (Vec::new(), Vec::with_capacity(APPEND));
    let bar = ProgressBar::new(messages).with_style(ProgressStyle::with_template(
        "making messages {wide_bar} {pos} of {len}",
    )?);
    for made in 0..messages {
        let texts = population.draw(&mut random);
        let bytes = factory.message(&texts, &mut random);
        if sample.len() < FLOOR_MESSAGES {
            sample.push(Sampled {
                bytes: bytes.clone(),
                texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            });
        }
        records.push(NewRecord {
            headers: Vec::new(),
            topic: channel.input_topic.clone(),
            key: Message::read(&bytes, LAYERS)?.outer.tag.to_vec(),
            value: bytes,
            timestamp: sent_at()?,
        });
        if records.len() == APPEND || made + 1 == messages {
            appender.append(&records).await?;
            bar.inc(u64::try_from(records.len())?);
            records.clear();
        }
    }
    bar.finish_and_clear();
    log.close().await;
    Ok(sample)
}

/// The key of each prefix of the sample's measurements, as the crates derive it.
fn keys(sample: &[Sampled]) -> HashMap<String, [u8; 16]> {
    let mut keys = HashMap::new();
    for message in sample {
        let mut prefix = String::new();
        for text in &message.texts {
            prefix.push_str(text);
            if keys.contains_key(&prefix) {
                continue;
            }
            let measurement = sta_rs::SingleMeasurement::new(prefix.as_bytes());
            let generator = sta_rs::MessageGenerator::new(measurement, K, &[NUMBER]);
            let mut randomness = [0; 32];
            generator.sample_local_randomness(&mut randomness);
            let mut source = [0; 32];
            sta_rs::strobe_digest(&randomness, &[&[0]], "star_derive_randoms", &mut source);
            let mut key = [0; 16];
            sta_rs::derive_ske_key(&source, &[NUMBER], &mut key);
            keys.insert(prefix.clone(), key);
        }
    }
    keys
}

/// CPU seconds for one message with the bare crates: parse it, open every layer.
fn floor(sample: &[Sampled], keys: &HashMap<String, [u8; 16]>) -> anyhow::Result<f64> {
    let before = cpu::of_this_thread()?;
    for message in sample {
        let nested: SerializableNestedMessage = bincode::deserialize(&message.bytes)?;
        let mut nested = NestedMessage::try_from(nested).map_err(|error| anyhow!("{error}"))?;
        let mut prefix = String::new();
        for text in &message.texts {
            prefix.push_str(text);
            let key = keys.get(&prefix).context("a prefix without a key")?;
            let opened = recover(&[&nested.unencrypted_layer], key);
            let opened = opened.into_iter().next().context("nothing opened")?;
            let opened = opened.map_err(|error| anyhow!("{error}"))?;
            ensure!(
                opened.measurement.get_layer_as_bytes(0) == text.as_bytes(),
                "the floor opens something else"
            );
            if let Some(key) = opened.get_next_layer_key() {
                nested
                    .decrypt_next_layer(key)
                    .map_err(|error| anyhow!("{error}"))?;
            }
        }
    }
    let used = cpu::of_this_thread()?.saturating_sub(before);
    let count = u32::try_from(sample.len())?;
    Ok(used.as_secs_f64() / f64::from(count))
}

/// Runs the aggregator as a process of its own, on a new database.
fn run(dir: &Path) -> anyhow::Result<Ran> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with("aggregate.db")) {
            std::fs::remove_file(path)?;
        }
    }
    let output = Command::new(std::env::current_exe()?)
        .arg("star-run")
        .arg(dir)
        .output()?;
    ensure!(
        output.status.success(),
        "the aggregator failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What the benchmark starts: one run over the log in `dir`, and what it used.
pub async fn run_aggregator(dir: &Path) -> anyhow::Result<()> {
    let url = format!("sqlite:{}", dir.join("aggregate.db").display());
    let (clock, _) = Clock::simulated(sent_at()?);
    let parts = Parts {
        channel: channel()?,
        store: store::open(&url).await?,
        log: open_log(dir).await?,
        clock,
        limits: Limits {
            batch_messages: 50_000,
            waiting_bytes_per_tag_max: 4 << 20,
            pending_bytes_max: 32 << 30,
        },
        lease_lasts: Duration::from_mins(1),
        shutdown: Shutdown::default(),
        faults: FaultPoints::default(),
    };
    let started = std::time::Instant::now();
    let summary = Worker::new(parts, Box::new(|_, _| {})).run().await?;
    let ran = Ran {
        consumed: summary.tally.consumed,
        complete: summary.tally.complete,
        cpu_seconds: cpu::of_process(std::process::id())?.as_secs_f64(),
        seconds: started.elapsed().as_secs_f64(),
        peak_rss_bytes: cpu::peak_rss_bytes()?,
    };
    serde_json::to_writer(std::io::stdout().lock(), &ran)?;
    Ok(())
}
