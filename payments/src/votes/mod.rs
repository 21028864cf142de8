//! Taking votes: redeem, record, answer (contracts §2, votes).
//!
//! | Question | Module |
//! |---|---|
//! | What happens to a vote, in which order? | [`intake`] |
//! | How do many votes share one write to the disk? | [`commit`] |
//! | What is counted? | [`counters`] |
//! | Which rules can a test replace? | [`rules`] |
//!
//! # What this module must never do
//!
//! Record a vote whose tokens were not redeemed, keep a time finer than a day beside a vote, or log anything of a
//! single vote.

pub mod commit;
pub mod counters;
pub mod intake;
pub mod rules;

#[cfg(test)]
mod pipeline_tests;
#[cfg(test)]
pub(crate) mod testing;

pub use counters::VoteCounters;
pub use intake::{Intake, IntakeParts, Redeemer, Refusal};
pub use rules::VoteRules;
