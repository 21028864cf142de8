//! The records on the topics: raw Avro binary, no header (contracts §3).
//!
//! The schemas are files, `schemas/*.avsc`, for consumers in other languages.

use std::sync::LazyLock;

use apache_avro::{Schema, from_avro_datum, from_value, to_avro_datum, to_value};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{directory::Head, money::Amount};

mod vote;

pub use vote::{Vote, VoteView};

/// The longest record that is decoded, in bytes: a funds record of some hundred keys is 20 KiB.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// The schema of [`Vote`], as consumers read it.
pub const VOTE_SCHEMA: &str = include_str!("../schemas/vote.avsc");
/// The schema of [`Funds`].
pub const FUNDS_SCHEMA: &str = include_str!("../schemas/funds.avsc");
/// The schema of [`DirectoryHead`].
pub const DIRECTORY_HEAD_SCHEMA: &str = include_str!("../schemas/directory_head.avsc");

static VOTE: LazyLock<Schema> = LazyLock::new(|| parse(VOTE_SCHEMA));
static FUNDS: LazyLock<Schema> = LazyLock::new(|| parse(FUNDS_SCHEMA));
static DIRECTORY_HEAD: LazyLock<Schema> = LazyLock::new(|| parse(DIRECTORY_HEAD_SCHEMA));

fn parse(text: &str) -> Schema {
    // A length prefix in a record could otherwise ask for half a gigabyte.
    apache_avro::util::max_allocation_bytes(RECORD_BYTES_MAX);
    Schema::parse_str(text).expect("our schemas are valid")
}

/// A record that cannot be read, or has bytes left over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the bytes are no record of this schema")]
pub struct NotARecord;

/// A record of a topic.
pub trait Record: Serialize + DeserializeOwned {
    /// The record's schema.
    fn schema() -> &'static Schema;

    /// The record as raw Avro binary.
    fn encode(&self) -> Vec<u8> {
        let value = to_value(self).expect("our records are plain data");
        let value = value
            .resolve(Self::schema())
            .expect("our records fit their schema");
        to_avro_datum(Self::schema(), value).expect("a resolved record is encodable")
    }

    /// Reads raw Avro binary, all of it.
    fn decode(mut bytes: &[u8]) -> Result<Self, NotARecord> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(NotARecord);
        }
        let value = from_avro_datum(Self::schema(), &mut bytes, None).map_err(|_| NotARecord)?;
        if !bytes.is_empty() {
            return Err(NotARecord);
        }
        from_value(&value).map_err(|_| NotARecord)
    }
}

/// `<environment>.payment.funds`: cumulative totals of one funding source and vote value.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Funds {
    /// A UUIDv8 from `H("bt/funds/1", environment, source, value, day)`.
    pub id: String,
    /// The day whose end the totals are of, `YYYY-MM-DD`.
    pub day: String,
    /// `user-wallet` or `anonymous-card`.
    pub funding_source: String,
    /// What one vote is worth.
    pub base_vote_value: Amount,
    /// The currency of the amounts.
    pub currency: String,
    /// Money received for orders that became paid.
    pub received_total: Amount,
    /// Tokens that those orders bought.
    pub votes_sold_total: i64,
    /// Every key that is not yet closed.
    pub keys: Vec<FundsKey>,
    /// Whether the totals replace earlier ones after a restore.
    pub restatement: bool,
}

impl Record for Funds {
    fn schema() -> &'static Schema {
        &FUNDS
    }
}

/// What one key did, in a [`Funds`] record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FundsKey {
    /// The key.
    pub key_id: String,
    /// Tokens that it signed.
    pub signed_total: i64,
    /// Tokens of it that were redeemed.
    pub redeemed_total: i64,
    /// It redeems until here, RFC 3339.
    pub redeem_until: String,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// `<environment>.payment.directory`: a day's head.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DirectoryHead {
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// How many entries it covers.
    pub size: i64,
    /// The hash of the last of them.
    pub hash: String,
    /// The directory key's signature.
    pub signature: String,
}

impl Record for DirectoryHead {
    fn schema() -> &'static Schema {
        &DIRECTORY_HEAD
    }
}

