//! The calendar that services, jobs and clients read.

use std::{fmt, panic::Location, sync::Arc, time::SystemTime};

use chrono::{DateTime, NaiveDate, Utc};

use crate::{Busy, Simulation, simulation::Shared};

/// The calendar: the machine's, or a simulated one. Clones show the same time.
#[derive(Clone)]
pub struct Clock(Source);

/// Where the time comes from.
#[derive(Clone)]
pub(crate) enum Source {
    /// From a simulation that somebody drives.
    Simulated(Arc<Shared>),
    /// From the machine.
    System,
}

impl Clock {
    /// The machine's calendar.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A calendar that stands at `start` until its simulation is run.
    pub fn simulated(start: DateTime<Utc>) -> (Self, Simulation) {
        let shared = Arc::new(Shared::new(start));
        (
            Self(Source::Simulated(Arc::clone(&shared))),
            Simulation::new(shared),
        )
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::Simulated(shared) => shared.now(),
            Source::System => SystemTime::now().into(),
        }
    }

    /// The day in UTC.
    pub fn today(&self) -> NaiveDate {
        self.now().date_naive()
    }

    /// Whether the calendar is simulated.
    pub fn is_simulated(&self) -> bool {
        matches!(self.0, Source::Simulated(_))
    }

    /// Says that something is running. While the guard lives and does not sleep, a simulation
    /// stands still.
    #[track_caller]
    pub fn busy(&self) -> Busy {
        Busy::new(self.0.clone(), Location::caller())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
