//! `star-aggregate`: what the aggregator's process spends on a message, over what the bare crates spend on parsing and
//! opening all its layers, with the keys known.

mod floor;
mod ground;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{fault::FaultPoints, shutdown::Shutdown};
use star_collector::{
    Deps,
    aggregate::{assembly, memory, worker::Worker},
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

/// The points of a chart: these parts of the messages, where that is not too few. Each but the first two has a tenth of it
/// before it, for the growth.
const CHART_PARTS: [u64; 6] = [300, 100, 30, 10, 3, 1];
const CHART_LEAST: u64 = 10_000;

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
    let (mut lines, mut points, mut cpu) = (Vec::new(), Vec::new(), BTreeMap::new());
    let numbers = CHART_PARTS.map(|part| plan.messages / part);
    for messages in numbers.into_iter().filter(|number| *number >= CHART_LEAST) {
        let measured = measure(plan, &mut ground, messages).await?;
        lines.push(line(plan, messages, &measured));
        let x = Duration::from_secs(messages).as_secs_f64();
        points.push((x, measured.ratio.0));
        cpu.insert(messages, x * measured.ours_us);
        if let Some(tenth) = cpu.get(&(messages / 10)) {
            lines.push(growth(plan, messages, x * measured.ours_us / tenth));
        }
    }
    let ones = points.iter().map(|(x, _)| (*x, 1.0)).collect();
    let chart = Chart {
        caption: "The aggregator's CPU for a message, over parsing and opening it with the bare crates",
        x: "messages in the log",
        y: "over the floor",
        lines: vec![
            Line::new(
                format!("aggregate, {} engines", plan.engines.as_str()),
                points,
            ),
            Line::new("floor", ones),
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

/// How many times the CPU of a tenth of the messages these took.
fn growth(plan: &Plan, messages: u64, times: f64) -> String {
    let engines = plan.engines.as_str();
    if plan.json {
        return json!({"bench": "star-aggregate-growth", "engines": engines, "messages": messages, "cpu_over_a_tenth": times})
            .to_string();
    }
    format!(
        "star-aggregate {messages} messages on {engines} engines: {times:.1} × the CPU of a tenth (asked: at most 11)"
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
        peak_rss_bytes: memory::peak_bytes()
            .context("the system does not say how much memory there was")?,
    };
    serde_json::to_writer(std::io::stdout().lock(), &ran)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::assert_names, *};

    #[test]
    fn the_json_line_has_the_names_that_are_promised() {
        let plan = Plan {
            messages: 3_000,
            rounds: 5,
            engines: EngineSet::Embedded,
            kept: None,
            json: true,
        };
        let measured = Measured {
            ratio: (1.0, 0.9, 1.1),
            ours_us: 19.0,
            floor_us: 20.0,
            per_second: 50_000.0,
            peak_rss_bytes: 1 << 28,
            complete: 2_000,
        };

        let json = line(&plan, plan.messages, &measured);

        let promised = [
            "bench",
            "messages",
            "cpu_per_message_over_floor",
            "messages_per_second",
            "peak_rss_bytes",
        ];
        assert_names(&json, &promised);
    }
}
