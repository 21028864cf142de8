//! The attackers of the demo, and what goes wrong by itself.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use client::transport::Request;
use clock::Clock;
use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{expected::Expected, measured::Measured};
use crate::attacks::{Attack, Hand, Score, Shop, Watch};

/// So many custodian calls in a thousand fail: one in ten.
const FAILURES_PER_MILLE: u16 = 100;

/// The first attack, counted from the beginning of the month.
const FIRST_DAY: i64 = 2;

/// Attacks begin at a time of day at which nobody else does anything, so that what is counted
/// before and after differs only by what they did.
const AFTER_MIDNIGHT: TimeDelta = TimeDelta::seconds(12 * 3_600 + 40 * 60 + 7);

/// What an actor did.
pub(super) struct Act {
    /// What the system must show for it.
    pub(super) expected: Expected,
    /// What its attack got, if it was one.
    pub(super) score: Option<(Attack, Score)>,
    /// What became of its measurements.
    pub(super) measured: Measured,
}

impl Act {
    /// A browser's month.
    pub(super) fn browser(expected: Expected) -> Self {
        Self {
            expected,
            score: None,
            measured: Measured::default(),
        }
    }

    /// What somebody did with measurements.
    pub(super) fn measured(measured: Measured) -> Self {
        Self {
            expected: Expected::default(),
            score: None,
            measured,
        }
    }
}

/// Lets custodian calls fail from now on.
pub(super) async fn plant_failures(shop: &Shop, seed: u64) -> anyhow::Result<()> {
    let settings = json!({"seed": seed, "failuresPerMille": FAILURES_PER_MILLE});
    let mut request = Request::post("/sandbox/faults", settings.to_string().into_bytes());
    request.method = Method::PUT;
    let answer = shop.custodian.send(&request).await?;
    ensure!(
        answer.status.is_success(),
        "the custodian plants no failures"
    );
    Ok(())
}

/// Sends every attacker on its way, one on each second day.
pub(super) fn spawn(
    actors: &mut JoinSet<anyhow::Result<Act>>,
    shop: &Shop,
    watch: &Arc<dyn Watch>,
    clock: &Clock,
    start: DateTime<Utc>,
) {
    for (number, attack) in (0..).zip(Attack::ALL) {
        let begins = start + TimeDelta::days(FIRST_DAY + 2 * number) + AFTER_MIDNIGHT;
        let (mut busy, shop, watch) = (clock.busy(), shop.clone(), Arc::clone(watch));
        actors.spawn(async move {
            busy.sleep_until(begins).await;
            let mut hand = Hand::new(shop, attack.name(), busy);
            let score = attack.run(&mut hand, &watch).await;
            let score = score.with_context(|| format!("the attack {}", attack.name()))?;
            let expected = Expected {
                publishers: hand.publishers,
                books: hand.books,
                ..Expected::default()
            };
            Ok(Act {
                expected,
                score: Some((attack, score)),
                measured: Measured::default(),
            })
        });
    }
}
