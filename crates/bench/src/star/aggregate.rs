//! `star-aggregate`: what the aggregator's process spends on a message, over what the bare crates spend on parsing and
//! opening all its layers, with the keys known.

mod floor;
mod ground;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::ensure;
use chrono::{DateTime, Utc};
use clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{fault::FaultPoints, shutdown::Shutdown};
use star_collector::{
    Deps,
    aggregate::{assembly, worker::Worker},
};

use self::{floor::Floor, ground::Ground};
use super::median;
use crate::{
    cpu,
    curve::{Chart, Line, plot},
    stage::EngineSet,
};

pub(super) use ground::open_log;

/// The threshold.
const K: u32 = 50;

/// The epoch of all messages, and when the first one began.
const NUMBER: u8 = 7;
const EPOCH_BASE: &str = "2026-01-05T00:00:00Z";

/// The fewest messages in a chart, and how many times as many the next point has.
const CHART_LEAST: u64 = 10_000;
const CHART_STEP: u64 = 3;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many messages.
    pub messages: u64,
    /// In how many turns over one log, each with a new database.
    pub rounds: usize,
    /// On what.
    pub engines: EngineSet,
    /// Where the embedded log is kept for the next time.
    pub kept: Option<PathBuf>,
    /// Whether to answer in JSON.
    pub json: bool,
}

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

/// Measures one number of messages.
pub async fn aggregate(plan: &Plan) -> anyhow::Result<Vec<String>> {
    let mut ground = Ground::open(plan.engines, plan.kept.as_deref()).await?;
    let measured = measure(plan, &mut ground, plan.messages).await?;
    Ok(vec![line(plan, plan.messages, &measured)])
}

/// Measures several numbers of messages, and draws their CPU over the floor.
pub async fn chart(file: &Path, plan: &Plan) -> anyhow::Result<Vec<String>> {
    let mut ground = Ground::open(plan.engines, plan.kept.as_deref()).await?;
    let (mut lines, mut points) = (Vec::new(), Vec::new());
    let mut numbers = vec![plan.messages];
    while let Some(last) = numbers
        .last()
        .filter(|last| **last >= CHART_LEAST * CHART_STEP)
    {
        numbers.push(last / CHART_STEP);
    }
    for messages in numbers.into_iter().rev() {
        let measured = measure(plan, &mut ground, messages).await?;
        lines.push(line(plan, messages, &measured));
        let x = Duration::from_secs(messages).as_secs_f64();
        points.push((x, measured.ratio.0));
    }
    let ones = points.iter().map(|(x, _)| (*x, 1.0)).collect();
    let chart = Chart {
        caption: "The aggregator's CPU for a message, over parsing and opening it with the bare crates",
        x: "messages in the log",
        y: "over the floor",
        lines: vec![
            Line {
                name: format!("aggregate, {} engines", plan.engines.as_str()),
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

async fn measure(plan: &Plan, ground: &mut Ground, messages: u64) -> anyhow::Result<Measured> {
    ground.fill(messages).await?;
    let the_floor = Floor::new();
    let (mut ratios, mut per_second) = (Vec::new(), Vec::new());
    let (mut peak_rss_bytes, mut complete) = (0, 0);
    let (mut ours_us, mut floors_us) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let settings = ground.turn().await?;
        let floor = the_floor.measure()?;
        let ran = run(&settings)?;
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

fn line(plan: &Plan, messages: u64, measured: &Measured) -> String {
    let Measured {
        ratio: (ratio, low, high),
        ours_us,
        floor_us,
        per_second,
        peak_rss_bytes,
        complete,
    } = measured;
    let engines = plan.engines.as_str();
    if plan.json {
        return json!({"bench": "star-aggregate", "engines": engines, "messages": messages,
            "cpu_per_message_over_floor": ratio, "cpu_us_per_message": ours_us, "floor_us_per_message": floor_us,
            "messages_per_second": per_second, "peak_rss_bytes": peak_rss_bytes, "opened_to_the_last_layer": complete})
        .to_string();
    }
    format!(
        "star-aggregate {messages} messages on {engines} engines: {ratio:.2} × the floor [{low:.2}, {high:.2}] (asked: at most 1.2); \
         {ours_us:.1} µs of CPU a message, floor {floor_us:.1} µs; {per_second:.0} messages/s; peak {} MiB; {complete} opened to the last layer",
        peak_rss_bytes >> 20
    )
}

fn sent_at() -> anyhow::Result<DateTime<Utc>> {
    Ok("2026-02-25T00:00:00Z".parse()?)
}

/// Runs the aggregator as a process of its own.
fn run(settings: &Path) -> anyhow::Result<Ran> {
    let output = Command::new(std::env::current_exe()?)
        .arg("star-run")
        .arg(settings)
        .output()?;
    ensure!(
        output.status.success(),
        "the aggregator failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What the benchmark starts: one run with the settings of a file, and what it used.
pub async fn run_aggregator(settings: &Path) -> anyhow::Result<()> {
    let config = ground::read_settings(settings)?;
    let (clock, _) = Clock::simulated(sent_at()?);
    let deps = Deps {
        clock,
        faults: FaultPoints::default(),
    };
    let parts = assembly::open(&config, deps, Shutdown::default()).await?;
    let started = Instant::now();
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
