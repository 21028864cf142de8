//! What is over is erased, and what must stay stays.

use super::*;

pub(in crate::store::orders) async fn unpaid_and_half_paid_orders_end(store: Arc<dyn Whole>) {
    let (unpaid, half, full) = (order(1), order(2), order(3));
    place(&*store, &unpaid).await;
    place(&*store, &half).await;
    paid(&*store, &full).await;
    let part = transfer(&half, 2, "0.2", Some(0));
    assert!(matches!(
        record(&*store, &half, &part).await,
        Recording::First(_)
    ));

    assert_eq!(
        store.forget_unpaid(start(), 10).await.unwrap(),
        0,
        "not yet"
    );
    let soon = start() + TimeDelta::hours(1);
    assert_eq!(store.forget_unpaid(soon, 10).await.unwrap(), 1);
    assert_eq!(cancel_overdue(&*store, start()).await, 0, "not yet");
    assert_eq!(cancel_overdue(&*store, soon).await, 1);
    assert_eq!(cancel_overdue(&*store, soon).await, 0);

    assert_eq!(store.order(unpaid.id).await.unwrap(), None);
    assert_eq!(status(&*store, &half).await, OrderStatus::Canceled);
    assert_eq!(status(&*store, &full).await, OrderStatus::Paid);
}

pub(in crate::store::orders) async fn what_is_erased_is_not_signed_again(store: Arc<dyn Whole>) {
    let order = order(1);
    let item = order.items[0].id;
    paid(&*store, &order).await;
    assert_eq!(
        store.submit(order.id, item, &points(1)).await.unwrap(),
        Submission::Accepted
    );
    let tomorrow = start().date_naive() + chrono::Days::new(1);
    assert_eq!(
        store.erase_credentials(tomorrow, 10).await.unwrap(),
        0,
        "not signed yet"
    );
    store.store_signed(item, &signed(1), start()).await.unwrap();

    assert_eq!(
        store
            .erase_credentials(start().date_naive(), 10)
            .await
            .unwrap(),
        0,
        "not yet"
    );
    assert_eq!(store.erase_credentials(tomorrow, 10).await.unwrap(), 1);

    let stored = store.credentials(order.id).await.unwrap();
    assert_eq!(stored[0].credentials, Credentials::Erased);
    for n in [1, 2] {
        let submitted = store.submit(order.id, item, &points(n)).await.unwrap();
        assert_eq!(submitted, Submission::Erased);
    }
    store.store_signed(item, &signed(2), start()).await.unwrap();
    let stored = store.credentials(order.id).await.unwrap();
    assert_eq!(stored[0].credentials, Credentials::Erased);
    assert_eq!(
        store.orders_signed_by_day().await.unwrap().len(),
        1,
        "the count stays"
    );
}

pub(in crate::store::orders) async fn ids_of_transfers_are_erased_and_stay_used(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    fulfilled(&*store, &order).await;
    let (day, tomorrow) = (
        start().date_naive(),
        start().date_naive() + chrono::Days::new(1),
    );

    assert_eq!(
        store.erase_transfer_ids(day, 10).await.unwrap(),
        0,
        "not yet"
    );
    assert_eq!(store.erase_transfer_ids(tomorrow, 10).await.unwrap(), 1);
    assert_eq!(store.erase_transfer_ids(tomorrow, 10).await.unwrap(), 0);

    let left = store.transfers(order.id).await.unwrap();
    assert_eq!(
        (left[0].external_id.as_deref(), left[0].payment_id),
        (None, None)
    );
    assert_eq!(left[0].amount, amount("0.5"));
    assert_eq!(
        store.claim(Uuid::from_u128(2), &[1; 32]).await.unwrap(),
        Claim::Used
    );
}

pub(in crate::store::orders) async fn closed_orders_are_forgotten_and_their_transfers_stay_used(
    store: Arc<dyn Whole>,
) {
    let (closed, open) = (order(1), order(2));
    fulfilled(&*store, &closed).await;
    paid(&*store, &open).await;

    assert_eq!(
        store.forget_closed(start(), 10).await.unwrap(),
        0,
        "not yet"
    );
    let later = start() + TimeDelta::hours(1);
    assert_eq!(store.forget_closed(later, 10).await.unwrap(), 1);
    store.forget_deleted().await.unwrap();

    assert_eq!(store.order(closed.id).await.unwrap(), None);
    assert_eq!(store.transfers(closed.id).await.unwrap(), []);
    assert_eq!(store.credentials(closed.id).await.unwrap(), []);
    assert_eq!(store.claim(closed.id, &[1; 32]).await.unwrap(), Claim::Used);
    let again = record(&*store, &closed, &transfer(&closed, 1, "0.5", Some(0))).await;
    assert_eq!(again, Recording::Used);
    assert_eq!(status(&*store, &open).await, OrderStatus::Paid);
    assert_eq!(store.orders_signed_by_day().await.unwrap().len(), 1);
    assert_eq!(store.funds_totals().await.unwrap()[0].votes_sold, 4);
}
