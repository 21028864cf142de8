//! The calendar and the randomness that everything takes as arguments.
//!
//! Two kinds of time exist here, and they must not be mixed up:
//!
//! | Question | Ask |
//! |---|---|
//! | What day is it, when does this key end, when does the job run next? | [`Clock`]: it can be simulated |
//! | Did somebody else's lease run out? | [`real`]: always the machine's own |
//!
//! A [`Simulation`] lives through a month in seconds. It moves the calendar to its next waiter, and
//! only when nothing is running: whoever works holds a [`Busy`], and gives it up while it sleeps.
//! The instants are therefore the same in each run, whatever the speed of the machine.
//!
//! Choices that a seed must repeat are drawn with [`random::draw`]. Key material never is.

mod busy;
mod calendar;
pub mod random;
pub mod real;
mod simulation;

pub use busy::Busy;
pub use calendar::Clock;
pub use simulation::Simulation;
