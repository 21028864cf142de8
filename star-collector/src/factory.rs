//! Makes many messages of known values fast, for load tests: what all messages of a prefix have in common is computed once.
//!
//! Where nothing else is said, the randomness of a layer is drawn from its prefix, as
//! `construct_message_with_local_sampling` of the library does: whoever knows a value can compute it. With the
//! randomness service's, messages fall into the groups of real clients. Either way one process knows what all of them
//! measure, so nothing here is fit for real measurements.

pub mod parts;

use std::{collections::HashMap, fmt};

use rand::{CryptoRng, Rng, RngCore};
use strobe_rs::{SecParam, Strobe};

use crate::domain::{
    cipher::{LayerOpener, Opener},
    field::Element,
    secret::{Secret, draw},
    wire::{LAYER_KEY_BYTES, MAC_BYTES, SEALED_BYTES, TAG_BYTES},
};

/// Makes messages of one epoch and threshold.
pub struct Factory {
    epoch: u8,
    threshold: u32,
    prefixes: HashMap<(Vec<u8>, String), Prefix>,
    layers: LayerOpener,
    randomness: Box<Randomness>,
}

/// Gives the randomness of a layer: of the texts up to and with it, one behind the other, and of its own text.
pub type Randomness = dyn Fn(&[u8], &str) -> [u8; RANDOMNESS_BYTES] + Send + Sync;

/// How many bytes the randomness of a layer has.
pub const RANDOMNESS_BYTES: usize = 32;

/// What all messages have in common that agree up to a layer.
struct Prefix {
    secret: Secret,
    sealed_message: [u8; SEALED_BYTES],
    sealed_coins: [u8; SEALED_BYTES],
    mac: [u8; MAC_BYTES],
    tag: [u8; TAG_BYTES],
    opener: Opener,
}

impl Factory {
    /// A factory for messages of an epoch, modulo 256, that open with `threshold` others.
    pub fn new(epoch: u8, threshold: u32) -> Self {
        let local = move |prefix: &[u8], _: &str| {
            let with: [&[u8]; 2] = [&[epoch], &threshold.to_le_bytes()];
            digest("star_sample_local", prefix, &with)
        };
        Self::with_randomness(epoch, threshold, Box::new(local))
    }

    /// The same with the randomness of somebody else, which is asked for once for each prefix.
    pub fn with_randomness(epoch: u8, threshold: u32, randomness: Box<Randomness>) -> Self {
        Self {
            epoch,
            threshold,
            prefixes: HashMap::new(),
            layers: LayerOpener::new(),
            randomness,
        }
    }

    /// A message that measures `texts`, the outermost layer first: the bytes that a record of the topic has.
    pub fn message(&mut self, texts: &[&str], random: &mut (impl CryptoRng + RngCore)) -> Vec<u8> {
        self.altered(texts, random, |_, _| {})
    }

    /// The same from a client that lies: `alter` gets each layer, with its number from the outermost on, before it is
    /// encrypted.
    pub fn altered(
        &mut self,
        texts: &[&str],
        random: &mut (impl CryptoRng + RngCore),
        mut alter: impl FnMut(usize, &mut [u8]),
    ) -> Vec<u8> {
        let mut message = vec![self.epoch];
        let mut prefix = Vec::new();
        let mut key: Option<[u8; LAYER_KEY_BYTES]> = None;
        for (i, text) in texts.iter().enumerate() {
            prefix.extend_from_slice(text.as_bytes());
            let next = (i + 1 < texts.len()).then(|| random.r#gen());
            let mut layer = self.layer(&prefix, text, next.as_ref(), random);
            alter(i, &mut layer);
            if let Some(key) = key {
                self.layers.seal(&key, &mut layer);
                vector(&mut message, &layer);
            } else {
                message.extend_from_slice(&layer);
                message.extend_from_slice(&length(texts.len() - 1));
            }
            key = next;
        }
        message
    }

    fn layer(
        &mut self,
        prefix: &[u8],
        text: &str,
        next: Option<&[u8; LAYER_KEY_BYTES]>,
        random: &mut impl Rng,
    ) -> Vec<u8> {
        let (epoch, threshold) = (self.epoch, self.threshold);
        let of = self
            .prefixes
            .entry((prefix.to_vec(), text.to_owned()))
            .or_insert_with(|| Prefix::new(&(self.randomness)(prefix, text), epoch, threshold));
        let mut layer = Vec::new();
        let mut plaintext = plaintext(text, next);
        of.opener.seal(&mut plaintext);
        vector(&mut layer, &plaintext);
        vector(&mut layer, &of.share(threshold, random));
        vector(&mut layer, &of.tag);
        layer
    }
}

impl Prefix {
    fn new(randomness: &[u8; RANDOMNESS_BYTES], epoch: u8, threshold: u32) -> Self {
        let [message, coins, tag] =
            [0, 1, 2].map(|which| digest("star_derive_randoms", randomness, &[&[which]]));
        let (secret, sealed_message, sealed_coins, mac) = Secret::deal(threshold, &message, &coins);
        Self {
            opener: secret.opener(epoch),
            secret,
            sealed_message,
            sealed_coins,
            mac,
            tag,
        }
    }

