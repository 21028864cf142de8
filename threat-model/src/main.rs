//! Runs the tests of the threat model and prints the matrix of items, tests and verdicts.

#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use threat_model::{
    register::Register, render, report::Report, results::Results, sources::Sources,
};

/// Prints the threat model with the verdicts of its tests.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write a page to this file, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Read what `cargo test` printed from this file, and run nothing. Of several files, all count.
    #[arg(long, value_name = "FILE")]
    results: Vec<PathBuf>,
    /// One of the files is from a run on real engines: what needs them must be there, too.
    #[arg(long, requires = "results")]
    engines: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let register = Register::read(root)?;
    let packages = register.packages();
    let faults = register.faults(&Sources::read(root, &packages)?);

    let results = if options.results.is_empty() {
        Results::run(packages.iter().map(String::as_str))?
    } else {
        Results::of(&read(&options.results)?)
    };
    let report = Report::new(&register, &results, options.engines);

    if let Some(file) = &options.html {
        fs::write(file, render::html(&report)).with_context(|| file.display().to_string())?;
    }
    if options.json {
        println!("{}", render::json(&report)?);
    } else {
        println!("{}", render::text(&report));
        for fault in &faults {
            println!("the register is wrong: {fault}");
        }
    }
    let in_order = report.is_in_order() && faults.is_empty();
    Ok(if in_order {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the files say, one after the other.
fn read(files: &[PathBuf]) -> anyhow::Result<String> {
    let mut all = String::new();
    for file in files {
        let output = fs::read(file).with_context(|| file.display().to_string())?;
        all.push_str(&String::from_utf8_lossy(&output));
        all.push('\n');
    }
    Ok(all)
}
