//! `wallet`: buys vote tokens and votes, from the command line.

mod args;
mod output;
mod work;

use clap::{CommandFactory as _, Parser as _};

use args::{Args, Command};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Command::Completions { shell } = args.command {
        output::completions(&mut Args::command(), shell);
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work::run(args))
}
