//! `star-collector aggregate` with a calendar that a test sets, which sends itself a signal at a fault point.
//!
//! `hurt-aggregate CALENDAR POINT TIMES SIGNAL ARGUMENT…`: at CALENDAR, which stands still, with the arguments that
//! follow; when it comes to POINT for the TIMES-th time, it sends itself SIGNAL, and goes no further unless it is let.
//! A POINT that there is not is never come to.

use std::{
    process::{self, Command},
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clock::Clock;
use service_kit::fault::FaultPoints;
use star_collector::{Deps, aggregate::program_with};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word = |what| words.next().with_context(|| format!("{what} is missing"));
    let calendar: DateTime<Utc> = word("CALENDAR")?.parse()?;
    let (point, times) = (word("POINT")?, word("TIMES")?.parse()?);
    let signal = word("SIGNAL")?;
    let (clock, _stands_still) = Clock::simulated(calendar);
    let deps = Deps {
        clock,
        faults: hurt(point, times, signal),
    };
    let arguments = words.map(Into::into).collect();
    program_with(arguments, deps).await
}

fn hurt(point: String, times: u64, signal: String) -> FaultPoints {
    let passed = AtomicU64::new(0);
    FaultPoints::planned(move |name| {
        if name == point && passed.fetch_add(1, Ordering::Relaxed) + 1 == times {
            // A killed process does not come back from here, and a stopped one when it is let go on.
            send(&signal).expect("a process may signal itself");
        }
        Ok(())
    })
}

fn send(signal: &str) -> anyhow::Result<()> {
    let process = process::id().to_string();
    let sent = Command::new("kill")
        .args(["-s", signal, &process])
        .status()?;
    if !sent.success() {
        bail!("the signal {signal} cannot be sent");
    }
    Ok(())
}
