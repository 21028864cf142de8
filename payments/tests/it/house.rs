//! payments and challenge-bypass on loopback, with certificates of their own and a simulated calendar.

use blindtally::{
    pki::Pki,
    system::{Layout, Planted, Profile, ServiceName},
};
use chrono::{DateTime, Utc};
use client::tokens::{Blinding, Unspent};
use clock::{Clock, Simulation};
use messages::{
    encoding::Fixed,
    payments::{VoteCredential, VoteRequest},
    problem::{Problem, Slug},
    vote_text::VoteText,
};
use payments::{
    Rules,
    challenge_bypass::{CALL_TIMEOUT, Client},
    store::votes::{SqliteVotes, Store as _, VotesDatabase as _},
    votes::VoteRules,
};
use rand::{RngCore as _, rngs::OsRng};
use serde::Serialize;
use service_kit::{
    Running,
    tls::{ClientTls, client_config, http_client},
};
use sqlx::Connection as _;

/// The issuer of votes that users pay themselves.
pub(crate) const WALLET: &str = "brave.com?sku=user-wallet-vote";
/// The issuer of votes that grants pay.
pub(crate) const CARD: &str = "brave.com?sku=anon-card-vote";

/// What a test wants to be different.
#[derive(Clone, Default)]
pub(crate) struct Wish {
    /// Settings of payments over those of the house.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// The rules of payments.
    pub(crate) rules: Rules,
}

/// A running house.
pub(crate) struct House {
    pub(crate) simulation: Simulation,
    /// `None` while it is down.
    pub(crate) payments: Option<Running>,
    /// `None` while it is down.
    pub(crate) challenge_bypass: Option<Running>,
    /// Calls challenge-bypass as payments does.
    pub(crate) issuer: Client,
    pub(crate) layout: Layout,
    pub(crate) clock: Clock,
    pub(crate) http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// An answer of payments.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl House {
    /// A house at noon of 2026-01-05, whose keys sign and sell at once.
    pub(crate) async fn start() -> Self {
        Self::with(Wish::default()).await
    }

    pub(crate) async fn with(wish: Wish) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::open(folder.path(), profile(&wish)).unwrap();
        let start: DateTime<Utc> = "2026-01-05T12:00:00Z".parse().unwrap();
        let (clock, simulation) = Clock::simulated(start);
        let planted = Planted {
            payments: wish.rules,
            ..Planted::default()
        };
        let challenge_bypass = run(&layout, ServiceName::ChallengeBypass, &clock, &planted).await;
        let payments = run(&layout, ServiceName::Payments, &clock, &planted).await;
        let url = layout.url(ServiceName::ChallengeBypass);
        let mut house = Self {
            issuer: Client::new(url, &client_tls(layout.pki(), "payments-client")).unwrap(),
            http: http_client(&no_certificate(layout.pki()), CALL_TIMEOUT * 4).unwrap(),
            challenge_bypass: Some(challenge_bypass),
            simulation,
            payments: Some(payments),
            layout,
            clock,
            _folder: folder,
        };
        // The issuers are made and the first head is signed.
        house
            .simulation
            .run_for(chrono::TimeDelta::minutes(1))
            .await;
        house
    }

    fn payments(&self) -> &Running {
        self.payments.as_ref().unwrap()
    }

    /// Stops payments.
    pub(crate) async fn stop_payments(&mut self) {
        self.payments.take().unwrap().stop().await.unwrap();
    }

    /// Starts it again, where it was.
    pub(crate) async fn start_payments(&mut self) {
        let (name, planted) = (ServiceName::Payments, Planted::default());
        self.payments = Some(run(&self.layout, name, &self.clock, &planted).await);
    }

    /// Stops challenge-bypass.
    pub(crate) async fn stop_challenge_bypass(&mut self) {
        self.challenge_bypass.take().unwrap().stop().await.unwrap();
    }

    /// Starts it again, where it was.
    pub(crate) async fn start_challenge_bypass(&mut self) {
        let (name, planted) = (ServiceName::ChallengeBypass, Planted::default());
        let running = run(&self.layout, name, &self.clock, &planted).await;
        self.challenge_bypass = Some(running);
    }

    /// Tokens of an issuer, signed and unblinded, without the trouble of paying for them.
    pub(crate) async fn tokens(&self, issuer: &str, count: usize) -> Vec<Unspent> {
        let blinding = Blinding::random(count, &mut OsRng);
        let mut id = [0; 32];
        OsRng.fill_bytes(&mut id);
        let points = blinding.points().unwrap();
        let signed = self.issuer.sign(issuer, Fixed(id), points).await.unwrap();
        blinding
            .unblind(
                &signed.signed_tokens,
                &signed.batch_proof,
                &signed.public_key,
            )
            .unwrap()
    }

    /// Sends a JSON body to payments.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        self.post_bytes(path, "application/json", body).await
    }

    pub(crate) async fn post_bytes(&self, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let call = self.http.post(self.url(path)).header("content-type", kind);
        answer(call.body(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.http.get(self.url(path))).await
    }

    pub(crate) async fn get_with(&self, path: &str, header: (&str, &str)) -> Answer {
        answer(self.http.get(self.url(path)).header(header.0, header.1)).await
    }

    /// Asks the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.payments().admin_addr);
        let tls = client_config(&no_certificate(self.layout.pki())).unwrap();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy();
        answer(http.build().unwrap().get(url)).await
    }

    /// Has challenge-bypass do something that payments never asks for.
    pub(crate) async fn operate(&self, path: &str) {
        let tls = client_tls(self.layout.pki(), "payments-client");
        let http = http_client(&tls, CALL_TIMEOUT).unwrap();
        let url = self
            .layout
            .url(ServiceName::ChallengeBypass)
            .join(path)
            .unwrap();
        let call = http.post(url);
        assert_eq!(answer(call).await.status, 200);
    }

    /// How many votes wait to be published, and how many tokens stand behind recorded ones.
    pub(crate) async fn recorded(&self) -> (u64, u64) {
        let file = self.layout.file("payments-votes.db");
        let url = format!("sqlite:{}", file.display());
        let store = SqliteVotes::open(&url, String::new(), VoteRules::default())
            .await
            .unwrap();
        let counts = store.key_counts().await.unwrap();
        let waiting = store.outbox().state().await.unwrap().waiting;
        store.db().close().await;
        (
            waiting,
            counts.iter().map(|count| count.tokens_counted).sum(),
        )
    }

    /// Lets so many orders have been signed under a key on a day, without anybody having paid.
    pub(crate) async fn signed_orders(&self, key: messages::KeyId, day: &str, orders: u32) {
        let file = self.layout.file("payments-orders.db");
        let url = format!("sqlite:{}", file.display());
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("INSERT INTO key_day_orders (key_id, day, orders) VALUES (?1, ?2, ?3)")
            .bind(&key.as_bytes()[..])
            .bind(day)
            .bind(orders)
            .execute(&mut database)
            .await
            .unwrap();
        database.close().await.unwrap();
    }

    /// Lets so many votes have been sold to users, without anybody having paid.
    pub(crate) async fn sold(&self, votes: u32) {
        let file = self.layout.file("payments-orders.db");
        let url = format!("sqlite:{}", file.display());
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(
            "INSERT INTO funds_totals (source, value, currency, received, votes_sold)
             VALUES ('user-wallet', '0.25', 'BAT', ?1, ?2)",
        )
        .bind((f64::from(votes) / 4.0).to_string())
        .bind(votes)
        .execute(&mut database)
        .await
        .unwrap();
        database.close().await.unwrap();
    }

    /// How many tokens challenge-bypass has spent.
    pub(crate) async fn redeemed(&self) -> u64 {
        let mut total = 0;
        for name in [WALLET, CARD] {
            let issuer = self.issuer.issuer(name).await.unwrap();
            total += issuer
                .keys
                .iter()
                .map(|key| key.redeemed_total)
                .sum::<u64>();
        }
        total
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!(
            "https://127.0.0.1:{}{path}",
            self.payments().api_addr.port()
        )
    }
}

