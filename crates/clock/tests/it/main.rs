//! The calendar and the draws, from outside.

mod random;
mod simulation;
mod system;
