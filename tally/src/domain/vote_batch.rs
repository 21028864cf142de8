//! The votes of a batch, as they are counted.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use messages::publisher::Publisher;
use uuid::Uuid;

use super::{Refusal, funds::Line};

/// Votes by day of publication, source and value, and by publisher. Thousands are for a few hundred publishers, each of which is
/// looked at and kept once.
#[derive(Clone, Debug, Default)]
pub struct VoteBatch {
    groups: BTreeMap<(NaiveDate, Line), VoteGroup>,
}

/// Votes of one day, source and value.
#[derive(Clone, Debug, Default)]
pub struct VoteGroup {
    /// The publishers, numbered as they came.
    channels: HashMap<Publisher, usize>,
    votes: Vec<CountedVote>,
}

#[derive(Clone, Copy, Debug)]
struct CountedVote {
    event: Uuid,
    channel: usize,
    votes: u32,
}

impl VoteBatch {
    /// Adds the vote of an event: `votes` tokens for `channel`.
    pub fn add(
        &mut self,
        (day, line): (NaiveDate, Line),
        channel: &str,
        event: Uuid,
        votes: u32,
    ) -> Result<(), Refusal> {
        let group = self.groups.entry((day, line)).or_default();
        let next = group.channels.len();
        let channel = if let Some(known) = group.channels.get(channel) {
            *known
        } else {
            let publisher = Publisher::taken(channel).map_err(|_| Refusal::BadChannel)?;
            group.channels.insert(publisher, next);
            next
        };
        group.votes.push(CountedVote {
            event,
            channel,
            votes,
        });
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.values().map(|group| group.votes.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the votes of the events that `is_new` says so of.
    pub fn keep(&mut self, mut is_new: impl FnMut(Uuid) -> bool) {
        for group in self.groups.values_mut() {
            group.votes.retain(|vote| is_new(vote.event));
        }
    }

    /// The votes of each day, source and value that has some.
    pub fn groups(&self) -> impl Iterator<Item = (NaiveDate, Line, &VoteGroup)> {
        let groups = self.groups.iter();
        let groups = groups.filter(|(_, group)| !group.votes.is_empty());
        groups.map(|((day, line), group)| (*day, *line, group))
    }
}

impl VoteGroup {
    /// The events, in the order of their records.
    pub fn events(&self) -> impl Iterator<Item = Uuid> {
        self.votes.iter().map(|vote| vote.event)
    }

    /// How many votes each publisher got, in no order; none got nothing.
    pub fn sums(&self) -> impl Iterator<Item = (&Publisher, u64)> {
        let mut sums = vec![0; self.channels.len()];
        for vote in &self.votes {
            if let Some(sum) = sums.get_mut(vote.channel) {
                *sum += u64::from(vote.votes);
            }
        }
        let sums = self
            .channels
            .iter()
            .map(move |(channel, number)| (channel, sums.get(*number).copied().unwrap_or(0)));
        sums.filter(|(_, votes)| *votes > 0)
    }
}

#[cfg(test)]
mod tests {
    use messages::FundingSource;

    use super::*;

    fn line(value: &str) -> Line {
        (FundingSource::UserWallet, value.parse().unwrap())
    }

    /// The sums, as `day value channel votes`.
    fn sums(batch: &VoteBatch) -> Vec<String> {
        let groups = batch.groups();
        let sums = groups.flat_map(|(day, (_, value), group)| {
            group
                .sums()
                .map(move |(channel, votes)| format!("{day} {value} {channel} {votes}"))
        });
        let mut sums: Vec<_> = sums.collect();
        sums.sort();
        sums
    }

    fn batch() -> VoteBatch {
        let mut batch = VoteBatch::default();
        for (event, (day, value, channel, votes)) in [
            ("2026-01-29", "0.25", "a.org", 4),
            ("2026-01-29", "0.25", "b.org", 1),
            ("2026-01-30", "0.25", "a.org", 2),
            ("2026-01-29", "0.5", "a.org", 8),
            ("2026-01-29", "0.25", "a.org", 3),
        ]
        .into_iter()
        .enumerate()
        {
            let event = Uuid::from_u128(event as u128);
            let group = (day.parse().unwrap(), line(value));
            batch.add(group, channel, event, votes).unwrap();
        }
        batch
    }

    #[test]
    fn votes_of_one_day_value_and_publisher_are_added_up() {
        let expected = [
            "2026-01-29 0.25 a.org 7",
            "2026-01-29 0.25 b.org 1",
            "2026-01-29 0.5 a.org 8",
            "2026-01-30 0.25 a.org 2",
        ];
        assert_eq!(sums(&batch()), expected);
        assert_eq!(batch().len(), 5);
    }

    #[test]
    fn what_is_not_new_is_in_no_sum() {
        let mut batch = batch();
        let known = [0, 1, 3].map(Uuid::from_u128);
        batch.keep(|event| !known.contains(&event));

        let expected = ["2026-01-29 0.25 a.org 3", "2026-01-30 0.25 a.org 2"];
        assert_eq!(sums(&batch), expected);
        assert_eq!(batch.groups().count(), 2, "a value without votes");
        let events: Vec<_> = batch
            .groups()
            .flat_map(|(.., group)| group.events())
            .collect();
        assert_eq!(events, [4, 2].map(Uuid::from_u128));
    }

    #[test]
    fn a_text_that_is_no_channel_is_refused() {
        let mut batch = VoteBatch::default();
        let group = ("2026-01-29".parse().unwrap(), line("0.25"));
        for _ in 0..2 {
            let refused = batch.add(group, "No channel", Uuid::nil(), 1);
            assert_eq!(refused, Err(Refusal::BadChannel));
        }
        assert!(batch.is_empty());
        assert_eq!(batch.groups().count(), 0, "a day without votes");
    }
}
