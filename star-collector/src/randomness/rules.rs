//! The rules of evaluating, as values: a control of the threat model plants a fault by replacing one (threat T14).
//!
//! [`Default`] gives the real ones, and no setting has another.

use super::domain::is_evaluable;

/// What the service answers.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// In which epoch a request is answered, by the epoch that it asks for, if it does, and the current one. `None`: it is
    /// refused.
    pub epoch: fn(Option<u8>, u8) -> Option<u8>,
    /// Whether a point may be evaluated.
    pub point: fn(&[u8; 32]) -> bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            epoch: |wanted, current| (wanted.unwrap_or(current) == current).then_some(current),
            point: is_evaluable,
        }
    }
}
