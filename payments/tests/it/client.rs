//! The client of challenge-bypass, against a server that answers all sorts of things.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body, response::Response, routing::any};
use blindtally::pki::Pki;
use clock::Clock;
use messages::{
    challenge_bypass::{RedemptionRequest, SigningResponse},
    encoding::Fixed,
    problem::{Problem, Slug},
};
use payments::challenge_bypass::{Client, Error, Unusable};
use service_kit::{Running, Service, service::HttpSettings};
use url::Url;

use crate::house::client_tls;

/// A server with the certificate of challenge-bypass that answers everything alike.
struct Liar {
    client: Client,
    running: Running,
    asked: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

impl Liar {
    async fn answering(status: u16, body: Vec<u8>) -> Self {
        let answer = move || {
            let answer = Response::builder().status(status);
            let answer = answer.header("location", "/elsewhere");
            answer.body(Body::from(body.clone())).unwrap()
        };
        Self::with(answer).await
    }

    async fn with(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::open(&folder.path().join("pki")).unwrap();
        let identity = pki.identity("challenge-bypass");
        let mut http = HttpSettings::loopback();
        http.listen.set_port(0);
        http.admin_listen.set_port(0);
        http.tls.certificate_file = identity.certificate;
        http.tls.key_file = identity.key;
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let count = move || {
            counter.fetch_add(1, Ordering::SeqCst);
            let answer = answer();
            async move { answer }
        };
        let api = Router::new().route("/{*path}", any(count));
        let service = Service::new("liar", api, http, Clock::system());
        let running = service.start().await.unwrap();
        let url = format!("https://{}", running.api_addr);
        let tls = client_tls(&pki, "payments-client");
        Self {
            client: Client::new(url.parse().unwrap(), &tls).unwrap(),
            running,
            asked,
            _folder: folder,
        }
    }

    async fn redeem(self) -> Error {
        self.redeem_counted().await.0
    }

    /// Redeems, and counts how often the server was asked.
    async fn redeem_counted(self) -> (Error, usize) {
        let request = RedemptionRequest {
            payload: String::new(),
            tokens: Vec::new(),
            replay_only: false,
            at_least: 0,
        };
        let error = self.client.redeem(&request).await.unwrap_err();
        self.running.stop().await.unwrap();
        (error, self.asked.load(Ordering::SeqCst))
    }
}

fn problem(slug: Slug, change: impl Fn(&mut Problem)) -> Vec<u8> {
    let mut problem = Problem::from(slug);
    change(&mut problem);
    serde_json::to_vec(&problem).unwrap()
}

#[tokio::test]
async fn a_refusal_that_the_api_knows_is_passed_on() {
    for slug in [
        Slug::TokenAlreadyRedeemed,
        Slug::KeyRevoked,
        Slug::RegistryBehind,
    ] {
        let liar = Liar::answering(slug.status(), problem(slug, |_| {})).await;

        assert!(matches!(liar.redeem().await, Error::Refused(found) if found == slug));
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_certain_is_no_refusal() {
    let unknown = |problem: &mut Problem| problem.kind.push_str("-of-another-kind");
    let foreign = |problem: &mut Problem| problem.kind = "about:blank".to_owned();
    for (status, body) in [
        (409, problem(Slug::TokenAlreadyRedeemed, unknown)),
        (409, problem(Slug::TokenAlreadyRedeemed, foreign)),
        (409, b"gone".to_vec()),
        // A proxy in between that repeats a document with a status of its own.
        (400, problem(Slug::TokenAlreadyRedeemed, |_| {})),
        (502, problem(Slug::TokenAlreadyRedeemed, |_| {})),
        (429, problem(Slug::TooManyRequests, |_| {})),
        (500, problem(Slug::Internal, |_| {})),
        (503, problem(Slug::Overloaded, |_| {})),
        (302, Vec::new()),
    ] {
        let error = Liar::answering(status, body.clone()).await.redeem().await;
        let body = String::from_utf8_lossy(&body);
        assert!(
            matches!(error, Error::Unreachable(Unusable::Status(_))),
            "{status} {body} {error:?}"
        );
    }
}

#[tokio::test]
async fn a_redemption_is_tried_once_whatever_becomes_of_it() {
    let problem = problem(Slug::Overloaded, |_| {});
    let refused = Liar::answering(503, problem).await;
    // The head of an answer, and then a connection that breaks.
    let cut = Liar::with(|| {
        let body = [Ok("{"), Err(io::Error::other("cut"))];
        Response::new(Body::from_stream(futures_util::stream::iter(body)))
    });

    for liar in [refused, cut.await] {
        let (error, asked) = liar.redeem_counted().await;
        assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_api_is_no_success() {
    let signed = serde_json::to_vec(&SigningResponse {
        public_key: Fixed([1; 32]),
        signed_tokens: vec![Fixed([2; 32])],
        batch_proof: Fixed([3; 64]),
    });
    let endless = vec![b' '; 9 * 1024 * 1024];
    for body in [b"{}".to_vec(), b"<html>".to_vec(), Vec::new(), endless] {
        let error = Liar::answering(200, body).await.redeem().await;
        assert!(
            matches!(error, Error::Unreachable(Unusable::Body)),
            "{error:?}"
        );
    }

    let liar = Liar::answering(200, signed.unwrap()).await;
    let two = vec![Fixed([4; 32]), Fixed([5; 32])];
    let error = liar
        .client
        .sign("issuer", Fixed([6; 32]), two)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unreachable(Unusable::Body)),
        "one signature for two points"
    );
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up_after_eight_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(&folder.path().join("pki")).unwrap();
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", mute.local_addr().unwrap());
    let url: Url = url.parse().unwrap();
    let client = Client::new(url, &client_tls(&pki, "payments-client")).unwrap();
    let begun = Instant::now();

    let error = client.key_directory().await.unwrap_err();

    assert!(matches!(error, Error::Unreachable(Unusable::Transport(_))));
    let took = begun.elapsed();
    assert!(
        took > Duration::from_secs(7) && took < Duration::from_secs(12),
        "{took:?}"
    );
}
