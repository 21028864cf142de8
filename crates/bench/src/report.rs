//! A benchmark's result.

use std::time::Duration;

use serde::Serialize;

use crate::{load::Timing, stage::EngineSet};

/// One turn: the server, and the floor doing the same.
#[derive(Clone, Debug)]
pub struct Round {
    /// Tokens or events in the turn.
    pub count: usize,
    /// What the server's processes used.
    pub server_cpu: Duration,
    /// What the bare library used.
    pub floor_cpu: Duration,
    /// What the engines' processes used for the server, where there are any.
    pub engines_cpu: Option<Duration>,
    /// How the requests went.
    pub timing: Timing,
}

/// What is printed of a benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Its name.
    pub bench: &'static str,
    /// What the server keeps its data in.
    pub engines: EngineSet,
    /// What is counted: tokens or events.
    pub unit: &'static str,
    /// Tokens in each request, or events in each batch.
    #[serde(rename = "tokens_per_request")]
    pub per_request: usize,
    /// Connections that send at once.
    pub connections: usize,
    /// Turns.
    pub rounds: usize,
    /// The median of the turns' efficiencies.
    pub efficiency: f64,
    /// The lowest of them.
    pub efficiency_min: f64,
    /// The highest of them.
    pub efficiency_max: f64,
    /// The efficiency that is asked for, where there is one.
    pub target: Option<f64>,
    /// Tokens or events in a second of real time, with the load on the same machine: the median.
    #[serde(rename = "tokens_per_second")]
    pub per_second: f64,
    /// Tokens or events in a second of the server's CPU time: the median.
    #[serde(rename = "tokens_per_cpu_second")]
    pub per_cpu_second: f64,
    /// Tokens or events in a second of the floor's CPU time: the median.
    #[serde(rename = "floor_tokens_per_cpu_second")]
    pub floor_per_cpu_second: f64,
    /// Tokens or events in a second of the engines' CPU time, where there are any: the median.
    #[serde(
        rename = "tokens_per_engines_cpu_second",
        skip_serializing_if = "Option::is_none"
    )]
    pub per_engines_cpu_second: Option<f64>,
    /// How long requests took, where there were any.
    #[serde(flatten)]
    pub latency: Option<Latency>,
}

/// How long requests took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half of the requests took at most this long.
    pub p50_ms: f64,
    /// 95 of 100 requests took at most this long.
    pub p95_ms: f64,
    /// 99 of 100 requests took at most this long.
    pub p99_ms: f64,
}

impl Latency {
    fn of<'a>(latencies: impl Iterator<Item = &'a Duration>) -> Option<Self> {
        let sorted = sorted(latencies.map(|latency| latency.as_secs_f64() * 1_000.0));
        let quantile = |share| thousandths(quantile(&sorted, share));
        (!sorted.is_empty()).then(|| Self {
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        })
    }
}

/// What a benchmark is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Its name.
    pub bench: &'static str,
    /// What the server keeps its data in.
    pub engines: EngineSet,
    /// What is counted: tokens or events.
    pub unit: &'static str,
    /// Tokens in each request, or events in each batch.
    pub per_request: usize,
    /// Connections that send at once.
    pub connections: usize,
    /// The efficiency that is asked for, where there is one.
    pub target: Option<f64>,
}

impl Report {
    /// The result of the turns.
    pub fn new(plan: Plan, rounds: &[Round]) -> Self {
        let of = |value: fn(&Round) -> f64| sorted(rounds.iter().map(value));
        let efficiencies =
            of(|round| round.floor_cpu.as_secs_f64() / round.server_cpu.as_secs_f64());
        let engines: Option<Vec<f64>> = rounds
            .iter()
            .map(|round| Some(per_second(round, round.engines_cpu?)))
            .collect();
        Self {
            bench: plan.bench,
            engines: plan.engines,
            unit: plan.unit,
            per_request: plan.per_request,
            connections: plan.connections,
            rounds: rounds.len(),
            efficiency: thousandths(quantile(&efficiencies, 0.5)),
            efficiency_min: thousandths(quantile(&efficiencies, 0.0)),
            efficiency_max: thousandths(quantile(&efficiencies, 1.0)),
            target: plan.target,
            per_second: median(&of(|round| per_second(round, round.timing.elapsed))),
            per_cpu_second: median(&of(|round| per_second(round, round.server_cpu))),
            floor_per_cpu_second: median(&of(|round| per_second(round, round.floor_cpu))),
            per_engines_cpu_second: engines.map(|all| median(&sorted(all.into_iter()))),
            latency: Latency::of(rounds.iter().flat_map(|round| &round.timing.latencies)),
        }
    }