    /// A share with an x of its own.
    fn share(&self, threshold: u32, random: &mut impl Rng) -> Vec<u8> {
        let point = self
            .secret
            .point(Element::new(random.r#gen::<u128>().max(1)));
        let mut share = threshold.to_le_bytes().to_vec();
        let coordinates = [point.x.to_bytes(), point.y.to_bytes()].concat();
        for part in [&coordinates[..], &self.sealed_message, &self.sealed_coins] {
            short_vector(&mut share, part);
        }
        share.extend_from_slice(&self.mac);
        share
    }
}

/// The measurement and the key of the next layer, as a client encrypts them, without auxiliary data.
fn plaintext(text: &str, next: Option<&[u8; LAYER_KEY_BYTES]>) -> Vec<u8> {
    let mut auxiliary = vec![u8::from(next.is_some())];
    if let Some(key) = next {
        vector(&mut auxiliary, key);
    }
    vector(&mut auxiliary, &[]);
    let mut plaintext = Vec::new();
    short_vector(&mut plaintext, text.as_bytes());
    short_vector(&mut plaintext, &auxiliary);
    plaintext
}

/// The crates' hash: a generator keyed with the value.
fn digest(label: &str, key: &[u8], with: &[&[u8]]) -> [u8; RANDOMNESS_BYTES] {
    let mut strobe = Strobe::new(label.as_bytes(), SecParam::B128);
    strobe.key(key, false);
    for data in with {
        strobe.ad(data, false);
    }
    let mut digest = [0; RANDOMNESS_BYTES];
    draw(&mut strobe, &mut digest);
    digest
}

fn vector(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&length(part.len()));
    bytes.extend_from_slice(part);
}

fn short_vector(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(part);
}

fn length(length: usize) -> [u8; 8] {
    u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes()
}

/// Shows nothing of the secrets.
impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory")
            .field("epoch", &self.epoch)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ppoprf::ppoprf::{Client, Server};
    use rand::{SeedableRng as _, rngs::StdRng};
    use star_constellation::api::{client, server};

    use super::*;

    const TEXTS: [&str; 3] = ["question|answer", "platform|linux", "country|none"];

    fn theirs(threshold: u32) -> Vec<u8> {
        let layers: Vec<_> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
        client::construct_message_with_local_sampling(&layers, 7, threshold, &[]).unwrap()
    }

    #[test]
    fn the_library_opens_messages_of_the_factory_together_with_its_own() {
        let mut random = StdRng::seed_from_u64(1);
        let mut factory = Factory::new(7, 6);
        let made = (0..3).map(|_| factory.message(&TEXTS, &mut random));
        let all: Vec<_> = made.chain((0..3).map(|_| theirs(6))).collect();

        let result = server::aggregate(&all, 6, 7, TEXTS.len());

        let outputs = result.outputs();
        assert_eq!(
            (result.num_recovery_errors(), result.num_serde_errors()),
            (0, 0)
        );
        assert_eq!(outputs.len(), 1);
        assert_eq!(
            (outputs[0].occurrences(), outputs[0].value()),
            (6, vec!["country|none".to_owned()])
        );
    }

    #[test]
    fn with_the_services_randomness_messages_are_of_the_groups_of_the_librarys_clients() {
        let server = Arc::new(Server::new(vec![7]).unwrap());
        let of_client = |server: &Server| {
            let layers = TEXTS.map(|text| text.as_bytes().to_vec());
            let blinded = client::prepare_measurement(&layers, 7).unwrap();
            let evaluate = |point| *server.eval(point, 7, false).unwrap().output.as_bytes();
            let points: Vec<_> = blinded.blinded_points().iter().map(evaluate).collect();
            let points: Vec<&[u8]> = points.iter().map(<[u8; 32]>::as_slice).collect();
            client::construct_message(&points, None, &blinded, &None, &[], 6).unwrap()
        };
        let theirs: Vec<_> = (0..3).map(|_| of_client(&server)).collect();
        let randomness = move |prefix: &[u8], text: &str| {
            let (point, blind) = Client::blind(text.as_bytes());
            let evaluated = server.eval(&point, 7, false).unwrap().output;
            let mut randomness = [0; RANDOMNESS_BYTES];
            let unblinded = Client::unblind(&evaluated, &blind);
            Client::finalize(prefix, 7, &unblinded, &mut randomness);
            randomness
        };
        let mut random = StdRng::seed_from_u64(1);
        let mut factory = Factory::with_randomness(7, 6, Box::new(randomness));
        let made = (0..3).map(|_| factory.message(&TEXTS, &mut random));

        let all: Vec<_> = theirs.into_iter().chain(made).collect();
        let result = server::aggregate(&all, 6, 7, TEXTS.len());

        let outputs = result.outputs();
        assert_eq!(outputs.len(), 1);
        assert_eq!(
            (outputs[0].occurrences(), outputs[0].value()),
            (6, vec!["country|none".to_owned()])
        );
    }

    #[test]
    fn a_message_is_as_long_as_the_librarys() {
        let mut random = StdRng::seed_from_u64(1);

        let message = Factory::new(7, 50).message(&TEXTS, &mut random);

        assert_eq!(message.len(), theirs(50).len());
    }
}
