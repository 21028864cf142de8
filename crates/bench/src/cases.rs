//! The benchmarks.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use blindtally::system::ServiceName;
use challenge_bypass_ristretto::voprf::SigningKey;
use messages::{
    challenge_bypass::RedemptionRequest,
    payments::{VoteCredential, VoteRequest},
};
use rand::rngs::OsRng;

use crate::{
    floor::{self, Redemption},
    load::Connections,
    report::{Plan, Report, Round},
    server::Servers,
    stage::EngineSet,
    tokens::{self, Spendable},
};

/// The issuer that payments makes when it starts, percent-encoded.
const ISSUER: &str = "brave.com%3Fsku=user-wallet-vote";

/// What the issuer of the benchmarks without payments is.
const TERMS: &str = r#"{"fundingSource":"user-wallet","sku":"user-wallet-vote","price":"0.25",
    "currency":"BAT","keyPeriod":"P30D","redeemablePeriods":2,"derivation":"rfc9497"}"#;

/// What is voted for, in base64 as it is signed.
const VOTE: &str = r#"{"channel":"brave.com","type":"auto-contribute"}"#;

/// What is counted here.
const TOKENS: &str = "tokens";

/// Requests of a turn: enough for a second of CPU time or so, which is counted in hundredths.
const ISSUE_REQUESTS: usize = 300;
const REDEEM_TOKENS: usize = 6_000;
const VOTES: usize = 800;

fn signatures() -> String {
    format!("v4/issuers/{ISSUER}/signatures")
}

/// Signing, 40 tokens in a request.
pub async fn issue(engines: EngineSet, rounds: usize) -> anyhow::Result<Report> {
    let plan = Plan {
        bench: "issue",
        engines,
        unit: TOKENS,
        per_request: 40,
        connections: 8,
        target: Some(0.8),
    };
    let (servers, connections) = challenge_bypass(engines, plan.connections).await?;
    let points = tokens::blinded(ISSUE_REQUESTS * plan.per_request)?;
    let points: Vec<_> = points.into_iter().map(|(_, point)| point).collect();
    let batches = points.chunks(plan.per_request).map(<[_]>::to_vec);
    let batches: Vec<_> = batches.collect();
    let key = Arc::new(SigningKey::random(&mut OsRng));

    let mut measured = Vec::new();
    for number in 0..=rounds {
        let bodies = batches.iter().map(|batch| tokens::signing_request(batch));
        let bodies = bodies.collect::<anyhow::Result<_>>()?;
        let turn = Turn {
            number,
            tokens: points.len(),
            path: &signatures(),
            expected: "batchProof",
        };
        let parts = floor::parts(&batches)
            .into_iter()
            .map(|part| (Arc::clone(&key), part));
        let floor = floor::measure(parts.collect(), |(key, part)| floor::sign(&key, &part));
        measured.push(turn.take(&servers, &connections, bodies, floor).await?);
    }
    Ok(Report::new(plan, warm(&measured)))
}

/// Redemption with so many tokens in a request.
pub async fn redeem(
    engines: EngineSet,
    tokens_per_request: usize,
    rounds: usize,
) -> anyhow::Result<Report> {
    let plan = Plan {
        bench: "redeem",
        engines,
        unit: TOKENS,
        per_request: tokens_per_request,
        connections: 32,
        target: Some(match (engines, tokens_per_request) {
            (EngineSet::Embedded, 1) => 0.3,
            (EngineSet::Embedded, _) => 0.6,
            (EngineSet::Real, 1) => 0.25,
            (EngineSet::Real, _) => 0.5,
        }),
    };
    let (servers, connections) = challenge_bypass(engines, plan.connections).await?;
    let payload = encoded_vote();
    let floor = FloorOfRedemptions::new(REDEEM_TOKENS, &payload)?;

    let mut measured = Vec::new();
    for number in 0..=rounds {
        let minted = tokens::mint(&connections, &signatures(), REDEEM_TOKENS).await?;
        let bodies = redemptions(&minted, tokens_per_request, &payload)?;
        let turn = Turn {
            number,
            tokens: REDEEM_TOKENS,
            path: "v4/redemptions",
            expected: "first",
        };
        measured.push(
            turn.take(&servers, &connections, bodies, floor.measure())
                .await?,
        );
    }
    Ok(Report::new(plan, warm(&measured)))
}

