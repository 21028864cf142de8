//! What `/readyz` and the metrics of a running service say, and that it is over by itself.

use blindtally::system::ServiceName;
use test_kit::World;

use super::{PAYMENTS, execute};

/// What the admin listener of a service answers.
async fn admin(world: &World, service: ServiceName, path: &str) -> String {
    let client = service_kit::tls::probe_client(std::time::Duration::from_secs(10)).unwrap();
    let admin = world.layout().listen(service).admin;
    let answer = client.get(format!("http://{admin}{path}")).send().await;
    answer.unwrap().text().await.unwrap()
}

/// `/readyz` of a service says `says` while it is `broken`, an alarm is raised, and it is ready again once it is
/// `mended`. Both are statements on the database at `url`.
pub(super) async fn is_told_and_over(
    (world, service): (&World, ServiceName),
    url: &str,
    (broken, mended): (&str, &str),
    (check, says): (&str, &str),
) {
    assert_eq!(admin(world, service, "/readyz").await, "ready\n");

    execute(url, broken).await;

    let failing = admin(world, service, "/readyz").await;
    assert!(
        failing.starts_with(&format!("failing: {check}: ")),
        "{failing}"
    );
    assert!(failing.contains(says), "{failing}");
    let metrics = admin(world, service, "/metrics").await;
    let alarm = format!("blindtally_alarm{{name=\"{check}\"}} 1");
    assert!(metrics.contains(&alarm), "{metrics}");

    execute(url, mended).await;
    assert_eq!(admin(world, service, "/readyz").await, "ready\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_service_says_that_a_topic_is_missing_and_is_ready_again_by_itself() {
    let world = World::start().await.unwrap();
    if world.engines().is_some() {
        // There, only an operator could take it away.
        return;
    }
    let log = format!("sqlite:{}", world.layout().file("event-log.db").display());
    let broken = "PRAGMA foreign_keys = OFF; UPDATE topic SET name = 'gone' WHERE name LIKE '%.payment.vote'";
    let vote = world.layout().vote_topic().unwrap();
    let mended =
        format!("PRAGMA foreign_keys = OFF; UPDATE topic SET name = '{vote}' WHERE name = 'gone'");

    let says = format!("no topic {vote}");
    is_told_and_over(
        (&world, PAYMENTS),
        &log,
        (broken, &mended),
        ("event-log", &says),
    )
    .await;
}
