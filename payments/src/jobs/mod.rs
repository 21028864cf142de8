//! What the service does by itself.

pub mod directory;
pub mod funds;
pub mod issuers;
pub mod log_retention;
pub mod retention;
pub mod signing;
pub mod transfers;
pub mod vote_retention;

#[cfg(test)]
mod testing;
