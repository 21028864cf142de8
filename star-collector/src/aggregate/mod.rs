//! Aggregating: from messages to measurements, each counted once, and none below its threshold.
//!
//! | Question | Module |
//! |---|---|
//! | How does a run go through partitions, batches and epochs? | [`worker`] |
//! | What becomes of the messages of one batch? | `round` |
//! | Which groups open, and what may trying that cost? | [`recovery`] |
//! | How much memory does a run take? | [`memory`] |
//! | What is dropped when too much waits? | `pressure` |
//! | What may a test replace? | [`rules`] |
//! | What is reported when an epoch is over? | `expiry` |
//! | What goes on when something fails? | `failures` |
//! | What is kept? | [`store`] |
//! | What is counted of what it does? | [`tally`], [`summary`] |
//! | What does it say of itself while it runs again and again? | `serving` |
//! | Is all there that it needs? | [`doctor`] |
//! | What can be set? | [`config`] |

pub mod assembly;
pub mod config;
pub mod doctor;
mod expiry;
mod failures;
mod gathering;
mod known;
mod lag;
pub mod memory;
mod opening;
mod pressure;
mod program;
pub mod recovery;
mod reports;
mod round;
pub mod rules;
mod serving;
pub mod store;
pub mod summary;
mod sweeping;
pub mod tally;
pub mod worker;

pub use config::Config;
pub use program::{program, program_with};
