//! What a browser does: buys tokens, checks what it is given, and votes.
//!
//! A client trusts nobody. It knows a server by a pinned key, a signing key by the public directory
//! and its witnesses, a signature by its proof; it votes when the crowd is large enough, in common
//! sizes, at unpredictable times, each vote over a connection of its own; and it writes everything
//! down before it sends it, so that it can repeat the same bytes and never has to regroup a token.
//!
//! # Where to look
//!
//! | Question | Module |
//! |---|---|
//! | What happens from an order to the last vote? | [`browser`] |
//! | Which keys are used? | [`directory`] |
//! | Which votes are sent, and when? | [`plan`] |
//! | When is the crowd large enough? | [`anonymity`] |
//! | What is kept on disk? | [`wallet`], by [`kept`] |
//! | How is something measured, and reported? | [`report`] |
//! | By which numbers? | [`Profile`] |
//! | How is it used from the command line? | [`cli`] |
//!
//! # What this crate must never do
//!
//! Send a vote over a connection that was used before, in another grouping than at first, or with
//! anything in it that other clients' votes do not have (threats T7, U3, U4). Send a measurement while its epoch is
//! open: whoever can ask for randomness then could try values against it (star.md).

pub mod anonymity;
pub mod browser;
pub mod cli;
pub mod crash;
pub mod directory;
mod error;
pub mod kept;
mod patience;
pub mod payer;
pub mod pin;
pub mod plan;
mod profile;
pub mod report;
pub mod sku;
pub mod tokens;
pub mod transport;
pub mod wallet;

pub use browser::{Browser, Settings};
pub use error::Error;
pub use pin::Pin;
pub use profile::Profile;
pub use report::Reporter;
