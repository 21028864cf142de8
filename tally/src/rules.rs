//! The rules of counting, as values: a test of the threat model plants a fault by replacing one.

use chrono::NaiveDate;
use service_kit::fault::FaultPoints;

use crate::domain::{
    Month,
    closing::{VotesToSplit, votes_to_split},
};

/// What the tally does. [`Default`] is what it must do.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many of the waiting votes a closing splits (T18).
    pub votes_to_split: VotesToSplit,
    /// Whether a record of funds of this day is late enough to close this month (T18).
    pub funds_cover: fn(NaiveDate, Month) -> bool,
    /// Where a test lets it crash (T11).
    pub faults: FaultPoints,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            votes_to_split,
            funds_cover: |day, month| day >= month.last_day(),
            faults: FaultPoints::default(),
        }
    }
}
