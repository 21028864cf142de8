//! The secret of a group: recovered from enough of its shares, and what it opens (sta-rs, adss; eprint 2020/800).

use std::{
    array,
    collections::{HashMap, HashSet},
    fmt,
};

use strobe_rs::{SecParam, Strobe};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{
    cipher::{KEY_BYTES, Opener},
    decoding,
    field::Element,
    wire::{MAC_BYTES, Point, SEALED_BYTES, Sealed},
};

/// How many points are evaluated side by side.
const SIDE_BY_SIDE: usize = 4;

/// What the shares of a group give, once its MAC has verified.
pub struct Recovered {
    message: [u8; SEALED_BYTES],
    threshold: u32,
    dealer: Dealer,
}

impl Recovered {
    /// Recovers from as many points as the threshold says, each with another x. `None`: the MAC does not verify, so that at
    /// least one of the points is forged.
    pub fn from_points(sealed: &Sealed<'_>, points: &[Point]) -> Option<Self> {
        let wanted = usize::try_from(sealed.threshold).ok()?;
        if points.len() != wanted {
            return None;
        }
        Self::at_zero(sealed, value_at_zero(points))
    }

    /// Recovers from points of which some may be forged, also several with one x. `None`: too many of them are forged, or there
    /// are too few.
    pub fn find(sealed: &Sealed<'_>, points: &[Point]) -> Option<Self> {
        Self::from_first(sealed, points).or_else(|| Self::decode(sealed, points))
    }

    /// Recovers from the first points that have an x of their own. `None`: at least one of them is forged, or there are too few.
    pub fn from_first(sealed: &Sealed<'_>, points: &[Point]) -> Option<Self> {
        let wanted = usize::try_from(sealed.threshold).ok()?;
        Self::from_points(sealed, distinct(points, wanted).get(..wanted)?)
    }

    /// Recovers where [`Self::from_first`] does not. What it takes at most is [`decoding::cost`].
    pub fn decode(sealed: &Sealed<'_>, points: &[Point]) -> Option<Self> {
        let wanted = usize::try_from(sealed.threshold).ok()?;
        let distinct = distinct(points, wanted);
        let recover = |window: Vec<Point>| Self::from_points(sealed, &window);
        decoding::decode(&distinct, wanted)
            .and_then(|value| Self::at_zero(sealed, value))
            .or_else(|| decoding::windows(&distinct, wanted).find_map(recover))
    }

    /// What is recovered, if `value` is that of the group's polynomial at 0.
    fn at_zero(sealed: &Sealed<'_>, value: Element) -> Option<Self> {
        let key = value.below_2_128()?.to_le_bytes();
        let mut strobe = Strobe::new(b"adss encrypt", SecParam::B128);
        strobe.key(&key, false);
        let (mut message, mut coins) = (*sealed.message, *sealed.coins);
        strobe.recv_enc(&mut message, false);
        strobe.recv_enc(&mut coins, false);
        let dealer = Dealer::new(sealed.threshold, &message, &coins);
        coins.zeroize();
        (dealer.mac == *sealed.mac).then_some(Self {
            message,
            threshold: sealed.threshold,
            dealer,
        })
    }

    /// What opens the group's ciphertexts in `epoch`.
    pub fn opener(&self, epoch: u8) -> Opener {
        opener(&self.message, epoch)
    }

    /// The secret, with the polynomial that the group's clients drew.
    ///
    /// That the MAC verifies says that the value at 0 is right, not that the points were: whoever knows the polynomial can
    /// forge two points whose errors cancel out there. So it is drawn anew, and each point asked for with [`Secret::has`].
    pub fn into_secret(self) -> Secret {
        Secret {
            message: self.message,
            polynomial: self.dealer.polynomial(self.threshold),
        }
    }
}

