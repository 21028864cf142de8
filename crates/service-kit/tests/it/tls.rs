//! Who may connect.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use rustls::{HandshakeKind, client::Resumption};
use service_kit::{
    Service,
    service::{HttpSettings, StartError},
    tls::client_config,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::world::{Pki, World};

async fn mutual() -> World {
    World::with(|http| http.tls.client_certificate_required = true).await
}

#[tokio::test]
async fn a_listed_client_is_served_and_known_by_name() {
    let world = mutual().await;
    let client = world.client_at(1, Some("payments.test"));

    let answer = client.get(world.url("/peer")).send().await.unwrap();

    assert_eq!(answer.text().await.unwrap(), "payments.test");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let world = mutual().await;

    assert!(world.client().get(world.url("/peer")).send().await.is_err());
}

#[tokio::test]
async fn a_certificate_for_a_name_that_is_not_listed_is_refused() {
    let world = mutual().await;
    for name in [
        "tally.test",
        "payments.test.example",
        "x.payments.test",
        "*.test",
    ] {
        let client = world.client_at(1, Some(name));

        let answer = client.get(world.url("/peer")).send().await;

        assert!(answer.is_err(), "{name}");
    }
}

#[tokio::test]
async fn an_edge_is_nobody_where_certificates_are_optional_and_refused_where_they_let_in() {
    for required in [false, true] {
        let world = World::with(|http| {
            http.edge_names = vec!["edge.test".into()];
            http.tls.client_certificate_required = required;
        })
        .await;
        let edge = world.client_at(1, Some("edge.test"));

        let answer = edge.get(world.url("/peer")).send().await;

        if required {
            assert!(answer.is_err());
        } else {
            assert_eq!(answer.unwrap().text().await.unwrap(), "nobody");
        }
    }
}

#[tokio::test]
async fn a_certificate_from_another_root_is_refused() {
    let world = mutual().await;
    let other = Pki::new();
    let mut tls = other.client(Some("payments.test"));
    tls.ca_file = world.pki.ca_file();
    let client = service_kit::tls::http_client(&tls, Duration::from_secs(5)).unwrap();

    assert!(client.get(world.url("/peer")).send().await.is_err());
}

#[tokio::test]
async fn where_certificates_are_optional_none_is_needed() {
    let world = World::start().await;

    assert_eq!(world.get("/peer").await.text().await.unwrap(), "nobody");
}

#[tokio::test]
async fn a_server_with_a_certificate_of_another_root_is_refused_by_our_clients() {
    let world = World::start().await;
    let other = Pki::new();
    let tls = other.client(None);
    let client = service_kit::tls::http_client(&tls, Duration::from_secs(5)).unwrap();

    assert!(client.get(world.url("/peer")).send().await.is_err());
}

#[tokio::test]
async fn no_session_is_resumed_even_when_the_client_wants_to() {
    let world = World::start().await;
    for versions in [&[&rustls::version::TLS13], &[&rustls::version::TLS12]] {
        let mut config = rustls::ClientConfig::builder_with_provider(service_kit::tls::provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots(&world))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(8);
        let config = Arc::new(config);
        for _ in 0..3 {
            let stream = TcpStream::connect(world.address()).await.unwrap();
            let connector = TlsConnector::from(Arc::clone(&config));
            let name = "localhost".try_into().unwrap();
            let mut stream = connector.connect(name, stream).await.unwrap();
            let request = b"GET /peer HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("nobody"), "{answer}");
            assert_eq!(
                stream.get_ref().1.handshake_kind(),
                Some(HandshakeKind::Full)
            );
            assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
        }
    }
}

fn roots(world: &World) -> rustls::RootCertStore {
    use rustls_pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    let file = world.pki.ca_file();
    for root in rustls_pki_types::CertificateDer::pem_file_iter(file).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    roots
}

#[tokio::test]
async fn handshakes_that_never_come_do_not_keep_others_waiting() {
    let world = World::start().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(world.address()).await.unwrap());
    }

    let answer = tokio::time::timeout(Duration::from_secs(5), world.get("/items/7")).await;

    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_cut() {
    let world = World::with(|http| http.handshake_timeout_seconds = 1).await;
    let mut silent = TcpStream::connect(world.address()).await.unwrap();

    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut rest)).await;

    assert!(read.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn without_tls_only_loopback_is_served() {
    let mut http = HttpSettings::loopback();
    http.listen = (Ipv4Addr::UNSPECIFIED, 0).into();
    let service = Service::new("open", axum::Router::new(), http, clock::Clock::system());

    let started = service.start().await;

    assert!(matches!(started, Err(StartError::NoTls(_))));
}

#[tokio::test]
async fn required_client_certificates_without_a_root_do_not_start() {
    let pki = Pki::new();
    let mut http = HttpSettings::loopback();
    (http.tls.certificate_file, http.tls.key_file) = pki.certificate("localhost");
    http.tls.client_certificate_required = true;
    let service = Service::new("open", axum::Router::new(), http, clock::Clock::system());

    assert!(matches!(service.start().await, Err(StartError::Tls(_))));
}

#[test]
fn files_that_hold_no_certificate_are_named() {
    let pki = Pki::new();
    let mut tls = pki.client(None);
    tls.ca_file = pki.certificate("x.test").1;

    let error = client_config(&tls).unwrap_err().to_string();

    assert!(
        error.contains("x.test.key.pem holds no certificate"),
        "{error}"
    );
}
