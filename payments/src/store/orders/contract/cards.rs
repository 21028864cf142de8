//! Cards pay what is owed, one at a time.

use super::*;

pub(in crate::store::orders) async fn only_one_of_two_cards_can_pay_what_is_owed(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    place(&*store, &order).await;
    assert_eq!(
        record(&*store, &order, &card(&order, 1, "0.4", 0)).await,
        Recording::NotOwed
    );
    assert_eq!(
        record(&*store, &order, &card(&order, 1, "0.5", 1)).await,
        Recording::Stale
    );

    let cards: Vec<_> = (1..=20).map(|n| card(&order, n, "0.5", 0)).collect();
    let done = join_all(cards.iter().map(|card| record(&*store, &order, card))).await;

    let first = done
        .iter()
        .filter(|one| matches!(one, Recording::First(_)))
        .count();
    let stale = done
        .iter()
        .filter(|one| matches!(one, Recording::Stale))
        .count();
    assert_eq!((first, stale), (1, 19));
    let next = record(&*store, &order, &card(&order, 50, "0.5", 1)).await;
    assert_eq!(next, Recording::NotOwed, "what is quoted is owed no more");
}

pub(in crate::store::orders) async fn a_failed_quote_makes_its_debt_owed_again(
    store: Arc<dyn Whole>,
) {
    let order = order(1);
    place(&*store, &order).await;
    let lapsing = card(&order, 1, "0.5", 0);
    assert!(matches!(
        record(&*store, &order, &lapsing).await,
        Recording::First(_)
    ));
    let (id, failed) = (lapsing.transfer.id, TransferStatus::Failed);
    store
        .move_on(id, failed, amount("0.5"), start())
        .await
        .unwrap();

    let again = record(&*store, &order, &lapsing).await;
    assert!(matches!(again, Recording::Before(one) if one.status == failed));
    let next = card(&order, 2, "0.5", 1);
    assert!(matches!(
        record(&*store, &order, &next).await,
        Recording::First(_)
    ));
    // Either name of a card's transfer is enough to know it by.
    assert!(matches!(
        store.claim(order.id, &[2; 32]).await.unwrap(),
        Claim::Own(_)
    ));
    assert!(matches!(
        store.claim(order.id, &[2 ^ 0x80; 32]).await.unwrap(),
        Claim::Own(_)
    ));
}

pub(in crate::store::orders) async fn what_may_still_arrive_is_owed_to_no_second_card(
    store: Arc<dyn Whole>,
) {
    let first_is = [
        (TransferStatus::Quoted, false),
        (TransferStatus::Pending, false),
        (TransferStatus::Processing, false),
        (TransferStatus::Completed, false),
        (TransferStatus::Failed, true),
        (TransferStatus::Canceled, true),
    ];
    for (n, (status, is_owed_again)) in (1..).zip(first_is) {
        let order = order(n.into());
        place(&*store, &order).await;
        let first = with_status(card(&order, n, "0.5", 0), status);
        assert!(matches!(
            record(&*store, &order, &first).await,
            Recording::First(_)
        ));

        let second = card(&order, n + 50, "0.5", 1);
        let recorded = record(&*store, &order, &second).await;

        assert_eq!(
            matches!(recorded, Recording::First(_)),
            is_owed_again,
            "{status:?}"
        );
    }
}