/// Points with one x each, at least `wanted` if there are so many.
fn distinct(points: &[Point], wanted: usize) -> Vec<Point> {
    let mut ys: HashMap<Element, u32> = HashMap::with_capacity(points.len());
    for point in points {
        *ys.entry(point.x).or_default() += 1;
    }
    let alone = points.iter().filter(|point| ys.get(&point.x) == Some(&1));
    let alone: Vec<Point> = alone.copied().collect();
    if alone.len() >= wanted {
        return alone;
    }
    // Of several points with one x, which one is forged cannot be told: the first one may be honest.
    let mut known = HashSet::with_capacity(points.len());
    let first = points.iter().filter(|point| known.insert(point.x));
    first.copied().collect()
}

/// What an open group keeps: its message, and the polynomial that all its honest points lie on.
#[derive(Clone, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    message: [u8; SEALED_BYTES],
    /// The coefficients, the highest first; the last is the value at 0.
    #[zeroize(skip)]
    polynomial: Vec<Element>,
}

impl Secret {
    /// The secret that a client deals shares of which has drawn this message and these coins, and what all its shares
    /// have in common: C, D and J.
    pub fn deal(
        threshold: u32,
        message: &[u8; SEALED_BYTES],
        coins: &[u8; SEALED_BYTES],
    ) -> (
        Self,
        [u8; SEALED_BYTES],
        [u8; SEALED_BYTES],
        [u8; MAC_BYTES],
    ) {
        let dealer = Dealer::new(threshold, message, coins);
        let mut strobe = Strobe::new(b"adss encrypt", SecParam::B128);
        strobe.key(&dealer.key, false);
        let (mut sealed_message, mut sealed_coins) = (*message, *coins);
        strobe.send_enc(&mut sealed_message, false);
        strobe.send_enc(&mut sealed_coins, false);
        let mac = dealer.mac;
        let secret = Self {
            message: *message,
            polynomial: dealer.polynomial(threshold),
        };
        (secret, sealed_message, sealed_coins, mac)
    }

    /// Takes up a secret that was stored as [`Secret::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (message, coefficients) = bytes.split_first_chunk()?;
        let (coefficients, []) = coefficients.as_chunks() else {
            return None;
        };
        let polynomial = coefficients.iter().map(Element::from_bytes);
        Some(Self {
            message: *message,
            polynomial: polynomial.collect::<Option<_>>()?,
        })
    }

    /// The message (32 B) and the coefficients (24 B each), to be stored until the epoch expires.
    pub fn to_bytes(&self) -> Vec<u8> {
        let coefficients = self.polynomial.iter().flat_map(|c| c.to_bytes());
        self.message.into_iter().chain(coefficients).collect()
    }

    /// How many bytes the polynomial takes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.polynomial.as_slice())
    }

    /// Whether the point is on the polynomial: one evaluation, as Horner has it.
    pub fn has(&self, point: Point) -> bool {
        self.point(point.x) == point
    }

    /// The same of many points. Some are evaluated side by side, as each step of one waits for the step before it.
    pub fn have(&self, points: &[Point]) -> Vec<bool> {
        let (fours, rest) = points.as_chunks::<SIDE_BY_SIDE>();
        let mut have = Vec::with_capacity(points.len());
        for four in fours {
            let mut values = [Element::ZERO; SIDE_BY_SIDE];
            for coefficient in &self.polynomial {
                for (value, point) in values.iter_mut().zip(four) {
                    *value = *value * point.x + *coefficient;
                }
            }
            have.extend(
                values
                    .iter()
                    .zip(four)
                    .map(|(value, point)| *value == point.y),
            );
        }
        have.extend(rest.iter().map(|point| self.has(*point)));
        have
    }

    /// The point at `x`.
    pub fn point(&self, x: Element) -> Point {
        let horner = |value: Element, coefficient: &Element| value * x + *coefficient;
        let y = self.polynomial.iter().fold(Element::ZERO, horner);
        Point { x, y }
    }

    /// What opens the group's ciphertexts in `epoch`.
    pub fn opener(&self, epoch: u8) -> Opener {
        opener(&self.message, epoch)
    }
}

