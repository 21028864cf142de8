use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};
use sha2::{Digest as _, Sha256};

use super::*;

const ALTERED: OpenError = OpenError::Sealed(sealing::OpenError::Altered);

fn facts() -> StateFacts {
    StateFacts {
        instance: "main".parse().unwrap(),
        schedule: "2024-01-01T00:00:00Z/604800s/0-3".to_owned(),
        id: Fixed([5; 16]),
        position: Position(1),
    }
}

fn sealing_key(first_byte: u8) -> SealingKey {
    let mut key = [7; 32];
    key[0] = first_byte;
    SealingKey::new(&key).unwrap()
}

fn sealer(first_byte: u8) -> Sealer {
    Sealer::new(sealing_key(first_byte), vec![])
}

fn sealed(seed: u64) -> (EpochKey, StoredState) {
    let key = EpochKey::generate(0..=3);
    let stored = seal(&sealer(1), facts(), &key, &mut StdRng::seed_from_u64(seed));
    (key, stored)
}

/// With other bytes under these hashes, no key of a database would open any more.
#[test]
fn what_is_sealed_in_is_a_hash_over_these_bytes() {
    let bytes = [
        b"\0\0\0\x13bt/star-key-state/1\0\0\0\x08\x09\x09\x09\x09\x09\x09\x09\x09".as_slice(),
        b"\0\0\0\x04main\0\0\0\x202024-01-01T00:00:00Z/604800s/0-3\0\0\0\x10",
        &[5; 16],
        b"\0\0\0\x08\0\0\0\0\0\0\0\x01",
    ];
    let expected: [u8; 32] = Sha256::digest(bytes.concat()).into();
    assert_eq!(of_state(SealingKeyId([9; 8]), &facts()), expected);
}

#[test]
fn a_state_opens_only_beside_what_it_was_sealed_with() {
    let (key, stored) = sealed(1);
    let opened = open(&sealer(1), &stored).unwrap();
    assert_eq!(*opened.to_bytes(), *key.to_bytes());
    assert_eq!(stored.data_key.len(), StoredState::DATA_KEY_BYTES);

    let changes: [&dyn Fn(&mut StateFacts); 4] = [
        &|f| f.instance = "other".parse().unwrap(),
        &|f| f.schedule.push('0'),
        &|f| f.id = Fixed([6; 16]),
        &|f| f.position = Position(0),
    ];
    for change in changes {
        let mut altered = stored.clone();
        change(&mut altered.facts);
        assert_eq!(open(&sealer(1), &altered).unwrap_err(), ALTERED);
    }
}

#[test]
fn each_state_has_a_data_key_of_its_own() {
    let (_, one) = sealed(1);
    let (_, other) = sealed(2);
    let mixed = StoredState {
        data_key: other.data_key.clone(),
        ..one.clone()
    };

    let data_key = |stored| data_key(&sealer(1), stored).unwrap();
    assert_ne!(*data_key(&one), *data_key(&other));
    let refused = open(&sealer(1), &mixed).unwrap_err();
    assert!(matches!(
        refused,
        OpenError::Sealed(sealing::OpenError::UnknownSealingKey(_))
    ));
}

#[test]
fn nothing_of_the_key_is_in_what_is_stored() {
    let (key, stored) = sealed(1);
    let secret = key.to_bytes();
    let holds = |bytes: &[u8]| {
        let everything = [stored.data_key.as_slice(), &stored.state].concat();
        everything
            .windows(bytes.len())
            .any(|window| window == bytes)
    };

    assert!(
        secret
            .windows(16)
            .all(|part| part == [0; 16] || !holds(part))
    );
    assert!(
        holds(&sealer(1).current().0),
        "the search finds what is there"
    );
}

#[test]
fn the_key_encryption_key_can_be_changed() {
    let (key, stored) = sealed(1);
    let mut rng = StdRng::seed_from_u64(3);
    let unknown = sealing::OpenError::UnknownSealingKey(sealer(1).current());
    let refused = open(&sealer(2), &stored).unwrap_err();
    assert_eq!(refused, OpenError::Sealed(unknown));

    let both = Sealer::new(sealing_key(2), vec![sealing_key(1)]);
    assert!(is_current(&sealer(1), &stored) && !is_current(&both, &stored));
    let opened = open(&both, &stored).unwrap();
    let again = seal(&both, facts(), &opened, &mut rng);

    assert!(is_current(&both, &again));
    let opened = open(&sealer(2), &again).unwrap();
    assert_eq!(*opened.to_bytes(), *key.to_bytes());
}

proptest! {
    #[test]
    fn a_flipped_bit_is_noticed(seed in any::<u64>(), place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (_, mut stored) = sealed(seed);
        let length = stored.data_key.len();
        match place.index(length + stored.state.len()).checked_sub(length) {
            None => stored.data_key[place.index(length)] ^= 1 << bit,
            Some(byte) => stored.state[byte] ^= 1 << bit,
        }
        prop_assert!(open(&sealer(1), &stored).is_err());
    }

    #[test]
    fn bytes_cut_short_are_noticed(seed in any::<u64>(), place in any::<prop::sample::Index>()) {
        let (_, mut stored) = sealed(seed);
        stored.state.truncate(place.index(stored.state.len()));
        prop_assert!(open(&sealer(1), &stored).is_err());
    }
}
