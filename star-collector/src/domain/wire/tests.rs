use proptest::prelude::*;
use star_constellation::api::{NestedMessage, SerializableNestedMessage, client};

use super::*;
use crate::domain::{cipher::LayerOpener, secret::Recovered};

const LAYERS: usize = 3;

/// A message that the library made, of `LAYERS` layers.
fn made(threshold: u32) -> Vec<u8> {
    let measurement = [&b"question|answer"[..], b"platform|linux", b"country|none"];
    let layers: Vec<_> = measurement.iter().map(|layer| layer.to_vec()).collect();
    client::construct_message_with_local_sampling(&layers, 7, threshold, b"auxiliary").unwrap()
}

#[test]
fn what_the_library_writes_is_read_field_by_field() {
    let bytes = made(50);

    let message = Message::read(&bytes, LAYERS).unwrap();

    let theirs: SerializableNestedMessage = bincode::deserialize(&bytes).unwrap();
    let theirs = NestedMessage::try_from(theirs).unwrap();
    assert_eq!(message.epoch, theirs.epoch);
    let outer = &theirs.unencrypted_layer;
    assert_eq!(message.outer.ciphertext, outer.ciphertext.to_bytes());
    assert_eq!(message.outer.tag.as_slice(), outer.tag);
    assert_eq!(message.outer.share.sealed.threshold, 50);
    assert_eq!(
        Share::read(&outer.share.to_bytes()).ok(),
        Some(message.outer.share)
    );
    let mut inner = message.inner();
    for theirs in &theirs.encrypted_layers {
        let (layer, rest) = next_layer(inner).unwrap();
        assert_eq!(layer, theirs.to_bytes());
        inner = rest;
    }
    assert_eq!(next_layer(inner), None);
}

#[test]
fn a_message_opens_layer_by_layer() {
    let bytes = made(1);
    let message = Message::read(&bytes, LAYERS).unwrap();
    let mut opened = Vec::new();
    let (mut layer, mut inner) = (message.outer, message.inner());
    let mut decrypted;

    loop {
        let points = [layer.share.point];
        let recovered = Recovered::from_points(&layer.share.sealed, &points).unwrap();
        let mut plaintext = layer.ciphertext.to_vec();
        recovered.opener(message.epoch).open(&mut plaintext);
        let plaintext = Plaintext::read(&plaintext).unwrap();
        opened.push(plaintext.text.to_owned());
        let Some(key) = plaintext.next_key else { break };
        let (next, rest) = next_layer(inner).unwrap();
        decrypted = next.to_vec();
        LayerOpener::new().open(key, &mut decrypted);
        (layer, inner) = (Layer::read(&decrypted).unwrap(), rest);
    }

    assert_eq!(
        opened,
        ["question|answer", "platform|linux", "country|none"]
    );
}

#[test]
fn a_message_with_another_number_of_layers_is_refused() {
    let bytes = made(50);

    for layers in [0, 1, LAYERS - 1, LAYERS + 1, usize::MAX] {
        assert_eq!(
            Message::read(&bytes, layers),
            Err(Malformed::Layers),
            "{layers}"
        );
    }
}

#[test]
fn a_message_cut_anywhere_or_with_a_byte_more_is_refused() {
    let bytes = made(50);

    for end in 0..bytes.len() {
        assert_eq!(
            Message::read(&bytes[..end], LAYERS),
            Err(Malformed::Short),
            "{end}"
        );
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Message::read(&longer, LAYERS), Err(Malformed::Long));
}

#[test]
fn coordinates_outside_their_range_are_refused() {
    let bytes = made(50);
    let message = Message::read(&bytes, LAYERS).unwrap();
    let x = message.outer.share.point.x.to_bytes();
    let at = bytes
        .windows(ELEMENT_BYTES)
        .position(|window| window == x)
        .unwrap();
    let p = {
        let mut p = [0; ELEMENT_BYTES];
        p[..2].copy_from_slice(&12_451_u16.to_le_bytes());
        p[16] = 1;
        p
    };
    for (offset, coordinate) in [(0, [0; ELEMENT_BYTES]), (0, p), (24, p), (0, [255; 24])] {
        let mut bad = bytes.clone();
        bad[at + offset..at + offset + ELEMENT_BYTES].copy_from_slice(&coordinate);

        assert_eq!(Message::read(&bad, LAYERS), Err(Malformed::Coordinate));
    }
}

