//! The value at 0 of a polynomial, from points of which some are forged (star.md, "Key recovery, robust").
//!
//! A group's points are a Reed–Solomon code word with errors: with n points, t of them forged, of a polynomial of k
//! coefficients, [`decode`] finds it whenever n − k ≥ 2t (Gao 2003). It takes about n² multiplications.

use super::{field::Element, wire::Point};

/// The most points that are decoded together, unless twice `k` is more: their work is bounded by the square of it.
pub const POINTS_MAX: usize = 512;

/// How many windows of points are tried when decoding fails. With one point more than needed, it takes each of them to be sure.
const WINDOWS: usize = 8;
const WINDOWS_MAX: usize = 64;

/// About how many multiplications it takes at most to find out whether `points` points can be decoded, with what it costs to
/// have them there: the square of their number, and above [`POINTS_MAX`] in proportion to it.
pub fn cost(points: usize, k: usize) -> u64 {
    let decoded = points.saturating_mul(points.min(most(k)));
    let windows = window_count(points, k).saturating_mul(k.saturating_mul(k));
    u64::try_from(decoded.saturating_add(windows)).unwrap_or(u64::MAX)
}

fn window_count(points: usize, k: usize) -> usize {
    let wanted = match points.checked_sub(k) {
        None | Some(0) => return 0,
        Some(1) => points.min(WINDOWS_MAX),
        Some(_) => WINDOWS,
    };
    let affordable = (POINTS_MAX * POINTS_MAX)
        .checked_div(k.saturating_mul(k))
        .unwrap_or(0);
    wanted.min(affordable.max(1))
}

/// The most points that are decoded together.
fn most(k: usize) -> usize {
    POINTS_MAX.max(k.saturating_mul(2))
}

/// Decodes points with distinct x, as many of them as [`POINTS_MAX`] says: the value at 0 of the polynomial with `k`
/// coefficients that all but (n − k) ⁄ 2 of them are on. `None`: there is no such polynomial.
pub fn decode(points: &[Point], k: usize) -> Option<Element> {
    let points = points.get(..points.len().min(most(k)))?;
    let n = points.len();
    if k == 0 || n < k {
        return None;
    }
    let vanishing = Polynomial::vanishing(points);
    let through_all = Polynomial::through(points, &vanishing);
    // The remainders of Euclid's algorithm, down to the first of a degree below (n + k) / 2, each with its factor.
    let (mut before, mut remainder) = (vanishing, through_all);
    let (mut factor_before, mut factor) = (Polynomial::zero(), Polynomial::one());
    while 2 * remainder.len() > n + k + 1 {
        let (quotient, rest) = before.divide(&remainder)?;
        let next = factor_before.minus_product(&quotient, &factor);
        (before, remainder) = (remainder, rest);
        (factor_before, factor) = (factor, next);
    }
    let (decoded, rest) = remainder.divide(&factor)?;
    (rest.is_zero() && decoded.len() <= k).then(|| decoded.constant())
}

/// Windows of `k` neighbours in the circle of points, spread evenly: with one forged point among k + 1, one window is
/// without it, where decoding needs two points more.
pub fn windows(points: &[Point], k: usize) -> impl Iterator<Item = Vec<Point>> {
    let n = points.len();
    let count = window_count(n, k);
    (0..count).map(move |window| {
        let first = window * n / count;
        points.iter().cycle().skip(first).take(k).copied().collect()
    })
}

/// A polynomial: its coefficients, the lowest first, the highest not 0.
#[derive(Clone)]
struct Polynomial(Vec<Element>);

impl Polynomial {
    fn zero() -> Self {
        Self(Vec::new())
    }

    fn one() -> Self {
        Self(vec![Element::ONE])
    }

    /// The polynomial that is 0 at each point: Π (z − xᵢ).
    fn vanishing(points: &[Point]) -> Self {
        let mut product = Self::one();
        for point in points {
            product.0.push(Element::ZERO);
            let mut lower = Element::ZERO;
            for coefficient in &mut product.0 {
                let shifted = lower;
                lower = *coefficient;
                *coefficient = shifted - lower * point.x;
            }
        }
        product
    }

    /// The polynomial through all points, by Lagrange: Σ yᵢ ⁄ m′(xᵢ) · m(z) ⁄ (z − xᵢ), with m from [`Self::vanishing`].
    fn through(points: &[Point], vanishing: &Self) -> Self {
        let quotients: Vec<Self> = points
            .iter()
            .map(|point| vanishing.without_root(point.x))
            .collect();
        // m′(xᵢ) is the quotient's value there.
        let mut slopes: Vec<Element> = quotients
            .iter()
            .zip(points)
            .map(|(quotient, point)| quotient.at(point.x))
            .collect();
        Element::invert_all(&mut slopes);
        let mut sum = vec![Element::ZERO; points.len()];
        for ((quotient, point), inverse) in quotients.iter().zip(points).zip(slopes) {
            let weight = point.y * inverse;
            for (sum, coefficient) in sum.iter_mut().zip(&quotient.0) {
                *sum += weight * *coefficient;
            }
        }
        Self(sum).trimmed()
    }

    /// Divides by z − `root`, of which nothing is left (Horner's scheme).
    fn without_root(&self, root: Element) -> Self {
        let mut carried = Element::ZERO;
        let mut quotient: Vec<Element> = self
            .0
            .iter()
            .skip(1)
            .rev()
            .map(|coefficient| {
                carried = carried * root + *coefficient;
                carried
            })
            .collect();
        quotient.reverse();
        Self(quotient)
    }

    fn at(&self, x: Element) -> Element {
        let horner = |value: Element, coefficient: &Element| value * x + *coefficient;
        self.0.iter().rev().fold(Element::ZERO, horner)
    }

    /// Quotient and remainder. `None`: `divisor` is 0.
    fn divide(&self, divisor: &Self) -> Option<(Self, Self)> {
        let inverse = divisor.0.last()?.invert();
        let mut rest = self.0.clone();
        let steps = (rest.len() + 1).saturating_sub(divisor.len());
        let mut quotient = Vec::with_capacity(steps);
        for step in (0..steps).rev() {
            let factor = rest.pop()? * inverse;
            let lower = rest.iter_mut().skip(step).zip(&divisor.0);
            for (coefficient, of_divisor) in lower {
                *coefficient = *coefficient - factor * *of_divisor;
            }
            quotient.push(factor);
        }
        quotient.reverse();
        Some((Self(quotient).trimmed(), Self(rest).trimmed()))
    }

    /// This one without the product of two others.
    fn minus_product(&self, a: &Self, b: &Self) -> Self {
        let mut difference = self.0.clone();
        difference.resize(self.len().max(a.len() + b.len()), Element::ZERO);
        for (shift, of_a) in a.0.iter().enumerate() {
            let places = difference.iter_mut().skip(shift).zip(&b.0);
            for (place, of_b) in places {
                *place = *place - *of_a * *of_b;
            }
        }
        Self(difference).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self
            .0
            .last()
            .is_some_and(|coefficient| coefficient.is_zero())
        {
            self.0.pop();
        }
        self
    }

    /// The number of coefficients: the degree and one.
    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn constant(&self) -> Element {
        self.0.first().copied().unwrap_or_default()
    }
}
