//! The servers that are measured, each in a process of its own, and their clients.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use service_kit::tls::probe_client;
use star_collector::{Deps, collect::build};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    task::JoinSet,
};

use super::{config, count};
use crate::cpu;

/// A request takes longer only when something is wrong.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Server {
    /// An HTTP server that reads the body, waits if it is told to, and answers 204.
    Bare,
    /// Ours.
    Collect,
}

/// A server in a process of its own, and its clients.
pub(super) struct Started {
    child: Child,
    clients: Vec<reqwest::Client>,
    url: String,
}

impl Started {
    pub(super) async fn start(
        server: Server,
        pause: Duration,
        dir: &Path,
        connections: usize,
    ) -> anyhow::Result<Self> {
        let name = server.to_possible_value().context("a server has a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["star-serve", name.get_name()])
            .arg(dir)
            .arg(pause.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("the server says nothing")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = lines.next_line().await?.context("the server has ended")?;
        let clients = (0..connections).map(|_| probe_client(TIMEOUT));
        Ok(Self {
            child,
            clients: clients.collect::<Result<_, _>>()?,
            url: format!("http://{address}/"),
        })
    }

    /// Posts all bodies. Microseconds of the server's CPU for each, and how long all took.
    pub(super) async fn take(&self, bodies: &Arc<Vec<Bytes>>) -> anyhow::Result<(f64, Duration)> {
        let pid = self.child.id().context("the server has ended")?;
        let (before, started) = (cpu::of_process(pid)?, Instant::now());
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for client in &self.clients {
            let (client, url) = (client.clone(), self.url.clone());
            let (bodies, next) = (Arc::clone(bodies), Arc::clone(&next));
            tasks.spawn(async move {
                while let Some(body) = bodies.get(next.fetch_add(1, Relaxed)) {
                    let answer = client.post(&url).body(body.clone()).send().await?;
                    let status = answer.status();
                    ensure!(status == reqwest::StatusCode::NO_CONTENT, "{status}");
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        let took = started.elapsed();
        let used = cpu::of_process(pid)?.saturating_sub(before);
        Ok((used.as_secs_f64() * 1e6 / count(bodies.len()), took))
    }
}

/// What the benchmark starts: says where it listens, and serves until nobody needs it.
pub async fn serve_star(server: Server, dir: &Path, pause: Duration) -> anyhow::Result<()> {
    let nobody_needs_it = tokio::task::spawn_blocking(|| {
        let mut rest = Vec::new();
        std::io::stdin().read_to_end(&mut rest).map(drop)
    });
    match server {
        Server::Bare => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            say(&listener.local_addr()?.to_string())?;
            tokio::select! {
                ended = bare(listener, pause) => ended,
                ended = nobody_needs_it => Ok(ended??),
            }
        }
        Server::Collect => {
            let running = build(config(dir)?, Deps::system()).await?.start().await?;
            say(&running.api_addr.to_string())?;
            nobody_needs_it.await??;
            running.stop().await
        }
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

/// The bare server: hyper, and nothing around it.
async fn bare(listener: TcpListener, pause: Duration) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(move |request| answer(request, pause));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    pause: Duration,
) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let _body = request.into_body().collect().await?.to_bytes();
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
