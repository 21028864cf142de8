//! The points of a request.

use std::fmt;

use curve25519_dalek::{RistrettoPoint, ristretto::CompressedRistretto, traits::Identity as _};
use messages::encoding::Fixed;
use ppoprf::ppoprf::Point;

/// The points of one request as they came: no more than the limit, and otherwise unchecked.
#[derive(Clone)]
pub struct Points(Vec<Fixed<32>>);

/// More points than one request may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a request has at most {max} points")]
pub struct TooManyPoints {
    max: usize,
}

/// A point that is no canonical encoding of a point other than the identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a point is not a canonical, non-identity ristretto255 encoding")]
pub struct InvalidPoint {
    /// Its place in the request.
    pub index: usize,
}

impl Points {
    /// Takes up to `points_max` points. None at all is a request, too, as clients know it.
    pub fn new(points: Vec<Fixed<32>>, points_max: usize) -> Result<Self, TooManyPoints> {
        if points.len() > points_max {
            return Err(TooManyPoints { max: points_max });
        }
        Ok(Self(points))
    }

    /// Checks each point (threat T14).
    pub fn check(self) -> Result<CheckedPoints, InvalidPoint> {
        self.check_by(is_evaluable)
    }

    /// The same with another rule.
    pub fn check_by(
        self,
        is_evaluable: fn(&[u8; 32]) -> bool,
    ) -> Result<CheckedPoints, InvalidPoint> {
        let check = |(index, point): (usize, Fixed<32>)| {
            if is_evaluable(&point.0) {
                Ok(Point::from(point.0.as_slice()))
            } else {
                Err(InvalidPoint { index })
            }
        };
        let points = self.0.into_iter().enumerate().map(check);
        Ok(CheckedPoints(points.collect::<Result<_, _>>()?))
    }
}

/// Whether bytes are the canonical encoding of a point other than the identity, which is the same under every key, and would
/// tell whoever unblinds it nothing but that the service takes anything.
pub fn is_evaluable(point: &[u8; 32]) -> bool {
    let decoded = CompressedRistretto(*point).decompress();
    decoded.is_some_and(|decoded| decoded != RistrettoPoint::identity())
}

/// Shows the number and never a point: it would link this request to others.
impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Points")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// Points that may be evaluated. Checking [`Points`] is the only way to make them: the library never sees others.
pub struct CheckedPoints(Vec<Point>);

impl CheckedPoints {
    /// The points.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Point> {
        self.0.iter()
    }
}

/// Shows the number and never a point.
impl fmt::Debug for CheckedPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedPoints")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    fn points(count: usize) -> Vec<Fixed<32>> {
        let mut rng = StdRng::seed_from_u64(5);
        std::iter::repeat_with(|| Fixed(RistrettoPoint::random(&mut rng).compress().to_bytes()))
            .take(count)
            .collect()
    }

    #[test]
    fn a_request_has_a_bounded_number_of_points() {
        assert!(Points::new(points(0), 4).is_ok() && Points::new(points(4), 4).is_ok());
        assert_eq!(
            Points::new(points(5), 4).unwrap_err(),
            TooManyPoints { max: 4 }
        );
    }

    #[test]
    fn what_is_no_point_or_the_identity_is_refused() {
        let valid = points(2);
        // The field element must be below p, non-negative, and of a point of the group.
        let mut at_p = [0xFF; 32];
        at_p[0] = 0xED;
        at_p[31] = 0x7F;
        let mut high_bit = valid[0].0;
        high_bit[31] |= 0x80;
        let mut negative = valid[0].0;
        negative[0] |= 1;

        for wrong in [[0; 32], at_p, high_bit, negative, [0xFF; 32]] {
            let points = vec![valid[0], Fixed(wrong), valid[1]];
            let refused = Points::new(points, 9).unwrap().check().unwrap_err();
            assert_eq!(refused, InvalidPoint { index: 1 });
        }
        let checked = Points::new(valid.clone(), 9).unwrap().check().unwrap();
        let bytes: Vec<_> = checked.iter().map(|point| *point.as_bytes()).collect();
        assert_eq!(bytes, [valid[0].0, valid[1].0]);
    }

    #[test]
    fn debug_shows_no_point() {
        let points = Points::new(points(2), 9).unwrap();
        assert_eq!(format!("{points:?}"), "Points { count: 2, .. }");
        let checked = points.check().unwrap();
        assert_eq!(format!("{checked:?}"), "CheckedPoints { count: 2, .. }");
    }
}
