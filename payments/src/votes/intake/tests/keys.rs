//! What the directory says of a key.

use chrono::TimeDelta;
use messages::directory::Directory;

use super::*;

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
async fn a_vote_whose_publisher_is_listed_no_more_is_finished_if_it_was_begun_and_else_refused() {
    let bench = Bench::new().await;
    let intake = bench.intake();
    // As if "example.com" had become a public suffix after the first of these was redeemed.
    let begun = vote("www.example.com", 0..4);
    bench.registry.spend(&begun.redemption(0, false));

    let other = intake.take(vote("www.example.com", 5..6)).await;
    intake.take(begun.clone()).await.unwrap();
    intake.take(begun).await.unwrap();
    let regrouped = intake.take(vote("www.example.com", 0..3)).await;

    for refused in [other, regrouped] {
        assert!(matches!(&refused, Err(Refusal::Invalid(_))), "{refused:?}");
        assert_eq!(slug(refused), Slug::InvalidChannel);
    }
    assert_eq!(bench.recorded().await, (1, 4));
    assert_eq!(bench.registry.spent(), 4);
}

#[tokio::test]
async fn while_the_registry_is_away_nobody_knows_whether_such_a_vote_was_begun() {
    let bench = Bench::new().await;
    bench.registry.down.store(true, Ordering::SeqCst);

    let taken = bench.intake().take(vote("www.example.com", 0..4)).await;

    assert!(matches!(
        taken,
        Err(Refusal::TryAgain(Slug::IssuerUnavailable))
    ));
}
