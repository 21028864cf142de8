//! Measurements: from values to a message that only a crowd opens, and to collect at a time that says nothing.
//!
//! | Question | Module |
//! |---|---|
//! | What is a measurement? | `measurement` |
//! | What is believed of the randomness service? | `randomness` |
//! | When is a message sent? | `sending` |
//! | What is kept on disk? | `state`, by [`crate::kept`] |
//!
//! While an epoch is open, whoever can ask for its randomness can try values against a message of it. So a message stays
//! here until its epoch's part of the key is lost (punctured), and leaves at a random time of the next one.

mod measurement;
mod randomness;
mod sending;
mod state;

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use clock::{Busy, Clock, random::draw};
use messages::{
    encoding::Fixed,
    problem::Slug,
    star::{InfoResponse, RandomnessRequest, RandomnessResponse},
};
use rand::Rng as _;
use star_constellation::api::client::{construct_message, prepare_measurement};

use crate::{
    Error,
    crash::{CrashPoints, Step},
    kept::Kept,
    patience,
    transport::{Request, Transport},
};

pub use measurement::{InvalidMeasurement, Measurement};
pub use randomness::{RandomnessError, check_points};
pub use state::{Outcome, Report, Stage, State};

/// More messages than a browser makes in many epochs: they take some 60 MB.
const KEPT_MAX: usize = 10_000;

/// Larger messages are taken by no channel (`message_bytes_max`).
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// An epoch may end between the two requests of a measurement; it does not do so each time.
const TRIES_MAX: u32 = 3;

/// After an epoch, clients look within this time whether it is over: not all at once.
const LOOK_WITHIN: TimeDelta = TimeDelta::hours(1);

/// What a reporter is told when it starts.
#[derive(Clone)]
pub struct Settings {
    /// Its name: with the seed, what its times are drawn from.
    pub name: String,
    /// The seed of its times. A browser of a real person draws it at random.
    pub seed: u64,
    /// The randomness service.
    pub randomness: Arc<dyn Transport>,
    /// collect.
    pub collect: Arc<dyn Transport>,
    /// The calendar.
    pub clock: Clock,
    /// Where it dies, for tests.
    pub crash_points: CrashPoints,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where a measurement belongs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// The channel. `None`: the default one.
    pub channel: Option<String>,
    /// The instance of the randomness service. `None`: the default one.
    pub instance: Option<String>,
    /// How many clients must agree before anything opens.
    pub threshold: u32,
}

/// When a message is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// At a random time of the next epoch.
    NextEpoch,
    /// Now, although values can be tried against it until its epoch is over: for tests and for what older clients do.
    Now,
}

/// A client that measures.
pub struct Reporter {
    settings: Settings,
    kept: Kept<State>,
    busy: Busy,
}

/// Shows the settings, never a message.
impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Reporter {
    /// Starts on what was kept.
    pub fn start(settings: Settings, kept: Kept<State>) -> Self {
        let busy = settings.clock.busy();
        Self {
            settings,
            kept,
            busy,
        }
    }

    /// What it remembers.
    pub fn state(&self) -> &State {
        &self.kept.state
    }

    /// Makes the message of a measurement and keeps it. Nothing was sent to collect before it is on disk, so after a
    /// crash until then the measurement may be made again.
    pub async fn measure(
        &mut self,
        measurement: &Measurement,
        terms: &Terms,
        when: When,
    ) -> Result<u64, Error> {
        if self.kept.state.reports.len() >= KEPT_MAX {
            return Err(Error::TooManyKept(KEPT_MAX));
        }
        let (message, epoch_end) = self.message(measurement, terms).await?;
        let now = self.now();
        let stage = match when {
            When::NextEpoch => Stage::Held(self.look_at(epoch_end)),
            When::Now => Stage::Due(now),
        };
        let number = self.kept.state.keep(Report {
            number: 0,
            channel: terms.channel.clone(),
            threshold: terms.threshold,
            instance: terms.instance.clone(),
            epoch_end,
            stage,
            attempts: 0,
            message: STANDARD.encode(message),
        });
        self.kept.save()?;
        self.settings.crash_points.after(Step::ReportKept)?;
        Ok(number)
    }

    /// The message, and when its epoch ends.
    async fn message(
        &mut self,
        measurement: &Measurement,
        terms: &Terms,
    ) -> Result<(Vec<u8>, DateTime<Utc>), Error> {
        let texts = measurement.texts().iter();
        let layers: Vec<_> = texts.map(|text| text.as_bytes().to_vec()).collect();
        let path = path(terms.instance.as_deref(), "randomness");
        for _try in 0..TRIES_MAX {
            let info: InfoResponse = self.ask(&info_request(terms.instance.as_deref())).await?;
            randomness::check_info(&info, layers.len())?;
            let epoch = info.current_epoch;
            let blinded = prepare_measurement(&layers, epoch).map_err(Error::Message)?;
            let points = blinded.blinded_points().iter();
            let request = RandomnessRequest {
                points: points.map(|point| Fixed(*point.as_bytes())).collect(),
                epoch: Some(epoch),
            };
            let body = serde_json::to_vec(&request).map_err(Error::Answer)?;
            let answer = self.answer(&Request::post(&path, body)).await?;
            if answer.problem().as_deref() == Some(Slug::WrongEpoch.as_str()) {
                continue;
            }
            let evaluated: RandomnessResponse = patience::read(&answer)?;
            randomness::check_points(&evaluated, layers.len(), epoch)?;
            let points = evaluated.points.iter();
            let points: Vec<&[u8]> = points.map(|point| point.0.as_slice()).collect();
            let message = construct_message(&points, None, &blinded, &None, &[], terms.threshold);
            let message = message.map_err(Error::Message)?;
            if message.len() > MESSAGE_BYTES_MAX {
                return Err(Error::TooLong {
                    found: message.len(),
                    max: MESSAGE_BYTES_MAX,
                });
            }
            return Ok((message, info.next_epoch_time));
        }
        Err(Error::Waited("an epoch that lasts for two requests"))
    }

    /// When to look whether the epoch is over that ends at `end`.
    fn look_at(&self, end: DateTime<Utc>) -> DateTime<Utc> {
        let within = LOOK_WITHIN.min(end - self.now()).num_seconds().max(0);
        let mut random = self.draw(&format!("look after {}", self.kept.state.made));
        end + TimeDelta::seconds(random.gen_range(0..=within))
    }

    /// The generator of one step.
    fn draw(&self, step: &str) -> impl rand::Rng + use<> {
        let Settings { name, seed, .. } = &self.settings;
        draw(*seed, name, format!("report: {step}"))
    }

    fn now(&self) -> DateTime<Utc> {
        self.settings.clock.now()
    }

    /// Sends a request to the randomness service until it is answered.
    async fn answer(&mut self, request: &Request) -> Result<crate::transport::Answer, Error> {
        let (server, clock) = (&self.settings.randomness, &self.settings.clock);
        patience::answer(server.as_ref(), request, clock, &mut self.busy).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(&mut self, request: &Request) -> Result<T, Error> {
        let answer = self.answer(request).await?;
        patience::read(&answer)
    }
}

/// Asks an instance which epoch it is.
fn info_request(instance: Option<&str>) -> Request {
    Request::get(path(instance, "info"))
}

fn path(instance: Option<&str>, what: &str) -> String {
    match instance {
        Some(name) => format!("/instances/{name}/{what}"),
        None => format!("/{what}"),
    }
}

#[cfg(test)]
mod tests;
