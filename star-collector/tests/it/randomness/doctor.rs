//! `star-collector randomness doctor`.

#[cfg(feature = "postgres")]
mod engines;

use clock::Clock;
use service_kit::{doctor::Report, secret::SecretFile};
use star_collector::randomness::doctor;

use super::app::{App, START};

async fn now(app: &App) -> Report {
    doctor::examine(&app.config(), &Clock::system()).await
}

/// What the findings are about that are not right.
fn wrong(report: &Report) -> Vec<&str> {
    let wrong = report.findings().iter().filter(|one| !one.right);
    wrong.map(|one| one.what.as_str()).collect()
}

#[tokio::test]
async fn the_doctor_finds_a_running_service_right_and_a_lost_key_wrong() {
    let app = App::start().await;
    let (clock, _simulation) = Clock::simulated(START.parse().unwrap());

    let report = now(&app).await;
    assert_eq!(wrong(&report), Vec::<&str>::new(), "{report:?}");
    let says = |report: &Report, what: &str| {
        let found = report.findings().iter().find(|one| one.what == what);
        found.map(|one| (one.right, one.says.clone())).unwrap()
    };
    let report = doctor::examine(&app.config(), &clock).await;
    let (right, epochs) = says(&report, "schedule");
    assert!(right);
    assert_eq!(epochs, "main is in epoch 3, other is in epoch 3");

    let mut config = app.config();
    let file = SecretFile::new(app.place.path("new.key"));
    file.create_key().unwrap();
    config.keys.sealing_key_file = file;
    let report = doctor::examine(&config, &clock).await;
    let (right, why) = says(&report, "keys");
    assert!(!right && why.contains("older_sealing_key_files"), "{why}");
}
