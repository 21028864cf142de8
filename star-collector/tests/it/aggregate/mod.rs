//! The aggregator on a real log and database, against what clients really sent.

mod apart;
mod bounds;
mod exactness;
mod failures;
mod flood;
mod lateness;
mod process;
mod refusals;
mod scene;
