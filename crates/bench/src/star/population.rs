//! What is measured: six layers, their values as common as Zipf's law has it (star.md, "Memory and scale").

use rand::{Rng as _, rngs::StdRng};

/// How many values each layer has.
const DOMAINS: [usize; 6] = [50, 2, 3, 3, 10, 2];

/// How many layers there are.
pub(super) const LAYERS: usize = DOMAINS.len();

/// Zipf's exponent.
const EXPONENT: f64 = 1.3;

/// Draws measurements.
pub(super) struct Population {
    /// For each layer, the texts and how often one up to it is drawn, of 1.
    layers: Vec<Vec<(String, f64)>>,
}

impl Population {
    pub(super) fn new() -> Self {
        let layers = DOMAINS.iter().enumerate().map(|(layer, size)| {
            let weights = (1..=*size).map(|rank| {
                let rank = f64::from(u32::try_from(rank).unwrap_or(u32::MAX));
                rank.powf(-EXPONENT)
            });
            let weights: Vec<f64> = weights.collect();
            let sum: f64 = weights.iter().sum();
            let mut up_to = 0.0;
            let texts = weights.iter().enumerate().map(|(value, weight)| {
                up_to += weight / sum;
                (format!("layer{layer}|value{value:02}"), up_to)
            });
            texts.collect()
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// One client's measurement, the outermost layer first.
    pub(super) fn draw(&self, random: &mut StdRng) -> Vec<&str> {
        let texts = self.layers.iter().filter_map(|texts| {
            let drawn: f64 = random.r#gen();
            let found = texts.iter().find(|(_, up_to)| drawn < *up_to);
            found.or(texts.last()).map(|(text, _)| text.as_str())
        });
        texts.collect()
    }
}
