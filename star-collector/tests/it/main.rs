//! star-collector as those see it who run it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod aggregate;
mod collect;
mod defaults;
mod randomness;