/// The bodies of requests that redeem `tokens`, so many each.
fn redemptions(
    tokens: &[Spendable],
    per_request: usize,
    payload: &str,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let bodies = tokens.chunks(per_request).map(|tokens| {
        let tokens = tokens.iter().map(|token| token.redeem(payload));
        Ok(serde_json::to_vec(&RedemptionRequest {
            payload: payload.to_owned(),
            tokens: tokens.collect::<anyhow::Result<_>>()?,
            replay_only: false,
            at_least: 0,
        })?)
    });
    bodies.collect()
}

/// How many tokens a second are redeemed, 10 in a request, by so many connections at once.
pub async fn throughput(engines: EngineSet, connections: &[usize]) -> anyhow::Result<Vec<f64>> {
    let most = connections.iter().copied().max().unwrap_or(1);
    let (_servers, all) = challenge_bypass(engines, most).await?;
    let payload = encoded_vote();
    let mut rates = Vec::new();
    for count in connections {
        let some = all.first(*count);
        some.warm("openapi.json").await?;
        // Enough for some seconds: one connection alone waits for each transaction.
        let tokens = 2_000 + 10 * 60 * (*count).min(32);
        let minted = tokens::mint(&all, &signatures(), tokens).await?;
        let bodies = redemptions(&minted, 10, &payload)?;
        let timing = some.post_all("v4/redemptions", bodies, "first").await?;
        rates.push(f64::from(u32::try_from(tokens)?) / timing.elapsed.as_secs_f64());
    }
    Ok(rates)
}

/// Votes of 4 tokens, through payments and challenge-bypass.
pub async fn vote(engines: EngineSet, rounds: usize) -> anyhow::Result<Report> {
    let plan = Plan {
        bench: "vote",
        engines,
        unit: TOKENS,
        per_request: 4,
        connections: 16,
        target: None,
    };
    let services = [ServiceName::ChallengeBypass, ServiceName::Payments];
    let servers = Servers::start(engines, &services).await?;
    let url = |service| servers.layout().url(service);
    let issuing = Connections::new(url(ServiceName::ChallengeBypass), &servers.client_tls(), 1)?;
    let connections = Connections::new(
        url(ServiceName::Payments),
        &servers.anonymous_tls(),
        plan.connections,
    )?;
    // payments makes the issuer after it has started, and then learns of its key.
    issuing
        .wait_for(&format!("v4/issuers/{ISSUER}"), "publicKey")
        .await?;
    connections.wait_for("v1/key-directory", "keyId").await?;
    let payload = encoded_vote();
    let floor = FloorOfRedemptions::new(VOTES * plan.per_request, &payload)?;

    let mut measured = Vec::new();
    for number in 0..=rounds {
        let count = VOTES * plan.per_request;
        let minted = tokens::mint(&issuing, &signatures(), count).await?;
        let votes = minted.chunks(plan.per_request);
        let bodies = votes.map(|tokens| vote_request(tokens, &payload));
        let bodies = bodies.collect::<anyhow::Result<_>>()?;
        let turn = Turn {
            number,
            tokens: count,
            path: "v1/votes",
            expected: "{}",
        };
        measured.push(
            turn.take(&servers, &connections, bodies, floor.measure())
                .await?,
        );
    }
    Ok(Report::new(plan, warm(&measured)))
}

