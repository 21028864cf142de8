//! Those who would have other totals, or open what few agree on (threat T13).

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::transport::Request;
use rand::{CryptoRng, RngCore};
use star_collector::{
    domain::field::Element,
    factory::{Factory, parts::Part},
};

use super::{
    crowd::Points,
    population::{favourite, layers},
    request,
};

/// So many messages of each kind in an epoch.
pub(super) const EACH: usize = 20;

/// Opens whatever it is in, if anybody believes it.
const LOW_THRESHOLD: u32 = 2;

/// Messages of what most clients have, with points that are not on the group's polynomial.
pub(super) fn forged(
    factory: &mut Factory,
    random: &mut (impl CryptoRng + RngCore),
) -> anyhow::Result<Vec<String>> {
    let forge = |_| {
        let mut message = message(factory, random);
        let other = Element::new(u128::from(random.next_u64()));
        let y = Part::Y.of_message(&mut message);
        y.context("a message has its point")?
            .copy_from_slice(&other.to_bytes());
        Ok(STANDARD.encode(message))
    };
    (0..EACH).map(forge).collect()
}

/// Messages whose shares say a threshold below the channel's: half of them say so in their headers, too.
pub(super) fn low_thresholds(
    points: &Points,
    random: &mut (impl CryptoRng + RngCore),
    k: u32,
) -> Vec<Request> {
    let mut factory = points.factory(LOW_THRESHOLD);
    let low = |number| {
        let said = if number % 2 == 0 { LOW_THRESHOLD } else { k };
        request(&STANDARD.encode(message(&mut factory, random)), said)
    };
    (0..EACH).map(low).collect()
}

/// A message of what most clients have.
fn message(factory: &mut Factory, random: &mut (impl CryptoRng + RngCore)) -> Vec<u8> {
    let texts = layers(&favourite());
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    factory.message(&texts, random)
}
