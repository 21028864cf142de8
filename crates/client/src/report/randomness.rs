//! What is believed of the randomness service's answers.
//!
//! They have no proofs, as those of `star-randsrv` have none: that the points were evaluated with the key that `/info` shows
//! cannot be seen. A service that takes another key for one client takes that client's messages away from all crowds,
//! so that they are never opened by anybody who has not that key. What can be seen is checked here, before the
//! library gets it, which panics on what is no point.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use curve25519_dalek::{RistrettoPoint, ristretto::CompressedRistretto, traits::Identity as _};
use messages::star::{InfoResponse, RandomnessResponse};

/// The length of a point.
const POINT_BYTES: usize = 32;

/// An answer that is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RandomnessError {
    /// Another number of points than was sent.
    #[error("{found} points came back for {expected}")]
    Count {
        /// How many were sent.
        expected: usize,
        /// How many came back.
        found: usize,
    },
    /// The points were evaluated in another epoch than was asked for: nobody else's would fit to them.
    #[error("the points are of epoch {found}, not of {expected}")]
    Epoch {
        /// Which was asked for.
        expected: u8,
        /// Which it was.
        found: u8,
    },
    /// The public key is none, or has not the epoch that is said to be the current one.
    #[error("the public key is none that has the current epoch")]
    Key,
    /// Some bytes are no canonical point, or the identity, which is the same under every key.
    #[error("an evaluated point is none")]
    Point,
    /// The service takes fewer points at once than the measurement has layers.
    #[error("the service takes {points_max} points at once, and the measurement has more layers")]
    TooManyLayers {
        /// How many it takes.
        points_max: usize,
    },
}

/// Checks what a service says of itself, for a measurement of so many layers.
pub(super) fn check_info(info: &InfoResponse, layers: usize) -> Result<(), RandomnessError> {
    let key = STANDARD.decode(&info.public_key).ok();
    let has_epoch = key.and_then(|key| has_epoch(&key, info.current_epoch));
    if has_epoch != Some(true) {
        return Err(RandomnessError::Key);
    }
    if layers > info.max_points {
        return Err(RandomnessError::TooManyLayers {
            points_max: info.max_points,
        });
    }
    Ok(())
}

/// Checks the evaluation of `expected` points in `epoch`.
pub fn check_points(
    answer: &RandomnessResponse,
    expected: usize,
    epoch: u8,
) -> Result<(), RandomnessError> {
    if answer.epoch != epoch {
        return Err(RandomnessError::Epoch {
            expected: epoch,
            found: answer.epoch,
        });
    }
    let found = answer.points.len();
    if found != expected {
        return Err(RandomnessError::Count { expected, found });
    }
    if answer.points.iter().all(|point| is_point(&point.0)) {
        Ok(())
    } else {
        Err(RandomnessError::Point)
    }
}

fn is_point(bytes: &[u8; POINT_BYTES]) -> bool {
    let point = CompressedRistretto(*bytes).decompress();
    point.is_some_and(|point| point != RistrettoPoint::identity())
}

/// Whether a public key has an epoch: a point ‖ a number as u64 ‖ so many times an epoch and a point. `None`: it is no key.
fn has_epoch(key: &[u8], epoch: u8) -> Option<bool> {
    let (base, rest) = key.split_first_chunk::<POINT_BYTES>()?;
    let (count, rest) = rest.split_first_chunk::<8>()?;
    let (entries, left) = rest.as_chunks::<{ 1 + POINT_BYTES }>();
    let counted = u64::try_from(entries.len()).ok()?;
    let is_key = is_point(base) && left.is_empty() && u64::from_le_bytes(*count) == counted;
    let of_epoch =
        |[number, point @ ..]: &[u8; 1 + POINT_BYTES]| *number == epoch && is_point(point);
    is_key.then(|| entries.iter().any(of_epoch))
}

#[cfg(test)]
mod tests {
    use messages::encoding::Fixed;
    use star_constellation::api::ppoprf::ppoprf::Server;

    use super::*;

    fn info(epochs: Vec<u8>, current_epoch: u8) -> InfoResponse {
        let key = Server::new(epochs).unwrap().get_public_key();
        InfoResponse {
            public_key: STANDARD.encode(bincode::serialize(&key).unwrap()),
            current_epoch,
            next_epoch_time: chrono::DateTime::UNIX_EPOCH,
            max_points: 6,
        }
    }

    #[test]
    fn a_key_of_the_library_is_read_and_has_its_epochs() {
        for epoch in [0, 7, 255] {
            assert_eq!(check_info(&info(vec![0, 7, 255], epoch), 6), Ok(()));
        }
        assert_eq!(
            check_info(&info(vec![0, 7], 8), 6),
            Err(RandomnessError::Key)
        );
        let refused = check_info(&info(vec![0], 0), 7);
        assert_eq!(
            refused,
            Err(RandomnessError::TooManyLayers { points_max: 6 })
        );
    }

    #[test]
    fn a_key_with_a_byte_too_many_too_few_or_altered_is_none() {
        let good = info(vec![1, 2], 1);
        let key = STANDARD.decode(&good.public_key).unwrap();
        let checked = |key: &[u8]| {
            let altered = InfoResponse {
                public_key: STANDARD.encode(key),
                ..good.clone()
            };
            check_info(&altered, 1)
        };

        assert_eq!(checked(&key), Ok(()));
        for length in [0, 31, 39, 40, key.len() - 1] {
            assert_eq!(
                checked(&key[..length]),
                Err(RandomnessError::Key),
                "{length}"
            );
        }
        assert_eq!(
            checked(&[&key[..], &[0]].concat()),
            Err(RandomnessError::Key)
        );
        for place in [31, 32, 72] {
            let mut altered = key.clone();
            altered[place] ^= 0xFF;
            assert_eq!(checked(&altered), Err(RandomnessError::Key), "{place}");
        }
    }

    #[test]
    fn points_of_another_number_epoch_or_form_are_refused() {
        let point = Fixed(curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED.0);
        let answer = |points: &[Fixed<32>]| RandomnessResponse {
            points: points.to_vec(),
            epoch: 3,
        };

        assert_eq!(check_points(&answer(&[point; 2]), 2, 3), Ok(()));
        let wrong = check_points(&answer(&[point; 2]), 2, 4);
        assert_eq!(
            wrong,
            Err(RandomnessError::Epoch {
                expected: 4,
                found: 3
            })
        );
        let wrong = check_points(&answer(&[point; 1]), 2, 3);
        assert_eq!(
            wrong,
            Err(RandomnessError::Count {
                expected: 2,
                found: 1
            })
        );
        for wrong in [[0; 32], [0xFF; 32]] {
            let answer = answer(&[point, Fixed(wrong)]);
            assert_eq!(check_points(&answer, 2, 3), Err(RandomnessError::Point));
        }
    }
}
