//! Money: conserved, never owed, and where it was left after a restart.

use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use messages::money::Amount;
use sandbox_custodian::{
    Error, Sandbox,
    domain::{
        AccountRequest, Address, Currency, Custodian, Outcome, QuoteRequest, Refusal, Status,
        TransferRequest,
    },
};
use uuid::Uuid;

fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

fn bat() -> Currency {
    Currency::try_from("BAT".to_owned()).unwrap()
}

fn account(id: &str, funds: &str) -> AccountRequest {
    AccountRequest {
        id: address(id),
        public_key: None,
        funds: [(bat(), amount(funds))].into(),
        processing_seconds: 0,
    }
}

fn transfer(from: &str, to: &str, sum: &str) -> TransferRequest {
    TransferRequest {
        custodian: Custodian::Uphold,
        id: None,
        from: address(from),
        amount: amount(sum),
        currency: bat(),
        destination: address(to),
        message: Uuid::new_v4().to_string(),
        completes_at: None,
        outcome: Outcome::Completed,
    }
}

fn quote(card: &str, sum: &str) -> QuoteRequest {
    QuoteRequest {
        card: address(card),
        amount: amount(sum),
        currency: bat(),
        destination: address("shop"),
        message: String::new(),
    }
}

fn sandbox(clock: Clock) -> Sandbox {
    Sandbox::open(None, TimeDelta::minutes(5), clock).unwrap()
}

#[test]
fn a_transfer_moves_the_money_once_and_nothing_is_lost() {
    let sandbox = sandbox(Clock::system());
    sandbox.open_account(account("ada", "10")).unwrap();

    sandbox.transfer(transfer("ada", "shop", "2.5")).unwrap();

    assert_eq!(sandbox.balance(&address("ada"), &bat()), amount("7.5"));
    assert_eq!(sandbox.balance(&address("shop"), &bat()), amount("2.5"));
    assert!(sandbox.is_conserved());
}

#[test]
fn nobody_sends_what_they_do_not_have() {
    let sandbox = sandbox(Clock::system());
    sandbox.open_account(account("ada", "1")).unwrap();

    for (wrong, refusal) in [
        (
            transfer("ada", "shop", "1.000000000000000001"),
            Refusal::InsufficientFunds,
        ),
        (transfer("ada", "shop", "0"), Refusal::InvalidAmount),
        (
            transfer("ada", "shop", "1000000001"),
            Refusal::InvalidAmount,
        ),
        (transfer("bob", "shop", "1"), Refusal::UnknownAccount),
    ] {
        let refused = sandbox.transfer(wrong).unwrap_err();
        assert!(
            matches!(refused, Error::Refused(found) if found == refusal),
            "{refused}"
        );
    }
    assert_eq!(sandbox.balance(&address("ada"), &bat()), amount("1"));
}

#[test]
fn an_address_that_received_money_cannot_be_opened_by_anybody() {
    let sandbox = sandbox(Clock::system());
    sandbox.open_account(account("ada", "1")).unwrap();
    sandbox.transfer(transfer("ada", "shop", "1")).unwrap();
    assert_eq!(sandbox.balance(&address("shop"), &bat()), amount("1"));

    assert!(sandbox.open_account(account("shop", "0")).is_err());
}

#[tokio::test]
async fn pending_money_is_nowhere_until_its_time_and_a_failed_transfer_comes_back() {
    let (clock, mut simulation) = Clock::simulated(start());
    let sandbox = sandbox(clock);
    sandbox.open_account(account("ada", "10")).unwrap();
    let later = start() + TimeDelta::days(2);
    let arriving = TransferRequest {
        completes_at: Some(later),
        ..transfer("ada", "shop", "1")
    };
    let failing = TransferRequest {
        completes_at: Some(later),
        outcome: Outcome::Failed,
        ..transfer("ada", "shop", "4")
    };

    let arriving = sandbox.transfer(arriving).unwrap();
    let failing = sandbox.transfer(failing).unwrap();

    assert_eq!(arriving.status(start()), Status::Pending);
    assert_eq!(sandbox.balance(&address("ada"), &bat()), amount("5"));
    assert_eq!(sandbox.balance(&address("shop"), &bat()), Amount::ZERO);
    assert!(sandbox.is_conserved());
    simulation.run_until(later).await;
    assert_eq!(arriving.status(later), Status::Completed);
    assert_eq!(failing.status(later), Status::Failed);
    assert_eq!(sandbox.balance(&address("ada"), &bat()), amount("9"));
    assert_eq!(sandbox.balance(&address("shop"), &bat()), amount("1"));
    assert!(sandbox.is_conserved());
}

#[tokio::test]
async fn a_quote_moves_money_at_its_commit_once_and_lapses_without() {
    let (clock, mut simulation) = Clock::simulated(start());
    let sandbox = sandbox(clock);
    sandbox.open_account(account("card", "10")).unwrap();
    let kept = sandbox.quote(quote("card", "3")).unwrap();
    let left = sandbox.quote(quote("card", "3")).unwrap();
    assert_eq!(sandbox.balance(&address("card"), &bat()), amount("10"));

    let committed = sandbox.commit(&address("card"), kept.id).unwrap();
    sandbox.commit(&address("card"), kept.id).unwrap();

    assert_eq!(committed.status(start()), Status::Completed);
    assert_eq!(sandbox.balance(&address("card"), &bat()), amount("7"));
    let late = start() + TimeDelta::minutes(5);
    simulation.run_until(late).await;
    assert_eq!(left.status(late), Status::Failed);
    assert!(matches!(
        sandbox.commit(&address("card"), left.id),
        Err(Error::Refused(Refusal::QuoteLapsed))
    ));
    assert!(matches!(
        sandbox.commit(&address("other"), kept.id),
        Err(Error::Refused(Refusal::UnknownTransfer))
    ));
    assert_eq!(sandbox.balance(&address("card"), &bat()), amount("7"));
}

#[test]
fn a_journal_brings_everything_back_and_a_torn_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let open = || Sandbox::open(Some(&path), TimeDelta::minutes(5), Clock::system()).unwrap();
    let first = open();
    first.open_account(account("ada", "10")).unwrap();
    let quoted = first.quote(quote("ada", "2")).unwrap();
    first.commit(&address("ada"), quoted.id).unwrap();
    let sent = first.transfer(transfer("ada", "shop", "1")).unwrap();
    drop(first);
    let whole = std::fs::read(&path).unwrap();
    let torn = [&whole[..], b"{\"event\":\"op"].concat();
    std::fs::write(&path, torn).unwrap();

    let again = open();

    assert_eq!(again.balance(&address("ada"), &bat()), amount("7"));
    assert_eq!(again.balance(&address("shop"), &bat()), amount("3"));
    assert_eq!(
        again.find(Custodian::Uphold, sent.id).unwrap().message,
        sent.message
    );
    again.open_account(account("bob", "1")).unwrap();
    drop(again);
    assert_eq!(open().balance(&address("bob"), &bat()), amount("1"));
}
