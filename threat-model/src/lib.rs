//! The threat model as data, and what its tests say about it.
//!
//! `threats.toml` has one item for each goal, threat, attack surface, protection, unlinkability condition
//! and timing signal, with the claim that is made about it in one paragraph. An item names the tests that
//! attack the running system, and their *controls*: the same attacks on a system with that one fault planted,
//! which must succeed, so that a test which sees nothing is noticed. What needs a capability that is
//! not there yet says so in `pending`, as a whole or for one clause.
//!
//! | Question | Module |
//! |---|---|
//! | What is an item? | [`register`] |
//! | Which tests exist in the sources? | [`sources`] |
//! | What did a test run say? | [`results`] |
//! | What becomes of an item? | [`report`] |
//! | How is it printed? | [`render`] |
//!
//! `cargo run -p threat-model` runs the tests that items name and prints the matrix; it fails if an item is broken, was not
//! run, or has neither a test nor a reason. `--results FILE` reads what `cargo test` printed before instead.
//!
//! A test is named as `name`, when it is one of this package's, or as `package/name`.

pub mod register;
pub mod render;
pub mod report;
pub mod results;
pub mod sources;
