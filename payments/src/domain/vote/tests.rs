//! Votes that are well formed, and others.

use std::slice;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use messages::Preimage;
use messages::encoding::Fixed;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

const LIMITS: VoteLimits = VoteLimits {
    credentials_max: 20,
    text_bytes_max: 512,
};

/// A credential whose bytes are all made from two numbers; its signature is none.
pub(crate) fn credential(key: u8, t: u8) -> VoteCredential {
    VoteCredential {
        public_key: Fixed([key; 32]),
        t: Fixed([t; 64]),
        signature: Fixed([t; 64]),
    }
}

pub(crate) fn vote_for(channel: &str, credentials: &[VoteCredential]) -> Result<Vote, InvalidVote> {
    let text = format!(r#"{{"channel":"{channel}","type":"auto-contribute"}}"#);
    let request = VoteRequest {
        vote: BASE64_STANDARD.encode(text),
        credentials: credentials.to_vec(),
    };
    Vote::new(request, LIMITS)
}

#[test]
fn a_vote_has_one_to_twenty_credentials() {
    let many: Vec<_> = (0..21).map(|t| credential(1, t)).collect();

    assert_eq!(
        vote_for("example.com", &[]).unwrap_err(),
        InvalidVote::NoCredentials
    );
    assert_eq!(
        vote_for("example.com", &many).unwrap_err(),
        InvalidVote::TooManyCredentials(20)
    );
    assert_eq!(vote_for("example.com", &many[1..]).unwrap().tokens(), 20);
    assert_eq!(vote_for("example.com", &many[..1]).unwrap().tokens(), 1);
}

#[test]
fn the_credentials_of_a_vote_are_of_one_key() {
    let mixed = vote_for("example.com", &[credential(1, 1), credential(2, 2)]).unwrap_err();

    assert_eq!(mixed.slug(), Slug::MixedKeys);
}

#[test]
fn a_token_stands_in_a_vote_once() {
    let mut repeated = credential(1, 1);
    repeated.signature = Fixed([9; 64]);

    let refused = vote_for(
        "example.com",
        &[credential(1, 1), credential(1, 2), repeated],
    )
    .unwrap_err();

    assert_eq!(refused, InvalidVote::RepeatedToken(2));
    assert_eq!(refused.field(), "/credentials/2/t");
}

#[test]
fn the_id_follows_the_text_the_key_and_the_tokens_and_not_their_order_or_signatures() {
    let (a, b) = (credential(1, 1), credential(1, 2));
    let mut signed_again = a.clone();
    signed_again.signature = Fixed([7; 64]);
    let id = |channel, credentials: &[VoteCredential]| vote_for(channel, credentials).unwrap().id();
    let vote = id("example.com", &[a.clone(), b.clone()]);

    assert_eq!(id("example.com", &[b.clone(), a.clone()]), vote);
    assert_eq!(id("example.com", &[signed_again, b.clone()]), vote);
    for other in [
        id("example.org", &[a.clone(), b.clone()]),
        id("example.com", slice::from_ref(&a)),
        id("example.com", &[a, b, credential(1, 3)]),
        id("example.com", &[credential(2, 1), credential(2, 2)]),
    ] {
        assert_ne!(other, vote);
    }
}

/// With other bytes under it, a vote that is sent again after a release would be another one.
#[test]
fn the_id_of_a_vote_is_a_hash_over_these_bytes() {
    let key = *KeyId::of(&Fixed([1; 32])).as_bytes();
    let bytes = [
        b"\0\0\0\x09bt/vote/1\0\0\0\x32".as_slice(),
        br#"{"channel":"example.com","type":"auto-contribute"}"#,
        b"\0\0\0\x50",
        &key,
        &[3; 64],
        b"\0\0\0\x50",
        &key,
        &[9; 64],
    ];
    let expected: [u8; 32] = Sha256::digest(bytes.concat()).into();

    let vote = vote_for("example.com", &[credential(1, 9), credential(1, 3)]).unwrap();

    assert_eq!(vote.id().0, expected);
}

#[test]
fn an_answer_about_another_issuer_makes_no_redeemed_vote() {
    let vote = vote_for("example.com", &[credential(1, 1)]).unwrap();
    let key = super::super::directory::tests::known_key(&Fixed([1; 32]));
    let answer = |issuer: &str| RedemptionResponse {
        outcome: messages::challenge_bypass::RedemptionOutcome::First,
        issuer: issuer.to_owned(),
        redeemed_total: 5,
    };

    assert!(vote.clone().redeemed(&key, &answer("other")).is_none());
    let redeemed = vote.redeemed(&key, &answer(&key.issuer)).unwrap();
    assert_eq!((redeemed.tokens, redeemed.redeemed_total), (1, 5));
}

#[test]
fn debug_shows_nothing_of_a_vote() {
    let vote = vote_for("example.com", &[credential(1, 1)]).unwrap();

    assert_eq!(format!("{vote:?} {:?}", vote.id()), "Vote(..) VoteId(..)");
    let key = super::super::directory::tests::known_key(&Fixed([1; 32]));
    let answer = RedemptionResponse {
        outcome: messages::challenge_bypass::RedemptionOutcome::First,
        issuer: key.issuer.clone(),
        redeemed_total: 1,
    };
    let redeemed = vote.redeemed(&key, &answer).unwrap();
    assert_eq!(format!("{redeemed:?}"), "RedeemedVote(..)");
}

proptest! {
    #[test]
    fn no_other_grouping_of_tokens_has_the_same_id(a in any::<u16>(), b in any::<u16>()) {
        let grouping = |bits: u16| -> Vec<_> {
            (0..16).filter(|bit| bits & (1 << bit) != 0).map(|bit| credential(1, bit)).collect()
        };
        prop_assume!(a != b && a != 0 && b != 0);
        let id = |bits| vote_for("example.com", &grouping(bits)).unwrap().id();
        prop_assert_ne!(id(a), id(b));
    }

    #[test]
    fn every_request_is_read_or_refused_without_a_panic(vote in ".*", tokens in proptest::collection::vec(any::<u8>(), 0..30)) {
        let credentials = tokens.into_iter().map(|t| VoteCredential {
            public_key: Fixed([1; 32]), t: Preimage::from(Fixed([t; 64])), signature: Fixed([0; 64]),
        }).collect();
        if let Err(refused) = Vote::new(VoteRequest { vote, credentials }, LIMITS) {
            prop_assert!(refused.field().starts_with('/'));
        }
    }
}
