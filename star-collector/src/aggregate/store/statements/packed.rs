//! Rows of a statement in one parameter: bytes one after the other, and where each part begins.
//!
//! A statement for each row would cost a turn of the connection's thread, or a way to the server and back.

use std::fmt::Write as _;

/// The digits of a number in the cuts, which the statements count with.
const DIGITS: usize = 12;

/// Rows in the making.
#[derive(Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    cuts: String,
    rows: i64,
}

impl Packed {
    /// Begins a row.
    pub(super) fn row(&mut self) {
        self.rows += 1;
    }

    /// Adds bytes to the row: where they begin, counted from 1, and how many there are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(self.bytes.len() + 1);
        self.number(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a number to the row.
    pub(super) fn number(&mut self, number: impl Into<Number>) {
        // Writing to a string cannot fail.
        let _infallible = write!(self.cuts, "{:0DIGITS$}", number.into().0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The bytes, the cuts, and how many rows there are.
    pub(super) fn into_parts(self) -> (Vec<u8>, Vec<u8>, i64) {
        (self.bytes, self.cuts.into_bytes(), self.rows)
    }
}

/// A number below 10^12.
pub(super) struct Number(u64);

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self(u64::try_from(number).unwrap_or(u64::MAX))
    }
}
