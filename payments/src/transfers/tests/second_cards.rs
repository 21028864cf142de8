//! A second card for one order: it pays what is still owed, by what is signed for the current reference.

use super::*;

/// Somebody else's card that signs the same text.
fn another(mut card: CardTransaction) -> CardTransaction {
    card.card = Uuid::from_u128(78);
    card
}

/// An order whose first card was given a quote, as the process died, and the order as it is stored then.
async fn with_quote(world: &World) -> Order {
    let (order, _) = quoted(world).await;
    let stored = world.stored(&order).await;
    assert_eq!(stored.references_used, 1);
    stored
}

/// What the bank says of all transfers from now on.
fn bank_says(world: &World, status: TransferStatus) {
    for answer in world.bank.transfers.lock().unwrap().values_mut() {
        answer.status = status;
    }
}

fn quotes(world: &World) -> usize {
    world.bank.transfers.lock().unwrap().len()
}

#[tokio::test]
async fn a_card_must_sign_the_current_reference_and_no_earlier_or_later_one() {
    let world = World::start().await;
    let order = with_quote(&world).await;
    bank_says(&world, TransferStatus::Failed);
    world.run_job().await;
    let signed = |number| {
        let reference = world.reference(&order, number);
        another(card(&reference, "10", OURS, "BAT"))
    };

    for number in [0, 2] {
        let refused = world.transfers.name_card(&order, &signed(number)).await;
        assert_eq!(slug(refused), "transfer-not-for-this-order", "{number}");
    }
    assert_eq!(quotes(&world), 1, "nothing more was asked of the bank");
    let named = world.transfers.name_card(&order, &signed(1)).await.unwrap();

    assert_eq!(named.transfer.status, TransferStatus::Completed);
    assert_eq!(world.status(&order).await, OrderStatus::Paid);
}

#[tokio::test]
async fn while_one_cards_transfer_is_on_its_way_a_second_card_pays_nothing() {
    let world = World::start().await;
    let order = with_quote(&world).await;
    for status in [TransferStatus::Quoted, TransferStatus::Processing] {
        if status == TransferStatus::Processing {
            bank_says(&world, status);
            world.run_job().await;
        }
        let stored = world.transfers.store.transfers(order.id).await.unwrap();
        assert_eq!(stored[0].status, status);

        let second = another(world.card(&order, "10"));
        let refused = world.transfers.name_card(&order, &second).await;

        assert_eq!(slug(refused), "wrong-amount", "{status:?}");
        assert_eq!(quotes(&world), 1, "{status:?}");
    }
    bank_says(&world, TransferStatus::Completed);
    let mut world = world;
    world.simulation.run_for(TimeDelta::hours(1)).await;
    world.run_job().await;

    assert_eq!(world.status(&order).await, OrderStatus::Paid);
    assert_eq!(world.received().await, "10".parse().unwrap());
}
