//! A machine's clock that is set by hours, forwards and backwards, while our services run. The custodian's clock is right: a
//! transfer that it made by a clock that is then set back by hours would stay under way for as long.

use blindtally::system::ServiceName;
use chrono::TimeDelta;
use test_kit::{fleet::Setup, jumps::Jumps};

use super::scene::{Scene, several};

/// How far the clock is ahead of the truth, jump by jump. The last one puts it right.
const HOURS: [i64; 6] = [5, -5, 20, 3, -20, 0];

/// How many milliseconds it stays there at most.
const STAYS_MILLIS_MAX: u64 = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_by_hours_loses_nothing_and_counts_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let jumps = Jumps::new(dir.path()).unwrap();
    let setup = Setup {
        environment: jumps.environment(),
        ..several()
    };
    let mut scene = Scene::start_in(dir.path(), setup).await;

    for hours in HOURS {
        scene.pause(STAYS_MILLIS_MAX).await;
        // A relay that dies with its lease leaves a time in the database that the clock may go back behind.
        scene.renew(ServiceName::Payments, 0).await;
        scene.pause(STAYS_MILLIS_MAX).await;
        scene.renew(ServiceName::Payments, 0).await;
        jumps.set(TimeDelta::hours(hours)).unwrap();
        scene.heal().await;
    }

    scene.settle().await;
}
