//! When waiting votes are published (contracts §3).
//!
//! Votes leave in fixed slots, many at a time, so that the moment of an event says nothing about the moment of its
//! vote.

use chrono::NaiveTime;
use serde::Deserialize;

/// The times of a day at which votes are published: at least one, in order, all different.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "Vec<String>")]
pub struct Slots(Vec<NaiveTime>);

impl Slots {
    /// One slot every quarter of an hour: with more, a slot would hold the votes of very few people.
    pub const MAX: usize = 96;

    /// The times, in order.
    pub fn times(&self) -> &[NaiveTime] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Slots {
    type Error = SlotsError;

    fn try_from(texts: Vec<String>) -> Result<Self, Self::Error> {
        if texts.is_empty() || texts.len() > Self::MAX {
            return Err(SlotsError::Count(texts.len()));
        }
        let mut times = texts
            .iter()
            .map(|text| NaiveTime::parse_from_str(text, "%H:%M"))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| SlotsError::NotATime)?;
        times.sort_unstable();
        times.dedup();
        if times.len() < texts.len() {
            return Err(SlotsError::Repeated);
        }
        Ok(Self(times))
    }
}

/// Why a list of publication slots was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SlotsError {
    /// There are none, or too many.
    #[error("a day has 1 to {max} publication slots, not {0}", max = Slots::MAX)]
    Count(usize),
    /// Something is not a time of day.
    #[error("a publication slot is a time of day such as 06:10")]
    NotATime,
    /// A time stands there twice.
    #[error("a publication slot is listed twice")]
    Repeated,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(texts: &[&str]) -> Result<Slots, SlotsError> {
        Slots::try_from(texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn slots_are_put_in_order() {
        let slots = slots(&["18:10", "00:10"]).unwrap();

        let times: Vec<_> = slots.times().iter().map(ToString::to_string).collect();
        assert_eq!(times, ["00:10:00", "18:10:00"]);
    }

    #[test]
    fn a_list_of_slots_that_makes_no_sense_is_refused() {
        assert_eq!(slots(&[]), Err(SlotsError::Count(0)));
        assert_eq!(slots(&["24:10"]), Err(SlotsError::NotATime));
        assert_eq!(slots(&["06:10", "06:10"]), Err(SlotsError::Repeated));
    }
}
