//! A disk that runs full under load.

use std::time::{Duration, Instant};

use blindtally::system::{Layout, ServiceName};
use client::transport::{Answer, Request};
use http::StatusCode;
use messages::FundingSource;
use serde_json::json;
use test_kit::{disk::SmallDisk, fleet::Setup};
use tokio::time::sleep;

use super::scene::Scene;

/// Room for the databases of a test, and little more to fill. The unit is MiB.
const DISK_MEBIBYTES: u32 = 64;

/// How soon a full disk shows: what lies in caches and half-empty pages takes a few writes more.
const SHOWS_WITHIN: Duration = Duration::from_secs(20);

/// How long the disk then stays full under load.
const STAYS_FULL: Duration = Duration::from_secs(3);

/// Asks for an order, which has to be written.
async fn order(layout: &Layout) -> Answer {
    let sku = layout.sku_token(FundingSource::UserWallet).unwrap();
    let body = json!({"items": [{"sku": sku, "quantity": 4}]});
    let request = Request::post("/v1/orders", body.to_string().into_bytes());
    let payments = layout.transport(ServiceName::Payments).unwrap();
    payments.send(&request).await.unwrap()
}

/// Orders until one is refused, as it must be: for now, with a problem document.
async fn is_refused_clearly(layout: &Layout) {
    let deadline = Instant::now() + SHOWS_WITHIN;
    loop {
        let answer = order(layout).await;
        if answer.status != StatusCode::CREATED {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.problem().as_deref(), Some("not-ready"));
            return;
        }
        assert!(Instant::now() < deadline, "a full disk takes all orders");
    }
}

/// Fills the disk under load, and makes room again.
pub(super) async fn run_full(scene: Scene, disk: &SmallDisk) {
    sleep(STAYS_FULL).await;
    disk.fill().unwrap();
    is_refused_clearly(scene.fleet.layout()).await;
    sleep(STAYS_FULL).await;
    disk.make_room().unwrap();

    scene.settle().await;
}

/// A disk at `dir`.
pub(super) fn disk(dir: &std::path::Path) -> SmallDisk {
    SmallDisk::mount(dir, DISK_MEBIBYTES)
        .expect("a disk can be mounted: run this as root, or leave it out with `--skip a_full_disk`, as ./test does")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_for_now_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = disk(&dir.path().join("data"));
    let mut setup = Setup {
        on_files: true,
        ..Setup::default()
    };
    let journal = dir.path().join("journal.jsonl");
    // The custodian is somebody else, with a disk of its own.
    let custodian = &mut setup.profile.sandbox_custodian;
    custodian.set("journal_file", journal.display());

    run_full(Scene::start_in(dir.path(), setup).await, &disk).await;
}
