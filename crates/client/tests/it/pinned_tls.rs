//! A4 and P1: whoever has not the pinned key gets nothing from the client.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use client::{
    Pin,
    transport::{PinnedHttps, Request, Transport as _},
};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::task::JoinSet;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A server that counts connections and answers each with two bytes of JSON.
struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
    /// Stops the server when it is dropped.
    _task: JoinSet<()>,
}

fn certificate(key: &KeyPair) -> CertificateDer<'static> {
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.self_signed(key).unwrap().der().clone()
}

async fn serve(certificate: CertificateDer<'static>, key: &KeyPair) -> Server {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    // Not `with_single_cert`, which refuses a certificate that is not for the key.
    let key = ring::sign::any_supported_type(&key).unwrap();
    let certified = CertifiedKey::new(vec![certificate], key);
    let resolver = Arc::new(SingleCertAndKey::from(certified));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let mut tasks = JoinSet::new();
    let answer_each = async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
            tasks.spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut bytes = [0; 4096];
                if stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    let _ = stream.write_all(answer).await;
                    // Left open: a client that keeps connections would use it again, in vain.
                    let _ = stream.read(&mut bytes).await;
                }
            });
        }
    };
    let mut task = JoinSet::new();
    task.spawn(answer_each);
    Server {
        port,
        requests,
        _task: task,
    }
}

fn client(server: &Server, pins: &[Pin]) -> PinnedHttps {
    let base = format!("https://localhost:{}", server.port);
    PinnedHttps::new(base.parse().unwrap(), pins).unwrap()
}

#[tokio::test]
async fn the_pinned_key_is_answered_also_under_a_renewed_certificate() {
    let key = KeyPair::generate().unwrap();
    let pin = Pin::of_certificate(&certificate(&key)).unwrap();
    let renewed = serve(certificate(&key), &key).await;

    let answer = client(&renewed, &[pin]).send(&Request::get("/")).await;

    assert_eq!(answer.unwrap().body, b"{}");
}

#[tokio::test]
async fn a_server_with_another_key_gets_no_request() {
    let (pinned, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let pin = Pin::of_certificate(&certificate(&pinned)).unwrap();
    let server = serve(certificate(&other), &other).await;

    let refused = client(&server, &[pin]).send(&Request::get("/")).await;

    assert!(refused.is_err());
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_pinned_certificate_without_its_key_is_not_enough() {
    let (pinned, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let copied = certificate(&pinned);
    let pin = Pin::of_certificate(&copied).unwrap();
    let server = serve(copied, &other).await;

    let refused = client(&server, &[pin]).send(&Request::get("/")).await;

    assert!(refused.is_err());
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn every_request_has_a_connection_of_its_own() {
    let key = KeyPair::generate().unwrap();
    let pin = Pin::of_certificate(&certificate(&key)).unwrap();
    let server = serve(certificate(&key), &key).await;
    let client = client(&server, &[pin]);

    for _ in 0..3 {
        client.send(&Request::get("/")).await.unwrap();
    }

    // The server answers one request on each connection and ignores the next.
    assert_eq!(server.requests.load(Ordering::SeqCst), 3);
}
