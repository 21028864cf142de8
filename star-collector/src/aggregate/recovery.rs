//! Finding the secret of a group whose shares may be forged, with a bound on the work.

use std::collections::HashSet;

use super::rules::Rules;
use crate::domain::{
    body::Body,
    decoding,
    secret::{Recovered, Secret},
    wire::Point,
};

/// What decoding may cost for each record of a batch, in multiplications: so much as decoding takes, for each message of a group
/// of [`decoding::POINTS_MAX`] shares, once in each of eight layers.
const WORK_PER_RECORD: u64 = 8 * 512;

/// What it may cost in a batch of few records: 64 times a group of [`decoding::POINTS_MAX`] shares.
const WORK_MIN: u64 = 64 * 512 * 512;

/// The work that decoding may still cost a batch. Whoever forges shares would have groups decoded again and again otherwise,
/// with each message that comes for them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Work {
    left: u64,
    spent: u64,
}

impl Work {
    pub(super) fn new(left: u64) -> Self {
        Self { left, spent: 0 }
    }

    /// Whether another group may be decoded.
    pub(super) fn is_left(self) -> bool {
        self.left > 0
    }

    /// How much was spent: as much as there was, and one group above, at most.
    pub(super) fn spent(self) -> u64 {
        self.spent
    }

    /// The secret of a group. `None`: with what is left of the work, it is not found.
    pub(super) fn recover(&mut self, bodies: &[Body], rules: Rules) -> Option<Secret> {
        let sealed = bodies.first()?.layer().ok()?.share.sealed;
        let points: Vec<Point> = bodies.iter().map(Body::point).collect();
        let first = Recovered::from_first(&sealed, &points);
        if first.is_some() || !self.is_left() {
            return first.map(Recovered::into_secret);
        }
        let threshold = usize::try_from(sealed.threshold).unwrap_or(usize::MAX);
        let cost = decoding::cost(points.len(), threshold);
        self.left = self.left.saturating_sub(cost);
        self.spent = self.spent.saturating_add(cost);
        (rules.decode)(&sealed, &points).map(Recovered::into_secret)
    }
}

/// What decoding may cost a batch of so many records, in multiplications: as [`decoding::cost`] counts, and the last group that is
/// decoded may go beyond it.
pub fn work_max(records: usize) -> u64 {
    let records = u64::try_from(records).unwrap_or(u64::MAX);
    WORK_MIN.max(records.saturating_mul(WORK_PER_RECORD))
}

/// Those of `bodies` whose point no other before them has, and how many were left out.
pub(super) fn distinct(mut bodies: Vec<Body>) -> (Vec<Body>, u64) {
    let before = bodies.len();
    let mut points = HashSet::with_capacity(before);
    bodies.retain(|body| points.insert(body.point()));
    let left_out = before - bodies.len();
    (bodies, u64::try_from(left_out).unwrap_or(u64::MAX))
}
