//! Transfers of users.

use super::*;

#[tokio::test]
async fn a_transfer_is_recorded_once_and_answered_again() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |_| ());

    let first = world.name(&order, id).await.unwrap();
    let again = world.name(&world.stored(&order).await, id).await.unwrap();

    assert_eq!((first.is_new, again.is_new), (true, false));
    assert_eq!(first.transfer, again.transfer);
    assert_eq!(world.status(&order).await, OrderStatus::Paid);
}

#[tokio::test]
async fn a_transfer_that_does_not_fit_is_refused_and_nothing_is_recorded() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let other = world.wallet_order(2).await;
    let others = world.reference(&other, 0);
    let later = world.reference(&order, 1);
    let cards = world.card_order(3).await;

    for (id, slug_of) in [
        (
            world.transfer(&order, |a| a.reference = Some(others)),
            "transfer-not-for-this-order",
        ),
        (
            world.transfer(&order, |a| a.reference = Some(later)),
            "transfer-not-for-this-order",
        ),
        (
            world.transfer(&order, |a| a.reference = None),
            "transfer-not-for-this-order",
        ),
        (
            world.transfer(&order, |a| a.id = "x".to_owned()),
            "custodian-answer-invalid",
        ),
        (
            world.transfer(&order, |a| a.destination = "payer".to_owned()),
            "wrong-destination",
        ),
        (
            world.transfer(&order, |a| a.currency = "USD".to_owned()),
            "wrong-currency",
        ),
        (
            world.transfer(&order, |a| a.amount = Amount::ZERO),
            "wrong-amount",
        ),
        (Uuid::new_v4(), "transfer-not-found"),
    ] {
        assert_eq!(slug(world.name(&order, id).await), slug_of);
        assert_eq!(
            slug(world.name(&order, id).await),
            slug_of,
            "nothing was recorded"
        );
    }
    let id = world.transfer(&cards, |_| ());
    assert_eq!(slug(world.name(&cards, id).await), "wrong-funding-source");
    assert_eq!(world.transfers.store.transfers(order.id).await.unwrap(), []);
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
}

#[tokio::test]
async fn each_planted_fault_in_a_check_is_seen() {
    let planted: [fn(&mut TransferRules); 3] = [
        |rules| rules.reference = |_, _| true,
        |rules| rules.destination = |_, _| true,
        |rules| rules.currency = |_, _| true,
    ];
    let wrong: [fn(&mut Answer); 3] = [
        |answer| answer.reference = Some(Uuid::nil().to_string()),
        |answer| answer.destination = "payer".to_owned(),
        |answer| answer.currency = "USD".to_owned(),
    ];
    for (plant, change) in planted.into_iter().zip(wrong) {
        let world = World::with(|transfers| plant(&mut transfers.rules)).await;
        let order = world.wallet_order(1).await;
        let id = world.transfer(&order, change);
        assert!(world.name(&order, id).await.unwrap().is_new);
        assert_eq!(world.status(&order).await, OrderStatus::Paid);
    }
}

/// 100 orders at once claim one transfer. Without the rule on references, whoever is first has it.
async fn claimed_by(world: &World) -> (usize, usize) {
    let mut orders = Vec::new();
    for n in 1..=100 {
        orders.push(world.wallet_order(n).await);
    }
    let id = world.transfer(&orders[0], |_| ());
    let claims = orders.iter().map(|order| world.name(order, id));
    let claims = futures_util::future::join_all(claims).await;
    let won = claims.iter().filter(|one| one.is_ok()).count();
    let used = claims
        .iter()
        .filter(|one| matches!(one, Err(Error::TransferUsed)))
        .count();
    (won, used)
}

#[tokio::test]
async fn of_100_orders_that_claim_one_transfer_one_wins() {
    let world = World::with(|transfers| transfers.require_reference = false).await;
    assert_eq!(claimed_by(&world).await, (1, 99));
    assert_eq!(world.received().await, "10".parse().unwrap());
}

#[tokio::test]
async fn a_transfer_that_is_only_unique_within_its_order_is_seen() {
    let planted = |transfers: &mut Transfers| {
        transfers.require_reference = false;
        transfers.rules.unique_within = Some;
    };
    let world = World::with(planted).await;
    assert_eq!(claimed_by(&world).await, (100, 0));
}

#[tokio::test]
async fn a_pending_transfer_completes_without_its_client() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Processing);
    let named = world.name(&order, id).await.unwrap();
    assert_eq!(named.transfer.status, TransferStatus::Processing);
    world.run_job().await;
    assert_eq!(world.status(&order).await, OrderStatus::Pending);

    let complete = |answer: &mut Answer| answer.status = TransferStatus::Completed;
    complete(
        world
            .bank
            .transfers
            .lock()
            .unwrap()
            .get_mut(&id.to_string())
            .unwrap(),
    );
    world.run_job().await;

    assert_eq!(world.status(&order).await, OrderStatus::Paid);
}

#[tokio::test]
async fn a_recorded_transfer_that_is_told_differently_later_does_not_count() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    assert!(world.name(&order, id).await.unwrap().is_new);
    {
        let mut transfers = world.bank.transfers.lock().unwrap();
        let answer = transfers.get_mut(&id.to_string()).unwrap();
        answer.status = TransferStatus::Completed;
        answer.currency = "USD".to_owned();
    }

    world.run_job().await;
    let named = world.name(&world.stored(&order).await, id).await.unwrap();

    assert_eq!(named.transfer.status, TransferStatus::Pending);
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
}

#[tokio::test]
async fn failed_transfers_never_count() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    for status in [TransferStatus::Failed, TransferStatus::Canceled] {
        let id = world.transfer(&order, |answer| answer.status = status);
        assert_eq!(
            world.name(&order, id).await.unwrap().transfer.status,
            status
        );
    }
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
}

#[tokio::test]
async fn while_the_custodian_is_down_nothing_is_recorded_and_what_is_recorded_is_answered() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    world.bank.failing.store(1, Ordering::SeqCst);
    assert_eq!(slug(world.name(&order, id).await), "custodian-unavailable");
    assert_eq!(world.transfers.store.transfers(order.id).await.unwrap(), []);

    assert!(world.name(&order, id).await.unwrap().is_new);
    world.bank.failing.store(1, Ordering::SeqCst);
    let again = world.name(&world.stored(&order).await, id).await.unwrap();

    assert_eq!(again.transfer.status, TransferStatus::Pending);
}

#[tokio::test]
async fn a_user_transfer_survives_a_crash_at_every_step() {
    for step in ["transfer-read", "transfer-recorded"] {
        let world = World::start().await;
        let order = world.wallet_order(1).await;
        let id = world.transfer(&order, |_| ());
        let plan = move |name| {
            if name == step {
                Err(Crashed(name))
            } else {
                Ok(())
            }
        };
        let crashing = Transfers {
            fault: FaultPoints::planned(plan),
            ..world.transfers.clone()
        };
        assert!(crashing.name(&order, Custodian::Uphold, id).await.is_err());

        let again = world.name(&world.stored(&order).await, id).await.unwrap();

        assert_eq!(again.is_new, step == "transfer-read");
        assert_eq!(world.status(&order).await, OrderStatus::Paid);
        assert_eq!(world.received().await, "10".parse().unwrap());
    }
}
