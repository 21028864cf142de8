//! Finding the secret of a group whose shares may be forged.

use std::collections::HashSet;

use crate::domain::{
    body::Body,
    secret::{Recovered, Secret},
    wire::{Point, Sealed},
};

/// Those of `bodies` whose point no other before them has, and how many were left out.
pub(super) fn distinct(mut bodies: Vec<Body>) -> (Vec<Body>, u64) {
    let before = bodies.len();
    let mut points = HashSet::with_capacity(before);
    bodies.retain(|body| points.insert(body.point()));
    let left_out = before - bodies.len();
    (bodies, u64::try_from(left_out).unwrap_or(u64::MAX))
}

/// Recovers the secret of a group from its messages, of which some may be forged.
pub(super) fn recover(
    bodies: &[Body],
    find: fn(&Sealed<'_>, &[Point]) -> Option<Recovered>,
) -> Option<Secret> {
    let sealed = bodies.first()?.layer().ok()?.share.sealed;
    let points: Vec<Point> = bodies.iter().map(Body::point).collect();
    find(&sealed, &points).map(Recovered::into_secret)
}
