//! The end of an epoch: whether the counts add up, and what was not reported yet.
//!
//! All labels are gone through twice, page by page, since nothing is reported of an epoch that does not add up, and no run has
//! room for all labels.
//!
//! | Dies after | What the next one finds | What it does |
//! |---|---|---|
//! | closing an epoch to messages | all of it | reads it |
//! | reading it | all of it | reads it again |
//! | reporting a page of labels | their rest is counted as reported | reports the others |
//! | dropping some of its rows | all labels, or no group | drops the others; without a group, it reads no label |
//! | dropping the last one | no rows of the epoch | nothing |

use std::hash::{BuildHasher as _, RandomState};

use service_kit::{event_log::Offset, outbox::Row};

use super::{
    failures::{Failures, Reach},
    known::Known,
    pressure::Pressure,
    reports::report,
    store::{Claimed, Dropped, ExpiredLabel, Result, Slot, Store, StoreError, Taken},
    summary::Summary,
    tally::Tally,
    worker::{AggregateError, Parts, Reading, Worker},
};
use crate::domain::{channel::Channel, group::LabelId};

/// How many labels are read at once.
const PAGE_ROWS: u32 = 1_000;

/// How many rows are dropped at once: so few that nobody waits long for the writers' lock.
const DROPPED_ROWS: u32 = 10_000;

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

impl Worker {
    /// Closes the epochs that are over: the partition is read past their end. One that cannot be closed keeps up no other.
    pub(super) async fn close_epochs(
        &self,
        reading: &mut Reading,
        summary: &mut Summary,
        failures: &mut Failures,
    ) -> std::result::Result<(), AggregateError> {
        for epoch in self.parts.store.epochs(reading.claimed.slot).await? {
            if !self.is_over(epoch) {
                break;
            }
            if let Err(error) = self.close(reading, epoch, summary).await {
                failures.keep(error, reading.partition, Reach::Epoch)?;
            }
        }
        Ok(())
    }

    async fn close(
        &self,
        reading: &mut Reading,
        epoch: u64,
        summary: &mut Summary,
    ) -> std::result::Result<(), AggregateError> {
        let Parts { store, channel, .. } = &self.parts;
        let Claimed { slot, position, .. } = reading.claimed;
        self.renew(reading).await?;
        let pressure = Pressure::load(store.as_ref(), slot).await?;
        if store.close_epoch(slot, position, epoch).await? == Taken::Overtaken {
            return Err(AggregateError::Overtaken);
        }
        reading.claimed.epochs_closed = reading.claimed.epochs_closed.max(epoch + 1);
        let ending = Ending {
            store: store.as_ref(),
            channel,
            slot,
            at: position,
            epoch,
            sampling_level: pressure.level(epoch),
            is_reported: !store.has_groups(slot, epoch).await?,
        };
        let (mut closing, mut after) = (Closing::default(), None);
        while let Some(last) = ending.read(&mut closing, after).await? {
            after = Some(last);
            self.renew(reading).await?;
        }
        // If another process has dropped some of them meanwhile, they do not add up, but the lease is gone as well.
        self.renew(reading).await?;
        closing.check(epoch)?;
        self.parts.faults.at("star-epoch-read")?;
        let mut after = None;
        while let Some(last) = ending.report(after).await? {
            after = Some(last);
            self.parts.faults.at("star-epoch-reported")?;
            self.renew(reading).await?;
        }
        self.drop_rows(reading, epoch).await?;
        self.parts.faults.at("star-epoch-closed")?;
        reading.known = Known::default();
        summary.epochs_closed += 1;
        let closed = Tally {
            reported: closing.full,
            partial: closing.partial,
            below_threshold: closing.below_threshold,
            never_opened: pressure.waiting(epoch),
            ..Tally::default()
        };
        summary.count(&closed, &channel.name);
        Ok(())
    }

    async fn drop_rows(
        &self,
        reading: &mut Reading,
        epoch: u64,
    ) -> std::result::Result<(), AggregateError> {
        let store = &self.parts.store;
        let Claimed { slot, position, .. } = reading.claimed;
        loop {
            self.renew(reading).await?;
            match store.drop_rows(slot, position, epoch, DROPPED_ROWS).await? {
                Dropped::All => return Ok(()),
                Dropped::Overtaken => return Err(AggregateError::Overtaken),
                Dropped::Some => self.parts.faults.at("star-epoch-dropped")?,
            }
        }
    }
}

/// An epoch of a partition that is over.
#[derive(Clone, Copy, Debug)]
struct Ending<'a> {
    store: &'a dyn Store,
    channel: &'a Channel,
    slot: Slot,
    /// The position of the partition, which is read past the end of the epoch.
    at: Offset,
    epoch: u64,
    sampling_level: u8,
    /// Whether all of it is reported, and labels may be gone already.
    is_reported: bool,
}

/// What an epoch comes to.
#[derive(Debug, Default)]
struct Closing {
    /// Messages that are left for reports of all layers.
    full: u64,
    /// Messages that are left for reports of the outer layers only.
    partial: u64,
    /// Opened messages with a text that too few others have: somebody altered their ciphertexts.
    below_threshold: u64,
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
    /// Adds the labels behind `after`, so many as are read at once, to what it comes to, and answers the last of them.
    async fn read(self, closing: &mut Closing, after: Option<LabelId>) -> Result<Option<LabelId>> {
        let Some((last, labels)) = self.page(after).await? else {
            return Ok(None);
        };
        for label in &labels {
            closing.add(label, self.channel)?;
        }
        Ok(Some(last))
    }

    /// Reports what the labels behind `after` have left, of so many as are read at once, and answers the last of them.
    async fn report(
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
        if self.is_reported {
            return Ok(None);
        }
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
