//! Orders are placed once, within bounds.

use super::*;

pub(in crate::store::orders) async fn a_placed_order_is_found_as_it_was(store: Arc<dyn Whole>) {
    place(&*store, &order_of(1, 3)).await;

    assert_eq!(
        store.order(Uuid::from_u128(1)).await.unwrap(),
        Some(order_of(1, 3))
    );
    assert_eq!(store.order(Uuid::from_u128(2)).await.unwrap(), None);
    assert_eq!(store.transfers(Uuid::from_u128(1)).await.unwrap(), []);
    assert_eq!(store.credentials(Uuid::from_u128(1)).await.unwrap(), []);
}

pub(in crate::store::orders) async fn the_same_idempotency_key_gives_the_same_order(
    store: Arc<dyn Whole>,
) {
    let key = |n: u8| {
        let until = start() + TimeDelta::hours(24);
        Some(Idempotency {
            hash: [n; 32],
            until,
        })
    };
    let under = async |n| store.placed_under(&key(n).unwrap()).await.unwrap();
    assert_eq!(under(1).await, None);
    let orders: Vec<_> = (1..=8).map(order).collect();
    let placed = orders
        .iter()
        .map(|order| store.place(order, key(1), LIMITS));
    let placed: Vec<_> = join_all(placed)
        .await
        .into_iter()
        .map(|one| one.unwrap().id)
        .collect();

    assert!(placed.iter().all(|id| *id == placed[0]), "{placed:?}");
    assert_eq!(under(1).await.map(|order| order.id), Some(placed[0]));
    assert_eq!(under(2).await, None);
    let other = store.place(&order(9), key(2), LIMITS).await.unwrap();
    assert_eq!(other.id, Uuid::from_u128(9));
    let without = store.place(&order(10), None, LIMITS).await.unwrap();
    assert_eq!(without.id, Uuid::from_u128(10));
    assert_eq!(
        store.report().await.unwrap().orders,
        [("pending".to_owned(), 3)]
    );
}

pub(in crate::store::orders) async fn idempotency_keys_are_bounded_and_forgotten(
    store: Arc<dyn Whole>,
) {
    let place = |n: u8, hours: i64| {
        let (store, until) = (&store, start() + TimeDelta::hours(hours));
        let key = Idempotency {
            hash: [n / 10; 32],
            until,
        };
        async move {
            store
                .place(&order(n.into()), Some(key), LIMITS)
                .await
                .unwrap()
                .id
        }
    };
    // Two are remembered at most: the third drives out the one that ends first.
    for (n, hours) in [(10, 24), (20, 25), (30, 26)] {
        assert_eq!(place(n, hours).await, Uuid::from_u128(n.into()));
    }
    assert_eq!(place(21, 25).await, Uuid::from_u128(20));
    assert_eq!(place(31, 26).await, Uuid::from_u128(30));
    assert_eq!(place(11, 27).await, Uuid::from_u128(11));

    assert_eq!(
        store
            .forget_idempotency(start() + TimeDelta::hours(26), 10)
            .await
            .unwrap(),
        0
    );
    for forgotten in [1, 1, 0] {
        assert_eq!(
            store
                .forget_idempotency(start() + TimeDelta::hours(28), 1)
                .await
                .unwrap(),
            forgotten
        );
    }
    assert_eq!(place(32, 26).await, Uuid::from_u128(32));
}

/// The keys of those `orders`, numbered as their keys, that are remembered.
async fn remembered(store: &dyn Whole, orders: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    let mut remembered = Vec::new();
    for n in orders {
        if store
            .placed_under(&numbered_key(n))
            .await
            .unwrap()
            .is_some()
        {
            remembered.push(n);
        }
    }
    remembered
}

/// The key number `n`, which is remembered for so many hours.
fn numbered_key(n: u8) -> Idempotency {
    let until = start() + TimeDelta::hours(n.into());
    Idempotency {
        hash: [0xFF - n; 32],
        until,
    }
}

