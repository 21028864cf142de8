//! What a client gets to see of a failure, and how much it may send (P3, P4).

use client::transport::Request;

use super::world::World;

/// What must never leave the process: the text of a panic, places in the source, names of crates.
const MARKS: [&str; 5] = ["planted-panic", "panicked", ".rs", "tokio", "src/"];

/// Whether the answer of the key directory's route shows anything of a panic.
async fn shows_a_panic(world: &World) -> bool {
    let layout = world.kit.layout();
    let tls = service_kit::tls::ClientTls {
        ca_file: layout.pki().ca(),
        ..Default::default()
    };
    let client = service_kit::tls::http_client(&tls, std::time::Duration::from_secs(10)).unwrap();
    let url = layout.url(blindtally::system::ServiceName::Payments);
    let answer = client
        .get(url.join("v1/key-directory").unwrap())
        .send()
        .await
        .unwrap();
    let headers = format!("{:?}", answer.headers());
    let status = answer.status();
    let body = answer.text().await.unwrap();
    let shown = MARKS
        .iter()
        .any(|mark| headers.contains(mark) || body.contains(mark));
    assert!(
        shown || status == http::StatusCode::INTERNAL_SERVER_ERROR,
        "{status}"
    );
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_panic_shows_nothing_and_the_service_goes_on() {
    let world = World::planted(|planted| {
        planted.payments.votes.directory_headers = |_| panic!("planted-panic at 7");
    })
    .await;

    assert!(!shows_a_panic(&world).await);
    let health = world.send(&Request::get("/health-check")).await;
    assert!(health.status.is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_control_the_text_of_a_panic_is_seen() {
    let world = World::planted(|planted| {
        planted.payments.votes.directory_headers = |_| {
            let text = http::HeaderValue::from_static("thread panicked: planted-panic at 7");
            http::HeaderMap::from_iter([(http::HeaderName::from_static("x-error"), text)])
        };
    })
    .await;

    assert!(shows_a_panic(&world).await);
}

/// The statuses of bodies above the limits of their routes.
async fn send_too_much(world: &World) -> Vec<u16> {
    let limits = [("/v1/orders", 16), ("/v1/votes", 16)];
    let mut statuses = Vec::new();
    for (path, kibibytes) in limits {
        let body = format!("{{\"vote\":\"{}\"}}", "A".repeat(kibibytes * 1_024));
        let answer = world.send(&Request::post(path, body.into_bytes())).await;
        statuses.push(answer.status.as_u16());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_body_above_the_limit_is_refused() {
    let world = World::start().await;

    assert_eq!(send_too_much(&world).await, [413, 413]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_control_with_another_limit_it_is_read() {
    let world = World::with_payments(|payments| {
        payments
            .set("orders.body_bytes_max", 1 << 20)
            .set("votes.body_bytes_max", 1 << 20);
    })
    .await;

    let statuses = send_too_much(&world).await;

    assert!(!statuses.contains(&413), "{statuses:?}");
}