fn opener(message: &[u8; SEALED_BYTES], epoch: u8) -> Opener {
    let mut strobe = Strobe::new(b"star_derive_ske_key", SecParam::B128);
    strobe.key(message, false);
    strobe.ad(&[epoch], false);
    let mut key = [0; 32];
    draw(&mut strobe, &mut key);
    let opener = Opener::with_key(key.first_chunk().unwrap_or(&[0; KEY_BYTES]));
    key.zeroize();
    opener
}

/// What a client's computation of a share goes through before it draws its x: the same for everybody with this message
/// and these coins.
struct Dealer {
    mac: [u8; MAC_BYTES],
    key: [u8; KEY_BYTES],
    coefficients: Strobe,
}

impl Dealer {
    fn new(threshold: u32, message: &[u8; SEALED_BYTES], coins: &[u8; SEALED_BYTES]) -> Self {
        let mut strobe = Strobe::new(b"adss", SecParam::B128);
        strobe.ad(&threshold.to_le_bytes(), false);
        strobe.ad(message, false);
        strobe.key(coins, false);
        let mut mac = [0; MAC_BYTES];
        strobe.send_mac(&mut mac, false);
        let mut key = [0; KEY_BYTES];
        strobe.prf(&mut key, false);
        Self {
            mac,
            key,
            coefficients: strobe,
        }
    }

    /// The coefficients, the highest first; the last is the key.
    fn polynomial(mut self, threshold: u32) -> Vec<Element> {
        let drawn = (1..threshold).map(|_| self.coefficient());
        let mut polynomial: Vec<_> = drawn.collect();
        polynomial.push(Element::new(u128::from_le_bytes(self.key)));
        self.key.zeroize();
        polynomial
    }

    /// Draws as the crate `ff` does: three limbs in Montgomery's form with R = 2^192, 129 bits of them kept, again until
    /// they are below p. About every second draw is.
    fn coefficient(&mut self) -> Element {
        loop {
            let [low, middle, high] = array::from_fn(|_| self.limb());
            let integer = Element::from_halves(low | middle << 64, high & 1);
            if let Some(element) = integer {
                return element * INVERSE_OF_2_192;
            }
        }
    }

    fn limb(&mut self) -> u128 {
        let mut limb = [0; 8];
        draw(&mut self.coefficients, &mut limb);
        u64::from_le_bytes(limb).into()
    }
}

/// 2^-192 modulo p.
const INVERSE_OF_2_192: Element = Element::new(0x2b8c_cdf1_4303_0e5f_4214_ee41_969b_43cc);

/// Draws bytes as the crates' generator does: it first takes in how many.
pub(crate) fn draw(strobe: &mut Strobe, bytes: &mut [u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    strobe.meta_ad(&length.to_le_bytes(), false);
    strobe.prf(bytes, false);
}

/// Lagrange's interpolation at 0, with all denominators inverted together.
///
/// Σ yᵢ · Πⱼ xⱼ ⁄ (xᵢ · Πⱼ≠ᵢ (xⱼ − xᵢ)). All x must differ from each other and from 0.
fn value_at_zero(points: &[Point]) -> Element {
    let mut weights: Vec<Element> = points
        .iter()
        .enumerate()
        .map(|(i, at)| {
            let others = points.iter().enumerate().filter(|(j, _)| *j != i);
            others.fold(at.x, |product, (_, other)| product * (other.x - at.x))
        })
        .collect();
    Element::invert_all(&mut weights);
    let all = points.iter().fold(Element::ONE, |all, point| all * point.x);
    let terms = points.iter().zip(weights);
    let sum = terms.fold(Element::ZERO, |sum, (point, weight)| sum + point.y * weight);
    sum * all
}

/// Shows nothing of it.
impl fmt::Debug for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recovered(..)")
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests;
