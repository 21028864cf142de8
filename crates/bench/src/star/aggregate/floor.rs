//! The floor: the bare crates parse a message and open all its layers, with the keys known.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow, ensure};
use rand::{SeedableRng as _, rngs::StdRng};
use star_collector::factory::Factory;
use star_constellation::api::{NestedMessage, SerializableNestedMessage, recover};

use super::{K, NUMBER};
use crate::{cpu, star::population::Population};

/// How many messages are opened in a turn.
const MESSAGES: usize = 10_000;

/// Messages, and what opens them.
pub(super) struct Floor {
    sample: Vec<Sampled>,
    keys: HashMap<String, [u8; 16]>,
}

/// A message, and what it measures.
struct Sampled {
    bytes: Vec<u8>,
    texts: Vec<String>,
}

impl Floor {
    pub(super) fn new() -> Self {
        let (population, mut factory) = (Population::new(), Factory::new(NUMBER, K));
        let mut random = StdRng::seed_from_u64(1);
        let sample = (0..MESSAGES).map(|_| {
            let texts = population.draw(&mut random);
            Sampled {
                bytes: factory.message(&texts, &mut random),
                texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            }
        });
        let sample: Vec<_> = sample.collect();
        let keys = keys(&sample);
        Self { sample, keys }
    }

    /// CPU seconds for one message.
    pub(super) fn measure(&self) -> anyhow::Result<f64> {
        let before = cpu::of_this_thread()?;
        for message in &self.sample {
            self.open(message)?;
        }
        let used = cpu::of_this_thread()?.saturating_sub(before);
        let count = u32::try_from(self.sample.len())?;
        Ok(used.as_secs_f64() / f64::from(count))
    }

    fn open(&self, message: &Sampled) -> anyhow::Result<()> {
        let nested: SerializableNestedMessage = bincode::deserialize(&message.bytes)?;
        let mut nested = NestedMessage::try_from(nested).map_err(|error| anyhow!("{error}"))?;
        let mut prefix = String::new();
        for text in &message.texts {
            prefix.push_str(text);
            let key = self.keys.get(&prefix).context("a prefix without a key")?;
            let opened = recover(&[&nested.unencrypted_layer], key);
            let opened = opened.into_iter().next().context("nothing opened")?;
            let opened = opened.map_err(|error| anyhow!("{error}"))?;
            ensure!(
                opened.measurement.get_layer_as_bytes(0) == text.as_bytes(),
                "the floor opens something else"
            );
            if let Some(key) = opened.get_next_layer_key() {
                nested
                    .decrypt_next_layer(key)
                    .map_err(|error| anyhow!("{error}"))?;
            }
        }
        Ok(())
    }
}

/// The key of each prefix of the sample's measurements, as the crates derive it.
fn keys(sample: &[Sampled]) -> HashMap<String, [u8; 16]> {
    let mut keys = HashMap::new();
    for message in sample {
        let mut prefix = String::new();
        for text in &message.texts {
            prefix.push_str(text);
            if keys.contains_key(&prefix) {
                continue;
            }
            let measurement = sta_rs::SingleMeasurement::new(prefix.as_bytes());
            let generator = sta_rs::MessageGenerator::new(measurement, K, &[NUMBER]);
            let mut randomness = [0; 32];
            generator.sample_local_randomness(&mut randomness);
            let mut source = [0; 32];
            sta_rs::strobe_digest(&randomness, &[&[0]], "star_derive_randoms", &mut source);
            let mut key = [0; 16];
            sta_rs::derive_ske_key(&source, &[NUMBER], &mut key);
            keys.insert(prefix.clone(), key);
        }
    }
    keys
}
