//! Benchmarks: how much of a server's work is the arithmetic that cannot be avoided.
//!
//! *Efficiency* is work per CPU-second of the server's processes, as the operating system counts it,
//! over work per CPU-second of the bare crypto crate doing the same calls. The two are
//! measured in turns, so that a change in the machine meets both; the median of the turns counts.
//!
//! | Question | Module |
//! |---|---|
//! | What is measured? | [`cases`] |
//! | What is it compared with? | [`floor`] |
//! | How are requests sent, and how long do they take? | [`load`] |
//! | Where does the CPU time come from? | [`cpu`] |
//! | What runs as the server? | [`server`] |
//! | What does it keep its data in? | [`stage`] |
//! | How fast are measurements opened and counted? | [`star`] |
//! | What are the relay and tally's intake compared with? | `pipes`, with the feature `engines` |

#[cfg(feature = "engines")]
mod bare;
pub mod cases;
pub mod cpu;
pub mod curve;
pub mod floor;
pub mod load;
pub mod machine;
#[cfg(feature = "engines")]
pub mod pipes;
pub mod report;
pub mod server;
pub mod stage;
pub mod star;
#[cfg(feature = "engines")]
pub mod tasks;
pub mod tokens;
