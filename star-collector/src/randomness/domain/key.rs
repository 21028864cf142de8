//! The key of one cycle of epochs.

use std::{fmt, ops::RangeInclusive};

use messages::encoding::Fixed;
use ppoprf::{
    PPRFError,
    ppoprf::{Server, ServerKeyState},
};
use zeroize::Zeroizing;

use super::{CheckedPoints, Position, Schedule};

/// A PPOPRF key, with which each of its epochs can be evaluated until it is punctured.
///
/// Its epochs are those of the key tree, whose leaf for an epoch is lost with the puncture and cannot be computed from
/// what is left. The library copies parts of the tree without wiping them: claim that an epoch cannot be evaluated again
/// with what is stored and used here, not that it is gone from memory.
pub struct EpochKey(Server);

/// The epoch was punctured, or is none of the key's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the epoch cannot be evaluated with this key")]
pub struct Punctured;

/// Bytes that no key was written as.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the stored bytes are no key")]
pub struct NotAKey;

impl EpochKey {
    /// A random key for these epochs. The library takes its randomness from the system.
    pub fn generate(epochs: RangeInclusive<u8>) -> Self {
        let server = Server::new(epochs.collect());
        Self(server.expect("nothing of a new key is punctured"))
    }

    /// The key for the epoch at `to`, in which everything before is punctured: what is left of the `stored` one, if there
    /// is one and it has an epoch there, or else a new one.
    pub fn at(
        schedule: &Schedule,
        stored: Option<(Position, Self)>,
        to: Position,
    ) -> Result<Self, Punctured> {
        let renewed = schedule.renewed_at(to);
        let (from, mut key) = stored
            .filter(|(from, _)| *from >= renewed)
            .unwrap_or_else(|| (renewed, Self::generate(schedule.epochs())));
        for over in from.0..to.0 {
            key.puncture(schedule.epoch(Position(over)))?;
        }
        Ok(key)
    }

    /// Makes an epoch impossible to evaluate, for good. It must not have been before.
    pub fn puncture(&mut self, epoch: u8) -> Result<(), Punctured> {
        self.0.puncture(epoch).map_err(|_| Punctured)
    }

    /// Evaluates points in an epoch, in their order. About 80 µs of arithmetic for each.
    pub fn evaluate(&self, points: &CheckedPoints, epoch: u8) -> Result<Vec<Fixed<32>>, Punctured> {
        let evaluate = |point| match self.0.eval(point, epoch, false) {
            Ok(evaluation) => Ok(Fixed(*evaluation.output.as_bytes())),
            Err(
                PPRFError::AlreadyPunctured
                | PPRFError::BadInputLength { .. }
                | PPRFError::BadPointEncoding
                | PPRFError::BadTag { .. }
                | PPRFError::NoPrefixFound
                | PPRFError::SerializedDataTooBig
                | PPRFError::UnexpectedEndOfBv,
            ) => Err(Punctured),
        };
        points.iter().map(evaluate).collect()
    }

    /// The public key of all epochs, as clients read it: the library's structure in bincode 1.
    pub fn public_key(&self) -> Vec<u8> {
        bincode::serialize(&self.0.get_public_key()).expect("it consists of numbers and points")
    }

    /// The key with what was punctured, to be sealed. The bytes are wiped when they are dropped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let state = self.0.get_private_key();
        let length = bincode::serialized_size(&state).expect("its lists have lengths");
        let length = usize::try_from(length).expect("some KiB");
        // All at once: a buffer that grew would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bincode::serialize_into(&mut *bytes, &state).expect("a buffer takes everything");
        bytes
    }

    /// The key that [`to_bytes`](Self::to_bytes) wrote. Only for bytes that were sealed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAKey> {
        let state: ServerKeyState = bincode::deserialize(bytes).map_err(|_| NotAKey)?;
        let mut server = Server::new(Vec::new()).map_err(|_| NotAKey)?;
        server.set_private_key(state);
        Ok(Self(server))
    }
}

