//! Transfers pay once, in parts, late, or too much.

use super::*;

pub(in crate::store::orders) async fn a_transfer_pays_an_order_and_is_counted_once(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    place(&*store, &order).await;
    let new = transfer(&order, 1, "0.5", Some(0));
    assert_eq!(store.claim(order.id, &[1; 32]).await.unwrap(), Claim::Free);

    let first = record(&*store, &order, &new).await;
    let again = record(&*store, &order, &new).await;

    assert_eq!(first, Recording::First(new.transfer.clone()));
    assert_eq!(again, Recording::Before(new.transfer.clone()));
    let own = Claim::Own(new.transfer);
    assert_eq!(store.claim(order.id, &[1; 32]).await.unwrap(), own);
    assert_eq!(
        store.claim(Uuid::from_u128(2), &[1; 32]).await.unwrap(),
        Claim::Used
    );
    let stored = store.order(order.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.status, stored.references_used),
        (OrderStatus::Paid, 1)
    );
    let totals = store.funds_totals().await.unwrap();
    let [total] = totals.as_slice() else {
        panic!("{totals:?}")
    };
    assert_eq!((total.received, total.votes_sold), (amount("0.5"), 2));
    let day = start().date_naive();
    assert_eq!(
        store.orders_paid_by_day(day, day).await.unwrap(),
        [(day, 1)]
    );
    assert_eq!(surplus(&*store).await, []);
}

pub(in crate::store::orders) async fn parts_add_up_and_what_is_too_much_is_surplus(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    place(&*store, &order).await;
    // An earlier reference may be used again; only a new one makes the next visible.
    for (n, units, reference, used) in [
        (1, "0.2", Some(0), 1),
        (2, "0.1", Some(0), 1),
        (3, "0.1", None, 1),
        (4, "0.4", Some(1), 2),
    ] {
        assert_eq!(status(&*store, &order).await, OrderStatus::Pending);
        let new = transfer(&order, n, units, reference);
        assert!(matches!(
            record(&*store, &order, &new).await,
            Recording::First(_)
        ));
        let stored = store.order(order.id).await.unwrap().unwrap();
        assert_eq!(stored.references_used, used);
    }
    assert_eq!(status(&*store, &order).await, OrderStatus::Paid);
    assert_eq!(
        surplus(&*store).await,
        [("overpaid".to_owned(), "0.3".to_owned())]
    );

    let more = transfer(&order, 5, "1", None);
    assert!(matches!(
        record(&*store, &order, &more).await,
        Recording::First(_)
    ));

    let mut found = surplus(&*store).await;
    found.sort();
    let overpaid = |units: &str| ("overpaid".to_owned(), units.to_owned());
    assert_eq!(found, [overpaid("0.3"), overpaid("1")]);
    let totals = store.funds_totals().await.unwrap();
    assert_eq!(
        totals[0].received,
        amount("0.5"),
        "surplus is not received for votes"
    );
}

pub(in crate::store::orders) async fn of_many_claims_on_one_transfer_one_wins(
    store: Arc<dyn Whole>,
) {
    let orders: Vec<_> = (1..=100).map(order).collect();
    for order in &orders {
        place(&*store, order).await;
    }

    let claims = orders.iter().map(|order| {
        let (store, new) = (&store, transfer(order, 7, "0.5", Some(0)));
        async move { record(&**store, order, &new).await }
    });
    let claims = join_all(claims).await;

    let won = claims
        .iter()
        .filter(|one| matches!(one, Recording::First(_)))
        .count();
    let lost = claims
        .iter()
        .filter(|one| matches!(one, Recording::Used))
        .count();
    assert_eq!((won, lost), (1, 99));
    let report = store.report().await.unwrap();
    assert_eq!(
        report.orders,
        [("paid".to_owned(), 1), ("pending".to_owned(), 99)]
    );
    assert_eq!(store.funds_totals().await.unwrap()[0].votes_sold, 2);
}

