//! Closing what is due.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use clock::Clock;
use messages::FundingSource;

use crate::{
    domain::{HeadKey, Month, funds::Line},
    intake::{Intake, IntakeError, Reached},
    rules::Rules,
    store::{ClosingState, ClosingTerms, Store, StoreError},
};

/// A line that is this far behind its source is reported no more: its price has left the settings of
/// payments, which reports all lines of a source together, at least once a week. Its votes keep waiting for
/// as many redemptions as were reported, and no month waits for it.
const REPORTED_TOGETHER: Days = Days::new(7);

/// How months close.
#[derive(Clone, Debug)]
pub struct CloserParts {
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// Reads to the end of the log first.
    pub intake: Arc<Intake>,
    /// Signs what was closed.
    pub key: HeadKey,
    /// The topic of signed heads.
    pub head_topic: String,
    /// The calendar.
    pub clock: Clock,
    /// How many days after its end a month closes.
    pub grace_days: u32,
    /// The fee, in hundredths of a percent.
    pub fee: u64,
    /// Every funding source: each must have reported.
    pub sources: Vec<FundingSource>,
    /// The rules.
    pub rules: Rules,
}

/// Why the next month does not close yet.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotYet {
    /// The last record of funds is of an earlier day.
    #[error("the last record of funds of {} ({}) is of {day}, before the end of {month}", .line.0, .line.1)]
    FundsTooOld {
        /// Which source and value.
        line: Line,
        /// Of which day.
        day: NaiveDate,
        /// The month.
        month: Month,
    },
    /// A source has never reported.
    #[error("there is no record of funds of {0}")]
    NoFunds(FundingSource),
    /// There is no vote and no transfer yet.
    #[error("nothing has happened yet")]
    NothingYet,
    /// Another process is reading what may belong to the month.
    #[error("another process is reading the topics")]
    OthersRead,
    /// Restated totals wait for an operator.
    #[error("restated totals of {} ({}) wait for `tally funds accept` or `reject`", .0.0, .0.1)]
    Restated(Line),
    /// The order to stop came before the end of the topics.
    #[error("the service stops")]
    Stopped,
    /// Its time has not come.
    #[error("{month} closes on {on}")]
    TooEarly {
        /// The month.
        month: Month,
        /// When.
        on: NaiveDate,
    },
}

/// Why closing failed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The topics could not be read to their end.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Closes months.
#[derive(Clone, Debug)]
pub struct Closer(CloserParts);

impl Closer {
    /// A closer.
    pub fn new(parts: CloserParts) -> Self {
        Self(parts)
    }

    /// Reads to the end, then closes every month that is due. Answers which, and why not the next.
    pub async fn close_due(&self) -> Result<(Vec<Month>, NotYet), CloseError> {
        let mut closed = Vec::new();
        match self.0.intake.run().await? {
            Reached::End => {}
            Reached::OthersRead => return Ok((closed, NotYet::OthersRead)),
            Reached::Stopped => return Ok((closed, NotYet::Stopped)),
        }
        loop {
            let today = self.0.clock.today();
            let state = self.0.store.closing_state().await?;
            let restated = u32::try_from(state.restated.len()).unwrap_or(u32::MAX);
            metrics::gauge!("blindtally_tally_restatements_waiting").set(restated);
            let month = match self.due(&state, today) {
                Ok(month) => month,
                Err(not_yet) => return Ok((closed, not_yet)),
            };
            self.0
                .rules
                .faults
                .at("tally-closing-due")
                .map_err(IntakeError::from)?;
            let terms = ClosingTerms {
                today,
                fee: self.0.fee,
                rule: self.0.rules.votes_to_split,
                key: &self.0.key,
                head_topic: &self.0.head_topic,
            };
            if self.0.store.close_month(month, &terms).await? {
                tracing::info!(%month, "the month is closed");
                self.show_left(month).await?;
                closed.push(month);
            }
            self.0
                .rules
                .faults
                .at("tally-closed")
                .map_err(IntakeError::from)?;
        }
    }

    /// Shows how many votes did not fit into a closing: somebody may be writing votes to the topic.
    async fn show_left(&self, month: Month) -> Result<(), StoreError> {
        let months = self.0.store.months().await?;
        let lines = months
            .iter()
            .filter(|report| report.month == month)
            .flat_map(|report| &report.lines);
        for line in lines {
            let left = line.closing.map_or(0, |closing| closing.left_waiting);
            let (source, value) = (line.line.0.as_str(), line.line.1.to_string());
            if left > 0 {
                tracing::warn!(%month, source, value, left, "votes did not fit into the closing");
            }
            let shown = u32::try_from(left).unwrap_or(u32::MAX);
            let name = "blindtally_tally_votes_left_waiting";
            metrics::gauge!(name, "source" => source, "value" => value).set(shown);
        }
        Ok(())
    }

    /// The month to close on `today`.
    fn due(&self, state: &ClosingState, today: NaiveDate) -> Result<Month, NotYet> {
        let month = state.next.ok_or(NotYet::NothingYet)?;
        let on = month.next().first_day() + Days::new(self.0.grace_days.into());
        if today < on {
            return Err(NotYet::TooEarly { month, on });
        }
        for source in &self.0.sources {
            let lines = state
                .funds_days
                .iter()
                .filter(|(line, _)| line.0 == *source);
            let latest = lines.clone().map(|(_, day)| *day).max();
            let latest = latest.ok_or(NotYet::NoFunds(*source))?;
            let mut reported = lines.filter(|(_, day)| **day + REPORTED_TOGETHER >= latest);
            let is_old = |day: NaiveDate| !(self.0.rules.funds_cover)(day, month);
            if let Some((line, day)) = reported.find(|(_, day)| is_old(**day)) {
                return Err(NotYet::FundsTooOld {
                    line: *line,
                    day: *day,
                    month,
                });
            }
        }
        match state.restated.first() {
            Some(line) => Err(NotYet::Restated(*line)),
            None => Ok(month),
        }
    }
}
