//! Types and rules without I/O: what has been through a check is another type.

mod duration;
mod key;
mod name;
mod points;
mod schedule;
mod sealing;

pub use duration::{EpochDuration, EpochDurationError};
pub use key::{EpochKey, NotAKey, Punctured};
pub use name::{InstanceName, InstanceNameError};
pub use points::{CheckedPoints, InvalidPoint, Points, TooManyPoints, is_evaluable};
pub use schedule::{CLOCK_SKEW_MAX, Due, Position, Schedule, ScheduleError};
pub use sealing::{OpenError, StateFacts, StateId, StoredState, is_current, open, seal};