pub(in crate::store::orders) async fn an_order_that_was_deleted_is_made_again_by_its_transfer(
    store: Arc<dyn Whole>,
) {
    let order = order_of(1, 2);
    place(&*store, &order).await;
    assert_eq!(
        store
            .forget_unpaid(start() + TimeDelta::hours(1), 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.order(order.id).await.unwrap(), None);

    let new = transfer(&order, 1, "1", Some(0));
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));

    let made = store.order(order.id).await.unwrap().unwrap();
    assert_eq!(
        (made.status, &made.items),
        (OrderStatus::Paid, &order.items)
    );
    assert_eq!(
        store
            .forget_unpaid(start() + TimeDelta::hours(1), 10)
            .await
            .unwrap(),
        0
    );
}

pub(in crate::store::orders) async fn a_pending_transfer_moves_on_once(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    let new = with_status(transfer(&order, 1, "0.5", Some(0)), TransferStatus::Pending);
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));
    assert_eq!(
        store.open_transfers(None, 10).await.unwrap(),
        std::slice::from_ref(&new.transfer)
    );
    assert_eq!(
        store
            .open_transfers(Some(new.transfer.id), 10)
            .await
            .unwrap(),
        []
    );

    let id = new.transfer.id;
    let later = start() + TimeDelta::hours(2);
    let completed = TransferStatus::Completed;
    let attempts = (0..8).map(|_| store.move_on(id, completed, amount("0.6"), later));
    for moved in join_all(attempts).await {
        let moved = moved.unwrap().unwrap();
        assert_eq!((moved.status, moved.amount), (completed, amount("0.6")));
        assert_eq!(moved.updated_at, later);
    }

    assert_eq!(
        surplus(&*store).await,
        [("overpaid".to_owned(), "0.1".to_owned())]
    );
    assert_eq!(
        store.funds_totals().await.unwrap()[0].received,
        amount("0.5")
    );
    let failed = store
        .move_on(id, TransferStatus::Failed, amount("0.6"), later)
        .await
        .unwrap();
    assert_eq!(failed.unwrap().status, completed, "what has ended stays");
    assert_eq!(store.open_transfers(None, 10).await.unwrap(), []);
    let nobody = store
        .move_on(Uuid::from_u128(5), completed, amount("1"), later)
        .await;
    assert_eq!(nobody.unwrap(), None);
}

pub(in crate::store::orders) async fn money_for_a_canceled_order_is_late(store: Arc<dyn Whole>) {
    let order = order(1);
    place(&*store, &order).await;
    let part = transfer(&order, 1, "0.2", Some(0));
    let pending = with_status(transfer(&order, 2, "0.3", Some(1)), TransferStatus::Pending);
    for new in [&part, &pending] {
        assert!(matches!(
            record(&*store, &order, new).await,
            Recording::First(_)
        ));
    }
    let later = start() + TimeDelta::days(31);
    assert_eq!(store.cancel_partly_paid(later, later, 10).await.unwrap(), 1);
    assert_eq!(status(&*store, &order).await, OrderStatus::Canceled);
    assert_eq!(
        surplus(&*store).await,
        [("canceled".to_owned(), "0.2".to_owned())]
    );

    let (id, completed) = (pending.transfer.id, TransferStatus::Completed);
    store
        .move_on(id, completed, amount("0.3"), later)
        .await
        .unwrap();
    let new = transfer(&order, 3, "9", Some(2));
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));

    let mut found = surplus(&*store).await;
    found.sort();
    let late = |units: &str| ("late".to_owned(), units.to_owned());
    assert_eq!(
        found,
        [
            ("canceled".to_owned(), "0.2".to_owned()),
            late("0.3"),
            late("9")
        ]
    );
    assert_eq!(status(&*store, &order).await, OrderStatus::Canceled);
    assert_eq!(store.funds_totals().await.unwrap(), []);
    assert_eq!(
        record(&*store, &order, &card(&order, 4, "0.5", 3)).await,
        Recording::NotOwed
    );
}