    /// As a line of JSON.
    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// As a line for people.
    pub fn text(&self) -> String {
        let target = match self.target {
            Some(target) if self.efficiency >= target => format!(" (asked: {target}, met)"),
            Some(target) => format!(" (asked: {target}, MISSED)"),
            None => String::new(),
        };
        let engines = self
            .per_engines_cpu_second
            .map_or(String::new(), |per| format!(", engines: {per:.0}"));
        let latency = self.latency.map_or(String::new(), |latency| {
            let Latency {
                p50_ms,
                p95_ms,
                p99_ms,
            } = latency;
            format!("; p50 {p50_ms:.1} ms, p95 {p95_ms:.1} ms, p99 {p99_ms:.1} ms")
        });
        format!(
            "{} × {} on {} engines: efficiency {:.2} [{:.2}, {:.2}]{target}; {:.0} {}/s, {:.0} per \
             CPU-second (bare: {:.0}{engines}){latency}; {} connections, {} rounds",
            self.bench,
            self.per_request,
            self.engines.as_str(),
            self.efficiency,
            self.efficiency_min,
            self.efficiency_max,
            self.per_second,
            self.unit,
            self.per_cpu_second,
            self.floor_per_cpu_second,
            self.connections,
            self.rounds,
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_second(round: &Round, time: Duration) -> f64 {
    round.count as f64 / time.as_secs_f64()
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    quantile(sorted, 0.5).round()
}

/// The nearest rank.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a length is an index"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        bench: "redeem",
        engines: EngineSet::Real,
        unit: "tokens",
        per_request: 10,
        connections: 2,
        target: Some(0.6),
    };

    fn round(server_millis: u64) -> Round {
        Round {
            count: 1_000,
            server_cpu: Duration::from_millis(server_millis),
            floor_cpu: Duration::from_millis(600),
            engines_cpu: Some(Duration::from_secs(2)),
            timing: Timing {
                elapsed: Duration::from_millis(500),
                latencies: (1..=100).map(Duration::from_millis).collect(),
            },
        }
    }

    #[test]
    fn the_median_of_the_rounds_counts() {
        let report = Report::new(PLAN, &[round(1_000), round(800), round(1_200)]);

        assert!((report.efficiency - 0.6).abs() < 1e-9);
        assert!((report.efficiency_min - 0.5).abs() < 1e-9);
        assert!((report.efficiency_max - 0.75).abs() < 1e-9);
        assert!((report.per_second - 2_000.0).abs() < 1e-9);
        assert_eq!(report.per_engines_cpu_second, Some(500.0));
        let latency = report.latency.unwrap();
        assert!((latency.p50_ms - 50.0).abs() < 2.0 && latency.p99_ms >= 98.0);
    }

    #[test]
    fn a_line_says_whether_the_target_is_met() {
        assert!(
            Report::new(PLAN, &[round(1_000)])
                .text()
                .contains("(asked: 0.6, met)")
        );
        assert!(Report::new(PLAN, &[round(1_001)]).text().contains("MISSED"));
    }

    #[test]
    fn the_json_line_has_the_names_that_are_promised() {
        let json = Report::new(PLAN, &[round(1_000)]).json().unwrap();

        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        for name in [
            "bench",
            "tokens_per_request",
            "efficiency",
            "tokens_per_second",
            "p50_ms",
        ] {
            assert!(value.get(name).is_some(), "{name}");
        }
        assert!(!json.contains('\n'));
    }
}
