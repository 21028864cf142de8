//! A vote event as it is counted.

use chrono::NaiveDate;
use messages::{
    FundingSource, avro::VoteView, money::Amount, publisher::Publisher, vote_text::VoteType,
};
use uuid::Uuid;

use super::{Month, Refusal, day::read_day};

/// The most tokens in one vote: what payments takes in its most permissive setting.
pub const VOTE_TALLY_MAX: u32 = 400;

/// What days end with on the topic.
const MIDNIGHT: &str = "T00:00:00Z";

/// A vote event that is well formed and young enough to be counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CountedVote {
    /// Names the event: it counts once.
    pub event: Uuid,
    /// When it was published.
    pub day: NaiveDate,
    /// Where its money came from.
    pub source: FundingSource,
    /// What one of its tokens is worth.
    pub value: Amount,
    /// Whom it is for.
    pub channel: Publisher,
    /// How many tokens stand behind it.
    pub votes: u32,
}

/// The first month whose votes are counted on `today`, where events are remembered for `id_months`.
/// Whoever forgets events asks here, too: an event that is forgotten must be too old to come again.
pub fn first_counted(today: NaiveDate, id_months: u32) -> Month {
    Month::of(today).before(id_months).next()
}

impl CountedVote {
    /// Reads a record of the topic, as of `today`; event ids are kept for `id_months`.
    pub fn read(bytes: &[u8], today: NaiveDate, id_months: u32) -> Result<Self, Refusal> {
        let vote = VoteView::decode(bytes).map_err(|_| Refusal::NotARecord)?;
        let event = Uuid::try_parse(vote.id).map_err(|_| Refusal::BadId)?;
        if event.hyphenated().encode_lower(&mut Uuid::encode_buffer()) != vote.id {
            // Another spelling of a counted id would count again.
            return Err(Refusal::BadId);
        }
        let _type: VoteType = vote.kind.parse().map_err(|_| Refusal::BadType)?;
        let day = vote
            .created_at
            .strip_suffix(MIDNIGHT)
            .ok_or(Refusal::BadDay)?;
        let day = read_day(day, today)?;
        if Month::of(day) < first_counted(today, id_months) {
            return Err(Refusal::TooOld);
        }
        let value: Amount = vote
            .base_vote_value
            .parse()
            .map_err(|_| Refusal::BadValue)?;
        if value.is_zero() {
            return Err(Refusal::BadValue);
        }
        let votes = u32::try_from(vote.vote_tally).map_err(|_| Refusal::BadCount)?;
        if !(1..=VOTE_TALLY_MAX).contains(&votes) {
            return Err(Refusal::BadCount);
        }
        Ok(Self {
            event,
            day,
            source: vote
                .funding_source
                .parse()
                .map_err(|_| Refusal::BadSource)?,
            value,
            channel: Publisher::taken(vote.channel).map_err(|_| Refusal::BadChannel)?,
            votes,
        })
    }

    /// The month that it belongs to.
    pub fn month(&self) -> Month {
        Month::of(self.day)
    }
}

#[cfg(test)]
mod tests {
    use messages::avro::{Record as _, Vote};

    use super::*;

    fn record() -> Vote {
        Vote {
            id: "9b30ad44-11e9-8ce1-94e1-72d9ab5269b2".to_owned(),
            kind: "auto-contribute".to_owned(),
            channel: "example.com".to_owned(),
            created_at: "2026-01-29T00:00:00Z".to_owned(),
            base_vote_value: "0.25".to_owned(),
            vote_tally: 16,
            funding_source: "user-wallet".to_owned(),
        }
    }

    fn read(change: impl FnOnce(&mut Vote)) -> Result<CountedVote, Refusal> {
        let mut vote = record();
        change(&mut vote);
        CountedVote::read(&vote.encode(), "2026-02-10".parse().unwrap(), 13)
    }

    #[test]
    fn a_good_record_is_counted_in_the_month_of_its_publication() {
        let vote = read(|_| {}).unwrap();

        assert_eq!(vote.month().to_string(), "2026-01");
        assert_eq!(
            (vote.votes, vote.value.to_string()),
            (16, "0.25".to_owned())
        );
    }

    #[test]
    fn every_other_member_is_refused_by_name() {
        let refusals = [
            (read(|v| v.id = "no uuid".to_owned()), Refusal::BadId),
            (read(|v| v.id = v.id.to_uppercase()), Refusal::BadId),
            (read(|v| v.id = v.id.replace('-', "")), Refusal::BadId),
            (read(|v| v.kind = "oneoff".to_owned()), Refusal::BadType),
            (
                read(|v| v.channel = "Example.com".to_owned()),
                Refusal::BadChannel,
            ),
            (
                read(|v| v.created_at = "2026-01-29T00:00:01Z".to_owned()),
                Refusal::BadDay,
            ),
            (
                read(|v| v.created_at = "2026-1-29T00:00:00Z".to_owned()),
                Refusal::BadDay,
            ),
            (
                read(|v| v.created_at = "2026-02-12T00:00:00Z".to_owned()),
                Refusal::BadDay,
            ),
            (
                read(|v| v.created_at = "2025-01-31T00:00:00Z".to_owned()),
                Refusal::TooOld,
            ),
            (
                read(|v| v.base_vote_value = "0".to_owned()),
                Refusal::BadValue,
            ),
            (
                read(|v| v.base_vote_value = "-1".to_owned()),
                Refusal::BadValue,
            ),
            (read(|v| v.vote_tally = 0), Refusal::BadCount),
            (read(|v| v.vote_tally = -1), Refusal::BadCount),
            (read(|v| v.vote_tally = 401), Refusal::BadCount),
            (
                read(|v| v.funding_source = "uphold".to_owned()),
                Refusal::BadSource,
            ),
        ];

        for (found, expected) in refusals {
            assert_eq!(found, Err(expected));
        }
        assert_eq!(
            CountedVote::read(b"", "2026-02-10".parse().unwrap(), 13),
            Err(Refusal::NotARecord)
        );
        // Registrable by the list that payments had, and not by ours.
        assert!(read(|v| v.channel = "www.example.com".to_owned()).is_ok());
        assert!(read(|v| v.created_at = "2025-02-01T00:00:00Z".to_owned()).is_ok());
        assert!(read(|v| v.created_at = "2026-02-11T00:00:00Z".to_owned()).is_ok());
    }
}
