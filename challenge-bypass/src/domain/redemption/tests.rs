use std::cell::RefCell;

use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::{Judgement, judge};

const LIMITS: RedemptionLimits = RedemptionLimits {
    tokens_max: 20,
    payload_bytes_max: 1_024,
};

/// A token whose preimage is filled with `byte`, and whose signature means nothing.
pub(crate) fn token(byte: u8) -> RedemptionToken {
    RedemptionToken {
        public_key: Fixed([1; 32]),
        t: Fixed([byte; 64]),
        signature: Fixed([0; 64]),
    }
}

pub(crate) fn body(payload: &str, tokens: Vec<RedemptionToken>) -> api::RedemptionRequest {
    api::RedemptionRequest {
        payload: payload.to_owned(),
        tokens,
        replay_only: false,
        at_least: 0,
    }
}

fn read(body: api::RedemptionRequest) -> Result<RedemptionRequest, InvalidRedemption> {
    RedemptionRequest::read(body, LIMITS, request_digest)
}

fn claim(payload: &str, bytes: &[u8]) -> Claim {
    let tokens = bytes.iter().copied().map(token).collect();
    read(body(payload, tokens))
        .unwrap()
        .claim()
        .as_ref()
        .clone()
}

#[test]
fn each_rule_refuses_what_breaks_it() {
    let refused = |body| read(body).unwrap_err();
    let tokens = |n: u8| (0..n).map(token).collect::<Vec<_>>();

    assert_eq!(
        refused(body("p", vec![])),
        InvalidRedemption::Tokens { max: 20 }
    );
    assert_eq!(
        refused(body("p", tokens(21))),
        InvalidRedemption::Tokens { max: 20 }
    );
    assert!(read(body("p", tokens(20))).is_ok());
    assert_eq!(
        refused(body("", tokens(1))),
        InvalidRedemption::Payload { max: 1_024 }
    );
    let long = "p".repeat(1_025);
    assert_eq!(
        refused(body(&long, tokens(1))),
        InvalidRedemption::Payload { max: 1_024 }
    );
    assert!(read(body(&long[1..], tokens(1))).is_ok());
    assert_eq!(
        refused(body("p", vec![token(1), token(1)])),
        InvalidRedemption::Duplicate
    );
    let mut other_key = token(2);
    other_key.public_key = Fixed([2; 32]);
    assert_eq!(
        refused(body("p", vec![token(1), other_key])),
        InvalidRedemption::MixedKeys
    );
}

#[test]
fn debug_of_what_holds_preimages_shows_nothing() {
    let request = read(body("the payload", vec![token(0xAB)])).unwrap();
    assert_eq!(format!("{request:?}"), "RedemptionRequest(..)");
    let mut rng = StdRng::seed_from_u64(1);
    let key = SigningKey::random(&mut rng);
    let verified = request.verify(&key, |_, _, _, _| true, &mut rng).unwrap();
    let shown = format!("{verified:?}");
    assert!(
        !shown.contains("171") && !shown.contains("payload"),
        "{shown}"
    );
}

#[test]
fn one_wrong_signature_among_many_refuses_them_all() {
    let request = read(body("p", (0..20).map(token).collect())).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let key = SigningKey::random(&mut rng);

    let refused = request.verify(&key, |_, t, _, _| t.as_bytes()[0] != 19, &mut rng);

    assert_eq!(refused.unwrap_err(), BadSignature);
}