/// Shows nothing.
impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::RistrettoPoint;
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::{super::Points, *};

    fn points() -> CheckedPoints {
        let mut rng = StdRng::seed_from_u64(5);
        let mut point = || Fixed(RistrettoPoint::random(&mut rng).compress().to_bytes());
        Points::new(vec![point(), point()], 9)
            .unwrap()
            .check()
            .unwrap()
    }

    #[test]
    fn a_punctured_epoch_is_lost_and_the_others_stay_as_they_were() {
        let mut key = EpochKey::generate(0..=255);
        let before: Vec<_> = (0..=255)
            .map(|epoch| key.evaluate(&points(), epoch))
            .collect();

        for epoch in 0..=128 {
            key.puncture(epoch).unwrap();
        }

        for (epoch, before) in (0..=255).zip(before) {
            let expected = if epoch > 128 { before } else { Err(Punctured) };
            assert_eq!(key.evaluate(&points(), epoch), expected, "{epoch}");
        }
        assert_eq!(key.puncture(128), Err(Punctured));
    }

    #[test]
    fn a_key_is_punctured_up_to_its_epoch_and_renewed_after_its_last() {
        let base = "2024-01-01T00:00:00Z".parse().unwrap();
        let schedule = Schedule::new(base, "1h".parse().unwrap(), (3, 6)).unwrap();
        let works = |key: &EpochKey| -> Vec<u8> {
            let works = |epoch: &u8| key.evaluate(&points(), *epoch).is_ok();
            (0..=255).filter(works).collect()
        };
        let at = |stored, to| EpochKey::at(&schedule, stored, Position(to)).unwrap();

        let first = at(None, 5);
        assert_eq!(works(&first), [4, 5, 6]);
        let public_key = first.public_key();
        let later = at(Some((Position(5), first)), 7);
        assert_eq!((works(&later), later.public_key()), (vec![6], public_key));
        let renewed = at(Some((Position(7), later)), 8);
        assert_eq!(works(&renewed), [3, 4, 5, 6]);
        let much_later = at(Some((Position(8), renewed)), 4_003);
        assert_eq!(works(&much_later), [6]);
    }

    #[test]
    fn a_key_has_only_its_own_epochs() {
        let key = EpochKey::generate(3..=4);
        assert!(key.evaluate(&points(), 3).is_ok());
        assert_eq!(key.evaluate(&points(), 5), Err(Punctured));
        let other = EpochKey::generate(3..=4);
        assert_ne!(other.evaluate(&points(), 3), key.evaluate(&points(), 3));
        assert_ne!(other.public_key(), key.public_key());
    }

    #[test]
    fn a_written_key_is_the_same_and_does_not_forget_its_punctures() {
        let mut key = EpochKey::generate(0..=9);
        key.puncture(0).unwrap();

        let bytes = key.to_bytes();
        let read = EpochKey::from_bytes(&bytes).unwrap();

        assert_eq!(bytes.len(), bytes.capacity());
        assert_eq!(*read.to_bytes(), *bytes);
        assert_eq!(read.public_key(), key.public_key());
        assert_eq!(read.evaluate(&points(), 1), key.evaluate(&points(), 1));
        assert_eq!(read.evaluate(&points(), 0), Err(Punctured));
        assert!(matches!(EpochKey::from_bytes(&bytes[..90]), Err(NotAKey)));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", EpochKey::generate(0..=1)), "EpochKey(..)");
    }

    proptest! {
        // Arithmetic that is not optimised in tests.
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn whatever_is_punctured_stays_punctured_over_any_number_of_restarts(
            punctured in proptest::collection::btree_set(any::<u8>(), 0..20),
            others in proptest::collection::vec(any::<u8>(), 10),
        ) {
            let mut key = EpochKey::generate(0..=255);
            for epoch in &punctured {
                key.puncture(*epoch).unwrap();
                key = EpochKey::from_bytes(&key.to_bytes()).unwrap();
            }
            for epoch in punctured.iter().chain(&others) {
                let works = key.evaluate(&points(), *epoch).is_ok();
                prop_assert_eq!(works, !punctured.contains(epoch));
            }
        }
    }
}
