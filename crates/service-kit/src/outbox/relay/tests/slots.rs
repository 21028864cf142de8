//! A slot is come to once, whoever relays: nothing that comes later is published before the next one.

use chrono::NaiveTime;
use clock::Simulation;

use super::*;

/// Fewer rows wait for the last slot of the day.
const ROWS_MIN: u64 = 5;

/// The parts of a relay with two slots a day, at 06:10 and 18:10, on a calendar of its own.
async fn parts_from(service: &Service, start: &str) -> (RelayParts, Simulation) {
    let (clock, simulation) = Clock::simulated(at(start));
    let slot = |hour| NaiveTime::from_hms_opt(hour, 10, 0).unwrap();
    let parts = RelayParts {
        clock,
        schedule: Schedule::Slots {
            slots: vec![slot(6), slot(18)],
            rows_min: ROWS_MIN,
        },
        ..parts(service, "log.db").await
    };
    (parts, simulation)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn run(relay: &mut Relay) -> Ran {
    relay.run_once().await.unwrap()
}

#[tokio::test]
async fn too_few_rows_wait_for_the_last_slot() {
    let service = Service::start().await;
    let (parts, mut calendar) = parts_from(&service, "2026-01-01T00:00:00Z").await;
    write(&service, 0..ROWS_MIN - 1).await;
    let mut relay = Relay::new(parts);
    let mut ran = Vec::new();

    for _ in 0..3 {
        calendar.run_until(relay.next_run()).await;
        ran.push(run(&mut relay).await);
        let next = 10 * ran.len() as u64;
        write(&service, next..next + ROWS_MIN).await;
    }

    assert_eq!(
        ran,
        [Ran::Published(0), Ran::Published(9), Ran::Published(5)]
    );
}

#[tokio::test]
async fn what_comes_after_a_slot_waits_for_the_next_one_whoever_relays_and_by_whichever_clock() {
    let service = Service::start().await;
    let (one, mut calendar) = parts_from(&service, "2026-01-01T12:00:00Z").await;
    let (other, mut behind) = parts_from(&service, "2026-01-01T12:00:00Z").await;
    let (mut one, mut other) = (Relay::new(one), Relay::new(other));
    write(&service, 0..3).await;
    calendar.run_until(at("2026-01-01T18:10:00Z")).await;
    behind.run_until(at("2026-01-01T18:09:57Z")).await;
    assert_eq!(run(&mut one).await, Ran::Published(3));

    write(&service, 3..4).await;

    assert_eq!(run(&mut other).await, Ran::Published(0));
    behind.run_until(at("2026-01-01T18:10:00Z")).await;
    assert_eq!(run(&mut other).await, Ran::Published(0));
    assert_eq!(run(&mut one).await, Ran::Published(0));
    behind.run_until(at("2026-01-02T18:10:00Z")).await;
    assert_eq!(run(&mut other).await, Ran::Published(1));
}

#[tokio::test]
async fn too_few_rows_at_a_slot_are_not_published_when_enough_are_there_a_moment_later() {
    let service = Service::start().await;
    let (parts, mut calendar) = parts_from(&service, "2026-01-01T00:00:00Z").await;
    let (mut one, mut other) = (Relay::new(parts.clone()), Relay::new(parts));
    write(&service, 0..ROWS_MIN - 1).await;
    calendar.run_until(at("2026-01-01T06:10:00Z")).await;
    assert_eq!(run(&mut one).await, Ran::Published(0));

    write(&service, 10..11).await;

    assert_eq!(run(&mut other).await, Ran::Published(0));
}

#[tokio::test]
async fn a_relay_that_fails_at_a_slot_goes_on_with_as_many_rows_as_waited_then() {
    for point in ["relay-positioned", "relay-published"] {
        let service = Service::start().await;
        let (parts, mut calendar) = parts_from(&service, "2026-01-01T12:00:00Z").await;
        write(&service, 0..25).await;
        let dying = RelayParts {
            faults: dies_at(point, 1),
            ..parts.clone()
        };
        let mut dying = Relay::new(dying);
        calendar.run_until(at("2026-01-01T18:10:00Z")).await;
        dying.run_once().await.unwrap_err();
        write(&service, 25..28).await;
        tokio::time::sleep(2 * parts.lease_lasts).await;

        // Another process, or the same one a moment later.
        run(&mut Relay::new(parts.clone())).await;

        assert_eq!(published(&*parts.log).await.len(), 25, "{point}");
        assert_eq!(parts.outbox.state().await.unwrap().waiting, 3, "{point}");
    }
}

#[tokio::test]
async fn a_slot_at_which_nobody_ran_is_made_up_for() {
    let service = Service::start().await;
    let (parts, mut calendar) = parts_from(&service, "2026-01-01T00:00:00Z").await;
    let mut before = Relay::new(parts.clone());
    calendar.run_until(at("2026-01-01T06:10:00Z")).await;
    assert_eq!(run(&mut before).await, Ran::Published(0));
    write(&service, 0..2).await;

    calendar.run_until(at("2026-01-01T18:15:00Z")).await;

    assert_eq!(run(&mut Relay::new(parts)).await, Ran::Published(2));
}

#[tokio::test]
async fn a_slot_that_a_clock_came_to_days_ahead_holds_nothing_up() {
    let service = Service::start().await;
    let (ahead, mut calendar) = parts_from(&service, "2026-01-05T12:00:00Z").await;
    let mut ahead = Relay::new(ahead);
    calendar.run_until(at("2026-01-05T18:10:00Z")).await;
    assert_eq!(run(&mut ahead).await, Ran::Published(0));
    write(&service, 0..1).await;

    let (parts, mut calendar) = parts_from(&service, "2026-01-01T12:00:00Z").await;
    let mut relay = Relay::new(parts);
    assert_eq!(run(&mut relay).await, Ran::Published(0));
    calendar.run_until(at("2026-01-01T18:10:00Z")).await;

    assert_eq!(run(&mut relay).await, Ran::Published(1));
}
