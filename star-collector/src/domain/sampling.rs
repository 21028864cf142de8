//! Consistent sampling: which groups go on waiting when more waits than may (star.md, "Groups and shares").
//!
//! A group is whole or not there: at each level, half of the groups of the level before it are kept, chosen by a hash under a
//! key that nobody outside knows. A flood of new groups, of a times the bound, leaves each group with a probability of about
//! 1 ⁄ (1 + a), and cannot aim at any. (To drop single messages instead would let it keep every new value from ever reaching k.)

use std::fmt;

use rand::{CryptoRng, RngCore};
use sha2::{Digest as _, Sha256};

use super::group::GroupId;

/// The length of a key, in bytes.
pub const KEY_BYTES: usize = 32;

/// The highest level: a group is then kept with a probability of 2⁻⁶³.
pub const LEVEL_MAX: u8 = 63;

/// How the waiting groups of an epoch are sampled.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Sampling {
    key: [u8; KEY_BYTES],
    level: u8,
}

impl Sampling {
    /// Sampling with a new key, which keeps everything.
    pub fn draw(random: &mut (impl CryptoRng + RngCore)) -> Self {
        let mut key = [0; KEY_BYTES];
        random.fill_bytes(&mut key);
        Self { key, level: 0 }
    }

    /// Sampling as it was stored. `None`: there is no such level.
    pub fn stored(key: [u8; KEY_BYTES], level: u8) -> Option<Self> {
        (level <= LEVEL_MAX).then_some(Self { key, level })
    }

    /// The secret key.
    pub fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// How often the groups were halved.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The same at a level, if that is above its own.
    #[must_use]
    pub fn at_least(self, level: u8) -> Self {
        Self {
            level: self.level.max(level.min(LEVEL_MAX)),
            ..self
        }
    }

    /// Whether a group is kept: whether its hash is below 2^(64 − level).
    pub fn keeps(&self, group: &GroupId) -> bool {
        if self.level == 0 {
            return true;
        }
        // Lengths are fixed, so that the key in front makes this hash a secret function of the group.
        let hash = Sha256::new()
            .chain_update(b"sample")
            .chain_update(self.key)
            .chain_update(group.0);
        let hash: [u8; 32] = hash.finalize().into();
        let first = hash
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        first.leading_zeros() >= u32::from(self.level)
    }
}

/// Shows the level, and nothing of the key.
impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampling")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// What waits of an epoch in one partition: how many bytes, and at which level they were last sampled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// The bytes.
    pub bytes: u64,
    /// The level.
    pub level: u8,
}

/// The level from `level` on at which no more than `bytes_max` of all this should wait: each level leaves half of what waits.
pub fn level_for(waiting: &[Waiting], level: u8, bytes_max: u64) -> u8 {
    let at = |level: u8| {
        let left = waiting.iter().map(|waiting| {
            let halvings = level.saturating_sub(waiting.level);
            waiting.bytes.checked_shr(halvings.into()).unwrap_or(0)
        });
        left.fold(0, u64::saturating_add)
    };
    let fits = |level: &u8| at(*level) <= bytes_max;
    (level..=LEVEL_MAX).find(fits).unwrap_or(LEVEL_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    proptest! {
        #[test]
        fn what_a_level_keeps_every_level_below_keeps(key: [u8; KEY_BYTES], group: [u8; 16], level in 1_u8..=LEVEL_MAX) {
            let at = |level| Sampling::stored(key, level).unwrap().keeps(&GroupId(group));

            prop_assert!(at(0));
            prop_assert!(!at(level) || at(level - 1));
        }

        #[test]
        fn the_level_is_the_first_that_fits(
            bytes in proptest::collection::vec((0_u64..1 << 40, 0_u8..8), 1..5),
            bytes_max in 1_u64..1 << 36,
        ) {
            let waiting: Vec<_> = bytes.iter().map(|(bytes, level)| Waiting { bytes: *bytes, level: *level }).collect();
            let left = |level: u8| -> u64 {
                waiting.iter().map(|w| w.bytes >> level.saturating_sub(w.level)).sum()
            };

            let level = level_for(&waiting, 7, bytes_max);

            prop_assert!(left(level) <= bytes_max);
            prop_assert!(level == 7 || left(level - 1) > bytes_max);
        }
    }

    #[test]
    fn each_level_keeps_about_half_and_another_key_keeps_others() {
        let mut random = StdRng::seed_from_u64(3);
        let groups: Vec<_> = (0..20_000).map(|_| GroupId(random.r#gen())).collect();
        let (one, other) = (Sampling::draw(&mut random), Sampling::draw(&mut random));
        let kept = |sampling: Sampling, level| {
            let sampling = sampling.at_least(level);
            groups.iter().filter(|id| sampling.keeps(id)).count()
        };

        assert_eq!(kept(one, 0), 20_000);
        assert!((9_500..10_500).contains(&kept(one, 1)));
        assert!((2_200..2_800).contains(&kept(one, 3)));
        let both = |id: &&GroupId| one.at_least(1).keeps(id) && other.at_least(1).keeps(id);
        assert!((4_600..5_400).contains(&groups.iter().filter(both).count()));
    }

    #[test]
    fn the_key_is_not_shown() {
        let sampling = Sampling::stored([0xab; KEY_BYTES], 2).unwrap();

        assert_eq!(format!("{sampling:?}"), "Sampling { level: 2, .. }");
        assert_eq!(Sampling::stored([0; KEY_BYTES], 64), None);
    }
}
