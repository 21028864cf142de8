//! Faults that a seed repeats.

use sandbox_custodian::domain::{FaultSettings, Faults};

const ATTEMPTS: usize = 1_000;

fn failures(seed: u64, request: &str) -> Vec<usize> {
    let mut faults = Faults::new(FaultSettings {
        seed,
        failures_per_mille: 100,
    });
    // Another request in between makes no difference.
    (0..ATTEMPTS)
        .filter(|_| {
            faults.next_attempt("another");
            faults.next_attempt(request).is_some()
        })
        .collect()
}

#[test]
fn one_call_in_ten_fails_and_the_same_seed_fails_the_same_ones() {
    let found = failures(1, "read/1");

    assert!(
        (60..140).contains(&found.len()),
        "{} of {ATTEMPTS}",
        found.len()
    );
    assert_eq!(found, failures(1, "read/1"));
    assert_ne!(found, failures(2, "read/1"));
    assert_ne!(found, failures(1, "read/2"));
}

#[test]
fn nothing_fails_when_nothing_is_planted() {
    let mut faults = Faults::default();

    assert!((0..ATTEMPTS).all(|_| faults.next_attempt("read/1").is_none()));
}
