//! Transfers of orders that waited too long: whatever arrives late is found, and listed once.

use super::*;

fn late(units: &str) -> [(String, String); 1] {
    [("late".to_owned(), units.to_owned())]
}

#[tokio::test]
async fn before_an_order_is_canceled_its_open_transfers_are_asked_for_one_last_time() {
    let mut world = World::start().await;
    let (paid, not) = (world.wallet_order(1).await, world.wallet_order(2).await);
    let pending = |answer: &mut Answer| answer.status = TransferStatus::Pending;
    let (arrives, stays) = (
        world.transfer(&paid, pending),
        world.transfer(&not, pending),
    );
    assert!(world.name(&paid, arrives).await.unwrap().is_new);
    assert!(world.name(&not, stays).await.unwrap().is_new);
    world.bank.now_says(arrives, TransferStatus::Completed);

    world.cancel_after(31).await;

    assert_eq!(world.status(&paid).await, OrderStatus::Paid);
    assert_eq!(world.status(&not).await, OrderStatus::Canceled);
    assert_eq!(world.surplus().await, []);
    assert_eq!(world.unresolved().await, 1, "that of the canceled order");
}

#[tokio::test]
async fn an_order_waits_for_a_custodian_that_is_down_and_not_for_ever() {
    let mut world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    assert!(world.name(&order, id).await.unwrap().is_new);
    world.bank.failing.store(usize::MAX, Ordering::SeqCst);

    world.cancel_after(31).await;
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
    world.cancel_after(3).await;

    assert_eq!(world.status(&order).await, OrderStatus::Canceled);
    assert_eq!(world.unresolved().await, 1);
}

#[tokio::test]
async fn naming_a_transfer_of_a_canceled_order_again_reads_its_status_and_lists_it_once() {
    let mut world = World::start().await;
    let order = world.wallet_order(1).await;
    let id = world.transfer(&order, |answer| answer.status = TransferStatus::Pending);
    assert!(world.name(&order, id).await.unwrap().is_new);
    world.cancel_after(31).await;
    let again = world.name(&world.stored(&order).await, id).await.unwrap();
    assert_eq!(again.transfer.status, TransferStatus::Pending);

    world.bank.now_says(id, TransferStatus::Completed);
    world.run_job().await;
    assert_eq!(world.surplus().await, [], "nobody asks for it by itself");
    for _ in 0..3 {
        let again = world.name(&world.stored(&order).await, id).await.unwrap();
        assert_eq!(
            (again.is_new, again.transfer.status),
            (false, TransferStatus::Completed)
        );
    }

    assert_eq!(world.surplus().await, late("10"));
    assert_eq!(world.unresolved().await, 0);
    assert_eq!(world.status(&order).await, OrderStatus::Canceled);
    assert_eq!(world.received().await, Amount::ZERO);
}

#[tokio::test]
async fn a_quote_of_a_canceled_order_lapses_and_moves_no_money() {
    let mut world = World::start().await;
    let (order, card) = quoted(&world).await;
    let now = world.transfers.clock.now();
    assert!(world.transfers.store.cancel(order.id, now).await.unwrap());

    let canceled = world.stored(&order).await;
    let again = world.transfers.name_card(&canceled, &card).await.unwrap();
    assert_eq!(again.transfer.status, TransferStatus::Quoted);
    world.run_job().await;
    assert_eq!(
        world.unresolved().await,
        1,
        "another process may carry it out"
    );
    world.simulation.run_for(TimeDelta::days(31)).await;
    world.run_job().await;

    assert_eq!(world.bank.moved(), Vec::<String>::new());
    assert_eq!(world.unresolved().await, 0);
    let again = world.transfers.name_card(&canceled, &card).await.unwrap();
    assert_eq!(again.transfer.status, TransferStatus::Failed);
}

#[tokio::test]
async fn a_quote_that_was_carried_out_before_its_order_was_canceled_is_late() {
    let world = World::start().await;
    let (order, _) = quoted(&world).await;
    let now = world.transfers.clock.now();
    assert!(world.transfers.store.cancel(order.id, now).await.unwrap());
    for answer in world.bank.transfers.lock().unwrap().values_mut() {
        answer.status = TransferStatus::Completed;
    }

    world.run_job().await;

    assert_eq!(world.surplus().await, late("10"));
}

#[tokio::test]
async fn an_order_takes_no_more_transfers_than_it_may() {
    let world = World::start().await;
    let order = world.wallet_order(1).await;
    let one = |answer: &mut Answer| answer.amount = "1".parse().unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.transfer(&order, one));
        let stored = world.stored(&order).await;
        assert!(
            world
                .name(&stored, *ids.last().unwrap())
                .await
                .unwrap()
                .is_new
        );
    }

    let fourth = world.transfer(&order, one);

    let stored = world.stored(&order).await;
    assert_eq!(
        slug(world.name(&stored, fourth).await),
        "too-many-transfers"
    );
    assert!(!world.name(&stored, ids[0]).await.unwrap().is_new);
}
