//! Clients of a channel, of whom is known what each one measured.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use messages::star::THRESHOLD_HEADER;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use reqwest::{Client, StatusCode};
use service_kit::event_log::{Header, NewRecord};
use star_collector::{
    domain::{
        channel::{Channel, RECORD_THRESHOLD_HEADER},
        wire::Message,
    },
    factory::{Factory, parts::outer},
};

use super::{
    Totals,
    lies::{Fate, Lie},
    name_of,
};

/// How many values the layers have, the outermost first; further layers have as many as the last.
const VALUES: [u32; 4] = [24, 5, 60, 9];

/// One client of so many says a threshold of its own.
const OWN_THRESHOLD_ONE_OF: u32 = 4;

/// How far above the channel's the thresholds of such clients are.
const OWN_THRESHOLD_ABOVE: u32 = 3;

/// What a client has to tell.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its epoch.
    pub epoch: u64,
    /// The threshold of its message, if it is not the channel's.
    pub threshold: Option<u32>,
    /// `name|value` of each layer, the outermost first.
    pub texts: Vec<String>,
}

/// A message, as its client sends it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The bytes.
    pub message: Vec<u8>,
    /// The threshold that it says beside it.
    pub threshold: Option<u32>,
}

impl Sent {
    /// The same message with a lie in its open layer, which whoever gets hold of it can put there.
    #[must_use]
    pub fn altered(&self, lie: Lie) -> Self {
        let mut altered = self.clone();
        lie.tell(outer(&mut altered.message));
        altered
    }

    /// Sends it to collect as a client does. How it is answered.
    pub async fn post(
        &self,
        http: &Client,
        collector: SocketAddr,
        channel: &str,
    ) -> reqwest::Result<StatusCode> {
        let url = format!("http://{collector}/{channel}");
        let mut request = http.post(url).body(STANDARD.encode(&self.message));
        if let Some(threshold) = self.threshold {
            request = request.header(THRESHOLD_HEADER, threshold);
        }
        Ok(request.send().await?.status())
    }
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
        let texts = self.texts();
        Ok(self.honest(&Measured {
            epoch,
            threshold,
            texts,
        }))
    }

    /// What one more client sends that measured this.
    pub fn honest(&mut self, measured: &Measured) -> Sent {
        self.send(measured, measured.texts.len(), |_, _| {})
    }

    /// What one more client sends that measured this, and lies in a layer, counted from the outermost.
    pub fn lying(&mut self, measured: &Measured, layer: usize, lie: Lie) -> Sent {
        let believed = match lie.fate(layer) {
            // It was opened below the layers above, which so have nothing left of it to report.
            Fate::Alone => 0,
            Fate::Apart | Fate::Refused(_) => layer,
        };
        self.send(measured, believed, |number, bytes| {
            if number == layer {
                lie.tell(bytes);
            }
        })
    }

    /// What a client sends that measured this, and whose message opens alone if it is believed. It says so beside it, or
    /// nothing.
    pub fn opening_alone(&mut self, measured: &Measured, says_so: bool) -> Sent {
        let alone = Measured {
            threshold: Some(1),
            ..measured.clone()
        };
        Sent {
            threshold: says_so.then_some(1),
            ..self.send(&alone, 0, |_, _| {})
        }
    }

    /// What a client sends, of which so many layers count.
    fn send(
        &mut self,
        measured: &Measured,
        believed: usize,
        alter: impl FnMut(usize, &mut [u8]),
    ) -> Sent {
        let Measured {
            epoch,
            threshold,
            texts,
        } = measured;
        let together = (*epoch, threshold.unwrap_or(self.channel.k));
        let [number, ..] = epoch.to_le_bytes();
        let factory = self.factories.entry(together);
        let factory = factory.or_insert_with(|| Factory::new(number, together.1));
        let shown: Vec<&str> = texts.iter().map(String::as_str).collect();
        let message = factory.altered(&shown, &mut self.random, alter);
        let told = self.told.entry(together).or_default();
        for layers in 1..=believed {
            let begins: Vec<String> = texts.iter().take(layers).cloned().collect();
            *told.entry(begins).or_default() += 1;
        }
        Sent {
            message,
            threshold: *threshold,
        }
    }

    /// The record that collect makes of a message.
    pub fn record(&self, sent: &Sent, at: DateTime<Utc>) -> anyhow::Result<NewRecord> {
        let read = Message::read(&sent.message, self.channel.layers);
        // What cannot be read is of no group, and collect makes no record of it: it may lie anywhere.
        let tag = read.map_or_else(|_| Vec::new(), |message| message.outer.tag.to_vec());
        let header = sent.threshold.map(|threshold| Header {
            name: RECORD_THRESHOLD_HEADER.to_owned(),
            value: threshold.to_le_bytes().to_vec(),
        });
        Ok(NewRecord {
            topic: self.channel.input_topic.clone(),
            key: tag,
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