#[test]
fn zeros_that_panic_the_library_are_refused() {
    for length in [0, 1, 10, 64, 8192] {
        assert!(Message::read(&vec![0; length], LAYERS).is_err());
    }
}

#[test]
fn a_measurement_is_a_name_and_a_value_in_utf_8() {
    assert_eq!(measurement(b"a|b\0\0"), Ok("a|b"));
    assert_eq!(measurement(b"a|"), Ok("a|"));
    for bad in [&b""[..], b"a", b"|b", b"a|\xff"] {
        assert_eq!(measurement(bad), Err(Malformed::Text));
    }
}

/// What fuzzers do to bytes, in a few ways: it may happen to any of them, and several times.
#[derive(Clone, Debug)]
enum Mutation {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Length(prop::sample::Index, u64),
    Repeat(prop::sample::Index, prop::sample::Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &prop::sample::Index, bytes: &Vec<u8>| index.index(bytes.len() + 1);
        match self {
            Self::Cut(end) => bytes.truncate(at(end, bytes)),
            Self::Flip(place, by) => {
                let place = at(place, bytes);
                bytes
                    .iter_mut()
                    .skip(place)
                    .take(1)
                    .for_each(|byte| *byte ^= by);
            }
            Self::Insert(place, more) => {
                let place = at(place, bytes);
                bytes.splice(place..place, more.iter().copied());
            }
            Self::Length(place, length) => {
                let there = bytes.iter_mut().skip(place.index(2_000));
                for (byte, new) in there.zip(length.to_le_bytes()) {
                    *byte = new;
                }
            }
            Self::Repeat(from, to) => {
                let (from, to) = (at(from, bytes), at(to, bytes));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(to..to, part);
            }
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<prop::sample::Index>;
    let length = prop_oneof![
        Just(0_u64),
        Just(1),
        Just(u64::MAX),
        0..400_u64,
        any::<u64>()
    ];
    prop_oneof![
        place().prop_map(Mutation::Cut),
        (place(), 1..=255_u8).prop_map(|(at, by)| Mutation::Flip(at, by)),
        (place(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, more)| Mutation::Insert(at, more)),
        (place(), length).prop_map(|(at, length)| Mutation::Length(at, length)),
        (place(), place()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
    ]
}

#[test]
fn the_fuzz_target_calls_what_the_test_runs() {
    let target = include_str!("../../../fuzz/fuzz_targets/wire.rs");

    assert!(target.contains("star_collector::domain::wire::fuzzing::read(bytes)"));
    fuzzing::read(&made(50));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_fuzz_targets_body_holds_of_mutated_messages(
        mutations in prop::collection::vec(mutation(), 0..4), layers in 1..=3_usize,
    ) {
        let texts = vec![b"question|answer".to_vec(); layers];
        let mut bytes = client::construct_message_with_local_sampling(&texts, 7, 2, b"").unwrap();
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }

        fuzzing::read(&bytes);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _message = Message::read(&bytes, LAYERS);
        let _layer = Layer::read(&bytes);
        let _plaintext = Plaintext::read(&bytes);
        let _next = next_layer(&bytes);
    }

    /// What we take, the library takes and reads alike: nothing counts here that it would not have made.
    #[test]
    fn a_message_with_a_byte_changed_is_refused_or_read_as_the_library_reads_it(
        at in any::<prop::sample::Index>(), by in 1..=255_u8,
    ) {
        let mut bytes = made(50);
        let at = at.index(bytes.len());
        bytes[at] = bytes[at].wrapping_add(by);
        if let Ok(message) = Message::read(&bytes, LAYERS) {
            let theirs: SerializableNestedMessage = bincode::deserialize(&bytes).unwrap();
            let theirs = NestedMessage::try_from(theirs).unwrap();
            prop_assert_eq!(message.epoch, theirs.epoch);
            prop_assert_eq!(message.outer.tag.as_slice(), theirs.unencrypted_layer.tag.as_slice());
            prop_assert_eq!(message.outer.ciphertext, theirs.unencrypted_layer.ciphertext.to_bytes());
        }
    }
}
