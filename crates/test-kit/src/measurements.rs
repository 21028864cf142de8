//! star-collector's parts as real processes, and clients whose measurements are known.
//!
//! | Question | Module |
//! |---|---|
//! | Where do the parts keep what they store, and how are they started? | [`site`] |
//! | What do clients measure, and what must be reported of it? | [`crowd`] |
//! | What do clients that lie send, and what becomes of it? | [`lies`] |

pub mod crowd;
pub mod lies;
pub mod site;

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

/// How many messages stand behind each measurement, which is named by its record without the total.
pub type Totals = BTreeMap<String, u64>;

/// What was published of a channel.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reports {
    /// The totals of all records of a measurement, added up.
    pub totals: Totals,
    /// Each record, and how often it is there.
    pub records: BTreeMap<Vec<u8>, u64>,
}

impl Reports {
    /// Adds a record of the output topic.
    pub fn add(&mut self, record: &[u8]) -> anyhow::Result<()> {
        let mut members: BTreeMap<String, Value> = serde_json::from_slice(record)?;
        let total = members.remove("total").and_then(|total| total.as_u64());
        *self.totals.entry(name_of(&members)?).or_default() += total.context("a total")?;
        *self.records.entry(record.to_vec()).or_default() += 1;
        Ok(())
    }

    /// How many messages were reported.
    pub fn messages(&self) -> u64 {
        self.totals.values().sum()
    }
}

/// What a measurement with these members is called.
fn name_of(members: &BTreeMap<String, Value>) -> anyhow::Result<String> {
    Ok(serde_json::to_string(members)?)
}
