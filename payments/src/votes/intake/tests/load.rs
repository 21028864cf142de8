//! Many votes, slow writes, and clients that hang up.

use std::{sync::atomic::AtomicU64, time::Duration};

use futures_util::future::join_all;
use messages::KeyId;

use super::*;
use crate::{
    domain::vote::{RedeemedVote, VoteId},
    store::votes::{KeyCount, Standing},
};

#[tokio::test]
async fn neither_a_disconnect_nor_a_time_out_stops_a_vote_and_shutdown_waits_for_it() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    *bench.registry.takes.lock().unwrap() = Duration::from_millis(200);

    let given_up = tokio::time::timeout(
        Duration::from_millis(20),
        intake.take(vote("example.com", 0..4)),
    );
    assert!(given_up.await.is_err());
    assert!(bench.shutdown.finish(Duration::from_secs(10)).await);

    assert_eq!(bench.recorded().await, (1, 4));
}

#[tokio::test]
async fn more_votes_than_can_be_in_work_are_told_to_come_back() {
    let bench = Bench::new().await;
    *bench.registry.takes.lock().unwrap() = Duration::from_millis(100);
    let mut parts = bench.parts();
    parts.in_work_max = 2;
    let intake = Intake::new(parts);

    let taken = join_all((0..3).map(|t| intake.take(vote("example.com", t..=t)))).await;

    let told = taken
        .iter()
        .filter(|taken| matches!(taken, Err(Refusal::TryAgain(Slug::Overloaded))));
    assert_eq!(told.count(), 1);
    assert_eq!(bench.recorded().await, (2, 2));
}

/// A store that takes its time to write, and counts how often it does.
#[derive(Debug)]
struct SlowStore {
    inner: crate::store::votes::SqliteVotes,
    writes: AtomicU64,
    fails: bool,
    panics: bool,
}

#[async_trait]
impl Store for SlowStore {
    async fn standing(&self, vote: VoteId, key: KeyId) -> sqlx::Result<Standing> {
        self.inner.standing(vote, key).await
    }

    async fn record(&self, votes: &[RedeemedVote]) -> sqlx::Result<()> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!self.panics, "as planned");
        if self.fails {
            return Err(sqlx::Error::WorkerCrashed);
        }
        self.inner.record(votes).await
    }

    async fn key_counts(&self) -> sqlx::Result<Vec<KeyCount>> {
        self.inner.key_counts().await
    }

    async fn forget_votes(&self, key: KeyId, limit: u32) -> sqlx::Result<u64> {
        self.inner.forget_votes(key, limit).await
    }

    async fn settle(&self) -> sqlx::Result<()> {
        self.inner.settle().await
    }
}

#[tokio::test]
async fn votes_under_load_share_their_writes() {
    let bench = Bench::new().await;
    let slow = Arc::new(SlowStore {
        inner: bench.store.clone(),
        writes: AtomicU64::new(0),
        fails: false,
        panics: false,
    });
    let mut parts = bench.parts();
    parts.store = Arc::clone(&slow) as Arc<dyn Store>;
    let intake = Intake::new(parts);

    let taken = join_all((0..100).map(|t| intake.take(vote("example.com", t..=t)))).await;

    assert!(taken.iter().all(Result::is_ok));
    assert_eq!(bench.recorded().await, (100, 100));
    let writes = slow.writes.load(Ordering::SeqCst);
    assert!(writes <= 20, "{writes} writes for 100 votes");
}

#[tokio::test]
async fn a_failed_write_tells_everybody_in_it_to_try_again() {
    let bench = Bench::new().await;
    let mut parts = bench.parts();
    parts.store = Arc::new(SlowStore {
        inner: bench.store.clone(),
        writes: AtomicU64::new(0),
        fails: true,
        panics: false,
    });
    let intake = Intake::new(parts);

    let taken = join_all((0..10).map(|t| intake.take(vote("example.com", t..=t)))).await;

    assert!(
        taken
            .iter()
            .all(|taken| matches!(taken, Err(Refusal::TryAgain(_))))
    );
    assert_eq!(bench.recorded().await, (0, 0));
}

#[tokio::test]
async fn a_write_that_panics_holds_nobody_up() {
    let bench = Bench::new().await;
    let mut parts = bench.parts();
    parts.store = Arc::new(SlowStore {
        inner: bench.store.clone(),
        writes: AtomicU64::new(0),
        fails: false,
        panics: true,
    });
    let intake = Intake::new(parts);

    let all = join_all((0..10).map(|t| intake.take(vote("example.com", t..=t))));
    let taken = tokio::time::timeout(Duration::from_secs(10), all).await;

    let taken = taken.expect("everybody is told");
    assert!(
        taken
            .iter()
            .all(|taken| matches!(taken, Err(Refusal::TryAgain(_))))
    );
    assert_eq!(
        bench.intake().take(vote("example.com", 0..=0)).await.ok(),
        Some(())
    );
}
