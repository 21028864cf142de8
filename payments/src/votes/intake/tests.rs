use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use messages::{KeyId, directory::Directory, payments::VoteCredential};
use service_kit::fault::Crashed;

use super::*;
use crate::{
    domain::vote::{
        RedeemedVote, VoteId,
        tests::{credential, vote_for},
    },
    store::votes::{KeyCount, Standing},
    votes::testing::Bench,
};

fn credentials(tokens: impl IntoIterator<Item = u8>) -> Vec<VoteCredential> {
    tokens.into_iter().map(|t| credential(1, t)).collect()
}

fn vote(channel: &str, tokens: impl IntoIterator<Item = u8>) -> Vote {
    vote_for(channel, &credentials(tokens)).unwrap()
}

fn slug(taken: Result<(), Refusal>) -> Slug {
    taken.expect_err("it is refused").slug()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_identical_votes_at_once_count_once() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    let one = vote("example.com", 0..4);

    let all = join_all((0..200).map(|_| intake.take(one.clone()))).await;

    assert!(all.iter().all(Result::is_ok));
    assert_eq!(bench.recorded().await, (1, 4));
    assert_eq!(bench.registry.spent(), 4);
}

#[tokio::test]
async fn every_other_grouping_of_spent_tokens_is_refused() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    intake.take(vote("example.com", 0..4)).await.unwrap();
    intake.take(vote("example.com", 4..6)).await.unwrap();

    let subsets =
        (1..15_u8).map(|bits| vote("example.com", (0..4).filter(move |t| bits & (1 << t) != 0)));
    let others = [
        vote("example.com", 0..5),
        vote("example.com", 0..6),
        vote("example.com", [0, 1, 2, 3, 9]),
        vote("example.org", 0..4),
    ];

    for other in subsets.chain(others) {
        assert_eq!(slug(intake.take(other).await), Slug::TokenAlreadyRedeemed);
    }
    assert_eq!(bench.recorded().await, (2, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_overlapping_votes_at_once_no_token_counts_twice() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    let overlapping = (0..40_u8).map(|n| intake.take(vote("example.com", [n % 8, n / 8 + 8])));

    let taken = join_all(overlapping).await;

    let counted = taken.iter().filter(|taken| taken.is_ok()).count() as u64;
    assert_eq!(bench.recorded().await, (counted, bench.registry.spent()));
    assert_eq!(bench.registry.spent(), counted * 2);
}

#[tokio::test]
async fn what_challenge_bypass_refuses_is_refused_and_not_recorded() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    for refused in [
        Slug::BadSignature,
        Slug::KeyExpired,
        Slug::KeyRevoked,
        Slug::TokenAlreadyRedeemed,
    ] {
        *bench.registry.refuses.lock().unwrap() = Some(refused);

        let taken = intake.take(vote("example.com", 0..4)).await;

        assert!(
            matches!(&taken, Err(Refusal::Final(slug)) if *slug == refused),
            "{taken:?}"
        );
    }
    assert_eq!(bench.recorded().await, (0, 0));
}

#[tokio::test]
async fn a_registry_that_does_not_know_a_published_key_is_not_believed_while_the_key_is_good() {
    for (now, believed) in [
        ("2026-03-03T23:59:59Z", false),
        ("2026-03-04T00:00:00Z", true),
    ] {
        let bench = Bench::at(now).await;
        *bench.registry.refuses.lock().unwrap() = Some(Slug::UnknownIssuerKey);

        let taken = bench.intake().take(vote("example.com", 0..4)).await;

        let expected = if believed {
            matches!(taken, Err(Refusal::Final(Slug::UnknownIssuerKey)))
        } else {
            matches!(taken, Err(Refusal::TryAgain(Slug::RegistryInconsistent)))
        };
        assert!(expected, "{now}: {taken:?}");
        assert_eq!(bench.recorded().await, (0, 0));
    }
}

#[tokio::test]
async fn while_challenge_bypass_is_down_nothing_is_recorded_and_the_client_may_try_again() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    bench.registry.down.store(true, Ordering::SeqCst);

    let taken = intake.take(vote("example.com", 0..4)).await;

    assert!(matches!(
        taken,
        Err(Refusal::TryAgain(Slug::IssuerUnavailable))
    ));
    assert_eq!(bench.recorded().await, (0, 0));
}

