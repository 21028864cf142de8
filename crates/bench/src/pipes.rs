//! The two ends of the topic of votes, each alone in a process: the relay that publishes, and tally's intake that
//! counts. The floor is the bare Kafka client doing the same.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use blindtally::system::ServiceName;
use serde::{Deserialize, Serialize};

use crate::{
    cases::warm,
    load::Timing,
    report::{Plan, Report, Round},
    stage::{EngineSet, Stage},
};

/// Events that are written at once: enough for some tenths of a second of CPU time, which is counted in hundredths.
pub(crate) const EVENTS: usize = 60_000;

/// Reading is faster than writing: what a turn of it reads was written in so many parts.
const PARTS_READ: usize = 4;

/// Events in a transaction of the relay, and of the bare producer.
pub(crate) const BATCH: usize = 500;

/// What a task says of itself when it is done.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Done {
    /// How many events went through.
    pub events: usize,
    /// What its process used for that.
    pub cpu: Duration,
    /// How long it took.
    pub elapsed: Duration,
}

/// The relay against a producer that writes the same records in equal transactions, with an offset in each.
pub async fn relay(rounds: usize) -> anyhow::Result<Report> {
    measure("relay", ["relay", "bare-produce"], rounds).await
}

/// tally's intake against a consumer that reads the same records, committed ones only, and drops them.
pub async fn tally(rounds: usize) -> anyhow::Result<Report> {
    measure("tally", ["intake", "bare-consume"], rounds).await
}

async fn measure(
    bench: &'static str,
    [task, floor]: [&'static str; 2],
    rounds: usize,
) -> anyhow::Result<Report> {
    let plan = Plan {
        bench,
        engines: EngineSet::Real,
        unit: "events",
        per_request: BATCH,
        connections: 1,
        target: Some(0.5),
    };
    let stage = Stage::open(plan.engines).await?;
    let mut measured = Vec::new();
    // What is to be read: its writer is not measured here.
    let parts_read = if bench == "tally" { PARTS_READ } else { 0 };
    let events = EVENTS * parts_read.max(1);
    for number in 0..=rounds {
        for _ in 0..parts_read {
            run(&stage, "bare-produce").await?;
        }
        // In every second turn, the floor comes first.
        let (done, floor_done, engines_cpu) = if number.is_multiple_of(2) {
            let (done, engines_cpu) = with_engines(&stage, task).await?;
            (done, run(&stage, floor).await?, engines_cpu)
        } else {
            let floor_done = run(&stage, floor).await?;
            let (done, engines_cpu) = with_engines(&stage, task).await?;
            (done, floor_done, engines_cpu)
        };
        for done in [done, floor_done] {
            ensure!(
                done.events == events,
                "{} events instead of {events}",
                done.events
            );
        }
        measured.push(Round {
            count: events,
            server_cpu: done.cpu,
            floor_cpu: floor_done.cpu,
            engines_cpu,
            timing: Timing {
                elapsed: done.elapsed,
                latencies: Vec::new(),
            },
        });
    }
    Ok(Report::new(plan, warm(&measured)))
}

async fn with_engines(stage: &Stage, task: &str) -> anyhow::Result<(Done, Option<Duration>)> {
    let before = stage.engines_cpu()?;
    let done = run(stage, task).await?;
    let after = stage.engines_cpu()?;
    let used = before.zip(after);
    Ok((
        done,
        used.map(|(before, after)| after.saturating_sub(before)),
    ))
}

/// Runs a task in a process of its own, and reads what it says.
async fn run(stage: &Stage, task: &str) -> anyhow::Result<Done> {
    let service = match task {
        "intake" | "bare-consume" => ServiceName::Tally,
        _ => ServiceName::Payments,
    };
    let output = stage.command(&["task", task], service)?.output().await?;
    ensure!(
        output.status.success(),
        "{task} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{task} says nothing"))
}
