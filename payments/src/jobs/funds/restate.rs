//! Totals that an operator states, after the orders' database or the registry was set back (threat T19).

use std::slice;

use anyhow::{Context as _, ensure};

use super::FundsJob;
use crate::domain::{
    funds::{FundsTotal, last_complete_day},
    issuer::FundsKind,
};

impl FundsJob {
    /// Takes it that votes of `kind` were sold `votes_sold` times since the beginning and that each was paid for, and
    /// leaves a record that says so to be published. tally waits until its operator accepts it.
    ///
    /// Refused when more was signed: somebody would then hold tokens that nobody paid for.
    pub async fn restate(&self, kind: FundsKind, votes_sold: u64) -> anyhow::Result<FundsTotal> {
        let (source, value) = kind;
        let lines = self.lines().await?;
        let mut line = lines
            .into_iter()
            .find(|line| line.kind == kind)
            .context("no SKU is configured that sells votes of this source at this value")?;
        let known = line.total.as_ref();
        let votes_to_set_off = known.map_or(0, |total| total.votes_to_set_off);
        ensure!(
            votes_to_set_off <= votes_sold,
            "of these votes, {votes_to_set_off} were sold and written off"
        );
        let total = FundsTotal {
            source,
            value,
            currency: line.currency.clone(),
            received: value
                .times(votes_sold)
                .context("these are too many votes")?,
            votes_sold,
            votes_published: votes_sold,
            votes_to_set_off,
        };
        line.total = Some(total.clone());
        self.compare(slice::from_ref(&line))?;

        let day = last_complete_day(self.clock.now());
        let stated = total.statement();
        let id = self.id("bt/funds-restatement/1", day, kind);
        let mut record = Self::record(id, day, &line, stated.as_ref())?;
        record.restatement = true;
        let row = self.row(id, day, &record);
        ensure!(
            self.figures.restate_funds(&total, &row).await?,
            "totals that were restated before are being published: start payments until they are"
        );
        Ok(total)
    }
}