#[tokio::test]
async fn a_lost_answer_is_mended_by_repeating_the_same_vote() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    bench.registry.loses_answers.store(true, Ordering::SeqCst);
    assert_eq!(
        slug(intake.take(vote("example.com", 0..4)).await),
        Slug::IssuerUnavailable
    );
    bench.registry.loses_answers.store(false, Ordering::SeqCst);

    assert_eq!(
        slug(intake.take(vote("example.com", 0..3)).await),
        Slug::TokenAlreadyRedeemed
    );
    intake.take(vote("example.com", 0..4)).await.unwrap();

    assert_eq!(bench.recorded().await, (1, 4));
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_mended_by_repeating_the_same_vote() {
    for point in ["vote-redeemed", "vote-recorded"] {
        let bench = Bench::new().await;
        let mut parts = bench.parts();
        parts.faults = FaultPoints::planned(move |name| {
            if name == point {
                Err(Crashed(name))
            } else {
                Ok(())
            }
        });

        let crashed = Intake::new(parts).take(vote("example.com", 0..4)).await;
        assert!(matches!(crashed, Err(Refusal::Stopped)), "{point}");
        bench
            .intake()
            .take(vote("example.com", 0..4))
            .await
            .unwrap();

        assert_eq!(bench.recorded().await, (1, 4), "{point}");
    }
}

#[tokio::test]
async fn a_recorded_vote_is_taken_again_without_asking_anybody() {
    let bench = Bench::new().await;
    bench
        .intake()
        .take(vote("example.com", 0..4))
        .await
        .unwrap();
    let asked = bench.registry.asked();
    *bench.registry.refuses.lock().unwrap() = Some(Slug::KeyRevoked);

    bench
        .intake()
        .take(vote("example.com", [3, 2, 1, 0]))
        .await
        .unwrap();

    assert_eq!(bench.registry.asked(), asked);
    assert_eq!(bench.recorded().await, (1, 4));
}

#[tokio::test]
async fn a_key_that_is_not_in_the_directory_is_refused_without_asking() {
    let bench = Bench::new().await;
    let unknown = vote_for("example.com", &[credential(7, 1)]).unwrap();

    assert_eq!(
        slug(bench.intake().take(unknown).await),
        Slug::UnknownIssuerKey
    );

    assert_eq!(bench.registry.asked(), 0);
}

#[tokio::test]
async fn before_the_directory_was_fetched_an_unknown_key_is_no_reason_to_throw_tokens_away() {
    let bench = Bench::new().await;
    let mut parts = bench.parts();
    let published = Arc::new(PublishedDirectory::new(
        Directory::default(),
        TimeDelta::zero(),
    ));
    parts.directory = Arc::clone(&published);
    let intake = Intake::new(parts);
    let one = vote("example.com", 0..4);

    let early = intake.take(one.clone()).await;
    published.replace(Directory::default());
    let late = intake.take(one).await;

    assert!(
        matches!(early, Err(Refusal::TryAgain(Slug::NotReady))),
        "{early:?}"
    );
    assert!(
        matches!(late, Err(Refusal::Final(Slug::UnknownIssuerKey))),
        "{late:?}"
    );
}

#[tokio::test]
async fn past_its_last_day_a_key_only_finishes_what_was_begun() {
    let mut bench = Bench::at("2026-03-03T23:59:59Z").await;
    bench.registry.loses_answers.store(true, Ordering::SeqCst);
    assert_eq!(
        slug(bench.intake().take(vote("example.com", 0..4)).await),
        Slug::IssuerUnavailable
    );
    assert_eq!(*bench.registry.last.lock().unwrap(), Some((false, 0)));
    bench.registry.loses_answers.store(false, Ordering::SeqCst);
    bench.clock = Clock::simulated("2026-03-04T00:00:00Z".parse().unwrap()).0;

    assert_eq!(
        slug(bench.intake().take(vote("example.com", 5..6)).await),
        Slug::KeyExpired
    );
    bench
        .intake()
        .take(vote("example.com", 0..4))
        .await
        .unwrap();

    assert_eq!(*bench.registry.last.lock().unwrap(), Some((true, 0)));
    assert_eq!(bench.recorded().await, (1, 4));
}

#[tokio::test]
async fn a_registry_from_a_backup_is_noticed_and_spends_nothing_again() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    intake.take(vote("example.com", 0..4)).await.unwrap();
    bench.registry.restore_empty();

    let again = intake.take(vote("example.org", 0..4)).await;

    assert!(matches!(
        again,
        Err(Refusal::TryAgain(Slug::RegistryBehind))
    ));
    assert_eq!(*bench.registry.last.lock().unwrap(), Some((false, 4)));
    assert_eq!(bench.recorded().await, (1, 4));
}

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

#[tokio::test]
async fn a_rule_that_counts_refused_redemptions_is_seen_as_votes_without_spent_tokens() {
    let bench = Bench::new().await;
    let mut parts = bench.parts();
    parts.rules.redemption = |key, answer| {
        answer.or_else(|_refused| {
            Ok(RedemptionResponse {
                outcome: messages::challenge_bypass::RedemptionOutcome::First,
                issuer: key.issuer.clone(),
                redeemed_total: 0,
            })
        })
    };
    *bench.registry.refuses.lock().unwrap() = Some(Slug::BadSignature);

    Intake::new(parts)
        .take(vote("example.com", 0..4))
        .await
        .unwrap();

    assert_eq!(
        (bench.recorded().await, bench.registry.spent()),
        ((1, 4), 0)
    );
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
