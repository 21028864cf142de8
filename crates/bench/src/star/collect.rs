//! `star-collect`: what collect's process spends on a message that is durable in the log, over a bare HTTP server that takes
//! the same requests and the bare crates reading the same messages.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use clock::Clock;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::json;
use star_collector::{collect::Config, factory::Factory};
use star_constellation::api::{NestedMessage, SerializableNestedMessage};

use super::{aggregate::open_log, median, population::Population};
use crate::{
    cpu,
    curve::{Chart, Line, plot},
};

mod served;

use served::Started;
pub use served::{Server, serve_star};

/// How many requests a turn has.
const REQUESTS: usize = 40_000;

/// How many connections send at once: so few that a server sleeps between commits, and so many that it seldom does. A public
/// collector has the many. What falling asleep and being woken costs is told by a bare server that waits as long.
const CONNECTIONS: [usize; 2] = [32, 256];

/// Those of a chart.
const CHART_CONNECTIONS: [usize; 6] = [8, 16, 32, 64, 128, 256];

/// Measures in `rounds` turns, with few connections and with many; with more numbers of them, drawn in `file`, if there is one.
pub async fn collect(
    rounds: usize,
    json: bool,
    file: Option<&Path>,
) -> anyhow::Result<Vec<String>> {
    let numbers = file.map_or(&CONNECTIONS[..], |_| &CHART_CONNECTIONS);
    let (mut lines, mut at_once, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for connections in numbers {
        let figures = Figures::measure(*connections, rounds).await?;
        let x = count(*connections);
        at_once.push((x, figures.over(&figures.bare).0));
        waiting.push((x, figures.over(&figures.waiting).0));
        lines.push(if json {
            figures.to_json()
        } else {
            figures.to_text()
        });
    }
    if let Some(file) = file {
        plot(file, &chart(at_once, waiting))?;
    }
    Ok(lines)
}

fn chart(at_once: Vec<(f64, f64)>, waiting: Vec<(f64, f64)>) -> Chart {
    let asked = at_once.iter().map(|(x, _)| (*x, 2.0)).collect();
    Chart {
        caption: "Collect's CPU for a durable message, over a bare server and the bare parser",
        x: "connections that send at once",
        y: "over the floor",
        lines: vec![
            Line::new("the bare server answers at once", at_once),
            Line::new("it waits as long as ours does", waiting),
            Line::new("asked", asked),
        ],
    }
}

/// What the turns gave: microseconds of CPU for a message.
struct Figures {
    connections: usize,
    /// How long the bare server of `waiting` waits.
    pause: Duration,
    ours: Vec<f64>,
    bare: Vec<f64>,
    waiting: Vec<f64>,
    parser: Vec<f64>,
    /// Messages that ours has taken in a second.
    per_second: Vec<f64>,
}

impl Figures {
    /// The servers take the same requests in turns, and the crates read the same messages.
    async fn measure(connections: usize, rounds: usize) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let dir = dir.path();
        let bodies = Arc::new(bodies(dir)?);
        let start = |server, pause| Started::start(server, pause, dir, connections);
        let ours = start(Server::Collect, Duration::ZERO).await?;
        let bare = start(Server::Bare, Duration::ZERO).await?;
        // The first turns open connections, and are not counted.
        let (_, took) = ours.take(&bodies).await?;
        let pause = answered_in(took, connections);
        let waiting = start(Server::Bare, pause).await?;
        for server in [&bare, &waiting] {
            server.take(&bodies).await?;
        }
        let mut figures = Self {
            connections,
            pause,
            ours: Vec::new(),
            bare: Vec::new(),
            waiting: Vec::new(),
            parser: Vec::new(),
            per_second: Vec::new(),
        };
        for _round in 0..rounds {
            let (used, took) = ours.take(&bodies).await?;
            figures.ours.push(used);
            figures
                .per_second
                .push(count(REQUESTS) / took.as_secs_f64());
            figures.bare.push(bare.take(&bodies).await?.0);
            figures.waiting.push(waiting.take(&bodies).await?.0);
            figures.parser.push(parse(&bodies)?);
        }
        let kept = kept(dir).await?;
        ensure!(
            kept == REQUESTS * (rounds + 1),
            "{kept} messages are in the log"
        );
        Ok(figures)
    }

    /// Ours over a bare server and the bare parser, turn by turn: median, least and most.
    fn over(&self, server: &[f64]) -> (f64, f64, f64) {
        let floors = server.iter().zip(&self.parser);
        let turns = self.ours.iter().zip(floors);
        median(
            turns
                .map(|(ours, (http, parser))| ours / (http + parser))
                .collect(),
        )
    }

    fn to_json(&self) -> String {
        let middle = |turns: &[f64]| median(turns.to_vec()).0;
        json!({"bench": "star-collect", "engines": "embedded", "connections": self.connections, "messages": REQUESTS,
            "cpu_per_message_over_floor": self.over(&self.bare).0,
            "cpu_per_message_over_waiting_floor": self.over(&self.waiting).0,
            "cpu_us_per_message": middle(&self.ours), "http_us_per_message": middle(&self.bare),
            "waiting_http_us_per_message": middle(&self.waiting), "parser_us_per_message": middle(&self.parser),
            "messages_per_second": middle(&self.per_second)})
        .to_string()
    }

    fn to_text(&self) -> String {
        let middle = |turns: &[f64]| median(turns.to_vec()).0;
        let (ratio, low, high) = self.over(&self.bare);
        let (waiting, waiting_low, waiting_high) = self.over(&self.waiting);
        format!(
            "star-collect on embedded engines, {} connections: {ratio:.2} × the floor [{low:.2}, {high:.2}] (asked: at most 2), \
             {waiting:.2} [{waiting_low:.2}, {waiting_high:.2}] × one that waits {} ms before each answer, as ours does; \
             {:.1} µs of CPU a durable message, bare server {:.1} µs, waiting {:.1} µs, bare parser {:.1} µs; {:.0} messages/s",
            self.connections,
            self.pause.as_millis(),
            middle(&self.ours),
            middle(&self.bare),
            middle(&self.waiting),
            middle(&self.parser),
            middle(&self.per_second)
        )
    }
}

/// How long an answer took, when so many connections had one after the other in `took`.
fn answered_in(took: Duration, connections: usize) -> Duration {
    took.mul_f64(count(connections) / count(REQUESTS))
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

#[cfg(test)]
mod tests {
    use super::{super::assert_names, *};

    #[test]
    fn the_json_line_has_the_names_that_are_promised() {
        let figures = Figures {
            connections: 32,
            pause: Duration::from_millis(2),
            ours: vec![90.0],
            bare: vec![50.0],
            waiting: vec![60.0],
            parser: vec![10.0],
            per_second: vec![9_000.0],
        };

        let json = figures.to_json();

        let promised = [
            "bench",
            "connections",
            "messages",
            "cpu_per_message_over_floor",
            "messages_per_second",
        ];
        assert_names(&json, &promised);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["cpu_per_message_over_floor"], 1.5);
    }
}