fn vote_request(tokens: &[Spendable], payload: &str) -> anyhow::Result<Vec<u8>> {
    let credentials = tokens.iter().map(|token| {
        let token = token.redeem(payload)?;
        anyhow::Ok(VoteCredential {
            public_key: token.public_key,
            t: token.t,
            signature: token.signature,
        })
    });
    Ok(serde_json::to_vec(&VoteRequest {
        vote: payload.to_owned(),
        credentials: credentials.collect::<anyhow::Result<_>>()?,
    })?)
}

/// challenge-bypass with an issuer, and connections to it.
async fn challenge_bypass(
    engines: EngineSet,
    count: usize,
) -> anyhow::Result<(Servers, Connections)> {
    let servers = Servers::start(engines, &[ServiceName::ChallengeBypass]).await?;
    let base = servers.layout().url(ServiceName::ChallengeBypass);
    let client = service_kit::tls::http_client(&servers.client_tls(), Duration::from_secs(30))?;
    let request = client
        .put(base.join(&format!("v4/issuers/{ISSUER}"))?)
        .header("content-type", "application/json")
        .body(TERMS);
    let answer = request.send().await?;
    anyhow::ensure!(
        answer.status().is_success(),
        "no issuer: {}",
        answer.text().await?
    );
    let connections = Connections::new(base, &servers.client_tls(), count)?;
    Ok((servers, connections))
}

/// The same number of redemptions as a turn has, under a key of our own.
struct FloorOfRedemptions {
    key: Arc<SigningKey>,
    redemptions: Vec<Redemption>,
}

impl FloorOfRedemptions {
    fn new(count: usize, payload: &str) -> anyhow::Result<Self> {
        let key = SigningKey::random(&mut OsRng);
        let redemptions = (0..count).map(|_| Redemption::of(&key, payload.as_bytes()));
        let redemptions: Vec<_> = redemptions.collect::<anyhow::Result<_>>()?;
        Ok(Self {
            key: Arc::new(key),
            redemptions,
        })
    }

    async fn measure(&self) -> anyhow::Result<Duration> {
        let parts = floor::parts(&self.redemptions).into_iter();
        let parts = parts.map(|part| (Arc::clone(&self.key), part));
        floor::measure(parts.collect(), |(key, part)| floor::redeem(&key, &part)).await
    }
}

/// A turn of the server and of the floor.
struct Turn<'a> {
    number: usize,
    tokens: usize,
    path: &'a str,
    expected: &'static str,
}

impl Turn<'_> {
    /// Takes the turn: in every second one, the floor comes first.
    async fn take(
        &self,
        servers: &Servers,
        connections: &Connections,
        bodies: Vec<Vec<u8>>,
        floor: impl Future<Output = anyhow::Result<Duration>>,
    ) -> anyhow::Result<Round> {
        let server = async {
            connections.warm("openapi.json").await?;
            let before = (servers.cpu()?, servers.engines_cpu()?);
            let timing = connections
                .post_all(self.path, bodies, self.expected)
                .await?;
            let engines_cpu = match (before.1, servers.engines_cpu()?) {
                (Some(before), Some(after)) => Some(after.saturating_sub(before)),
                (None, _) | (_, None) => None,
            };
            let server_cpu = servers.cpu()?.saturating_sub(before.0);
            anyhow::Ok((server_cpu, engines_cpu, timing))
        };
        let ((server_cpu, engines_cpu, timing), floor_cpu) = if self.number.is_multiple_of(2) {
            let server = server.await?;
            (server, floor.await?)
        } else {
            let floor = floor.await?;
            (server.await?, floor)
        };
        Ok(Round {
            count: self.tokens,
            server_cpu,
            floor_cpu,
            engines_cpu,
            timing,
        })
    }
}

/// All turns but the first, in which caches fill.
pub(crate) fn warm(measured: &[Round]) -> &[Round] {
    measured.get(1..).unwrap_or_default()
}

/// The base64 text that each signature covers.
fn encoded_vote() -> String {
    STANDARD.encode(VOTE)
}
