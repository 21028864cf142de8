use std::io;

use chrono::DateTime;
use ed25519_dalek::SigningKey;
use messages::encoding::Fixed;

use super::*;
use crate::{
    payer::{Card, Method},
    transport::Request,
};

#[test]
fn what_was_saved_is_found_again_and_a_new_wallet_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    let mut wallet = Wallet::open(&path).unwrap();
    assert!(wallet.state.purchases.is_empty());

    wallet.state.purchases.push(Purchase {
        source: FundingSource::UserWallet,
        sku: "a SKU token".to_owned(),
        quantity: 4,
        parts: 1,
        vote_anyway: false,
        stage: Stage::Ordering {
            idempotency_key: Uuid::from_bytes([7; 16]),
        },
    });
    wallet.save().unwrap();
    let text = |wallet: &Wallet| serde_json::to_string(&wallet.state).unwrap();
    let saved = text(&wallet);
    drop(wallet);

    assert_eq!(text(&Wallet::open(&path).unwrap()), saved);
}

#[test]
fn a_save_that_died_half_way_leaves_the_wallet_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    Wallet::open(&path).unwrap().save().unwrap();

    std::fs::write(path.with_added_extension("new"), "{\"purch").unwrap();

    assert!(Wallet::open(&path).unwrap().state.purchases.is_empty());
}

#[test]
fn a_damaged_wallet_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    std::fs::write(&path, "{}x").unwrap();

    assert!(Wallet::open(&path).is_err());
}

#[test]
fn a_wallet_is_open_once_and_may_be_read_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    let first = Wallet::open(&path).unwrap();
    first.save().unwrap();

    let second = Wallet::open(&path).unwrap_err();

    assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
    assert!(second.to_string().contains("wait until it has ended"));
    assert!(Wallet::read(&path).unwrap().purchases.is_empty());
    drop(first);
    Wallet::open(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_a_wallet() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wallet.json");
    Wallet::open(&path).unwrap().save().unwrap();

    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn debug_of_what_a_client_knows_shows_no_key_capability_transfer_or_token() {
    let marked = Uuid::from_bytes([0xAB; 16]);
    let order = OrderRef {
        id: Uuid::nil(),
        item_id: marked,
        capability: "marked".to_owned(),
        total: Amount::ONE,
        currency: "BAT".to_owned(),
    };
    let by_card = Method::AnonymousCard {
        payment_id: marked,
        transaction: "marked".to_owned(),
    };
    let draft = |method| Draft {
        reference: marked,
        amount: Amount::ONE,
        currency: "BAT".to_owned(),
        method,
        recorded: false,
    };
    let paying = Stage::Paying {
        order: order.clone(),
        transfers: vec![draft(by_card.clone())],
    };
    let vote = PreparedVote {
        due: DateTime::UNIX_EPOCH,
        attempts: 1,
        redeem_until: DateTime::UNIX_EPOCH,
        key: Fixed([0xAB; 32]),
        tokens: 1,
        body: "marked".to_owned(),
        outcome: None,
    };
    let card = Card {
        payment_id: Uuid::nil(),
        key: SigningKey::from_bytes(&[0xAB; 32]),
        destination: "marked".to_owned(),
    };
    let request = Request::post("/v1/marked", b"marked".to_vec()).with_capability("marked");
    let ordering = Stage::Ordering {
        idempotency_key: marked,
    };

    let shown = format!(
        "{order:?} {by_card:?} {:?} {paying:?} {ordering:?} {vote:?} {card:?} {request:?}",
        draft(Method::Uphold { id: marked })
    );

    for mark in ["marked", "109, 97", "abab", "ABAB", "171"] {
        assert!(!shown.contains(mark), "{shown}");
    }
}
