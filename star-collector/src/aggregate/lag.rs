//! Whether a run is worth it.

use std::collections::BTreeMap;

use service_kit::event_log::Partition;

use super::worker::{AggregateError, Parts, Worker};

impl Worker {
    /// How many new messages there are, if that is too few for a run and no epoch is over; otherwise 0.
    pub(super) async fn too_few(&self, partitions: Partition) -> Result<u64, AggregateError> {
        let Parts {
            log,
            store,
            channel,
            limits,
            ..
        } = &self.parts;
        if limits.lag_min == 0 {
            return Ok(0);
        }
        let topic = &channel.input_topic;
        let oldest = store.oldest_epoch(topic).await?;
        if oldest.is_some_and(|epoch| self.is_over(epoch)) {
            return Ok(0);
        }
        let read: BTreeMap<_, _> = store.positions(topic).await?.into_iter().collect();
        let mut new = 0;
        for partition in 0..partitions {
            let bounds = log.bounds(topic, partition).await?;
            let position = read.get(&partition).copied().unwrap_or(0);
            new += bounds.end.saturating_sub(position.max(bounds.start));
        }
        Ok(if new < limits.lag_min { new } else { 0 })
    }
}
