//! Records of funds are made once, and what they set off leaves the totals with them.

use chrono::Days;
use service_kit::outbox::Row;

use super::*;
use crate::domain::funds::Statement;

fn row(id: u8) -> Row {
    Row {
        id: [id; 32],
        topic: "topic".to_owned(),
        key: vec![id],
        value: vec![id],
    }
}

async fn waiting(store: &dyn Whole) -> u64 {
    store.outbox().state().await.unwrap().waiting
}

async fn total(store: &dyn Whole) -> FundsTotal {
    let [total] = store.funds_totals().await.unwrap().try_into().unwrap();
    total
}

async fn statement(store: &dyn Whole) -> Statement {
    total(store).await.statement().unwrap()
}

/// Makes the record of a day, counted from the first, and gives what it says.
async fn record_day(store: &dyn Whole, day: u8) -> (Amount, u64) {
    let said = statement(store).await;
    let on = start().date_naive() + Days::new(day.into());
    let made = store
        .append_funds(on, std::slice::from_ref(&said), &[row(day)])
        .await;
    assert!(made.unwrap());
    (said.received, said.votes_sold)
}

/// An order of two items, of which none will be claimed.
async fn written_off(store: &dyn Whole, order: &Order) {
    paid(store, order).await;
    let later = start() + TimeDelta::days(366);
    let written_off = store.write_off_unclaimed(later.date_naive(), later, 1);
    assert_eq!(written_off.await.unwrap(), 1);
}

pub(in crate::store::orders) async fn totals_are_what_was_stated_last(store: Arc<dyn Whole>) {
    paid(&*store, &order(1)).await;
    let sold = total(&*store).await;
    for votes_sold in [100, 90] {
        let stated = FundsTotal {
            received: sold.value.times(votes_sold).unwrap(),
            votes_sold,
            votes_published: votes_sold,
            ..sold.clone()
        };

        assert!(store.restate_funds(&stated, &row(7)).await.unwrap());

        assert_eq!(total(&*store).await, stated);
        assert_eq!(waiting(&*store).await, 1, "the one of before is replaced");
    }
}

pub(in crate::store::orders) async fn a_day_has_one_set_of_funds_records(store: Arc<dyn Whole>) {
    let day = start().date_naive();
    let append = |day, ids: &[u8]| {
        let rows: Vec<_> = ids.iter().map(|id| row(*id)).collect();
        let store = &store;
        async move { store.append_funds(day, &[], &rows).await.unwrap() }
    };
    assert_eq!(store.last_funds_day().await.unwrap(), None);

    assert!(append(day, &[1, 2]).await);
    assert!(!append(day, &[3]).await);
    assert!(!append(day - Days::new(1), &[3]).await);
    assert_eq!(waiting(&*store).await, 2);

    let next = day + Days::new(1);
    assert!(append(next, &[4]).await);
    assert_eq!(store.last_funds_day().await.unwrap(), Some(next));
    assert_eq!(waiting(&*store).await, 3);
}

pub(in crate::store::orders) async fn written_off_votes_are_set_off_against_newly_sold_ones(
    store: Arc<dyn Whole>,
) {
    let said = |units: &str, votes: u64| (amount(units), votes);
    written_off(&*store, &order_of(1, 2)).await;
    written_off(&*store, &order_of(2, 2)).await;
    // Nothing of it was ever published, so nothing has to be.
    assert_eq!(record_day(&*store, 1).await, said("0", 0));

    paid(&*store, &order_of(3, 3)).await;
    assert_eq!(record_day(&*store, 2).await, said("1.5", 6));
    let later = start() + TimeDelta::days(366);
    let three = store.write_off_unclaimed(later.date_naive(), later, 1);
    assert_eq!(three.await.unwrap(), 1);
    assert_eq!(record_day(&*store, 3).await, said("1.5", 6), "never less");

    // Two new votes take the place of two written-off ones, eight the place of the other four.
    paid(&*store, &order(4)).await;
    assert_eq!(record_day(&*store, 4).await, said("1.5", 6));
    assert_eq!(total(&*store).await.votes_to_set_off, 4);
    paid(&*store, &order_of(5, 4)).await;
    assert_eq!(record_day(&*store, 5).await, said("2.5", 10));
    let left = total(&*store).await;
    assert_eq!((left.votes_sold, left.votes_to_set_off), (10, 0));
    assert_eq!((left.received, left.votes_published), (amount("2.5"), 10));
}

pub(in crate::store::orders) async fn a_statement_of_other_totals_is_not_recorded(
    store: Arc<dyn Whole>,
) {
    let day = start().date_naive();
    written_off(&*store, &order_of(1, 2)).await;
    let old = statement(&*store).await;
    paid(&*store, &order(2)).await;

    // More was sold since: that is for the next record.
    assert!(
        store
            .append_funds(day, std::slice::from_ref(&old), &[row(9)])
            .await
            .unwrap()
    );
    assert_eq!(total(&*store).await.votes_sold, 2);
    assert_eq!(record_day(&*store, 1).await, (amount("0.5"), 2));

    // A record was made since.
    let next = day + Days::new(2);
    let again = store.append_funds(next, &[old], &[row(3)]).await;
    assert!(!again.unwrap());
    assert_eq!(total(&*store).await.votes_sold, 2);
    assert_eq!(waiting(&*store).await, 2);
    assert_eq!(
        store.last_funds_day().await.unwrap(),
        Some(day + Days::new(1))
    );
}
