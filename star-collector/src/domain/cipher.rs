//! The ciphers of messages (STROBE 1.0.2 on Keccak-f\[1600\] at 128 bits, as the crates use it), for many short texts.
//!
//! What comes before a text's own key or bytes is computed once: for a group, all that its texts are encrypted with; for a
//! layer, the state that its key is written into. [`Strobe`] itself has the last word on what is longer.

use std::fmt;

use strobe_rs::{SecParam, Strobe};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::wire::LAYER_KEY_BYTES;

/// The length of a group's key, in bytes.
pub(super) const KEY_BYTES: usize = 16;

/// How many bytes STROBE encrypts between two permutations.
const RATE_BYTES: usize = 166;

/// The permutation's state, in lanes.
const LANES: usize = 25;
const LANE_BYTES: usize = 8;

/// Decrypts the ciphertexts of a group.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Opener {
    /// The state behind the key.
    keyed: Strobe,
    /// What the first bytes of every text are encrypted with.
    stream: [u8; RATE_BYTES],
}

impl Opener {
    pub(super) fn with_key(key: &[u8; KEY_BYTES]) -> Self {
        let mut keyed = Strobe::new(b"star_encrypt", SecParam::B128);
        keyed.key(key, false);
        let mut stream = [0; RATE_BYTES];
        keyed.clone().recv_enc(&mut stream, false);
        Self { keyed, stream }
    }

    /// Decrypts in place. Nothing tells whether the ciphertext was altered.
    pub fn open(&self, ciphertext: &mut [u8]) {
        if ciphertext.len() > RATE_BYTES {
            self.keyed.clone().recv_enc(ciphertext, false);
            return;
        }
        for (byte, with) in ciphertext.iter_mut().zip(&self.stream) {
            *byte ^= with;
        }
    }

    /// Encrypts in place, as clients do.
    pub fn seal(&self, plaintext: &mut [u8]) {
        self.keyed.clone().send_enc(plaintext, false);
    }
}

/// Decrypts encrypted layers, each with a key of its own.
#[derive(Clone)]
pub struct LayerOpener {
    /// The state before the last permutation in front of a text, the key left out.
    unkeyed: [u64; LANES],
    /// The state that every layer begins with.
    strobe: Strobe,
}

/// What separates the layers' cipher from others.
const LAYER_PROTOCOL: &[u8] = b"constellation_layer_encrypt";

impl LayerOpener {
    /// The state that every layer's decryption begins with.
    pub fn new() -> Self {
        Self {
            unkeyed: unkeyed(),
            strobe: Strobe::new(LAYER_PROTOCOL, SecParam::B128),
        }
    }

    /// Decrypts in place.
    pub fn open(&self, key: &[u8; LAYER_KEY_BYTES], layer: &mut [u8]) {
        let mut state = self.unkeyed;
        let (halves, _) = key.as_chunks::<LANE_BYTES>();
        for (lane, half) in state.iter_mut().zip(halves) {
            *lane = u64::from_le_bytes(*half);
        }
        for block in layer.chunks_mut(RATE_BYTES) {
            keccak::f1600(&mut state);
            exchange(&mut state, block);
            state[RATE_BYTES / LANE_BYTES] ^= PADDING;
        }
        state.zeroize();
    }

    /// Encrypts in place, as clients do.
    pub fn seal(&self, key: &[u8; LAYER_KEY_BYTES], layer: &mut [u8]) {
        let mut strobe = self.strobe.clone();
        strobe.key(key, false);
        strobe.send_enc(layer, false);
    }
}

