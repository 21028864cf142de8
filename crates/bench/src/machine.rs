//! The machine that a result is from.

use std::{fs, thread};

/// The number of cores and their model, in a line.
pub fn describe() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpuinfo
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim() == name)
            .map_or("unknown", |(_, value)| value.trim())
    };
    format!(
        "{cores} cores: {}, family {} model {}",
        field("model name"),
        field("cpu family"),
        field("model"),
    )
}
