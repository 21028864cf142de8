//! The client over real connections.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod pinned_tls;
mod wallet_cli;
