//! Work by the calendar, on a simulated one.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use clock::{Clock, Simulation};
use service_kit::{
    Running, Service,
    jobs::{Job, Next, next_daily},
    service::HttpSettings,
};

type Turn = fn(usize, DateTime<Utc>) -> anyhow::Result<Next>;

/// Notes when it ran, and does what `turn` says for the number of the turn.
struct Noted {
    clock: Clock,
    seen: Arc<Mutex<Vec<DateTime<Utc>>>>,
    turn: Turn,
}

#[async_trait]
impl Job for Noted {
    fn name(&self) -> &'static str {
        "noted"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let now = self.clock.now();
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(now);
            seen.len()
        };
        // Work that takes real time, in which the calendar must stand still.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        assert_eq!(self.clock.now(), now);
        (self.turn)(number, now)
    }
}

async fn run(turn: Turn) -> (Simulation, Running, Arc<Mutex<Vec<DateTime<Utc>>>>) {
    let (clock, simulation) = Clock::simulated("2026-01-01T10:00:00Z".parse().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let job = Noted {
        clock: clock.clone(),
        seen: Arc::clone(&seen),
        turn,
    };
    let service = Service::new("working", Router::new(), HttpSettings::loopback(), clock);
    let running = service.job(job).start().await.unwrap();
    (simulation, running, seen)
}

fn times(seen: &Mutex<Vec<DateTime<Utc>>>) -> Vec<String> {
    let seen = seen.lock().unwrap();
    seen.iter()
        .map(|time| time.format("%d %H:%M:%S").to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_at_the_start_and_then_when_it_said() {
    let (mut simulation, running, seen) = run(|_, now| Ok(Next::At(next_daily(now, 0, 5)))).await;

    simulation.run_for(TimeDelta::days(3)).await;

    assert_eq!(
        times(&seen),
        ["01 10:00:00", "02 00:05:00", "03 00:05:00", "04 00:05:00"]
    );
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_or_panics_is_repeated_after_a_growing_pause() {
    let (mut simulation, running, seen) = run(|number, _| match number {
        1 => anyhow::bail!("failed"),
        2 => panic!("on purpose"),
        3 | 4 => anyhow::bail!("failed again"),
        5 => Ok(Next::After(TimeDelta::hours(1))),
        6 => anyhow::bail!("and again"),
        _ => Ok(Next::Never),
    })
    .await;

    simulation.run_for(TimeDelta::days(1)).await;

    let failing = ["01 10:00:00", "01 10:00:05", "01 10:00:10", "01 10:00:15"];
    assert_eq!(times(&seen)[..4], failing);
    let longer = ["01 10:00:25", "01 11:00:25", "01 11:00:30"];
    assert_eq!(times(&seen)[4..], longer);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_a_job_that_sleeps() {
    let (mut simulation, running, seen) = run(|_, _| Ok(Next::After(TimeDelta::days(9)))).await;
    simulation.quiet().await;

    running.stop().await.unwrap();

    assert_eq!(seen.lock().unwrap().len(), 1);
    assert!(simulation.held_by().is_empty());
}

#[test]
fn the_next_daily_instant_is_after_now() {
    let at = |text: &str| next_daily(text.parse().unwrap(), 0, 30).to_rfc3339();

    assert_eq!(at("2026-02-28T00:29:59Z"), "2026-02-28T00:30:00+00:00");
    assert_eq!(at("2026-02-28T00:30:00Z"), "2026-03-01T00:30:00+00:00");
}
