//! Signed transfers of cards.

use super::*;

#[tokio::test]
async fn a_card_pays_its_order_once() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");

    let first = world.transfers.name_card(&order, &card).await.unwrap();
    let again = world
        .transfers
        .name_card(&world.stored(&order).await, &card)
        .await
        .unwrap();

    assert_eq!((first.is_new, again.is_new), (true, false));
    assert_eq!(first.transfer.status, TransferStatus::Completed);
    assert_eq!(first.transfer.custodian, Custodian::AnonymousCard);
    assert_eq!(world.status(&order).await, OrderStatus::Paid);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn a_card_transfer_that_does_not_fit_moves_no_money() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let other = world.card_order(2).await;
    let wallet = world.wallet_order(3).await;
    let mine = world.reference(&order, 0);

    for (card, slug_of) in [
        (
            card(&world.reference(&other, 0), "10", OURS, "BAT"),
            "transfer-not-for-this-order",
        ),
        (
            card(&world.reference(&order, 1), "10", OURS, "BAT"),
            "transfer-not-for-this-order",
        ),
        (card(&mine, "10", "payer", "BAT"), "wrong-destination"),
        (card(&mine, "10", OURS, "USD"), "wrong-currency"),
        (card(&mine, "9.99", OURS, "BAT"), "wrong-amount"),
        (card(&mine, "10.01", OURS, "BAT"), "wrong-amount"),
        (card(&mine, "0", OURS, "BAT"), "wrong-amount"),
    ] {
        assert_eq!(
            slug(world.transfers.name_card(&order, &card).await),
            slug_of
        );
    }
    let card = world.card(&wallet, "10");
    let refused = world.transfers.name_card(&wallet, &card).await;
    assert_eq!(slug(refused), "wrong-funding-source");
    assert_eq!(world.bank.moved(), Vec::<String>::new());
}

#[tokio::test]
async fn one_signed_card_transfer_for_two_orders_pays_one() {
    let world = World::with(|transfers| transfers.require_reference = false).await;
    let (one, two) = (world.card_order(1).await, world.card_order(2).await);
    let card = world.card(&one, "10");

    let results = futures_util::join!(
        world.transfers.name_card(&one, &card),
        world.transfers.name_card(&two, &card)
    );

    let outcomes = [results.0.is_ok(), results.1.is_ok()];
    assert_eq!(outcomes.iter().filter(|ok| **ok).count(), 1);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn a_card_transfer_survives_a_crash_at_every_step() {
    for step in [
        "card-quoted",
        "card-stored",
        "card-committed",
        "card-recorded",
    ] {
        let crashed = Arc::new(AtomicUsize::new(0));
        let counter = crashed.clone();
        let plan = move |name| match name {
            name if name == step && counter.fetch_add(1, Ordering::SeqCst) == 0 => {
                Err(Crashed(name))
            }
            _ => Ok(()),
        };
        let world = World::with(|transfers| transfers.fault = FaultPoints::planned(plan)).await;
        let order = world.card_order(1).await;
        let card = world.card(&order, "10");
        assert!(
            world.transfers.name_card(&order, &card).await.is_err(),
            "{step}"
        );

        // Either the job or the client comes back first; each alone is enough.
        if step != "card-quoted" {
            world.run_job().await;
            assert_eq!(world.status(&order).await, OrderStatus::Paid, "{step}");
        }
        let again = world
            .transfers
            .name_card(&world.stored(&order).await, &card)
            .await
            .unwrap();

        assert_eq!(again.transfer.status, TransferStatus::Completed, "{step}");
        assert_eq!(again.is_new, step == "card-quoted", "{step}");
        assert_eq!(world.status(&order).await, OrderStatus::Paid, "{step}");
        assert_eq!(world.bank.moved().len(), 1, "{step}: moved once");
        assert_eq!(
            world.received().await,
            "10".parse().unwrap(),
            "{step}: counted once"
        );
        assert_eq!(
            crashed.load(Ordering::SeqCst),
            if step == "card-quoted" { 2 } else { 1 }
        );
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_commit_is_found_again() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");
    world.bank.losing.store(1, Ordering::SeqCst);

    let lost = world.transfers.name_card(&order, &card).await;
    assert_eq!(slug(lost), "custodian-unavailable");
    world.run_job().await;

    assert_eq!(world.status(&order).await, OrderStatus::Paid);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn a_quote_that_lapsed_fails_and_its_debt_is_owed_again() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");
    world.bank.losing.store(0, Ordering::SeqCst);
    let plan = |name| match name {
        "card-stored" => Err(Crashed(name)),
        _ => Ok(()),
    };
    let crashing = Transfers {
        fault: FaultPoints::planned(plan),
        ..world.transfers.clone()
    };
    assert!(crashing.name_card(&order, &card).await.is_err());
    for answer in world.bank.transfers.lock().unwrap().values_mut() {
        answer.status = TransferStatus::Failed;
    }

    world.run_job().await;
    let stored = world.stored(&order).await;
    let again = world.transfers.name_card(&stored, &card).await.unwrap();
    assert_eq!(again.transfer.status, TransferStatus::Failed);
    let next = world.card(&stored, "10");
    let next = world.transfers.name_card(&stored, &next).await.unwrap();

    assert_eq!(next.transfer.status, TransferStatus::Completed);
    assert_eq!(world.status(&order).await, OrderStatus::Paid);
    assert_eq!(world.bank.moved().len(), 1);
}

#[tokio::test]
async fn an_unknown_quote_is_given_time_before_it_counts_as_lapsed() {
    let mut world = World::start().await;
    let order = world.card_order(1).await;
    let card = world.card(&order, "10");
    world.bank.losing.store(1, Ordering::SeqCst);
    assert!(world.transfers.name_card(&order, &card).await.is_err());
    let forgotten = std::mem::take(&mut *world.bank.transfers.lock().unwrap());

    world.run_job().await;
    let open = world
        .transfers
        .store
        .open_transfers(None, 10)
        .await
        .unwrap();
    assert_eq!(open.len(), 1, "it may only be late");
    world.simulation.run_for(TimeDelta::hours(4)).await;
    world.run_job().await;

    assert_eq!(
        world
            .transfers
            .store
            .open_transfers(None, 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(world.status(&order).await, OrderStatus::Pending);
    drop(forgotten);
}

#[tokio::test]
async fn an_order_can_be_paid_by_two_cards_in_parts_only_for_what_is_owed() {
    let world = World::start().await;
    let order = world.card_order(1).await;
    let part = world.card(&order, "4");

    // A card must pay what is owed: a part of it leaves a debt that nobody may be able to pay.
    assert_eq!(
        slug(world.transfers.name_card(&order, &part).await),
        "wrong-amount"
    );
    let whole = world.card(&order, "10");
    assert!(
        world
            .transfers
            .name_card(&order, &whole)
            .await
            .unwrap()
            .is_new
    );
    let more = world.card(&world.stored(&order).await, "10");
    let more = world
        .transfers
        .name_card(&world.stored(&order).await, &more)
        .await;
    assert_eq!(slug(more), "wrong-amount");
}
