//! A small service, certificates for it, and clients.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use service_kit::{
    Problem, Running, Service,
    extract::{Json, Path, Query, body_limit},
    limits::Units,
    peer::Peer,
    service::HttpSettings,
    tls::{ClientTls, ServerTls, client_config},
};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A root, and the folder where everything made with it is.
pub(crate) struct Pki {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = root.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(root, key);
        Self { folder, issuer }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The files of a new certificate and its key.
    pub(crate) fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |kind| self.folder.path().join(format!("{name}.{kind}.pem"));
        std::fs::write(file("cert"), certificate.pem()).unwrap();
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        (file("cert"), file("key"))
    }

    /// What a client needs to call with a certificate for `name`, or with none.
    pub(crate) fn client(&self, name: Option<&str>) -> ClientTls {
        let (certificate_file, key_file) =
            name.map(|name| self.certificate(name)).unwrap_or_default();
        ClientTls {
            ca_file: self.ca_file(),
            certificate_file,
            key_file,
        }
    }
}

/// The small service, running.
pub(crate) struct World {
    pub(crate) pki: Pki,
    pub(crate) running: Running,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings that `change` has changed.
    pub(crate) async fn with(change: impl FnOnce(&mut HttpSettings)) -> Self {
        Self::with_service(change, |service| service).await
    }

    /// With a service that `build` has changed.
    pub(crate) async fn with_service(
        change: impl FnOnce(&mut HttpSettings),
        build: impl FnOnce(Service) -> Service,
    ) -> Self {
        let pki = Pki::new();
        let mut http = HttpSettings::loopback();
        http.tls = server_tls(&pki);
        change(&mut http);
        let service = build(Service::new("small", routes(), http, Clock::system()));
        let running = service.start().await.unwrap();
        Self { pki, running }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.api_addr
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address().port())
    }

    pub(crate) async fn admin(&self, path: &str) -> (StatusCode, String) {
        let url = format!("http://{}{path}", self.running.admin_addr);
        let client = service_kit::tls::probe_client(Duration::from_secs(5)).unwrap();
        let answer = client.get(url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) fn client(&self) -> reqwest::Client {
        self.client_at(1, None)
    }

    /// A client at 127.0.0.`host`, with a certificate for `name` or with none.
    pub(crate) fn client_at(&self, host: u8, name: Option<&str>) -> reqwest::Client {
        reqwest::Client::builder()
            .tls_backend_preconfigured(client_config(&self.pki.client(name)).unwrap())
            .no_proxy()
            .local_address(IpAddr::from([127, 0, 0, host]))
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client().get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client().post(self.url(path));
        let request = request.header("content-type", "application/json");
        request.body(body).send().await.unwrap()
    }

    /// A TLS connection to write to by hand.
    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_at(1).await.unwrap()
    }

    pub(crate) async fn connect_at(&self, host: u8) -> std::io::Result<TlsStream<TcpStream>> {
        let config = client_config(&self.pki.client(None)).unwrap();
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(Ipv4Addr::new(127, 0, 0, host).into(), 0))?;
        let stream = socket.connect(self.address()).await?;
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

/// The section `[http.tls]` of the small service. Client certificates are taken and not required.
fn server_tls(pki: &Pki) -> ServerTls {
    let (certificate_file, key_file) = pki.certificate("localhost");
    ServerTls {
        certificate_file,
        key_file,
        client_ca_file: pki.ca_file(),
        client_certificate_required: false,
        client_names: vec!["payments.test".into()],
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Echo {
    items: Vec<Item>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Item {
    quantity: u8,
}

#[derive(Deserialize)]
struct Page {
    number: u32,
}

fn routes() -> Router {
    Router::new()
        .route("/echo", post(async |Json(echo): Json<Echo>| Json(echo)))
        .route(
            "/large",
            post(async |Json(text): Json<String>| text.len().to_string())
                .layer(body_limit(64 * 1024)),
        )
        .route(
            "/items/{id}",
            get(async |Path(id): Path<u32>| id.to_string()),
        )
        .route(
            "/pages",
            get(async |Query(page): Query<Page>| page.number.to_string()),
        )
        .route("/panic", get(panics))
        .route("/peer", get(peer))
        .route("/slow/{millis}", get(slow))
        .route("/units/{count}", get(units))
}

async fn panics() -> String {
    panic!("a secret in a panic")
}

async fn peer(peer: Peer) -> String {
    peer.name().unwrap_or("nobody").to_owned()
}

async fn slow(Path(millis): Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    "done"
}

async fn units(units: Units, Path(count): Path<usize>) -> Result<&'static str, Problem> {
    units.charge(count)?;
    Ok("charged")
}

/// Checks that an answer is the problem `slug` and nothing else, and gives its document.
pub(crate) async fn assert_problem(answer: Response, slug: &str) -> serde_json::Value {
    let status = answer.status();
    let headers = answer.headers().clone();
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["type"], format!("urn:blindtally:problem:{slug}"));
    assert_eq!(body["status"], status.as_u16());
    assert_eq!(headers["content-type"], "application/problem+json");
    let retry = headers
        .get("retry-after")
        .map(|value| value.to_str().unwrap());
    match status.as_u16() {
        429 | 503 => assert!(["1", "5", "30", "120"].contains(&retry.unwrap())),
        _ => assert_eq!(retry, None),
    }
    body
}
