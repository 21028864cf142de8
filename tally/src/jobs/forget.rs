//! Forgets events that are so old that a repeat of them is refused for its age.
//!
//! Dying half-way leaves the rest for the next day.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use service_kit::jobs::{Job, Next, next_daily};

use crate::{domain::vote::first_counted, store::Store};

/// How many events are forgotten in one transaction: whoever counts waits while it runs, and PostgreSQL ends a statement that
/// takes too long. A month may have millions.
const BATCH_EVENTS_MAX: u32 = 2_000;

/// The job.
#[derive(Debug)]
pub struct ForgetJob {
    /// Where the events are.
    pub store: Arc<dyn Store>,
    /// For how many months they are kept.
    pub event_id_months: u32,
    /// The calendar.
    pub clock: Clock,
}

#[async_trait]
impl Job for ForgetJob {
    fn name(&self) -> &'static str {
        "forget-events"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let now = self.clock.now();
        // One month more than a vote may be old: its refusal must come first, also where another clock
        // is a little behind this one.
        let first_kept = first_counted(now.date_naive(), self.event_id_months).before(1);
        let mut count = 0;
        loop {
            let forgotten = self.store.forget_events(first_kept, BATCH_EVENTS_MAX);
            let forgotten = forgotten.await?;
            count += forgotten;
            if forgotten < u64::from(BATCH_EVENTS_MAX) {
                break;
            }
        }
        tracing::debug!(count, "old events were forgotten");
        Ok(Next::At(next_daily(now, 3, 10)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{Days, NaiveDate, NaiveTime};
    use messages::{
        FundingSource,
        avro::{Record as _, Vote},
    };
    use service_kit::lease::{Claim, Holder};
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{Month, VoteReader},
        store::{Place, Raw, Span, SqliteStore, Taken},
    };

    const MONTHS: u32 = 13;

    /// A vote that was published on `day`, whose event has the day's number.
    fn published(day: NaiveDate) -> Vec<u8> {
        let number = day.signed_duration_since(NaiveDate::MIN).num_days();
        vote(number.unsigned_abs().into(), day)
    }

    /// The vote of an event, published on `day`.
    fn vote(event: u128, day: NaiveDate) -> Vec<u8> {
        let vote = Vote {
            id: Uuid::from_u128(event).to_string(),
            kind: "auto-contribute".to_owned(),
            channel: "example.com".to_owned(),
            created_at: format!("{day}T00:00:00Z"),
            base_vote_value: "0.25".to_owned(),
            vote_tally: 1,
            funding_source: FundingSource::UserWallet.to_string(),
        };
        vote.encode()
    }

    fn place() -> Place {
        Place {
            topic: "test".to_owned(),
            partition: 0,
        }
    }

    /// Has the store count the records, as the intake does; the answer: how many of them were new.
    async fn count(store: &dyn Store, from: u64, records: &[Vec<u8>], today: NaiveDate) -> u64 {
        let mut reader = VoteReader::new(today, MONTHS);
        let mut refused = Vec::new();
        for (offset, value) in (from..).zip(records) {
            let raw = Raw {
                offset,
                key: "".into(),
                value: value.clone().into(),
            };
            refused.extend(reader.read(value).err().map(|refusal| (raw, refusal)));
        }
        let span = Span {
            place: place(),
            from,
            to: from + records.len() as u64,
        };
        let votes = reader.into_votes();
        match store.count_votes(&span, &votes, &refused).await.unwrap() {
            Taken::Moved(effect) => effect.applied,
            Taken::Overtaken => panic!("nobody else reads"),
        }
    }

    /// The first and the last day of each month of three years.
    fn days() -> Vec<NaiveDate> {
        let first = Month::of("2026-01-01".parse().unwrap());
        (0..36)
            .flat_map(|n| [first.after(n).first_day(), first.after(n).last_day()])
            .collect()
    }

    /// An empty store, from which we read.
    async fn store() -> (tempfile::TempDir, Arc<dyn Store>) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("tally.db").display());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&url).await.unwrap());
        let claim = Claim::now(Holder::random(), Duration::from_secs(10));
        store.claim(&place(), claim).await.unwrap().unwrap();
        (folder, store)
    }

    /// Runs the job once, on `today`.
    async fn forget(store: &Arc<dyn Store>, today: NaiveDate) {
        let (clock, _) = Clock::simulated(today.and_time(NaiveTime::MIN).and_utc());
        let job = ForgetJob {
            store: Arc::clone(store),
            event_id_months: MONTHS,
            clock,
        };
        let _next = job.run_once().await.unwrap();
    }

    #[tokio::test]
    async fn an_event_that_comes_again_is_known_or_too_old_whatever_was_forgotten() {
        let (_folder, store) = store().await;
        let mut so_far: Vec<Vec<u8>> = Vec::new();
        let mut offset = 0;
        for today in days() {
            so_far.push(published(today));
            let new = count(&*store, offset, &so_far, today).await;
            assert_eq!(new, 1, "of {} events by {today}", so_far.len());
            offset += so_far.len() as u64;

            forget(&store, today).await;
        }

        let much_later = Month::of(days().pop().unwrap() + Days::new(4_000));
        let kept = store.forget_events(much_later, 1_000).await.unwrap();
        assert_eq!(kept, 2 * (u64::from(MONTHS) + 1), "two of each month");
    }

    #[tokio::test]
    async fn all_old_events_are_forgotten_however_many_there_are() {
        let (_folder, store) = store().await;
        let (old, today) = (days()[0], days()[0] + Days::new(800));
        let mut reader = VoteReader::new(old, MONTHS);
        for number in 0..=2 * BATCH_EVENTS_MAX {
            reader.read(&vote(number.into(), old)).unwrap();
        }
        let span = Span {
            place: place(),
            from: 0,
            to: 1,
        };
        let taken = store.count_votes(&span, &reader.into_votes(), &[]).await;
        assert!(matches!(taken.unwrap(), Taken::Moved(_)));

        forget(&store, today).await;

        let left = store.forget_events(Month::of(today), 1).await.unwrap();
        assert_eq!(left, 0);
    }
}
