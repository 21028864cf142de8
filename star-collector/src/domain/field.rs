//! The field of the shares: integers modulo p = 2^128 + 12451 (star.md, "What a message is").
//!
//! The arithmetic is not in constant time: what is computed here are the shares that came in, and the secrets of
//! groups that are being opened.

use std::{
    fmt,
    ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub},
};

/// The length of an element in a share, in bytes: little-endian, the last seven always zero.
pub const ELEMENT_BYTES: usize = 24;

/// What p has above 2^128: modulo p, 2^128 is its negative.
const C: u128 = 12_451;

/// An integer modulo p, always reduced.
///
/// All but 12451 elements are below 2^128; the others have `top` set, and the rest in `low`.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Element {
    top: bool,
    low: u128,
}

impl Element {
    /// 0.
    pub const ZERO: Self = Self { top: false, low: 0 };
    /// 1.
    pub const ONE: Self = Self { top: false, low: 1 };

    /// The element of an integer.
    pub const fn new(low: u128) -> Self {
        Self { top: false, low }
    }

    /// Reads an element. `None`: the integer is p or more, which no honest share holds.
    pub fn from_bytes(bytes: &[u8; ELEMENT_BYTES]) -> Option<Self> {
        let (low, high) = bytes.split_first_chunk::<16>()?;
        let high = u64::from_le_bytes(high.try_into().ok()?);
        Self::from_halves(u128::from_le_bytes(*low), high.into())
    }

    /// The element of the integer with these halves, if it is below p.
    pub fn from_halves(low: u128, high: u128) -> Option<Self> {
        match high {
            0 => Some(Self { top: false, low }),
            1 if low < C => Some(Self { top: true, low }),
            _ => None,
        }
    }

    /// The bytes that it stands as in a share.
    pub fn to_bytes(self) -> [u8; ELEMENT_BYTES] {
        let mut bytes = [0; ELEMENT_BYTES];
        let low = self.low.to_le_bytes().into_iter();
        for (byte, value) in bytes.iter_mut().zip(low.chain([u8::from(self.top)])) {
            *byte = value;
        }
        bytes
    }

    /// The integer, if it is below 2^128: a recovered key always is.
    pub fn below_2_128(self) -> Option<u128> {
        (!self.top).then_some(self.low)
    }

    /// Whether it is 0.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The inverse: the element to the power of p − 2. 0 has none, and gives 0.
    #[must_use]
    pub fn invert(self) -> Self {
        // p − 2 = 2^128 + 12449.
        let mut power = self;
        for bit in (0..128).rev() {
            power *= power;
            if (C - 2) >> bit & 1 == 1 {
                power *= self;
            }
        }
        power
    }

    /// Inverts all of `elements` with one inversion (Montgomery's trick). None may be 0: all would be lost.
    pub fn invert_all(elements: &mut [Self]) {
        let mut product = Self::ONE;
        let mut products = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            products.push(product);
            product *= *element;
        }
        let mut inverse = product.invert();
        for (element, before) in elements.iter_mut().zip(products).rev() {
            let rest = inverse * *element;
            *element = inverse * before;
            inverse = rest;
        }
    }

    /// The product, if one of both is of the few above 2^128. Apart, so that the common case has no call in it.
    #[cold]
    fn times_with_top(self, other: Self) -> Self {
        match (self.top, other.top) {
            (false, false) => self * other,
            (true, false) => -(self.distance_to_p() * other),
            (false, true) => -(self * other.distance_to_p()),
            (true, true) => self.distance_to_p() * other.distance_to_p(),
        }
    }

    /// The element of an integer below 2^256, given as its halves.
    #[inline]
    fn reduce(low: u128, high: u128) -> Self {
        // high · 2^128 ≡ −high · C, and what that has above 2^128 comes back once more, as + C.
        let (taken, again) = multiply_small(high);
        let (low, borrow) = low.overflowing_sub(taken);
        let (low, carry) = low.overflowing_add(C * (again + u128::from(borrow)));
        match (carry, low < C) {
            (false, _) => Self { top: false, low },
            (true, true) => Self { top: true, low },
            (true, false) => Self {
                top: false,
                low: low - C,
            },
        }
    }

    /// How far it is from p, for the few above 2^128: small, where the element itself does not fit.
    fn distance_to_p(self) -> Self {
        Self::new(C - self.low)
    }
}

/// `value · C`: what it has below 2^128, and above.
fn multiply_small(value: u128) -> (u128, u128) {
    let low = (value & LOW_HALF) * C;
    let high = (value >> 64) * C + (low >> 64);
    (high << 64 | low & LOW_HALF, high >> 64)
}

const LOW_HALF: u128 = u64::MAX as u128;

/// The product, of 256 bits: what it has below 2^128, and above.
fn multiply(a: u128, b: u128) -> (u128, u128) {
    let (a_low, a_high) = (a & LOW_HALF, a >> 64);
    let (b_low, b_high) = (b & LOW_HALF, b >> 64);
    let low = a_low * b_low;
    let (cross, other) = (a_low * b_high, a_high * b_low);
    let middle = (low >> 64) + (cross & LOW_HALF) + (other & LOW_HALF);
    let high = a_high * b_high + (cross >> 64) + (other >> 64) + (middle >> 64);
    (middle << 64 | low & LOW_HALF, high)
}

impl Add for Element {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        let above = u8::from(carry) + u8::from(self.top) + u8::from(other.top);
        if above == 0 || above == 1 && low < C {
            return Self {
                top: above == 1,
                low,
            };
        }
        let (low, borrow) = low.overflowing_sub(C);
        Self {
            top: above - 1 > u8::from(borrow),
            low,
        }
    }
}

impl Sub for Element {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let above = i8::from(self.top) - i8::from(other.top) - i8::from(borrow);
        if above >= 0 {
            return Self {
                top: above == 1,
                low,
            };
        }
        let (low, carry) = low.overflowing_add(C);
        Self {
            top: above + 1 + i8::from(carry) == 1,
            low,
        }
    }
}

impl Neg for Element {
    type Output = Self;

    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl Mul for Element {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        if self.top || other.top {
            return self.times_with_top(other);
        }
        let (low, high) = multiply(self.low, other.low);
        Self::reduce(low, high)
    }
}

impl AddAssign for Element {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl MulAssign for Element {
    #[inline]
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

/// Shows nothing: an element may be a point of a secret's polynomial.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Element(..)")
    }
}

#[cfg(test)]
mod tests;