impl Answer {
    /// The problem it is, when its status is that problem's.
    pub(crate) fn slug(&self) -> Option<Slug> {
        self.problem()
            .slug()
            .filter(|slug| slug.status() == self.status)
    }

    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(
            self.headers.get("content-type").unwrap(),
            "application/problem+json"
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The pointer to the first member that is wrong.
    pub(crate) fn pointer(&self) -> String {
        let problem = self.problem();
        problem
            .invalid
            .first()
            .map(|invalid| invalid.field.clone())
            .unwrap_or_default()
    }
}

/// The text of a vote, as sent.
pub(crate) fn text(channel: &str) -> String {
    let text = format!(r#"{{"channel":"{channel}","type":"auto-contribute"}}"#);
    text.parse::<VoteText>().unwrap().to_base64()
}

/// A vote with these tokens.
pub(crate) fn vote(channel: &str, tokens: &[Unspent]) -> VoteRequest {
    let vote = text(channel);
    let credentials = tokens.iter().map(|token| token.sign(&vote)).collect();
    VoteRequest { vote, credentials }
}

/// A vote with these credentials, whatever they sign.
pub(crate) fn vote_of(channel: &str, credentials: &[VoteCredential]) -> VoteRequest {
    VoteRequest {
        vote: text(channel),
        credentials: credentials.to_vec(),
    }
}

pub(crate) fn client_tls(pki: &Pki, name: &str) -> ClientTls {
    let identity = pki.identity(name);
    ClientTls {
        ca_file: pki.ca(),
        certificate_file: identity.certificate,
        key_file: identity.key,
    }
}

fn no_certificate(pki: &Pki) -> ClientTls {
    ClientTls {
        ca_file: pki.ca(),
        ..ClientTls::default()
    }
}

/// The defaults, with keys that sign and sell at once, and no limit on how fast one address may ask.
fn profile(wish: &Wish) -> Profile {
    let mut profile = Profile::default();
    profile.every.set("http.rate_limit.units_per_minute", 0);
    profile.every.set("http.connections_per_client_max", 1_024);
    profile.challenge_bypass.set("keys.notice_hours", 0);
    profile
        .payments
        .set("directory.key_notice_hours", 0)
        .set("directory.directory_poll_minutes", 60);
    for (name, value) in &wish.settings {
        profile.payments.set(name, value);
    }
    profile
}

pub(crate) async fn run(
    layout: &Layout,
    name: ServiceName,
    clock: &Clock,
    planted: &Planted,
) -> Running {
    let (service, _) = layout.build(name, clock.clone(), planted).await.unwrap();
    service.start().await.unwrap()
}

pub(crate) async fn answer(call: reqwest::RequestBuilder) -> Answer {
    let response = call.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}
