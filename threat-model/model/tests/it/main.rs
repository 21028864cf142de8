//! The model holds over its whole state space, and would see each of the faults.

use vote_model::{Explored, Fault, Pipeline, Scenario, explore};

fn explored(fault: Fault) -> Explored {
    let scenario = Scenario::narrow();
    explore(Pipeline { scenario, fault })
}

fn names(found: &Explored) -> Vec<&'static str> {
    found.broken.iter().map(|(name, _)| *name).collect()
}

#[test]
fn every_state_of_the_pipeline_keeps_its_promises() {
    let found = explored(Fault::None);

    println!("{} states, depth {}", found.states, found.depth);
    assert_eq!(found.broken, Vec::new());
    assert!(found.works, "no run counts every token");
    assert!(
        found.states > 100_000,
        "{} states are not the whole",
        found.states
    );
}

#[test]
fn publishing_before_redeeming_is_found() {
    let found = explored(Fault::PublishBeforeRedeem);

    assert_eq!(names(&found), ["no event without redemption"]);
}

#[test]
fn an_offset_that_is_committed_apart_is_found() {
    let found = explored(Fault::OffsetsApart);

    assert_eq!(names(&found), ["no token is counted twice"]);
}

#[test]
fn a_replay_that_is_decided_per_token_is_found() {
    let found = explored(Fault::ReplayPerToken);

    assert!(!found.broken.is_empty());
}

#[test]
fn serial_numbers_that_are_given_at_insert_are_found() {
    let found = explored(Fault::SerialAtInsert);

    assert_eq!(names(&found), ["no accepted vote is lost"]);
}

#[test]
fn a_publisher_that_is_not_shut_out_is_found() {
    let found = explored(Fault::NoFencing);

    assert_eq!(names(&found), ["no token is counted twice"]);
}

#[test]
fn clients_with_no_token_or_with_too_many_are_refused() {
    for text in ["", "0", "3", "2,2,1", "2,,1", "a"] {
        assert!(text.parse::<Scenario>().is_err(), "{text}");
    }
    assert!("2,2".parse::<Scenario>().is_ok());
}
