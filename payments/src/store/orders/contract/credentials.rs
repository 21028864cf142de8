//! Points are signed once, and only for money.

use super::*;

pub(in crate::store::orders) async fn points_are_taken_once_and_only_when_paid(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    let item = order.items[0].id;
    let submit = |n: u8| store.submit(order.id, item, Box::leak(Box::new(points(n))));
    assert_eq!(submit(1).await.unwrap(), Submission::NotPaid);
    place(&*store, &order).await;
    assert_eq!(submit(1).await.unwrap(), Submission::NotPaid);
    let new = transfer(&order, 1, "0.5", Some(0));
    assert!(matches!(
        record(&*store, &order, &new).await,
        Recording::First(_)
    ));

    let submissions = join_all((1..=10).map(submit)).await;

    let accepted = submissions
        .iter()
        .filter(|one| matches!(one, Ok(Submission::Accepted)));
    assert_eq!(accepted.count(), 1);
    let waiting = store.unsigned(None, 10).await.unwrap();
    let [waiting] = waiting.as_slice() else {
        panic!("{waiting:?}")
    };
    let won = waiting.points.tokens()[0].0[0];
    assert_eq!(submit(won).await.unwrap(), Submission::Accepted);
    assert_eq!(store.unsigned(Some(item), 10).await.unwrap().len(), 0);
}

pub(in crate::store::orders) async fn signatures_are_stored_once_and_fulfil_the_order(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    let item = order.items[0].id;
    paid(&*store, &order).await;
    assert_eq!(
        store.submit(order.id, item, &points(1)).await.unwrap(),
        Submission::Accepted
    );

    for key in [1, 2, 1] {
        store
            .store_signed(item, &signed(key), start())
            .await
            .unwrap();
    }

    let again = store.submit(order.id, item, &points(1)).await.unwrap();
    assert_eq!(again, Submission::Signed(signed(1)));
    let others = store.submit(order.id, item, &points(2)).await.unwrap();
    assert_eq!(others, Submission::Other);
    assert_eq!(status(&*store, &order).await, OrderStatus::Fulfilled);
    let stored = store.credentials(order.id).await.unwrap();
    let credentials = Credentials::Signed(points(1), signed(1));
    let sku = "vote".to_owned();
    assert_eq!(
        stored,
        [ItemCredentials {
            item,
            sku,
            credentials
        }]
    );
    let day = start().date_naive();
    let counted = store.orders_signed_by_day().await.unwrap();
    assert_eq!(counted, [(signed(1).key(), day, 1)]);
    assert_eq!(store.unsigned(None, 10).await.unwrap().len(), 0);
}

pub(in crate::store::orders) async fn an_order_of_two_items_is_fulfilled_by_both(
    store: Arc<dyn Whole>,
) {
    let order = order_of(1, 2);
    paid(&*store, &order).await;
    for (n, item) in order.items.iter().enumerate() {
        assert_eq!(status(&*store, &order).await, OrderStatus::Paid);
        let submitted = store.submit(order.id, item.id, &points(1)).await.unwrap();
        assert_eq!(submitted, Submission::Accepted);
        assert_eq!(store.unsigned(None, 10).await.unwrap().len(), 1);
        store
            .store_signed(item.id, &signed(1), start())
            .await
            .unwrap();
        assert_eq!(store.credentials(order.id).await.unwrap().len(), n + 1);
    }

    assert_eq!(status(&*store, &order).await, OrderStatus::Fulfilled);
    let counted = store.orders_signed_by_day().await.unwrap();
    assert_eq!(
        counted.iter().map(|(.., orders)| orders).sum::<u64>(),
        1,
        "one order"
    );
}
