//! What became of the tokens of accepted votes, and of messages that must be reported, and through how many faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use test_kit::load::Done;

/// The figures of one fault, or of several together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Figures {
    pub(super) faults: u64,
    pub(super) kills: u64,
    pub(super) broker_restarts: u64,
    pub(super) database_restarts: u64,
    /// Tokens of votes that were answered 200, and messages that enough others agree with.
    pub(super) accepted: u64,
    /// Tokens that tally counted, and messages that were reported.
    pub(super) counted: u64,
    /// Accepted and not counted.
    pub(super) lost: u64,
    /// Counted beyond what was accepted, and events that stand on the topic twice.
    pub(super) double: u64,
}

/// All faults of this run so far.
static SUM: Mutex<Option<Figures>> = Mutex::new(None);

impl Figures {
    /// Lays what was counted for each channel next to what its browser was told.
    pub(super) fn balance(&mut self, done: &Done, counted: &BTreeMap<String, u64>, repeats: u64) {
        self.double += repeats;
        let accepted = done.accepted.iter().cloned();
        self.compare(&accepted.collect(), counted);
    }

    /// Lays what was counted under each name next to what should be.
    pub(super) fn compare(
        &mut self,
        accepted: &BTreeMap<String, u64>,
        counted: &BTreeMap<String, u64>,
    ) {
        let names: BTreeSet<_> = accepted.keys().chain(counted.keys()).collect();
        for name in names {
            let of = |what: &BTreeMap<String, u64>| what.get(name).copied().unwrap_or(0);
            let (accepted, counted) = (of(accepted), of(counted));
            self.accepted += accepted;
            self.counted += counted;
            self.lost += accepted.saturating_sub(counted);
            self.double += counted.saturating_sub(accepted);
        }
    }

    /// Adds these to all faults of this run, and says what they are together.
    pub(super) fn add_to_sum(self) -> Self {
        let mut sum = SUM.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = sum.unwrap_or_default();
        let together = Self {
            faults: so_far.faults + 1,
            kills: so_far.kills + self.kills,
            broker_restarts: so_far.broker_restarts + self.broker_restarts,
            database_restarts: so_far.database_restarts + self.database_restarts,
            accepted: so_far.accepted + self.accepted,
            counted: so_far.counted + self.counted,
            lost: so_far.lost + self.lost,
            double: so_far.double + self.double,
        };
        *sum = Some(together);
        together
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            faults,
            kills,
            broker_restarts,
            database_restarts,
            accepted,
            counted,
            lost,
            double,
        } = self;
        write!(
            f,
            "kills={kills} broker_restarts={broker_restarts} accepted={accepted} counted={counted} lost={lost} \
             double={double} database_restarts={database_restarts} faults={faults}"
        )
    }
}
