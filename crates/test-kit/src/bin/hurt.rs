//! A service's program that sends itself a signal at a fault point, and goes no further unless it is let.
//!
//! `hurt POINT TIMES SIGNAL PROGRAM…`: when it comes to POINT for the TIMES-th time, it sends itself SIGNAL. A POINT that
//! there is not is never come to. PROGRAM is one of
//!
//! * `payments FILE`, `tally FILE`: the service, with the settings in FILE;
//! * `aggregate CALENDAR ARGUMENT…`: `star-collector aggregate` at CALENDAR, which stands still.

use std::{
    path::PathBuf,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clock::Clock;
use serde::de::DeserializeOwned;
use service_kit::{config::Sources, fault::FaultPoints, telemetry};
use star_collector::aggregate::program_with;
use test_kit::process::send;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word = |what| words.next().with_context(|| format!("{what} is missing"));
    let (point, times) = (word("POINT")?, word("TIMES")?.parse()?);
    let faults = hurt(point, times, word("SIGNAL")?);
    match word("PROGRAM")?.as_str() {
        "payments" => payments(word("FILE")?.into(), faults).await,
        "tally" => tally(word("FILE")?.into(), faults).await,
        "aggregate" => {
            let (clock, _stands_still) =
                Clock::simulated(word("CALENDAR")?.parse::<DateTime<Utc>>()?);
            let deps = star_collector::Deps { clock, faults };
            program_with(words.map(Into::into).collect(), deps).await
        }
        other => bail!("there is no program {other}"),
    }
}

async fn payments(file: PathBuf, faults: FaultPoints) -> anyhow::Result<()> {
    let config: payments::Config = settings(payments::NAME, payments::config::DEFAULTS, file)?;
    telemetry::init(&config.log)?;
    let deps = payments::Deps {
        clock: Clock::system(),
        rules: payments::Rules {
            fault: faults,
            ..payments::Rules::default()
        },
    };
    payments::build(config, deps)
        .await?
        .run_until_signal()
        .await
}

async fn tally(file: PathBuf, faults: FaultPoints) -> anyhow::Result<()> {
    let config: tally::Config = settings(tally::config::SERVICE, tally::config::DEFAULTS, file)?;
    telemetry::init(&config.log_level)?;
    let deps = tally::Deps {
        rules: tally::Rules {
            faults,
            ..tally::Rules::default()
        },
        ..tally::Deps::system()
    };
    tally::build(config, deps).await?.run_until_signal().await
}

fn settings<T: DeserializeOwned>(
    service: &'static str,
    defaults: &'static str,
    file: PathBuf,
) -> anyhow::Result<T> {
    let sources = Sources::defaults(service, defaults).file(Some(file));
    Ok(sources.environment(std::env::vars()).load()?)
}

fn hurt(point: String, times: u64, signal: String) -> FaultPoints {
    let passed = AtomicU64::new(0);
    FaultPoints::planned(move |name| {
        if name == point && passed.fetch_add(1, Ordering::Relaxed) + 1 == times {
            // A killed process does not come back from here, and a stopped one when it is let go on.
            send(process::id(), &signal).expect("a process may signal itself");
        }
        Ok(())
    })
}
