//! The end of an epoch: whether the counts add up, and what was not reported yet.
//!
//! All labels are gone through twice, page by page, since nothing is reported of an epoch that does not add up, and no run has
//! room for all labels.
//!
//! | Dies after | What the next one finds | What it does |
//! |---|---|---|
//! | reading an epoch | all of it | reads it again |
//! | reporting a page of labels | their rest is counted as reported | reports the others |
//! | dropping the rows | no rows of the epoch | nothing |

use std::hash::{BuildHasher as _, RandomState};

use service_kit::{event_log::Offset, outbox::Row};

use super::{
    reports::report,
    store::{ExpiredLabel, Result, Slot, Store, StoreError, Taken},
    worker::AggregateError,
};
use crate::domain::{channel::Channel, group::LabelId};

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
        "epoch {epoch} does not close: below some of its prefixes, not as many messages are counted as went there. Keep \
         the database as it is, and report this"
    )]
    Prefix {
        /// Which epoch.
        epoch: u64,
    },
}

/// An epoch of a partition that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) channel: &'a Channel,
    pub(super) slot: Slot,
    /// The position of the partition, which is read past the end of the epoch.
    pub(super) at: Offset,
    pub(super) epoch: u64,
    pub(super) sampling_level: u8,
}

/// What an epoch comes to.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// Messages that are left for reports of all layers.
    pub(super) full: u64,
    /// Messages that are left for reports of the outer layers only.
    pub(super) partial: u64,
    /// Opened messages with a text that too few others have: somebody altered their ciphertexts.
    pub(super) below_threshold: u64,
    /// Messages whose outer layer was opened.
    opened: u64,
    /// Messages that were reported before.
    before: u64,
    /// Over all prefixes, what went below each without those that were met there, times a hash of the prefix: 0 if there are as
    /// many of each, and hardly ever otherwise.
    below: u64,
    hashes: RandomState,
}

impl Ending<'_> {
    /// What it comes to, if its counts add up.
    pub(super) async fn closing(self) -> std::result::Result<Closing, AggregateError> {
        let mut closing = Closing::default();
        let mut after = None;
        while let Some((last, labels)) = self.page(after).await? {
            after = Some(last);
            for label in &labels {
                closing.add(label, self.channel)?;
            }
        }
        closing.check(self.epoch)?;
        Ok(closing)
    }

    /// Reports what the labels behind `after` have left, of so many as are read at once, and answers the last of them.
    pub(super) async fn report(
        self,
        after: Option<LabelId>,
    ) -> std::result::Result<Option<LabelId>, AggregateError> {
        let Some((last, labels)) = self.page(after).await? else {
            return Ok(None);
        };
        let (mut ids, mut reports) = (Vec::new(), Vec::new());
        for label in &labels {
            if let Some(row) = self.row(label)? {
                ids.push(label.id);
                reports.push(row);
            }
        }
        if !ids.is_empty() {
            let taken = self.store.report_rest(self.slot, self.at, &ids, &reports);
            if taken.await? == Taken::Overtaken {
                return Err(AggregateError::Overtaken);
            }
        }
        Ok(Some(last))
    }

    async fn page(self, after: Option<LabelId>) -> Result<Option<(LabelId, Vec<ExpiredLabel>)>> {
        let Self {
            store, slot, epoch, ..
        } = self;
        let labels = store.expired(slot, epoch, after, PAGE_ROWS).await?;
        Ok(labels.last().map(|last| last.id).zip(Some(labels)))
    }

    fn row(self, label: &ExpiredLabel) -> Result<Option<Row>> {
        let rest = rest(label)?;
        if rest == 0 {
            return Ok(None);
        }
        let epoch = (self.epoch, self.sampling_level);
        let totals = (label.counts.reported, rest);
        let texts = texts(label)?;
        let row = report(self.channel, &label.id, &texts, epoch, totals);
        Ok(Some(row))
    }
}

fn texts(label: &ExpiredLabel) -> Result<Vec<String>> {
    serde_json::from_str(&label.path).map_err(|_| StoreError::Corrupt("a path"))
}

/// How many messages of a label are left to be reported: none, if too few have it.
fn rest(label: &ExpiredLabel) -> Result<u64> {
    let counts = label.counts;
    if counts.opened < label.threshold.into() {
        return Ok(0);
    }
    counts
        .opened
        .checked_sub(counts.deeper + counts.reported)
        .ok_or(StoreError::Corrupt("counts of a label"))
}

impl Closing {
    fn add(&mut self, label: &ExpiredLabel, channel: &Channel) -> Result<()> {
        let texts = texts(label)?;
        let counts = label.counts;
        match texts.split_last() {
            Some((_, above)) if !above.is_empty() => {
                self.below = self.below.wrapping_sub(self.below(above, counts.opened));
            }
            _ => self.opened += counts.opened,
        }
        self.below = self.below.wrapping_add(self.below(&texts, counts.deeper));
        if counts.opened < label.threshold.into() {
            self.below_threshold += counts.opened;
            return Ok(());
        }
        self.before += counts.reported;
        let rest = rest(label)?;
        if texts.len() == channel.layers {
            self.full += rest;
        } else {
            self.partial += rest;
        }
        Ok(())
    }

    fn below(&self, prefix: &[String], messages: u64) -> u64 {
        self.hashes.hash_one(prefix).wrapping_mul(messages)
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
        if self.below == 0 {
            Ok(())
        } else {
            Err(Unbalanced::Prefix { epoch })
        }
    }
}
