//! Choices that a seed repeats.

use std::fmt::Display;

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sha2::{Digest as _, Sha256};

/// The generator of one step of one actor.
///
/// Each step has a stream of its own: in whatever order the actors take their steps, and however
/// many draws each takes, the others see no difference. Not for key material: who knows the seed
/// knows every draw.
pub fn draw(seed: u64, actor: &str, step: impl Display) -> ChaCha20Rng {
    let mut hash = Sha256::new_with_prefix(b"bt/draw/1");
    hash.update(seed.to_be_bytes());
    hash.update((actor.len() as u64).to_be_bytes());
    hash.update(actor);
    hash.update(step.to_string());
    ChaCha20Rng::from_seed(hash.finalize().into())
}
