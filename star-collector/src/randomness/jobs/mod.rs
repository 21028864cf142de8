//! What the service does by itself.

mod puncture;

pub use puncture::PunctureJob;
