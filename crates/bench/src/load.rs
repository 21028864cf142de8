//! Sending requests over kept connections, and timing them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use service_kit::tls::{ClientTls, http_client};
use tokio::task::JoinSet;

/// A request takes longer only when something is wrong.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to one service, each kept by a client of its own.
#[derive(Clone, Debug)]
pub struct Connections {
    clients: Vec<reqwest::Client>,
    base: url::Url,
}

/// How a number of requests went.
#[derive(Clone, Debug)]
pub struct Timing {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// How long each request took.
    pub latencies: Vec<Duration>,
}

impl Connections {
    /// Clients for `count` connections to the service at `base`.
    pub fn new(base: url::Url, tls: &ClientTls, count: usize) -> anyhow::Result<Self> {
        let clients = (0..count).map(|_| http_client(tls, TIMEOUT));
        Ok(Self {
            clients: clients.collect::<Result<_, _>>()?,
            base,
        })
    }

    /// The first `count` of them.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        Self {
            clients: self.clients.iter().take(count).cloned().collect(),
            base: self.base.clone(),
        }
    }

    /// Makes sure that every connection is open.
    pub async fn warm(&self, path: &str) -> anyhow::Result<()> {
        let url = self.base.join(path)?;
        for client in &self.clients {
            client.get(url.clone()).send().await?.bytes().await?;
        }
        Ok(())
    }

    /// Asks again and again until the answer at `path` holds `expected`.
    pub async fn wait_for(&self, path: &str, expected: &str) -> anyhow::Result<()> {
        let client = self.clients.first().context("there is no connection")?;
        let url = self.base.join(path)?;
        let started = Instant::now();
        while started.elapsed() < TIMEOUT {
            let answer = client.get(url.clone()).send().await?;
            if answer.status().is_success() && answer.text().await?.contains(expected) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("{path} does not show {expected}")
    }

    /// Posts a JSON text, and gives the answer to a request that was not refused.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let client = self.clients.first().context("there is no connection")?;
        send(client, self.base.join(path)?, body).await
    }

    /// Posts all `bodies`, each once, as fast as the connections allow. Each answer must hold
    /// `expected`: a server that refuses is fast and does not count.
    pub async fn post_all(
        &self,
        path: &str,
        bodies: Vec<Vec<u8>>,
        expected: &'static str,
    ) -> anyhow::Result<Timing> {
        let url = self.base.join(path)?;
        let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        for client in &self.clients {
            let (client, url) = (client.clone(), url.clone());
            let (bodies, next) = (Arc::clone(&bodies), Arc::clone(&next));
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                while let Some(body) = bodies.get(next.fetch_add(1, Relaxed)) {
                    let sent = Instant::now();
                    let answer = send(&client, url.clone(), body.clone()).await?;
                    latencies.push(sent.elapsed());
                    let found = answer
                        .windows(expected.len())
                        .any(|part| part == expected.as_bytes());
                    anyhow::ensure!(found, "an answer without {expected}");
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::with_capacity(bodies.len());
        while let Some(done) = tasks.join_next().await {
            latencies.append(&mut done??);
        }
        Ok(Timing {
            elapsed: started.elapsed(),
            latencies,
        })
    }
}

async fn send(client: &reqwest::Client, url: url::Url, body: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let request = client.post(url).header("content-type", "application/json");
    let answer = request.body(body).send().await?;
    let status = answer.status();
    let answer = answer.bytes().await?;
    anyhow::ensure!(
        status.is_success(),
        "refused with {status}: {}",
        String::from_utf8_lossy(&answer)
    );
    Ok(answer.to_vec())
}
