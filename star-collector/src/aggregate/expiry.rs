//! The end of an epoch: what was not reported yet, and whether the counts add up.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

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
pub enum Unbalanced {
    /// Of all its messages.
    #[error(
        "epoch {epoch} does not close: {opened} messages were opened, but {reported} are reported and {below_threshold} \
         have a text that too few others have. Keep the database as it is, and report this"
    )]
    Epoch {
        /// Which epoch.
        epoch: u64,
        /// Messages whose outer layer was opened.
        opened: u64,
        /// Messages that were reported, or are now.
        reported: u64,
        /// Messages with texts that too few others have.
        below_threshold: u64,
    },
    /// Of one prefix.
    #[error(
        "epoch {epoch} does not close: below {prefixes} of its prefixes, not as many messages are counted as went \
         there. Keep the database as it is, and report this"
    )]
    Prefix {
        /// Which epoch.
        epoch: u64,
        /// How many prefixes.
        prefixes: usize,
    },
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
    /// Of each prefix, how many messages went below it that were not met there yet. The names are hashes.
    below: HashMap<u64, i64>,
    hashes: RandomState,
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
        match texts.split_last() {
            Some((_, above)) if !above.is_empty() => self.went_below(above, counts.opened, -1),
            _ => self.opened += counts.opened,
        }
        self.went_below(&texts, counts.deeper, 1);
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

    fn went_below(&mut self, prefix: &[String], messages: u64, sign: i64) {
        let prefix = self.below.entry(self.hashes.hash_one(prefix)).or_default();
        *prefix += sign * i64::try_from(messages).unwrap_or(i64::MAX);
    }

    /// Every opened message stands in one report, or in none because too few others have its text; and as many were opened below
    /// each prefix as went there.
    fn check(&self, epoch: u64) -> std::result::Result<(), Unbalanced> {
        let reported = self.before + self.full + self.partial;
        if self.opened != reported + self.below_threshold {
            return Err(Unbalanced::Epoch {
                epoch,
                opened: self.opened,
                reported,
                below_threshold: self.below_threshold,
            });
        }
        let uneven = self.below.values().filter(|messages| **messages != 0);
        match uneven.count() {
            0 => Ok(()),
            prefixes => Err(Unbalanced::Prefix { epoch, prefixes }),
        }
    }
}
