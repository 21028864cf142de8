//! What a part is given from outside.

use clock::Clock;
use service_kit::fault::FaultPoints;

/// What a part is given from outside.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The calendar: which epochs are alive, and which are over.
    pub clock: Clock,
    /// Where tests let it fail.
    pub faults: FaultPoints,
}

impl Deps {
    /// What a part has that runs for real.
    pub fn system() -> Self {
        Self {
            clock: Clock::system(),
            faults: FaultPoints::default(),
        }
    }
}
