//! Fault points that a test arms while the system runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use service_kit::fault::{Crashed, FaultPoints};

/// Arms and disarms the fault points of services. Clones belong together.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<BTreeMap<&'static str, Point>>>);

#[derive(Debug, Default)]
struct Point {
    reached: u64,
    left: u64,
}

impl Faults {
    /// The fault points to plant in the rules of services.
    pub fn points(&self) -> FaultPoints {
        let faults = self.clone();
        FaultPoints::planned(move |name| faults.reach(name))
    }

    /// Lets the point `name` fail the next `times` times.
    pub fn arm(&self, name: &'static str, times: u64) {
        self.with(name, |point| point.left = times);
    }

    /// How often the point `name` was reached, failing or not.
    pub fn reached(&self, name: &'static str) -> u64 {
        self.with(name, |point| point.reached)
    }

    fn reach(&self, name: &'static str) -> Result<(), Crashed> {
        self.with(name, |point| {
            point.reached += 1;
            let fails = point.left > 0;
            point.left = point.left.saturating_sub(1);
            if fails { Err(Crashed(name)) } else { Ok(()) }
        })
    }

    fn with<T>(&self, name: &'static str, act: impl FnOnce(&mut Point) -> T) -> T {
        let mut points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(points.entry(name).or_default())
    }
}
