use std::time::{Duration, Instant};

use chrono::TimeDelta;
use clock::Clock;

#[tokio::test]
async fn the_machines_calendar_sleeps_really() {
    let clock = Clock::system();
    let mut busy = clock.busy();
    let before = Instant::now();

    busy.sleep(TimeDelta::milliseconds(30)).await;
    busy.sleep_until(clock.now() - TimeDelta::days(1)).await;

    assert!(before.elapsed() >= Duration::from_millis(29));
    assert!(before.elapsed() < Duration::from_secs(20));
}

#[test]
fn real_time_is_the_machines() {
    let apart = clock::real::unix_millis() - Clock::system().now().timestamp_millis();

    assert!(apart.abs() < 10_000, "{apart}");
    assert!(!Clock::system().is_simulated());
}
