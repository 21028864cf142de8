//! Finding the secret of a group whose shares may be forged.

use std::collections::HashSet;

use crate::domain::{
    body::Body,
    secret::{Recovered, Secret},
    wire::Point,
};

/// Those of `bodies` whose point no other before them has, and how many were left out.
pub(super) fn distinct(mut bodies: Vec<Body>) -> (Vec<Body>, u64) {
    let before = bodies.len();
    let mut points = HashSet::with_capacity(before);
    bodies.retain(|body| {
        body.layer()
            .is_ok_and(|layer| points.insert(layer.share.point))
    });
    let left_out = before - bodies.len();
    (bodies, u64::try_from(left_out).unwrap_or(u64::MAX))
}

/// Recovers the secret of a group from its messages, of which some may be forged.
pub(super) fn recover(bodies: &[Body]) -> Option<Secret> {
    let layers: Vec<_> = bodies.iter().filter_map(|body| body.layer().ok()).collect();
    let sealed = layers.first()?.share.sealed;
    let points: Vec<Point> = layers.iter().map(|layer| layer.share.point).collect();
    Recovered::find(&sealed, &points).map(Recovered::into_secret)
}
