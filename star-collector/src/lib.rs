//! The server side of nested STAR: collects anonymous measurements, of which only what at least k clients agree on can be
//! opened (star.md; arXiv 2109.10074).
//!
//! # Where to look
//!
//! | Question | Module |
//! |---|---|
//! | What is a message, and what opens it? | [`domain`] |
//! | How do messages become measurements? | [`aggregate`] |
//! | How do messages come in? | [`collect`] |
//! | Where does randomness come from, and how does an epoch's key end? | [`randomness`] |
//! | How is a channel set? | [`channels`] |
//! | Where do tests get their messages, honest and forged? | [`factory`] |
//!
//! # What this crate must never do
//!
//! Open, keep or print anything of a message that fewer than its threshold agree on, or count a message twice
//! (threat T13).

pub mod aggregate;
pub mod channels;
pub mod collect;
mod deps;
pub mod domain;
pub mod factory;
pub mod randomness;

pub use deps::Deps;
