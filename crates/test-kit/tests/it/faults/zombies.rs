//! A process that is held while another takes over its work, and wakes up later.

use std::{fs, time::Duration};

use blindtally::system::ServiceName;
use test_kit::fleet::{LEASE_SECONDS, Setup};
use tokio::time::sleep;

use super::scene::Scene;

/// How often each kind is held.
const ROUNDS: usize = 4;

/// A service that starts begins its work within so many milliseconds.
const AT_WORK_MILLIS: u64 = 1_500;

/// The other has started, the lease is over, and it has taken it.
const HELD: Duration = Duration::from_secs(LEASE_SECONDS + 4);

/// How often a process found itself shut out, by its log.
fn shut_out(scene: &Scene, service: ServiceName) -> usize {
    let logs = (0..scene.fleet.copies(service)).map(|copy| {
        let log = scene.fleet.layout().file(&format!("{service}-{copy}.log"));
        fs::read_to_string(log).unwrap()
    });
    let signs = [
        "another publisher took over",
        "taken over by another process",
        "another process has taken the batch",
    ];
    let is_sign = |line: &&str| signs.iter().any(|sign| line.contains(sign));
    logs.map(|log| log.lines().filter(is_sign).count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_or_consumer_that_wakes_up_late_neither_repeats_nor_loses_anything() {
    let setup = Setup {
        copies: 2,
        ..Setup::default()
    };
    let mut scene = Scene::start(setup).await;

    for _ in 0..ROUNDS {
        for zombie in [ServiceName::Payments, ServiceName::Tally] {
            // Whoever starts begins with what waits, and is held in the middle of it.
            scene.renew(zombie, 0).await;
            scene.pause(AT_WORK_MILLIS).await;
            let held = scene.fleet.process(zombie, 0).unwrap();
            held.signal("STOP").await.unwrap();
            // This one publishes what waits, so that there is something to take over. Whoever is held may have locked
            // the file that it starts on.
            scene.renew(ServiceName::Payments, 1).await;
            sleep(HELD).await;
            let held = scene.fleet.process(zombie, 0).unwrap();
            held.signal("CONT").await.unwrap();
            scene.heal().await;
        }
    }

    println!(
        "shut out: {} relays, {} consumers",
        shut_out(&scene, ServiceName::Payments),
        shut_out(&scene, ServiceName::Tally)
    );
    scene.settle().await;
}
