//! The end of an epoch: what was not reported yet, and whether the counts add up.

use service_kit::outbox::Row;

use super::{
    reports::report,
    store::{ExpiredLabel, Result, Slot, Store, StoreError},
};
use crate::domain::channel::Channel;

/// How many labels are read at once.
const PAGE_ROWS: u32 = 1_000;

/// The counts of an epoch do not add up: the database was changed by something else, or this program is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "epoch {epoch} does not close: {opened} messages were opened, but {reported} are reported and {below_threshold} \
     have a text that too few others have. Keep the database as it is, and report this"
)]
pub struct Unbalanced {
    /// Which epoch.
    epoch: u64,
    /// Messages whose outer layer was opened.
    opened: u64,
    /// Messages that were reported, or are now.
    reported: u64,
    /// Messages with texts that too few others have.
    below_threshold: u64,
}

/// What the end of an epoch does.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// The last reports.
    pub(super) reports: Vec<Row>,
    /// Messages in reports of all layers.
    pub(super) full: u64,
    /// Messages in reports of the outer layers only.
    pub(super) partial: u64,
    /// Opened messages with a text that too few others have: somebody altered their ciphertexts.
    pub(super) below_threshold: u64,
    /// Messages whose outer layer was opened.
    opened: u64,
    /// Messages that were reported before.
    before: u64,
}

/// What is left to do for an epoch of a partition.
pub(super) async fn closing(
    store: &dyn Store,
    channel: &Channel,
    slot: Slot,
    epoch: u64,
    sampling_level: u8,
) -> std::result::Result<Closing, super::worker::AggregateError> {
    let mut closing = Closing::default();
    let mut after = None;
    loop {
        let labels = store.expired(slot, epoch, after, PAGE_ROWS).await?;
        let Some(last) = labels.last() else {
            break;
        };
        after = Some(last.id);
        for label in &labels {
            closing.add(label, channel, (epoch, sampling_level))?;
        }
    }
    closing.check(epoch)?;
    Ok(closing)
}

impl Closing {
    fn add(&mut self, label: &ExpiredLabel, channel: &Channel, epoch: (u64, u8)) -> Result<()> {
        let texts: Vec<String> =
            serde_json::from_str(&label.path).map_err(|_| StoreError::Corrupt("a path"))?;
        let counts = label.counts;
        if texts.len() == 1 {
            self.opened += counts.opened;
        }
        if counts.opened < label.threshold.into() {
            self.below_threshold += counts.opened;
            return Ok(());
        }
        self.before += counts.reported;
        let rest = counts
            .opened
            .checked_sub(counts.deeper + counts.reported)
            .ok_or(StoreError::Corrupt("counts of a label"))?;
        if rest == 0 {
            return Ok(());
        }
        if texts.len() == channel.layers {
            self.full += rest;
        } else {
            self.partial += rest;
        }
        let totals = (counts.reported, rest);
        self.reports
            .push(report(channel, &label.id, &texts, epoch, totals));
        Ok(())
    }

    /// Every opened message stands in one report, or in none because too few others have its text.
    fn check(&self, epoch: u64) -> std::result::Result<(), Unbalanced> {
        let reported = self.before + self.full + self.partial;
        if self.opened == reported + self.below_threshold {
            return Ok(());
        }
        Err(Unbalanced {
            epoch,
            opened: self.opened,
            reported,
            below_threshold: self.below_threshold,
        })
    }
}