thread_local! {
    /// The tokens that were checked, in that order.
    static CHECKED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn signatures_are_checked_in_a_random_order_until_one_does_not_fit() {
    let request = read(body("p", (0..20).map(token).collect())).unwrap();
    let key = SigningKey::random(&mut StdRng::seed_from_u64(1));
    let checked = |seed| {
        CHECKED.take();
        let check = |_: &SigningKey, t: &Preimage, _: &[u8], _: &Signature| {
            let [first, ..] = t.as_bytes();
            CHECKED.with_borrow_mut(|checked| checked.push(*first));
            *first != 7
        };
        let refused = request.verify(&key, check, &mut StdRng::seed_from_u64(seed));
        assert_eq!(refused.unwrap_err(), BadSignature);
        CHECKED.take()
    };

    let orders: Vec<_> = (0..10).map(checked).collect();

    assert!(orders.iter().all(|order| order.last() == Some(&7)));
    let lengths: HashSet<_> = orders.iter().map(Vec::len).collect();
    assert!(lengths.len() > 3, "{orders:?}");
}

/// With other bytes under these hashes, every spent token could be spent again.
#[test]
fn a_token_and_what_it_is_spent_on_are_named_by_hashes_over_these_bytes() {
    let key = *KeyId::of(&Fixed([1; 32])).as_bytes();
    let sha256 = |parts: &[&[u8]]| <[u8; 32]>::from(Sha256::digest(parts.concat()));
    let request = sha256(&[
        b"\0\0\0\x0bbt/redeem/1\0\0\0\x02v4\0\0\0\x01p\0\0\0\x04\0\0\0\x02",
        b"\0\0\0\x50",
        &key,
        &[3; 64],
        b"\0\0\0\x50",
        &key,
        &[9; 64],
    ]);
    let spent = |t: [u8; 64]| SpentToken {
        id: Fixed(sha256(&[b"\0\0\0\x0abt/spent/1\0\0\0\x40", &t])),
        binding: Fixed(sha256(&[
            b"\0\0\0\x09bt/bind/1\0\0\0\x40",
            &t,
            b"\0\0\0\x20",
            &request,
        ])),
    };
    let mut expected = [spent([3; 64]), spent([9; 64])];
    expected.sort_unstable();

    assert_eq!(claim("p", &[9, 3]).tokens(), expected);
}

#[test]
fn a_repeat_is_judged_as_a_whole() {
    let original = claim("p", &[1, 2, 3]);
    // What the registry would find for `asked` after `original` was spent.
    let after = |asked: &Claim| {
        let found: Vec<_> = asked
            .tokens()
            .iter()
            .map(|token| {
                let spent = original.tokens().iter().find(|spent| spent.id == token.id);
                spent.map(|spent| spent.binding)
            })
            .collect();
        judge(asked, &found)
    };

    assert_eq!(after(&claim("p", &[1, 2, 3])), Judgement::Replay);
    assert_eq!(after(&claim("p", &[3, 1, 2])), Judgement::Replay);
    assert_eq!(after(&claim("p", &[1, 2])), Judgement::Conflict);
    assert_eq!(after(&claim("p", &[1, 2, 3, 4])), Judgement::Conflict);
    assert_eq!(after(&claim("p", &[3, 4])), Judgement::Conflict);
    assert_eq!(after(&claim("q", &[1, 2, 3])), Judgement::Conflict);
    assert_eq!(after(&claim("p", &[4, 5])), Judgement::Fresh);
    assert_eq!(judge(&original, &[]), Judgement::Conflict);
}

proptest! {
    #[test]
    fn the_digest_depends_on_the_set_of_tokens_and_the_payload_and_nothing_else(
        bytes in proptest::collection::hash_set(any::<u8>(), 1..20),
        payload in "[ -~]{1,40}",
        seed in any::<u64>(),
    ) {
        let tokens: Vec<_> = bytes.iter().copied().map(token).collect();
        let key = KeyId::of(&Fixed([1; 32]));
        let digest = request_digest(key, &payload, &tokens);

        let mut shuffled = tokens.clone();
        shuffled.shuffle(&mut StdRng::seed_from_u64(seed));
        for (n, token) in (0..).zip(&mut shuffled) {
            token.signature = Fixed([n; 64]);
        }
        prop_assert_eq!(request_digest(key, &payload, &shuffled), digest);

        prop_assert_ne!(request_digest(key, &payload, &tokens[1..]), digest);
        prop_assert_ne!(request_digest(key, &format!("{payload} "), &tokens), digest);
        prop_assert_ne!(request_digest(KeyId::of(&Fixed([2; 32])), &payload, &tokens), digest);
    }

    #[test]
    fn tokens_are_claimed_in_the_order_of_their_names(
        bytes in proptest::collection::hash_set(any::<u8>(), 1..20),
    ) {
        let claim = claim("p", &bytes.iter().copied().collect::<Vec<_>>());
        prop_assert!(claim.tokens().is_sorted_by(|a, b| a.id.as_bytes() < b.id.as_bytes()));
    }
}
