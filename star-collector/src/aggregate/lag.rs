//! Whether a run is worth it.

use std::collections::BTreeMap;

use service_kit::event_log::Partition;

use super::worker::{AggregateError, Parts, Worker};

impl Worker {
    /// How many new messages there are, if that is too few for a run and no epoch is over.
    pub(super) async fn too_few(
        &self,
        partitions: Partition,
    ) -> Result<Option<u64>, AggregateError> {
        let Parts {
            log,
            store,
            channel,
            limits,
            ..
        } = &self.parts;
        if limits.lag_min == 0 {
            return Ok(None);
        }
        let topic = &channel.input_topic;
        let oldest = store.standing(topic).await?.oldest_epoch;
        if oldest.is_some_and(|epoch| self.is_over(epoch)) {
            return Ok(None);
        }
        let read: BTreeMap<_, _> = store.positions(topic).await?.into_iter().collect();
        let mut new = 0;
        for partition in 0..partitions {
            let bounds = log.bounds(topic, partition).await?;
            let position = read.get(&partition).copied().unwrap_or(0);
            new += bounds.end.saturating_sub(position.max(bounds.start));
        }
        Ok((new > 0 && new < limits.lag_min).then_some(new))
    }
}
