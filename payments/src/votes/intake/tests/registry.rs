//! A registry that refuses, is away, or is an old one; and deaths on the way.

use service_kit::fault::Crashed;

use super::*;

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
