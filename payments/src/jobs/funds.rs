//! Records what was received and sold, half an hour after the end of a day (contracts §3).
//!
//! A record is cumulative and has an id made from its day, so dying at any point means doing it again, and a day that
//! passed without a record is contained in the next one.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use clock::Clock;
use messages::{
    avro::{Funds, FundsKey, Record as _},
    challenge_bypass::IssuerKey,
    digest::{H, uuid_v8},
    money::Amount,
};
use service_kit::{
    jobs::{Job, Next},
    outbox::Row,
};

use crate::{
    challenge_bypass::Issuers,
    domain::{
        funds::{FundsTotal, last_complete_day, next_check, record_is_due, week_start},
        issuer::{FundsKind, IssuerSpec, funds_kinds},
    },
    store::{figures::Figures, publications::Publications},
};

/// The job.
#[derive(Debug)]
pub struct FundsJob {
    /// Who knows how many tokens each key signed and redeemed.
    pub keeper: Arc<dyn Issuers>,
    /// What orders paid and bought.
    pub figures: Arc<dyn Figures>,
    /// Where records wait to be published.
    pub store: Arc<dyn Publications>,
    /// The issuers: each funding source and value of theirs gets a record.
    pub issuers: Vec<IssuerSpec>,
    /// The environment, which is part of a record's id.
    pub environment: String,
    /// The topic of the records.
    pub topic: String,
    /// The calendar.
    pub clock: Clock,
}

impl FundsJob {
    async fn is_due(&self, day: NaiveDate) -> sqlx::Result<bool> {
        let last = self.store.last_funds_day().await?;
        let from = week_start(day);
        let orders = self.figures.orders_paid_by_day(from, day).await?;
        let on = |day| {
            orders
                .iter()
                .filter(|(of, _)| *of == day)
                .map(|(_, count)| count)
                .sum::<u64>()
        };
        let quietest = from.iter_days().take_while(|of| *of <= day).map(on).min();
        Ok(record_is_due(day, last, quietest.unwrap_or(0)))
    }

    async fn append(&self, day: NaiveDate) -> anyhow::Result<()> {
        // Before the totals of the orders: a token is never signed before it is sold, so this way round no record says
        // that more was redeemed than was paid for.
        let kinds = funds_kinds(&self.issuers);
        let mut keys = Vec::with_capacity(kinds.len());
        for (_, names) in kinds.values() {
            keys.push(self.keys_of(names).await?);
        }
        let totals = self.figures.funds_totals().await?;
        let records = kinds
            .into_iter()
            .zip(keys)
            .map(|((kind, (currency, _)), keys)| {
                let total = totals
                    .iter()
                    .find(|total| (total.source, total.value) == kind);
                self.record(day, kind, currency, total, keys)
            });
        let rows = records.collect::<anyhow::Result<Vec<_>>>()?;
        self.store.append_funds(day, &rows).await?;
        Ok(())
    }

    async fn keys_of(&self, issuers: &[String]) -> anyhow::Result<Vec<FundsKey>> {
        let mut keys = Vec::new();
        for name in issuers {
            let issuer = self
                .keeper
                .get(name)
                .await
                .with_context(|| format!("issuer {name} cannot be read"))?;
            for key in &issuer.keys {
                keys.push(funds_key(key)?);
            }
        }
        Ok(keys)
    }

    fn record(
        &self,
        day: NaiveDate,
        (source, value): FundsKind,
        currency: String,
        total: Option<&FundsTotal>,
        keys: Vec<FundsKey>,
    ) -> anyhow::Result<Row> {
        let id = H::new("bt/funds/1")
            .parts([self.environment.as_str(), source.as_str()])
            .parts([value.to_string(), day.to_string()])
            .finish();
        let record = Funds {
            id: uuid_v8(id).to_string(),
            day: day.to_string(),
            funding_source: source.to_string(),
            base_vote_value: value,
            currency,
            received_total: total.map_or(Amount::ZERO, |total| total.received),
            votes_sold_total: i64::try_from(total.map_or(0, |total| total.votes_sold))?,
            keys,
            restatement: false,
        };
        Ok(Row {
            id,
            topic: self.topic.clone(),
            key: source.as_str().as_bytes().to_vec(),
            value: record.encode(),
        })
    }
}

fn funds_key(key: &IssuerKey) -> anyhow::Result<FundsKey> {
    Ok(FundsKey {
        key_id: key.key_id.to_string(),
        signed_total: i64::try_from(key.signed_total)?,
        redeemed_total: i64::try_from(key.redeemed_total)?,
        redeem_until: key.redeem_until.to_rfc3339_opts(SecondsFormat::Secs, true),
        revoked: key.revoked,
    })
}

#[async_trait]
impl Job for FundsJob {
    fn name(&self) -> &'static str {
        "funds"
    }

    /// A minute after the start: on the very first one, our issuers are only being made.
    fn first(&self, _now: DateTime<Utc>) -> Next {
        Next::After(TimeDelta::minutes(1))
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let now = self.clock.now();
        let day = last_complete_day(now);
        if self.is_due(day).await? {
            self.append(day).await?;
        }
        Ok(Next::At(next_check(now)))
    }
}

#[cfg(test)]
mod tests;
