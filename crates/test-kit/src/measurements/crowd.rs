//! Clients of a channel, of whom is known what each one measured.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use service_kit::event_log::{Header, NewRecord};
use star_collector::{
    domain::{
        channel::{Channel, RECORD_THRESHOLD_HEADER},
        wire::Message,
    },
    factory::Factory,
};

use super::{Totals, name_of};

/// How many values the layers have, the outermost first; further layers have as many as the last.
const VALUES: [u32; 4] = [24, 5, 60, 9];

/// One client of so many says a threshold of its own.
const OWN_THRESHOLD_ONE_OF: u32 = 4;

/// How far above the channel's the thresholds of such clients are.
const OWN_THRESHOLD_ABOVE: u32 = 3;

/// A message, as its client sends it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The bytes.
    pub message: Vec<u8>,
    /// The threshold that it says beside it.
    pub threshold: Option<u32>,
}

/// Messages that can be opened together, if there are enough: their epoch and threshold.
type Together = (u64, u32);

/// Clients of a channel.
#[derive(Debug)]
pub struct Crowd {
    channel: Channel,
    random: StdRng,
    factories: BTreeMap<Together, Factory>,
    /// How many clients measured what begins with these texts.
    told: BTreeMap<Together, BTreeMap<Vec<String>, u64>>,
}

impl Crowd {
    /// Clients that have sent nothing yet.
    pub fn new(channel: &Channel, seed: u64) -> Self {
        Self {
            channel: channel.clone(),
            random: StdRng::seed_from_u64(seed),
            factories: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    /// What one more client sends at a time: of any epoch whose messages are taken then.
    pub fn message(&mut self, at: DateTime<Utc>) -> anyhow::Result<Sent> {
        let current = self.channel.epochs.at(at);
        let current = current.context("the first epoch has begun")?;
        let age = self.random.gen_range(0..self.channel.epochs.alive);
        let epoch = current.saturating_sub(age.into());
        let own = self.random.gen_range(0..OWN_THRESHOLD_ONE_OF) == 0;
        let threshold = own.then_some(self.channel.k + OWN_THRESHOLD_ABOVE);
        let together = (epoch, threshold.unwrap_or(self.channel.k));
        let texts = self.texts();
        let [number, ..] = epoch.to_le_bytes();
        let factory = self.factories.entry(together);
        let factory = factory.or_insert_with(|| Factory::new(number, together.1));
        let shown: Vec<&str> = texts.iter().map(String::as_str).collect();
        let message = factory.message(&shown, &mut self.random);
        let told = self.told.entry(together).or_default();
        for layers in 1..=texts.len() {
            let begins: Vec<String> = texts.iter().take(layers).cloned().collect();
            *told.entry(begins).or_default() += 1;
        }
        Ok(Sent { message, threshold })
    }

    /// The record that collect makes of a message.
    pub fn record(&self, sent: &Sent, at: DateTime<Utc>) -> anyhow::Result<NewRecord> {
        let read = Message::read(&sent.message, self.channel.layers);
        let read = read.context("the factory's messages can be read")?;
        let header = sent.threshold.map(|threshold| Header {
            name: RECORD_THRESHOLD_HEADER.to_owned(),
            value: threshold.to_le_bytes().to_vec(),
        });
        Ok(NewRecord {
            topic: self.channel.input_topic.clone(),
            key: read.outer.tag.to_vec(),
            value: sent.message.clone(),
            headers: header.into_iter().collect(),
            timestamp: at,
        })
    }

    /// What must be reported in all when every epoch is over: a measurement or the outer layers of one, whichever is the
    /// most that enough clients agree on.
    pub fn truth(&self) -> anyhow::Result<Totals> {
        let mut truth = Totals::new();
        for ((epoch, threshold), told) in &self.told {
            let is_open = |count: &u64| *count >= u64::from(*threshold);
            // What is open below each of the texts.
            let mut deeper: BTreeMap<&[String], u64> = BTreeMap::new();
            for (texts, count) in told.iter().filter(|(_, count)| is_open(count)) {
                if let Some((_, above)) = texts.split_last() {
                    *deeper.entry(above).or_default() += count;
                }
            }
            for (texts, count) in told.iter().filter(|(_, count)| is_open(count)) {
                let rest = count - deeper.get(texts.as_slice()).copied().unwrap_or(0);
                if rest > 0 {
                    *truth.entry(self.name(*epoch, texts)?).or_default() += rest;
                }
            }
        }
        Ok(truth)
    }

    fn name(&self, epoch: u64, texts: &[String]) -> anyhow::Result<String> {
        let texts = texts.iter().filter_map(|text| text.split_once('|'));
        let mut members: BTreeMap<_, _> = texts
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let day = self.channel.epochs.first_day(epoch).to_string();
        members.insert(self.channel.date_field.clone(), day.into());
        name_of(&members)
    }

    fn texts(&mut self) -> Vec<String> {
        let values = VALUES.into_iter().chain([9].into_iter().cycle());
        let layers = values.take(self.channel.layers).enumerate();
        let text = |(layer, below): (usize, u32)| {
            // The product of two draws: small values are common, large ones rare.
            let (one, other) = (
                self.random.gen_range(0..below),
                self.random.gen_range(0..below),
            );
            format!("layer{layer}|{}", one * other / below)
        };
        layers.map(text).collect()
    }
}
