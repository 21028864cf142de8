//! What a running system says that it published and counted, on files and on real engines alike: the records of
//! the topic, read as any consumer reads them, and tally's own API.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use blindtally::system::{Layout, ServiceName};
use client::transport::Request;
use messages::avro::{Record as _, Vote};
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// Tokens of votes, from their publication on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Events on the topic.
    pub events: u64,
    /// Events that stand there more than once.
    pub repeats: u64,
    /// Tokens on the topic, repeats left out.
    pub published: u64,
    /// Tokens that tally counted, by channel.
    pub counted: BTreeMap<String, u64>,
}

impl Totals {
    /// Reads the topic, and what tally counted for `channels`.
    pub async fn read(layout: &Layout, channels: &[String]) -> anyhow::Result<Self> {
        let mut totals = Self::default();
        totals.read_topic(layout).await?;
        for channel in channels {
            let counted = counted(layout, channel).await?;
            totals.counted.insert(channel.clone(), counted);
        }
        Ok(totals)
    }

    /// Tokens that tally counted.
    pub fn counted_in_all(&self) -> u64 {
        self.counted.values().sum()
    }

    async fn read_topic(&mut self, layout: &Layout) -> anyhow::Result<()> {
        let name = ServiceName::Tally;
        let config: tally::Config = layout.settings(name).load(name)?;
        let log = config.open_log().await?;
        let topic = layout.vote_topic()?;
        let mut from = Vec::new();
        for partition in 0..log.partitions(&topic).await? {
            from.push((partition, log.bounds(&topic, partition).await?.start));
        }
        let mut consumer = log.consumer(&topic, from).await?;
        let mut ids = BTreeSet::new();
        while let Some(batch) = consumer.next().await? {
            for record in batch.records {
                let vote = Vote::decode(&record.value).context("an event is a vote")?;
                self.events += 1;
                if ids.insert(vote.id) {
                    self.published += u64::try_from(vote.vote_tally)?;
                } else {
                    self.repeats += 1;
                }
            }
        }
        drop(consumer);
        log.close().await;
        Ok(())
    }
}

/// What tally's API says of a publisher: votes that no month was closed with.
async fn counted(layout: &Layout, channel: &str) -> anyhow::Result<u64> {
    let mut request = Request::get(format!("/v1/publishers/{channel}"));
    let token = layout.tally_token()?;
    request.authorization = Some(format!("Bearer {}", token.expose_secret()));
    let tally = layout.transport(ServiceName::Tally)?;
    let answer = tally.send(&request).await?;
    if answer.status == http::StatusCode::NOT_FOUND {
        // It never heard of this one.
        return Ok(0);
    }
    anyhow::ensure!(
        answer.status.is_success(),
        "tally answers {}",
        answer.status
    );
    let body: Value = serde_json::from_slice(&answer.body)?;
    let pending = body.get("pending").and_then(Value::as_array);
    let votes = pending
        .into_iter()
        .flatten()
        .filter_map(|pile| pile.get("votes")?.as_u64());
    Ok(votes.sum())
}
