//! `star-collect`: what collect's process spends on a message that is durable in the log, over a bare HTTP server that takes
//! the same requests and the bare crates reading the same messages.

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

use anyhow::{Context as _, anyhow, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use clap::ValueEnum;
use clock::Clock;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::json;
use service_kit::tls::probe_client;
use star_collector::{
    Deps,
    collect::{Config, build},
    factory::Factory,
};
use star_constellation::api::{NestedMessage, SerializableNestedMessage};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    task::JoinSet,
};

use super::{aggregate::open_log, median, population::Population};
use crate::cpu;

/// How many requests a turn has.
const REQUESTS: usize = 40_000;

/// How many connections send at once: so few that a server sleeps between commits, and so many that it seldom does. A public
/// collector has the many.
const CONNECTIONS: [usize; 2] = [32, 256];

/// A request takes longer only when something is wrong.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Server {
    /// An HTTP server that reads the body and answers 204.
    Bare,
    /// Ours.
    Collect,
}

/// Measures in `rounds` turns, with few connections and with many.
pub async fn collect(rounds: usize, json: bool) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for connections in CONNECTIONS {
        lines.push(collect_with(connections, rounds, json).await?);
    }
    Ok(lines)
}

/// Both servers take the same requests in turns, and the crates read the same messages.
async fn collect_with(connections: usize, rounds: usize, json: bool) -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    let bodies = Arc::new(bodies(dir.path())?);
    let bare = Started::start(Server::Bare, dir.path(), connections).await?;
    let ours = Started::start(Server::Collect, dir.path(), connections).await?;
    let (mut ratios, mut per_second) = (Vec::new(), Vec::new());
    let (mut ours_us, mut http_us, mut parser_us) = (Vec::new(), Vec::new(), Vec::new());
    // The first turn opens connections, and is not counted.
    for round in 0..=rounds {
        let (of_ours, took) = ours.take(&bodies).await?;
        let (of_bare, _) = bare.take(&bodies).await?;
        let of_parser = parse(&bodies)?;
        if round == 0 {
            continue;
        }
        ratios.push(of_ours / (of_bare + of_parser));
        ours_us.push(of_ours);
        http_us.push(of_bare);
        parser_us.push(of_parser);
        per_second.push(count(REQUESTS) / took.as_secs_f64());
    }
    let kept = kept(dir.path()).await?;
    ensure!(
        kept == REQUESTS * (rounds + 1),
        "{kept} messages are in the log"
    );
    let (ratio, low, high) = median(ratios);
    let (ours, http, parser) = (median(ours_us).0, median(http_us).0, median(parser_us).0);
    let per_second = median(per_second).0;
    Ok(if json {
        json!({"bench": "star-collect", "engines": "embedded", "connections": connections, "messages": REQUESTS, "cpu_per_message_over_floor": ratio,
            "cpu_us_per_message": ours, "http_us_per_message": http, "parser_us_per_message": parser,
            "messages_per_second": per_second}).to_string()
    } else {
        format!(
            "star-collect on embedded engines, {connections} connections: {ratio:.2} × the floor [{low:.2}, {high:.2}] (asked: at most 2); \
             {ours:.1} µs of CPU a durable message, bare server {http:.1} µs, bare parser {parser:.1} µs; {per_second:.0} messages/s"
        )
    })
}

/// The settings of collect in `dir`.
fn config(dir: &Path) -> anyhow::Result<Config> {
    let log = format!("embedded:{}", dir.join("log.db").display());
    let sources = Config::sources()
        .set("log_level", "error")
        .set("event_log.url", &log)
        .set("http.listen", "127.0.0.1:0")
        .set("http.admin_listen", "127.0.0.1:0")
        .set("http.connections_per_client_max", "1024")
        .set("http.rate_limit.units_per_minute", "0");
    Ok(sources.load()?)
}

/// Bodies of requests, each another message of the epoch that it is.
fn bodies(dir: &Path) -> anyhow::Result<Vec<Bytes>> {
    let channel = config(dir)?.channel.channel()?;
    let epoch = channel.epochs.at(Clock::system().now());
    let [number, ..] = epoch.context("there is no epoch yet")?.to_le_bytes();
    let (population, mut factory) = (Population::new(), Factory::new(number, channel.k));
    let mut random = StdRng::seed_from_u64(2);
    let bodies = (0..REQUESTS).map(|_| {
        let message = factory.message(&population.draw(&mut random), &mut random);
        Bytes::from(STANDARD.encode(message))
    });
    Ok(bodies.collect())
}

/// Microseconds of CPU for reading one message with the bare crates.
fn parse(bodies: &[Bytes]) -> anyhow::Result<f64> {
    let before = cpu::of_this_thread()?;
    for body in bodies {
        let bytes = STANDARD.decode(body)?;
        let nested: SerializableNestedMessage = bincode::deserialize(&bytes)?;
        NestedMessage::try_from(nested).map_err(|error| anyhow!("{error}"))?;
    }
    let used = cpu::of_this_thread()?.saturating_sub(before);
    Ok(used.as_secs_f64() * 1e6 / count(bodies.len()))
}

/// How many messages are in the log.
async fn kept(dir: &Path) -> anyhow::Result<usize> {
    let (log, topic) = (
        open_log(dir).await?,
        config(dir)?.channel.channel()?.input_topic,
    );
    let mut kept = 0;
    for partition in 0..log.partitions(&topic).await? {
        kept += log.end(&topic, partition).await?;
    }
    log.close().await;
    Ok(usize::try_from(kept)?)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A server in a process of its own, and its clients.
struct Started {
    child: Child,
    clients: Vec<reqwest::Client>,
    url: String,
}

impl Started {
    async fn start(server: Server, dir: &Path, connections: usize) -> anyhow::Result<Self> {
        let name = server.to_possible_value().context("a server has a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["star-serve", name.get_name()])
            .arg(dir)
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
    async fn take(&self, bodies: &Arc<Vec<Bytes>>) -> anyhow::Result<(f64, Duration)> {
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
pub async fn serve_star(server: Server, dir: &Path) -> anyhow::Result<()> {
    let nobody_needs_it = tokio::task::spawn_blocking(|| {
        let mut rest = Vec::new();
        std::io::stdin().read_to_end(&mut rest).map(drop)
    });
    match server {
        Server::Bare => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            say(&listener.local_addr()?.to_string())?;
            tokio::select! {
                ended = bare(listener) => ended,
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
async fn bare(listener: TcpListener) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let serving =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        connections.spawn(serving);
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let _body = request.into_body().collect().await?.to_bytes();
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
