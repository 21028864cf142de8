//! Points at which a test may make a service fail.
//!
//! A fault point stands between two steps of something that must survive a crash, and has the name
//! of the step before it. In a service that runs for real, no point does anything.

use std::{fmt, sync::Arc};

type Plan = dyn Fn(&'static str) -> Result<(), Crashed> + Send + Sync;

/// What the fault points of a service do: nothing, unless a test plans otherwise.
#[derive(Clone, Default)]
pub struct FaultPoints(Option<Arc<Plan>>);

impl FaultPoints {
    /// Points that do what `plan` says for their name.
    pub fn planned(
        plan: impl Fn(&'static str) -> Result<(), Crashed> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(plan)))
    }

    /// The point after the step `name`. An error means to stop here and leave everything as it is.
    pub fn at(&self, name: &'static str) -> Result<(), Crashed> {
        self.0.as_ref().map_or(Ok(()), |plan| plan(name))
    }
}

impl fmt::Debug for FaultPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultPoints")
            .field("planned", &self.0.is_some())
            .finish()
    }
}

/// A planned failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("failed as planned after {0}")]
pub struct Crashed(pub &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_plan_nothing_fails() {
        assert_eq!(FaultPoints::default().at("redeem"), Ok(()));
    }

    #[test]
    fn a_plan_fails_the_step_it_names() {
        let points = FaultPoints::planned(|name| match name {
            "redeem" => Err(Crashed(name)),
            _ => Ok(()),
        });

        assert_eq!(points.at("record"), Ok(()));
        assert_eq!(points.at("redeem"), Err(Crashed("redeem")));
    }
}
