//! challenge-bypass as its callers see it: over HTTPS, with client certificates.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod access;
mod app;
mod directory_keys;
mod issuers;
mod keys;
mod kill;

mod pki;
mod redemptions;
mod refusals;
mod restored;
mod rules;
mod sealed;
mod signatures;
mod tokens;
