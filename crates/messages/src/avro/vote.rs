//! The record of the topic `vote`: there are as many as votes, so it is written and read without the values in which
//! the Avro library holds a record of any schema. The tests compare with the library.

use apache_avro::Schema;
use serde::{Deserialize, Serialize};

use super::{NotARecord, RECORD_BYTES_MAX, Record, VOTE};

/// The most bytes of a `long`: 64 bits, seven in each.
const LONG_BYTES_MAX: u32 = 10;

/// `<environment>.payment.vote`: votes for one publisher.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// A UUIDv8 from `H("bt/event/1", vote id)`: a repeat has the same.
    pub id: String,
    /// The vote's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The publisher.
    pub channel: String,
    /// The UTC day of publication, `YYYY-MM-DDT00:00:00Z`.
    pub created_at: String,
    /// What one vote is worth.
    pub base_vote_value: String,
    /// How many tokens stand behind it.
    pub vote_tally: i64,
    /// `user-wallet` or `anonymous-card`.
    pub funding_source: String,
}

/// A [`Vote`] whose texts stand where they were read, or where they are taken from: none is copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VoteView<'a> {
    /// [`Vote::id`].
    pub id: &'a str,
    /// [`Vote::kind`].
    pub kind: &'a str,
    /// [`Vote::channel`].
    pub channel: &'a str,
    /// [`Vote::created_at`].
    pub created_at: &'a str,
    /// [`Vote::base_vote_value`].
    pub base_vote_value: &'a str,
    /// [`Vote::vote_tally`].
    pub vote_tally: i64,
    /// [`Vote::funding_source`].
    pub funding_source: &'a str,
}

impl Record for Vote {
    fn schema() -> &'static Schema {
        &VOTE
    }

    fn encode(&self) -> Vec<u8> {
        VoteView::from(self).encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let view = VoteView::decode(bytes)?;
        Ok(Self {
            id: view.id.to_owned(),
            kind: view.kind.to_owned(),
            channel: view.channel.to_owned(),
            created_at: view.created_at.to_owned(),
            base_vote_value: view.base_vote_value.to_owned(),
            vote_tally: view.vote_tally,
            funding_source: view.funding_source.to_owned(),
        })
    }
}

impl<'a> From<&'a Vote> for VoteView<'a> {
    fn from(vote: &'a Vote) -> Self {
        Self {
            id: &vote.id,
            kind: &vote.kind,
            channel: &vote.channel,
            created_at: &vote.created_at,
            base_vote_value: &vote.base_vote_value,
            vote_tally: vote.vote_tally,
            funding_source: &vote.funding_source,
        }
    }
}

impl<'a> VoteView<'a> {
    /// The record as raw Avro binary.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        for text in [
            self.id,
            self.kind,
            self.channel,
            self.created_at,
            self.base_vote_value,
        ] {
            put_text(&mut bytes, text);
        }
        put_long(&mut bytes, self.vote_tally);
        put_text(&mut bytes, self.funding_source);
        bytes
    }

    /// Reads raw Avro binary, all of it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, NotARecord> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(NotARecord);
        }
        let mut left = bytes;
        let vote = Self {
            id: text(&mut left)?,
            kind: text(&mut left)?,
            channel: text(&mut left)?,
            created_at: text(&mut left)?,
            base_vote_value: text(&mut left)?,
            vote_tally: long(&mut left)?,
            funding_source: text(&mut left)?,
        };
        if left.is_empty() {
            Ok(vote)
        } else {
            Err(NotARecord)
        }
    }
}

/// A `long` (Avro 1.11, "Primitive Types"): zigzag, then seven bits in a byte, the lowest first.
fn put_long(bytes: &mut Vec<u8>, long: i64) {
    let mut rest = (long << 1 ^ long >> 63).cast_unsigned();
    loop {
        let [lowest, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            bytes.push(lowest & 0x7f);
            return;
        }
        bytes.push(lowest | 0x80);
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_long(bytes, i64::try_from(text.len()).unwrap_or(i64::MAX));
    bytes.extend_from_slice(text.as_bytes());
}

fn long(bytes: &mut &[u8]) -> Result<i64, NotARecord> {
    let mut value = 0;
    for i in 0..LONG_BYTES_MAX {
        let (byte, left) = bytes.split_first().ok_or(NotARecord)?;
        *bytes = left;
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    Err(NotARecord)
}

fn text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, NotARecord> {
    let len = usize::try_from(long(bytes)?).map_err(|_| NotARecord)?;
    let (text, left) = bytes.split_at_checked(len).ok_or(NotARecord)?;
    *bytes = left;
    std::str::from_utf8(text).map_err(|_| NotARecord)
}

#[cfg(test)]
mod tests {
    use apache_avro::{from_avro_datum, from_value, to_avro_datum, to_value};
    use proptest::prelude::*;

    use super::*;

    fn by_the_library(vote: &Vote) -> Vec<u8> {
        let value = to_value(vote).unwrap().resolve(Vote::schema()).unwrap();
        to_avro_datum(Vote::schema(), value).unwrap()
    }

    fn read_by_the_library(mut bytes: &[u8]) -> Option<Vote> {
        let value = from_avro_datum(Vote::schema(), &mut bytes, None).ok()?;
        from_value(&value).ok().filter(|_| bytes.is_empty())
    }

    prop_compose! {
        fn votes()(texts in proptest::array::uniform6(".{0,80}"), vote_tally in any::<i64>()) -> Vote {
            let [id, kind, channel, created_at, base_vote_value, funding_source] = texts;
            Vote { id, kind, channel, created_at, base_vote_value, vote_tally, funding_source }
        }
    }

    proptest! {
        #[test]
        fn any_vote_is_written_and_read_as_by_the_library(vote in votes()) {
            let bytes = vote.encode();
            prop_assert_eq!(&bytes, &by_the_library(&vote));
            prop_assert_eq!(Vote::decode(&bytes), Ok(vote));
        }

        #[test]
        fn what_is_damaged_is_refused_or_read_as_by_the_library(
            vote in votes(), place in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut bytes = vote.encode();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if cut {
                bytes.truncate(place);
            }
            if let Ok(read) = Vote::decode(&bytes) {
                prop_assert_eq!(Some(read), read_by_the_library(&bytes));
            }
        }
    }

    #[test]
    fn a_number_ends_with_its_tenth_byte() {
        let tally = |value: &[u8]| {
            let mut bytes = vec![0; 5];
            bytes.extend_from_slice(value);
            bytes.push(0);
            Vote::decode(&bytes).map(|vote| vote.vote_tally)
        };
        let mut longest = [0xff; 10];
        longest[9] = 1;

        assert_eq!(tally(&longest), Ok(i64::MIN));
        assert_eq!(tally(&[0xff; 10]), Err(NotARecord));
        assert_eq!(tally(&[0x80]), Err(NotARecord));
    }
}
