//! The report: what the services' own books say, and whether they agree.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use messages::{FundingSource, money::Amount};
use serde::Serialize;

use super::measured::Measurements;
use crate::attacks::{Attack, Score};

/// By funding source.
pub type BySource<T> = BTreeMap<FundingSource, T>;

/// The report of a demo. The same seed gives the same report byte for byte.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Orders that were paid.
    pub orders_paid: u64,
    /// What payments received for votes.
    pub funds_received: BySource<Amount>,
    /// Tokens that were paid for.
    pub tokens_sold: BySource<u64>,
    /// Tokens that were signed.
    pub tokens_issued: BySource<u64>,
    /// Tokens that were redeemed.
    pub tokens_redeemed: BySource<u64>,
    /// Votes that were taken.
    pub votes_accepted: u64,
    /// Vote events on the log.
    pub events_published: u64,
    /// Tokens that tally counted.
    pub votes_counted: BySource<u64>,
    /// What publishers were credited with.
    pub paid_out: BySource<Amount>,
    /// What was kept as fees.
    pub fees: BySource<Amount>,
    /// What the attacks got.
    pub attacks: Vec<AttackRow>,
    /// Whether everything agrees to the last base unit.
    pub reconciled: bool,
    /// What became of measurements.
    pub measurements: Measurements,
}

/// What an attack got.
#[derive(Clone, Debug, Serialize)]
pub struct AttackRow {
    /// Its name.
    pub name: &'static str,
    /// How often it tried.
    pub tried: u64,
    /// How often it was refused.
    pub refused: u64,
}

impl AttackRow {
    /// The row of an attack.
    pub fn new(attack: Attack, score: Score) -> Self {
        Self {
            name: attack.name(),
            tried: score.tried,
            refused: score.refused,
        }
    }
}

impl Report {
    /// What the process ends with: 1 if anything does not agree, to the last base unit and the last measurement.
    pub fn exit_code(&self) -> u8 {
        u8::from(!(self.reconciled && self.measurements.exact))
    }

    /// Writes the report as JSON.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(file, text).context("the report cannot be written")
    }
}
