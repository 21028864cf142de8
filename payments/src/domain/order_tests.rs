//! What can be ordered, and what cannot.

use messages::payments::OrderItemRequest;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::macaroons::RootKey;

const SOLD: [u32; 3] = [4, 40, 400];

fn root() -> RootKey {
    RootKey::from_secret(b"root")
}

fn sku(name: &str, price: &str, funding_source: FundingSource) -> Sku {
    Sku {
        name: name.to_owned(),
        price: price.parse().unwrap(),
        currency: match funding_source {
            FundingSource::AnonymousCard => "BAT".to_owned(),
            FundingSource::UserWallet => "USD".to_owned(),
        },
        description: String::new(),
        funding_source,
        on_sale: true,
    }
}

fn catalogue() -> Catalogue {
    let skus = vec![
        sku("wallet", "0.25", FundingSource::UserWallet),
        sku("wallet-2", "0.5", FundingSource::UserWallet),
        sku("card", "0.25", FundingSource::AnonymousCard),
        sku("dear", "99999999999999999999", FundingSource::UserWallet),
    ];
    Catalogue::new(skus, vec![root()], vec![]).unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-01-31T17:59:59.9Z".parse().unwrap()
}

fn ask(items: &[(&str, i64)]) -> Result<Terms, Refusal> {
    let catalogue = catalogue();
    let item = |&(name, quantity): &(&str, i64)| OrderItemRequest {
        sku: match catalogue.by_name(name) {
            Some(sku) => sku.mint(&root()).unwrap(),
            None => name.to_owned(),
        },
        quantity,
    };
    let request = OrderRequest {
        items: items.iter().map(item).collect(),
    };
    let limits = Limits {
        quantities: &SOLD,
        items_max: 4,
        quantity: sold_quantity,
    };
    price(&request, &catalogue, limits, now())
}

#[test]
fn an_order_costs_the_sum_of_price_times_quantity() {
    let terms = ask(&[("wallet", 40), ("wallet-2", 4)]).unwrap();
    assert_eq!(
        terms.to_string(),
        "2026-01-31 USD 12 wallet:40:0.25,wallet-2:4:0.5"
    );
}

#[test]
fn a_quantity_that_is_not_sold_is_refused_wherever_it_stands() {
    for quantity in [0, 1, -4, -400, 5, 401, i64::MIN, i64::MAX, (1 << 32) + 4] {
        assert_eq!(
            ask(&[("wallet", quantity)]),
            Err(Refusal::Quantity(0)),
            "{quantity}"
        );
        let second = ask(&[("wallet", 4), ("wallet", quantity)]);
        assert_eq!(second, Err(Refusal::Quantity(1)), "{quantity}");
    }
}

#[test]
fn other_bad_orders_are_refused() {
    assert_eq!(ask(&[]), Err(Refusal::Items));
    assert_eq!(ask(&[("wallet", 4); 5]), Err(Refusal::Items));
    assert_eq!(ask(&[("wallet", 4), ("nothing", 4)]), Err(Refusal::Sku(1)));
    assert_eq!(ask(&[("", 4)]), Err(Refusal::Sku(0)));
    assert_eq!(ask(&[("wallet", 4), ("card", 4)]), Err(Refusal::Mixed));
    assert_eq!(ask(&[("dear", 400)]), Err(Refusal::Amount));
}

#[test]
fn an_order_is_made_again_from_its_terms_as_it_was() {
    let secret = OrderSecret::new([1; 32]);
    let terms = ask(&[("wallet", 40), ("wallet-2", 4)]).unwrap();
    let make = |catalogue: &Catalogue, at: DateTime<Utc>| {
        Order::of_terms(Uuid::from_u128(1), &terms, catalogue, &secret, (now(), at))
    };
    let first = make(&catalogue(), now()).unwrap();
    let again = make(&catalogue(), now() + TimeDelta::days(2)).unwrap();

    assert_eq!(first.created_at.to_rfc3339(), "2026-01-31T17:00:00+00:00");
    assert_eq!(first.items, again.items);
    assert_eq!(first.total.to_string(), "12");
    assert_eq!(again.kept_from - first.kept_from, TimeDelta::days(2));

    let dearer = vec![
        sku("wallet", "0.5", FundingSource::UserWallet),
        sku("wallet-2", "0.5", FundingSource::UserWallet),
    ];
    let dearer = Catalogue::new(dearer, vec![root()], vec![]).unwrap();
    assert_eq!(make(&dearer, now()), None);
}

proptest! {
    #[test]
    fn whatever_is_asked_for_costs_exactly_its_items_or_nothing(
        items in proptest::collection::vec((0_usize..4, prop_oneof![any::<i64>(), -500_i64..500]), 0..6),
    ) {
        let names = ["wallet", "wallet-2", "card", "dear"];
        let items: Vec<_> = items.into_iter().map(|(name, n)| (names[name], n)).collect();
        if let Ok(terms) = ask(&items) {
            prop_assert!(!terms.total.is_zero());
            prop_assert_eq!(terms.sum(), Some(terms.total));
            let all_sold = terms.lines.iter().all(|line| SOLD.contains(&line.quantity));
            prop_assert!(all_sold);
            prop_assert_eq!(terms.lines.len(), items.len());
        }
    }

    #[test]
    fn an_idempotency_key_is_bound_to_every_byte_of_the_body(
        key in any::<u128>(),
        body in proptest::collection::vec(any::<u8>(), 1..60),
        at in any::<proptest::sample::Index>(),
        change in 1_u8..=255,
    ) {
        let key = Uuid::from_u128(key);
        let mut other = body.clone();
        other[at.index(body.len())] ^= change;

        prop_assert_eq!(idempotency_hash(&key, &body), idempotency_hash(&key, &body));
        prop_assert_ne!(idempotency_hash(&key, &body), idempotency_hash(&key, &other));
        let next = Uuid::from_u128(key.as_u128() ^ 1);
        prop_assert_ne!(idempotency_hash(&key, &body), idempotency_hash(&next, &body));
    }
}

#[test]
fn an_order_of_a_sku_that_is_sold_no_more_is_made_again_all_the_same() {
    let terms = ask(&[("wallet", 40)]).unwrap();
    let mut skus = catalogue().skus().to_vec();
    for sku in &mut skus {
        sku.on_sale = false;
    }
    let off_sale = Catalogue::new(skus, vec![root()], vec![]).unwrap();
    let secret = OrderSecret::new([1; 32]);

    let made = Order::of_terms(Uuid::nil(), &terms, &off_sale, &secret, (now(), now()));

    assert_eq!(made.unwrap().total, terms.total);
}

#[test]
fn an_idempotency_key_is_remembered_as_a_hash_over_these_bytes() {
    let bytes = [
        b"\0\0\0\x10bt/idempotency/1\0\0\0\x10".as_slice(),
        &[9; 16],
        b"\0\0\0\x02{}",
    ];
    let expected: [u8; 32] = Sha256::digest(bytes.concat()).into();

    assert_eq!(
        idempotency_hash(&Uuid::from_bytes([9; 16]), b"{}"),
        expected
    );
}
