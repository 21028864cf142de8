//! The crowd of an epoch, in one process.
//!
//! It asks for the randomness of all texts at once, which no real client may know: whoever does can try all of them
//! against every message while the epoch is open. With it, the factory makes messages of real groups.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use client::{
    report::check_points,
    transport::{Request, Transport},
};
use clock::{Busy, random::draw};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use messages::{
    encoding::Fixed,
    star::{RandomnessRequest, RandomnessResponse},
};
use star_collector::factory::{Factory, RANDOMNESS_BYTES};
use star_constellation::api::ppoprf::ppoprf::{Client, Point};

use super::{
    Measured, attackers, begins,
    population::{Values, below, favourite, layers},
    request,
};
use crate::system::CollectorRules;

/// Messages leave at whole multiples of this, those of one slot together.
const SLOT_HOURS: i64 = 6;

/// So many requests are under way at once.
const TOGETHER: usize = 16;

/// The clients of an epoch that are one process.
pub(super) struct Crowd {
    pub(super) epoch: u8,
    pub(super) rules: CollectorRules,
    pub(super) seed: u64,
    pub(super) measurements: Vec<Values>,
    pub(super) is_attacked: bool,
    pub(super) texts: Vec<String>,
    pub(super) randomness: Arc<dyn Transport>,
    pub(super) collect: Arc<dyn Transport>,
}

/// The unblinded points of texts, in one epoch.
#[derive(Clone)]
pub(super) struct Points {
    epoch: u8,
    of: Arc<HashMap<String, Point>>,
}

impl Points {
    /// Has the service evaluate all texts in one request.
    async fn fetch(service: &dyn Transport, texts: &[String], epoch: u8) -> anyhow::Result<Self> {
        let blinded: Vec<_> = texts
            .iter()
            .map(|text| Client::blind(text.as_bytes()))
            .collect();
        let points = blinded.iter().map(|(point, _)| Fixed(*point.as_bytes()));
        let request = RandomnessRequest {
            points: points.collect(),
            epoch: Some(epoch),
        };
        let request = Request::post("/randomness", serde_json::to_vec(&request)?);
        let answer = service.send(&request).await?;
        ensure!(answer.status.is_success(), "the crowd gets no randomness");
        let answer: RandomnessResponse = serde_json::from_slice(&answer.body)?;
        check_points(&answer, texts.len(), epoch)?;
        let evaluated = texts.iter().zip(&answer.points).zip(&blinded);
        let of = evaluated.map(|((text, point), (_, blind))| {
            let point = Client::unblind(&Point::from(point.0.as_slice()), blind);
            (text.clone(), point)
        });
        Ok(Self {
            epoch,
            of: Arc::new(of.collect()),
        })
    }

    /// A factory of messages that open with `threshold` others.
    pub(super) fn factory(&self, threshold: u32) -> Factory {
        let Self { epoch, of } = self.clone();
        let randomness = move |prefix: &[u8], text: &str| {
            let mut randomness = [0; RANDOMNESS_BYTES];
            if let Some(point) = of.get(text) {
                Client::finalize(prefix, epoch, point, &mut randomness);
            }
            randomness
        };
        Factory::with_randomness(self.epoch, threshold, Box::new(randomness))
    }
}

impl Crowd {
    /// Measures, sends in the next epoch, and lets attackers in.
    pub(super) async fn live(
        self,
        start: DateTime<Utc>,
        mut busy: Busy,
    ) -> anyhow::Result<Measured> {
        let (from, end) = (
            begins(&self.rules, self.epoch).max(start),
            begins(&self.rules, self.epoch + 1),
        );
        busy.sleep_until(from + TimeDelta::hours(5)).await;
        let points = Points::fetch(self.randomness.as_ref(), &self.texts, self.epoch).await?;
        let name = format!("crowd {}", self.epoch);
        let mut random = draw(self.seed, &name, "shares");
        let mut factory = points.factory(self.rules.k);
        let mut slots = BTreeMap::<DateTime<Utc>, Vec<String>>::new();
        let mut replays = Vec::new();
        let all = i64::from(self.rules.epoch_hours) / SLOT_HOURS - 1;
        for (number, values) in self.measurements.iter().enumerate() {
            let texts = layers(values);
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let message = STANDARD.encode(factory.message(&texts, &mut random));
            // A replay in a group that is not opened cannot be told.
            if values.first() == favourite().first() && replays.len() < attackers::EACH {
                replays.push(message.clone());
            }
            let slot = below(self.seed, &name, &format!("sends {number}"), all);
            let at = end + TimeDelta::hours(SLOT_HOURS) * i32::try_from(slot)?;
            slots.entry(at).or_default().push(message);
        }

        let mut measured = Measured::default();
        if self.is_attacked {
            // Among the first: the groups that they come to have no secret yet.
            busy.sleep_until(end).await;
            let forged = attackers::forged(&mut factory, &mut random)?;
            self.take(&forged).await?;
            measured
                .planted
                .insert("forged", u64::try_from(forged.len())?);
        }
        for (at, messages) in slots {
            busy.sleep_until(at).await;
            self.take(&messages).await?;
            measured.sent += u64::try_from(messages.len())?;
        }
        if self.is_attacked {
            busy.sleep_until(end + TimeDelta::hours(i64::from(self.rules.epoch_hours) - 1))
                .await;
            self.take(&replays).await?;
            measured
                .planted
                .insert("duplicate", u64::try_from(replays.len())?);
            let low = attackers::low_thresholds(&points, &mut random, self.rules.k);
            measured
                .planted
                .insert("threshold", u64::try_from(low.len())?);
            measured
                .refused
                .insert("threshold", self.refused(&low).await?);
        }
        Ok(measured)
    }

    /// Sends messages that are taken.
    async fn take(&self, messages: &[String]) -> anyhow::Result<()> {
        let sent: Vec<_> = messages
            .iter()
            .map(|message| self.take_one(message))
            .collect();
        stream::iter(sent)
            .buffer_unordered(TOGETHER)
            .try_collect()
            .await
    }

    async fn take_one(&self, message: &str) -> anyhow::Result<()> {
        let answer = self.collect.send(&request(message, self.rules.k)).await;
        let status = answer.context("collect does not answer")?.status;
        ensure!(status == StatusCode::NO_CONTENT, "collect answers {status}");
        Ok(())
    }

    /// Sends requests, and says how many are refused.
    async fn refused(&self, requests: &[Request]) -> anyhow::Result<u64> {
        let mut refused = 0;
        for request in requests {
            let status = self.collect.send(request).await?.status;
            refused += u64::from(status == StatusCode::BAD_REQUEST);
        }
        Ok(refused)
    }
}
