//! Names a record by its bytes.

use std::{fmt, str::FromStr};

use messages::digest::H;

/// What an operator who decides on a record repeats of it: nobody can put another one in its place
/// between looking and deciding. 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordMark([u8; 16]);

impl RecordMark {
    /// The mark of a record with these bytes.
    pub fn of(record: &[u8]) -> Self {
        let hash = H::new("bt/record-mark/1").part(record).finish();
        let mut mark = [0; 16];
        for (to, from) in mark.iter_mut().zip(hash) {
            *to = from;
        }
        Self(mark)
    }
}

impl fmt::Display for RecordMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A text that is no mark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a mark is 32 hexadecimal digits")]
pub struct InvalidMark;

impl FromStr for RecordMark {
    type Err = InvalidMark;

    fn from_str(text: &str) -> Result<Self, InvalidMark> {
        let mut mark = [0; 16];
        hex::decode_to_slice(text, &mut mark).map_err(|_| InvalidMark)?;
        Ok(Self(mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_is_shown_and_is_of_one_record() {
        let mark = RecordMark::of(b"record");

        assert_eq!(mark.to_string().parse(), Ok(mark));
        assert_ne!(mark, RecordMark::of(b"another"));
        for text in ["", "00", "zz", &"0".repeat(31), &"0".repeat(33)] {
            assert_eq!(text.parse::<RecordMark>(), Err(InvalidMark), "{text}");
        }
    }
}
