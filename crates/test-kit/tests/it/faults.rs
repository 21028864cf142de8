//! Whatever dies, lags or lies, under load: no vote is lost and none counts twice.
//!
//! Every fault is a short test on a [`scene`]: real processes, browsers that buy and vote meanwhile, and at the end
//! the balance of what was accepted, published and counted. Each adds its figures to the line that it
//! prints: the last line is the sum of all. Several run at a time on files, and one at a time on engines.
//!
//! With the feature `engines` and `BLINDTALLY_ENGINES` they run on a real PostgreSQL and a real Kafka, which they
//! hurt: no other test may use those meanwhile. `BLINDTALLY_SEED` repeats the choices of a run.
//!
//! Those of [`measurements`] are of star-collector's parts, with clients of whom is known what they measured.

#![expect(clippy::print_stdout, reason = "the figures are for whoever runs this")]

mod clocks;
mod connections;
mod disks;
#[cfg(feature = "engines")]
mod engines;
mod figures;
mod kills;
pub(crate) mod measurements;
mod scene;
mod zombies;