impl From<&Head> for DirectoryHead {
    fn from(head: &Head) -> Self {
        Self {
            day: head.day.to_string(),
            size: i64::try_from(head.size).expect("a directory stays far below 2^63 entries"),
            hash: head.hash.to_string(),
            signature: head.signature.to_string(),
        }
    }
}

impl TryFrom<DirectoryHead> for Head {
    type Error = NotARecord;

    fn try_from(record: DirectoryHead) -> Result<Self, NotARecord> {
        let day: NaiveDate = record.day.parse().map_err(|_| NotARecord)?;
        if day.to_string() != record.day {
            // The parser takes other spellings.
            return Err(NotARecord);
        }
        Ok(Self {
            day,
            size: record.size.try_into().map_err(|_| NotARecord)?,
            hash: record.hash.parse().map_err(|_| NotARecord)?,
            signature: record.signature.parse().map_err(|_| NotARecord)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoding::Fixed;

    fn vote() -> Vote {
        Vote {
            id: "9b30ad44-11e9-8ce1-94e1-72d9ab5269b2".to_owned(),
            kind: "auto-contribute".to_owned(),
            channel: "3zsistemi.si".to_owned(),
            created_at: "2026-01-29T00:00:00Z".to_owned(),
            base_vote_value: "0.25".to_owned(),
            vote_tally: 16,
            funding_source: "user-wallet".to_owned(),
        }
    }

    fn funds() -> Funds {
        Funds {
            id: "id".to_owned(),
            day: "2026-01-31".to_owned(),
            funding_source: "anonymous-card".to_owned(),
            base_vote_value: "0.25".parse().unwrap(),
            currency: "BAT".to_owned(),
            received_total: "10".parse().unwrap(),
            votes_sold_total: 40,
            keys: vec![FundsKey {
                key_id: "00".repeat(16),
                signed_total: 40,
                redeemed_total: 12,
                redeem_until: "2026-03-01T00:00:00Z".to_owned(),
                revoked: false,
            }],
            restatement: false,
        }
    }

    #[test]
    fn a_vote_is_its_fields_in_order_and_nothing_else() {
        // Strings with a zigzag length in front, the long in zigzag: 16 is 0x20.
        let mut expected = Vec::new();
        let record = vote();
        let strings = [
            &record.id,
            &record.kind,
            &record.channel,
            &record.created_at,
            &record.base_vote_value,
        ];
        for text in strings {
            expected.push(u8::try_from(text.len() * 2).unwrap());
            expected.extend_from_slice(text.as_bytes());
        }
        expected.push(0x20);
        expected.push(22);
        expected.extend_from_slice(b"user-wallet");

        assert_eq!(record.encode(), expected);
    }

    #[test]
    fn what_is_written_is_read_and_nothing_may_follow() {
        assert_eq!(Vote::decode(&vote().encode()), Ok(vote()));
        assert_eq!(Funds::decode(&funds().encode()), Ok(funds()));
        let mut longer = vote().encode();
        longer.push(0);
        assert_eq!(Vote::decode(&longer), Err(NotARecord));
        assert_eq!(
            Vote::decode(&vec![0; RECORD_BYTES_MAX + 1]),
            Err(NotARecord)
        );
    }

    #[test]
    fn a_head_is_read_back_as_it_was_and_its_day_has_one_spelling() {
        let head = Head {
            day: "2026-01-09".parse().unwrap(),
            size: 3,
            hash: Fixed([1; 32]),
            signature: Fixed([2; 64]),
        };
        let record = DirectoryHead::from(&head);
        assert_eq!(Head::try_from(record.clone()), Ok(head));

        let mut other = record;
        "2026-1-9".clone_into(&mut other.day);
        assert_eq!(Head::try_from(other), Err(NotARecord));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(vote) = Vote::decode(&bytes) {
                prop_assert_eq!(Vote::decode(&vote.encode()), Ok(vote));
            }
            let _ = Funds::decode(&bytes);
            let _ = DirectoryHead::decode(&bytes);
        }
    }
}
