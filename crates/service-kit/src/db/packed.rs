//! Rows of a statement in two parameters: bytes one after the other, and numbers, such as where the parts of the bytes begin.
//!
//! A statement for each row would cost a turn of the connection's thread, or a way to the server and back; one with as many
//! parameters as values would be parsed and planned anew for each number of them.

/// The digits of a [`Packed`] number, which statements count with.
const DIGITS: usize = 16;

/// Rows in the making.
///
/// A statement finds the number `j`, from 0, of the row `i` at `substr($n, 16 * (numbers of a row * i + j) + 1, 16)`.
#[derive(Debug, Default)]
pub struct Packed {
    bytes: Vec<u8>,
    numbers: Vec<u8>,
    rows: i64,
}

impl Packed {
    /// No rows yet, and room for so many bytes of them.
    pub fn with_room(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Begins a row.
    pub fn row(&mut self) {
        self.rows += 1;
    }

    /// Adds bytes to the row: as two numbers, where they begin, counted from 1, and how many there are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(self.bytes.len() as u64 + 1);
        self.more_bytes(bytes);
    }

    /// Adds bytes that begin where the last ones end: as one number, how many there are.
    pub fn more_bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a number, below 10^16, to the row.
    pub fn number(&mut self, number: impl Into<u64>) {
        push_digits(&mut self.numbers, number.into());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The bytes, the numbers, and how many rows there are.
    pub fn into_parts(self) -> (Vec<u8>, Vec<u8>, i64) {
        (self.bytes, self.numbers, self.rows)
    }
}

/// Writes the last [`DIGITS`] digits of `number`: the form in which both engines are told numbers within a byte string.
fn push_digits(digits: &mut Vec<u8>, number: u64) {
    let mut text = [b'0'; DIGITS];
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        let [lowest, ..] = (rest % 10).to_le_bytes();
        *digit += lowest;
        rest /= 10;
    }
    digits.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_all_its_digits() {
        for number in [
            0,
            7,
            10,
            1_234_567_890,
            9_999_999_999,
            9_999_999_999_999_999,
        ] {
            let mut digits = b"4".to_vec();
            push_digits(&mut digits, number);
            assert_eq!(digits, format!("4{number:016}").into_bytes());
        }
    }

    #[test]
    fn parts_are_where_the_numbers_say() {
        let mut packed = Packed::default();
        for (part, more) in [(&b"one"[..], &b"first"[..]), (b"", b"second")] {
            packed.row();
            packed.bytes(part);
            packed.more_bytes(more);
            packed.number(9_999_999_999_999_999_u64);
        }
        let (bytes, numbers, rows) = packed.into_parts();

        assert_eq!((bytes, rows), (b"onefirstsecond".to_vec(), 2));
        let numbers: Vec<u64> = numbers
            .chunks(DIGITS)
            .map(|digits| std::str::from_utf8(digits).unwrap().parse().unwrap())
            .collect();
        let largest = 9_999_999_999_999_999;
        assert_eq!(numbers, [1, 3, 5, largest, 9, 0, 6, largest]);
    }
}
