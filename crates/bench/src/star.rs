//! STAR: key recovery against the reference crate, and aggregation against the bare opening of messages.
//!
//! | Question | Module |
//! |---|---|
//! | How fast is a group's key recovered? | `recover` |
//! | What does a message cost from its request to the log? | `collect` |
//! | What does a message cost from the log to its count? | `aggregate` |
//! | What is measured: which values, how often? | `population` |

mod aggregate;
mod collect;
mod population;
mod recover;

pub use aggregate::{Plan, aggregate, chart, run_aggregator};
pub use collect::{Server, collect, serve_star};
pub use recover::recover;

/// The middle one of some ratios, and the lowest and highest of them.
fn median(mut ratios: Vec<f64>) -> (f64, f64, f64) {
    ratios.sort_by(f64::total_cmp);
    let at = |index: usize| ratios.get(index).copied().unwrap_or(f64::NAN);
    (
        at(ratios.len() / 2),
        at(0),
        at(ratios.len().saturating_sub(1)),
    )
}

/// A line of JSON must have members with these names.
#[cfg(test)]
fn assert_names(line: &str, promised: &[&str]) {
    let read: serde_json::Value = serde_json::from_str(line).unwrap();
    for name in promised {
        assert!(read.get(name).is_some(), "{name} in {line}");
    }
    assert!(!line.contains('\n'));
}
