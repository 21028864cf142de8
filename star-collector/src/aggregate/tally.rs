//! How many messages went which way, for the summary of a run and for the metrics.

use std::collections::BTreeMap;

use super::store::Rejection;

/// How many messages went which way.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Messages that were read.
    pub consumed: u64,
    /// Messages whose outer layer was opened.
    pub opened: u64,
    /// Messages whose last layer was opened.
    pub complete: u64,
    /// Messages that were reported with all their layers.
    pub reported: u64,
    /// Messages that were reported with their outer layers only.
    pub partial: u64,
    /// Opened messages of closed epochs with a text that too few others have.
    pub below_threshold: u64,
    /// Messages of closed epochs, whole or below a layer, that too few others agreed with: nobody ever read them.
    pub never_opened: u64,
    /// What was not counted, by reason.
    pub rejected: BTreeMap<Rejection, u64>,
    /// What decoding groups with forged shares cost at most, in multiplications.
    pub decoding: u64,
}

impl Tally {
    pub(super) fn reject(&mut self, reason: Rejection, count: u64) {
        if count > 0 {
            *self.rejected.entry(reason).or_default() += count;
        }
    }

    /// Adds it to the metrics of a channel. docs/operations.md names them.
    pub(super) fn publish(&self, channel: &str) {
        let counts = [
            ("consumed", self.consumed),
            ("opened", self.opened),
            ("complete", self.complete),
            ("reported", self.reported),
            ("partial", self.partial),
            ("below_threshold", self.below_threshold),
            ("never_opened", self.never_opened),
        ];
        let rejected = self
            .rejected
            .iter()
            .map(|(reason, count)| (reason.name(), *count));
        for (what, count) in counts.into_iter().chain(rejected) {
            metrics::counter!("blindtally_star_messages_total", "channel" => channel.to_owned(), "what" => what)
                .increment(count);
        }
        metrics::counter!("blindtally_star_decoding_total", "channel" => channel.to_owned())
            .increment(self.decoding);
    }

    /// Adds another one.
    pub(super) fn add(&mut self, other: &Self) {
        self.consumed += other.consumed;
        self.opened += other.opened;
        self.complete += other.complete;
        self.reported += other.reported;
        self.partial += other.partial;
        self.below_threshold += other.below_threshold;
        self.never_opened += other.never_opened;
        self.decoding += other.decoding;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
    }
}