async fn place_under_key(store: &dyn Whole, n: u8, limits: PlaceLimits) {
    let mut order = order(n.into());
    order.kept_from = start() + TimeDelta::hours(n.into());
    let placed = store.place(&order, Some(numbered_key(n)), limits).await;
    assert_eq!(placed.unwrap().id, order.id);
}

pub(in crate::store::orders) async fn however_keys_go_those_that_end_first_make_room(
    store: Arc<dyn Whole>,
) {
    let limits = PlaceLimits {
        unpaid_max: 4,
        idempotency_max: 3,
    };
    for n in 1..=3 {
        place_under_key(&*store, n, limits).await;
    }
    assert_eq!(remembered(&*store, 1..=3).await, [1, 2, 3]);

    // One goes with its order, which nobody paid: the next one drives none out.
    let second_hour = start() + TimeDelta::hours(2);
    assert_eq!(store.forget_unpaid(second_hour, 10).await.unwrap(), 1);
    place_under_key(&*store, 4, limits).await;
    assert_eq!(remembered(&*store, 1..=4).await, [2, 3, 4]);

    // One ends, and again nobody is driven out; then somebody is.
    let end = start() + TimeDelta::hours(3);
    assert_eq!(store.forget_idempotency(end, 10).await.unwrap(), 1);
    place_under_key(&*store, 5, limits).await;
    assert_eq!(remembered(&*store, 1..=5).await, [3, 4, 5]);
    place_under_key(&*store, 6, limits).await;
    assert_eq!(remembered(&*store, 1..=6).await, [4, 5, 6]);

    // One makes room, and one more goes with the oldest of too many orders that nobody paid.
    let fewer = PlaceLimits {
        unpaid_max: 2,
        ..limits
    };
    place_under_key(&*store, 7, fewer).await;
    assert_eq!(remembered(&*store, 1..=7).await, [6, 7]);
    place_under_key(&*store, 8, limits).await;
    assert_eq!(remembered(&*store, 1..=8).await, [6, 7, 8]);
    place_under_key(&*store, 9, limits).await;
    assert_eq!(remembered(&*store, 1..=9).await, [7, 8, 9]);

    // With a lower bound than before, as many go as are too many.
    let one = PlaceLimits {
        idempotency_max: 1,
        ..limits
    };
    place_under_key(&*store, 10, one).await;
    assert_eq!(remembered(&*store, 1..=10).await, [10]);
    let none = PlaceLimits {
        idempotency_max: 0,
        ..limits
    };
    place_under_key(&*store, 11, none).await;
    assert_eq!(remembered(&*store, 1..=11).await, Vec::<u8>::new());
}

pub(in crate::store::orders) async fn the_oldest_unpaid_orders_give_way(store: Arc<dyn Whole>) {
    let limits = PlaceLimits {
        unpaid_max: 2,
        ..LIMITS
    };
    for n in 1..=4_u8 {
        let mut order = order(n.into());
        order.kept_from = start() + TimeDelta::hours(n.into());
        store.place(&order, None, limits).await.unwrap();
        if n == 1 {
            // One that has a transfer is not one of them.
            let new = with_status(transfer(&order, 1, "0.1", Some(0)), TransferStatus::Pending);
            assert!(matches!(
                record(&*store, &order, &new).await,
                Recording::First(_)
            ));
        }
    }

    let mut left = Vec::new();
    for n in 1..=4 {
        if store.order(Uuid::from_u128(n)).await.unwrap().is_some() {
            left.push(n);
        }
    }
    assert_eq!(left, [1, 3, 4]);
}

pub(in crate::store::orders) async fn every_sku_that_was_ordered_is_known(store: Arc<dyn Whole>) {
    let named = |n, name: &str| {
        let mut order = order(n);
        name.clone_into(&mut order.items[0].sku);
        order
    };
    assert_eq!(store.known_skus().await.unwrap(), Vec::<String>::new());
    for (n, name) in [(1, "b"), (2, "a"), (3, "b")] {
        place(&*store, &named(n, name)).await;
    }

    let later = start() + TimeDelta::days(1);
    assert_eq!(store.forget_unpaid(later, 10).await.unwrap(), 3);

    assert_eq!(store.known_skus().await.unwrap(), ["a", "b"]);
}
