use chrono::TimeDelta;
use messages::{FundingSource, challenge_bypass::Derivation, encoding::Fixed};
use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::KeyWindow;

const ALTERED: OpenError = OpenError::Sealed(sealing::OpenError::Altered);

fn facts(secret: &SigningKey) -> KeyFacts {
    let sign_from = "2026-01-03T00:00:00Z".parse().unwrap();
    KeyFacts {
        issuer: "brave.com?sku=user-wallet-vote".parse().unwrap(),
        funding_source: FundingSource::UserWallet,
        derivation: Derivation::Rfc9497,
        window: KeyWindow {
            sign_from,
            sign_until: sign_from + TimeDelta::days(30),
            redeem_until: sign_from + TimeDelta::days(60),
        },
        public_key: Fixed(secret.public_key.to_bytes()),
    }
}

fn sealing_key(first_byte: u8) -> SealingKey {
    let mut key = [7; 32];
    key[0] = first_byte;
    SealingKey::new(&key).unwrap()
}

fn sealer(first_byte: u8) -> Sealer {
    Sealer(sealing::Sealer::new(sealing_key(first_byte), vec![]))
}

/// With other bytes under these hashes, no sealed key of a database would open any more.
#[test]
fn what_is_sealed_in_is_a_hash_over_these_bytes() {
    let secret = SigningKey::random(&mut StdRng::seed_from_u64(1));
    let facts = facts(&secret);
    let expected = [
        b"\0\0\0\x0fbt/sealed-key/1\0\0\0\x08\x09\x09\x09\x09\x09\x09\x09\x09".as_slice(),
        b"\0\0\0\x1ebrave.com?sku=user-wallet-vote\0\0\0\x0buser-wallet\0\0\0\x07rfc9497",
        b"\0\0\0\x08\0\0\0\0\x69\x58\x5c\0\0\0\0\x08\0\0\0\0\x69\x7f\xe9\0",
        b"\0\0\0\x08\0\0\0\0\x69\xa7\x76\0\0\0\0\x20",
        facts.public_key.as_bytes(),
    ];
    let expected: [u8; 32] = Sha256::digest(expected.concat()).into();
    assert_eq!(associated_data(SealingKeyId([9; 8]), &facts), expected);

    let mut key = [7; 32];
    key[0] = 1;
    let named = [b"\0\0\0\x10bt/sealing-key/1\0\0\0\x20".as_slice(), &key];
    let named = Sha256::digest(named.concat());
    assert_eq!(SealingKey::new(&key).unwrap().id().0, named[..8]);
}

#[test]
fn a_sealed_key_opens_only_beside_what_it_was_sealed_with() {
    let mut rng = StdRng::seed_from_u64(1);
    let secret = SigningKey::random(&mut rng);
    let facts = facts(&secret);
    let seals = sealer(1);
    let sealed = seals.seal(&secret, &facts, &mut rng);
    let opened = seals.open(&sealed, &facts).unwrap();
    assert_eq!(opened.to_bytes(), secret.to_bytes());

    let changes: [&dyn Fn(&mut KeyFacts); 7] = [
        &|f| f.issuer = "brave.com?sku=anon-card-vote".parse().unwrap(),
        &|f| f.funding_source = FundingSource::AnonymousCard,
        &|f| f.derivation = Derivation::Legacy,
        &|f| f.window.sign_from -= TimeDelta::seconds(1),
        &|f| f.window.sign_until += TimeDelta::seconds(1),
        &|f| f.window.redeem_until += TimeDelta::days(1),
        &|f| f.public_key = Fixed([1; 32]),
    ];
    for change in changes {
        let mut altered = facts.clone();
        change(&mut altered);
        assert_eq!(seals.open(&sealed, &altered).unwrap_err(), ALTERED);
    }
}

#[test]
fn a_sealed_key_that_is_moved_to_another_row_does_not_open() {
    let mut rng = StdRng::seed_from_u64(2);
    let (one, other) = (SigningKey::random(&mut rng), SigningKey::random(&mut rng));
    let seals = sealer(1);
    let sealed = seals.seal(&one, &facts(&one), &mut rng);

    assert_eq!(seals.open(&sealed, &facts(&other)).unwrap_err(), ALTERED);

    // Whoever seals a secret beside another key's facts gets no further.
    let wrong = seals.seal(&one, &facts(&other), &mut rng);
    assert_eq!(
        seals.open(&wrong, &facts(&other)).unwrap_err(),
        OpenError::OtherKey
    );
}

#[test]
fn the_key_encryption_key_can_be_changed() {
    let mut rng = StdRng::seed_from_u64(3);
    let secret = SigningKey::random(&mut rng);
    let facts = facts(&secret);
    let old = sealer(1);
    let sealed = old.seal(&secret, &facts, &mut rng);

    let unknown = sealer(2).open(&sealed, &facts).unwrap_err();
    let expected = sealing::OpenError::UnknownSealingKey(old.0.current());
    assert_eq!(unknown, OpenError::Sealed(expected));

    let both = Sealer(sealing::Sealer::new(sealing_key(2), vec![sealing_key(1)]));
    assert!(!both.is_current(&sealed));
    let opened = both.open(&sealed, &facts).unwrap();
    let again = both.seal(&opened, &facts, &mut rng);
    assert!(both.is_current(&again) && sealer(2).open(&again, &facts).is_ok());
}

#[test]
fn each_sealing_has_a_nonce_of_its_own() {
    let mut rng = StdRng::seed_from_u64(4);
    let secret = SigningKey::random(&mut rng);
    let facts = facts(&secret);

    let first = sealer(1).seal(&secret, &facts, &mut rng);
    let second = sealer(1).seal(&secret, &facts, &mut rng);

    assert_ne!(first.nonce, second.nonce);
    assert_ne!(first.ciphertext, second.ciphertext);
}

#[test]
fn a_key_encryption_key_has_32_bytes_that_are_not_all_the_same() {
    for wrong in [&[1; 31][..], &[0; 32], &[9; 32], &[], &[1; 33]] {
        assert_eq!(SealingKey::new(wrong).unwrap_err(), SealingKeyError);
    }
}

#[test]
fn debug_of_a_key_encryption_key_shows_its_id_only() {
    let mut bytes = [0xAB; 32];
    bytes[0] = 0xCD;
    let key = SealingKey::new(&bytes).unwrap();
    let sealer = Sealer(sealing::Sealer::new(key.clone(), vec![key]));
    let shown = format!("{sealer:?}");
    assert!(
        !shown.contains("171") && !shown.to_lowercase().contains("ab, ab"),
        "{shown}"
    );
    assert!(
        shown.contains("SealingKey { id: SealingKeyId(") && shown.contains(", .. }"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn a_flipped_bit_is_noticed(seed in any::<u64>(), byte in 0_usize..72, bit in 0_u8..8) {
        let mut rng = StdRng::seed_from_u64(seed);
        let secret = SigningKey::random(&mut rng);
        let facts = facts(&secret);
        let seals = sealer(1);
        let mut sealed = seals.seal(&secret, &facts, &mut rng);
        prop_assert!(seals.open(&sealed, &facts).is_ok());

        match byte.checked_sub(SealedKey::NONCE_BYTES) {
            None => sealed.nonce[byte] ^= 1 << bit,
            Some(byte) => sealed.ciphertext[byte] ^= 1 << bit,
        }
        prop_assert_eq!(seals.open(&sealed, &facts).unwrap_err(), ALTERED);
    }
}
