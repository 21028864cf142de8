//! Somebody in the middle, and callers who are not payments (A4, P1, P10).

use std::time::Duration;

use blindtally::system::ServiceName;
use client::transport::{PinnedHttps, Request, Transport as _};
use service_kit::tls::{ClientTls, http_client};

use super::world::World;

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks whoever listens where tally does, believing `pinned`'s key only: as if tally's machine stood
/// between a browser and payments, with a certificate that the same authority signed.
async fn ask_the_middle(world: &World, pinned: ServiceName) -> bool {
    let layout = world.kit.layout();
    let pins = [layout.pin(pinned).unwrap()];
    let middle = PinnedHttps::new(layout.url(ServiceName::Tally), &pins).unwrap();
    middle
        .send(&Request::get("/v1/directory-heads"))
        .await
        .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_p1_a_browser_talks_to_nobody_but_the_pinned_key() {
    let world = World::start().await;

    assert!(!ask_the_middle(&world, ServiceName::Payments).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_p1_control_a_browser_that_pins_the_middle_talks_to_it() {
    let world = World::start().await;

    assert!(ask_the_middle(&world, ServiceName::Tally).await);
}

/// Whether challenge-bypass answers somebody with this certificate.
async fn is_let_in(world: &World, identity: Option<&str>) -> bool {
    let layout = world.kit.layout();
    let mut tls = ClientTls {
        ca_file: layout.pki().ca(),
        ..ClientTls::default()
    };
    if let Some(name) = identity {
        let own = layout.pki().identity(name);
        (tls.certificate_file, tls.key_file) = (own.certificate, own.key);
    }
    let url = layout
        .url(ServiceName::ChallengeBypass)
        .join("v4/key-directory");
    let client = http_client(&tls, PATIENCE).unwrap();
    let answer = client.get(url.unwrap()).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_p10_challenge_bypass_lets_in_nobody_but_payments() {
    let world = World::start().await;

    assert!(!is_let_in(&world, None).await, "no certificate");
    // The same authority signed these; their names are not allowed.
    assert!(
        !is_let_in(&world, Some("tally")).await,
        "tally's certificate"
    );
    assert!(
        !is_let_in(&world, Some("sandbox-custodian")).await,
        "the custodian's certificate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_p10_control_whoever_has_payments_certificate_is_let_in() {
    let world = World::start().await;

    assert!(is_let_in(&world, Some("payments-client")).await);
}
