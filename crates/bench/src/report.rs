//! A benchmark's result.

use std::time::Duration;

use serde::Serialize;

use crate::load::Timing;

/// One turn: the server, and the floor doing the same.
#[derive(Clone, Debug)]
pub struct Round {
    /// Tokens in the turn.
    pub tokens: usize,
    /// What the server's processes used.
    pub server_cpu: Duration,
    /// What the bare crypto crate used.
    pub floor_cpu: Duration,
    /// How the requests went.
    pub timing: Timing,
}

/// What is printed of a benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Its name.
    pub bench: &'static str,
    /// Tokens in each request.
    pub tokens_per_request: usize,
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
    /// Tokens in a second of real time, with the load on the same machine: the median.
    pub tokens_per_second: f64,
    /// Tokens in a second of the server's CPU time: the median.
    pub tokens_per_cpu_second: f64,
    /// Tokens in a second of the floor's CPU time: the median.
    pub floor_tokens_per_cpu_second: f64,
    /// Half of the requests took at most this long.
    pub p50_ms: f64,
    /// 95 of 100 requests took at most this long.
    pub p95_ms: f64,
    /// 99 of 100 requests took at most this long.
    pub p99_ms: f64,
}

/// What a benchmark is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Its name.
    pub bench: &'static str,
    /// Tokens in each request.
    pub tokens_per_request: usize,
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
        let latencies = rounds.iter().flat_map(|round| &round.timing.latencies);
        let latencies = sorted(latencies.map(|latency| latency.as_secs_f64() * 1_000.0));
        Self {
            bench: plan.bench,
            tokens_per_request: plan.tokens_per_request,
            connections: plan.connections,
            rounds: rounds.len(),
            efficiency: thousandths(quantile(&efficiencies, 0.5)),
            efficiency_min: thousandths(quantile(&efficiencies, 0.0)),
            efficiency_max: thousandths(quantile(&efficiencies, 1.0)),
            target: plan.target,
            tokens_per_second: median(&of(|round| per_second(round, round.timing.elapsed))),
            tokens_per_cpu_second: median(&of(|round| per_second(round, round.server_cpu))),
            floor_tokens_per_cpu_second: median(&of(|round| per_second(round, round.floor_cpu))),
            p50_ms: thousandths(quantile(&latencies, 0.5)),
            p95_ms: thousandths(quantile(&latencies, 0.95)),
            p99_ms: thousandths(quantile(&latencies, 0.99)),
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
        format!(
            "{} × {}: efficiency {:.2} [{:.2}, {:.2}]{target}; {:.0} tokens/s, {:.0} per CPU-second \
             (bare: {:.0}); p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms; {} connections, {} rounds",
            self.bench,
            self.tokens_per_request,
            self.efficiency,
            self.efficiency_min,
            self.efficiency_max,
            self.tokens_per_second,
            self.tokens_per_cpu_second,
            self.floor_tokens_per_cpu_second,
            self.p50_ms,
            self.p95_ms,
            self.p99_ms,
            self.connections,
            self.rounds,
        )
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of tokens are far below 2^52"
)]
fn per_second(round: &Round, time: Duration) -> f64 {
    round.tokens as f64 / time.as_secs_f64()
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
        tokens_per_request: 10,
        connections: 2,
        target: Some(0.6),
    };

    fn round(server_millis: u64) -> Round {
        Round {
            tokens: 1_000,
            server_cpu: Duration::from_millis(server_millis),
            floor_cpu: Duration::from_millis(600),
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
        assert!((report.tokens_per_second - 2_000.0).abs() < 1e-9);
        assert!((report.p50_ms - 50.0).abs() < 2.0 && report.p99_ms >= 98.0);
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
        ] {
            assert!(value.get(name).is_some(), "{name}");
        }
        assert!(!json.contains('\n'));
    }
}
