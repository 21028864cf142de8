//! Which votes count, and how often.

use futures_util::future::join_all;

use super::*;

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
