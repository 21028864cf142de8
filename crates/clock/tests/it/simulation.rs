#![expect(
    clippy::disallowed_methods,
    reason = "a test may leave its tasks behind"
)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use clock::{Busy, Clock, Simulation};

fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

fn world() -> (Clock, Simulation) {
    Clock::simulated(start())
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

/// Starts a task that does what `work` says while it holds a guard made before it runs.
fn task<F: Future<Output = ()> + Send + 'static>(
    clock: &Clock,
    work: impl FnOnce(Busy) -> F,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(work(clock.busy()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calendar_stands_still_without_a_waiter_and_jumps_to_the_end() {
    let (clock, mut simulation) = world();
    assert_eq!(clock.now(), start());

    simulation.run_for(TimeDelta::days(31)).await;

    assert_eq!(clock.today().to_string(), "2026-02-01");
    assert!(clock.is_simulated());
}

#[tokio::test(flavor = "multi_thread")]
async fn waiters_wake_in_the_order_of_their_instants_and_see_them() {
    let (clock, mut simulation) = world();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for minute in [30_i64, 5, 20, 1, 11] {
        let (seen, now) = (Arc::clone(&seen), clock.clone());
        task(&clock, async move |mut busy| {
            busy.sleep(minutes(minute)).await;
            seen.lock().unwrap().push((minute, now.now()));
        });
    }

    simulation.run_for(minutes(25)).await;
    let expected: Vec<_> = [1, 5, 11, 20].map(|m| (m, start() + minutes(m))).into();
    assert_eq!(*seen.lock().unwrap(), expected);

    simulation.run_for(minutes(5)).await;
    assert_eq!(seen.lock().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_while_somebody_is_busy() {
    let (clock, mut simulation) = world();
    let guard = clock.busy();
    let woken = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&woken);
    task(&clock, async move |mut busy| {
        busy.sleep(minutes(1)).await;
        flag.store(true, SeqCst);
    });

    let run = simulation.run_for(minutes(2));
    let hurried = tokio::time::timeout(Duration::from_millis(100), run).await;

    assert!(hurried.is_err(), "it moved under a busy guard");
    assert_eq!(clock.now(), start());
    assert!(!woken.load(SeqCst));
    assert_eq!(simulation.held_by().len(), 1);
    assert!(simulation.held_by()[0].contains("simulation.rs"));

    drop(guard);
    simulation.run_for(minutes(2)).await;
    assert!(woken.load(SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_after_waking_is_done_before_the_calendar_moves_on() {
    let (clock, mut simulation) = world();
    let now = clock.clone();
    task(&clock, async move |mut busy| {
        busy.sleep(minutes(1)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(now.now(), start() + minutes(1));
    });
    let late = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&late);
    let second = task(&clock, async move |mut busy| {
        busy.sleep(minutes(2)).await;
        flag.store(true, SeqCst);
    });

    simulation.run_for(minutes(2)).await;

    assert!(late.load(SeqCst), "the run ended before its last waiter");
    second.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_waiters_of_one_instant_all_wake_in_it() {
    let (clock, mut simulation) = world();
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..500 {
        let (count, now) = (Arc::clone(&count), clock.clone());
        task(&clock, async move |mut busy| {
            busy.sleep_until(start() + minutes(7)).await;
            if now.now() == start() + minutes(7) {
                count.fetch_add(1, SeqCst);
            }
        });
    }

    simulation.run_for(minutes(7)).await;

    assert_eq!(count.load(SeqCst), 500);
    assert_eq!(simulation.next_waiter(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_sleep_counts_as_busy_again_and_leaves_no_waiter() {
    let (clock, mut simulation) = world();
    let mut busy = clock.busy();
    let slept = tokio::time::timeout(Duration::from_millis(20), busy.sleep(minutes(1))).await;

    assert!(slept.is_err());
    assert_eq!(simulation.next_waiter(), None);
    assert_eq!(simulation.held_by().len(), 1);

    drop(busy);
    simulation.run_for(minutes(5)).await;
    assert_eq!(clock.now(), start() + minutes(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_dropped_in_the_instant_of_its_waking_does_not_hold_the_simulation_up() {
    for _ in 0..200 {
        let (clock, mut simulation) = world();
        let sleeper = task(&clock, async move |mut busy| {
            busy.sleep(minutes(1)).await;
        });
        let abort = sleeper.abort_handle();

        let (_, ()) = tokio::join!(
            tokio::spawn(async move { abort.abort() }),
            simulation.run_for(minutes(2)),
        );

        assert_eq!(clock.now(), start() + minutes(2));
        assert!(simulation.held_by().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_waiting_does_not_hold_the_simulation_up() {
    let (clock, mut simulation) = world();
    let (send, receive) = tokio::sync::oneshot::channel();
    let heard = task(&clock, async move |mut busy| {
        busy.while_idle(receive).await.unwrap();
    });

    simulation.run_for(minutes(3)).await;
    assert_eq!(clock.now(), start() + minutes(3));

    send.send(()).unwrap();
    heard.await.unwrap();
    simulation.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_handed_on_keeps_the_calendar_still() {
    let (clock, mut simulation) = world();
    let now = clock.clone();
    task(&clock, async move |mut busy| {
        busy.sleep(minutes(1)).await;
        let child = busy.another();
        drop(busy);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert_eq!(now.now(), start() + minutes(1));
            drop(child);
        });
    });

    simulation.run_for(minutes(9)).await;

    assert_eq!(clock.now(), start() + minutes(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wakes_of_twenty_tasks_all_come() {
    let (clock, mut simulation) = world();
    let wakes = Arc::new(AtomicUsize::new(0));
    for actor in 0..20_i64 {
        let wakes = Arc::clone(&wakes);
        task(&clock, async move |mut busy| {
            for _ in 0..500 {
                busy.sleep(TimeDelta::seconds(60 + actor)).await;
                wakes.fetch_add(1, SeqCst);
            }
        });
    }

    simulation.run_for(TimeDelta::days(31)).await;

    assert_eq!(wakes.load(SeqCst), 10_000);
}
