//! The wallet as a command line: of the `wallet` program, and of `blindtally wallet`.

mod args;
mod ask;
mod output;
mod report;
mod summary;
mod work;

pub use args::{Args, Command, Options, STEPS};
pub use work::run;
