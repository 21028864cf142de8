//! Vote events: which are well formed, and young enough to be counted.

use chrono::NaiveDate;
use messages::{avro::VoteView, money::Amount, vote_text::VoteType};
use uuid::Uuid;

use super::{Month, Refusal, VoteBatch, day::read_day};

/// The most tokens in one vote: what payments takes in its most permissive setting.
pub const VOTE_TALLY_MAX: u32 = 400;

/// What days end with on the topic.
const MIDNIGHT: &str = "T00:00:00Z";

/// The first month whose votes are counted on `today`, where events are remembered for `id_months`.
/// Whoever forgets events asks here, too: an event that is forgotten must be too old to come again.
pub fn first_counted(today: NaiveDate, id_months: u32) -> Month {
    Month::of(today).before(id_months).next()
}

/// Reads votes, as of a day. Nearly all that follow each other have the same day and value, so what these texts said the
/// last time is remembered.
#[derive(Debug)]
pub struct VoteReader {
    today: NaiveDate,
    first: Month,
    day: Last<NaiveDate>,
    value: Last<Amount>,
    votes: VoteBatch,
}

impl VoteReader {
    /// A reader as of `today`; event ids are kept for `id_months`.
    pub fn new(today: NaiveDate, id_months: u32) -> Self {
        Self {
            today,
            first: first_counted(today, id_months),
            day: Last::default(),
            value: Last::default(),
            votes: VoteBatch::default(),
        }
    }

    /// Reads a record of the topic, and adds its vote to the others.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let vote = VoteView::decode(bytes).map_err(|_| Refusal::NotARecord)?;
        let event = Uuid::try_parse(vote.id).map_err(|_| Refusal::BadId)?;
        if event.hyphenated().encode_lower(&mut Uuid::encode_buffer()) != vote.id {
            // Another spelling of a counted id would count again.
            return Err(Refusal::BadId);
        }
        let _type: VoteType = vote.kind.parse().map_err(|_| Refusal::BadType)?;
        let (today, first) = (self.today, self.first);
        let day = self
            .day
            .read(vote.created_at, |text| read_midnight(text, today, first))?;
        let value = self.value.read(vote.base_vote_value, read_value)?;
        let votes = u32::try_from(vote.vote_tally).map_err(|_| Refusal::BadCount)?;
        if !(1..=VOTE_TALLY_MAX).contains(&votes) {
            return Err(Refusal::BadCount);
        }
        let source = vote
            .funding_source
            .parse()
            .map_err(|_| Refusal::BadSource)?;
        self.votes
            .add((day, (source, value)), vote.channel, event, votes)
    }

    /// The votes that were read.
    pub fn into_votes(self) -> VoteBatch {
        self.votes
    }
}

fn read_midnight(text: &str, today: NaiveDate, first: Month) -> Result<NaiveDate, Refusal> {
    let day = text.strip_suffix(MIDNIGHT).ok_or(Refusal::BadDay)?;
    let day = read_day(day, today)?;
    if Month::of(day) < first {
        return Err(Refusal::TooOld);
    }
    Ok(day)
}

fn read_value(text: &str) -> Result<Amount, Refusal> {
    let value: Amount = text.parse().map_err(|_| Refusal::BadValue)?;
    if value.is_zero() {
        return Err(Refusal::BadValue);
    }
    Ok(value)
}

/// The last text of its kind that was taken, and what it said.
#[derive(Debug)]
struct Last<T> {
    text: String,
    said: Option<T>,
}

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self {
            text: String::new(),
            said: None,
        }
    }
}

impl<T: Copy> Last<T> {
    /// What `text` says, which is read only if it is another than the last.
    fn read(
        &mut self,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if let Some(said) = self.said
            && self.text == text
        {
            return Ok(said);
        }
        let said = read(text)?;
        text.clone_into(&mut self.text);
        self.said = Some(said);
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use std::mem;

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

    fn reader() -> VoteReader {
        VoteReader::new("2026-02-10".parse().unwrap(), 13)
    }

    fn read(change: impl FnOnce(&mut Vote)) -> Result<(), Refusal> {
        let mut vote = record();
        change(&mut vote);
        reader().read(&vote.encode())
    }

    #[test]
    fn a_good_record_is_counted_for_the_day_of_its_publication() {
        let mut reader = reader();
        reader.read(&record().encode()).unwrap();

        let votes = reader.into_votes();
        let [(day, (source, value), group)] = votes.groups().collect::<Vec<_>>()[..] else {
            panic!("one vote is in one group");
        };
        assert_eq!(
            (day.to_string(), source.to_string(), value.to_string()),
            (
                "2026-01-29".to_owned(),
                "user-wallet".to_owned(),
                "0.25".to_owned()
            )
        );
        let events: Vec<_> = group.events().map(|event| event.to_string()).collect();
        assert_eq!(events, [record().id]);
        let sums: Vec<_> = group
            .sums()
            .map(|(channel, votes)| (channel.to_string(), votes))
            .collect();
        assert_eq!(sums, [("example.com".to_owned(), 16)]);
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
        assert_eq!(reader().read(b""), Err(Refusal::NotARecord));
        // Registrable by the list that payments had, and not by ours.
        assert!(read(|v| v.channel = "www.example.com".to_owned()).is_ok());
        assert!(read(|v| v.created_at = "2025-02-01T00:00:00Z".to_owned()).is_ok());
        assert!(read(|v| v.created_at = "2026-02-11T00:00:00Z".to_owned()).is_ok());
    }

    #[test]
    fn a_text_is_read_anew_when_it_is_another_than_the_last() {
        let mut reader = reader();
        let mut said = |day: &str, value: &str| {
            let vote = Vote {
                created_at: format!("{day}T00:00:00Z"),
                base_vote_value: value.to_owned(),
                ..record()
            };
            reader.read(&vote.encode())?;
            let votes = mem::take(&mut reader.votes);
            let mut groups = votes.groups();
            let (day, (_, value), _) = groups.next().unwrap();
            Ok((day.to_string(), value.to_string()))
        };
        let good = |day: &str, value: &str| Ok((day.to_owned(), value.to_owned()));

        for (day, value, expected) in [
            ("2026-01-29", "0.25", good("2026-01-29", "0.25")),
            ("2026-01-29", "0.25", good("2026-01-29", "0.25")),
            ("2026-01-30", "0.25", good("2026-01-30", "0.25")),
            ("2026-01-3", "0.25", Err(Refusal::BadDay)),
            ("2026-01-30", "0.2", good("2026-01-30", "0.2")),
            ("2026-01-30", "0", Err(Refusal::BadValue)),
            ("2026-01-30", "0.20", good("2026-01-30", "0.2")),
            ("2026-01-29", "0.25", good("2026-01-29", "0.25")),
        ] {
            assert_eq!(said(day, value), expected, "{day} {value}");
        }
    }
}
