//! The aggregator on a real log and database, against what clients really sent.

mod exactness;
mod flood;
mod lateness;
mod refusals;
mod scene;
