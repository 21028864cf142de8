//! Records what was received and sold, half an hour after the end of a day (contracts §3).
//!
//! A record is cumulative and has an id made from its day, so dying at any point means doing it again, and a day that
//! passed without a record is contained in the next one. Each turn compares what was signed with what was sold, whether
//! a record is due or not: after a restore that is where lost orders show.

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
    outbox::{Row, id_of_day},
};

use crate::{
    challenge_bypass::Issuers,
    domain::{
        funds::{FundsTotal, Statement, last_complete_day, next_check, record_is_due, week_start},
        issuer::{FundsKind, IssuerSpec, funds_kinds},
    },
    store::figures::Figures,
};

pub use health::{FundsHealth, SignedAboveSold};

mod health;
mod restate;

/// The job.
#[derive(Debug)]
pub struct FundsJob {
    /// Who knows how many tokens each key signed and redeemed.
    pub keeper: Arc<dyn Issuers>,
    /// What orders paid and bought, and where records wait to be published.
    pub figures: Arc<dyn Figures>,
    /// The issuers: each funding source and value of theirs gets a record.
    pub issuers: Vec<IssuerSpec>,
    /// The environment, which is part of a record's id.
    pub environment: String,
    /// The topic of the records.
    pub topic: String,
    /// The calendar.
    pub clock: Clock,
    /// Whether so many tokens can have been signed: `(signed, sold)` (threat T19).
    pub signed_fits: fn(u64, u64) -> bool,
    /// What the service's readiness asks.
    pub health: FundsHealth,
}

/// What there is to say of one funding source and vote value.
struct Line {
    kind: FundsKind,
    currency: String,
    keys: Vec<IssuerKey>,
    total: Option<FundsTotal>,
}

impl FundsJob {
    async fn is_due(&self, day: NaiveDate) -> sqlx::Result<bool> {
        let last = self.figures.last_funds_day().await?;
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

    /// All lines as they are now.
    async fn lines(&self) -> anyhow::Result<Vec<Line>> {
        // Keys before the totals of the orders: a token is never signed before it is sold, so this way round nothing
        // says that more was signed or redeemed than was paid for.
        let mut lines = Vec::new();
        for (kind, (currency, names)) in funds_kinds(&self.issuers) {
            lines.push(Line {
                kind,
                currency,
                keys: self.keys_of(&names).await?,
                total: None,
            });
        }
        let totals = self.figures.funds_totals().await?;
        for line in &mut lines {
            let own = |total: &&FundsTotal| (total.source, total.value) == line.kind;
            line.total = totals.iter().find(own).cloned();
        }
        Ok(lines)
    }

    /// Stops when more was signed than sold: a record would say what cannot be.
    fn compare(&self, lines: &[Line]) -> anyhow::Result<()> {
        let above = |line: &Line| {
            let signed = line.keys.iter().map(|key| key.signed_total);
            let signed = signed.fold(0, u64::saturating_add);
            let signable = line.total.as_ref().map_or(0, FundsTotal::votes_signable);
            let (source_of_funds, value) = line.kind;
            (!(self.signed_fits)(signed, signable)).then_some(SignedAboveSold {
                source_of_funds,
                value,
                signed,
                signable,
            })
        };
        self.health.note(lines.iter().find_map(above));
        self.health.check()
    }

    async fn append(&self, day: NaiveDate, lines: Vec<Line>) -> anyhow::Result<()> {
        let (mut statements, mut rows) = (Vec::new(), Vec::new());
        for line in lines {
            let stated = line.total.as_ref().map(FundsTotal::statement);
            let stated = stated.map(|stated| stated.context("the totals contradict each other"));
            let stated = stated.transpose()?;
            let id = self.id("bt/funds/1", day, line.kind);
            let record = Self::record(id, day, &line, stated.as_ref())?;
            rows.push(self.row(id, day, &record));
            statements.extend(stated);
        }
        self.figures.append_funds(day, &statements, &rows).await?;
        Ok(())
    }

    async fn keys_of(&self, issuers: &[String]) -> anyhow::Result<Vec<IssuerKey>> {
        let mut keys = Vec::new();
        for name in issuers {
            let issuer = self
                .keeper
                .get(name)
                .await
                .with_context(|| format!("issuer {name} cannot be read"))?;
            keys.extend(issuer.keys);
        }
        Ok(keys)
    }

    /// The id of the record of `kind` and `day`: the same whenever it is made again.
    fn id(&self, tag: &'static str, day: NaiveDate, (source, value): FundsKind) -> [u8; 32] {
        H::new(tag)
            .parts([self.environment.as_str(), source.as_str()])
            .parts([value.to_string(), day.to_string()])
            .finish()
    }

    fn record(
        id: [u8; 32],
        day: NaiveDate,
        line: &Line,
        stated: Option<&Statement>,
    ) -> anyhow::Result<Funds> {
        let (source, value) = line.kind;
        Ok(Funds {
            id: uuid_v8(id).to_string(),
            day: day.to_string(),
            funding_source: source.to_string(),
            base_vote_value: value,
            currency: line.currency.clone(),
            received_total: stated.map_or(Amount::ZERO, |stated| stated.received),
            votes_sold_total: i64::try_from(stated.map_or(0, |stated| stated.votes_sold))?,
            keys: line.keys.iter().map(funds_key).collect::<Result<_, _>>()?,
            restatement: false,
        })
    }

    /// The row of the record of `day` with this `id`: totals of several days that wait together leave by day.
    fn row(&self, id: [u8; 32], day: NaiveDate, record: &Funds) -> Row {
        Row {
            id: id_of_day(day, id),
            topic: self.topic.clone(),
            key: record.funding_source.as_bytes().to_vec(),
            value: record.encode(),
        }
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
        let lines = self.lines().await?;
        self.compare(&lines)?;
        if self.is_due(day).await? {
            self.append(day, lines).await?;
        }
        Ok(Next::At(next_check(now)))
    }
}

#[cfg(test)]
mod tests;
