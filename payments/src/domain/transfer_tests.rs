//! Which transfer pays which order.

use proptest::prelude::*;

use super::*;

const MINE: Uuid = Uuid::from_u128(1);
const LATER: Uuid = Uuid::from_u128(2);
const THEIRS: Uuid = Uuid::from_u128(3);

fn answer() -> Answer {
    Answer {
        id: "t-1".to_owned(),
        reference: Some(MINE.to_string()),
        destination: "settlement".to_owned(),
        currency: "BAT".to_owned(),
        amount: Amount::ONE,
        status: TransferStatus::Completed,
    }
}

fn expected() -> Expected<'static> {
    Expected {
        id: "t-1",
        custodian: Custodian::Uphold,
        destination: "settlement",
        currency: "BAT",
        funding_source: FundingSource::UserWallet,
    }
}

fn changed(change: fn(&mut Answer)) -> Result<(), Misfit> {
    let mut answer = answer();
    change(&mut answer);
    check(
        &answer,
        expected(),
        Some(&[MINE, LATER]),
        &TransferRules::default(),
    )
}

#[test]
fn a_transfer_for_this_order_fits() {
    assert_eq!(changed(|_| ()), Ok(()));
    assert_eq!(
        changed(|answer| answer.reference = Some(LATER.to_string())),
        Ok(())
    );
}

#[test]
fn each_thing_that_can_be_wrong_is_refused_by_its_name() {
    use Misfit::{Amount as Nothing, Currency, Destination, OtherTransfer, Reference};

    assert_eq!(
        changed(|a| a.reference = Some(THEIRS.to_string())),
        Err(Reference)
    );
    assert_eq!(
        changed(|a| a.reference = Some(String::new())),
        Err(Reference)
    );
    assert_eq!(changed(|a| a.reference = None), Err(Reference));
    assert_eq!(changed(|a| a.id = "t-2".to_owned()), Err(OtherTransfer));
    assert_eq!(
        changed(|a| a.destination = "payer".to_owned()),
        Err(Destination)
    );
    assert_eq!(changed(|a| a.currency = "USD".to_owned()), Err(Currency));
    assert_eq!(changed(|a| a.amount = Amount::ZERO), Err(Nothing));

    let mut expected = expected();
    expected.funding_source = FundingSource::AnonymousCard;
    let rules = TransferRules::default();
    let found = check(&answer(), expected, Some(&[MINE]), &rules);
    assert_eq!(found, Err(Misfit::FundingSource));
}

#[test]
fn the_checks_come_in_the_order_that_is_promised() {
    let all_wrong = Answer {
        id: "t-2".to_owned(),
        reference: None,
        destination: "payer".to_owned(),
        currency: "USD".to_owned(),
        amount: Amount::ZERO,
        status: TransferStatus::Completed,
    };
    let mut expected = expected();
    expected.funding_source = FundingSource::AnonymousCard;
    let rules = TransferRules::default();
    let mut repaired = all_wrong;
    let mut found = Vec::new();
    while let Err(misfit) = check(&repaired, expected, Some(&[MINE]), &rules) {
        found.push(misfit);
        match misfit {
            Misfit::Reference => repaired.reference = answer().reference,
            Misfit::OtherTransfer => repaired.id = answer().id,
            Misfit::Destination => repaired.destination = answer().destination,
            Misfit::Currency => repaired.currency = answer().currency,
            Misfit::FundingSource => expected.funding_source = FundingSource::UserWallet,
            Misfit::Amount => repaired.amount = Amount::ONE,
        }
    }

    assert_eq!(
        found,
        [
            Misfit::Reference,
            Misfit::OtherTransfer,
            Misfit::Destination,
            Misfit::Currency,
            Misfit::FundingSource,
            Misfit::Amount,
        ]
    );
}

#[test]
fn without_the_rule_on_references_any_will_do() {
    let mut answer = answer();
    answer.reference = None;
    let rules = TransferRules::default();
    assert_eq!(check(&answer, expected(), None, &rules), Ok(()));
}

#[test]
fn money_for_an_order_that_is_settled_is_surplus() {
    for status in [
        OrderStatus::Canceled,
        OrderStatus::Fulfilled,
        OrderStatus::Paid,
    ] {
        let settled = settle(status, Amount::ONE, Amount::ZERO, Amount::ONE);
        assert_eq!((settled.pays, settled.surplus), (false, Amount::ONE));
    }
}

#[test]
fn names_read_as_they_are_written_and_nothing_shows_whose_transfer_it_is() {
    for custodian in Custodian::ALL {
        assert_eq!(custodian.as_str().parse(), Ok(custodian));
    }
    for status in TransferStatus::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
    }
    assert_eq!(TransferStatus::Quoted.shown(), "pending");
    let shown = format!("{:?}", answer());
    assert!(
        !shown.contains("t-1") && !shown.contains(&MINE.to_string()),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn whatever_arrives_pays_or_waits_or_is_surplus(
        total in 1_i128..1000, parts in proptest::collection::vec(1_i128..400, 1..10),
    ) {
        let amount = |units| Amount::from_base_units(units).unwrap();
        let (mut status, mut arrived, mut surplus) = (OrderStatus::Pending, 0, 0);
        for part in &parts {
            let settled = settle(status, amount(total), amount(arrived), amount(*part));
            arrived += part;
            surplus += settled.surplus.base_units();
            if settled.pays {
                status = OrderStatus::Paid;
            }
        }
        prop_assert_eq!(status == OrderStatus::Paid, arrived >= total);
        prop_assert_eq!(surplus, (arrived - total).max(0));
        let parts = parts.iter().map(|part| amount(*part));
        prop_assert_eq!(owed(amount(total), parts).base_units(), (total - arrived).max(0));
    }
}
