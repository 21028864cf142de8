//! Many values in one parameter.
//!
//! A statement with as many parameters as values would be another statement for each number of
//! them: parsed, planned and cached anew. Here the values of all rows are one byte string, and the
//! statement cuts it, so one prepared statement serves any number of rows in one call.

/// Rows of a fixed length, one after the other.
#[derive(Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    rows: i64,
}

impl Packed {
    /// Room for `rows` rows of `row_bytes` bytes.
    pub(super) fn with_capacity(rows: usize, row_bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(rows * row_bytes),
            rows: 0,
        }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.rows += 1;
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> i64 {
        self.rows
    }

    /// All rows.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
