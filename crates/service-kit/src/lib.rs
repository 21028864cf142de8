//! The thin floor under every service.
//!
//! | Question | Module |
//! |---|---|
//! | How is a refusal said? | [`problem`], [`extract`] |
//! | How does a service start, serve and stop? | [`service`], [`shutdown`], [`jobs`] |
//! | Who is at the other end, and how much may they ask? | [`peer`], [`tls`], [`bearer`], [`limits`] |
//! | Where do settings and secrets come from, and how are secrets stored? | [`config`], [`secret`], [`sealing`] |
//! | Where does heavy arithmetic run? | [`crypto`] |
//! | How do requests share a wait for the disk? | [`group`] |
//! | What is written and counted? | [`telemetry`] |
//! | Where are things kept, and how do they reach other services? | [`db`], [`outbox`], [`event_log`], [`lease`] |
//! | Is all there that a service needs? | [`doctor`] |
//! | Where can a test make it fail? | [`fault`] |
//!
//! # What this crate must never do
//!
//! Log, keep or forward anything about a single request: not its address, its headers, its body or
//! that it came (threat U4).

pub mod bearer;
pub mod config;
pub mod crypto;
pub mod db;
pub mod doctor;
#[cfg(any(feature = "kafka", feature = "postgres"))]
pub mod engines;
pub mod event_log;
pub mod extract;
pub mod fault;
pub mod group;
pub mod jobs;
pub mod lease;
pub mod limits;
pub mod outbox;
pub mod peer;
pub mod problem;
pub mod runtime;
pub mod sealing;
pub mod secret;
pub mod service;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

pub use problem::Problem;
pub use service::{Running, Service};
pub use shutdown::Shutdown;
