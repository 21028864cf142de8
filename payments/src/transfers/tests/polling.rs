//! How often a custodian is asked about a transfer that stays pending: by one job that lives on for a month.

use super::*;

/// How often the custodian was asked on each of so many days, by a job that looks every hour.
async fn asked_by_day(world: &mut World, days: usize) -> Vec<usize> {
    let (often, ever) = (TimeDelta::hours(72), TimeDelta::days(30));
    let job = TransfersJob::new(world.transfers.clone(), often, ever);
    let mut asked = Vec::new();
    for _ in 0..days {
        for _ in 0..24 {
            job.run_once().await.unwrap();
            world.simulation.run_for(TimeDelta::hours(1)).await;
        }
        asked.push(world.bank.look_ups.swap(0, Ordering::SeqCst));
    }
    asked
}

#[tokio::test]
async fn a_pending_transfer_is_asked_for_ever_more_rarely_then_daily_and_never_after_thirty_days() {
    let mut world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    assert!(world.name(&order, id).await.unwrap().is_new);
    world.bank.look_ups.store(0, Ordering::SeqCst);

    let asked = asked_by_day(&mut world, 33).await;

    let sum = |days: std::ops::Range<usize>| asked[days].iter().sum::<usize>();
    assert!((6..=14).contains(&asked[0]), "{asked:?}");
    assert!((6..=12).contains(&sum(1..3)), "every six hours: {asked:?}");
    assert!((20..=34).contains(&sum(4..30)), "once a day: {asked:?}");
    assert!(asked[4..].iter().all(|&times| times <= 2), "{asked:?}");
    assert_eq!(sum(30..33), 0, "{asked:?}");
}

#[tokio::test]
async fn a_late_transfer_is_asked_for_until_its_order_is_thirty_days_old() {
    let mut world = World::start().await;
    let order = world.wallet_order(1).await;
    world.simulation.run_for(TimeDelta::days(25)).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    assert!(world.name(&order, id).await.unwrap().is_new);
    world.bank.look_ups.store(0, Ordering::SeqCst);

    let asked = asked_by_day(&mut world, 8).await;

    assert!(asked[..4].iter().sum::<usize>() >= 12, "{asked:?}");
    assert_eq!(asked[5..], [0, 0, 0], "{asked:?}");
}
