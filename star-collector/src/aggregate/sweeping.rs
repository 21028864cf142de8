//! Dropping groups when too much waits: which, says [`super::pressure`].
//!
//! | Dies after | What the next one finds | What it does |
//! |---|---|---|
//! | raising a level | groups that the level does not keep | drops them |
//! | dropping some of them | the rest | goes through all groups again |

use super::{
    known::Known,
    pressure::{Pressure, Sweep, Swept},
    store::{Pending, Rejection},
    summary::Summary,
    tally::Tally,
    worker::{AggregateError, Parts, Reading, Worker},
};

impl Worker {
    /// Drops groups for as long as too much waits, and those that a level does not keep which was raised before.
    pub(super) async fn sweep(
        &self,
        reading: &mut Reading,
        summary: &mut Summary,
    ) -> Result<(), AggregateError> {
        let (store, name) = (&self.parts.store, &self.parts.channel.name);
        let slot = reading.claimed.slot;
        loop {
            let pressure = Pressure::load(store.as_ref(), slot).await?;
            summary.sampling_level = summary.sampling_level.max(pressure.highest());
            metrics::gauge!("blindtally_star_sampling_level", "channel" => name.clone())
                .set(f64::from(pressure.highest()));
            let Parts { limits, rules, .. } = &self.parts;
            let unswept = pressure.unswept(limits.pending_bytes_max, *rules);
            if unswept.is_empty() {
                return Ok(());
            }
            for pending in unswept {
                // First: groups that were dropped stay dropped, whoever goes on.
                let level = pending.sampling.level();
                store.raise_level(slot, pending.epoch, level).await?;
                let mut tally = Tally::default();
                let dropped = self.sweep_epoch(reading, &pending).await?;
                tally.reject(Rejection::Sampled, dropped);
                summary.count(&tally, name);
            }
            // It remembers groups that are not there any more.
            reading.known = Known::default();
        }
    }

    async fn sweep_epoch(
        &self,
        reading: &mut Reading,
        pending: &Pending,
    ) -> Result<u64, AggregateError> {
        let mut sweep = Sweep::default();
        loop {
            self.renew(reading).await?;
            let at = reading.claimed.position;
            match sweep.step(self.parts.store.as_ref(), at, pending).await? {
                Swept::All => return Ok(sweep.dropped),
                Swept::Overtaken => return Err(AggregateError::Overtaken),
                Swept::Some => self.parts.faults.at("star-groups-dropped")?,
            }
        }
    }
}
