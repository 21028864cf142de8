//! What was paid for and never claimed leaves the books (docs/decisions/0004).

use super::*;

/// A year and a day after the orders were paid.
fn later() -> DateTime<Utc> {
    start() + TimeDelta::days(366)
}

async fn write_off(store: &dyn Whole) -> u64 {
    let (before, now) = (later().date_naive(), later());
    store.write_off_unclaimed(before, now, 10).await.unwrap()
}

fn unclaimed(units: &str) -> (String, String) {
    ("unclaimed".to_owned(), units.to_owned())
}

async fn submit(store: &dyn Whole, order: &Order, item: usize, n: u8) -> Submission {
    let points = points(n);
    let submitted = store.submit(order.id, order.items[item].id, &points);
    submitted.await.unwrap()
}

pub(in crate::store::orders) async fn what_nobody_claims_is_written_off_once(
    store: Arc<dyn Whole>,
) {
    let (order, claimed) = (order_of(1, 2), order(2));
    paid(&*store, &order).await;
    fulfilled(&*store, &claimed).await;
    let day = start().date_naive();
    let not_yet = store.write_off_unclaimed(day, later(), 10).await;
    assert_eq!(not_yet.unwrap(), 0);

    assert_eq!(write_off(&*store).await, 1);
    assert_eq!(write_off(&*store).await, 0);

    assert_eq!(surplus(&*store).await, [unclaimed("0.5"), unclaimed("0.5")]);
    let rows = store.report().await.unwrap().surplus;
    assert!(
        rows.iter()
            .all(|row| row.external_id.as_deref() == Some("external-1")),
        "whom to return it to"
    );
    assert_eq!(status(&*store, &order).await, OrderStatus::Canceled);
    assert_eq!(status(&*store, &claimed).await, OrderStatus::Fulfilled);
    for item in [0, 1] {
        let submitted = submit(&*store, &order, item, 1).await;
        assert_eq!(submitted, Submission::Erased);
    }
    assert_eq!(store.unsigned(None, 10).await.unwrap().len(), 0);
    let stored = store.credentials(order.id).await.unwrap();
    assert_eq!(stored.len(), 2);
    assert!(
        stored
            .iter()
            .all(|one| one.credentials == Credentials::Erased)
    );
    let [total] = store.funds_totals().await.unwrap().try_into().unwrap();
    assert_eq!((total.votes_sold, total.votes_to_set_off), (6, 4));
    assert_eq!(total.votes_signable(), 2);
}

pub(in crate::store::orders) async fn of_an_order_that_is_claimed_in_part_the_rest_is_written_off(
    store: Arc<dyn Whole>,
) {
    let order = order_of(1, 3);
    paid(&*store, &order).await;
    assert_eq!(submit(&*store, &order, 1, 1).await, Submission::Accepted);
    let item = order.items[1].id;
    store.store_signed(item, &signed(1), start()).await.unwrap();
    assert_eq!(status(&*store, &order).await, OrderStatus::Paid);

    assert_eq!(write_off(&*store).await, 1);
    assert_eq!(write_off(&*store).await, 0);

    assert_eq!(status(&*store, &order).await, OrderStatus::Fulfilled);
    assert_eq!(surplus(&*store).await, [unclaimed("0.5"), unclaimed("0.5")]);
    let again = submit(&*store, &order, 1, 1).await;
    assert_eq!(
        again,
        Submission::Signed(signed(1)),
        "what was claimed stays"
    );
    assert_eq!(submit(&*store, &order, 0, 1).await, Submission::Erased);
    let [total] = store.funds_totals().await.unwrap().try_into().unwrap();
    assert_eq!((total.votes_sold, total.votes_to_set_off), (6, 4));
    // From here on it is an order like any other.
    let next_month = later().date_naive() + chrono::Days::new(31);
    let erased = store.erase_transfer_ids(next_month, 10).await;
    assert_eq!(erased.unwrap(), 1);
    assert_eq!(store.forget_closed(later(), 10).await.unwrap(), 1);
}

pub(in crate::store::orders) async fn an_item_that_waits_for_its_signatures_is_claimed(
    store: Arc<dyn Whole>,
) {
    let (whole, part) = (order(1), order_of(2, 2));
    for order in [&whole, &part] {
        paid(&*store, order).await;
        assert_eq!(submit(&*store, order, 0, 1).await, Submission::Accepted);
    }

    assert_eq!(write_off(&*store).await, 1);
    assert_eq!(write_off(&*store).await, 0);

    assert_eq!(surplus(&*store).await, [unclaimed("0.5")]);
    for order in [&whole, &part] {
        assert_eq!(status(&*store, order).await, OrderStatus::Paid);
        let item = order.items[0].id;
        store.store_signed(item, &signed(1), later()).await.unwrap();
        assert_eq!(status(&*store, order).await, OrderStatus::Fulfilled);
    }
}