/// The state that the last permutation before a layer's text is run on, without the key, which takes the first two lanes:
/// `Strobe::new`, `key` and the beginning of `recv_enc`, step by step.
fn unkeyed() -> [u64; LANES] {
    let mut state = [0; LANES];
    absorb(&mut state, 0, &[1, RATE_BYTES_PADDED, 1, 0, 1, 0x60]);
    absorb(&mut state, 6, b"STROBEv1.0.2");
    keccak::f1600(&mut state);
    // Each operation begins with where the one before it began, counted from 1 in its block, and with its own flags.
    absorb(&mut state, 0, &[0, META_AD]);
    absorb(&mut state, 2, LAYER_PROTOCOL);
    let end = 2 + LAYER_PROTOCOL.len();
    absorb(&mut state, end, &[1, KEY, PROTOCOL_BYTES + 3, PAD_FIRST]);
    absorb(&mut state, RATE_BYTES + 1, &[PAD_LAST]);
    keccak::f1600(&mut state);
    let behind_key = [0, ENCRYPTED, KEY_LENGTH + 1, PAD_FIRST];
    absorb(&mut state, LAYER_KEY_BYTES, &behind_key);
    absorb(&mut state, RATE_BYTES + 1, &[PAD_LAST]);
    state
}

/// The flags of STROBE's operations: A 2, C 4, T 8, M 16.
const META_AD: u8 = 2 | 16;
const KEY: u8 = 2 | 4;
const ENCRYPTED: u8 = 2 | 4 | 8;

/// Lengths, as they stand in the state.
const RATE_BYTES_PADDED: u8 = 168;
const PROTOCOL_BYTES: u8 = 27;
const KEY_LENGTH: u8 = 16;

/// The marks behind the last byte of a block, and at the end of the rate.
const PAD_FIRST: u8 = 0x04;
const PAD_LAST: u8 = 0x80;

/// Both marks of a block that is full, in the lane that they are in.
const PADDING: u64 = 0x84 << 56;

/// Adds `bytes` to the state, the first one at `at`.
fn absorb(state: &mut [u64; LANES], at: usize, bytes: &[u8]) {
    for (at, byte) in (at..).zip(bytes) {
        if let Some(lane) = state.get_mut(at / LANE_BYTES) {
            *lane ^= u64::from(*byte) << (8 * (at % LANE_BYTES));
        }
    }
}

/// Decrypts a block: the state takes up the ciphertext.
fn exchange(state: &mut [u64; LANES], block: &mut [u8]) {
    let (lanes, rest) = block.as_chunks_mut::<LANE_BYTES>();
    let whole = lanes.len();
    for (lane, bytes) in state.iter_mut().zip(lanes) {
        let ciphertext = u64::from_le_bytes(*bytes);
        *bytes = (ciphertext ^ *lane).to_le_bytes();
        *lane = ciphertext;
    }
    if let (Some(lane), false) = (state.get_mut(whole), rest.is_empty()) {
        let mut of_state = lane.to_le_bytes();
        for (byte, of_state) in rest.iter_mut().zip(&mut of_state) {
            let ciphertext = *byte;
            *byte ^= *of_state;
            *of_state = ciphertext;
        }
        *lane = u64::from_le_bytes(of_state);
    }
}

impl Default for LayerOpener {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(..)")
    }
}

/// Has no key to show.
impl fmt::Debug for LayerOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LayerOpener")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_decrypt_what_strobe_encrypts_at_any_length(
            text in proptest::collection::vec(any::<u8>(), 0..=4 * RATE_BYTES),
            key: [u8; KEY_BYTES],
        ) {
            let (group, layers) = (Opener::with_key(&key), LayerOpener::new());

            let (mut of_group, mut of_layer) = (text.clone(), text.clone());
            group.seal(&mut of_group);
            layers.seal(&key, &mut of_layer);
            prop_assert!(text.len() < 16 || of_group != text && of_layer != text);
            group.open(&mut of_group);
            layers.open(&key, &mut of_layer);

            prop_assert_eq!(&of_group, &text);
            prop_assert_eq!(&of_layer, &text);
        }
    }

    #[test]
    fn nor_do_blocks_that_end_where_the_text_does_differ() {
        for length in [1, 7, 8, 9, 165, 166, 167, 331, 332, 333] {
            let mut text = vec![0xa5; length];
            let (group, layers) = (Opener::with_key(&[3; 16]), LayerOpener::new());

            for _ in 0..2 {
                group.seal(&mut text);
                layers.seal(&[4; 16], &mut text);
            }
            for _ in 0..2 {
                layers.open(&[4; 16], &mut text);
                group.open(&mut text);
            }

            assert_eq!(text, vec![0xa5; length]);
        }
    }
}
