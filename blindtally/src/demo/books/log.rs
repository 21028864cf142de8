//! The event log: what was published.

use std::collections::BTreeMap;

use anyhow::Context as _;
use messages::avro::{Record as _, Vote};
use service_kit::event_log;

use crate::{demo::BySource, system::Layout};

/// What is on the topic of votes.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// Events.
    pub(super) events: u64,
    /// Their tokens.
    pub(super) tokens: BySource<u64>,
}

pub(super) async fn read(layout: &Layout) -> anyhow::Result<Published> {
    let log = event_log::open(&layout.event_log(), &event_log::Access::default()).await?;
    let topic = layout.vote_topic()?;
    let partitions = log.partitions(&topic).await?;
    let from = (0..partitions).map(|partition| (partition, 0)).collect();
    let mut consumer = log.consumer(&topic, from).await?;
    let mut published = Published {
        events: 0,
        tokens: BTreeMap::new(),
    };
    while let Some(batch) = consumer.next().await? {
        for record in batch.records {
            let vote = Vote::decode(&record.value).context("a vote event")?;
            published.events += 1;
            *published
                .tokens
                .entry(vote.funding_source.parse()?)
                .or_default() += u64::try_from(vote.vote_tally)?;
        }
    }
    Ok(published)
}
