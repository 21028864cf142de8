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
    assert_eq!(cancel_overdue(&*store, later).await, 1);
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

pub(in crate::store::orders) async fn an_order_that_was_paid_meanwhile_is_not_canceled(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    place(&*store, &order).await;
    let pending = with_status(transfer(&order, 1, "0.5", Some(0)), TransferStatus::Pending);
    let _first = record(&*store, &order, &pending).await;
    let later = start() + TimeDelta::days(31);
    let [overdue] = store
        .overdue(later, None, 10)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(store.overdue(later, Some(order.id), 10).await.unwrap(), []);

    let (id, completed) = (pending.transfer.id, TransferStatus::Completed);
    store
        .move_on(id, completed, amount("0.5"), later)
        .await
        .unwrap();

    assert!(!store.cancel(overdue.id, later).await.unwrap());
    assert!(!store.cancel(Uuid::from_u128(9), later).await.unwrap());
    assert_eq!(status(&*store, &order).await, OrderStatus::Paid);
    assert_eq!(surplus(&*store).await, []);
}

pub(in crate::store::orders) async fn what_may_still_arrive_is_listed_and_keeps_its_name_and_its_order(
    store: Arc<dyn Whole>,
) {
    let (canceled, done) = (order(1), order(2));
    place(&*store, &canceled).await;
    let pending = TransferStatus::Pending;
    let late = with_status(transfer(&canceled, 1, "0.5", Some(0)), pending);
    let _first = record(&*store, &canceled, &late).await;
    let of_card = order(3);
    place(&*store, &of_card).await;
    let quote = card(&of_card, 3, "0.5", 0);
    let _first = record(&*store, &of_card, &quote).await;
    fulfilled(&*store, &done).await;
    let more = with_status(transfer(&done, 4, "0.5", Some(1)), pending);
    let _first = record(&*store, &done, &more).await;
    let unresolved = |report: Report| {
        let ids = report.unresolved.into_iter().map(|one| one.id);
        ids.collect::<Vec<_>>()
    };
    let id = |new: &NewTransfer| new.transfer.id;
    assert_eq!(
        unresolved(store.report().await.unwrap()),
        [id(&more)],
        "its order waits for it"
    );

    let later = start() + TimeDelta::days(800);
    assert_eq!(cancel_overdue(&*store, later).await, 2);

    let open = store.open_transfers(None, 10).await.unwrap();
    assert_eq!(
        open,
        [more.transfer.clone(), quote.transfer.clone()],
        "nobody asks for the other"
    );
    let listed = unresolved(store.report().await.unwrap());
    assert_eq!(listed, [id(&late), id(&more), id(&quote)]);
    let erased = store.erase_transfer_ids(later.date_naive(), 10).await;
    assert_eq!(erased.unwrap(), 1, "the completed one");
    assert_eq!(store.forget_closed(later, 10).await.unwrap(), 0);
    for (new, order) in [(&late, &canceled), (&more, &done), (&quote, &of_card)] {
        let name = new.transfer.external_id.clone();
        let stored = store.transfers(order.id).await.unwrap();
        assert!(stored.iter().any(|one| one.external_id == name));
        let failed = TransferStatus::Failed;
        let moved = store.move_on(id(new), failed, amount("0.5"), later).await;
        assert_eq!(moved.unwrap().unwrap().status, failed);
    }
    assert_eq!(unresolved(store.report().await.unwrap()).len(), 0);
    assert_eq!(store.forget_closed(later, 10).await.unwrap(), 3);
}

pub(in crate::store::orders) async fn surplus_is_settled_row_by_row(store: Arc<dyn Whole>) {
    let order = order(1);
    paid(&*store, &order).await;
    for (n, units) in [(2, "1"), (3, "2"), (4, "3")] {
        let more = transfer(&order, n, units, None);
        assert!(matches!(
            record(&*store, &order, &more).await,
            Recording::First(_)
        ));
    }
    let rows = store.report().await.unwrap().surplus;
    let returned = rows.iter().find(|row| row.amount == amount("2")).unwrap();
    assert_eq!(returned.external_id.as_deref(), Some("external-3"));

    assert!(store.settle_surplus(returned.id).await.unwrap());
    assert!(!store.settle_surplus(returned.id).await.unwrap());
    assert!(!store.settle_surplus(order.id).await.unwrap());

    let mut left = surplus(&*store).await;
    left.sort();
    let overpaid = |units: &str| ("overpaid".to_owned(), units.to_owned());
    assert_eq!(left, [overpaid("1"), overpaid("3")]);
}

pub(in crate::store::orders) async fn an_order_has_no_more_transfers_than_it_may(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    place(&*store, &order).await;
    let at_most_two = |n| NewTransfer {
        transfers_max: 2,
        ..transfer(&order, n, "0.1", Some(0))
    };
    for n in [1, 2] {
        assert!(matches!(
            record(&*store, &order, &at_most_two(n)).await,
            Recording::First(_)
        ));
    }

    assert_eq!(
        record(&*store, &order, &at_most_two(3)).await,
        Recording::TooMany
    );
    assert_eq!(store.claim(order.id, &[3; 32]).await.unwrap(), Claim::Free);
    assert!(matches!(
        record(&*store, &order, &at_most_two(2)).await,
        Recording::Before(_)
    ));
}
