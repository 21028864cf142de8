//! One service of a test's folder as a process: `test-service NAME FOLDER PLANT`.

use std::path::PathBuf;

use clap::Parser;
use test_kit::fleet::Plant;

/// One service of a test's folder, until a signal.
#[derive(Debug, Parser)]
struct Cli {
    /// Which service.
    service: String,
    /// The folder of the system.
    dir: PathBuf,
    /// What is wrong with it.
    plant: Plant,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    test_kit::fleet::serve(&cli.service, &cli.dir, cli.plant).await
}
